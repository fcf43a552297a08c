"""`Graph`: what it is made from, what it refuses, and pieces of it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from grillyx import Tensor, nn
from grillyx.graph import Graph, as_graph
from tests.graph.graphs import dense, random_graph

EDGES = np.array([[0, 1, 2, 2, 0], [1, 2, 0, 0, 1]])  # 0 -> 1 and 2 -> 0 twice; 3 has none
WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


def test_what_it_says_of_itself() -> None:
    g = Graph(EDGES, WEIGHTS, 4, x=np.ones((4, 2)), y=[0, 1, 0, 1], train_mask=[True, False, True, False])
    assert (g.num_nodes, g.num_edges, g.num_graphs) == (4, 5, 1)
    assert g.edge_index.dtype == np.int64
    assert g.edge_weight.dtype == np.float32
    assert g.in_degree().tolist() == [2, 2, 1, 0]
    assert g.out_degree().tolist() == [2, 1, 2, 0]
    assert g.train_mask.tolist() == [True, False, True, False]
    assert repr(g) == "Graph(nodes=4, edges=5, edge_weight=(5,), x=(4, 2), y=(4,), train_mask=(4,))"
    with pytest.raises(AttributeError, match="no attribute 'mask'; its arrays are x, y, train_mask"):
        g.mask  # noqa: B018


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, list, Tensor])
def test_edges_of_any_integers(kind: type) -> None:
    index = EDGES.tolist() if kind is list else Tensor(EDGES) if kind is Tensor else EDGES.astype(kind)
    assert np.array_equal(Graph(index).edge_index, EDGES)
    assert Graph(index).num_nodes == 3


def test_without_edges_or_nodes() -> None:
    assert Graph([[], []]).num_nodes == 0
    g = Graph(np.zeros((2, 0)), num_nodes=3)
    assert (g.num_nodes, g.num_edges) == (3, 0)
    assert g.csr.start.numpy().tolist() == [0, 0, 0, 0]
    assert g.gcn_norm().edge_weight.tolist() == [1.0, 1.0, 1.0]
    assert g.to_undirected().num_edges == 0


def test_the_caller_may_change_what_was_given() -> None:
    index, weight = EDGES.copy(), WEIGHTS.copy()
    g = Graph(index, weight)
    index[:], weight[:] = 0, 0.0
    assert np.array_equal(g.edge_index, EDGES)
    assert np.array_equal(g.edge_weight, WEIGHTS)


def test_a_graph_does_not_change() -> None:
    g = Graph(EDGES, WEIGHTS)
    with pytest.raises(AttributeError, match=r"x cannot be set. Use graph.replace\(x=...\)"):
        g.x = np.ones((3, 1))
    for array in (g.edge_index, g.edge_weight):
        with pytest.raises(ValueError, match="read-only"):
            array[..., 0] = 1


def test_rows_by_target_and_by_source() -> None:
    g = Graph(EDGES, num_nodes=4)
    assert g.csr.start.numpy().tolist() == [0, 2, 4, 5, 5]
    assert g.csr.index.numpy().tolist() == [2, 2, 0, 0, 1]
    assert g.csr.edge.numpy().tolist() == [2, 3, 0, 4, 1]
    assert g.csc.start.numpy().tolist() == [0, 2, 3, 5, 5]
    assert g.csc.index.numpy().tolist() == [1, 1, 2, 0, 0]
    assert g.csr is g.csr
    assert g.with_weight(WEIGHTS).csr is g.csr
    assert g.replace(x=np.ones((4, 1))).csr is g.csr
    rows = g.structure.rows
    assert rows.start.tolist() == [0, 2, 4, 5, 5]
    assert rows.source.tolist() == [2, 2, 0, 0, 1]


WRONG = [
    ({"edge_index": EDGES.T}, ValueError, r"got \(5, 2\); expected \(2, E\). That is \(E, 2\).*edge_index.T"),
    ({"edge_index": np.zeros((3, 4), int)}, ValueError, r"got \(3, 4\).*Row 0 has the sources.*from_adjacency"),
    ({"edge_index": [0, 1]}, ValueError, r"wrong shape, got \(2,\)"),
    ({"edge_index": EDGES.astype(float)}, TypeError, "edge_index must be integers, got float64"),
    ({"edge_index": EDGES > 0}, TypeError, "edge_index must be integers, got bool"),
    ({"edge_index": [[0, -1], [1, 0]]}, ValueError, r"negative nodes, got -1 at edge_index\[0, 1\]"),
    ({"edge_index": [[0, 2**31], [1, 0]]}, OverflowError, "edge_index holds 2147483648"),
    ({"num_nodes": 2}, ValueError, r"got 2 at edge_index\[0, 2\] with 2 nodes \(from num_nodes\); expected 0 to 1"),
    ({"x": np.ones((2, 1))}, ValueError, r"with 2 nodes \(from x\)"),
    ({"num_nodes": 3.0}, TypeError, r"num_nodes must be an integer, got 3.0"),
    ({"num_nodes": True, "edge_index": [[0], [0]]}, TypeError, "num_nodes must be an integer, got True; expected 0 or more"),
    ({"num_nodes": np.array([3, 4])}, TypeError, r"num_nodes must be an integer, got array\(\[3, 4\]\)"),
    ({"num_nodes": -1}, ValueError, "num_nodes out of range, got -1"),
    ({"edge_weight": WEIGHTS[:4]}, ValueError, r"edge_weight has a wrong shape, got \(4,\); expected \(5,\)"),
    ({"edge_weight": WEIGHTS[:, None]}, ValueError, r"got \(5, 1\).*Use edge_weight\[:, 0\]"),
    ({"edge_weight": [1, 2, np.nan, 4, 5]}, ValueError, r"edge_weight is not finite, got nan at edge_weight\[2\]"),
    ({"edge_weight": [1, 2, 3, 4, np.inf]}, ValueError, r"got inf at edge_weight\[4\]"),
    ({"edge_weight": [1, 2, 3, 4, 1e39]}, ValueError, r"edge_weight is not finite, got inf at edge_weight\[4\]"),
    ({"edge_weight": WEIGHTS * 1j}, TypeError, "edge_weight must be real numbers, got complex128"),
    ({"edge_weight": nn.Parameter([1.0, np.nan, 1, 1, 1])}, ValueError, r"got nan at edge_weight\[1\]"),
    ({"edge_weight": Tensor(np.ones(4))}, ValueError, r"edge_weight has a wrong shape, got \(4,\)"),
    ({"edge_weight": Tensor(np.ones(5, int))}, TypeError, "edge_weight must be real numbers, got int32"),
    ({"num_nodes": 4, "x": np.ones((3, 2))}, ValueError, r"x has a wrong number of rows, got shape \(3, 2\); expected 4 rows"),
    ({"x": [[0.0], [np.nan], [0.0]]}, ValueError, r"x is not finite, got nan at x\[1, 0\]"),
    ({"x": np.array([["a"]] * 3)}, TypeError, "x must be numbers"),
    ({"y": [1, 2]}, ValueError, r"y has a wrong number of rows, got shape \(2,\); expected 3 or 1 rows"),
    ({"train_mask": [True]}, ValueError, r"train_mask has a wrong number of rows, got shape \(1,\); expected 3 rows"),
    ({"batch": [0, 1, 0]}, ValueError, r"batch must be sorted and not negative, got 0 at batch\[2\] after 1"),
    ({"batch": [-1, 0, 0]}, ValueError, r"got -1 at batch\[0\]\. "),
    ({"batch": [0, 0]}, ValueError, r"with 2 nodes \(from batch\)"),
    ({"batch": [0.0, 0.0, 1.0]}, TypeError, "batch must be integers"),
    ({"batch": [0, 0, 2**31 - 2]}, ValueError, "batch names too many graphs, got 2147483646 for 3 nodes"),
    ({"edge_index": [[0, 1], [1]]}, ValueError, "edge_index is no array, its rows have different lengths; expected equal ones.$"),
    ({"subgraph": [1, 2, 3]}, ValueError, "cannot be named 'subgraph'"),
    ({"ptr": [0, 2, 1, 3]}, ValueError, r"ptr must rise from 0 to the 3 nodes.*\[0 2 1 3\]"),
    ({"ptr": [1, 3]}, ValueError, "ptr must rise from 0"),
    ({"ptr": [0, 3], "batch": [0, 0, 1]}, ValueError, "batch and ptr say different things"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "words"), WRONG)
def test_bad_arguments_are_named(arguments: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Graph(**({"edge_index": EDGES} | arguments))


def test_from_matrices() -> None:
    a = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    for matrix in (a, sparse.csr_array(a), sparse.coo_matrix(a), a.tolist()):
        g = as_graph(matrix)
        assert np.array_equal(g.edge_index, [[1, 2], [0, 1]])  # from column to row
        assert np.array_equal(g.edge_weight, [2.0, 0.5])
        assert np.array_equal(dense(g), a)
    assert as_graph(a > 0).edge_weight is None  # all are 1
    twice = sparse.coo_array((np.ones(3), ([0, 0, 1], [1, 1, 0])), (3, 3))
    assert np.array_equal(dense(as_graph(twice)), twice.toarray())
    kept = sparse.csr_array(([0.0, 1.0], ([0, 1], [1, 0])), (3, 3))
    assert as_graph(kept).edge_index.tolist() == [[0], [1]]


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_a_matrix_gives_the_same_graph_in_every_format(form: str) -> None:
    entries = np.array([1.0, 2.0, 5.0, -5.0, 0.0, 4.0]), (np.array([0, 0, 2, 2, 1, 1]), np.array([1, 1, 2, 2, 0, 2]))
    matrix = sparse.coo_array(entries, (3, 3))  # (0, 1) twice, a pair that cancels, an explicit 0
    given = matrix if form == "coo" else matrix.asformat(form)
    if form == "csr":  # duplicates are possible here too
        given = sparse.csr_array(
            (entries[0][[0, 1, 4, 5, 2, 3]], entries[1][1][[0, 1, 4, 5, 2, 3]], [0, 2, 4, 6]), (3, 3)
        )
    before = given.copy()
    g = as_graph(given)
    assert g.edge_index.tolist() == [[1, 2], [0, 1]]
    assert g.edge_weight.tolist() == [3.0, 4.0]
    assert given.nnz == before.nnz  # the caller's matrix is as it was


@pytest.mark.parametrize("matrix", [np.zeros((3, 4)), np.zeros(3), sparse.csr_array(np.zeros((3, 4)))], ids=str)
def test_a_matrix_is_square(matrix) -> None:
    with pytest.raises(ValueError, match="an adjacency matrix must be square, got shape"):
        Graph.from_adjacency(matrix)


def test_bad_entries_of_a_matrix() -> None:
    a = np.eye(3)
    a[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"adjacency is not finite, got nan at adjacency\[1, 2\]"):
        as_graph(a)
    with pytest.raises(ValueError, match=r"adjacency.data is not finite"):
        as_graph(sparse.csr_array(a))
    with pytest.raises(TypeError, match="must hold real numbers, got complex128"):
        as_graph(np.eye(3) * 1j)


def test_from_networkx() -> None:
    g = nx.Graph()
    g.add_nodes_from("abcd")
    g.add_edges_from([("a", "b"), ("b", "c"), ("c", "c")])
    assert np.array_equal(dense(as_graph(g)), nx.to_numpy_array(g).T)
    assert as_graph(g).edge_weight is None
    g["a"]["b"]["weight"] = 2.5
    assert np.array_equal(dense(as_graph(g)), nx.to_numpy_array(g).T)
    directed = nx.MultiDiGraph([(0, 1), (0, 1), (2, 1)])
    assert np.array_equal(dense(Graph.from_networkx(directed)), nx.to_numpy_array(directed).T)
    assert as_graph(nx.empty_graph(3)).num_nodes == 3
    with pytest.raises(TypeError, match="Graph.from_networkx: no networkx graph, got ndarray"):
        Graph.from_networkx(np.eye(3))
    with pytest.raises(
        ValueError, match="edge_weight is no array, its rows have different lengths; expected equal ones.$"
    ):
        as_graph(nx.DiGraph([(0, 1, {"weight": [1, 2]}), (1, 2, {"weight": [1]})]))


class Foreign:
    """What a tensor of another library looks like."""

    def __init__(self, values) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.values


def test_from_objects_with_an_edge_index() -> None:
    data = SimpleNamespace(
        edge_index=Foreign(EDGES), x=Foreign(np.ones((4, 2))), y=Foreign([0, 1, 2, 3]), edge_attr=Foreign(WEIGHTS[:, None]),
        edge_weight=None, batch=None, ptr=None, train_mask=Foreign([True, False, False, False]), num_nodes=4,
    )  # fmt: skip
    g = as_graph(data)
    assert repr(g) == "Graph(nodes=4, edges=5, edge_weight=(5,), x=(4, 2), y=(4,), train_mask=(4,))"
    assert np.array_equal(g.edge_weight, WEIGHTS)
    data.edge_attr = Foreign(np.ones((5, 3)))  # features of edges are no weights
    assert as_graph(data).edge_weight is None
    assert as_graph(SimpleNamespace(edge_index=EDGES), 7).num_nodes == 7
    with pytest.raises(TypeError, match="as_graph: no edges, got edge_index=None of a SimpleNamespace"):
        as_graph(SimpleNamespace(edge_index=None, x=np.ones((4, 2))))
    with pytest.raises(ValueError, match="x is no array, its rows have different lengths; expected equal ones.$"):
        as_graph(SimpleNamespace(edge_index=EDGES, x=[[1, 2], [3]]))
    with pytest.raises(TypeError, match=r"num_nodes must be an integer, got array\(\[4, 5\]\)"):
        as_graph(SimpleNamespace(edge_index=EDGES, num_nodes=np.array([4, 5])))


def test_what_is_a_graph_already() -> None:
    g = Graph(EDGES)
    assert as_graph(g) is g
    with pytest.raises(ValueError, match="num_nodes is not that of the graph, got 5; expected 3"):
        as_graph(g, 5)
    with pytest.raises(ValueError, match="num_nodes is not that of the graph, got 5; expected 3"):
        as_graph(np.eye(3), 5)
    assert as_graph(EDGES, 9).num_nodes == 9
    with pytest.raises(ValueError, match="a 2 × 2 array is both"):
        as_graph([[0, 1], [1, 0]])
    with pytest.raises(TypeError, match="as_graph: no graph, got str"):
        as_graph("karate")


def test_other_weights() -> None:
    g = Graph(EDGES)
    p = nn.Parameter(WEIGHTS)
    assert g.with_weight(p).edge_weight is p
    assert g.with_weight(p).weight is p
    plain = g.with_weight(WEIGHTS)
    assert plain.weight is plain.weight
    assert np.array_equal(plain.weight.numpy(), WEIGHTS)
    assert plain.with_weight(2 * WEIGHTS).weight.numpy()[0] == 2.0
    assert g.weight is None
    with pytest.raises(ValueError, match="edge_weight is not finite"):
        g.with_weight(WEIGHTS * np.nan)


def test_replace_checks_again() -> None:
    g = Graph(EDGES, WEIGHTS, 4, train_mask=[True] * 4)
    assert g.replace(edge_weight=None).edge_weight is None
    assert g.replace(batch=[0, 0, 0, 1]).ptr.tolist() == [0, 3, 4]
    assert g.replace(train_mask=None).node_arrays == {}
    with pytest.raises(ValueError, match="x has a wrong number of rows"):
        g.replace(x=np.ones((3, 1)))


def test_copies_and_pickles() -> None:
    g = random_graph(5, 9).replace(x=np.ones((5, 2)))
    g.csr, g.weight, g.gcn_norm()  # what is on the device stays out of a pickle
    for other in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert repr(other) == repr(g)
        assert np.array_equal(dense(other), dense(g))
        assert np.array_equal(other.csr.index.numpy(), g.csr.index.numpy())


def test_subgraph() -> None:
    g = random_graph(20, 80).replace(x=np.arange(20.0)[:, None], y=np.arange(20), mask=np.arange(20) % 2 == 0)
    nodes = np.array([7, 3, 12, 19, 0])
    part = g.subgraph(nodes)
    assert np.array_equal(dense(part), dense(g)[np.ix_(nodes, nodes)])
    assert np.array_equal(part.x[:, 0], nodes)
    assert np.array_equal(part.y, nodes)
    assert np.array_equal(part.mask, nodes % 2 == 0)
    assert np.array_equal(part.n_id, nodes)
    assert np.array_equal(g.edge_index[:, part.e_id], nodes[part.edge_index])
    mask = np.isin(np.arange(20), nodes)
    assert np.array_equal(g.subgraph(mask).n_id, np.sort(nodes))
    assert g.subgraph([]).num_nodes == 0


@pytest.mark.parametrize(
    ("nodes", "words"),
    [([0, 3], r"nodes out of range, got 3 at nodes\[1\]; expected 0 to 2"), ([-1], "nodes out of range, got -1"),
     ([1, 1], "node 1 is named twice"), ([True], r"nodes as a mask has one value for each node, got shape \(1,\)"),
     ([[0]], r"nodes has a wrong shape, got \(1, 1\)")],
)  # fmt: skip
def test_bad_nodes(nodes: list, words: str) -> None:
    with pytest.raises(ValueError, match=f"Graph.subgraph: {words}"):
        Graph(EDGES).subgraph(nodes)


def test_other_packages_are_not_imported() -> None:
    code = (
        "import sys, grillyx; print({'networkx', 'sklearn', 'scipy.sparse', 'torch', 'graspologic'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
