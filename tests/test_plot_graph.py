"""Pictures of graphs: what is drawn is read back from the axes."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import networkx as nx
import numpy as np
import pytest
from matplotlib import colors, pyplot
from matplotlib.collections import LineCollection, PathCollection

from grillyx import Tensor, plot
from grillyx.graph import Graph, datasets


@pytest.fixture(autouse=True)
def canvas() -> Iterator[None]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    pyplot.close("all")
    matplotlib.use(before)


def nodes_of(ax) -> list[PathCollection]:
    return [c for c in ax.collections if isinstance(c, PathCollection)]


SQUARE = Graph([[0, 1, 2, 3, 1, 2], [1, 2, 3, 0, 0, 2]], num_nodes=4)
PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def test_edges_are_drawn_once_and_loops_not() -> None:
    ax = plot.graph(SQUARE, layout=PLACES, title="square")
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    drawn = {tuple(sorted(map(tuple, segment.tolist()))) for segment in lines.get_segments()}
    assert drawn == {tuple(sorted((tuple(PLACES[a]), tuple(PLACES[b])))) for a, b in [(0, 1), (1, 2), (2, 3), (0, 3)]}
    assert len(lines.get_segments()) == 4
    (dots,) = nodes_of(ax)
    assert np.array_equal(dots.get_offsets(), PLACES)
    assert ax.get_title() == "square"


def test_classes_have_colours_and_a_legend() -> None:
    ax = plot.graph(SQUARE.replace(y=[5, 7, 5, 5]), layout=PLACES)
    first, second = nodes_of(ax)
    assert np.array_equal(first.get_offsets(), PLACES[[0, 2, 3]])
    assert np.array_equal(second.get_offsets(), PLACES[[1]])
    assert not np.array_equal(first.get_facecolor(), second.get_facecolor())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["5", "7"]
    (dots,) = nodes_of(plot.graph(SQUARE, layout=PLACES, colors=["red", "blue", "red", "red"]))
    assert np.array_equal(dots.get_facecolor()[1], colors.to_rgba("blue"))
    other = nodes_of(plot.graph(SQUARE.replace(y=[5, 7, 5, 5]), layout=PLACES, colors=Tensor([0, 0, 0, 1])))
    assert np.array_equal(other[1].get_offsets(), PLACES[[3]])
    assert len(nodes_of(plot.graph(SQUARE.replace(y=np.ones(4)), layout=PLACES))) == 1  # numbers are no classes


def test_values_are_shades_with_a_bar() -> None:
    figure, ax = pyplot.subplots()
    assert plot.graph(SQUARE, ax, values=Tensor([0.0, 1.0, 2.0, 4.0]), layout=PLACES, label="spikes") is ax
    (dots,) = nodes_of(ax)
    assert dots.get_array().tolist() == [0.0, 1.0, 2.0, 4.0]
    assert figure.axes[1].get_ylabel() == "spikes"


@pytest.mark.parametrize("kind", ["spring", "spectral"])
@pytest.mark.parametrize("graph", [SQUARE, Graph([[], []]), Graph([[], []], num_nodes=1), Graph([[0], [1]], num_nodes=2),
                                   Graph([[], []], num_nodes=5), Graph([[0, 2], [1, 3]]), Graph([[0], [0]], num_nodes=80)])  # fmt: skip
def test_layouts_of_small_and_odd_graphs(graph: Graph, kind: str) -> None:
    places = plot.graph_layout(graph, kind)
    assert places.shape == (graph.num_nodes, 2)
    assert np.isfinite(places).all()
    assert np.array_equal(places, plot.graph_layout(graph, kind))
    plot.graph(graph, layout=kind).figure.canvas.draw()


@pytest.mark.parametrize(
    ("graph", "nearer"), [(datasets.karate(), 0.8), (datasets.digits_knn(), 0.35)], ids=["karate", "digits"]
)
def test_spring_keeps_together_what_is_joined(graph: Graph, nearer: float) -> None:
    places = plot.graph_layout(graph)
    ends = places[graph.edge_index]
    joined = np.linalg.norm(ends[0] - ends[1], axis=1).mean()
    rng = np.random.default_rng(0)
    others = places[rng.integers(0, graph.num_nodes, (2, 5000))]
    assert joined < nearer * np.linalg.norm(others[0] - others[1], axis=1).mean()
    assert len(np.unique(places.round(4), axis=0)) > 0.95 * graph.num_nodes  # few lie on each other


@pytest.mark.parametrize(
    ("options", "words"),
    [({"colors": [0] * 4, "values": [0.0] * 4}, "give colors or values, not both"),
     ({"values": [0.0] * 3}, r"values has a wrong shape, got \(3,\); expected \(4,\)"),
     ({"colors": [0] * 5}, r"colors has a wrong shape, got \(5,\)"), ({"layout": "circle"}, "unknown layout, got 'circle'"),
     ({"layout": PLACES[:3]}, r"layout must be finite places, got shape \(3, 2\); expected \(4, 2\)")],
)  # fmt: skip
def test_bad_arguments(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=f"plot.graph: {words}"):
        plot.graph(SQUARE, **options)


def test_anything_that_is_a_graph() -> None:
    ring = nx.cycle_graph(["a", "b", "c", "d"])
    assert np.array_equal(nodes_of(plot.graph(ring, layout=PLACES))[0].get_offsets(), PLACES)
    assert np.array_equal(plot.graph_layout(ring), plot.graph_layout(Graph.from_networkx(ring)))
    with pytest.raises(TypeError, match="as_graph: no graph, got NoneType"):
        plot.graph(None)
