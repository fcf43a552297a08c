"""Nodes and edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.graph import as_graph
from grillyx.plot._style import BLUE, GREY, STYLE, matplotlib_for

_CLASSES = (BLUE, "#e2711d", "#81b29a", "#9b5de5", "#e9c46a", "#d1495b", "#3bb0c9", "#5c6675", "#8f5f3f", "#b5c334")


def graph(
    graph: Any,
    ax: Any = None,
    *,
    colors: Any = None,
    values: Any = None,
    layout: Any = "spring",
    label: str = "",
    title: str = "",
) -> Any:
    """Draw a graph: nodes in the colours of their classes, or shaded by numbers such as rates of spikes.

    Args:
        graph: a `Graph`, or anything that `grillyx.graph.as_graph` takes.
        ax: matplotlib axes; new ones by default.
        colors: classes (N,), integers, such as predictions; or a matplotlib colour for each node. By default the classes y of the
            graph, if it has some.
        values: numbers (N,), drawn as shades with a bar beside; in place of colors.
        layout: "spring", forces between nodes, "spectral", eigenvectors of the Laplacian, or places (N, 2). For several pictures
            of one graph compute them once, with `graph_layout`.
        label: beside the bar of `values`.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: colors and values together, or of a wrong length; an unknown layout.
    """
    if colors is not None and values is not None:
        raise ValueError("plot.graph: give colors or values, not both.")
    graph = as_graph(graph)
    count, index = graph.num_nodes, graph.edge_index
    shades = None if values is None else _of_nodes(to_numpy(values), count, "values").astype(float)
    classes: Any = None
    if colors is not None:
        classes = _of_nodes(to_numpy(colors), count, "colors")
    elif values is None and getattr(graph, "y", None) is not None:
        y = to_numpy(graph.y)
        classes = y if y.shape == (count,) and y.dtype.kind in "iub" else None  # others are no classes of nodes
    places = _places(graph, layout)
    matplotlib = matplotlib_for("graph")
    if ax is None:
        from matplotlib import pyplot

        with matplotlib.rc_context(STYLE):
            ax = pyplot.subplots(figsize=(5.6, 5.0), layout="constrained")[1]
    _draw_edges(ax, places, index)
    size = float(np.clip(9000.0 / max(count, 1), 9.0, 110.0))
    options = {"s": size, "linewidths": 0.8 if size > 30 else 0.2, "edgecolors": "white", "zorder": 2}
    if shades is not None:
        drawn = ax.scatter(
            *places.T, c=shades, cmap="YlOrRd", **(options | {"edgecolors": GREY})
        )  # the lightest too are seen
        if drawn.norm.vmin is not None:
            ax.figure.colorbar(drawn, ax=ax, shrink=0.7, label=label)
    elif classes is not None and classes.dtype.kind in "iub":
        for k, kind in enumerate(np.unique(classes)):
            ax.scatter(*places[classes == kind].T, color=_CLASSES[k % len(_CLASSES)], label=str(int(kind)), **options)
        if 1 < len(np.unique(classes)) <= len(_CLASSES):
            beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "handletextpad": 0.1}
            for handle in ax.legend(frameon=False, fontsize=8, **beside).legend_handles:
                handle.set_sizes([36.0])
    else:
        ax.scatter(*places.T, color=BLUE if classes is None else list(classes), **options)
    ax.set_title(title)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def graph_layout(graph: Any, kind: str = "spring") -> np.ndarray:
    """Return places (N, 2) of the nodes of a graph, always the same ones.

    Args:
        graph: a `Graph`, or anything that `grillyx.graph.as_graph` takes.
        kind: "spring", forces between nodes (Fruchterman and Reingold, 1991), beginning with the spectral places; "spectral", the
            smoothest eigenvectors of the normalised Laplacian (Koren, 2005).

    Raises:
        ValueError: another kind.
    """
    from grillyx.plot import _layout  # scipy takes a while to import

    kinds = {"spring": _layout.spring, "spectral": _layout.spectral}
    if kind not in kinds:
        raise ValueError(f"plot.graph: unknown layout, got {kind!r}; expected 'spring', 'spectral' or places (N, 2).")
    graph = as_graph(graph)
    return kinds[kind](graph.edge_index, graph.num_nodes)


def _places(graph: Any, layout: Any) -> np.ndarray:
    if isinstance(layout, str):
        return graph_layout(graph, layout)
    places = to_numpy(layout)
    if places.shape != (graph.num_nodes, 2) or not np.isfinite(places).all():
        raise ValueError(
            f"plot.graph: layout must be finite places, got shape {places.shape}; expected ({graph.num_nodes}, 2)."
        )
    return places


def _of_nodes(values: np.ndarray, count: int, what: str) -> np.ndarray:
    if len(values) != count or (what == "values" and values.ndim != 1):
        raise ValueError(
            f"plot.graph: {what} has a wrong shape, got {values.shape}; expected ({count},), one for each node."
        )
    return values


def _draw_edges(ax: Any, places: np.ndarray, index: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    pairs = np.unique(np.sort(index, 0), axis=1).T
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    alpha = float(np.clip(60.0 / np.sqrt(max(len(pairs), 1)) / 10.0, 0.15, 0.8))
    width = 0.9 if len(pairs) < 500 else 0.4
    ax.add_collection(LineCollection(list(places[pairs]), colors=GREY, linewidths=width, alpha=alpha, zorder=1))
