"""A small graph, and what a model says of it."""

from __future__ import annotations

import numpy as np

import grillyx
from grillyx import nn
from grillyx.graph import Graph

COUNT, WIDTH, CLASSES = 12, 5, 3


def made(nodes: int = COUNT, seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, nodes - 1, (2, 4 * nodes))  # the last node has no edges
    return Graph(index, num_nodes=nodes, x=rng.random((nodes, WIDTH)).astype(np.float32))


def logits(model: nn.Module, graph: Graph) -> np.ndarray:
    with grillyx.no_grad():
        return model(graph.x, graph).numpy()


def model_of(kind: type, seed: int = 0, **options: object) -> nn.Module:
    """A model of 8 hidden neurons, with first weights that the seed gives."""
    grillyx.manual_seed(seed)
    return kind(WIDTH, 8, CLASSES, **options)
