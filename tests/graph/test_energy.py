"""Operations of graph networks: a spike arrives wherever an edge leads from its node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grillyx import nn
from grillyx.graph import GATConv, GCNConv, Graph, SAGEConv, aggregate
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


@pytest.mark.parametrize(
    ("conv", "edges"), [(GCNConv(20, 30), 16), (SAGEConv(20, 30), 10), (GATConv(20, 4, heads=3), 16)]
)
def test_convolutions(conv: nn.Module, edges: int) -> None:
    """Nine edges that are no loops, and seven loops; GraphSAGE has none, and a second map. GAT adds up what it has mapped."""
    with nn.EnergyMonitor(conv) as energy:
        conv(SPIKES, G)
    maps = 3 * NODES * 20 * (12 if isinstance(conv, GATConv) else 30) * (2 if isinstance(conv, SAGEConv) else 1)
    width = 12 if isinstance(conv, GATConv) else 20
    assert energy.dense_macs == maps + 3 * edges * width
    assert energy.synaptic_operations > 0
    assert not energy.unknown
