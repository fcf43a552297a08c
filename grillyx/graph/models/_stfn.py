"""GC-SNN and GA-SNN: graph convolution or attention of spikes, normalised over time and features."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._attention import GATConv
from grillyx.graph._base import features, size
from grillyx.graph._convs import GCNConv
from grillyx.graph._graph import Graph
from grillyx.graph.models._model import Model, steps
from grillyx.nn import Module, Parameter, SurrogateFunction


class STFNorm(Module):
    """Normalises the current of each node over its steps and features together, to the scale of the threshold.

        y = weight * v_threshold * (x - E[x]) / sqrt(Var[x] + eps) + bias,   E and Var of a node over (T, F)

    A node depends on no other, so that graphs give the same alone and in a batch.

    Args:
        features: F.
        v_threshold: of the neurons behind it.
        eps: keeps the division finite.

    Attributes:
        weight: (F,), first 1.
        bias: (F,), first 0.

    Shape: (T, N, F) → (T, N, F); (N, F), the same current at each step → (N, F).

    Source: Xu et al., "Exploiting spiking dynamics with spatial-temporal feature normalization in graph learning", IJCAI 2021.
    """

    def __init__(self, features: int, v_threshold: float = 1.0, eps: float = 1e-5) -> None:
        self.features = size(features, "STFNorm", "features")
        self.v_threshold = _check.number(v_threshold, "STFNorm", "v_threshold")
        self.eps = _check.number(eps, "STFNorm", "eps")
        self.weight = Parameter(np.ones(self.features, np.float32))
        self.bias = Parameter(np.zeros(self.features, np.float32))

    def forward(self, x: Any) -> Tensor:
        """Return the shape of x."""
        x = features(x, "STFNorm", self.features)
        axes = (0, 2) if x.ndim == 3 else (1,)
        centred = x - F.mean(x, axes, keepdims=True)
        spread = F.rsqrt(F.mean(centred * centred, axes, keepdims=True) + self.eps)
        return centred * (spread * self.v_threshold) * self.weight + self.bias

    def extra_repr(self) -> str:
        return f"{self.features}, v_threshold={self.v_threshold}"


class GCSNN(Model):
    """GC-SNN: twice a graph convolution, `STFNorm` and LIF neurons, of which the last vote for the classes.

    The features are a current, the same at each step: the first convolution is computed once. The second one sums spikes.

    Args:
        in_features: features of a node.
        hidden: neurons of a node in the first layer.
        classes: number of classes.
        T: steps.
        dropout: chance of a hidden neuron to be dropped while training.
        tau: time constant of the membranes in steps.
        v_threshold: of all neurons.
        surrogate_function: see `nn.BaseNode`.
        voters: neurons of the last layer for each class.

    Shape: x (N, in_features), graph with N nodes → (N, classes): the part of the voters that fire, over all steps, times `voters`.

    Source: Xu et al., "Exploiting spiking dynamics with spatial-temporal feature normalization in graph learning", IJCAI 2021.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 8, dropout: float = 0.5, *, tau: float = 2.0,
        v_threshold: float = 1.0, surrogate_function: SurrogateFunction | None = None, voters: int = 8,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.voters = size(voters, type(self).__name__, "voters")
        last = self.classes * self.voters
        self.conv1, self.norm1 = self._conv(self.in_features, self.hidden), STFNorm(self.hidden, v_threshold)
        self.conv2, self.norm2 = self._conv(self.hidden, last, last=True), STFNorm(last, v_threshold)
        self.neuron1, self.neuron2 = (
            nn.LIFNode(tau, False, v_threshold, surrogate_function=surrogate_function, step_mode="m") for _ in range(2)
        )
        self.drop_input, self.drop = nn.Dropout(self.dropout), nn.Dropout(self.dropout, step_mode="m")

    def _conv(self, inputs: int, outputs: int, last: bool = False) -> Any:
        return GCNConv(inputs, outputs)

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        current = self.norm1(self.conv1(self.drop_input(x), graph))
        spikes = self.neuron1(steps(current, self.T))
        votes = F.mean(self.neuron2(self.norm2(self.conv2(self.drop(spikes), graph))), 0)
        return F.sum(votes.reshape(-1, self.classes, self.voters), -1)


class GASNN(GCSNN):
    """GA-SNN: as `GCSNN`, with graph attention in place of the convolutions.

    Args:
        in_features: features of a node.
        hidden: neurons of a node in the first layer, those of all heads together.
        classes: number of classes.
        T: steps.
        dropout: chance of a hidden neuron to be dropped while training.
        heads: heads of the first attention; the second has one.
        tau: time constant of the membranes in steps.
        v_threshold: of all neurons.
        surrogate_function: see `nn.BaseNode`.
        voters: neurons of the last layer for each class.

    Shape: as `GCSNN`.

    Raises:
        ValueError: `hidden` is no multiple of `heads`.

    Source: Xu et al., "Exploiting spiking dynamics with spatial-temporal feature normalization in graph learning", IJCAI 2021.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 8, dropout: float = 0.5, *, heads: int = 4, tau: float = 2.0,
        v_threshold: float = 1.0, surrogate_function: SurrogateFunction | None = None, voters: int = 8,
    ) -> None:  # fmt: skip
        self.heads = size(heads, "GASNN", "heads")
        if size(hidden, "GASNN", "hidden") % self.heads:
            raise ValueError(
                f"GASNN: hidden is shared by the heads, got {hidden} for {heads} heads; expected a multiple."
            )
        super().__init__(
            in_features, hidden, classes, T, dropout, tau=tau, v_threshold=v_threshold,
            surrogate_function=surrogate_function, voters=voters,
        )  # fmt: skip

    def _conv(self, inputs: int, outputs: int, last: bool = False) -> Any:
        heads = 1 if last else self.heads
        return GATConv(inputs, outputs // heads, heads)
