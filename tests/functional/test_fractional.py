"""The fractional neuron against its equations in float64: spikes, membranes, and every gradient."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor
from grillyx.ops.fractional import Response

MODES = np.float32([0.2, 0.7, 0.93]).astype(np.float64)


def responses(steps, alpha, *, leak=True, memory=None, modes=False, start=True):
    """A made-up memory and its derivative after alpha: weights that fall with the lag, and what is left of a jump."""
    m = np.arange(steps + 1)
    a = np.array([0.3, 0.2, 0.05 + 0.1 * alpha])
    d = np.array([0.5, 0.2, 0.1 * alpha])
    drive, fade = (MODES ** m[:, None]) @ a, (MODES ** m[:, None]) @ d
    slopes = [0.1 * MODES[2] ** m, 0.1 * MODES[2] ** m]
    if not modes:
        drive = 0.4 * (m + 1.0) ** (-alpha)
        slopes[0] = -np.log(m + 1.0) * drive
    n = steps + 1 if memory is None else memory  # a jump at the very start is steps old at the end
    initial, kick = (m + 1.0) ** (-0.5 * alpha), 0.1 * alpha / (m + 2.0)
    main = Response(
        drive[:n], fade[:n] if leak else np.zeros(0), 0.2 * alpha if memory or not leak else 0.0, initial if start else None,
        kick if start else None, (MODES, a, d) if modes else None,
    )  # fmt: skip
    slope = Response(
        slopes[0][:n], slopes[1][:n] if leak else np.zeros(0), 0.2 if memory or not leak else 0.0,
        -0.5 * np.log(m + 1.0) * initial if start else None, 0.1 / (m + 2.0) if start else None,
        (MODES, np.array([0, 0, 0.1]), np.array([0, 0, 0.1])) if modes else None,
    )  # fmt: skip
    return main, slope


def reference(x, v0, r, *, reset=None, substep=False, soft=None, noise=None, threshold=1.0, parts=None):
    """Spikes and membranes by the equations. `soft` is a width: spikes are then logistic functions. `parts` are kept crossings."""
    steps = len(x)
    drive, fade = (np.append(t, np.zeros(steps + 1)) for t in (r.drive, r.fade))
    zeros = np.zeros(steps + 1)
    initial, kick = (zeros if t is None else t for t in (r.initial, r.kick))
    late, early = np.zeros((steps + 2, *x.shape[1:])), np.zeros((steps + 2, *x.shape[1:]))
    v, s_all, v_all, kept = v0, [], [], []
    for k in range(1, steps + 1):
        z = initial[k] * v0 + kick[k] * x[0] + sum(drive[k - j] * x[j - 1] for j in range(1, k + 1))
        for i in range(1, k):
            z = z - (r.level + fade[k - i]) * late[i] - (r.level + fade[k - i + 1]) * early[i]
        if soft is None:
            s = (z >= threshold).astype(float)
        else:
            s = 1.0 / (1.0 + np.exp(-(np.clip((z - threshold) / soft, -5, 5) + noise[k - 1]) / 0.7))
        jump = s * (threshold if reset is None else z - reset)
        part = np.zeros_like(z)
        if substep:
            part = s * np.clip((z - threshold) / np.maximum(z - v, 1e-9), 0, 1) if parts is None else parts[k - 1]
        kept.append(part)
        late[k], early[k] = jump * (1 - part), jump * part
        v = z - late[k] - (r.level + fade[1]) * early[k]
        s_all.append(s)
        v_all.append(v)
    return np.array(s_all), np.array(v_all), np.array(kept)


LAYOUTS = {
    "full": {}, "truncated": {"memory": 5}, "no leak": {"leak": False}, "modes": {"modes": True}, "from rest": {"start": False},
    "modes and a level": {"modes": True, "memory": 10_000},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("reset", [None, -0.25])
@pytest.mark.parametrize("substep", [False, True])
@pytest.mark.parametrize("shape", [(1, 3), (45, 4)])
def test_spikes_and_membranes(monkeypatch, poisoned, layout, reset, substep, shape):
    monkeypatch.setattr("grillyx.ops.fractional_blocks.BLOCK", 16)
    monkeypatch.setattr("grillyx.ops.fractional_modes.LONGEST_LOOP", 10)
    rng = np.random.default_rng(sum(shape))
    r, _ = responses(shape[0], 0.8, **LAYOUTS[layout])
    x, v0 = rng.normal(0.9, 0.8, shape), rng.normal(0.0, 0.5, shape[1:])
    s, v, _ = reference(x, v0, r, reset=reset, substep=substep)
    got = F.fractional_neuron(x, v0, response=r, v_reset=reset, substep=substep, store_v_seq=True)
    np.testing.assert_array_equal(got[0].numpy(), s)
    np.testing.assert_allclose(got[1].numpy(), v, atol=2e-5, rtol=1e-5)
    assert s.any() or shape[0] == 1
    if layout == "full" and not substep:
        assert F.fractional_neuron(x, v0, response=r, v_reset=reset, substep=substep)[1] is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("reset", [None, -0.25])
@pytest.mark.parametrize("shape", [(21, 2, 3), (48, 4)])
def test_every_gradient_of_soft_spikes(monkeypatch, poisoned, layout, reset, shape):
    monkeypatch.setattr("grillyx.ops.fractional_blocks.BLOCK", 16)
    monkeypatch.setattr("grillyx.ops.fractional_modes.LONGEST_LOOP", 10)
    rng = np.random.default_rng(sum(shape))
    x, v0 = rng.normal(0.9, 0.8, shape), rng.normal(0.0, 0.5, shape[1:])
    noise = rng.logistic(size=shape)
    gs, gv = rng.normal(size=shape), rng.normal(size=shape)
    options = LAYOUTS[layout]

    def loss(x, v0, alpha):
        r, _ = responses(shape[0], float(alpha[0]), **options)
        s, v, _ = reference(x, v0, r, reset=reset, soft=0.5, noise=noise)
        return np.sum(gs * s + gv * v)

    r, slope = responses(shape[0], 0.8, **options)
    tensors = [Tensor(a, requires_grad=True) for a in (x, v0, [0.8])]
    s, v = F.fractional_neuron(
        tensors[0], tensors[1], response=r, parameters=[tensors[2]], slopes=[[slope]], v_reset=reset, spikes="soft",
        substep=False, width=0.5, temperature=0.7, clip=5.0, noise=noise, store_v_seq=True,
    )  # fmt: skip
    (F.sum(s * gs) + F.sum(v * gv)).backward()
    arrays = [x, v0, np.array([0.8])]
    for k, t in enumerate(tensors):
        assert t.grad is not None
        want = np.zeros(arrays[k].shape)
        for at in np.ndindex(want.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = [a.copy() for a in arrays]
                moved[k][at] += sign * 1e-5
                ends.append(loss(*moved))
            want[at] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(t.grad.numpy(), want, rtol=2e-4, atol=2e-5 * max(1.0, np.abs(want).max()))
