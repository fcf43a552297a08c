"""Layer norm, RMS norm, group norm."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx.ops import norm as norm_ops
from tests.helpers import check

EPS = 0.01  # so that rows of one element, or of equal ones, have slopes that differences can measure
SHAPES = [
    ((1,), 1),
    ((3, 5), 1),
    ((7, 8), 1),
    ((4, 33), 1),
    ((2, 3, 4, 5), 2),
    ((3, 70), 1),
    ((20, 4), 1),
    ((0, 3), 1),
    ((40, 3), 1),
]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


def rows(x: np.ndarray, axes: tuple[int, ...], center: bool = True) -> np.ndarray:
    z = x - x.mean(axes, keepdims=True) if center else x
    return z / np.sqrt((z * z).mean(axes, keepdims=True) + EPS)


@pytest.fixture(params=["runs", "neighbours", "composed"])
def body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "composed":
        monkeypatch.setattr(norm_ops, "LONGEST_ROW", 0)
    else:
        monkeypatch.setenv("GRILLYX_REDUCE", request.param)


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize(("shape", "count"), SHAPES)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "none"])
def test_layer_norm(shape: tuple[int, ...], count: int, affine: str) -> None:
    own, axes = shape[-count:], tuple(range(len(shape) - count, len(shape)))
    w, b = affine in ("both", "weight"), affine in ("both", "bias")
    given = [normal(*own, seed=1)] * w + [normal(*own, seed=2)] * b

    def split(values):
        return (values[0] if w else None), (values[-1] if b else None)

    def reference(x, *values):
        weight, bias = split(values)
        y = rows(x, axes)
        return y * (1 if weight is None else weight) + (0 if bias is None else bias)

    check(
        lambda x, *v: F.layer_norm(x, own, *split(v), eps=EPS), reference, normal(*shape), *given, rtol=2e-5, atol=1e-5
    )


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize(("shape", "count"), SHAPES)
@pytest.mark.parametrize("weighted", [True, False])
def test_rms_norm(shape: tuple[int, ...], count: int, weighted: bool) -> None:
    own, axes = shape[-count:], tuple(range(len(shape) - count, len(shape)))
    given = [normal(*own, seed=1)] * weighted
    check(
        lambda x, *w: F.rms_norm(x, own, *w, eps=EPS),
        lambda x, *w: rows(x, axes, False) * (w[0] if w else 1),
        normal(*shape), *given, rtol=2e-5, atol=1e-5,
    )  # fmt: skip


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize(
    ("shape", "groups"),
    [((2, 4), 2), ((3, 6, 5), 3), ((2, 4, 2, 2), 2), ((2, 6, 8), 1), ((1, 5, 3, 3), 5), ((0, 4, 2), 2), ((2, 4, 0), 2),
     ((2, 3, 36), 1)],
)  # fmt: skip
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(shape: tuple[int, ...], groups: int, affine: bool) -> None:
    if shape[-1] == 0 and norm_ops.LONGEST_ROW == 0:
        pytest.skip("no row, so none that is too long")
    own = shape[1:2]
    column = (*own, *(1 for _ in shape[2:]))

    def reference(x, *v):
        if x.size == 0:
            return x
        y = rows(x.reshape(shape[0], groups, -1), (2,)).reshape(shape)
        return y * v[0].reshape(column) + v[1].reshape(column) if v else y

    given = [normal(*own, seed=1), normal(*own, seed=2)] if affine else []
    check(lambda x, *v: F.group_norm(x, groups, *v, eps=EPS), reference, normal(*shape), *given, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("rows_", [4999, 40_000, 4 * norm_ops.LONGEST_ROW + 4])
def test_long_rows(rows_: int) -> None:
    x = normal(2, rows_) + 3
    y = F.layer_norm(x, rows_, eps=EPS).numpy()
    np.testing.assert_allclose(y, rows(x.astype(np.float64), (1,)), 1e-4, 1e-4)
    wide = x.reshape(1, 2, rows_)
    y = F.group_norm(wide, 1, [2.0, 3.0], eps=EPS).numpy()
    want = rows(wide.astype(np.float64), (1, 2)) * np.array([[2.0], [3.0]])
    np.testing.assert_allclose(y, want, 1e-4, 1e-4)


def test_a_large_mean_does_not_spoil_the_variance() -> None:
    x = normal(5, 64) + 1000
    np.testing.assert_allclose(F.layer_norm(x, 64).numpy(), rows(x.astype(np.float64), (1,)), atol=0.02)


def test_errors() -> None:
    x = np.ones((2, 4))
    for shape in (3, (2, 3), (), (1, 2, 4)):
        with pytest.raises(ValueError, match="layer_norm: the last axes of the input must be normalized_shape"):
            F.layer_norm(x, shape)
    with pytest.raises(ValueError, match=r"rms_norm: the weight has the wrong shape, got \(2,\); expected \(4,\)"):
        F.rms_norm(x, 4, np.ones(2))
    with pytest.raises(ValueError, match=r"layer_norm: the bias has the wrong shape, got \(1,\)"):
        F.layer_norm(x, 4, None, np.ones(1))
    with pytest.raises(ValueError, match="eps is not negative, got -1"):
        F.layer_norm(x, 4, eps=-1)
    for value, groups in ((x, 3), (x, 0), (np.ones(4), 2)):
        with pytest.raises(ValueError, match="group_norm: expected an input"):
            F.group_norm(value, groups)
