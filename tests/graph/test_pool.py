"""From nodes to graphs: PyG's numbers, gradients, graphs without nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grillyx import Tensor
from grillyx.graph import Graph, global_add_pool, global_max_pool, global_mean_pool
from tests.helpers import check

PYG = np.load(Path(__file__).parents[1] / "data" / "pyg_conventions.npz")
POOLS = {"add": (global_add_pool, np.sum), "mean": (global_mean_pool, np.mean), "max": (global_max_pool, np.max)}
BATCH = np.array([0, 0, 2, 2, 2, 3])  # graph 1 has no nodes


@pytest.mark.parametrize("name", sorted(POOLS))
def test_pyg(name: str) -> None:
    pool, _ = POOLS[name]
    graph = Graph(PYG["edge_index"], num_nodes=60, batch=PYG["batch"])
    for batch in (PYG["batch"], PYG["batch"].tolist(), graph, graph.with_weight(PYG["edge_weight"])):
        np.testing.assert_allclose(pool(PYG["x"], batch).numpy(), PYG[f"pool_{name}"], 2e-5, 1e-5)


@pytest.mark.parametrize("shape", [(6, 3), (2, 6, 3)])
@pytest.mark.parametrize("name", sorted(POOLS))
def test_gradients(name: str, shape: tuple[int, ...], poisoned: None) -> None:
    pool, function = POOLS[name]

    def reference(x: np.ndarray) -> np.ndarray:
        out = np.zeros((*shape[:-2], 5, 3))
        for k in (0, 2, 3):
            out[..., k, :] = function(x[..., k == BATCH, :], axis=-2)
        return out

    x = np.random.default_rng(0).normal(size=shape)
    check(lambda x: pool(x, BATCH, size=5), reference, x)
    check(lambda x: pool(x, np.array([1, 0, 1, 0, 0, 1])), lambda x: np.stack(
        [function(x[..., k, :], axis=-2) for k in ([1, 3, 4], [0, 2, 5])], axis=-2), x)  # fmt: skip
    check(lambda x: pool(x), lambda x: function(x, axis=-2, keepdims=True), x)
    check(lambda x: pool(x, Graph(np.zeros((2, 0)), num_nodes=6)), lambda x: function(x, axis=-2, keepdims=True), x)


def test_a_batch_that_ends_with_empty_graphs() -> None:
    graph = Graph(np.zeros((2, 0)), num_nodes=2, ptr=[0, 1, 2, 2, 2])
    np.testing.assert_array_equal(global_add_pool(np.eye(2), graph).numpy(), [[1, 0], [0, 1], [0, 0], [0, 0]])
    assert global_add_pool(np.eye(2), graph, size=6).shape == (6, 2)
    other = graph.replace(ptr=[0, 2])  # shares what is kept with the edges
    assert global_add_pool(np.eye(2), other).shape == (1, 2)
    assert global_add_pool(np.eye(2), graph).shape == (4, 2)


@pytest.mark.parametrize(
    ("batch", "size", "match"),
    [
        (np.array([0, 1]), None, r"batch is wrong, got int64 \(2,\).*\(6,\)"),
        (np.zeros(6), None, "batch is wrong, got float64"),
        (BATCH, 3, "batch out of range, got values from 0 to 3; expected 0 to 2"),
        (BATCH - 1, None, "batch out of range, got values from -1 to 2; expected 0 or more"),
        (BATCH, -2, "size out of range, got -2"),
        (Graph(np.zeros((2, 0)), num_nodes=5), None, "the graph has 5 nodes; expected 6"),
    ],
)
def test_errors(batch: Any, size: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        global_mean_pool(Tensor(np.ones((6, 2))), batch, size)
    with pytest.raises(ValueError, match="is not finite, got nan"):
        global_mean_pool(np.full((6, 2), np.nan))


@pytest.mark.parametrize("size", ["six", 6.5])
def test_a_size_is_whole(size: Any) -> None:
    with pytest.raises(TypeError, match=f"global_mean_pool: size must be an integer, got {size!r}"):
        global_mean_pool(Tensor(np.ones((6, 2))), BATCH, size)
