"""Edges in the order of their targets, and of their sources: made once, when they are first needed."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from grillyx.engine.device import current_device
from grillyx.ops import sparse


class Rows(NamedTuple):
    """The edges by target, on the host: those of node i are ``start[i]`` to ``start[i + 1]``."""

    start: np.ndarray
    source: np.ndarray
    edge: np.ndarray


class Structure:
    """Which nodes are joined, without weights; graphs that differ in weights or features share one."""

    def __init__(self, edge_index: np.ndarray, num_nodes: int) -> None:
        self.edge_index, self.num_nodes = edge_index, num_nodes
        self._built: tuple[Any, tuple[sparse.Csr, sparse.Csr]] | None = None
        self.kept: dict[Any, Any] = {}  # what others derive from the structure alone

    def built(self) -> tuple[sparse.Csr, sparse.Csr]:
        """Return rows by target and rows by source, on the current device."""
        device = current_device()
        if self._built is None or self._built[0] is not device:
            source, target = self.edge_index
            self._built = device, sparse.build(target, source, self.num_nodes, self.num_nodes)
        return self._built[1]

    @functools.cached_property
    def rows(self) -> Rows:
        """The edges by target on the host, for sampling."""
        source, target = self.edge_index
        order = np.argsort(target, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=self.num_nodes))])
        return Rows(start, source[order], order)

    def __getstate__(self) -> dict[str, Any]:
        return {"edge_index": self.edge_index, "num_nodes": self.num_nodes, "_built": None, "kept": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> Structure:
        return self  # nothing in it changes
