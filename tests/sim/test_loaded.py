"""Stimuli that are tables, in memory and in files."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from grillyx import sim
from grillyx.autograd import Tensor
from tests.helpers import same

TORCH = Path(__file__).parent.parent / "data" / "torch"
TABLE = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
T = np.array([-1, 4, 0, 5, 2, 100])


def wanted(table: np.ndarray) -> np.ndarray:
    return np.stack([table[:, t] if 0 <= t < 5 else np.zeros(len(table)) for t in T], 1)


@pytest.mark.parametrize(
    "make", [np.array, Tensor, np.ndarray.tolist, lambda a: a.astype(np.float64), np.asfortranarray]
)
def test_a_table(make) -> None:
    stimulus = sim.LoadedStimulus(make(TABLE))
    same(stimulus(T), wanted(TABLE))
    same(stimulus(3), TABLE[:, 3])
    same(stimulus(-1), np.zeros(3))
    mask, table = stimulus.parts(T)
    assert mask is None
    assert table.dtype == np.float32
    same(table, wanted(TABLE))
    assert stimulus.steps == 5
    assert stimulus.state_dict() == {}
    same(copy.deepcopy(stimulus)(T), wanted(TABLE))


def test_whole_numbers() -> None:
    table = np.arange(15, dtype=np.uint8).reshape(3, 5)
    same(sim.LoadedStimulus(table)(T), wanted(table.astype(float)))
    same(sim.LoadedStimulus(table > 3)(T), wanted((table > 3).astype(float)))
    with pytest.raises(ValueError, match="t lies between steps, got 1.5"):
        sim.LoadedStimulus(table)(1.5)


def test_networks() -> None:
    table = np.random.default_rng(1).standard_normal((3, 5, 4))
    stimulus = sim.LoadedStimulus(table, batch_size=3)
    assert (stimulus.n_networks, stimulus.n_batches, stimulus.n_neurons) == (4, 2, 9)
    same(stimulus(T), np.concatenate([wanted(table[:, :, k]) for k in range(3)]))
    stimulus.next_batch()
    same(stimulus(T), wanted(table[:, :, 3]))


@pytest.mark.parametrize("ending", ["npy", "npz", "sparse.npz"])
def test_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    if ending == "npy":
        np.save(path, TABLE)
    elif ending == "npz":
        np.savez(path, table=TABLE)
    else:
        sparse.save_npz(path, sparse.csc_array(TABLE))
    for name in (path, str(path)):
        same(sim.LoadedStimulus(name)(T), wanted(TABLE))


def test_a_file_of_numpy_stays_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", TABLE)
    stimulus = sim.LoadedStimulus(tmp_path / "table.npy")
    assert isinstance(stimulus._table.base, np.memmap)
    same(stimulus.arguments["path_or_array"][:, :, 0], TABLE)


def test_files_of_torch() -> None:
    same(sim.LoadedStimulus(TORCH / "view.pt")([0, 1, 2]), np.arange(12.0).reshape(3, 4)[:, 1:].T)


@pytest.mark.parametrize(
    ("table", "kind", "message"),
    [
        (TABLE[0], ValueError, r"wrong shape, got \(5,\); expected \(N, steps\) or \(N, steps, networks\)"),
        (np.zeros((2, 3, 4, 5)), ValueError, "wrong shape"),
        (np.zeros((0, 5)), ValueError, "wrong shape"),
        (np.zeros((2, 5, 0)), ValueError, "wrong shape"),
        (np.where(TABLE > 1, np.nan, TABLE), ValueError, "NaN, infinite or beyond float32"),
        (np.where(TABLE > 1, np.inf, TABLE), ValueError, "NaN, infinite or beyond float32"),
        (np.full((2, 2), 1e39), ValueError, "NaN, infinite or beyond float32"),
        (TABLE.astype(complex), TypeError, "must be real numbers, got complex128"),
        (TABLE.astype(str), TypeError, "must be real numbers"),
        (None, TypeError, "must be real numbers, got object"),
    ],
)
def test_bad_tables(tmp_path: Path, table, kind, message: str) -> None:
    with pytest.raises(kind, match="LoadedStimulus: the table.*" + message):
        sim.LoadedStimulus(table)
    if kind is ValueError:
        np.save(tmp_path / "bad.npy", table)
        with pytest.raises(ValueError, match=r"LoadedStimulus: the table of .*bad\.npy.*" + message):
            sim.LoadedStimulus(tmp_path / "bad.npy")


def test_nan_at_the_end_of_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grillyx.sim._loaded._ROWS", 10)
    table = TABLE.copy()
    table[2, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        sim.LoadedStimulus(table)


def test_no_steps() -> None:
    same(sim.LoadedStimulus(np.zeros((3, 0)))(T), np.zeros((3, 6)))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"LoadedStimulus: no file '.*none\.npy'"):
        sim.LoadedStimulus(tmp_path / "none.npy")
    with pytest.raises(ValueError, match=r"table\.csv is of an unknown kind, got '.csv'; expected .npy, .npz, .pt"):
        sim.LoadedStimulus(tmp_path / "table.csv")
