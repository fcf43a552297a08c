"""MSG."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import size
from grillyx.graph._convs import GCNConv
from grillyx.graph._graph import Graph
from grillyx.graph.models._manifolds import MANIFOLDS
from grillyx.graph.models._model import Model, steps
from grillyx.nn import IFNode, Linear, ModuleList


class MSG(Model):
    """Spikes drive nodes over a curved space; what a node is, is where it arrives.

    A layer turns spikes into currents by a graph convolution, and currents into spikes by neurons. Beside that, each node is
    a point z on a manifold, at first its origin, and the mean current of the layer moves it along a geodesic:

        current[t] = gcn(spikes[t]),   z ← exp_z(step_size * mean over T of current),   spikes = neuron(current)

    The first layer's current is ``gcn(x)`` at all steps. Logits are a linear map of the logarithm of z at the origin.
    The gradient goes through the points (differentiation via manifold): no steps are gone back, and spikes need no
    surrogate.

    Args:
        in_features: features of a node.
        hidden: dimension of the manifold, and spikes of a node in a step.
        classes: classes.
        T: number of steps.
        dropout: chance of a current to be 0 while training.
        manifold: ``"sphere"``, ``"lorentz"`` (hyperbolic) or ``"euclidean"``.
        layers: layers behind the first.
        step_size: how far a current moves a point.
        v_threshold: threshold of the neurons, which integrate and fire, and subtract it.
        bptt: let the gradient go through the spikes too, by their surrogate.

    Source: Sun et al., "Spiking graph neural network on Riemannian manifolds", NeurIPS 2024. Here the step is moved by parallel
    transport from the origin to z before the exponential map, and edges are not dropped. Their code classifies the sum of
    steps in evaluation; here it is the point in training and evaluation.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 5, dropout: float = 0.5, *, manifold: str = "sphere",
        layers: int = 1, step_size: float = 0.1, v_threshold: float = 1.0, bptt: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.manifold = _check.one_of(manifold, tuple(MANIFOLDS), "MSG", "manifold")
        self.step_size, self.bptt = _check.number(step_size, "MSG", "step_size"), bool(bptt)
        count = size(layers, "MSG", "layers")
        self.enter = GCNConv(self.in_features, self.hidden, bias=False)
        self.convs = ModuleList(GCNConv(self.hidden, self.hidden, bias=False) for _ in range(count))
        self.neurons = ModuleList(IFNode(v_threshold, None, detach_reset=True, step_mode="m") for _ in range(count))
        self.head = Linear(self.hidden, self.classes)

    def points(self, x: Any, graph: Any) -> Tensor:
        """Return where the nodes arrive: (N, hidden + 1), or (N, hidden) in the flat space."""
        return self._points(*self._read(x, graph))

    def _points(self, x: Tensor, graph: Graph) -> Tensor:
        space = MANIFOLDS[self.manifold]
        current = self._drop(self.enter(x, graph))
        z = space.walk(space.origin(graph.num_nodes, self.hidden), self.step_size * current)
        current = steps(current, self.T)
        for conv, neuron in zip(self.convs, self.neurons, strict=True):
            spikes = neuron(current)
            current = self._drop(conv(spikes if self.bptt else spikes.detach(), graph))
            z = space.walk(z, self.step_size * F.mean(current, 0))
        return z

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        return self.head(MANIFOLDS[self.manifold].flat(self._points(x, graph)))
