"""Networks from a folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.graph import Graph
from grillyx.sim._files import SUFFIXES, overflows, read_array
from grillyx.sim._stimulus import masks_of


class ConnectivityDataset:
    """The networks of a folder: spikeometric's ``ConnectivityDataset``. Items are graphs, in the order of the files' names.

    Each file holds a square matrix W0: ``W0[i, j]`` is the weight of the edge from neuron i to neuron j, and 0 where there is none.
    It is a dense array in .npy or .npz, a SciPy sparse matrix in .npz (CSR, CSC or COO, as ``scipy.sparse.save_npz`` writes, and
    `save` of the generators), or a dense tensor in .pt, of which nothing is run. A file is read when its graph is asked for, and
    not kept. For several networks at once use ``Graph.batch_of(dataset[:4])``, or ``grillyx.graph.Loader(dataset, batch_size=4)``.

    Args:
        folder: where the files are; other files in it are left alone.
        stimulus_masks: booleans (N,) for each file, in their order: they become ``graph.stimulus_mask``.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
        ValueError: when made, a number of masks that is not that of the files; when asked for a graph, a file that is cut
            short, not square or has NaN, or a mask of another length than the matrix, each named.
        TypeError: a folder that is no path; masks that are not boolean.
        IndexError: there are not that many files.
    """

    def __init__(self, folder: Any, stimulus_masks: Any = None) -> None:
        name = type(self).__name__
        try:
            home = Path(folder)
        except TypeError:
            raise TypeError(
                f"{name}: folder is no path, got {type(folder).__name__}; expected the name of a folder."
            ) from None
        if not home.is_dir():
            raise FileNotFoundError(f"{name}: no folder {str(folder)!r}.")
        self.files = sorted(p for p in home.iterdir() if p.suffix in SUFFIXES and p.is_file())
        if not self.files:
            raise FileNotFoundError(
                f"{name}: no matrices in {str(folder)!r}; expected files that end in {', '.join(SUFFIXES)}."
            )
        self.stimulus_masks = None if stimulus_masks is None else masks_of(stimulus_masks, name)
        if self.stimulus_masks is not None and len(self.stimulus_masks) != len(self.files):
            raise ValueError(
                f"{name}: the number of stimulus_masks is not that of the files, got {len(self.stimulus_masks)}; expected "
                f"{len(self.files)}."
            )

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Graph]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, item: Any) -> Any:
        """Return the graph of a number, negative from the end; or a list of them for a slice."""
        name = type(self).__name__
        if isinstance(item, slice):
            return [self[k] for k in range(*item.indices(len(self)))]
        if not hasattr(item, "__index__") or isinstance(item, (bool, np.bool_)):
            raise TypeError(f"{name}: items are numbered, got {item!r}; expected a whole number or a slice.")
        k = int(item.__index__())
        if not -len(self) <= k < len(self):
            raise IndexError(f"{name}: no such file, got {k}; expected {-len(self)} to {len(self) - 1}.")
        k %= len(self)
        graph = _graph(self.files[k], name)
        if self.stimulus_masks is None:
            return graph
        mask = self.stimulus_masks[k]
        if len(mask) != graph.num_nodes:
            raise ValueError(
                f"{name}: stimulus_masks[{k}] has the wrong length for {self.files[k]}, got {len(mask)}; expected {graph.num_nodes}."
            )
        return graph.replace(stimulus_mask=mask)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.files[0].parent)!r}, networks={len(self)})"


def _graph(path: Path, owner: str) -> Graph:
    matrix = read_array(path, owner)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
        raise ValueError(f"{owner}: {path} holds no square matrix, got {tuple(matrix.shape)}; expected (N, N).")
    if isinstance(matrix, np.ndarray):
        source, target = np.nonzero(matrix)
        weight = np.asarray(matrix[source, target])
    else:
        found = matrix.tocoo()
        found.sum_duplicates()
        found.eliminate_zeros()
        source, target, weight = found.row, found.col, found.data
    if overflows(weight):
        at = int(np.argmax(~(np.abs(weight.astype(np.float64)) <= float(np.finfo(np.float32).max))))
        raise ValueError(
            f"{owner}: {path} has a weight that is no finite float32, got {weight[at]} from {source[at]} to {target[at]}."
        )
    order = np.argsort(target, kind="stable")  # by target, and then by source
    return Graph(np.stack([source[order], target[order]]), weight[order].astype(np.float32), matrix.shape[0])
