"""SpikeGraphConv and SpikeGNNLayer: aggregate, project, integrate; with SC-NeuroCore's names and call forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.functional import _check
from grillyx.graph import _compat
from grillyx.graph._base import GraphModule, features, graph_of, size
from grillyx.graph._graph import Graph
from grillyx.nn import ATan, Parameter, SurrogateFunction
from grillyx.nn._memories import above
from grillyx.ops import random

OUTPUTS = ("counts", "rates", "spikes", "voltages")


class _Straight(SurrogateFunction):
    """The gradient of a chance: a spike drawn with chance P counts as P."""

    def gradient(self, x: Any) -> Tensor:
        return F.ones_like(x)


class SpikeGraphConv(GraphModule):
    """A spiking graph convolution: the mean over neighbours, a linear map, and leaky neurons for T steps.

    ``P = (A X / degree) W.T``; then at each step ``v = a v + P``, ``a = exp(-1 / tau_mem)``; a neuron fires where
    ``v >= threshold``, and then ``v -= threshold``. In A, row i holds the edges that end at node i.

    SC-NeuroCore drives its neurons with ``(1 - a) z``, z a random spike of chance P: then v stays below 1, so that nothing
    ever fires at the default threshold. ``compat=True`` does so all the same, on the host, in float64, with its random
    numbers (`RandomState(42)` in every layer and call); there W is a float64 array that does not learn.

    Args:
        in_features: features of a node.
        out_features: neurons of a node.
        threshold: membrane at which a neuron fires, positive.
        tau_mem: time constant of the membrane in steps, positive.
        seed: of the first W, ``RandomState(seed).randn(out, in) * sqrt(2 / in)``, and of the noise.
        encoder: ``"direct"``: the current P at each step. ``"rate"``: a spike (a current of 1) at each step with chance P,
            cut to [0, 1]; its gradient is that of P. Every call draws other numbers.
        degree: ``"weight"``: the sum of the absolute weights, so that the mean is one. ``"clip1"``: the sum of weights, at
            least 1, as the original; the same for edges without weights.
        surrogate_function: the gradient of the step; ``nn.ATan(2)`` by default.
        detach_reset: whether the gradient ignores the reset.
        compat: SC-NeuroCore's numbers, defects included.

    Attributes:
        W: the weights, (out_features, in_features); an array may be assigned.

    Raises:
        ValueError: an argument out of range.

    Source: SC-NeuroCore 3.16, `spike_gnn`.
    """

    _dense = True

    def __init__(
        self, in_features: int, out_features: int, threshold: float = 1.0, tau_mem: float = 10.0, seed: int = 42, *,
        encoder: str | None = None, degree: str | None = None, surrogate_function: SurrogateFunction | None = None,
        detach_reset: bool = False, compat: bool = False,
    ) -> None:  # fmt: skip
        self.compat = bool(compat)
        self.in_features = size(in_features, "SpikeGraphConv", "in_features")
        self.out_features = size(out_features, "SpikeGraphConv", "out_features")
        self.threshold, self.tau_mem = threshold, tau_mem
        usual = ("rate", "clip1") if compat else ("direct", "weight")
        self.encoder = usual[0] if encoder is None else encoder
        self.degree = usual[1] if degree is None else degree
        self.surrogate_function = ATan() if surrogate_function is None else surrogate_function
        self.detach_reset = bool(detach_reset)
        self._check_settings()
        self.manual_seed(seed)
        draws = np.random.RandomState(seed).randn(self.out_features, self.in_features)  # its numbers
        first = draws * math.sqrt(2.0 / self.in_features)
        self.W: Any = first if compat else Parameter(first)
        self._v: np.ndarray | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "W" or isinstance(value, Parameter):
            super().__setattr__(name, value)
            return
        values = to_numpy(value)
        shape = self.out_features, self.in_features
        if values.shape != shape or values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise ValueError(
                f"SpikeGraphConv: W takes finite numbers of shape {shape}, got {values.dtype} {values.shape}"
                f"{'' if values.shape != shape else ' with NaN or infinity'}."
            )
        if self.compat:
            super().__setattr__(name, values.astype(np.float64))
        else:
            self.W.copy_(values)

    def manual_seed(self, seed: int) -> None:
        """Start the noise of ``encoder="rate"`` again."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**32:
            raise ValueError(f"SpikeGraphConv: seed is an integer from 0 to 2**32 - 1, got {seed!r}.")
        self.generator = random.Generator(int(seed))

    def _check_settings(self) -> None:
        name = "SpikeGraphConv"
        above(self.threshold, 0.0, name, "threshold")
        above(self.tau_mem, 0.0, name, "tau_mem")
        _check.one_of(self.encoder, ("direct", "rate"), name, "encoder")
        _check.one_of(self.degree, ("weight", "clip1"), name, "degree")
        if self.compat and (self.encoder, self.degree) != ("rate", "clip1"):
            raise ValueError(
                f"SpikeGraphConv: compat=True is encoder='rate' and degree='clip1', got {self.encoder!r} and "
                f"{self.degree!r}. Leave them out, or compat."
            )
        if not isinstance(self.surrogate_function, SurrogateFunction):
            raise TypeError(
                f"{name}: surrogate_function must be a SurrogateFunction such as nn.ATan(), got {self.surrogate_function!r}."
            )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        return self.forward(*inputs, **options) if self.compat else super().__call__(*inputs, **options)

    def forward(
        self,
        node_features: Any,
        adjacency: Any,
        T: int = 8,
        uniforms: Any = None,
        returns: str | tuple[str, ...] = "counts",
    ) -> Any:
        """Return spike counts (N, out_features).

        Args:
            node_features: (N, in_features); or (T, N, in_features), a step each, but not with `compat`.
            adjacency: anything that `as_graph` takes: a `Graph`, a dense or sparse matrix, edge_index.
            T: number of steps.
            uniforms: (T, N, out_features) in [0, 1): a spike comes where they are below P, in place of own draws; only for
                ``encoder="rate"``.
            returns: ``"counts"``, ``"rates"`` (counts / T), ``"spikes"`` (T, N, out_features), ``"voltages"`` after each step,
                of the same shape; or a tuple of these.

        Returns:
            A tensor, or a tuple of them; with `compat`, NumPy arrays of float64.

        Raises:
            ValueError: features with NaN, shapes that do not fit, T below 1.
        """
        self._check_settings()
        steps = size(T, "SpikeGraphConv", "T")
        wanted = tuple(returns) if isinstance(returns, (tuple, list)) else (returns,)
        for name in wanted:
            _check.one_of(name, OUTPUTS, "SpikeGraphConv", "output")
        run = self._original if self.compat else self._run
        found = run(node_features, adjacency, steps, uniforms, "voltages" in wanted)
        return found[returns] if isinstance(returns, str) else tuple(found[name] for name in wanted)

    def _original(self, x: Any, adjacency: Any, steps: int, uniforms: Any, voltages: bool) -> dict[str, np.ndarray]:
        features(x, "SpikeGraphConv", self.in_features, "node_features", sequences=False)
        x = to_numpy(x).astype(np.float64)
        matrix = _compat.adjacency_of(adjacency, x)
        if matrix.shape != (len(x), len(x)):
            raise ValueError(f"SpikeGraphConv: the adjacency has shape {matrix.shape}; expected {(len(x), len(x))}.")
        if not np.isfinite(matrix.sum()):
            raise ValueError("SpikeGraphConv: the adjacency holds NaN or infinity; expected finite numbers.")
        given = None if uniforms is None else self._uniforms(uniforms, (steps, len(x), self.out_features))
        spikes, membranes, self._v = _compat.run(x, matrix, self.W, self.threshold, self.tau_mem, steps, given)
        counts = spikes.sum(axis=0)
        return {"counts": counts, "rates": counts / steps, "spikes": spikes, "voltages": membranes}

    def _run(self, x: Any, adjacency: Any, steps: int, uniforms: Any, voltages: bool) -> dict[str, Any]:
        graph = graph_of(adjacency, x, "SpikeGraphConv", dense=True)
        x = features(x, "SpikeGraphConv", self.in_features, "node_features")
        if x.ndim == 3 and x.shape[0] != steps:
            raise ValueError(
                f"SpikeGraphConv: node_features are {x.shape[0]} steps, but T is {steps}. Pass T={x.shape[0]}."
            )
        if uniforms is not None and self.encoder != "rate":
            raise ValueError(f"SpikeGraphConv: uniforms are for encoder='rate', got encoder={self.encoder!r}.")
        shape = (steps, graph.num_nodes, self.out_features)
        given = None if uniforms is None else self._uniforms(uniforms, shape)
        wide = self.out_features >= self.in_features  # sums are taken where there are fewer features
        drive = F.linear(self._mean(graph, x), self.W) if wide else self._mean(graph, F.linear(x, self.W))
        if self.encoder == "rate":
            draws = Tensor(random.uniform(shape, 0.0, 1.0, self.generator)) if given is None else as_tensor(given)
            drive = F.spike(F.clip(drive, 0.0, 1.0) - draws, _Straight().spec, strict=True)
        elif drive.ndim == 2:
            drive = F.broadcast_to(drive, shape)
        keep = math.exp(-1.0 / self.tau_mem)
        spikes, _, v_seq = F.multi_step_neuron(
            drive, tau=1.0 / (1.0 - keep), v_threshold=self.threshold, v_reset=None, detach_reset=self.detach_reset,
            surrogate=self.surrogate_function.spec, store_v_seq=voltages,
        )  # fmt: skip
        return _Found(spikes, v_seq)

    def _uniforms(self, uniforms: Any, shape: tuple[int, ...]) -> np.ndarray:
        draws = to_numpy(uniforms)
        if draws.shape != shape or draws.dtype.kind not in "fiub":
            raise ValueError(
                f"SpikeGraphConv: uniforms have a wrong shape or dtype, got {draws.dtype} {draws.shape}; expected numbers in "
                f"[0, 1) of shape (T, N, out_features) = {shape}."
            )
        wrong = draws[~((draws >= 0.0) & (draws <= 1.0))]
        if wrong.size:
            raise ValueError(f"SpikeGraphConv: uniforms are out of range, got {wrong[0]}; expected numbers in [0, 1).")
        return draws

    def _mean(self, graph: Graph, x: Tensor) -> Tensor:
        w = graph.weight
        if w is None:
            return F.sparse_reduce(graph.csr, graph.csc, x, reduce="mean")
        total = F.sparse_sum(graph.csr, w if self.degree == "clip1" else F.abs(w)).reshape(graph.num_nodes, 1)
        degree = F.maximum(total, 1.0) if self.degree == "clip1" else total + (total == 0.0).float()
        return F.sparse_matmul(graph.csr, graph.csc, x, w) / degree

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, threshold={self.threshold}, "
            f"tau_mem={self.tau_mem}, encoder={self.encoder!r}{', compat=True' if self.compat else ''}"
        )


class _Found(dict[str, Any]):
    """What a run gives; sums over time are taken when somebody wants them."""

    def __init__(self, spikes: Tensor, voltages: Tensor | None) -> None:
        super().__init__(spikes=spikes, voltages=voltages)

    def __missing__(self, name: str) -> Tensor:
        spikes: Tensor = self["spikes"]
        return F.sum(spikes, 0) if name == "counts" else F.mean(spikes, 0)
