"""F.lif_step and F.if_step: the rules of a neuron as pure functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.reference import Neuron


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 1.0, shape).astype(np.float32)


@given(
    st.sampled_from([None, 0, 0.0, -0.25]), st.sampled_from([1, 2, 2.0, 7.5]), st.sampled_from([1, 0.5]), st.booleans(),
    st.booleans(), st.sampled_from([(), (1,), (5,), (3, 0), (2, 4), (3, 1, 5)]), st.integers(0, 2**31),
)  # fmt: skip
def test_lif_step_and_its_gradient(
    poisoned: None, v_reset: float | None, tau: float, threshold: float, decay: bool, detach: bool,
    shape: tuple[int, ...],
    seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    rules = Neuron(1 / tau, decay, threshold, v_reset, detach)
    x, v, gs, gv = (rng.normal(0.3, 1.0, shape).astype(np.float32) for _ in range(4))
    s_want, v_want, h = rules.forward(x[None].astype(np.float64), v)
    if rules.margin(h) < 1e-5:
        return
    xt, vt = Tensor(x, requires_grad=True), Tensor(v, requires_grad=True)
    s, new = F.lif_step(xt, vt, tau=tau, v_threshold=threshold, v_reset=v_reset, decay_input=decay, detach_reset=detach)
    np.testing.assert_array_equal(s.numpy(), s_want[0])
    np.testing.assert_allclose(new.numpy(), v_want[0], 1e-5, 1e-6)
    ((s * gs).sum() + (new * gv).sum()).backward()
    gx, gv0, _ = rules.backward(x[None].astype(np.float64), gs[None], gv[None], v)
    np.testing.assert_allclose(xt.grad.numpy(), gx[0], 1e-5, 1e-5)
    np.testing.assert_allclose(vt.grad.numpy(), gv0, 1e-5, 1e-5)


@pytest.mark.parametrize("v_reset", [0.0, None, -0.5])
def test_if_step(v_reset: float | None) -> None:
    x, v = normal(3, 4), normal(3, 4, seed=1)
    s_want, v_want, _ = Neuron(None, v_threshold=0.75, v_reset=v_reset).forward(x[None].astype(np.float64), v)
    s, new = F.if_step(x, v, 0.75, v_reset)
    np.testing.assert_array_equal(s.numpy(), s_want[0])
    np.testing.assert_allclose(new.numpy(), v_want[0], 1e-5, 1e-6)


def test_decay_input_is_the_default() -> None:
    """Unlike LIFNode, as in the functions of grilly."""
    s, v = F.lif_step(np.array([1.0, 2.0]), np.zeros(2))
    np.testing.assert_array_equal(v.numpy(), [0.5, 0.0])
    np.testing.assert_array_equal(s.numpy(), [0, 1])


def test_a_loop_over_a_numpy_state_of_integers() -> None:
    """The state starts as a NumPy array, of integers too, and comes back as a tensor that goes in again."""
    currents = np.random.default_rng(0).integers(-1, 4, (12, 9))
    for dtype in (np.float32, np.float64, np.int32, np.int64, np.uint8):
        v, counts = np.full(9, 1, dtype), []
        for x in currents:
            spike, v = F.lif_step(x.astype(dtype), v, tau=2, v_threshold=1, v_reset=0)
            counts.append(int(spike.sum()))
        start = np.ones(9)
        s, last, _ = Neuron(0.5, True).forward(currents.astype(dtype).astype(np.float64), start)
        assert counts == s.sum(1).tolist()
        np.testing.assert_allclose(v.numpy(), last[-1], 1e-6)


def test_shapes_broadcast() -> None:
    x = normal(3, 1, 4)
    for v in (0.25, np.float32(0.25), np.zeros(4), normal(2, 1), normal(3, 2, 4)):
        spike, new = F.lif_step(x, v, tau=4)
        shape = np.broadcast_shapes(x.shape, np.shape(v))
        want, v_want, _ = Neuron(0.25, True).forward(
            np.broadcast_to(x, shape)[None].astype(np.float64), np.broadcast_to(v, shape)
        )
        np.testing.assert_array_equal(spike.numpy(), want[0])
        np.testing.assert_allclose(new.numpy(), v_want[0], 1e-5, 1e-6)
    with pytest.raises(ValueError, match=r"lif_step: the shapes do not fit together, got \(3, 1, 4\) and \(5,\)"):
        F.lif_step(x, np.zeros(5))


def test_gradients_flow_through_a_loop() -> None:
    x, g = normal(6, 5), normal(6, 5, seed=1)
    v, spikes, inputs = 0.0, [], [Tensor(row, requires_grad=True) for row in x]
    for row in inputs:
        s, v = F.lif_step(row, v, tau=3.0, v_reset=None, surrogate_function=nn.Sigmoid(4.0))
        spikes.append(s)
    (F.stack(spikes) * g).sum().backward()
    rules = Neuron(1 / 3, True, v_reset=None, surrogate="Sigmoid", alpha=4.0)
    gx, _, _ = rules.backward(x.astype(np.float64), g, np.zeros_like(g))
    np.testing.assert_allclose(np.stack([row.grad.numpy() for row in inputs]), gx, 1e-5, 1e-5)


def test_errors() -> None:
    x = np.ones(3)
    for tau in (0.5, 0, -1.0):
        with pytest.raises(ValueError, match=f"lif_step: tau is too small, got {tau}; expected at least 1"):
            F.lif_step(x, x, tau=tau)
    with pytest.raises(ValueError, match="lif_step: tau must be finite, got nan"):
        F.lif_step(x, x, tau=float("nan"))
    for step in (F.lif_step, F.if_step):
        with pytest.raises(ValueError, match="v_threshold must be finite, got nan"):
            step(x, x, v_threshold=float("nan"))
        with pytest.raises(ValueError, match="v_reset must be finite, got inf"):
            step(x, x, v_reset=float("inf"))
        for wrong in (nn.ATan, "ATan", abs):
            with pytest.raises(TypeError, match=r"surrogate_function must be a SurrogateFunction such as nn.ATan\(\)"):
                step(x, x, surrogate_function=wrong)


def test_multi_step_neuron_checks_its_arguments() -> None:
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"LIF: a multi-step neuron needs a time axis.*\(0, 3\)"):
        F.multi_step_neuron(x[:0])
    with pytest.raises(ValueError, match=r"LIF: the membrane has the wrong shape, got \(4,\); expected \(3,\)"):
        F.multi_step_neuron(x, np.zeros(4))
    for change, message in (
        ({"kind": "QIF"}, "unknown kind, got 'QIF'"),
        ({"tau": 0.0}, "tau is too small, got 0.0"),
        ({"tau": float("nan")}, "tau must be finite"),
        ({"v_threshold": float("nan")}, "v_threshold must be finite"),
        ({"v_reset": float("nan")}, "v_reset must be finite"),
        ({"kind": "PLIF"}, "PLIF: w is needed"),
        ({"kind": "PLIF", "w": np.zeros(3)}, r"PLIF: w is needed.*\(3,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            F.multi_step_neuron(x, **change)
