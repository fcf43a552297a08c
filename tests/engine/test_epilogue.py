"""Products take what is applied to them into their own kernel, where nobody else needs the product itself."""

import functools

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


@functools.cache
def given() -> tuple[Tensor, ...]:
    """X, W, B and R on the device, before anything is counted: in staged memory, an upload is a dispatch too."""
    return Tensor(X), Tensor(W), Tensor(B), Tensor(R)


def product() -> Tensor:
    return F.linear(*given()[:3])


def spent(code) -> tuple[int, np.ndarray]:
    given()
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
    "residual": (lambda: product() + given()[3], PLAIN + R),
    "residual before": (lambda: given()[3] + product(), PLAIN + R),
    "residual and relu": (lambda: F.relu(product() + given()[3]), np.maximum(PLAIN + R, 0)),
    "scale": (lambda: product() * given()[3], PLAIN * R),
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
    optimizer, loss_fn, labels = optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), Tensor(np.arange(5) % 4)

    def step() -> Tensor:
        loss = loss_fn(model(given()[0]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        step().numpy()
    # forward 2, loss 1, its seed and gradient 2, two biases, two weights, one layer back with relu's mask, the update
    assert spent(step)[0] == 11


def test_a_product_of_what_the_same_kernel_stores() -> None:
    """The fused kernel would store h, and the product that it reads needs h: the product comes first."""
    x, w = floats(64, 64), floats(64, 64)
    for _ in range(3):
        grillyx.empty_cache()
        t, u = Tensor(x), Tensor(w)
        h = F.exp(t * 0.1)
        j = h @ u
        z = j + F.sin(h)
        want_h = np.exp(x * 0.1)
        np.testing.assert_allclose(z.numpy(), want_h @ w + np.sin(want_h), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(j.numpy(), want_h @ w, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(h.numpy(), want_h, rtol=1e-5)


def test_no_buffer_is_lost() -> None:
    x, w = Tensor(floats(32, 32)), Tensor(floats(32, 32))
    held = []
    for _ in range(5):
        a = x * 2.0
        b = F.tanh(a) @ w
        c = b + F.sin(a)
        c.numpy()
        held.append(counters()["live_buffers"])
    assert held[1:] == held[:1] * 4


def test_loops_over_products_have_no_depth() -> None:
    w = np.eye(4, dtype=np.float32)
    y = Tensor(np.full((2, 4), 0.5))
    t = Tensor(w, requires_grad=True)
    for _ in range(400):
        y = F.tanh(y @ t)
    want = 0.5
    for _ in range(400):
        want = np.tanh(want)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-4)
    y.sum().backward()
    assert t.grad is not None
    assert np.isfinite(t.grad.numpy()).all()


def test_a_change_in_place_asks_little() -> None:
    """What reads a storage is found without walking over every path of a net whose branches meet again and again."""
    v, w = Tensor(floats(3, 3)), Tensor(floats(3, 3))
    y, kept = Tensor(floats(2, 3)), []
    for _ in range(60):
        y = F.tanh(y @ w) * F.sigmoid(y @ v)
        kept.append(y)
    p = Tensor(np.ones(3), requires_grad=True)
    twice = p * 2.0
    with grillyx.no_grad():
        p += 1.0
    np.testing.assert_array_equal(twice.numpy(), 2.0)


@pytest.mark.parametrize("through", ["product", "chain"])
def test_relu_stops_infinite_gradients(through: str) -> None:
    x = Tensor(np.array([[-1.0, 2.0]]), requires_grad=True)
    y = F.relu(x)
    if through == "product":
        (y @ Tensor(np.array([[np.inf], [np.inf]]))).sum().backward()
    else:
        (y * Tensor(np.array([[np.inf, np.inf]]))).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [[0.0, np.inf]])
