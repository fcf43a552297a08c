"""Normalisation in spiking networks: against NumPy in float64, and beside numbers that SpikingJelly computed."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from grillyx.ops import batch_norm as norm
from tests.helpers import check, same, skip_where_copies_count

POISONED = pytest.mark.usefixtures("poisoned")
DATA = Path(__file__).parent.parent / "data"
CASES = json.loads((DATA / "spiking_norms.json").read_text())
ARRAYS = np.load(DATA / "spiking_norms.npz")
T, EPS = 4, 1e-5


def arrays(k: int) -> dict[str, Any]:
    return {name.split(".", 1)[1]: ARRAYS[name] for name in ARRAYS.files if name.startswith(f"{k}.")}


def made(case: dict[str, Any]) -> Any:
    options = dict(case["options"])
    if "neuron" in options:
        options |= {
            "spiking_neuron": getattr(nn, options.pop("neuron")),
            "surrogate_function": nn.surrogate.Sigmoid(4.0),
        }
    return getattr(nn, case["layer"])(*case["args"], **options)


def stacked(named: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Values with this prefix; those of the steps of a BNTT as one array."""
    own = {k[2:]: v for k, v in named.items() if k.startswith(prefix)}
    names = {k.split(".", 2)[2] for k in own if k.startswith("bn_list.")}
    steps = len({k for k in own if k.startswith("bn_list.") and k.endswith(next(iter(names), "?"))})
    return {name: np.stack([own[f"bn_list.{t}.{name}"] for t in range(steps)]) for name in names} or own


@POISONED
@pytest.mark.parametrize("k", range(len(CASES)), ids=lambda k: f"{k}-{CASES[k]['layer']}")
def test_the_same_numbers_as_spikingjelly(k: int) -> None:
    case, a = CASES[k], arrays(k)
    layer, spikes = made(case), "Attention" in case["layer"]
    layer.load_state_dict({name[2:]: v for name, v in a.items() if name.startswith("p.")})
    x = Tensor(a["x"], requires_grad=True)

    def run() -> Tensor:
        F.reset_net(layer)
        return layer(x) if case["mode"] == "m" else F.stack([layer(step) for step in F.unstack(x)])

    y = run()
    (y * a["gy"]).sum().backward()
    same(y, a["y"], 1e-4, 0.0 if spikes else 2e-5)
    same(x.grad, a["gx"], 2e-4, 5e-5 * max(1.0, np.abs(a["gx"]).max()))
    grads, want = {name: p.grad for name, p in layer.named_parameters()}, stacked(a, "g.")
    assert set(grads) == set(want)
    for name, value in want.items():
        if layer.__class__.__name__.startswith("BatchNormThroughTime") and len(value) < layer.T:
            value = np.concatenate([value, np.zeros((layer.T - len(value), *value.shape[1:]))])
        same(grads[name], value, 2e-4, 5e-5 * max(1.0, np.abs(value).max()))
    state = layer.state_dict()
    assert set(state) == {name[2:] for name in a if name.startswith("p.")}
    for name, value in ((name[2:], v) for name, v in a.items() if name.startswith("b.")):
        same(state[name], value, 1e-5, 1e-5)
    layer.eval()
    same(run(), a["e"], 1e-4, 0.0 if spikes else 2e-5)


# --- against the formulas
def over(x: np.ndarray, axes: tuple[int, ...], eps: float = EPS) -> np.ndarray:
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)


def channels(v: Any, ndim: int) -> Any:
    """(C,) or (T, C) along the axes of a sequence."""
    return v.reshape(v.shape[:-1] + (1,) * (3 - v.ndim) + v.shape[-1:] + (1,) * (ndim - 3))


def sums_over(x: np.ndarray, time: bool) -> tuple[int, ...]:
    return (*((0, 1) if time else (1,)), *range(3, x.ndim))


def given(layer: nn.Module, **parts: Tensor) -> nn.Module:
    vars(layer).update(parts)
    return layer


SHAPES = [(T, 3, 2), (T, 2, 3, 5), (T, 2, 2, 2, 4), (T, 1, 3, 2, 2)]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 2.0, shape)


@POISONED
@pytest.mark.parametrize("shape", SHAPES)
def test_threshold_dependent(shape: tuple[int, ...]) -> None:
    kind = nn.ThresholdDependentBatchNorm2d if len(shape) == 5 else nn.ThresholdDependentBatchNorm1d
    check(
        lambda x, w, b: given(kind(1.0, 0.5, shape[2]), weight=w, bias=b)(x),
        lambda x, w, b: over(x, sums_over(x, True)) * channels(w, x.ndim) + channels(b, x.ndim),
        normal(*shape), normal(shape[2], seed=1), normal(shape[2], seed=2), rtol=1e-4, atol=1e-4,
    )  # fmt: skip
    layer = kind(0.5, 0.25, shape[2])
    np.testing.assert_array_equal(layer.weight.numpy(), np.full(shape[2], 0.125))
    x = normal(*shape)
    same(layer(x), 0.125 * over(x, sums_over(x, True)), 1e-4, 1e-5)


@POISONED
@pytest.mark.parametrize("shape", SHAPES)
def test_temporal_effective(shape: tuple[int, ...]) -> None:
    kind = nn.TemporalEffectiveBatchNorm2d if len(shape) == 5 else nn.TemporalEffectiveBatchNorm1d

    def reference(x: np.ndarray, p: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        y = over(x, sums_over(x, True)) * channels(w, x.ndim) + channels(b, x.ndim)
        return y * p.reshape(-1, *(1,) * (x.ndim - 1))

    check(
        lambda x, p, w, b: given(kind(T, shape[2]), scale=p, weight=w, bias=b)(x), reference,
        normal(*shape), normal(T, seed=3), normal(shape[2], seed=1), normal(shape[2], seed=2), rtol=1e-4, atol=1e-4,
    )  # fmt: skip


@POISONED
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("evaluation", [False, True])
def test_through_time(shape: tuple[int, ...], evaluation: bool) -> None:
    kind = nn.BatchNormThroughTime2d if len(shape) == 5 else nn.BatchNormThroughTime1d
    mean, var = normal(T, shape[2], seed=4), np.random.default_rng(5).uniform(0.5, 2.0, (T, shape[2]))

    def reference(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        if evaluation:
            m, v = (channels(s.astype(np.float32).astype(np.float64), x.ndim) for s in (mean, var))
            return (x - m) / np.sqrt(v + EPS) * channels(w, x.ndim)
        return over(x, sums_over(x, False)) * channels(w, x.ndim)

    def layer(w: Tensor) -> nn.Module:
        bn = kind(T, shape[2], step_mode="m").train(not evaluation)
        bn.running_mean.copy_(mean)
        bn.running_var.copy_(var)
        return given(bn, weight=w)

    if not evaluation and np.prod(shape) == T * shape[2]:
        pytest.skip("one value a channel")
    check(lambda x, w: layer(w)(x), reference, normal(*shape), normal(T, shape[2], seed=1), rtol=1e-4, atol=1e-4)


@POISONED
@pytest.mark.parametrize("loop", [None, 50])
@pytest.mark.parametrize("shape", [(3, 300, 3, 5, 5), (3, 1000, 2), (2, 2, 70, 4)])
def test_through_time_in_parts(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], loop: int | None) -> None:
    """Sums that no single thread takes, of steps with means far apart."""
    if loop:
        monkeypatch.setattr(norm, "LONGEST_LOOP", loop)
    x = normal(*shape).astype(np.float32).astype(np.float64)
    x += np.arange(0, 50 * shape[0], 50).reshape(-1, *(1,) * (x.ndim - 1))
    kind = nn.BatchNormThroughTime2d if len(shape) == 5 else nn.BatchNormThroughTime1d
    layer, t = kind(shape[0], shape[2], momentum=1.0, step_mode="m"), Tensor(x, requires_grad=True)
    y, axes = layer(t), sums_over(x, False)
    want, g = over(x, axes), normal(*shape, seed=1)
    same(y, want, 1e-3, 1e-3)
    same(layer.running_mean, x.mean(axes), 1e-5, 1e-4)
    same(layer.running_var, x.var(axes, ddof=1), 1e-4, 1e-4)
    y.backward(g)
    n = x.size / shape[0] / shape[2]
    gw = (g * want).sum(axes)
    std = np.sqrt(x.var(axes, keepdims=True) + EPS)
    gx = (g - g.mean(axes, keepdims=True) - want * channels(gw / n, x.ndim)) / std
    same(t.grad, gx, 1e-3, 2e-3)
    same(layer.weight.grad, gw, 1e-3, 5e-2)


def decayed(s: np.ndarray, k: float, x: Any = 0.0) -> np.ndarray:
    out = []
    for step in s:
        x = k * x + (1.0 - k) / s.shape[2] ** 2 * step.sum(1, keepdims=True)
        out.append(x)
    return np.stack(out)


@POISONED
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("k", [0.9, 0.25, 0.0, 1.0])
def test_neu_norm(shared: bool, k: float) -> None:
    shape = (5, 2, 3, 2, 3)
    check(
        lambda s, w, x: given(nn.NeuNorm(*shape[2:], k, shared, "m"), w=w, x=x)(s),
        lambda s, w, x: s - w * decayed(s, k, x),
        normal(*shape), normal(1 if shared else 3, 2, 3, seed=1), normal(2, 1, 2, 3, seed=2), atol=1e-5,
    )  # fmt: skip


@POISONED
@pytest.mark.parametrize("steps", [63, 64, 65, 200])
def test_a_long_neu_norm(steps: int) -> None:
    """More steps than one product sums up."""
    s, g = (normal(steps, 2, 3, 2, 2) > 1.0).astype(np.float64), normal(steps, 2, 3, 2, 2, seed=1)
    layer, t = nn.NeuNorm(3, 2, 2, step_mode="m"), Tensor(s, requires_grad=True)
    w = layer.w.numpy().astype(np.float64)
    y = layer(t)
    want = decayed(s, 0.9)
    same(y, s - w * want, 1e-5, 1e-5)
    same(layer.x, want[-1], 1e-5, 1e-6)
    y.backward(g)
    summed = decayed((g * w).sum(2, keepdims=True)[::-1], 0.9)[::-1] / 9.0
    same(t.grad, g - summed, 1e-4, 1e-4)
    same(layer.w.grad, -(g * want).sum((0, 1)), 1e-4, 1e-4)


# --- as modules
def bntt(**options: Any) -> nn.Module:
    return nn.BatchNormThroughTime2d(T, 3, **options)


def neu(**options: Any) -> nn.Module:
    return nn.NeuNorm(3, 2, 2, **options)


STEPPED = pytest.mark.parametrize("make", [bntt, neu], ids=["bntt", "neunorm"])


@POISONED
@STEPPED
def test_steps_are_a_sequence(make: Callable[..., nn.Module]) -> None:
    x, g = normal(T, 2, 3, 2, 2).astype(np.float32), normal(T, 2, 3, 2, 2, seed=1)
    whole = make(step_mode="m")
    whole(x)
    gx = whole.backward(g).numpy()
    y = (F.reset_net(whole), whole(x))[1].numpy()
    for parts in ([[t] for t in range(T)], [[0], [1, 2], [3]], "container"):
        layer = make(step_mode="s")
        for p, q in zip(layer.parameters(), whole.parameters(), strict=True):
            p.copy_(q.numpy())
        t = Tensor(x, requires_grad=True)
        if parts == "container":
            out = nn.MultiStepContainer(layer)(t)
        else:
            rows = []
            for part in parts:
                F.set_step_mode(layer, "s" if len(part) == 1 else "m")
                piece = t[part[0]] if len(part) == 1 else t[part[0] : part[-1] + 1]
                rows.append(layer(piece).reshape(len(part), *x.shape[1:]))
            out = F.concatenate(rows)
        out.backward(g)
        same(out, y, 1e-5, 1e-5)
        same(t.grad, gx, 1e-4, 1e-5)
        for p, q in zip(layer.parameters(), whole.parameters(), strict=True):
            same(p.grad, q.grad.numpy(), 1e-4, 1e-5)
        if make is bntt:
            assert layer.t == T - 1
            np.testing.assert_array_equal(layer.num_batches_tracked.numpy(), np.ones(T))
            once = make(step_mode="m")
            once(x)
            same(layer.running_var, once.running_var.numpy(), 1e-5, 1e-6)


@POISONED
@pytest.mark.parametrize("momentum", [0.1, None])
def test_statistics_of_each_step(momentum: float | None) -> None:
    layer, mean, var = bntt(momentum=momentum, step_mode="m"), np.zeros((T, 3)), np.ones((T, 3))
    for k in range(3):
        x = normal(T, 4, 3, 2, 2, seed=k) + np.arange(T).reshape(T, 1, 1, 1, 1)
        layer(x)
        F.reset_net(layer)
        part = 1.0 / (k + 1) if momentum is None else momentum
        mean = (1 - part) * mean + part * x.mean((1, 3, 4))
        var = (1 - part) * var + part * x.var((1, 3, 4), ddof=1)
    same(layer.running_mean, mean, 1e-5, 1e-5)
    same(layer.running_var, var, 1e-5, 1e-5)
    np.testing.assert_array_equal(layer.num_batches_tracked.numpy(), [3] * T)


@POISONED
def test_running_statistics_over_time() -> None:
    for layer in (nn.ThresholdDependentBatchNorm2d(1.0, 1.0, 3), nn.TemporalEffectiveBatchNorm2d(T, 3)):
        x = normal(T, 4, 3, 2, 2)
        layer(x)
        same(layer.running_mean, 0.1 * x.mean((0, 1, 3, 4)), 1e-5, 1e-6)
        same(layer.running_var, 0.9 + 0.1 * x.swapaxes(0, 2).reshape(3, -1).var(1, ddof=1), 1e-5, 1e-6)
        before = layer.running_mean.numpy()
        y = layer.eval()(x).numpy()
        np.testing.assert_array_equal(layer.running_mean.numpy(), before)
        mean, var = (channels(b.numpy(), 5) for b in (layer.running_mean, layer.running_var))
        same(y, (x - mean) / np.sqrt(var + EPS), 1e-4, 1e-5)


def test_a_sequence_takes_as_many_dispatches_as_a_step() -> None:
    skip_where_copies_count()
    counts = []
    for steps in (1, 8):
        layer, shape = nn.BatchNormThroughTime2d(steps, 3, step_mode="m"), (steps, 2, 3, 4, 4)
        x, g = Tensor(normal(*shape)), Tensor(normal(*shape, seed=1))
        grillyx.synchronize()
        before = grillyx.counters()["dispatches"]
        layer(x)
        layer.backward(g).numpy()
        counts.append(grillyx.counters()["dispatches"] - before)
    assert counts[0] == counts[1]


NETS: dict[str, Callable[[], nn.Module]] = {
    "tdbn": lambda: nn.ThresholdDependentBatchNorm2d(1.0, 0.5, 3), "tebn": lambda: nn.TemporalEffectiveBatchNorm2d(T, 3),
    "bntt": lambda: bntt(step_mode="m"), "neunorm": lambda: neu(step_mode="m"),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("how", ["state", "deepcopy", "pickle"])
def test_state_and_copies(name: str, how: str) -> None:
    net = nn.Sequential(nn.SeqToANNContainer(nn.Conv2d(3, 3, 3, padding=1)), NETS[name](), nn.LIFNode(step_mode="m"))
    x = normal(T, 2, 3, 2, 2)
    optimizer = grillyx.optim.SGD(net.parameters(), lr=0.5)
    net(x)
    net.backward(np.ones(x.shape))
    optimizer.step()
    if how == "state":
        twin = nn.Sequential(
            nn.SeqToANNContainer(nn.Conv2d(3, 3, 3, padding=1)), NETS[name](), nn.LIFNode(step_mode="m")
        )
        twin.load_state_dict(net.state_dict())
    else:
        twin = copy.deepcopy(net) if how == "deepcopy" else pickle.loads(pickle.dumps(net))
        assert twin[1].__dict__.get("t") == net[1].__dict__.get("t")
    for model in (net, twin):
        F.reset_net(model)
        model.eval()
    np.testing.assert_array_equal(twin(x).numpy(), net(x).numpy())
    before = net.state_dict()
    for p in twin.parameters():
        p.copy_(np.full(p.shape, 9.0))
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_names_are_those_of_spikingjelly() -> None:
    net = nn.Sequential(bntt())
    state = net.state_dict()
    parts = ("weight", "running_mean", "running_var", "num_batches_tracked")
    assert set(state) == {f"0.bn_list.{t}.{part}" for t in range(T) for part in parts}
    state["0.bn_list.2.weight"] = np.array([5.0, 6.0, 7.0])
    net.load_state_dict(state)
    np.testing.assert_array_equal(net[0].weight.numpy(), [[1, 1, 1]] * 2 + [[5, 6, 7], [1, 1, 1]])
    with pytest.raises(ValueError, match=r"wrong shapes \(0.bn_list.1.weight: got \(2,\), expected \(3,\)\)"):
        net.load_state_dict(state | {"0.bn_list.1.weight": np.ones(2)})
    del state["0.bn_list.3.running_mean"]
    with pytest.raises(ValueError, match=r"missing names \(0.bn_list.3.running_mean\)"):
        net.load_state_dict(state)


@pytest.mark.parametrize("name", ["bntt", "neunorm"])
def test_checkpoints(name: str) -> None:
    x, g = normal(T, 2, 3, 2, 2), normal(T, 2, 3, 2, 2, seed=1)
    model = nn.Sequential(NETS[name](), nn.LIFNode(step_mode="m"))
    found = []
    for net in (model, nn.CheckpointedSequence(model, 3)):
        model.zero_grad()
        F.reset_net(model)
        out = net(x)
        gx = net.backward(g)
        found.append([out.numpy(), gx.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-5)
    if name == "bntt":
        np.testing.assert_array_equal(model[0].num_batches_tracked.numpy(), [2] * T)


def test_detach_and_reset() -> None:
    layer = neu(step_mode="m")
    first, second = (Tensor(normal(2, 1, 3, 2, 2, seed=k), requires_grad=True) for k in (0, 1))
    layer(first)
    F.detach_net(layer)
    kept = layer.x.numpy()
    layer(second).sum().backward()
    assert first.grad is None
    want = decayed(second.numpy().astype(np.float64), 0.9, kept.astype(np.float64))
    same(layer.x, want[-1], 1e-5, 1e-5)
    F.reset_net(layer)
    assert layer.x == 0.0
    layer(normal(2, 5, 3, 2, 2))


def test_first_values() -> None:
    w = nn.NeuNorm(50, 4, 9).w.numpy()
    assert np.abs(w).max() <= 1 / 6
    assert 0.9 / 6 / 3**0.5 < w.std() < 1.1 / 6 / 3**0.5
    assert nn.NeuNorm(50, 4, 9, shared_across_channels=True).w.shape == (1, 4, 9)


def test_wrong_inputs() -> None:
    x = np.ones((T, 2, 3, 2, 2))
    for call, message in (
        (lambda: nn.ThresholdDependentBatchNorm2d(1.0, 1.0, 3, affine=False), "Norm2d: the weight holds alpha"),
        (lambda: nn.ThresholdDependentBatchNorm2d(np.nan, 1.0, 3), "Norm2d: alpha must be finite"),
        (
            lambda: nn.ThresholdDependentBatchNorm2d(1.0, 1.0, 3)(x[0]),
            r"expected a sequence \(T, N, C, H, W\), got shape",
        ),
        (
            lambda: nn.ThresholdDependentBatchNorm1d(1.0, 1.0, 3)(x),
            r"expected a sequence \(T, N, C\) or \(T, N, C, L\)",
        ),
        (lambda: nn.ThresholdDependentBatchNorm2d(1.0, 1.0, 2)(x), "the channels do not fit"),
        (lambda: nn.MultiStepContainer(nn.ThresholdDependentBatchNorm1d(1.0, 1.0, 3))(x[..., 0]), "got step_mode 's'"),
        (lambda: nn.TemporalEffectiveBatchNorm2d(0, 3), "Norm2d: T is a positive integer"),
        (lambda: nn.TemporalEffectiveBatchNorm2d(3, 3)(x), r"Norm2d: made for T=3, got 4 time steps"),
        (lambda: bntt(step_mode="x"), "unknown step_mode, got 'x'"),
        (lambda: bntt()(x), r"step_mode 's' expects an input \(N, C, H, W\), got shape \(4, 2, 3, 2, 2\)"),
        (lambda: bntt(step_mode="m")(x[0]), r"step_mode 'm' expects an input \(T, N, C, H, W\)"),
        (lambda: bntt(step_mode="m")(np.ones((5, 2, 3, 2, 2))), "made for T=4, got 5 steps after 0"),
        (lambda: bntt(step_mode="m")(np.ones((T, 2, 2, 2, 2))), "the channels do not fit"),
        (lambda: bntt(step_mode="m")(np.ones((T, 1, 3, 1, 1))), "expected more than one value a channel"),
        (lambda: bntt(step_mode="m", eps=0.0)(x), "eps must be positive, got 0.0"),
        (lambda: bntt(step_mode="m", momentum=2.0)(x), "momentum is a number from 0 to 1"),
        (lambda: neu()(x), r"NeuNorm: step_mode 's' expects an input \(N, 3, 2, 2\), got shape"),
        (lambda: neu(step_mode="m")(np.ones((T, 2, 2, 3, 2))), r"expects an input \(T, N, 3, 2, 2\)"),
        (lambda: nn.NeuNorm(3, 0, 2), "NeuNorm: height is a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    layer = bntt(step_mode="m")
    layer(x)
    with pytest.raises(ValueError, match=r"got 4 steps after 4. Call functional.reset_net"):
        layer(x)
    layer = neu(step_mode="m")
    layer(x)
    with pytest.raises(ValueError, match=r"got 5 samples; expected 2. Call functional.reset_net"):
        layer(np.ones((T, 5, 3, 2, 2)))
