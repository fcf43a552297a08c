"""Products take what is applied to them into their own kernel, where nobody else needs the product itself."""

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim
from grillyx.engine.counters import counters
from tests.helpers import check

pytestmark = pytest.mark.usefixtures("no_garbage")
rng = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


X, W, B, R = floats(5, 7), floats(6, 7), floats(6), floats(5, 6)
PLAIN = X.astype(float) @ W.T + B


def product() -> Tensor:
    return F.linear(Tensor(X), Tensor(W), Tensor(B))


def spent(code) -> tuple[int, np.ndarray]:
    grillyx.synchronize()
    before = counters()["dispatches"]
    out = code()
    grillyx.synchronize()
    return counters()["dispatches"] - before, out.numpy()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


ALONE = {
    "itself": (product, PLAIN),
    "relu": (lambda: F.relu(product()), np.maximum(PLAIN, 0)),
    "tanh": (lambda: F.tanh(product()), np.tanh(PLAIN)),
    "sigmoid": (lambda: F.sigmoid(product()), sigmoid(PLAIN)),
    "silu": (lambda: F.silu(product()), PLAIN * sigmoid(PLAIN)),
    "residual": (lambda: product() + Tensor(R), PLAIN + R),
    "residual before": (lambda: Tensor(R) + product(), PLAIN + R),
    "residual and relu": (lambda: F.relu(product() + Tensor(R)), np.maximum(PLAIN + R, 0)),
    "scale": (lambda: product() * Tensor(R), PLAIN * R),
    "after a reshape": (lambda: F.relu(product().reshape(6, 5)), np.maximum(PLAIN, 0).reshape(6, 5)),
}


@pytest.mark.parametrize("name", ALONE)
def test_one_kernel(name: str) -> None:
    code, want = ALONE[name]
    dispatches, got = spent(code)
    assert dispatches == 1
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_a_product_that_is_held_stays() -> None:
    kept: list[Tensor] = []

    def code() -> Tensor:
        kept.append(product())
        return F.relu(kept[0])

    dispatches, got = spent(code)
    assert dispatches == 2
    np.testing.assert_allclose(kept[0].numpy(), PLAIN, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got, np.maximum(PLAIN, 0), rtol=1e-4, atol=1e-5)


def test_several_that_read_a_product() -> None:
    def code() -> Tensor:
        h = product()
        return F.relu(h) + F.exp(h * 0.1) * h

    _, got = spent(code)
    np.testing.assert_allclose(got, np.maximum(PLAIN, 0) + np.exp(PLAIN * 0.1) * PLAIN, rtol=1e-4, atol=1e-4)


def test_two_products() -> None:
    dispatches, got = spent(lambda: product() * product())
    assert dispatches == 2
    np.testing.assert_allclose(got, PLAIN * PLAIN, rtol=1e-4, atol=1e-5)


def test_broadcasting_is_no_epilogue() -> None:
    row = floats(6)
    _, got = spent(lambda: product() + Tensor(row))
    np.testing.assert_allclose(got, PLAIN + row, rtol=1e-4, atol=1e-5)


def test_what_changes_in_place_was_read_before() -> None:
    w = nn.Parameter(W)
    y = F.relu(F.linear(Tensor(X), w))
    with grillyx.no_grad():
        w *= 0.0
    np.testing.assert_allclose(y.numpy(), np.maximum(X @ W.T, 0), rtol=1e-4, atol=1e-5)
    y = Tensor(X) @ (w + 1.0).T
    w.copy_(W)
    np.testing.assert_allclose(y.numpy(), X.sum(1, keepdims=True).repeat(6, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "silu", "gelu"])
def test_gradients_through_an_epilogue(name: str) -> None:
    from scipy.special import erf

    function = {
        "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": sigmoid, "silu": lambda v: v * sigmoid(v),
        "gelu": lambda v: v * 0.5 * (1 + erf(v / np.sqrt(2))),
    }[name]  # fmt: skip
    op = getattr(F, name)

    def ours(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor) -> Tensor:
        return F.linear(op(F.linear(x, w1, b1)), w2)

    check(ours, lambda x, w1, b1, w2: function(x @ w1.T + b1) @ w2.T, X, W, B, floats(3, 6), rtol=2e-4, atol=2e-5)


def test_gradients_do_not_wait_for_a_reader() -> None:
    """A gradient that was put off would keep what it is made of: all that flows back, in place of one layer's."""
    w = nn.Parameter(W)
    F.linear(Tensor(X), w).sum().backward()
    assert w.grad is not None
    assert w.grad.array.storage.expression is None


def test_a_step_of_a_small_network() -> None:
    model = nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4))
    optimizer, loss_fn, labels = optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), np.arange(5) % 4

    def step() -> Tensor:
        loss = loss_fn(model(X), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        step().numpy()
    # forward 2, loss 1, its seed and gradient 2, two biases, two weights, one layer back with relu's mask, the update
    assert spent(step)[0] == 11
