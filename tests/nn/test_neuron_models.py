"""Every further neuron beside a loop over its equations in float64: spikes exactly, membranes, and exact gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.dual import Dual, gradients, variables

Steps = tuple[list[Dual], list[Dual]]
STEPS = 6


def reset(h: Dual, s: Dual, o: dict[str, Any], threshold: Any) -> Dual:
    s = s.detach() if o["detach_reset"] else s
    return h - s * threshold if o["v_reset"] is None else s * o["v_reset"] + (1.0 - s) * h


def loop(step: Callable[..., tuple[Dual, Dual]], x: Dual, p: dict[str, Dual], o: dict[str, Any]) -> Steps:
    memory: dict[str, Any] = {}
    v: Any = Dual(np.full(x.v.shape[1:], 0.0 if o["v_reset"] is None else o["v_reset"]), 0.0 * x[0].d)
    spikes, membranes = [], []
    for t in range(len(x.v)):
        s, v = step(x[t], v, p, o, memory)
        spikes.append(s)
        membranes.append(v)
    return spikes, membranes


def rest(o: dict[str, Any]) -> float:
    return 0.0 if o["v_reset"] is None else o["v_reset"]


def klif(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    away = v - rest(o)
    charged = v + (x - away) / o["tau"] if o["decay_input"] else v - away / o["tau"] + x
    h = (p["k"] * charged).relu()
    s = (h - o["v_threshold"]).fire("Sigmoid", 4.0)
    if o["scale_reset"]:
        return s, reset(h / p["k"], s, o, Dual(o["v_threshold"], 0.0 * p["k"].d) / p["k"])
    return s, reset(h, s, o, o["v_threshold"])


def qif(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    h = v + (x + o["a0"] * (v - o["v_rest"]) * (v - o["v_c"])) / o["tau"]
    s = (h - o["v_threshold"]).fire("Sigmoid", 4.0)
    return s, reset(h, s, o, o["v_threshold"])


def eif(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    h = v + (x - (v - o["v_rest"]) + o["delta_T"] * ((v - o["theta_rh"]) / o["delta_T"]).exp()) / o["tau"]
    s = (h - o["v_threshold"]).fire("Sigmoid", 4.0)
    return s, reset(h, s, o, o["v_threshold"])


def izhikevich(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    w = m.get("w", o["w_rest"])
    h = v + (x + o["a0"] * (v - o["v_rest"]) * (v - o["v_c"]) - w) / o["tau"]
    s = (h - o["v_threshold"]).fire("Sigmoid", 4.0)
    m["w"] = (o["a"] * (h - o["v_rest"]) - w) / o["tau_w"] + w + o["b"] * s
    return s, reset(h, s, o, o["v_threshold"])


def cuba(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    m["c"] = o["c_decay"] * m.get("c", 0.0) + x
    h = o["v_decay"] * v + m["c"]
    s = (h - o["v_threshold"]).fire("Rect", 1.0)
    return s, reset(h, s, o, o["v_threshold"])


def alif(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    b, rho, away = m.get("b", 0.0), math.exp(-1.0 / o["tau_adaptation"]), v - rest(o)
    h = v + (x - away) / o["tau"] if o["decay_input"] else v - away / o["tau"] + x
    threshold = o["v_threshold"] + o["beta"] * b
    s = (h - threshold).fire("ATan", 2.0)
    m["b"] = rho * b + (1.0 - rho) * s
    return s, reset(h, s, o, threshold)


RULES: list[tuple[Callable[..., nn.BaseNode], Callable[..., Any], dict[str, Any]]] = [
    (nn.KLIFNode, klif, {"scale_reset": False, "tau": 2.0, "decay_input": True, "v_threshold": 1.0}),
    (nn.KLIFNode, klif, {"scale_reset": True, "tau": 3.0, "decay_input": False, "v_threshold": 0.75}),
    (nn.QIFNode, qif, {"tau": 2.0, "v_c": 0.8, "a0": 1.0, "v_threshold": 1.0, "v_rest": 0.0}),
    (nn.QIFNode, qif, {"tau": 1.5, "v_c": 0.4, "a0": 0.5, "v_threshold": 0.75, "v_rest": 0.125}),
    (nn.EIFNode, eif, {"tau": 2.0, "delta_T": 1.0, "theta_rh": 0.8, "v_threshold": 1.0, "v_rest": 0.0}),
    (nn.EIFNode, eif, {"tau": 3.0, "delta_T": 0.5, "theta_rh": 0.4, "v_threshold": 0.75, "v_rest": 0.125}),
    (nn.IzhikevichNode, izhikevich, {"tau": 2.0, "v_c": 0.8, "a0": 1.0, "v_threshold": 1.0, "v_rest": -0.1,
                                     "w_rest": 0.0, "tau_w": 2.0, "a": 0.0, "b": 0.0}),
    (nn.IzhikevichNode, izhikevich, {"tau": 1.5, "v_c": 0.5, "a0": 0.5, "v_threshold": 0.75, "v_rest": 0.125,
                                     "w_rest": 0.25, "tau_w": 3.0, "a": 0.5, "b": 0.375}),
    (nn.CUBALIFNode, cuba, {"c_decay": 0.5, "v_decay": 0.75, "v_threshold": 0.5}),
    (nn.CUBALIFNode, cuba, {"c_decay": 0.9, "v_decay": 0.3, "v_threshold": 0.8}),
    (nn.ALIFNode, alif, {"tau": 2.0, "tau_adaptation": 200.0, "beta": 1.6, "decay_input": False, "v_threshold": 1.0}),
    (nn.ALIFNode, alif, {"tau": 3.0, "tau_adaptation": 2.0, "beta": 0.75, "decay_input": True, "v_threshold": 0.5}),
]  # fmt: skip


def given(node: nn.BaseNode, x: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x.astype(np.float64), **{k: p.numpy().astype(np.float64) for k, p in node.named_parameters()}}


def compare(node: nn.BaseNode, reference: Callable[[dict[str, Dual]], Steps], x: np.ndarray) -> None:
    """Sequences and single steps: S, V, and the gradient of ``sum(gs S) + sum(gv V)`` for the input and all parameters."""
    arrays = given(node, x)
    spikes, membranes = reference(variables(**arrays))
    s, v = (np.stack([dual.v for dual in part]) for part in (spikes, membranes))
    assert 0.05 < s.mean() < 0.95, "a reference that does not fire shows nothing"
    rng = np.random.default_rng(len(x))
    gs, gv = (rng.normal(0.0, 1.0, x.shape).astype(np.float32) for _ in range(2))
    terms = [
        (dual, g) for part, weights in ((spikes, gs), (membranes, gv)) for dual, g in zip(part, weights, strict=True)
    ]
    want = gradients(arrays, terms)
    for mode in ("m", "s") if not isinstance(node, nn.GatedLIFNode) else ("m",):
        F.reset_net(node)
        F.set_step_mode(node, mode)
        node.zero_grad()
        t = Tensor(x, requires_grad=True)
        if mode == "m":
            node.store_v_seq = True
            out, v_seq = node(t), node.v_seq
        else:
            pairs = [(node(row), node.v) for row in t]
            out, v_seq = (F.stack([pair[k] for pair in pairs]) for k in (0, 1))
        np.testing.assert_array_equal(out.numpy(), s)
        np.testing.assert_allclose(v_seq.numpy(), v, 2e-5, 5e-6)
        np.testing.assert_allclose(node.v.numpy(), v[-1], 2e-5, 5e-6)
        ((out * gs).sum() + (v_seq * gv).sum()).backward()
        scale = max(1.0, np.abs(want["x"]).max())
        np.testing.assert_allclose(t.grad.numpy(), want["x"], 1e-4, 2e-5 * scale)
        for name, p in node.named_parameters():
            np.testing.assert_allclose(p.grad.numpy(), want[name], 2e-4, 1e-4 * max(1.0, np.abs(want[name]).max()))


@pytest.mark.parametrize(("v_reset", "detach"), [(-0.125, False), (None, False), (0.0, True), (None, True)])
@pytest.mark.parametrize("rule", range(len(RULES)))
def test_against_the_loop(rule: int, v_reset: float | None, detach: bool, poisoned: None) -> None:
    make, step, numbers = RULES[rule]
    options = {**numbers, "v_reset": v_reset, "detach_reset": detach}
    node = make(**options)
    for p in node.parameters():
        p.copy_(np.float32(1.25))
    x = np.random.default_rng(rule).normal(0.8, 0.8, (STEPS, 3, 5)).astype(np.float32)
    compare(node, lambda p: loop(step, p["x"], p, options), x)


def gated(p: dict[str, Dual], shape: tuple[int, ...]) -> Steps:
    wide = lambda name: p[name].sigmoid().reshape(*shape)
    alpha, beta, gamma, tau, theta = map(wide, ("alpha", "beta", "gamma", "tau", "v_threshold"))
    linear, fixed = wide("linear_decay"), wide("v_subreset")
    v, s = 0.0 * p["x"][0], 0.0 * p["x"][0]
    spikes, membranes = [], []
    for t in range(len(p["x"].v)):
        conduct = p["conduct"][t].sigmoid().reshape(*shape)
        decay = 1.0 - alpha * (1.0 - tau)
        v = (
            decay * v - (1.0 - alpha) * linear + p["x"][t] * (1.0 - beta * (1.0 - conduct))
            - decay * v * gamma * s - (1.0 - gamma) * fixed * s
        )  # fmt: skip
        s = (v - theta).fire("Sigmoid", 4.0)
        spikes.append(s)
        membranes.append(v)
    return spikes, membranes


@pytest.mark.parametrize(
    ("inplane", "sample", "shape"),
    [(None, (3, 5), ()), (None, (7,), ()), (3, (2, 3), (3,)), (3, (2, 3, 2, 2), (3, 1, 1))],
)
def test_gated_lif(inplane: int | None, sample: tuple[int, ...], shape: tuple[int, ...], poisoned: None) -> None:
    node = nn.GatedLIFNode(STEPS, inplane)
    size = () if inplane is None else (inplane,)
    for name, p in node.named_parameters():
        assert p.shape == ((STEPS, *size) if name == "conduct" else size)
        p.copy_(p.numpy() + np.random.default_rng(len(name)).normal(0.0, 0.5, p.shape).astype(np.float32))
    x = np.random.default_rng(1).normal(0.6, 0.6, (STEPS, *sample)).astype(np.float32)
    compare(node, lambda p: gated(p, shape), x)


def test_first_values_of_gated_lif() -> None:
    node = nn.GatedLIFNode(8, 4, init_conduct=0.75)
    logit = lambda y: math.log(y / (1.0 - y))
    want = {"tau": 0.25, "v_threshold": 0.5, "linear_decay": 0.5 / 16, "v_subreset": 0.5, "conduct": 0.75}
    for name, value in want.items():
        np.testing.assert_allclose(getattr(node, name).numpy(), logit(value), 1e-6, 1e-7)
    for name in ("alpha", "beta", "gamma"):
        assert 0.0 < np.abs(getattr(node, name).numpy()).max() <= 0.1


# --- snnTorch's neurons
def above(v: Dual, threshold: Any) -> Dual:
    return (v - threshold).fire("ATan", 2.0)


def snntorch(kind: str, p: dict[str, Dual], o: dict[str, Any]) -> Steps:
    x, mechanism = p["x"], o["reset_mechanism"]
    alpha, beta, threshold = (p.get(k, o.get(k)) for k in ("alpha", "beta", "threshold"))
    log = lambda r: r.log() if isinstance(r, Dual) else math.log(r)
    zero = 0.0 * x[0]
    v, syn, exc, inh = zero, zero, zero, zero
    spikes, membranes = [], []
    for t in range(len(x.v)):
        r = 0.0 * zero if mechanism == "none" else above(v, threshold).detach()
        subtract = mechanism == "subtract"
        if kind == "Leaky":
            v = beta * v + x[t] - r * threshold if subtract else beta * ((1.0 - r) * v) + x[t]
        elif kind == "Synaptic":
            syn = alpha * syn + x[t]
            v = beta * v + syn - r * threshold if subtract else (1.0 - r) * (beta * v + syn)
        else:
            before = inh
            exc, inh = alpha * exc + x[t], beta * inh - x[t]
            v = (log(alpha) / (log(beta) - log(alpha)) + 1.0) * (exc + inh)
            v = v + r * before if subtract else (1.0 - r) * v
            exc = exc - r * threshold if subtract else (1.0 - r) * exc
            inh = (1.0 - r) * inh
        spikes.append(above(v, threshold))
        membranes.append(v)
    return spikes, membranes


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize("learned", ["none", "all", "for each neuron"])
@pytest.mark.parametrize("kind", ["Leaky", "Synaptic", "Alpha"])
def test_snntorch_neurons(kind: str, learned: str, mechanism: str, poisoned: None) -> None:
    rates = {"beta": 0.5, "threshold": 0.8} if kind == "Leaky" else {"alpha": 0.8125, "beta": 0.5, "threshold": 0.8}
    numbers: dict[str, Any] = dict(rates)
    if learned == "for each neuron":
        spread = np.linspace(-0.1, 0.1, 5)
        numbers = {k: (value + spread).astype(np.float32) for k, value in rates.items()}
    options: dict[str, Any] = {"reset_mechanism": mechanism}
    if learned != "none":
        options.update({f"learn_{k}": True for k in rates})
    node = getattr(nn, kind)(**numbers, **options)
    assert {k for k, _ in node.named_parameters()} == (set() if learned == "none" else set(rates))
    x = np.random.default_rng(9).normal(0.6 if kind != "Synaptic" else 0.3, 0.6, (STEPS, 3, 5)).astype(np.float32)
    compare(node, lambda p: snntorch(kind, p, {**numbers, **options}), x)


def test_a_tie_does_not_fire_in_snntorch() -> None:
    x = np.array([[1.0, 1.0000001]], np.float32)
    for node in (nn.Leaky(0.5), nn.Synaptic(0.5, 0.5)):
        np.testing.assert_array_equal(node(x).numpy(), [[0.0, 1.0]])
    np.testing.assert_array_equal(nn.LIFNode()(x).numpy(), [[1.0, 1.0]])


def test_rates_are_clipped() -> None:
    x = np.full((3, 2), 0.25, np.float32)
    node = nn.Leaky(1.5, learn_beta=True, step_mode="m")
    node(x).sum().backward()
    np.testing.assert_allclose(node.mem.numpy(), 0.75)
    np.testing.assert_allclose(node.beta.grad.numpy(), 0.0)
    np.testing.assert_allclose(nn.Leaky(-1.0, step_mode="m")(x).numpy(), 0.0)
    assert set(nn.Leaky(np.full(2, 0.5)).state_dict()) == {"beta"}


def test_names_of_snntorch() -> None:
    node = nn.Synaptic(0.9, 0.8, 1.5, learn_threshold=True)
    assert node.v_threshold is node.threshold
    assert set(node.state_dict()) == {"threshold"}
    node(np.ones((2, 3)))
    assert node.mem is node.v
    assert "threshold=Parameter()" in repr(node)
