"""Networks from folders: every kind of file, damaged ones and hostile ones."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from grillyx import sim
from grillyx.graph import Graph, Loader

TORCH = Path(__file__).parent.parent / "data" / "torch"
W0 = np.array([[0.0, 1.5, 0.0], [-2.0, 0.0, 0.25], [0.0, 3.0, 0.0]])
EDGES = ([1, 0, 2, 1], [0, 1, 1, 2], [-2.0, 1.5, 3.0, 0.25])


def check(graph: Graph, weight: list[float] = EDGES[2]) -> None:
    assert graph.num_nodes == 3
    assert graph.edge_index.tolist() == [EDGES[0], EDGES[1]]
    assert graph.edge_weight.tolist() == weight
    assert graph.edge_weight.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8", np.float16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_dense(tmp_path: Path, dtype, order: str) -> None:
    np.save(tmp_path / "w.npy", np.asarray(W0, dtype, order=order))
    check(sim.ConnectivityDataset(tmp_path)[0])
    (tmp_path / "w.npy").unlink()
    np.savez_compressed(tmp_path / "w.npz", anything=np.asarray(W0, dtype))
    check(sim.ConnectivityDataset(str(tmp_path))[0])


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("form", ["array", "matrix"])
def test_sparse(tmp_path: Path, kind: str, form: str) -> None:
    made = getattr(sparse, f"{kind}_{form}")
    sparse.save_npz(tmp_path / "w.npz", made(W0))
    check(sim.ConnectivityDataset(tmp_path)[0])


def test_entries_that_are_named_twice_add(tmp_path: Path) -> None:
    rows, columns = np.array([2, 0, 1, 1, 0, 2]), np.array([1, 1, 0, 2, 1, 0])
    sparse.save_npz(
        tmp_path / "w.npz", sparse.coo_array((np.array([3.0, 1.0, -2.0, 0.25, 0.5, 0.0]), (rows, columns)), (3, 3))
    )
    check(sim.ConnectivityDataset(tmp_path)[0])


def test_integers_and_loops(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([[2, 0], [1, 0]], np.int8))
    graph = sim.ConnectivityDataset(tmp_path)[0]
    assert graph.edge_index.tolist() == [[0, 1], [0, 0]]
    assert graph.edge_weight.tolist() == [2.0, 1.0]


def test_no_edges(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.zeros((4, 4)))
    graph = sim.ConnectivityDataset(tmp_path)[0]
    assert (graph.num_nodes, graph.num_edges) == (4, 0)


@pytest.mark.parametrize("name", ["matrix", "parameter", "half"])
def test_torch(name: str, tmp_path: Path) -> None:
    shutil.copy(TORCH / f"{name}.pt", tmp_path)
    check(sim.ConnectivityDataset(tmp_path)[0])


def test_torch_of_other_kinds(tmp_path: Path) -> None:
    for name in ("bool", "long", "view"):
        shutil.copy(TORCH / f"{name}.pt", tmp_path)
    boolean, long, view = sim.ConnectivityDataset(tmp_path)
    assert boolean.edge_index.tolist() == [[0, 2, 1], [1, 1, 2]]
    check(long, [-8.0, 6.0, 12.0, 1.0])
    assert view.edge_weight.tolist() == [1, 2, 3, 5, 6, 7, 9, 10, 11]


REFUSED = {
    "dict": "holds a dict", "sparse": "names torch._utils._rebuild_sparse_tensor", "bfloat16": "names torch.BFloat16Storage",
    "old": "not a zip file", "empty": r"no square matrix, got \(0, 3\)",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_of_torch_are_refused(name: str, tmp_path: Path) -> None:
    shutil.copy(TORCH / f"{name}.pt", tmp_path)
    with pytest.raises(ValueError, match=rf"ConnectivityDataset: .*{name}\.pt.*{REFUSED[name]}"):
        sim.ConnectivityDataset(tmp_path)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three networks of 3, 4 and 5 neurons, and things that are none."""
    home = tmp_path / "nets"
    home.mkdir()
    for k, ending in enumerate(("b.npy", "c.npz", "a.npy")):
        w = np.eye(3 + k, k=1) * (k + 1)
        if ending.endswith("npz"):
            sparse.save_npz(home / ending, sparse.csr_array(w))
        else:
            np.save(home / ending, w)
    (home / "notes.txt").write_text("mine")
    (home / "folder.npy").mkdir()
    return home


def test_items(folder: Path) -> None:
    data = sim.ConnectivityDataset(folder)
    assert len(data) == 3
    assert [g.num_nodes for g in data] == [5, 3, 4]  # by name
    assert [g.edge_weight[0] for g in data] == [3.0, 1.0, 2.0]
    assert data[-1].num_nodes == data[np.int64(2)].num_nodes == 4
    assert [g.num_nodes for g in data[:2]] == [5, 3]
    assert [g.num_nodes for g in data[::-1]] == [4, 3, 5]
    assert data[5:] == []
    for wrong in (3, -4):
        with pytest.raises(IndexError, match=rf"ConnectivityDataset: no such file, got {wrong}; expected -3 to 2"):
            data[wrong]
    for bad in (1.0, "a", True):
        with pytest.raises(TypeError, match="items are numbered, got"):
            data[bad]
    assert "networks=3" in repr(data)


def test_batches(folder: Path) -> None:
    masks = [np.arange(n) == 1 for n in (5, 3, 4)]
    data = sim.ConnectivityDataset(folder, masks)
    assert data[1].stimulus_mask.tolist() == [False, True, False]
    first, second = Loader(data, batch_size=2)
    assert (first.num_nodes, second.num_nodes) == (8, 4)
    assert np.flatnonzero(first.stimulus_mask).tolist() == [1, 6]
    both = Graph.batch_of(data[:2])
    assert both.edge_index.tolist() == first.edge_index.tolist() == [[0, 1, 2, 3, 5, 6], [1, 2, 3, 4, 6, 7]]
    stimulus = sim.RegularStimulus(1.0, 5.0, 1.0, 10.0, masks, batch_size=2)
    assert np.array_equal(stimulus.mask, first.stimulus_mask)


def test_masks_that_do_not_fit(folder: Path) -> None:
    with pytest.raises(ValueError, match="number of stimulus_masks is not that of the files, got 2; expected 3"):
        sim.ConnectivityDataset(folder, [np.ones(5, bool)] * 2)
    with pytest.raises(TypeError, match=r"ConnectivityDataset: stimulus_masks\[0\] must be booleans"):
        sim.ConnectivityDataset(folder, [np.ones(5)] * 3)
    data = sim.ConnectivityDataset(folder, [np.ones(5, bool)] * 3)
    data[0]
    with pytest.raises(ValueError, match=r"stimulus_masks\[1\] has the wrong length for .*b\.npy, got 5; expected 3"):
        data[1]
    with pytest.raises(ValueError, match=r"stimulus_masks\[2\] has the wrong length"):
        data[-1]


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"ConnectivityDataset: no matrices in .*expected files that end in .npy, .npz, .pt"
    ):
        sim.ConnectivityDataset(tmp_path)
    with pytest.raises(TypeError, match="folder is no path, got NoneType"):
        sim.ConnectivityDataset(None)
    with pytest.raises(FileNotFoundError, match=r"no folder '.*none'"):
        sim.ConnectivityDataset(tmp_path / "none")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), r"no square matrix, got \(2, 3\)"),
        (np.ones(4), r"no square matrix, got \(4,\)"),
        (np.ones((2, 2, 2)), r"no square matrix, got \(2, 2, 2\)"),
        (np.zeros((0, 0)), r"no square matrix, got \(0, 0\)"),
        (np.where(W0 == 3.0, np.nan, W0), "no finite float32, got nan from 2 to 1"),
        (np.where(W0 == 3.0, -np.inf, W0), "no finite float32, got -inf from 2 to 1"),
        (W0 * 1e39, r"no finite float32, got -2e\+39 from 1 to 0|got 1.5e\+39 from 0 to 1"),
        (W0.astype(complex), "no real numbers, got complex128"),
        (W0.astype(str), "no real numbers"),
        (W0.astype(object), "holds no array, or is cut short"),
    ],
)
def test_bad_matrices(tmp_path: Path, matrix: np.ndarray, message: str) -> None:
    np.save(tmp_path / "bad.npy", matrix)
    with pytest.raises(ValueError, match=rf"ConnectivityDataset: .*bad\.npy.*({message})"):
        sim.ConnectivityDataset(tmp_path)[0]
    if matrix.ndim == 2 and matrix.size and matrix.dtype.kind in "fc":
        sparse.save_npz(tmp_path / "bad.npz", sparse.csr_array(matrix))
        with pytest.raises(ValueError, match=rf"ConnectivityDataset: .*bad\.npz.*({message})"):
            sim.ConnectivityDataset(tmp_path)[1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("ending", ["npy", "npz", "sparse.npz", "pt"])
def test_files_that_are_cut_short(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"cut.{ending}"
    if ending == "npy":
        np.save(path, W0)
    elif ending == "npz":
        np.savez(path, W0)
    elif ending == "pt":
        shutil.copy(TORCH / "matrix.pt", path)
    else:
        sparse.save_npz(path, sparse.csr_array(W0))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=rf"ConnectivityDataset: .*cut\.{ending}.*cut short"):
        sim.ConnectivityDataset(tmp_path)[0]


def test_an_array_under_the_wrong_name(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", W0)
    (tmp_path / "w.npy").rename(tmp_path / "w.npz")
    with pytest.raises(ValueError, match=r"w\.npz holds no array.*it is no archive"):
        sim.ConnectivityDataset(tmp_path)[0]
    np.savez(tmp_path / "w.npz", W0)
    (tmp_path / "w.npz").rename(tmp_path / "w.npy")
    with pytest.raises(ValueError, match=r"w\.npy holds no array"):
        sim.ConnectivityDataset(tmp_path)[0]


def test_several_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", W0, W0)
    with pytest.raises(ValueError, match=r"two\.npz.*it has 2 arrays, and must have one"):
        sim.ConnectivityDataset(tmp_path)[0]
    sparse.save_npz(tmp_path / "two.npz", sparse.dia_array(W0))
    with pytest.raises(ValueError, match=r"two\.npz.*of the kind 'dia'; expected csr, csc, coo"):
        sim.ConnectivityDataset(tmp_path)[0]


@pytest.mark.parametrize(
    "parts",
    [
        {"indices": np.array([0, 10**6, 1, 2])},
        {"indices": np.array([0, -5, 1, 2])},
        {"indptr": np.array([0, 1, 3, 10**6])},
        {"indptr": np.array([0, 3, 1, 4])},
        {"shape": np.array([3, 3, 3])},
        {"data": np.array([None, None, None, None])},
        {"format": np.array(5)},
    ],
)
def test_sparse_files_that_point_elsewhere(tmp_path: Path, parts: dict) -> None:
    good = sparse.csr_array(W0)
    whole = {
        "indices": good.indices,
        "indptr": good.indptr,
        "shape": np.array([3, 3]),
        "data": good.data,
        "format": np.array("csr"),
    }
    np.savez(tmp_path / "w.npz", **whole)
    check(sim.ConnectivityDataset(tmp_path)[0])
    np.savez(tmp_path / "w.npz", **whole | parts)
    with pytest.raises(ValueError, match=r"ConnectivityDataset: .*w\.npz holds no array"):
        sim.ConnectivityDataset(tmp_path)[0]


# --- files of torch that are none


class Command:
    def __reduce__(self):
        return os.system, ("touch hacked",)


class Bomb:
    def __reduce__(self):
        return eval, ("open('hacked', 'w').close()",)


def archive(path: Path, data: bytes, numbers: bytes = b"", order: bytes = b"little") -> None:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("x/data.pkl", data)
        out.writestr("x/byteorder", order)
        out.writestr("x/data/0", numbers)


@pytest.mark.parametrize("thing", [Command(), Bomb(), [Bomb()], {"a": Command()}, Fraction(1, 2)])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_files_cannot_run_code(tmp_path: Path, thing: object, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "bad.pt", pickle.dumps(thing, protocol=protocol))
    with pytest.raises(ValueError, match=r"bad\.pt: .*it names .*which is no dense tensor"):
        sim.ConnectivityDataset(tmp_path)[0]
    np.save(tmp_path / "a.npy", np.array([Bomb()], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy holds no array"):
        sim.ConnectivityDataset(tmp_path)[0]
    assert not (tmp_path / "hacked").exists()


def tensor(offset: int, shape: tuple, strides: tuple, count: int = 9) -> bytes:
    """What torch writes for a tensor, with numbers of our choice."""
    body = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(("  # by hand: Python has no such module to look up
    body += (
        b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + b"I%d\n" % count
        + b"tQ"
    )
    body += b"I%d\n" % offset
    for numbers in (shape, strides):
        body += b"(" + b"".join(b"I%d\n" % n for n in numbers) + b"t"
    return body + b"I00\nNtR."


def test_tensors_by_hand(tmp_path: Path) -> None:
    archive(tmp_path / "w.pt", tensor(0, (3, 3), (3, 1)), W0.astype("<f4").tobytes())
    check(sim.ConnectivityDataset(tmp_path)[0])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((0, (3, 3), (3, 2)), "larger than its numbers"),
        ((1, (3, 3), (3, 1)), "larger than its numbers"),
        ((0, (10**9, 10**9), (0, 1)), "larger than its numbers"),
        ((-1, (3, 3), (3, 1)), "impossible shape"),
        ((8, (3, 3), (-3, -1)), "impossible shape"),
        ((0, (3, 3), (3,)), "impossible shape"),
        ((0, (3, 3), (3, 1), 10), "it has 9 of 10 numbers"),
    ],
)
def test_tensors_that_reach_elsewhere(tmp_path: Path, parts: tuple, message: str) -> None:
    archive(tmp_path / "w.pt", tensor(*parts), W0.astype("<f4").tobytes())
    with pytest.raises(ValueError, match=rf"w\.pt: .*{message}"):
        sim.ConnectivityDataset(tmp_path)[0]


def test_other_archives(tmp_path: Path) -> None:
    archive(tmp_path / "w.pt", tensor(0, (3, 3), (3, 1)), W0.astype(">f4").tobytes(), b"big")
    with pytest.raises(ValueError, match=r"w\.pt: .*big-endian"):
        sim.ConnectivityDataset(tmp_path)[0]
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as out:
        out.writestr("readme", "none")
    with pytest.raises(ValueError, match=r"w\.pt: .*no data.pkl"):
        sim.ConnectivityDataset(tmp_path)[0]
