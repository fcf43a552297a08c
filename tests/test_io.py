"""Saving and loading: round trips, broken files, and what stays when writing fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import grillyx
import grillyx.nn as nn
from grillyx import Tensor, io


def model(seed: int = 0) -> nn.Sequential:
    grillyx.manual_seed(seed)
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(5, 4)), nn.ParametricLIFNode(3.0, step_mode="m"), nn.Linear(4, 2)
    )


def same(a: Any, b: Any) -> None:
    """Equal in structure, kinds, shapes, dtypes and bits."""
    if isinstance(a, (np.ndarray, Tensor)):
        a = np.asarray(a)
        assert type(b) is np.ndarray
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        assert [type(k) for k in a] == [type(k) for k in b]
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert type(a) is type(b)
        assert a == b or a != a


def in_order(state: dict[str, Any]) -> dict[str, Any]:
    """A file of arrays alone keeps no order."""
    return {k: state[k] for k in sorted(state)}


def test_a_model(tmp_path: Path) -> None:
    first, second = model(1), model(2)
    path = tmp_path / "model.safetensors"
    grillyx.save(first.state_dict(), path)
    state = grillyx.load(str(path))
    same(in_order(first.state_dict()), in_order(state))
    assert state["1.w"].shape == ()
    second.load_state_dict(state)
    x = np.random.default_rng(0).normal(1.0, 1.0, (6, 3, 5))
    np.testing.assert_array_equal(first(x).numpy(), second(x).numpy())


def test_a_model_is_a_plain_file(tmp_path: Path) -> None:
    """Other programs read it, and their files are read."""
    state = model().state_dict()
    grillyx.save(state, tmp_path / "ours.safetensors")
    same(in_order(state), in_order(safetensors.numpy.load_file(tmp_path / "ours.safetensors")))
    with safetensors.safe_open(str(tmp_path / "ours.safetensors"), framework="numpy") as file:
        assert file.metadata() is None
    safetensors.numpy.save_file(state, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    same(in_order(state), in_order(grillyx.load(tmp_path / "theirs.safetensors")))


def test_everything_of_a_training(tmp_path: Path) -> None:
    net = model()
    checkpoint = {
        "model": net.state_dict(),
        "optimizer": {
            "state": {0: {"step": 3, "exp_avg": np.ones((4, 5), "f4")}, 1: {"exp_avg": Tensor([1.0, 2.0])}, 2: {}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "nesterov": False, "params": [0, 1], "fused": None}],
        },
        "epoch": 7, "best": float("nan"), "name": "Über α",
        "scheduler": {"last": np.float64(0.5), "steps": np.int64(4)},
    }  # fmt: skip
    grillyx.save(checkpoint, tmp_path / "all")
    back = grillyx.load(tmp_path / "all")
    checkpoint["scheduler"] = {"last": 0.5, "steps": 4}
    same(checkpoint, back)


def test_a_real_optimizer(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(1.0, 1.0, (3, 2, 5))
    weights = []
    for interrupted in (False, True):
        net = model()
        optimizer = grillyx.optim.AdamW(net.parameters(), lr=0.05)
        for k in range(4):
            if interrupted and k == 2:
                grillyx.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c")
                state = grillyx.load(tmp_path / "c")
                net = model(9)
                net.load_state_dict(state["model"])
                optimizer = grillyx.optim.AdamW(net.parameters(), lr=1.0)
                optimizer.load_state_dict(state["optimizer"])
            net(x)
            net.backward(np.ones((2, 2)))
            optimizer.step()
            net.zero_grad()
            grillyx.functional.reset_net(net)
        weights.append(net.state_dict())
    same(*weights)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8", "u4", "u1", "?", "i2"])
def test_dtypes_shapes_and_layouts(tmp_path: Path, dtype: str) -> None:
    a = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for array in (a, a.T, a[::2, ::-1], a[:0], a[0, 0, 0:1].reshape(()), a.astype(a.dtype.newbyteorder(">"))):
        grillyx.save({"a": array}, tmp_path / "x")
        back = grillyx.load(tmp_path / "x")["a"]
        assert back.dtype == np.dtype(dtype)
        assert back.shape == array.shape
        np.testing.assert_array_equal(back, array)


def test_tensors(tmp_path: Path) -> None:
    state = {"f": Tensor([[1.0, 2.0]]), "i": Tensor([1, 2]), "b": Tensor([True, False]), "s": Tensor(3.0)}
    grillyx.save(state, tmp_path / "x")
    same(in_order(state), in_order(grillyx.load(tmp_path / "x")))


def test_names_that_meet(tmp_path: Path) -> None:
    """Names are joined by dots inside the file; two that become one must not overwrite each other."""
    one, two, three = (np.full(2, k, np.float32) for k in (1, 2, 3))
    for state in (
        {"a.b": one, "a": {"b": two}, "c": 1}, {"a": {"b": two}, "a.b": one}, {1: one, "1": two}, {0: one},
        {"": one, "a": two},
        {"a": [one, {"0": two}], "a.1": {"0": three}},
    ):  # fmt: skip
        grillyx.save(state, tmp_path / "x")
        same(state, grillyx.load(tmp_path / "x"))


def test_empty(tmp_path: Path) -> None:
    for state in ({}, {"a": {}}, {"a": [], "b": ()}):
        grillyx.save(state, tmp_path / "x")
        same(state, grillyx.load(tmp_path / "x"))


# --- broken files
def test_broken_files(tmp_path: Path) -> None:
    path = tmp_path / "whole"
    grillyx.save({"model": model().state_dict(), "epoch": 1}, path)
    whole, broken = path.read_bytes(), tmp_path / "broken"
    for size in (0, 4, 8, 50, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"load: '.*broken' is truncated, or no safetensors file \("):
            grillyx.load(broken)
    for garbage in (b"hello world, this is no tensor file", b"\xff" * 200, b"PK\x03\x04" + bytes(100), whole[::-1]):
        broken.write_bytes(garbage)
        with pytest.raises(ValueError, match="is truncated, or no safetensors file"):
            grillyx.load(broken)


@pytest.mark.parametrize(
    "skeleton",
    ["no json", "[]", "3", "null", '{"dict": 3}', '{"array": "missing"}', '{"array": []}', '{"what": 1}',
     '{"dict": [["a"]]}', '{"list": 5}', '{"dict": [[[], {"value": 1}]]}'],
)  # fmt: skip
def test_a_file_whose_metadata_is_wrong(tmp_path: Path, skeleton: str) -> None:
    path = tmp_path / "x"
    safetensors.numpy.save_file({"a": np.zeros(2)}, path, metadata={"grillyx": skeleton})
    with pytest.raises(ValueError, match="is truncated, or no safetensors file"):
        grillyx.load(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="load: no file '.*nothing'"):
        grillyx.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="load: no file"):
        grillyx.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="save: no folder '.*absent'; make it first"):
        grillyx.save({}, tmp_path / "absent" / "x")
    with pytest.raises(IsADirectoryError, match="save: '.*' is a folder"):
        grillyx.save({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- failing to write
def test_a_file_is_not_overwritten_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    grillyx.save({"a": np.ones(3)}, path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> bytes:
        raise OSError(28, "No space left on device")

    for name in ("to_bytes", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(io if name == "to_bytes" else io.os, name.removeprefix("os."), full)
            with pytest.raises(OSError, match="No space left"):
                grillyx.save({"a": np.zeros(3)}, path)
    with pytest.raises(TypeError):
        grillyx.save({"a": np.zeros(3), "b": object()}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]  # nothing half-written stays


def test_saving_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for value in (1.0, 2.0):
        grillyx.save({"a": np.full(3, value)}, path)
        assert grillyx.load(path)["a"][0] == value
    assert path.stat().st_mode & 0o777 == 0o666 & ~io._umask()


@pytest.mark.parametrize(
    ("state", "place", "kind"),
    [
        ({"a": {"b": [1, {2, 3}]}}, "a.b.1", "set"),
        ({"a": object()}, "a", "object"),
        ({"a": {"f": abs}}, "a.f", "builtin_function_or_method"),
        ({"a": 1j}, "a", "complex"),
        ({"a": np.complex64(1)}, "a", "complex64"),
        ({"a": b"x"}, "a", "bytes"),
        ({"a": {(1, 2): 3}}, "a", "a key of tuple"),
        ({"a": {"b": np.array([None, 1])}}, "a.b", "an array of object"),
        ({"a": np.array(["x", "yz"])}, "a", "an array of <U2"),
        ({"model": nn.Linear(1, 1)}, "model", "Linear"),
        ({"a": np.ones(2, complex)}, "a", "an array of complex128"),
        ({"a": np.array(["2020-01-01"], "M8[D]")}, "a", "an array of datetime64"),
    ],
)
def test_what_cannot_be_written_is_named_by_its_place(tmp_path: Path, state: Any, place: str, kind: str) -> None:
    with pytest.raises(TypeError, match="save: cannot write ") as error:
        grillyx.save(state, tmp_path / "x")
    assert f"cannot write {kind}" in str(error.value)
    assert f"at {place!r}" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_save_wants_a_dict(tmp_path: Path) -> None:
    for wrong in (np.zeros(3), [1], nn.Linear(1, 1), None):
        with pytest.raises(
            TypeError, match=f"save: expected a dict such as model.state_dict.*got {type(wrong).__name__}"
        ):
            grillyx.save(wrong, tmp_path / "x")


def test_the_file_holds_no_code(tmp_path: Path) -> None:
    """A header of JSON and raw numbers: what a reader needs to trust."""
    grillyx.save({"m": {"w": np.ones(2, np.float32)}, "n": 1}, tmp_path / "x")
    data = (tmp_path / "x").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert set(header) == {"__metadata__", "m.w"}
    assert data[8 + length :] == np.ones(2, np.float32).tobytes()
