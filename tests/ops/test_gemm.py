"""The one entry to matrix products: every kind, stride, alignment and epilogue, by both bodies, against float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from grillyx.engine.array import INT, Array, from_numpy
from grillyx.engine.device import current_device
from grillyx.ops import gemm, gemm_plan
from grillyx.ops.gemm import NN, NT, TN, Matrices, product
from tests.helpers import exact, same, use_body

pytestmark = pytest.mark.usefixtures("poisoned")
KINDS = {"nn": NN, "nt": NT, "tn": TN}
ACTIVATIONS: dict[str, Any] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": lambda x: 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0))),
    "silu": lambda x: x / (1.0 + np.exp(-x)),
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "tanh": np.tanh,
}
rng = np.random.default_rng(0)


@pytest.fixture(params=gemm.BODIES, autouse=True)
def body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    use_body(monkeypatch, request.param)
    return request.param


def draw(*shape: int) -> tuple[np.ndarray, Array]:
    values = rng.standard_normal(shape).astype(np.float32)
    return exact(values), from_numpy(values)


def operands(kind: str, m: int, k: int, n: int, lead: tuple[int, ...] = ()) -> tuple[np.ndarray, Array, Array]:
    """The product of two matrices, and they as the kind stores them."""
    a, x = draw(*lead, *((k, m) if kind == "tn" else (m, k)))
    b, y = draw(*lead, *((n, k) if kind == "nt" else (k, n)))
    return (a.swapaxes(-1, -2) if kind == "tn" else a) @ (b.swapaxes(-1, -2) if kind == "nt" else b), x, y


# one tile and several, whole and with edges, by each size of tile; k of 1, of whole quads and not
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 8, 31, 68, 200])
@pytest.mark.parametrize("k", [1, 6, 36, 131])
@pytest.mark.parametrize("n", [1, 12, 34, 160])
def test_kinds_and_sizes(kind: str, m: int, k: int, n: int) -> None:
    want, x, y = operands(kind, m, k, n)
    same(product(x, y, KINDS[kind]).numpy(), want, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k", "n"), [(20, 16, 36), (9, 7, 5), (70, 600, 40)])
@pytest.mark.parametrize("activation", gemm.ACTIVATIONS)
@pytest.mark.parametrize("extra", ["", "residual", "mask", "scale"])
def test_epilogues(kind: str, m: int, k: int, n: int, activation: str, extra: str) -> None:
    want, x, y = operands(kind, m, k, n)
    bias, given_bias = draw(n)
    e, _ = draw(m, n)
    e = np.where(e < 0.5, 0.0, e) if extra == "mask" else e
    given = {extra: from_numpy(e)} if extra else {}
    want = ACTIVATIONS[activation](want + bias + (e if extra == "residual" else 0.0))
    want *= {"mask": e != 0, "scale": e}.get(extra, 1.0)
    same(product(x, y, KINDS[kind], given_bias, activation, **given).numpy(), want, atol=1e-4)
    if activation == "relu" and not extra:
        same(product(x, y, KINDS[kind], activation="relu").numpy() > 0, operands_positive(x, y, kind))


def operands_positive(x: Array, y: Array, kind: str) -> np.ndarray:
    a, b = x.numpy().astype(np.float64), y.numpy().astype(np.float64)
    return (a.T if kind == "tn" else a) @ (b.T if kind == "nt" else b) > 0


def test_a_mask_hides_what_is_not_a_number_and_relu_does_not() -> None:
    x, y = from_numpy(np.array([[np.nan], [1.0]], np.float32)), from_numpy(np.ones((1, 2), np.float32))
    mask = from_numpy(np.array([[0.0, 1.0], [0.0, 1.0]], np.float32))
    np.testing.assert_array_equal(product(x, y, NN, activation="relu", mask=mask).numpy(), [[0, np.nan], [0, 1]])
    np.testing.assert_array_equal(product(x, y, NN, activation="relu").numpy(), [[np.nan] * 2, [1, 1]])


# slices of larger matrices: rows and starts of whole quads, and not
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", [8, 5])
@pytest.mark.parametrize("pad", [12, 9])
@pytest.mark.parametrize(("m", "k", "n"), [(36, 20, 40), (11, 10, 7), (1, 1, 1)])
def test_slices_of_larger_matrices(kind: str, start: int, pad: int, m: int, k: int, n: int) -> None:
    big: list[np.ndarray] = []
    given = []
    for rows, columns in ((k, m) if kind == "tn" else (m, k), (n, k) if kind == "nt" else (k, n), (m, n)):
        whole, _ = draw(rows + 2, columns + pad)
        whole[0] = whole[-1] = np.nan  # nothing outside may be read into a sum
        whole[:, start % 8 + columns :] = np.nan
        big.append(whole)
        ld = columns + pad
        given.append(Matrices(from_numpy(whole), rows, columns, ld, ld + start % 8))
    a, b, c = (w[1:-1, start % 8 : start % 8 + g.columns] for w, g in zip(big, given, strict=True))
    want = big[2].copy()
    want[1:-1, start % 8 : start % 8 + n] = (a.T if kind == "tn" else a) @ (b.T if kind == "nt" else b)
    assert c.shape == (m, n)
    version = given[2].array.storage.version
    out = product(given[0], given[1], KINDS[kind], out=given[2])
    same(out.numpy(), want, atol=2e-5)
    assert out is given[2].array
    assert out.storage.version == version + 1


@pytest.mark.parametrize("width", [4, 3])
def test_heads_of_one_array(width: int) -> None:
    """Scores of attention from (batch, time, heads, width) without a copy, and what they weigh."""
    batch, time, heads = 2, 5, 3
    q, x = draw(batch, time, heads, width)
    k, y = draw(batch, time, heads, width)
    ld = heads * width

    def of(v: Array) -> Matrices:
        return Matrices(v, time, width, ld, 0, (batch, time * ld), (heads, width))

    scores = product(of(x), of(y), NT)
    want = np.einsum("bthw,bshw->bhts", q, k)
    same(scores.numpy(), want, atol=1e-5)
    _, target = draw(batch, time, heads, width)
    product(scores_of(scores), of(y), NN, out=of(target))
    same(target.numpy(), np.einsum("bhts,bshw->bthw", want, k), atol=1e-4)


def scores_of(x: Array) -> Matrices:
    b, h, t, s = x.shape
    return Matrices(x, t, s, s, 0, (b, h * t * s), (h, t * s))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("lead", "size"), [((3,), 4), ((2, 3), 5), ((2, 1), 33)])
def test_batches_with_an_epilogue(kind: str, lead: tuple[int, ...], size: int) -> None:
    want, x, y = operands(kind, size, size + 1, size, lead)
    residual, r = draw(*lead, size, size)
    bias, b = draw(size)
    same(product(x, y, KINDS[kind], b, "tanh", r).numpy(), np.tanh(want + bias + residual), atol=2e-5)


# k in several dispatches (with a last one that is short), and with rows that lie pages apart
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k", "n"), [(130, 700, 1024), (1024, 513, 36), (5, 40_000, 3)])
def test_sums_in_several_dispatches(kind: str, m: int, k: int, n: int) -> None:
    want, x, y = operands(kind, m, k, n)
    bias, b = draw(n)
    mask, given = draw(m, n)
    want = np.maximum(want + bias, 0.0) * (mask != 0)
    same(product(x, y, KINDS[kind], b, "relu", mask=given).numpy(), want, rtol=1e-4, atol=2e-3)


# 32 matrices of 2 by 2 tiles are enough work for the largest tile of a GPU: whole quads with edges, and odd sizes
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k", "n"), [(132, 16, 196), (133, 21, 131)])
def test_the_largest_tile(body: str, kind: str, m: int, k: int, n: int) -> None:
    want, x, y = operands(kind, m, k, n, (32,))
    residual, r = draw(32, m, n)
    if body == "tiled":
        chosen = gemm_plan.plan(current_device(), KINDS[kind], 32, m, n, k, x.shape[-1], y.shape[-1])
        assert (chosen.rows, chosen.columns) == (128, 128)
    same(product(x, y, KINDS[kind], activation="relu", residual=r).numpy(), np.maximum(want + residual, 0.0), atol=2e-5)


def test_sums_without_a_term() -> None:
    bias, b = draw(5)
    x, y = draw(3, 0)[1], draw(0, 5)[1]
    same(product(x, y, NN, b, "relu").numpy(), np.broadcast_to(np.maximum(bias, 0.0), (3, 5)))
    assert product(draw(2, 0, 3)[1], draw(2, 3, 4)[1], NN).shape == (2, 0, 4)


def test_the_body_is_chosen_once_a_device_and_shapes_choose_the_tile(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = current_device()
    monkeypatch.setenv("GRILLYX_GEMM", "magic")
    assert gemm.body(device) == body  # read before
    thin = gemm_plan.plan(device, TN, 1, 10, 256, 8192, 10, 256)
    large = gemm_plan.plan(device, NN, 1, 4096, 4096, 4096, 4096, 4096)
    assert thin.rows < large.rows
    if body == "tiled":
        assert (large.rows, large.columns, large.parts) == (128, 128, 1)
        assert thin.parts > 1
        assert thin.parts * thin.span == thin.chunk >= 8192
    else:
        assert large.chunk == 256  # rows of B are pages apart


def test_errors() -> None:
    x, y = draw(3, 4)[1], draw(4, 5)[1]
    with pytest.raises(ValueError, match="product: sizes do not fit together"):
        product(x, y, NT)
    with pytest.raises(ValueError, match=r"product: the bias has the wrong shape, got \(4,\); expected \(5,\)"):
        product(x, y, NN, draw(4)[1])
    with pytest.raises(ValueError, match="product: got several of residual, mask and scale"):
        product(x, y, NN, residual=draw(3, 5)[1], mask=draw(3, 5)[1])
    with pytest.raises(ValueError, match="product: residual, mask or scale has 14 elements"):
        product(x, y, NN, mask=draw(2, 7)[1])
    with pytest.raises(ValueError, match="product: matrices reach beyond their array"):
        product(Matrices(x, 3, 4, 8), y, NN)
    with pytest.raises(ValueError, match="product: the result does not fit `out`"):
        product(x, y, NN, out=Matrices(draw(5, 3)[1], 5, 3, 3))
    with pytest.raises(ValueError, match="product: takes floats, got int32"):
        product(Array(x.storage, x.shape, INT), y, NN)
    with pytest.raises(ValueError, match="product: unknown activation, got 'step'; expected one of none, relu"):
        product(x, y, NN, activation="step")


def test_an_unknown_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(gemm.CHOSEN, current_device())
    monkeypatch.setenv("GRILLYX_GEMM", "magic")
    with pytest.raises(ValueError, match="GRILLYX_GEMM: got 'magic'; expected one of"):
        product(draw(1, 1)[1], draw(1, 1)[1], NN)
