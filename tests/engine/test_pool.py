"""Size classes, reuse, limits, and what a device gives back."""

import itertools

import numpy as np
import pytest

import grillyx
from grillyx import Tensor
from grillyx.engine import array
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device
from grillyx.engine.pool import SMALLEST, Arena, Pool, size_class


@pytest.mark.parametrize("words", [0, 1, 63, 64, 65, 100, 1000, 4097, 123_457, 2**24, 2**24 + 1])
def test_a_class_holds_the_words_and_wastes_at_most_a_quarter(words):
    size = size_class(words)
    assert size >= max(words, SMALLEST)
    assert size % SMALLEST == 0
    assert size <= 1.25 * words + SMALLEST


def test_released_buffers_are_used_again():
    shape = (987_654,)  # a size that no other test uses
    live, numbers = counters()["live_buffers"], set()
    for _ in range(5):
        one = array.empty(shape)
        numbers.add(one.storage.buffer.id)
        assert counters()["live_buffers"] == live + 1
        del one
        assert counters()["live_buffers"] == live
    assert len(numbers) == 1
    several = [array.empty(shape) for _ in range(3)]
    assert len({a.storage.buffer.id for a in several}) == 3


def test_the_same_place_of_a_step_gets_the_same_buffer():
    pool, shape = current_device().pool, (876_543,)
    steps = []
    for _ in range(4):
        pool.end_step()
        held = [array.empty(shape), array.empty(shape)]
        steps.append([a.storage.buffer.id for a in held])
        del held
    assert steps == [steps[0]] * 4


@pytest.mark.usefixtures("no_garbage")
def test_a_loop_whose_variables_outlive_the_step_settles_within_three_steps():
    w = Tensor(np.ones((7, 5)), requires_grad=True)
    out = loss = None  # still held when the next ones are made

    def step():
        nonlocal out, loss
        out = Tensor(np.ones((3, 7))) @ w
        loss = (out * out).mean()
        w.grad = None
        loss.backward()
        return float(loss)

    for _ in range(4):
        step()
    before = counters()["created"]
    for _ in range(20):
        step()
    assert counters()["created"] == before


def test_too_large_a_tensor_is_refused_before_anything_is_made():
    limit = current_device().max_bytes
    before = counters()
    with pytest.raises(ValueError, match=rf"Tensor: too large .* got {limit + 4:,} bytes .* at most {limit:,} bytes"):
        array.empty((limit // 4 + 1,))
    assert counters() == before


def test_the_largest_tensor_that_fits():
    words = current_device().max_bytes // 4
    if words > 2**28:
        pytest.skip("this device's limit is larger than the memory that a test should take")
    x = Tensor(np.ones(words, np.float32))
    assert float((x * 2.0).sum()) == 2.0 * words
    del x
    grillyx.empty_cache()


def test_empty_cache_frees_what_waits_and_leaves_what_is_used():
    kept = Tensor(np.arange(5.0))
    (kept * 2.0).numpy()
    pool = current_device().pool
    before = pool.bytes
    Tensor(np.zeros(500_000))
    assert pool.bytes > before
    grillyx.empty_cache()
    assert pool.bytes <= before
    np.testing.assert_array_equal((kept + 1.0).numpy(), np.arange(5.0) + 1.0)


def test_an_upload_does_not_disturb_kernels_that_are_recorded():
    """A released buffer may still be read by a kernel that has not run: the host must not write into it."""
    totals = [Tensor(np.full(300, float(k))) * 1.0 for k in range(50)]
    np.testing.assert_array_equal([float(t.numpy()[-1]) for t in totals], np.arange(50.0))


def test_a_tensor_keeps_its_values_when_the_array_changes_afterwards():
    host = np.ones(10, np.float32)
    t = Tensor(host)
    host[:] = 5.0
    np.testing.assert_array_equal(t.numpy(), np.ones(10))
    t.numpy()[:] = 7.0
    np.testing.assert_array_equal(t.numpy(), np.ones(10))


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([1j]), np.array([object()])])
def test_dtypes_that_the_device_cannot_hold(bad):
    with pytest.raises(TypeError, match="cannot hold this dtype"):
        Tensor(bad)


def test_integers_beyond_32_bits():
    with pytest.raises(OverflowError, match="do not fit in 32 bits"):
        Tensor(np.array([2**40]))
    assert Tensor(np.array([2**32 - 1], np.uint64)).numpy()[0] == 2**32 - 1


def test_dtypes_come_back_as_32_bits():
    for dtype, expected in [
        ("f8", "f4"),
        ("f2", "f4"),
        ("i8", "i4"),
        ("i1", "i4"),
        ("u1", "i4"),
        ("u4", "u4"),
        ("?", "?"),
    ]:
        out = Tensor(np.array([0, 1, 1], dtype)).numpy()
        assert out.dtype == np.dtype(expected), dtype
        np.testing.assert_array_equal(out, np.array([0, 1, 1], expected))


class FakeTensor:
    """Counts what a pool holds, without a device."""

    live = 0

    def __init__(self, words: int) -> None:
        self.words = words
        FakeTensor.live += words

    def data(self) -> np.ndarray:
        return np.zeros(self.words, np.uint32)

    def destroy(self) -> None:
        FakeTensor.live -= self.words


def test_an_arena_is_cut_and_put_together_again():
    arena = Arena(1, 1000, True, FakeTensor(1000))
    places = [arena.cut(300) for _ in range(4)]
    assert places == [0, 300, 600, None]
    arena.give_back(300, 300)
    assert arena.cut(400) is None
    assert arena.cut(200) == 300
    arena.give_back(0, 300)
    arena.give_back(600, 300)
    assert not arena.empty
    arena.give_back(300, 200)
    assert arena.empty


def test_arenas_grow_and_go(monkeypatch):
    room = 1 << 25

    def make(manager, words, mapped):
        if FakeTensor.live + words > room:
            raise RuntimeError("no room")
        return FakeTensor(words)

    FakeTensor.live = 0
    monkeypatch.setattr("grillyx.engine.kompute.make_tensor", make)
    pool = Pool(None, 1 << 30, set())
    small = [pool.acquire(1000, True) for _ in range(100)]
    assert len({b.arena.id for b in small}) == 1
    spans = sorted((b.first, b.first + b.words) for b in small)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    large = pool.acquire((1 << 24) + 5, False)
    assert large.arena.id not in {b.arena.id for b in small}
    with pytest.raises(MemoryError, match="no room for"):
        pool.acquire(1 << 24, False)
    for b in small:
        pool.release(b)
    pool.release(large)
    assert pool.drain() == {small[0].arena.id, large.arena.id}
    assert (FakeTensor.live, pool.bytes) == (0, 0)


@pytest.mark.usefixtures("no_garbage")
def test_pipelines_do_not_grow_with_the_number_of_tensors():
    """A loop over time in Python runs the same few pipelines at every step."""
    w = Tensor(np.ones((8, 8)), requires_grad=True)
    counts = []
    for steps in (3, 60):
        v, out = Tensor(np.zeros((4, 8))), Tensor(np.zeros((4, 8)))
        for _ in range(steps):
            v = grillyx.functional.softmax(v * 0.9 + Tensor(np.ones((4, 8))) @ w)
            out = out + v
        (out * out).mean().backward()
        grillyx.synchronize()
        counts.append(len(current_device()._algorithms))
    assert counts[1] <= counts[0] + 8
