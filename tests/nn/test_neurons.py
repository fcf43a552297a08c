"""IF, LIF and ParametricLIF: against SpikingJelly's numbers, and against the closed forms in float64."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grillyx
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.reference import ALPHA, Neuron

DATA = Path(__file__).parent.parent / "data"
CASES = json.loads((DATA / "neurons.json").read_text())
SIZES = [(1,), (3,), (4,), (1, 1), (2, 5), (3, 4), (5, 1, 3), (0, 3), (2, 0), ()]


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    with np.load(DATA / "neurons.npz") as file:
        return dict(file)


def make(kind: str, rules: Neuron, **options: Any) -> nn.BaseNode:
    """The grillyx neuron with the rules of the reference."""
    options |= {
        "v_threshold": rules.v_threshold, "v_reset": rules.v_reset, "detach_reset": rules.detach_reset,
        "surrogate_function": getattr(nn.surrogate, rules.surrogate)(rules.alpha),
    }  # fmt: skip
    if kind == "IFNode":
        return nn.IFNode(**options)
    assert rules.q is not None
    return getattr(nn, kind)(1.0 / rules.q, rules.decay_input, **options)


def close(got: Any, want: Any, scale: float = 1e-5) -> None:
    """Equal to `scale`, relative to each value or to the largest: errors of the large ones travel through the steps."""
    want = np.asarray(want)
    got = np.asarray(got)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, scale, scale * max(1.0, np.abs(want).max(initial=0.0)))


# --- SpikingJelly
def rules_of(case: dict[str, Any]) -> Neuron:
    names = ("v_threshold", "v_reset", "detach_reset", "surrogate", "alpha")
    tau, w = case.get("tau"), case.get("w")
    q = None if tau is None else 1.0 / tau if w is None else 1.0 / (1.0 + np.exp(-w))
    return Neuron(q, case.get("decay_input", False), **{name: case[name] for name in names})


@pytest.mark.parametrize("row", range(len(CASES)))
def test_spikingjelly(row: int, arrays: dict[str, np.ndarray], poisoned: None) -> None:
    case, a = CASES[row], {name: values[row] for name, values in arrays.items()}
    rules = rules_of(case)
    node = make(case["neuron"], rules, step_mode="m", store_v_seq=True)
    x, v0 = Tensor(a["x"], requires_grad=True), Tensor(a["v0"], requires_grad=True)
    if case.get("v0"):
        node.v = v0
    s = node(x)
    np.testing.assert_array_equal(s.numpy(), a["S"])
    np.testing.assert_allclose(node.v_seq.numpy(), a["V"], 2e-6, 2e-6)
    np.testing.assert_array_equal(node.v.numpy(), node.v_seq.numpy()[-1])
    ((s * a["gs"]).sum() + (node.v_seq * a["gv"]).sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), a["gx"], 1e-5, 1e-5)
    if case.get("v0"):
        np.testing.assert_allclose(v0.grad.numpy(), a["gv0"], 1e-5, 1e-5)
    if case["neuron"] == "ParametricLIFNode":
        assert float(node.w) == pytest.approx(case["w"], abs=1e-6)
        np.testing.assert_allclose(node.w.grad.numpy(), case["grad_w"], 1e-4)


@pytest.mark.parametrize("row", range(len(CASES)))
def test_the_reference_itself(row: int, arrays: dict[str, np.ndarray]) -> None:
    case, a = CASES[row], {name: values[row].astype(np.float64) for name, values in arrays.items()}
    v0 = a["v0"] if case.get("v0") else None
    rules = rules_of(case)
    s, v, _ = rules.forward(a["x"], v0)
    gx, gv0, gw = rules.backward(a["x"], a["gs"], a["gv"], v0)
    np.testing.assert_array_equal(s, a["S"])
    np.testing.assert_allclose(v, a["V"], 2e-6, 2e-6)
    np.testing.assert_allclose(gx, a["gx"], 1e-5, 1e-5)
    if v0 is not None:
        np.testing.assert_allclose(gv0, a["gv0"], 1e-5, 1e-5)
    if "grad_w" in case:
        np.testing.assert_allclose(gw, case["grad_w"], 1e-4)


# --- the closed forms
def compare(
    kind: str,
    rules: Neuron,
    shape: tuple[int, ...],
    seed: int,
    start: bool,
    losses: tuple[str, ...] = ("s", "v", "last"),
) -> None:
    """Forward, and the gradients of a loss on spikes, v_seq and the last v, for x, v0 and w."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        x = rng.normal(0.4, 1.0, shape).astype(np.float32)
        v0 = rng.uniform(-0.5, 0.5, shape[1:]).astype(np.float32) if start else None
        s, v, h = rules.forward(x.astype(np.float64), v0)
        if rules.margin(h) > 2e-5:
            break
    else:
        pytest.fail("no input whose spikes rounding cannot change")
    node = make(kind, rules, step_mode="m", store_v_seq="v" in losses)
    xt = Tensor(x, requires_grad=True)
    if start:
        node.v = v0t = Tensor(v0, requires_grad=True)
    out = node(xt)
    np.testing.assert_array_equal(out.numpy(), s)
    close(node.v.numpy(), v[-1], 1e-5)
    gs, gv, g_last = (rng.normal(0.0, 1.0, part).astype(np.float32) for part in (shape, shape, shape[1:]))
    total, down = Tensor(0.0), np.zeros(shape)
    if "s" in losses:
        total = total + (out * gs).sum()
    if "v" in losses:
        close(node.v_seq.numpy(), v, 1e-5)
        total, down = total + (node.v_seq * gv).sum(), down + gv
    else:
        assert node.v_seq is None
    if "last" in losses:
        total = total + (node.v * g_last).sum()
        down[-1] += g_last
    total.backward()
    gx, gv0, gw = rules.backward(x.astype(np.float64), gs if "s" in losses else np.zeros(shape), down, v0)
    close(xt.grad.numpy(), gx, 5e-5)
    if start:
        close(v0t.grad.numpy(), gv0, 5e-5)
    if kind == "ParametricLIFNode":
        np.testing.assert_allclose(float(node.w.grad), gw, 1e-4, 1e-5 * max(1.0, np.abs(gx).max(initial=0.0)))


@st.composite
def neurons(draw: Any) -> tuple[str, Neuron]:
    kind = draw(st.sampled_from(["IFNode", "LIFNode", "ParametricLIFNode"]))
    tau = draw(st.sampled_from([1.25, 2, 7.5, 40.0])) if kind != "LIFNode" else draw(st.sampled_from([1, 1.0, 3, 20.0]))
    name = draw(st.sampled_from(sorted(ALPHA)))
    return kind, Neuron(
        q=None if kind == "IFNode" else 1.0 / tau,
        decay_input=draw(st.booleans()),
        v_threshold=draw(st.sampled_from([1, 1.0, 0.5, 2])),
        v_reset=draw(st.sampled_from([None, 0, 0.0, -0.25, 0.3])),
        detach_reset=draw(st.booleans()),
        surrogate=name,
        alpha=draw(st.sampled_from([ALPHA[name], 0.5, 1.5])),
    )


@settings(max_examples=60)
@given(neurons(), st.integers(1, 40), st.sampled_from(SIZES), st.integers(0, 2**31), st.booleans())
def test_closed_forms(
    poisoned: None, chosen: tuple[str, Neuron], steps: int, size: tuple[int, ...], seed: int, start: bool
) -> None:
    compare(*chosen, (steps, *size), seed, start)


KINDS = [("IFNode", False)] + [(kind, decay) for kind in ("LIFNode", "ParametricLIFNode") for decay in (False, True)]


@pytest.mark.parametrize("name", sorted(ALPHA))
@pytest.mark.parametrize(("kind", "decay"), KINDS)
@pytest.mark.parametrize("v_reset", [None, -0.25])
@pytest.mark.parametrize("detach", [False, True])
def test_every_combination(
    poisoned: None, kind: str, name: str, v_reset: float | None, detach: bool, decay: bool
) -> None:
    """35 steps: beyond 32 the time loop is not unrolled, and every T runs the same pipeline."""
    rules = Neuron(None if kind == "IFNode" else 1 / 3, decay, 1.0, v_reset, detach, name, ALPHA[name])
    compare(kind, rules, (35, 3, 5), 7, start=True)


@pytest.mark.parametrize("losses", [("s",), ("v",), ("last",), ("s", "last"), ("v", "last"), ("s", "v")])
@pytest.mark.parametrize("size", [(6,), (8,)])
def test_gradient_from_each_output(poisoned: None, losses: tuple[str, ...], size: tuple[int, ...]) -> None:
    compare("ParametricLIFNode", Neuron(0.4, True, 1.0, -0.25), (6, *size), 3, True, losses)
    compare("IFNode", Neuron(None, v_reset=None), (6, *size), 3, False, losses)


def test_a_tie_fires() -> None:
    """Multiples of 1/8 are exact, so that H meets the threshold exactly; one bit less does not fire."""
    below = np.nextafter(np.float32(1.0), np.float32(0.0))
    x = np.array([[1.0, 0.5, below, 0.25], [1.0, 0.5, 0.0, 0.5], [0.875, 0.5, 0.0, 0.25]], np.float32)
    node = nn.IFNode(step_mode="m")
    np.testing.assert_array_equal(node(x).numpy(), [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(node.v.numpy(), np.array([0.875, 0.5, below, 0.0], np.float32))


def test_many_neurons(poisoned: None) -> None:
    """More than one dispatch's first dimension holds of workgroups at once: 2 steps of 300,001 neurons."""
    x = np.random.default_rng(0).integers(-8, 24, (2, 300_001)).astype(np.float32) / 16
    rules = Neuron(None, v_reset=None)
    s, v, _ = rules.forward(x.astype(np.float64))
    node = nn.IFNode(v_reset=None, step_mode="m")
    with grillyx.no_grad():
        np.testing.assert_array_equal(node(x).numpy(), s)
    np.testing.assert_array_equal(node.v.numpy(), v[-1])


def test_integers_and_spikes_as_input() -> None:
    x = np.random.default_rng(1).integers(0, 2, (5, 3))
    want, _, _ = Neuron(0.5).forward(x.astype(np.float64))
    for data in (x, x.astype(np.uint8), x.astype(bool), x.astype(np.float64), x.tolist(), Tensor(x)):
        np.testing.assert_array_equal(nn.LIFNode(tau=2, v_threshold=1, v_reset=0, step_mode="m")(data).numpy(), want)


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("tau", [2000.0, 1.001])
def test_the_gradient_of_w_at_the_ends_of_its_range(tau: float, decay: bool) -> None:
    rng = np.random.default_rng(2)
    x, g = rng.normal(0.3, 1.0, (35, 7)).astype(np.float32), rng.normal(0.0, 1.0, (35, 7)).astype(np.float32)
    rules = Neuron(1.0 / tau, decay, 1e-3 if decay else 1.0, None)
    node = make("ParametricLIFNode", rules, step_mode="m")
    (node(x) * g).sum().backward()
    _, _, want = rules.backward(x.astype(np.float64), g, np.zeros_like(g))
    np.testing.assert_allclose(float(node.w.grad), want, 2e-3)


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("w", [-200.0, 200.0])
def test_w_beyond_its_range_gives_no_nan(w: float, decay: bool) -> None:
    """sigmoid(w) is 0 or 1 in float32 there, and has no slope."""
    node = nn.ParametricLIFNode(decay_input=decay, step_mode="m")
    node.w.copy_(np.float32(w))
    x = Tensor(np.full((4, 3), 0.7), requires_grad=True)
    node(x).sum().backward()
    assert float(node.w.grad) == 0.0
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 64])
def test_one_dispatch_each_way(steps: int) -> None:
    node = nn.LIFNode(step_mode="m", store_v_seq=True)
    x = Tensor(np.ones((steps, 3, 4)), requires_grad=True)
    g = Tensor(np.ones((steps, 3, 4)))
    before = grillyx.counters()["dispatches"]
    s = node(x)
    assert grillyx.counters()["dispatches"] == before + 1
    s.backward(g)
    assert grillyx.counters()["dispatches"] == before + 2
    assert x.grad.shape == (steps, 3, 4)
