"""STDPLearner: against loops in float64 and numbers of SpikingJelly, in both step modes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, learning, nn, optim
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device
from grillyx.ops import learning as learning_ops
from tests.helpers import same, skip_where_copies_count
from tests.learning.reference import stdp

DATA = Path(__file__).parent.parent / "data"
CASES = json.loads((DATA / "learning.json").read_text())
FACTORS = {
    "w": lambda w: w,
    "clip": lambda w: w.clip(-0.2, 0.2),
    "one": lambda w: 1.0,
    "soft": lambda w: 1.0 - w,
}


class Given(nn.Module):
    """A neuron that fires what it is told."""

    def forward(self, spikes: Any) -> Any:
        return F.astype(spikes, np.float32)


def spikes(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.float32)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def layer_of(case: dict[str, Any], w: np.ndarray) -> nn.Module:
    cls = getattr(nn, case["kind"])
    net = cls(w.shape[1], w.shape[0], bias=False, **case.get("options", {}))
    net.weight.copy_(w)
    return net


def call(net: nn.Module, sn: nn.Module, pre: np.ndarray, post: np.ndarray) -> None:
    """Call layer and neuron with a step, or a sequence, which a convolution sees as (T N, *)."""
    (nn.SeqToANNContainer(net) if pre.ndim > net.weight.ndim and net.weight.ndim > 2 else net)(pre)  # type: ignore[union-attr, operator]
    sn(post)


@pytest.mark.parametrize("k", [k for k, case in enumerate(CASES) if case["rule"] == "STDPLearner"])
def test_numbers_of_spikingjelly(k: int) -> None:
    case, data = CASES[k], np.load(DATA / "learning.npz")
    w, pre, post, want = (data[f"{k}.{name}"] for name in ("w", "pre", "post", "dw"))
    net, sn = layer_of(case, w), Given()
    f_pre, f_post = (FACTORS[name] for name in case["fs"])
    learner = learning.STDPLearner(case["mode"], net, sn, *case["args"], f_pre, f_post)  # type: ignore[arg-type]
    for a, b, change in zip(pre, post, want, strict=True):
        if case["mode"] == "m":
            call(net, sn, a, b)
        else:
            for steps in zip(a, b, strict=True):
                call(net, sn, *steps)
        got = learner.step(on_grad=False, scale=case["scale"])
        np.testing.assert_allclose(got.numpy(), change, 1e-5, 1e-5)  # type: ignore[union-attr]
        assert net.weight.grad is None
    np.testing.assert_allclose(learner.trace_pre.numpy(), padded(data[f"{k}.trace_pre"], case), 1e-5)
    np.testing.assert_allclose(learner.trace_post.numpy(), data[f"{k}.trace_post"], 1e-5)


def padded(trace: np.ndarray, case: dict[str, Any]) -> np.ndarray:
    """SpikingJelly keeps the trace of the padded input."""
    border = case.get("options", {}).get("padding", [])
    lead = trace.ndim - len(border)
    return trace[(slice(None),) * lead + tuple(slice(n, size - n) for n, size in zip(border, trace.shape[lead:]))]  # noqa: B905


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1}, {"dilation": (2, 1), "groups": 2, "padding": (0, 2)}]
)
def test_convolutions(mode: str, options: dict[str, Any]) -> None:
    """Groups and dilations too, which SpikingJelly refuses."""
    net, sn = nn.Conv2d(4, 6, (3, 2), **options), Given()
    pre = spikes(5, 2, 4, 6, 5)
    post = spikes(5, 2, *net(pre[0]).shape[1:], seed=1)  # type: ignore[misc]
    learner = learning.STDPLearner(mode, net, sn, 2.0, 3.0, FACTORS["soft"], FACTORS["clip"])
    for a, b in [(pre, post)] if mode == "m" else zip(pre, post, strict=True):
        call(net, sn, a, b)
    places = {name: getattr(net, name) for name in ("stride", "padding", "dilation", "groups")}
    want, traces = stdp(
        net.weight.numpy().astype(float), pre, post, (2.0, 3.0), FACTORS["soft"], FACTORS["clip"], places
    )
    same(learner.step(on_grad=False), want, 1e-5, 1e-4)
    same(learner.trace_pre, traces[0])
    same(learner.trace_post, traces[1])


@pytest.mark.parametrize("steps", [1, 2, 33])
@pytest.mark.parametrize("contained", [False, True])
def test_linear_sequences(steps: int, contained: bool) -> None:
    net, sn = nn.Linear(5, 3), Given()
    pre, post = spikes(steps, 2, 5), spikes(steps, 2, 3, seed=1)
    learner = learning.STDPLearner("m", net, sn, 1.0, 7.0)
    (nn.SeqToANNContainer(net) if contained else net)(pre)
    sn(post)
    want, _ = stdp(net.weight.numpy().astype(float), pre, post, (1.0, 7.0), FACTORS["w"], FACTORS["w"])
    same(learner.step(on_grad=False), want, 1e-5, 1e-5)


def test_step_modes_learn_alike_and_traces_go_on() -> None:
    pre, post, changes = spikes(6, 2, 5), spikes(6, 2, 3, seed=1), []
    for parts in ([6], [2, 3, 1]):
        for mode in ("m", "s"):
            net, sn = nn.Linear(5, 3), Given()
            net.weight.copy_(weights(3, 5))
            learner, total, at = learning.STDPLearner(mode, net, sn, 3.0, 3.0), 0.0, 0
            for n in parts:
                pair = pre[at : at + n], post[at : at + n]
                for a, b in [pair] if mode == "m" else zip(*pair, strict=True):
                    call(net, sn, a, b)
                at += n
                total += learner.step(on_grad=False).numpy()  # type: ignore[union-attr]
            changes.append(total)
    for other in changes[1:]:
        np.testing.assert_allclose(other, changes[0], 1e-5, 1e-6)
    # several sequences between two steps are one after the other
    net, sn = nn.Linear(5, 3), Given()
    net.weight.copy_(weights(3, 5))
    learner = learning.STDPLearner("m", net, sn, 3.0, 3.0)
    call(net, sn, pre[:4], post[:4])
    call(net, sn, pre[4:], post[4:])
    np.testing.assert_allclose(learner.step(on_grad=False).numpy(), changes[0], 1e-5, 1e-6)  # type: ignore[union-attr]


def test_the_change_goes_into_the_gradient() -> None:
    net, sn = nn.Linear(5, 3, bias=False), Given()
    net.weight.copy_(weights(3, 5))
    learner = learning.STDPLearner("m", net, sn, 2.0, 2.0)
    pre, post = spikes(4, 2, 5), spikes(4, 2, 3, seed=1)
    want, _ = stdp(weights(3, 5).astype(float), pre, post, (2.0, 2.0), FACTORS["w"], FACTORS["w"])
    for scale in (1.0, 0.25):
        learner.reset()
        call(net, sn, pre, post)
        assert learner.step(scale=scale) is None
    same(net.weight.grad, -1.25 * want, 1e-5, 1e-5)  # added to what was there
    optim.SGD(net.parameters(), lr=0.1).step()
    same(net.weight, weights(3, 5) + 0.125 * want, 1e-5, 1e-5)


def test_a_spike_before_makes_the_weight_grow_and_one_after_lets_it_shrink() -> None:
    for first, sign in (("pre", 1.0), ("post", -1.0)):
        net, sn = nn.Linear(1, 1), Given()
        learner = learning.STDPLearner("m", net, sn, 2.0, 2.0, lambda w: 1.0, lambda w: 1.0)
        early, late = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
        call(net, sn, *((early, late) if first == "pre" else (late, early)))
        same(learner.step(on_grad=False), np.array([[0.5 * sign]]))


def test_reset_enable_disable_and_close() -> None:
    net, sn = nn.Linear(5, 3), Given()
    learner = learning.STDPLearner("s", net, sn, 2.0, 2.0, FACTORS["one"], FACTORS["soft"])
    assert learner.step() is None
    pre, post = spikes(2, 5), spikes(2, 3, seed=1)
    call(net, sn, pre, post)
    learner.disable()
    call(net, sn, pre, post)
    first = learner.step(on_grad=False)
    w = net.weight.numpy().astype(float)
    same(first, stdp(w, pre[None], post[None], (2.0, 2.0), FACTORS["one"], FACTORS["soft"])[0], 1e-5, 1e-5)
    assert np.abs(first.numpy()).max() > 0.0  # type: ignore[union-attr]
    call(net, sn, pre, post)
    assert learner.step(on_grad=False) is None
    learner.enable()
    call(net, sn, pre, post)
    again = learner.step(on_grad=False)
    assert not np.allclose(again.numpy(), first.numpy())  # the traces went on
    call(net, sn, pre, post)
    F.reset_net(learner)
    assert learner.trace_pre is None
    assert learner.step(on_grad=False) is None  # what was recorded is gone too
    call(net, sn, pre, post)
    same(learner.step(on_grad=False), first.numpy())  # type: ignore[union-attr]
    learner.close()
    assert not net._hooks
    assert not sn._hooks
    learner.close()
    for refused in (learner.step, learner.enable):
        with pytest.raises(RuntimeError, match="is closed"):
            refused()


def test_learning_leaves_no_history() -> None:
    net, sn = nn.Linear(5, 3), nn.IFNode(step_mode="m")
    learner = learning.STDPLearner("m", net, sn, 2.0, 2.0)
    x = Tensor(spikes(4, 2, 5), requires_grad=True)
    sn(net(x))
    change = learner.step(on_grad=False)
    assert not change.requires_grad
    assert not learner.trace_pre.requires_grad


def test_a_model_of_layers() -> None:
    """Hooks of a real model, with a convolution inside a container and a neuron in step mode 'm'."""
    net = nn.Sequential(nn.SeqToANNContainer(nn.Conv2d(1, 2, 3, padding=1), nn.Identity()), nn.IFNode(step_mode="m"))
    conv = net[0][0]
    learner = learning.STDPLearner("m", conv, net[1], 2.0, 2.0, lambda w: 1.0, lambda w: 1.0)
    x = spikes(4, 2, 1, 5, 5)
    out = net(x)
    assert 0.0 < out.numpy().mean() < 1.0
    places = {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups")}
    want, _ = stdp(conv.weight.numpy(), x, out.numpy(), (2.0, 2.0), FACTORS["one"], FACTORS["one"], places)
    same(learner.step(on_grad=False), want, 1e-5, 1e-4)


def test_a_sequence_takes_few_dispatches(no_garbage: None) -> None:
    skip_where_copies_count()
    counts = []
    for steps in (4, 40):
        net, sn = nn.Linear(5, 3), Given()
        learner = learning.STDPLearner("m", net, sn, 2.0, 2.0)
        call(net, sn, spikes(steps, 2, 5), spikes(steps, 2, 3, seed=1))
        current_device().synchronize()
        before = counters()["dispatches"]
        learner.step(on_grad=False).numpy()  # type: ignore[union-attr]
        counts.append(counters()["dispatches"] - before)
    assert counts[0] == counts[1] <= 9


def test_traces(poisoned: None) -> None:
    for shape in ((1,), (5,), (4, 3), (7, 2, 3), (3, 0), (0, 3)):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        start = np.random.default_rng(1).normal(size=shape[1:]).astype(np.float32)
        y, pullback = learning_ops.traces(Tensor(x).array, Tensor(start).array, decay=0.9)
        want, last = np.zeros(shape), start.astype(float)
        for t in range(shape[0]):
            want[t] = last = x[t] + 0.9 * last
        same(Tensor(y), want, 1e-5, 1e-5)
        assert pullback is None


def test_long_traces_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_ops, "LONGEST_LOOP", 3)
    x = np.ones((8, 2), np.float32)
    y, _ = learning_ops.traces(Tensor(x).array, Tensor(np.full(2, 4.0)).array, decay=0.5)
    want = np.array([2.0 + 2.0 * 0.5 ** (t + 1) for t in range(8)])
    same(Tensor(y), np.repeat(want[:, None], 2, 1))


def test_bad_arguments() -> None:
    linear, sn = nn.Linear(5, 3), nn.IFNode()
    make = learning.STDPLearner
    with pytest.raises(ValueError, match="unknown step_mode, got 'x'"):
        make("x", linear, sn, 2.0, 2.0)
    with pytest.raises(TypeError, match="one of Linear, Conv1d, Conv2d, got IFNode"):
        make("s", sn, sn, 2.0, 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sn must be a module"):
        make("s", linear, None, 2.0, 2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tau_post is at least 1 time steps, got 0.5"):
        make("s", linear, sn, 2.0, 0.5)
    with pytest.raises(TypeError, match="f_post must be a function of the weight, got 1.0"):
        make("s", linear, sn, 2.0, 2.0, f_post=1.0)  # type: ignore[arg-type]
    assert not linear._hooks


def test_calls_that_do_not_fit_change_nothing() -> None:
    net, sn = nn.Linear(5, 3), Given()
    learner = learning.STDPLearner("s", net, sn, 2.0, 2.0)
    net(spikes(2, 5))
    with pytest.raises(RuntimeError, match="called 1 times and the neuron 0 times"):
        learner.step()
    sn(spikes(2, 4))
    with pytest.raises(ValueError, match=r"got \(2, 5\) before and \(2, 4\) behind it; expected \(N, 5\) and \(N, 3\)"):
        learner.step()
    assert learner.trace_pre is None
    learner.reset()
    call(net, sn, spikes(2, 5), spikes(2, 3))
    call(net, sn, spikes(4, 5), spikes(4, 3))
    with pytest.raises(ValueError, match="calls since the last step had other shapes"):
        learner.step()
    learner.reset()
    call(net, sn, spikes(2, 5), spikes(2, 3))
    learner.step()
    call(net, sn, spikes(4, 5), spikes(4, 3))
    with pytest.raises(ValueError, match=r"do not fit the traces, got \(4, 5\) a step; expected \(2, 5\)"):
        learner.step()
    learner.reset()
    call(net, sn, spikes(2, 5), spikes(2, 3))
    learner.f_pre = lambda w: np.ones((2, 3, 5))
    with pytest.raises(ValueError, match="f_pre returned the wrong shape"):
        learner.step()
    with pytest.raises(TypeError, match="scale must be a number"):
        learner.step(scale="x")  # type: ignore[arg-type]
    image, conv = spikes(1, 2, 5, 5), nn.Conv2d(2, 3, 3)
    other = learning.STDPLearner("s", conv, sn, 2.0, 2.0)
    call(conv, sn, image, spikes(1, 3, 5, 5))
    with pytest.raises(ValueError, match=r"expected \(N, 2, H, W\) and \(N, 3, H, W\)"):
        other.step()


def test_spikes_that_are_changed_after_the_call_are_found() -> None:
    net = nn.Sequential(nn.Linear(3, 2, bias=False), nn.IFNode())
    learner = learning.STDPLearner("s", net[0], net[1], 2.0, 2.0)
    x = Tensor(np.ones((1, 3)))
    net(x)
    x.copy_(np.zeros((1, 3)))
    net(x)
    with pytest.raises(RuntimeError, match="changed in place"):
        learner.step()
    learner.reset()
    for value in (1.0, 0.0):
        x.copy_(np.full((1, 3), value))
        net(x)
        learner.step()
