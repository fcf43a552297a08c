"""Drawing arrays, and comparing an op with NumPy in float64: its value, and its gradient by central differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from grillyx.autograd import Tensor
from grillyx.engine.device import current_device
from grillyx.ops import gemm

Shape = tuple[int, ...]
SIZES = (1, 2, 3, 5, 7, 0, 33)
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a * (1.0 + 1e-9),  # rounds to the same float32
    "transposed": lambda a: np.array(a.T, np.float32, order="C").T,
    "backwards": lambda a: np.flip(np.array(np.flip(a), np.float32)),
    "every second": lambda a: np.repeat(a[..., None], 2, -1).astype(np.float32)[..., 0],
    "big-endian": lambda a: a.astype(">f4"),
}


@st.composite
def shapes(draw: Any, low: int = 0, high: int = 5, empty: bool = True, budget: int = 100) -> Shape:
    """A shape of `low` to `high` axes and at most `budget` elements; sizes of 0 and 1 and odd ones are common."""
    out: Shape = ()
    for _ in range(draw(st.integers(low, high))):
        out += (draw(st.sampled_from([n for n in SIZES if n * math.prod(out) <= budget and (n or empty)])),)
    return out


@st.composite
def broadcastable(draw: Any, count: int = 2, **options: Any) -> tuple[Shape, ...]:
    """Shapes that broadcast to a common one: axes become 1, and leading axes go missing."""
    full = draw(shapes(**options))
    out = []
    for _ in range(count):
        kept = [n if draw(st.booleans()) else 1 for n in full]
        out.append(tuple(kept[draw(st.integers(0, len(full))) :] if draw(st.booleans()) else kept))
    return tuple(out)


@st.composite
def floats(draw: Any, low: float = -3.0, high: float = 3.0, shape: Shape | None = None, **options: Any) -> np.ndarray:
    """Random odd multiples of 2**-15 in [low, high], in every kind of memory that NumPy has.

    So none lies on a kink such as 0, 1 or 0.5, or closer to one than the step of `slope`.
    """
    shape = draw(shapes(**options)) if shape is None else shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(math.ceil(low * 2**14), math.floor(high * 2**14), shape) * 2.0**-14 + 2.0**-15
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](np.asarray(values))


@st.composite
def integers(draw: Any, low: int, high: int, shape: Shape, dtypes: Sequence[Any] = (np.int32, np.int64)) -> np.ndarray:
    """Random whole numbers in [low, high)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(low, high, shape).astype(draw(st.sampled_from(dtypes)))


def exact(a: Any) -> np.ndarray:
    """The values that arrive on the device, in the widest dtype."""
    a = np.asarray(a)
    if a.dtype.kind == "f":
        return a.astype(np.float32).astype(np.float64)
    return a if a.dtype.kind == "b" else a.astype(np.int64)


def slope(reference: Callable[..., Any], arrays: Sequence[np.ndarray], k: int, g: np.ndarray) -> np.ndarray:
    """The gradient of ``sum(g * reference(*arrays))`` for array k, by central differences in float64."""
    out, step = np.zeros(arrays[k].shape), 1e-5
    for at in np.ndindex(out.shape):
        ends = []
        for sign in (1.0, -1.0):
            moved = [a.copy() for a in arrays]
            moved[k][at] += sign * step
            ends.append(np.sum(g * reference(*moved)))
        out[at] = (ends[0] - ends[1]) / (2.0 * step)
    return out


def same(got: Any, want: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Assert equal shapes, kinds of dtype and values: floats within the tolerance, all others exactly."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    if want.dtype.kind == "f":
        assert got.dtype == np.float32
        np.testing.assert_allclose(got.astype(np.float64), want, rtol, atol)
    else:
        assert {got.dtype.kind, want.dtype.kind} <= ({"b"} if want.dtype.kind == "b" else {"i", "u"})
        np.testing.assert_array_equal(got, want)


def check(
    op: Callable[..., Tensor], reference: Callable[..., Any], *arrays: Any, grad: bool = True, rtol: float = 1e-5,
    atol: float = 2e-6,
) -> Tensor:  # fmt: skip
    """Compare an op with a NumPy function in float64: its value, and the gradient for every array of floats.

    ``grad=False`` asserts that there is none.
    """
    wide = [exact(a) for a in arrays]
    tensors = [Tensor(a, requires_grad=w.dtype.kind == "f") for a, w in zip(arrays, wide, strict=True)]
    out = op(*tensors)
    want = np.asarray(reference(*wide))
    same(out, want, rtol, atol)
    assert out.requires_grad == (grad and any(t.requires_grad for t in tensors))
    if not out.requires_grad:
        return out
    g = exact(np.random.default_rng(out.size).standard_normal(want.shape))
    out.backward(g)
    for k, (t, w) in enumerate(zip(tensors, wide, strict=True)):
        if w.dtype.kind == "f":
            assert t.grad is not None
            expected = slope(reference, wide, k, g)
            same(t.grad, expected, 10 * rtol, 10 * atol * max(1.0, np.abs(expected).max(initial=0.0)))
        else:
            assert t.grad is None
    return out


def skip_where_copies_count() -> None:
    """Skip a test that counts dispatches between reads: in staged memory, a read is a dispatch too."""
    if not current_device().mapped:
        pytest.skip("reads are dispatches in staged memory")


def use_body(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let this test use one body of the matrix product; skip it on a device that cannot run that one."""
    device = current_device()
    monkeypatch.delitem(gemm.CHOSEN, device, raising=False)
    monkeypatch.setenv("GRILLYX_GEMM", name)
    try:
        chosen = gemm.body(device)
    except ValueError:
        pytest.skip("this device cannot run it")
    assert chosen == name
    monkeypatch.setitem(gemm.CHOSEN, device, name)
