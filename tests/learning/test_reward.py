"""MSTDPLearner and MSTDPETLearner: against loops in float64, and numbers of SpikingJelly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import learning, nn
from tests.helpers import same
from tests.learning.reference import rewarded
from tests.learning.test_stdp import CASES, DATA, FACTORS, Given, call, layer_of, spikes, weights

SOFT, CLIP = FACTORS["soft"], FACTORS["clip"]


@pytest.mark.parametrize("k", [k for k, case in enumerate(CASES) if case["rule"] != "STDPLearner"])
@pytest.mark.parametrize("mode", ["s", "m"])
def test_numbers_of_spikingjelly(k: int, mode: str) -> None:
    case, data = CASES[k], np.load(DATA / "learning.npz")
    w, pre, post, reward, want = (data[f"{k}.{name}"] for name in ("w", "pre", "post", "reward", "dw"))
    net, sn = layer_of(case, w), Given()
    learner = getattr(learning, case["rule"])(mode, net, sn, *case["args"], *(FACTORS[name] for name in case["fs"]))
    got = []
    for a, b, r in zip(pre, post, reward, strict=True):
        if mode == "m":
            call(net, sn, a, b)
            got.append(learner.step(r, on_grad=False, scale=case["scale"]).numpy())
            continue
        for step, value in zip(zip(a, b, strict=True), r, strict=True):
            call(net, sn, *step)
            got.append(learner.step(value, on_grad=False, scale=case["scale"]).numpy())
    want = want.reshape(2, -1, *w.shape).sum(1) if mode == "m" else want
    np.testing.assert_allclose(got, want, 1e-4, 1e-5)
    for name in ("trace_pre", "trace_post", "eligibility", "trace_e"):
        if f"{k}.{name}" in data:
            np.testing.assert_allclose(getattr(learner, name).numpy(), data[f"{k}.{name}"], 1e-4, 1e-6)


@pytest.mark.parametrize("shape", [(), (7,), (7, 3)])
def test_mstdp_sequences(shape: tuple[int, ...]) -> None:
    net, sn = nn.Linear(5, 4), Given()
    pre, post = spikes(7, 3, 5), spikes(7, 3, 4, seed=1)
    reward = np.random.default_rng(2).normal(size=shape)
    learner = learning.MSTDPLearner("m", net, sn, 0.7, 3.0, SOFT, CLIP)
    call(net, sn, pre, post)
    full = np.broadcast_to(reward[:, None] if len(shape) == 1 else reward, (7, 3))
    changes, e, _ = rewarded(net.weight.numpy().astype(float), pre, post, (0.7, 3.0), SOFT, CLIP, full)
    same(learner.step(reward, on_grad=False), changes.sum(0), 1e-5, 1e-5)
    same(learner.eligibility, e, 1e-5, 1e-6)


@pytest.mark.parametrize("parts", [[9], [1, 1, 7], [4, 5]])
def test_mstdpet_sequences(parts: list[int]) -> None:
    net, sn = nn.Linear(5, 4), Given()
    pre, post = spikes(9, 5), spikes(9, 4, seed=1)
    reward = np.random.default_rng(2).normal(size=9)
    learner, at = learning.MSTDPETLearner("m", net, sn, 2.0, 3.0, 4.0, SOFT, CLIP), 0
    w = net.weight.numpy().astype(float)
    changes, e, trace = rewarded(w, pre[:, None], post[:, None], (2.0, 3.0, 4.0), SOFT, CLIP, reward[:, None])
    for n in parts:
        call(net, sn, pre[at : at + n], post[at : at + n])
        got = learner.step(reward[at : at + n] if n > 1 else reward[at], on_grad=False)
        same(got, changes[at : at + n].sum(0), 1e-5, 1e-5)
        at += n
    same(learner.eligibility, e[0], 1e-5, 1e-6)
    same(learner.trace_e, trace[0], 1e-5, 1e-6)


@pytest.mark.parametrize(("cls", "more"), [(learning.MSTDPLearner, ()), (learning.MSTDPETLearner, (4.0,))])
def test_the_gradient_and_reset(cls: Any, more: tuple[float, ...]) -> None:
    net, sn = nn.Linear(5, 4, bias=False), Given()
    net.weight.copy_(weights(4, 5))
    lead = () if more else (2,)
    learner = cls("s", net, sn, 2.0, 3.0, *more)
    assert learner.step(1.0) is None
    pre, post = spikes(2, *lead, 5), spikes(2, *lead, 4, seed=1)
    changes, _, _ = rewarded(
        weights(4, 5).astype(float), pre.reshape(2, -1, 5), post.reshape(2, -1, 4), (2.0, 3.0, *more), FACTORS["w"],
        FACTORS["w"], np.full((2, 1 if more else 2), 0.5),
    )  # fmt: skip
    for _ in range(2):
        net.zero_grad()
        for step in zip(pre, post, strict=True):
            call(net, sn, *step)
            assert learner.step(0.5) is None
        same(net.weight.grad, -changes.sum(0), 1e-5, 1e-6)
        F.reset_net(learner)
        assert learner.eligibility is None


def test_bad_arguments() -> None:
    net, sn = nn.Linear(5, 4), Given()
    with pytest.raises(TypeError, match="one of Linear, got Conv2d"):
        learning.MSTDPLearner("s", nn.Conv2d(1, 1, 3), sn, 2.0, 2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tau_pre is above 0 time steps, got 0.0"):
        learning.MSTDPLearner("s", net, sn, 0.0, 2.0)
    with pytest.raises(ValueError, match="tau_trace is above 0 time steps, got -1.0"):
        learning.MSTDPETLearner("s", net, sn, 2.0, 2.0, -1.0)
    learner = learning.MSTDPLearner("s", nn.Linear(5, 4), sn, 2.0, 2.0)
    call(learner.synapse, sn, spikes(2, 5), spikes(2, 4))
    with pytest.raises(ValueError, match=r"the reward has the wrong shape, got \(3,\); expected \(\) or \(2,\)"):
        learner.step(np.ones(3))
    call(learner.synapse, sn, spikes(2, 5), spikes(2, 4))
    with pytest.raises(RuntimeError, match="got 2 calls of the synapse"):
        learner.step(1.0)
    flat = learning.MSTDPETLearner("m", nn.Linear(5, 4), sn, 2.0, 2.0, 2.0)
    call(flat.synapse, sn, spikes(3, 2, 5), spikes(3, 2, 4))
    with pytest.raises(ValueError, match=r"expected \(T, 5\) and \(T, 4\)"):
        flat.step(1.0)
