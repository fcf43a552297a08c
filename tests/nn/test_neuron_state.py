"""The memory of neurons: single steps against sequences, reset, detach, and what a wrong call leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor

NEURONS: list[Callable[..., nn.BaseNode]] = [
    nn.IFNode,
    lambda **o: nn.IFNode(v_reset=None, **o),
    lambda **o: nn.LIFNode(3.0, v_reset=-0.25, **o),
    lambda **o: nn.LIFNode(3.0, decay_input=True, v_reset=None, detach_reset=True, **o),
    lambda **o: nn.ParametricLIFNode(1.5, **o),
    lambda **o: nn.ParametricLIFNode(3.0, decay_input=True, v_reset=0.125, surrogate_function=nn.Erf(), **o),
]
LEAKY = [lambda **o: nn.LIFNode(**o), lambda **o: nn.ParametricLIFNode(**o)]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 1.0, shape).astype(np.float32)


def snapshot(node: nn.BaseNode) -> Any:
    return node.v if isinstance(node.v, float) else np.asarray(node.v).tolist()


# --- steps and sequences
@pytest.mark.parametrize(
    ("make", "steps"), [(make, steps) for make in NEURONS for steps in (1, 5)] + [(NEURONS[4], 34)]
)
def test_single_steps_are_the_sequence(make: Callable[..., nn.BaseNode], steps: int, poisoned: None) -> None:
    """Bit for bit forward; and a loop of single steps backpropagates through time."""
    x, g, last = normal(steps, 3, 5), normal(steps, 3, 5, seed=1), normal(3, 5, seed=2)
    one, many = make(step_mode="s"), make(step_mode="m")
    inputs = [Tensor(row, requires_grad=True) for row in x]
    whole = Tensor(x, requires_grad=True)
    spikes, expected = [one(row) for row in inputs], many(whole)
    np.testing.assert_array_equal(np.stack([s.numpy() for s in spikes]), expected.numpy())
    np.testing.assert_array_equal(one.v.numpy(), many.v.numpy())
    ((F.stack(spikes) * g).sum() + (one.v * last).sum()).backward()
    ((expected * g).sum() + (many.v * last).sum()).backward()
    np.testing.assert_allclose(np.stack([row.grad.numpy() for row in inputs]), whole.grad.numpy(), 1e-5, 1e-6)
    if isinstance(one, nn.ParametricLIFNode):
        np.testing.assert_allclose(one.w.grad.numpy(), many.w.grad.numpy(), 1e-4, 1e-5)


@pytest.mark.parametrize("make", NEURONS)
def test_the_state_continues_across_calls(make: Callable[..., nn.BaseNode]) -> None:
    x, g = normal(9, 2, 3), normal(9, 2, 3, seed=1)
    parts, whole = make(step_mode="m", store_v_seq=True), make(step_mode="m")
    xp, xw = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    first = parts(xp[:4])
    seen = parts.v_seq.numpy()
    np.testing.assert_array_equal(parts.v.numpy(), seen[-1])
    out, expected = F.concatenate([first, parts(xp[4:])]), whole(xw)
    np.testing.assert_array_equal(out.numpy(), expected.numpy())
    assert parts.v_seq.shape == (5, 2, 3)
    out.backward(g)
    expected.backward(g)
    np.testing.assert_allclose(xp.grad.numpy(), xw.grad.numpy(), 1e-5, 1e-6)
    assert abs(xw.grad.numpy()[:4]).max() > 0


def test_step_modes_can_alternate() -> None:
    x = normal(6, 3)
    node, whole = nn.LIFNode(step_mode="m"), nn.LIFNode(step_mode="m")
    out = [node(x[:2]).numpy()]
    node.step_mode = "s"
    out += [node(x[2]).numpy()[None], node(x[3]).numpy()[None]]
    node.step_mode = "m"
    out.append(node(x[4:]).numpy())
    np.testing.assert_array_equal(np.concatenate(out), whole(x).numpy())


def test_v_can_be_given() -> None:
    """As a number for all, and as an array, of integers too."""
    x = normal(4, 2, 3)
    for v in (
        0.5,
        1,
        np.float32(0.5),
        Tensor(0.5),
        np.array([[1, 0, 1], [2, 1, 0]]),
        np.full((2, 3), 0.25),
        [[0.5] * 3] * 2,
    ):
        node, expected = nn.LIFNode(step_mode="m"), nn.LIFNode(step_mode="m")
        node.v, expected.v = v, Tensor(np.broadcast_to(np.asarray(v, np.float32), (2, 3)))
        np.testing.assert_array_equal(node(x).numpy(), expected(x).numpy())
        np.testing.assert_array_equal(node.v.numpy(), expected.v.numpy())


# --- reset and detach
def test_reset_net_forgets() -> None:
    x = normal(5, 4, 3)
    node = nn.LIFNode(v_reset=-0.5, step_mode="m", store_v_seq=True)
    first = node(x).numpy()
    second = node(x).numpy()
    assert (first != second).any()
    F.reset_net(node)
    assert node.v == -0.5
    assert node.v_seq is None
    np.testing.assert_array_equal(node(x).numpy(), first)
    assert nn.IFNode(v_reset=None).v == 0.0


def test_detach_net_keeps_the_state_and_cuts_the_gradient() -> None:
    a, b, g = normal(3, 4), normal(3, 4, seed=1), normal(3, 4, seed=2)
    alone = nn.LIFNode(step_mode="m")
    alone(a)
    alone.v = alone.v.numpy()  # a state without history
    xb = Tensor(b, requires_grad=True)
    expected = alone(xb)
    expected.backward(g)

    node = nn.LIFNode(step_mode="m")
    first, second = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    node(first)
    F.detach_net(node)
    out = node(second)
    np.testing.assert_array_equal(out.numpy(), expected.numpy())
    out.backward(g)
    assert first.grad is None
    np.testing.assert_array_equal(second.grad.numpy(), xb.grad.numpy())


def test_truncated_training_goes_on_after_detach_net() -> None:
    """Without it, the second backward reaches the first graph, and the message says what to do."""
    x = normal(3, 2, 4)
    for cut in (True, False):
        model = nn.Sequential(nn.SeqToANNContainer(nn.Linear(4, 3)), nn.LIFNode(step_mode="m"))
        model(x).sum().backward()
        if cut:
            F.detach_net(model)
            model(x).sum().backward()
            assert model[0][0].weight.grad is not None
        else:
            with pytest.raises(RuntimeError, match=r"reset_net.*detach_net"):
                model(x).sum().backward()


class Nested(nn.Module):
    """Neurons in every place where a module may keep them."""

    def __init__(self) -> None:
        self.plain = nn.IFNode()
        self.listed = [nn.IFNode(), (nn.LIFNode(), [nn.IFNode()])]
        self.named = {"a": nn.IFNode(), "b": {"c": nn.ParametricLIFNode()}}
        self.container = nn.Sequential(nn.MultiStepContainer(nn.Sequential(nn.IFNode())), nn.ModuleList([nn.IFNode()]))

    def neurons(self) -> list[nn.BaseNode]:
        return [m for m in self.modules() if isinstance(m, nn.BaseNode)]


def test_every_depth_is_reached() -> None:
    model = Nested()
    assert len(model.neurons()) == 8
    for node in model.neurons():
        node.v = Tensor([1.0], requires_grad=True) * 1.0
    F.detach_net(model)
    assert all(n.v.is_leaf and not n.v.requires_grad for n in model.neurons())
    F.set_step_mode(model, "m")
    assert all(n.step_mode == "m" for n in model.neurons())
    F.reset_net(model)
    assert all(n.v == 0.0 for n in model.neurons())


# --- errors
def test_wrong_arguments() -> None:
    for kind in (nn.IFNode, nn.LIFNode, nn.ParametricLIFNode):
        for name in ("v_threshold", "v_reset"):
            for value in (float("nan"), -float("inf")):
                with pytest.raises(ValueError, match=f"{kind.__name__}: {name} must be finite, got {value}"):
                    kind(**{name: value})
            with pytest.raises(TypeError, match=f"{name} must be a number, got 'high'"):
                kind(**{name: "high"})
        with pytest.raises(ValueError, match=r"unknown step_mode, got 'x'; expected one of 's', 'm'"):
            kind(step_mode="x")
        for surrogate in (nn.ATan, abs, "ATan", 2.0):
            with pytest.raises(TypeError, match=r"surrogate_function must be a SurrogateFunction such as nn.ATan\(\)"):
                kind(surrogate_function=surrogate)
    for tau in (0.999, 0, -1.0):
        with pytest.raises(ValueError, match=f"LIFNode: tau is too small, got {tau}; expected at least 1"):
            nn.LIFNode(tau=tau)
    for tau in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="LIFNode: tau must be finite"):
            nn.LIFNode(tau=tau)
        with pytest.raises(ValueError, match="ParametricLIFNode: init_tau must be finite"):
            nn.ParametricLIFNode(init_tau=tau)
    for tau in (1, 1.0, 0.5):
        with pytest.raises(
            ValueError, match=f"ParametricLIFNode: init_tau is too small, got {tau}; expected more than 1"
        ):
            nn.ParametricLIFNode(init_tau=tau)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_threshold": float("nan")}, "v_threshold must be finite, got nan"),
        ({"v_reset": float("inf")}, "v_reset must be finite"),
        ({"v_threshold": None}, "v_threshold must be a number, got None"),
        ({"tau": 0.5}, "tau is too small, got 0.5"),
        ({"tau": float("nan")}, "tau must be finite, got nan"),
        ({"step_mode": "x"}, "unknown step_mode, got 'x'"),
        ({"surrogate_function": None}, "surrogate_function must be a SurrogateFunction"),
        ({"surrogate_function": nn.ATan}, "surrogate_function must be a SurrogateFunction"),
    ],
)
@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_value_made_wrong_later_is_found_before_anything_runs(
    change: dict[str, Any], message: str, mode: str
) -> None:
    node = nn.LIFNode(step_mode=mode)
    node(normal(3, 4))
    before = snapshot(node)
    for name, value in change.items():
        setattr(node, name, value)
    with pytest.raises((ValueError, TypeError), match=message):
        node(normal(3, 4))
    assert snapshot(node) == before


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("make", LEAKY)
def test_a_state_of_another_shape(make: Callable[..., nn.BaseNode], mode: str) -> None:
    node = make(step_mode=mode)
    node(normal(2, 4, 3))
    before = snapshot(node)
    for shape in ((2, 5, 3), (2, 4, 1), (2, 4, 3, 1), (2, 3)):
        with pytest.raises(ValueError, match=r"another shape.*\d+.*Call functional.reset_net\(model\)"):
            node(normal(*(shape if mode == "m" else (shape[1:]))))
    assert snapshot(node) == before
    F.reset_net(node)
    assert node(normal(2, 5, 3)).shape == (2, 5, 3)


def test_an_input_without_time_steps() -> None:
    node = nn.LIFNode(step_mode="m")
    for x in (np.zeros((0, 3)), np.zeros((0, 0)), np.float32(1.0)):
        with pytest.raises(ValueError, match=r"LIFNode: step_mode 'm' needs a sequence, got shape .*expected \(T, N"):
            node(x)
    assert node.v == 0.0
    node.step_mode = "s"
    assert node(np.float32(2.0)).shape == ()
    F.reset_net(node)
    assert node(np.zeros((0, 3))).shape == (0, 3)
    assert node.v.shape == (0, 3)


def test_a_sequence_given_in_single_step_mode_is_guessed() -> None:
    node = nn.LIFNode()
    node(normal(4, 3))
    with pytest.raises(ValueError, match="Or is this a sequence"):
        node(normal(9, 4, 3))


def test_functions_refuse_what_is_no_module() -> None:
    for function in (F.reset_net, F.detach_net, lambda m: F.set_step_mode(m, "m")):
        with pytest.raises(TypeError, match="expected a grillyx.nn.Module, got list"):
            function([nn.IFNode()])
    node = nn.IFNode()
    with pytest.raises(ValueError, match="set_step_mode: unknown step_mode, got 'multi'"):
        F.set_step_mode(node, "multi")
    assert node.step_mode == "s"
