"""Planetoid and OGB folders, whole, damaged and hostile."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from grillyx.graph import datasets

FEATURES, CLASSES, KNOWN = 6, 3, 510  # nodes of allx
TEST = np.array([515, 511, 512, 510])  # 513 and 514 are nowhere, as in CiteSeer
PARTS = ("y", "tx", "ty", "allx", "ally", "graph", "test.index")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("planetoid"), np.random.default_rng(0)
    allx, tx = (rng.integers(0, 2, (n, FEATURES)).astype(np.float32) for n in (KNOWN, len(TEST)))
    ally, ty = (np.eye(CLASSES, dtype=np.int32)[rng.integers(0, CLASSES, n)] for n in (KNOWN, len(TEST)))
    links = defaultdict(list, {k: [] for k in range(516)})
    for a, b in [(0, 1), (1, 0), (0, 1), (2, 2), (510, 3), (3, 510)]:
        links[a].append(b)
    things = {
        "x": sparse.csr_matrix(allx[:4]), "y": ally[:4], "tx": sparse.csr_matrix(tx), "ty": ty, "allx": sparse.csr_matrix(allx),
        "ally": ally, "graph": links,
    }  # fmt: skip
    for part, thing in things.items():
        (folder / f"ind.toy.{part}").write_bytes(pickle.dumps(thing, protocol=2))
    (folder / "ind.toy.test.index").write_text("".join(f"{k}\n" for k in TEST))
    np.savez(folder / "truth.npz", allx=allx, tx=tx, ally=ally, ty=ty)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "planetoid"))


def test_planetoid(original: Path) -> None:
    g, truth = datasets.planetoid(original, "toy"), np.load(original / "truth.npz")
    assert g.num_nodes == 516
    assert g.edge_index.tolist() == [[0, 1, 3, 510], [1, 0, 510, 3]]  # no loop, none twice, sorted
    assert np.array_equal(g.x[:KNOWN], truth["allx"])
    assert np.array_equal(g.x[TEST], truth["tx"])
    assert not g.x[[513, 514]].any()
    assert np.array_equal(g.y[:KNOWN], truth["ally"].argmax(1))
    assert np.array_equal(g.y[TEST], truth["ty"].argmax(1))
    assert np.flatnonzero(g.train_mask).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(g.val_mask).tolist() == list(range(4, 504))
    assert np.flatnonzero(g.test_mask).tolist() == sorted(TEST)


def test_pickles_of_python_2(folder: Path) -> None:
    """The names and strings that Python 2 and its NumPy wrote, byte by byte."""
    ally = np.load(folder / "truth.npz")["ally"]
    raw = ally.astype("<i4").tobytes()
    (folder / "ind.toy.ally").write_bytes(
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M"
        + KNOWN.to_bytes(2, "little") + b"K\x03\x86cnumpy\ndtype\nU\x02i4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        + b"J\xff\xff\xff\xffK\x00tb\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb."
    )  # fmt: skip
    assert np.array_equal(datasets.planetoid(folder, "toy").y[:KNOWN], ally.argmax(1))


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_file_is_named(folder: Path, part: str) -> None:
    (folder / f"ind.toy.{part}").unlink()
    with pytest.raises(FileNotFoundError, match=rf"ind\.toy\.{part} is not there"):
        datasets.planetoid(folder, "toy")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_short_is_named(folder: Path, part: str, share: float) -> None:
    path = folder / f"ind.toy.{part}"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))] if part != "test.index" else data[: int(share * 3) * 4])
    with pytest.raises(ValueError, match=rf"ind\.toy\.{part}|test\.index with tx"):
        datasets.planetoid(folder, "toy")


class Command:
    def __reduce__(self):
        return os.system, ("touch hacked",)


class Bomb:
    def __reduce__(self):
        return eval, ("open('hacked', 'w').close()",)


class Lookup:
    def __reduce__(self):
        return getattr, ("", "join")


@pytest.mark.parametrize("part", PARTS[:-1])
@pytest.mark.parametrize(
    "thing", [Command(), Bomb(), Lookup(), {1: [Command()]}, [Bomb()], np.array([Command()], object)]
)
def test_files_cannot_run_code(folder: Path, part: str, thing: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for protocol in (0, 2, 4):
        (folder / f"ind.toy.{part}").write_bytes(pickle.dumps(thing, protocol=protocol))
        with pytest.raises(ValueError, match=rf"ind\.toy\.{part}: .*it names .*neither an array nor"):
            datasets.planetoid(folder, "toy")
    assert not (folder / "hacked").exists()


def bad_matrix() -> sparse.csr_matrix:
    out = sparse.csr_matrix(np.eye(KNOWN, FEATURES, dtype=np.float32))
    out.indices = out.indices + 10**6  # would be read beyond the rows
    return out


@pytest.mark.parametrize(
    ("part", "thing"),
    [("allx", bad_matrix()), ("ally", np.array([["a"]])), ("ally", np.array([[None]])), ("ally", [1, 2]), ("graph", [1, 2]),
     ("graph", {0: [10**6]}), ("graph", {0: ["a"]}), ("graph", {0: 3}), ("ty", np.eye(7, 3)), ("ally", np.ones(3)),
     ("tx", sparse.csr_matrix(np.ones((4, 9)))), ("graph", {0: [1.5]}), ("graph", {0: [2**40]}), ("graph", {0: [10**30]}),
     ("allx", np.full((KNOWN, FEATURES), np.nan)), ("ally", np.full((KNOWN, CLASSES), np.inf)), ("y", np.ones((600, CLASSES))),
     ("y", np.ones((4, 2))), ("ty", np.ones((4, 9)))],
)  # fmt: skip
def test_other_contents_are_refused(folder: Path, part: str, thing: object) -> None:
    (folder / f"ind.toy.{part}").write_bytes(pickle.dumps(thing, protocol=2))
    with pytest.raises(ValueError, match=r"ind\.toy\."):
        datasets.planetoid(folder, "toy")


def write(path: Path, rows: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        np.savetxt(file, rows, delimiter=",", fmt="%g")


@pytest.fixture
def ogb(tmp_path: Path) -> Path:
    home, rng = tmp_path / "ogbn_toy", np.random.default_rng(0)
    write(home / "raw" / "edge.csv.gz", np.array([[0, 1], [1, 2], [3, 0]]))
    write(home / "raw" / "node-feat.csv.gz", rng.integers(0, 9, (5, 3)))
    write(home / "raw" / "node-label.csv.gz", np.arange(5)[:, None] % 3)
    write(home / "raw" / "num-node-list.csv.gz", np.array([[5]]))
    for name, nodes in (("train", [0, 4]), ("valid", [1]), ("test", [2, 3])):
        write(home / "split" / "time" / f"{name}.csv.gz", np.array(nodes)[:, None])
    return home


def test_ogb(ogb: Path) -> None:
    g = datasets.ogb_node(ogb.parent, "ogbn-toy")
    assert g.edge_index.tolist() == [[0, 1, 3], [1, 2, 0]]
    assert g.y.tolist() == [0, 1, 2, 0, 1]
    assert g.y.dtype == np.int64
    assert g.x.shape == (5, 3)
    assert [np.flatnonzero(m).tolist() for m in (g.train_mask, g.val_mask, g.test_mask)] == [[0, 4], [1], [2, 3]]
    assert datasets.ogb_node(ogb, "ogbn-toy", undirected=True).num_edges == 6  # its own folder, too


def test_ogb_features_of_edges_and_several_tasks(ogb: Path) -> None:
    (ogb / "raw" / "node-feat.csv.gz").unlink()
    assert datasets.ogb_node(ogb, "ogbn-toy").x is None
    write(ogb / "raw" / "edge-feat.csv.gz", np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    write(ogb / "raw" / "node-label.csv.gz", np.eye(5, 4))
    g = datasets.ogb_node(ogb, "ogbn-toy")
    assert g.x.tolist() == [[3.0, 4.0], [2.0, 3.0], [3.0, 4.0], [5.0, 6.0], [0.0, 0.0]]
    assert g.y.shape == (5, 4)


@pytest.mark.parametrize(
    "name", ["raw/edge.csv.gz", "raw/node-label.csv.gz", "raw/num-node-list.csv.gz", "split/time/valid.csv.gz"]
)
def test_ogb_files_missing_and_cut_short(ogb: Path, name: str) -> None:
    data = (ogb / name).read_bytes()
    for damaged in (data[:-9], b"", b"0,1\n"):
        (ogb / name).write_bytes(damaged)
        with pytest.raises(ValueError, match=Path(name).name):
            datasets.ogb_node(ogb, "ogbn-toy")
    (ogb / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{Path(name).name} is not there"):
        datasets.ogb_node(ogb, "ogbn-toy")


def test_ogb_tables_that_do_not_fit(ogb: Path) -> None:
    write(ogb / "raw" / "node-feat.csv.gz", np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"node-feat.csv.gz: wrong number of rows, got 4; expected 5"):
        datasets.ogb_node(ogb, "ogbn-toy")
    write(ogb / "raw" / "node-feat.csv.gz", np.ones((5, 3)))
    write(ogb / "split" / "time" / "test.csv.gz", np.array([[5]]))
    with pytest.raises(ValueError, match="test.csv.gz names nodes out of range, got 5; expected 0 to 4"):
        datasets.ogb_node(ogb, "ogbn-toy")
    shutil.copytree(ogb / "split" / "time", ogb / "split" / "space")
    with pytest.raises(ValueError, match=r"must hold the folder of one split, got \['space', 'time'\]"):
        datasets.ogb_node(ogb, "ogbn-toy")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("raw/edge.csv.gz", "0,1\n1,5\n", "names nodes out of range, got 5; expected 0 to 4"),
     ("raw/edge.csv.gz", "0,-1\n", "names nodes out of range, got -1"),
     ("raw/edge.csv.gz", "0,4000000000\n", "names nodes out of range, got 4000000000"),
     ("raw/node-feat.csv.gz", "1\n" * 4 + "nan\n", "NaN or infinity in row 4"),
     ("raw/node-label.csv.gz", "inf\n" + "1\n" * 4, "NaN or infinity in row 0")],
)  # fmt: skip
def test_ogb_tables_with_wrong_numbers(ogb: Path, name: str, text: str, words: str) -> None:
    with gzip.open(ogb / name, "wt") as file:
        file.write(text)
    with pytest.raises(ValueError, match=f"{Path(name).name}.*{words}"):
        datasets.ogb_node(ogb, "ogbn-toy")


def test_a_split_that_is_no_folder(ogb: Path) -> None:
    shutil.rmtree(ogb / "split")
    (ogb / "split").write_text("train")
    with pytest.raises(ValueError, match=r"split must hold the folder of one split, got \[\]"):
        datasets.ogb_node(ogb, "ogbn-toy")
