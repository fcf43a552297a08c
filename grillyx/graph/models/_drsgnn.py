"""DRSGNN, its neuron, and the places of nodes that it reads."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, no_grad
from grillyx.functional import _check
from grillyx.graph._base import size
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph.models._model import Model, fraction, steps
from grillyx.nn import BaseNode, Linear, Parameter, Rect, SurrogateFunction
from grillyx.random import rand

_BLOCK = 1024  # nodes whose walks are followed at once: an array (N, 1024)


def random_walk_encoding(graph: Any, walk: int) -> np.ndarray:
    """Return for each node the chance to be back after 1, …, `walk` steps of a random walk along the edges, (N, walk).

    A step goes to each of the targets with the same chance; weights do not count. This says where in the graph a node is. It is
    exact, takes time of ``N E walk``, and is kept with the graph.

    Args:
        graph: a `Graph`, or anything that `as_graph` takes.
        walk: the number of steps.

    Source: Dwivedi et al., "Graph neural networks with learnable structural and positional representations", ICLR 2022.
    """
    graph, walk = as_graph(graph), size(walk, "random_walk_encoding", "walk")
    kept, nodes = graph.structure.kept, graph.num_nodes
    if ("random walks", walk) in kept:
        found: np.ndarray = kept["random walks", walk]
        return found
    chance = (1.0 / np.maximum(graph.out_degree(), 1)).astype(np.float32)[graph.edge_index[0]]
    out, weight = np.zeros((nodes, walk), np.float32), Tensor(chance)
    with no_grad():
        for low in range(0, nodes, _BLOCK):
            count = min(_BLOCK, nodes - low)
            start = np.zeros((nodes, count), np.float32)
            start[low + np.arange(count), np.arange(count)] = 1.0
            at, same = Tensor(start), Tensor(np.eye(count, dtype=np.float32))
            for k in range(walk):
                at = F.sparse_matmul(graph.csr, graph.csc, at, weight)
                out[low : low + count, k] = F.sum(at[low : low + count] * same, 1).numpy()
    kept["random walks", walk] = out
    return out


class ReactiveNode(BaseNode):
    """Leaky integrate-and-fire with a threshold of its own for each unit, which learns: ``S = 1 where H >= tanh(w)``.

        H = decay V + X,   V = (1 - S) H

    Args:
        features: number of units, the last axis.
        decay: what is left of the membrane after a step, from 0 to 1.
        surrogate_function: the gradient of the step; ``Rect(1)`` by default.
        step_mode: see `nn.BaseNode`.

    Attributes:
        w: (features,), first uniform in [0, 1).

    Source: the dynamic reactive neuron of Zhao et al.; see `DRSGNN`.
    """

    def __init__(
        self,
        features: int,
        decay: float = 0.25,
        surrogate_function: SurrogateFunction | None = None,
        step_mode: str = "s",
    ) -> None:
        super().__init__(1.0, 0.0, Rect() if surrogate_function is None else surrogate_function, step_mode=step_mode)
        self.decay = fraction(decay, "ReactiveNode", "decay")
        self.w = Parameter(rand(size(features, "ReactiveNode", "features")).numpy())

    def neuronal_charge(self, x: Tensor) -> None:
        self.v = self.decay * self.v + x

    def neuronal_fire(self) -> Tensor:
        return F.spike(self.v - F.tanh(self.w), self.surrogate_function.spec)

    def extra_repr(self) -> str:
        return f"decay={self.decay}, {super().extra_repr()}"


class DRSGNN(Model):
    """Neurons that each learn their threshold, on the sums of neighbours and on where in the graph a node is.

        h = S^K x,   p = random_walk_encoding(graph),   current[t] = W code(h)[t] + gate * (V code(p)[t]),   S as in `SGConv`

    The neurons are `ReactiveNode`, the gate is one number a unit, and logits are a linear map of their mean rates.

    Args:
        in_features: features of a node; 0 to 1 if they are coded as spikes.
        hidden: number of neurons.
        classes: classes.
        T: number of steps.
        dropout: chance of a feature to be 0 while training.
        hops: K.
        walk: steps of the random walks; 0 leaves them out.
        encode: ``"poisson"``, spikes with the chance h (clipped to 0 to 1), drawn anew in each call, in evaluation too; or
            ``"direct"``, h at every step.
        decay: see `ReactiveNode`.

    Source: Zhao et al., "Dynamic reactive spiking graph neural network", AAAI 2024. In what is published of their code,
    the neurons are the classes, without a layer behind them, and lose their membrane after every step.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 8, dropout: float = 0.5, *, hops: int = 2,
        walk: int = 8, encode: str = "poisson", decay: float = 0.25,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.hops, self.walk = size(hops, "DRSGNN", "hops"), 0 if walk == 0 else size(walk, "DRSGNN", "walk")
        self.encode = _check.one_of(encode, ("poisson", "direct"), "DRSGNN", "encode")
        self.lin = Linear(self.in_features, self.hidden)
        if self.walk:
            self.place = Linear(self.walk, self.hidden, bias=False)
            self.gate = Parameter(np.full(self.hidden, 0.5, np.float32))
        self.neuron = ReactiveNode(self.hidden, decay, step_mode="m")
        self.head = Linear(self.hidden, self.classes)

    def _code(self, x: Tensor) -> Tensor:
        return F.poisson_encode(F.clip(x, 0.0, 1.0), self.T) if self.encode == "poisson" else steps(x, self.T)

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        normed = graph.gcn_norm()
        for _ in range(self.hops):
            x = F.sparse_matmul(normed.csr, normed.csc, x, normed.weight)
        current = self.lin(self._code(self._drop(x)))
        if self.walk:
            place = Tensor(random_walk_encoding(graph, self.walk))
            current = current + self.gate * self.place(self._code(place))
        return self.head(F.mean(self.neuron(current), 0))
