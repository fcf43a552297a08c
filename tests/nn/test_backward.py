"""`Module.backward(grad)`: the same as loss.backward(), the gradient of the input, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


def snn() -> nn.Sequential:
    grillyx.manual_seed(7)
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(5, 6)), nn.LIFNode(step_mode="m"), nn.SeqToANNContainer(nn.Linear(6, 3)),
        nn.ParametricLIFNode(step_mode="m"),
    )  # fmt: skip


def grads_of(model: nn.Module) -> dict[str, np.ndarray]:
    return {k: p.grad.numpy() for k, p in model.named_parameters()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for k in a:
        np.testing.assert_allclose(a[k], b[k], 1e-5, 1e-6)


def by_tape(model: nn.Module, x: np.ndarray, g: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What loss.backward() gives for ``loss = sum(g * model(x))``."""
    t = Tensor(x, requires_grad=True)
    (model(t) * g).sum().backward()
    return grads_of(model), t.grad.numpy()


# --- equal to the tape
@pytest.mark.parametrize(
    "wrap", [np.asarray, Tensor, lambda a: Tensor(a, requires_grad=True), lambda a: a.astype(np.float64)]
)
def test_equals_loss_backward(wrap: Callable[[np.ndarray], Any]) -> None:
    x, g = normal(4, 2, 5), normal(4, 2, 3, seed=1)
    want, want_x = by_tape(snn(), x, g)
    model, given = snn(), wrap(x)
    model(given)
    got = model.backward(g)
    assert isinstance(got, Tensor)
    same(grads_of(model), want)
    np.testing.assert_allclose(got.numpy(), want_x, 1e-5, 1e-6)
    if isinstance(given, Tensor):
        assert (given.grad is not None) == given.requires_grad
        if given.requires_grad:
            np.testing.assert_allclose(given.grad.numpy(), want_x, 1e-5, 1e-6)


def test_gradients_accumulate() -> None:
    x, g = normal(4, 2, 5), normal(4, 2, 3, seed=1)
    want, _ = by_tape(snn(), x, g)
    model = snn()
    for _ in range(2):
        F.reset_net(model)
        model(x)
        model.backward(g)
    same(grads_of(model), {k: 2 * v for k, v in want.items()})


def test_without_the_time_axis_it_is_the_gradient_of_the_mean() -> None:
    x, g = normal(4, 2, 5), normal(2, 3, seed=1)
    want, want_x = by_tape(snn(), x, np.broadcast_to(g / 4.0, (4, 2, 3)))
    model = snn()
    out = model(x)
    got = model.backward(g)
    same(grads_of(model), want)
    np.testing.assert_allclose(got.numpy(), want_x, 1e-5, 1e-6)
    again = snn()
    (again(x).mean(axis=0) * g).sum().backward()
    same(grads_of(model), grads_of(again))
    assert out.shape == (4, 2, 3)


def test_the_chain_of_the_explicit_protocol() -> None:
    """loss_fn.backward, then model.backward, is loss.backward()."""
    x, labels = normal(4, 8, 5), np.arange(8) % 3
    model, loss_fn = snn(), nn.CrossEntropyLoss()
    rate = model(x).mean(axis=0)
    loss = loss_fn(rate, labels)
    grad = loss_fn.backward(np.ones_like(loss), rate, labels)
    assert grad.shape == rate.shape
    model.backward(grad)
    other = snn()
    loss_fn(other(x).mean(axis=0), labels).backward()
    same(grads_of(model), grads_of(other))


def test_layer_by_layer() -> None:
    """Each module called and driven back by itself."""
    x, g = normal(3, 2, 5), normal(3, 2, 3, seed=1)
    want, want_x = by_tape(snn(), x, g)
    model, out = snn(), x
    for layer in model:
        out = layer(out)
    for layer in reversed(list(model)):
        g = layer.backward(g)
    same(grads_of(model), want)
    np.testing.assert_allclose(np.asarray(g), want_x, 1e-5, 1e-6)


ALONE: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.Linear(3, 2), (4, 3)), (nn.ReLU, (4, 3)), (nn.LeakyReLU, (4,)), (nn.GELU, (4, 3)), (nn.SiLU, (4, 3)),
    (nn.Tanh, (4, 3)), (nn.Sigmoid, (4, 3)), (lambda: nn.Sigmoid(4.0), (4, 3)), (nn.Softmax, (4, 3)),
    (nn.Identity, (4, 3)), (nn.ELU, (4, 3)), (nn.Softplus, (4, 3)),
    (lambda: nn.LayerNorm(3), (4, 3)), (lambda: nn.RMSNorm((2, 3)), (4, 2, 3)), (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    (nn.Flatten, (4, 3, 2)), (lambda: nn.Dropout(0.0), (4, 3)), (lambda: nn.Dropout(0.5).eval(), (4, 3)),
    (lambda: nn.MaxPool2d(2), (1, 2, 4, 4)), (lambda: nn.AvgPool2d(2), (1, 2, 4, 4)), (nn.IFNode, (4, 3)),
    (nn.LIFNode, (4, 3)), (lambda: nn.LIFNode(step_mode="m"), (4, 2, 3)),
    (lambda: nn.ParametricLIFNode(step_mode="m"), (4, 3)),
    (lambda: nn.SeqToANNContainer(nn.Linear(3, 2)), (4, 2, 3)),
    (lambda: nn.MultiStepContainer(nn.LIFNode()), (3, 2, 3)),
    (lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (4, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), ALONE)
def test_every_module_alone(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    grillyx.manual_seed(3)
    module, x = make(), normal(*shape)
    t = Tensor(x, requires_grad=True)
    out = module(t)
    g = normal(*out.shape, seed=1)
    out.backward(g)
    want = {k: p.grad.numpy() for k, p in module.named_parameters()}
    module.zero_grad()
    F.reset_net(module)
    module(x)
    got = module.backward(g)
    np.testing.assert_allclose(got.numpy(), t.grad.numpy(), 1e-5, 1e-6)
    assert np.abs(t.grad.numpy()).max() > 0
    same(grads_of(module), want)


def test_several_inputs_and_outputs() -> None:
    class Both(nn.Module):
        def forward(self, a: Any, b: Any) -> tuple[Tensor, Tensor]:
            return a * b, a + 2.0 * b

    a, b, g = normal(3), normal(3, seed=1), normal(3, seed=2)
    module = Both()
    module(a, b)
    ga, gb = module.backward((g, g))
    np.testing.assert_allclose(ga.numpy(), g * b + g, 1e-6)
    np.testing.assert_allclose(gb.numpy(), g * a + 2 * g, 1e-6)
    module(a, b)
    ga, gb = module.backward((None, g))
    np.testing.assert_allclose(gb.numpy(), 2 * g, 1e-6)
    module(a, b)
    with pytest.raises(ValueError, match="Both.backward: got 1 gradients; expected 2"):
        module.backward((g,))
    same_input = Tensor(a)
    module(same_input, same_input)
    ga, gb = module.backward((g, None))
    np.testing.assert_allclose(ga.numpy() + gb.numpy(), 2 * g * a, 1e-5)


def test_the_first_of_several_outputs() -> None:
    class Nested(nn.Module):
        def forward(self, a: Any) -> tuple[Any, ...]:
            return a * 2.0, None, (a * 3.0, a * 5.0)

    a, g = normal(3), normal(3, seed=1)
    for grad, factor in (
        (g, 2.0), (Tensor(g), 2.0), ((g, None, None), 2.0), ((None, None, (None, g)), 5.0), ([g, None, (g, g)], 10.0),
    ):  # fmt: skip
        module = Nested()
        out = module(a)
        np.testing.assert_allclose(module.backward(grad).numpy(), factor * g, 1e-6)
        del out
    module = Nested()
    out = module(a)
    with pytest.raises(ValueError, match=r"Nested.backward: got 3 gradients; expected 2, one for each output"):
        module.backward((g, None, (g, g, g)))
    with pytest.raises(
        ValueError, match=r"Nested.backward: the gradient has the wrong shape, got \(2,\); expected \(3,\)"
    ):
        module.backward(np.ones(2))
    with pytest.raises(RuntimeError, match=r"the output of the last call is gone.*give None for one that is None"):
        module.backward((g, g, None))
    np.testing.assert_allclose(module.backward(g).numpy(), 2.0 * g, 1e-6)  # nothing had been used up
    del out


SEVERAL: list[tuple[Callable[[], nn.Module], dict[str, Any], Callable[[Any], tuple]]] = [
    (lambda: nn.LSTM(5, 4, 2), {}, lambda out: (out[0], *out[1])),
    (lambda: nn.GRU(5, 4, bidirectional=True), {}, lambda out: out),
    (lambda: nn.MultiheadAttention(5, 1), {"need_weights": False}, lambda out: out[:1]),
    (lambda: nn.MultiheadAttention(5, 1), {"need_weights": True}, lambda out: out),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(SEVERAL)))
@pytest.mark.parametrize("all_of_them", [False, True])
def test_layers_with_several_outputs(k: int, all_of_them: bool) -> None:
    make, options, flat = SEVERAL[k]
    found = []
    for by_hand in (False, True):
        grillyx.manual_seed(7)
        module = make()
        count = 3 if k > 1 else 1
        x = [Tensor(normal(4, 2, 5, seed=j), requires_grad=not by_hand) for j in range(count)]
        out = module(*x, **options)
        parts = flat(out)
        g = [normal(*p.shape, seed=j) for j, p in enumerate(parts)]
        if not by_hand:
            sum(
                (p * w).sum() for p, w in (list(zip(parts, g, strict=True)) if all_of_them else [(parts[0], g[0])])
            ).backward()
            gx = [t.grad for t in x]
        else:
            like = {0: (g[0], tuple(g[1:])), 1: tuple(g), 2: (g[0], None), 3: tuple(g)}[k]
            got = module.backward(like if all_of_them else g[0])
            gx = list(got) if count > 1 else [got]
        found.append({f"x{j}": t.numpy() for j, t in enumerate(gx)} | grads_of(module))
    assert np.abs(found[0]["x0"]).max() > 0
    same(*found)


def test_an_input_that_is_not_used_or_holds_integers() -> None:
    class Half(nn.Module):
        def forward(self, a: Any, b: Any) -> Tensor:
            return a * 3.0

    module = Half()
    module(normal(3), normal(2))
    ga, gb = module.backward(np.ones(3))
    np.testing.assert_array_equal(ga.numpy(), [3, 3, 3])
    np.testing.assert_array_equal(gb.numpy(), [0, 0])
    linear = nn.Linear(3, 2)
    linear(np.array([[1, 0, 1]]))
    assert linear.backward(np.ones((1, 2))).shape == (1, 3)
    np.testing.assert_array_equal(linear.weight.grad.numpy(), [[1, 0, 1]] * 2)


# --- lazily
def test_the_gradient_of_the_input_costs_nothing_until_it_is_read() -> None:
    x, g = Tensor(normal(8, 5)), Tensor(normal(8, 3, seed=1))
    counts = []
    for read in (False, True):
        model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
        model(x)
        grillyx.synchronize()
        before = grillyx.counters()["dispatches"]
        got = model.backward(g)
        grillyx.synchronize()
        needed = grillyx.counters()["dispatches"] - before
        if read:
            got.array.storage.compute()
            assert got.shape == (8, 5)
            assert grillyx.counters()["dispatches"] - before == needed + 1  # g @ weight of the first layer
        counts.append(needed)
        assert all(p.grad is not None for p in model.parameters())
    assert counts[0] == counts[1]


def test_nothing_at_all_is_computed_for_frozen_layers_in_front() -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    model[0].requires_grad_(False)
    x, g = normal(8, 5), normal(8, 3, seed=1)
    _, want = by_tape(nn.Sequential(model[0], model[1], model[2]).requires_grad_(), x, g)
    model.requires_grad_().zero_grad()
    model[0].requires_grad_(False)
    model(x)
    got = model.backward(g)
    assert model[0].weight.grad is None
    assert model[2].weight.grad is not None
    np.testing.assert_allclose(got.numpy(), want, 1e-5, 1e-6)


@pytest.mark.parametrize("change", ["copy_", "load", "optimizer"])
def test_it_is_right_even_when_read_after_the_weights_changed(change: str) -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    x, g = normal(8, 5), normal(8, 3, seed=1)
    _, want = by_tape(model, x, g)
    model.zero_grad()
    model(x)
    got = model.backward(g)
    if change == "copy_":
        for p in model.parameters():
            p.copy_(np.zeros(p.shape))
    elif change == "load":
        model.load_state_dict({k: 0 * v for k, v in model.state_dict().items()})
    else:
        grillyx.optim.SGD(model.parameters(), lr=10.0).step()
    np.testing.assert_allclose(got.numpy(), want, 1e-5, 1e-6)


# --- errors
def test_backward_before_forward() -> None:
    for module in (nn.Linear(3, 2), nn.LIFNode(), snn()):
        with pytest.raises(
            RuntimeError, match=f"{type(module).__name__}.backward: no forward pass to continue from; call"
        ):
            module.backward(np.ones((1, 2)))


def test_under_no_grad() -> None:
    for module in (nn.Linear(3, 2), nn.LIFNode()):
        module(np.ones((1, 3)))
        with grillyx.no_grad():
            shape = module(np.ones((1, 3))).shape
        with pytest.raises(RuntimeError, match=r"no forward pass to continue from; .*not under no_grad"):
            module.backward(np.ones(shape))


def test_nothing_to_differentiate() -> None:
    node = nn.LIFNode()
    node(np.array([0, 1, 2]))
    with pytest.raises(RuntimeError, match="recorded nothing; no parameter in it learns, and no input holds floats"):
        node.backward(np.ones(3))


def test_wrong_shapes_change_nothing() -> None:
    model = snn()
    model(normal(4, 2, 5))
    for shape in ((4, 2), (3, 2, 3), (4, 2, 1), (2, 1), (), (1, 4, 2, 3)):
        with pytest.raises(
            ValueError, match=r"Sequential.backward: .*expected \(4, 2, 3\), or \(2, 3\) for the mean over"
        ):
            model.backward(np.ones(shape))
    assert all(p.grad is None for p in model.parameters())
    model.backward(np.ones((2, 3)))  # the graph is still there


def test_a_second_backward() -> None:
    model = snn()
    model(normal(4, 2, 5))
    model.backward(np.ones((2, 3)))
    with pytest.raises(RuntimeError, match=r"already used up.*reset_net"):
        model.backward(np.ones((2, 3)))


def test_weights_changed_between_forward_and_backward() -> None:
    model = nn.Linear(3, 2)
    model(np.ones((1, 3)))
    model.weight.copy_(np.zeros((2, 3)))
    with pytest.raises(RuntimeError, match=r"was changed in place after the forward pass.*before optimizer.step\(\)"):
        model.backward(np.ones((1, 2)))


def test_an_output_that_is_gone() -> None:
    """A module inside another keeps no tensors alive; its own backward needs its output."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model(np.ones((1, 3)))
    model.backward(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match="Linear.backward: the output of the last call is gone; keep a reference"):
        model[0].backward(np.ones((1, 4)))
