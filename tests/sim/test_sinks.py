"""Results that are written to files."""

from __future__ import annotations

import builtins
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from tests.sim.reference import NETWORKS

GRAPH = NETWORKS["many"].graph
KINDS = ["x.npy", "x.h5", "x.hdf5", "x.zarr"]


def run(steps: int = 150, **more):
    return sim.BernoulliGLM(theta=1.0, rng=1).simulate(GRAPH, steps, verbose=False, **more)


def opened(path):
    """The file, read by its own package."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".zarr":
        return __import__("zarr").open_array(str(path), mode="r")[:]
    with __import__("h5py").File(path, "r") as file:
        return file["spikes"][:]


@pytest.mark.parametrize("dtype", [np.int32, bool, np.uint8, np.float32])
@pytest.mark.parametrize("name", KINDS)
def test_files(name: str, dtype, tmp_path) -> None:
    want = run(store_as_dtype=dtype)
    got = run(store_as_dtype=dtype, out=tmp_path / name)
    assert got.shape == (37, 150)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got[:, :], want)
    np.testing.assert_array_equal(got[3:20, 40:111], want[3:20, 40:111])
    np.testing.assert_array_equal(opened(tmp_path / name), want)
    assert want.any()


@pytest.mark.parametrize("name", KINDS)
def test_no_steps(name: str, tmp_path) -> None:
    assert run(0, out=str(tmp_path / name)).shape == (37, 0)
    assert opened(tmp_path / name).shape == (37, 0)


@pytest.mark.parametrize("name", KINDS)
def test_what_exists_is_left_as_it_is(name: str, tmp_path) -> None:
    path = tmp_path / name
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        run(out=path)
    assert path.read_text() == "precious"


def test_a_result_is_read_as_it_is_needed(tmp_path) -> None:
    assert isinstance(run(out=tmp_path / "x.npy"), np.memmap)
    data = run(out=tmp_path / "x.h5")
    assert type(data).__module__.startswith("h5py")
    assert type(run(out=tmp_path / "x.zarr")).__module__.startswith("zarr")


@pytest.mark.parametrize(("name", "package"), [("x.h5", "h5py"), ("x.zarr", "zarr")])
def test_without_the_package(name: str, package: str, tmp_path, monkeypatch) -> None:
    imported = builtins.__import__

    def blocked(wanted, *more, **options):
        if wanted.split(".")[0] == package:
            raise ImportError(f"No module named {wanted!r}")
        return imported(wanted, *more, **options)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(ImportError, match=rf"BernoulliGLM.simulate: \.{name[2:]} files need the package {package}"):
        run(out=tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_too_small(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(ValueError, match="the disk is too small for 37 neurons and 150 steps of int32"):
        run(out=tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())


def test_a_memory_that_is_too_small() -> None:
    with pytest.raises(ValueError, match="the result does not fit in memory, got 37 neurons and"):
        run(1 << 58, equilibration_steps=0)


@pytest.mark.parametrize("steps", [9, 99, 101, 100_000])
def test_the_header_of_a_file_fits_any_number_of_steps(steps: int, tmp_path) -> None:
    """A run that ends early writes a shorter number into the same room."""
    model = sim.BernoulliGLM(theta=1.0, rng=1)

    def stimulus(t):
        if t == min(steps - 1, 200):
            raise RuntimeError
        return 0.0

    model.add_stimulus(stimulus)
    with pytest.raises(RuntimeError):
        model.simulate(GRAPH, steps, verbose=False, out=tmp_path / "x.npy")
    if (tmp_path / "x.npy").exists():
        assert np.load(tmp_path / "x.npy").shape == model.result.shape
        assert 0 < model.result.shape[1] <= steps
    else:
        assert steps == 9  # no chunk was done
