"""Which nodes are for training, validation and testing."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.graph._inputs import generator


def split_nodes(y: Any, per_class: int = 20, val: int = 500, test: int = 1000, seed: Any = 0) -> dict[str, Any]:
    """Return masks for training, validation and testing, as those of Planetoid (Yang and others, 2016) were drawn.

    Args:
        y: classes, integers (N,).
        per_class: nodes of each class for training.
        val: of the others, nodes for validation.
        test: of the rest, nodes for testing.
        seed: an integer or a NumPy generator.

    Returns:
        ``train_mask``, ``val_mask``, ``test_mask``, booleans (N,), as a dictionary.

    Raises:
        ValueError: a class has fewer nodes, or they do not suffice for validation and testing.
    """
    y = to_numpy(y)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ValueError(f"split_nodes: y must be classes (N,), got {y.dtype} of shape {y.shape}.")
    sizes = {"per_class": per_class, "val": val, "test": test}
    for name, size in sizes.items():
        if not isinstance(size, (int, np.integer)) or size < 0:
            raise ValueError(f"split_nodes: {name} must be 0 or more, got {size!r}.")
    rng, masks = (
        generator(seed, "split_nodes", "seed"),
        {f"{name}_mask": np.zeros(len(y), bool) for name in ("train", "val", "test")},
    )
    for label, size in zip(*np.unique(y, return_counts=True), strict=True):
        if size < per_class:
            raise ValueError(
                f"split_nodes: class {label} has {size} nodes, got per_class={per_class}. Use at most {size}."
            )
        masks["train_mask"][rng.permutation(np.flatnonzero(y == label))[:per_class]] = True
    rest = rng.permutation(np.flatnonzero(~masks["train_mask"]))
    if len(rest) < val + test:
        raise ValueError(
            f"split_nodes: val and test are too large, got {val} + {test}; expected at most {len(rest)} nodes together, what "
            "training leaves."
        )
    masks["val_mask"][rest[:val]] = True
    masks["test_mask"][rest[val : val + test]] = True
    return masks
