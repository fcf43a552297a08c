"""Data sets of others that lie in a folder: Planetoid and OGB."""

from __future__ import annotations

import gzip
import zlib
from operator import index as whole
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.graph._graph import Graph
from grillyx.graph._pickles import read_plain


def planetoid(folder: str | Path, name: str) -> Graph:
    """Return Cora, CiteSeer or PubMed from the files of Planetoid (Yang and others, 2016), with their public split.

    Edges, features, labels and masks are those of PyG's ``Planetoid``: no loops, each edge both ways and once. Test nodes of
    CiteSeer that have no features get zeros, and class 0. Features are as in the files; a GCN is usually given
    ``x / max(x.sum(1), 1)``.

    The files are pickles. Only plain arrays, sparse matrices and dictionaries of them are read; anything else is refused, so that a
    file from elsewhere cannot run code.

    Args:
        folder: holds ``ind.NAME.y``, ``.tx``, ``.ty``, ``.allx``, ``.ally``, ``.graph`` and ``.test.index``.
        name: "cora", "citeseer" or "pubmed", in the files' own letters.

    Raises:
        FileNotFoundError: one of them is not there.
        ValueError: a file is cut short, holds something else, or does not fit the others.
    """
    where = Path(folder)
    paths = {part: where / f"ind.{name}.{part}" for part in ("y", "tx", "ty", "allx", "ally", "graph", "test.index")}
    for path in paths.values():
        _there(path, "planetoid")
    y, tx, ty, allx, ally = (read_plain(paths[part]) for part in ("y", "tx", "ty", "allx", "ally"))
    for part, value in {"y": y, "tx": tx, "ty": ty, "allx": allx, "ally": ally}.items():
        if (
            not isinstance(value, np.ndarray)
            or value.ndim != 2
            or value.dtype.kind not in "fiub"
            or not np.isfinite(value).all()
        ):
            raise ValueError(f"planetoid: {paths[part]} holds no matrix of finite numbers.")
    links = read_plain(paths["graph"])
    if not isinstance(links, dict):
        raise ValueError(f"planetoid: {paths['graph']} holds no dictionary of neighbours, got {type(links).__name__}.")
    test = _table(paths["test.index"], np.int64).reshape(-1)
    _agree(paths, y, tx, ty, allx, ally, test)
    count = max(int(test.max()) + 1, len(allx))
    x, labels = np.zeros((count, allx.shape[1]), np.float32), np.zeros(count, np.int64)
    x[: len(allx)], labels[: len(allx)] = allx, ally.argmax(1)
    x[test], labels[test] = tx, ty.argmax(1)
    masks = np.zeros((3, count), bool)
    masks[0, : len(y)] = masks[1, len(y) : len(y) + 500] = True
    masks[2, test] = True
    try:
        ends = [(whole(a), whole(b)) for a, row in links.items() for b in row]
        index = np.array(ends, np.int64).reshape(-1, 2).T
        graph = Graph(index, num_nodes=count)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"planetoid: {paths['graph']} does not hold the neighbours of {count} nodes: {error}"
        ) from None
    index = np.unique(graph.remove_self_loops().edge_index, axis=1)
    return Graph(index, num_nodes=count, x=x, y=labels, train_mask=masks[0], val_mask=masks[1], test_mask=masks[2])


def _agree(paths: dict[str, Path], y: Any, tx: Any, ty: Any, allx: Any, ally: Any, test: np.ndarray) -> None:
    rows = len(tx) == len(ty) == len(test) and len(allx) == len(ally) >= len(y)
    if not rows or tx.shape[1] != allx.shape[1] or not y.shape[1] == ty.shape[1] == ally.shape[1]:
        raise ValueError(
            f"planetoid: the files do not fit together, got {len(test)} test nodes in {paths['test.index'].name} with y {y.shape}, "
            f"tx {tx.shape}, ty {ty.shape}, allx {allx.shape}, ally {ally.shape}. One of them may be of another data set."
        )
    if len(test) == 0 or test.min() < len(allx) or len(np.unique(test)) != len(test) or test.max() > len(allx) + 10**6:
        raise ValueError(f"planetoid: {paths['test.index']} must name nodes after the {len(allx)} of allx, each once.")


def ogb_node(folder: str | Path, name: str, undirected: bool = False) -> Graph:
    """Return a node property data set of the Open Graph Benchmark (Hu and others, 2020), such as ogbn-arxiv, with its split.

    Where nodes have no features but edges do (ogbn-proteins), x is the mean of those of a node's edges. Labels are (N,), or
    (N, tasks).

    Args:
        folder: holds the folder of the data set, ``ogbn_arxiv``, or is itself that folder; in it ``raw`` with ``edge.csv.gz``,
            ``node-feat.csv.gz``, ``node-label.csv.gz``, ``num-node-list.csv.gz``, and ``split/NAME`` with ``train.csv.gz``,
            ``valid.csv.gz``, ``test.csv.gz``.
        name: "ogbn-arxiv", "ogbn-products", "ogbn-proteins".
        undirected: add every edge turned round, as is usual for these.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a file is cut short or holds something else.
    """
    home = Path(folder)
    inside = home / str(name).replace("-", "_")
    home = inside if inside.is_dir() else home
    raw = home / "raw"
    for path in (raw / "edge.csv.gz", raw / "node-label.csv.gz", raw / "num-node-list.csv.gz", home / "split"):
        _there(path, "ogb_node")
    count = int(_table(raw / "num-node-list.csv.gz", np.int64).sum())
    pairs = _table(raw / "edge.csv.gz", np.int64)
    if pairs.shape[1] != 2:
        raise ValueError(f"ogb_node: {raw / 'edge.csv.gz'} must have 2 columns, got {pairs.shape[1]}.")
    _known(pairs, count, raw / "edge.csv.gz")
    y = _rows(raw / "node-label.csv.gz", np.float64, count)
    y = y[:, 0] if y.shape[1] == 1 else y
    y = y.astype(np.int64) if (y == np.rint(y)).all() else y
    x = None
    if (raw / "node-feat.csv.gz").exists():
        x = _rows(raw / "node-feat.csv.gz", np.float32, count)
    elif (raw / "edge-feat.csv.gz").exists():
        x = _means(_rows(raw / "edge-feat.csv.gz", np.float32, len(pairs)), pairs, count)
    graph = Graph(pairs.T, num_nodes=count, x=x, y=y, **_ogb_split(home / "split", count))
    return graph.to_undirected() if undirected else graph


def _means(features: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
    ends = pairs.reshape(-1)  # an edge in the file stands for both directions
    total = np.maximum(np.bincount(ends, minlength=count), 1)
    sums = [np.bincount(ends, np.repeat(column, 2), minlength=count) for column in features.T]
    return (np.stack(sums, 1) / total[:, None]).astype(np.float32)


def _ogb_split(folder: Path, count: int) -> dict[str, np.ndarray]:
    kinds = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    if len(kinds) != 1:
        raise ValueError(f"ogb_node: {folder} must hold the folder of one split, got {[p.name for p in kinds]}.")
    masks = {}
    for name, file in (("train_mask", "train"), ("val_mask", "valid"), ("test_mask", "test")):
        path = kinds[0] / f"{file}.csv.gz"
        _there(path, "ogb_node")
        nodes = _table(path, np.int64).reshape(-1)
        _known(nodes, count, path)
        masks[name] = np.zeros(count, bool)
        masks[name][nodes] = True
    return masks


def _known(nodes: np.ndarray, count: int, path: Path) -> None:
    wrong = (nodes < 0) | (nodes >= count)
    if wrong.any():
        raise ValueError(
            f"ogb_node: {path} names nodes out of range, got {nodes[wrong][0]}; expected 0 to {count - 1}."
        )


def _there(path: Path, name: str) -> None:
    if not path.exists():
        raise FileNotFoundError(
            f"{name}: {path} is not there. Give the folder that holds the files as they were published."
        )


def _rows(path: Path, dtype: Any, count: int) -> np.ndarray:
    out = _table(path, dtype)
    if len(out) != count:
        raise ValueError(f"{path}: wrong number of rows, got {len(out)}; expected {count}. The file may be cut short.")
    return out


def _table(path: Path, dtype: Any) -> np.ndarray:
    """Return the numbers of a file (rows, columns), gzipped or not."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
            lines = file.read()
        if not lines.strip():
            raise ValueError("it is empty")
        out = np.loadtxt(lines.splitlines(), dtype=dtype, delimiter="," if "," in lines else None, ndmin=2)
        if not np.isfinite(out).all():
            raise ValueError(f"NaN or infinity in row {np.flatnonzero(~np.isfinite(out).all(1))[0]}")
        return out
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: no table of numbers, or cut short ({error}).") from None
