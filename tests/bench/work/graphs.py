"""Sparse matrices times features: what message passing on graphs is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

import grillyx
import grillyx.functional as F
from grillyx import Tensor, graph
from grillyx.ops import sparse
from tests.bench import peers
from tests.bench.work.row import Row, Work, done, floats, rng

USUAL = (20_000, 320_000, 64)  # nodes, edges, features
LARGE = (169_000, 1_170_000, 128)  # as many as ogbn-arxiv has


def ends(nodes: int, edges: int, power: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and sources at random: all nodes alike, or by a power law, sorted by degree."""
    if not power:
        return rng.integers(0, nodes, edges), rng.integers(0, nodes, edges)
    chance = np.arange(1, nodes + 1) ** -0.8
    return rng.choice(nodes, edges, p=chance / chance.sum()), rng.choice(nodes, edges, p=chance / chance.sum())


def product(sizes: tuple[int, int, int], power: bool = False, back: bool = False) -> Callable[[], Work]:
    """Return a row of a weighted sum over neighbours; `back` adds the gradients of features and weights."""

    def build() -> Work:
        nodes, edges, width = sizes
        rows, columns = ends(nodes, edges, power)
        x, weight, g = floats(nodes, width), floats(edges), floats(nodes, width)
        both, gt = sparse.build(rows, columns, nodes, nodes), Tensor(g)
        t, w = Tensor(x, requires_grad=back), Tensor(weight, requires_grad=back)
        a = scipy.sparse.coo_array((weight, (rows, columns)), (nodes, nodes)).tocsr()
        # each row of features once from memory, then from a cache for each edge
        work = Work(4 * (2 * nodes * width + 3 * edges) * (3 if back else 1), 2 * edges * width * (3 if back else 1))

        def ours() -> None:
            if not back:
                with grillyx.no_grad():
                    return done(F.sparse_matmul(*both, t, w))
            t.grad = w.grad = None
            F.sparse_matmul(*both, t, w).backward(gt)
            return done(t.grad, w.grad)

        work.calls[peers.OURS] = ours
        if not back:
            work.calls["NumPy"] = lambda: a @ x  # SciPy's CSR
        if peers.HAS_TORCH:
            import torch

            p, q = torch.from_numpy(x), torch.from_numpy(weight)
            i, j = torch.from_numpy(rows), torch.from_numpy(columns)
            if back:
                p.requires_grad_(), q.requires_grad_()
                h = torch.from_numpy(g)

                def theirs() -> Any:
                    y = torch.zeros(nodes, width).index_add(0, i, q[:, None] * p[j])
                    return torch.autograd.grad(y, (p, q), h)

                work.calls["torch"] = theirs
            else:
                m = torch.sparse_csr_tensor(*(torch.from_numpy(v) for v in (a.indptr, a.indices, a.data)), size=a.shape)
                work.calls["torch"] = lambda: m @ p
        return work

    return build


def spikes() -> Work:
    """Return a row of a sum over neighbours of spikes, one of ten active."""
    nodes, edges, width = USUAL
    rows, columns = ends(nodes, edges)
    s = (rng.random((nodes, width)) < 0.1).astype(np.float32)
    both, t = sparse.build(rows, columns, nodes, nodes), Tensor(s)
    a = scipy.sparse.coo_array((np.ones(edges, np.float32), (rows, columns)), (nodes, nodes)).tocsr()

    def ours() -> None:
        with grillyx.no_grad():
            done(F.sparse_spikes(*both, t))

    work = Work(4 * (2 * nodes * width + edges), edges * width, {peers.OURS: ours, "NumPy": lambda: a @ s})
    if peers.HAS_TORCH:
        import torch

        m = torch.sparse_csr_tensor(*(torch.from_numpy(v) for v in (a.indptr, a.indices, a.data)), size=a.shape)
        p = torch.from_numpy(s)
        work.calls["torch"] = lambda: m @ p
    return work


def convolution(name: str, **options: Any) -> Callable[[], Work]:
    """Return a row of a graph convolution of PyG's names, with the gradients of features and parameters."""

    def build() -> Work:
        nodes, edges, width = USUAL
        targets, sources = ends(nodes, edges)
        index, x, g = np.stack([sources, targets]), floats(nodes, width), floats(nodes, width)
        out = width // options.get("heads", 1)
        net, own = getattr(graph, name)(width, out, **options), graph.Graph(index, num_nodes=nodes)
        t, gt = Tensor(x, requires_grad=True), Tensor(g)
        flops = 3 * 2 * width * (edges + nodes * width)
        work = Work(4 * 3 * (2 * nodes * width + 3 * edges), flops)

        def ours() -> None:
            t.grad = None
            net.zero_grad()
            net(t, own).backward(gt)
            done(t.grad, *(p.grad for p in net.parameters()))

        work.calls[peers.OURS] = ours
        if peers.HAS_PYG:
            import torch
            import torch_geometric.nn

            kept = {"cached": True} if name == "GCNConv" else {}  # normalised once, as a `Graph` is
            theirs = getattr(torch_geometric.nn, name)(width, out, **options, **kept)
            p, q, h = torch.from_numpy(x).requires_grad_(), torch.from_numpy(index), torch.from_numpy(g)
            work.calls["PyG"] = lambda: torch.autograd.grad(theirs(p, q), (p, *theirs.parameters()), h)
        return work

    return build


ROWS = [
    Row("sparse product, 20k rows, 320k entries, 64 features", product(USUAL)),
    Row("the same, by a power law", product(USUAL, power=True)),
    Row("the same, evenly, with gradients", product(USUAL, back=True)),
    Row("sparse product of spikes, 20k rows, 320k entries, 64 features", spikes),
    Row("GCNConv, 20k nodes, 320k edges, 64 features, with gradients", convolution("GCNConv")),
    Row("GATConv, the same, 4 heads of 16", convolution("GATConv", heads=4)),
    Row("sparse product, 169k rows, 1.17M entries, 128 features", product(LARGE)),
]
