"""A folder of networks, one sparse matrix a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from grillyx.graph import Graph


def write_folder(graphs: Iterator[Graph], count: int, path: Path, owner: str) -> Path:
    """Write graphs as W0_0.npz, W0_1.npz, … with as many digits as sort them; the folder appears when it is complete."""
    from scipy import sparse  # takes a while to import

    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise FileExistsError(
            f"{owner}: {str(path)!r} is there already; expected a new folder. Choose another, or remove it."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{owner}: no folder {str(path.parent)!r}; make it first.")
    scratch = Path(tempfile.mkdtemp(prefix=path.name, suffix=".part", dir=path.parent))
    try:
        for k, graph in enumerate(graphs):
            source, target = graph.edge_index.astype(np.int32)
            size = (graph.num_nodes, graph.num_nodes)
            matrix = sparse.csr_array((graph.edge_weight, (source, target)), shape=size)
            sparse.save_npz(scratch / f"W0_{k:0{len(str(count - 1))}d}.npz", matrix)
        scratch.chmod(0o777 & ~_umask())
        scratch.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
