"""GCN, the yardstick without spikes."""

from __future__ import annotations

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.graph._convs import GCNConv
from grillyx.graph._graph import Graph
from grillyx.graph.models._model import Model


class GCN(Model):
    """Two graph convolutions with a ReLU between them: no spikes, and no time.

    Args:
        in_features: features of a node.
        hidden: features between the convolutions.
        classes: number of classes.
        dropout: chance of features of the input and between the convolutions to be dropped while training.

    Shape: x (N, in_features), graph with N nodes → (N, classes).

    Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks", ICLR 2017.
    """

    def __init__(self, in_features: int, hidden: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__(in_features, hidden, classes, 1, dropout)
        self.drop = nn.Dropout(self.dropout)
        self.conv1 = GCNConv(self.in_features, self.hidden)
        self.conv2 = GCNConv(self.hidden, self.classes)

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        h = F.relu(self.conv1(self.drop(x), graph))
        return self.conv2(self.drop(h), graph)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.hidden}, {self.classes}, dropout={self.dropout}"
