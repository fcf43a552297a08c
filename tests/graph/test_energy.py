"""Operations of graph networks: a spike arrives wherever an edge leads from its node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grillyx import nn
from grillyx.graph import GATConv, GCNConv, GINConv, Graph, SAGEConv, SGConv, aggregate
from tests.graph.references import EDGES, NODES

G = Graph(EDGES, num_nodes=NODES)
SPIKES = (np.random.default_rng(0).random((3, NODES, 20)) < 0.3).astype(np.float32)


class Aggregate(nn.Module):
    def __init__(self, **options: Any) -> None:
        self.options = options

    def forward(self, x: Any) -> Any:
        return aggregate(G, x, **self.options)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_aggregation(reduce: str, packed: bool) -> None:
    net = Aggregate(reduce=reduce, packed=packed)
    with nn.EnergyMonitor(net) as energy:
        net(SPIKES)
    arrived = sum(int(SPIKES[:, j].sum()) for j in EDGES[0])
    assert (energy.macs, energy.synaptic_operations, energy.dense_macs) == (0, arrived, 3 * 10 * 20)
    with nn.EnergyMonitor(net) as energy:
        net(SPIKES + np.random.default_rng(1).random(SPIKES.shape))
    assert (energy.macs, energy.synaptic_operations) == (600, 0)


NO_LOOPS = EDGES[:, EDGES[0] != EDGES[1]]
LOOPED = np.concatenate([NO_LOOPS, np.tile(np.arange(NODES), (2, 1))], 1)  # one at each node
FIRED, ROWS = int(SPIKES.sum()), 3 * NODES


def arrivals(edges: np.ndarray) -> int:
    return sum(int(SPIKES[:, j].sum()) for j in edges[0])


@pytest.mark.parametrize(
    ("conv", "macs", "additions"),
    [
        (GCNConv(20, 30), ROWS * 20 * 30, arrivals(LOOPED)),  # sums spikes, maps sums
        (GCNConv(20, 10), 3 * LOOPED.shape[1] * 10, FIRED * 10),  # maps spikes, sums what that gives
        (GCNConv(20, 10, packed=True), ROWS * 20 * 10, arrivals(LOOPED)),
        (SGConv(20, 30, K=2), 3 * LOOPED.shape[1] * 20 + ROWS * 20 * 30, arrivals(LOOPED)),
        (SAGEConv(20, 30), ROWS * 20 * 30, arrivals(EDGES) + FIRED * 30),  # of means, and of the node itself
        (GINConv(nn.Linear(20, 5)), ROWS * 20 * 5, arrivals(EDGES)),
        (GATConv(20, 4, heads=3), 3 * LOOPED.shape[1] * 12, FIRED * 12),
    ],
    ids=str,
)
def test_convolutions(conv: nn.Module, macs: int, additions: int) -> None:
    with nn.EnergyMonitor(conv) as energy:
        conv(SPIKES, G)
    assert (energy.macs, energy.synaptic_operations) == (macs, additions)
    assert not energy.unknown
    with nn.EnergyMonitor(conv) as dense:
        conv(SPIKES + np.random.default_rng(1).random(SPIKES.shape), G)
    if not getattr(conv, "packed", False):  # which takes spikes only
        assert dense.macs == energy.dense_macs == dense.dense_macs
