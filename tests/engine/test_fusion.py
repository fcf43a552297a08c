"""Chains that are put off: one pass over memory, the same values, and nothing that changes in between."""

import gc
import itertools
import shutil
import subprocess

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim
from grillyx.engine import fusion
from grillyx.engine.array import FLOAT, put_off
from grillyx.engine.counters import counters
from grillyx.engine.kernel import read_shader
from grillyx.engine.link import CHANNEL, COLUMN, FULL, MIDDLE, ONE, ROW, Library, Program, link
from grillyx.engine.spirv import reflect
from grillyx.ops.shape import reading

pytestmark = pytest.mark.usefixtures("poisoned", "no_garbage")
rng = np.random.default_rng(0)
SIZES = [1, 3, 4, 7, 64, 65, 1000, 64 * 4 * 300 + 5]


@pytest.fixture
def no_poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poisoning is a dispatch too, where dispatches are counted."""
    monkeypatch.undo()


def spent(code) -> int:
    grillyx.synchronize()
    before = counters()["dispatches"]
    code()
    grillyx.synchronize()
    return counters()["dispatches"] - before


def floats(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("n", SIZES)
def test_a_chain_has_the_values_of_its_steps(n: int) -> None:
    a, b, c = floats(n), floats(n), floats(n)
    y = F.relu(Tensor(a) * Tensor(b) + Tensor(c)) * 3.0 - Tensor(a)
    np.testing.assert_array_equal(y.numpy(), np.maximum(a * b + c, 0) * np.float32(3) - a)


def test_a_chain_is_one_dispatch(no_poison: None) -> None:
    a, b, c = (Tensor(floats(100)) for _ in range(3))
    kept = []
    assert spent(lambda: kept.append(F.tanh(F.relu(a * b + c) / (a - 2.0)) * b)) == 1
    assert spent(lambda: a * b + c) == 0  # nobody can read that
    kept.append(F.relu(a * b + c) + b * c)
    gathered = fusion._Gathered(kept[-1].array.storage)
    assert len(gathered.steps) == 5
    assert gathered.outputs() == [kept[-1].array.storage]  # no part is stored


def test_what_is_held_is_computed_once(no_poison: None) -> None:
    a, b = Tensor(floats(100)), Tensor(floats(100))
    kept: list[Tensor] = []

    def both() -> None:
        h = a * b + 1.0
        kept[:] = [h, F.exp(h)]

    assert spent(both) == 1  # one kernel with two results
    h = a * b + 1.0
    y = F.exp(h) * 2.0
    assert fusion._Gathered(y.array.storage).outputs() == [y.array.storage, h.array.storage]
    assert [t.array.storage.expression for t in kept] == [None, None]


def test_what_several_read_is_computed_once(no_poison: None) -> None:
    leaves = [Tensor(floats(100)) for _ in range(4)]
    kept: list[Tensor] = []

    def fork() -> None:
        h = leaves[0] * leaves[1] + leaves[2] * leaves[3]
        kept[:] = [F.exp(h), F.tanh(h), F.sin(h)]

    assert spent(fork) == 3  # the first stores h, the others read it
    np.testing.assert_allclose(kept[1].numpy() ** 2 + 1 / np.cosh(np.arctanh(kept[1].numpy())) ** 2, 1, rtol=1e-3)


BROADCASTS = [
    ((6, 8), (6, 8), FULL), ((), (6, 8), ONE), ((1, 1), (6, 8), ONE), ((8,), (6, 8), ROW), ((1, 8), (6, 8), ROW),
    ((6, 1), (6, 8), COLUMN), ((2, 6, 1), (2, 6, 8), COLUMN), ((2, 1, 1), (2, 6, 8), COLUMN), ((6, 8), (2, 6, 8), ROW),
    ((6, 1), (2, 6, 8), CHANNEL), ((6, 1, 1), (3, 6, 2, 4), CHANNEL), ((1, 6, 1), (2, 6, 8), CHANNEL), ((7,), (3, 7), None),
    ((3, 1), (3, 7), None), ((2, 1, 8), (2, 6, 8), MIDDLE), ((2, 3, 1, 1, 8), (2, 3, 5, 7, 8), MIDDLE),
    ((1, 6, 8), (1, 6, 8), FULL), ((6, 1, 1), (6, 2, 2), COLUMN), ((3, 1, 4), (3, 5, 4), MIDDLE),
    ((3, 1, 4, 1), (3, 5, 4, 8), None), ((2, 3), (4, 2, 3), None),
]  # fmt: skip


@pytest.mark.parametrize(("small", "large", "kind"), BROADCASTS, ids=str)
def test_broadcasting(small: tuple, large: tuple, kind: int | None) -> None:
    assert (reading(small, large) or (None,))[0] == kind
    a, b = floats(*small), floats(*large)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    z = F.exp(x * 0.5) * y + x
    np.testing.assert_allclose(z.numpy(), np.exp(a * 0.5) * b + a, rtol=1e-5, atol=1e-6)
    z.backward(np.ones(large))
    lead = tuple(range(len(large) - len(small)))
    axes = lead + tuple(k + len(lead) for k, n in enumerate(small) if n != large[k + len(lead)])
    want = (0.5 * np.exp(a.astype(float) * 0.5) * b + 1).sum(axes, keepdims=True).reshape(small)
    np.testing.assert_allclose(x.grad.numpy(), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(y.grad.numpy(), np.broadcast_to(np.exp(a * 0.5), large), rtol=1e-5)


def test_changes_in_place_come_after_what_was_put_off() -> None:
    p = Tensor(np.ones(10), requires_grad=True)
    twice = p * 2.0
    with grillyx.no_grad():
        p += 1.0
        thrice = p * 3.0
        p.copy_(np.zeros(10))
    np.testing.assert_array_equal(twice.numpy(), 2.0)
    np.testing.assert_array_equal(thrice.numpy(), 6.0)
    np.testing.assert_array_equal((p + 0.0).numpy(), 0.0)


def test_an_optimizer_step_comes_after_what_was_put_off() -> None:
    p = nn.Parameter(np.ones(5))
    optimizer = optim.SGD([p], lr=1.0)
    before, chained = p * 10.0, F.exp(p - 1.0) * 2.0
    (p * 1.0).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), 0.0)
    np.testing.assert_array_equal(before.numpy(), 10.0)
    np.testing.assert_array_equal(chained.numpy(), 2.0)


def test_a_change_in_place_is_noticed_in_what_was_put_off() -> None:
    """A kept result that is changed, after it was computed, no longer fits the gradient."""
    x = Tensor(np.ones(4), requires_grad=True)
    y = F.exp(x)
    z = y * 3.0
    y.array.storage.compute()
    with grillyx.no_grad():
        y.detach().copy_(np.zeros(4))
    with pytest.raises(RuntimeError, match="in place"):
        z.sum().backward()


def test_a_long_chain_becomes_several_kernels(no_poison: None) -> None:
    x = floats(50)
    want, kept = x.astype(np.float64), [Tensor(x)]
    t = kept[0]

    def chain() -> None:
        for k in range(100):
            kept[0] = kept[0] * 0.5 + t if k % 2 else F.sin(kept[0])

    assert 150 / fusion.MAX_STEPS <= spent(chain) <= 20
    for k in range(100):
        want = want * 0.5 + x if k % 2 else np.sin(want)
    np.testing.assert_allclose(kept[0].numpy(), want, rtol=1e-5, atol=1e-6)


def test_many_leaves_become_several_kernels() -> None:
    parts = [floats(20) for _ in range(40)]
    total = sum((Tensor(p) * float(k) for k, p in enumerate(parts)), start=Tensor(np.zeros(20)))
    np.testing.assert_allclose(total.numpy(), sum(k * p for k, p in enumerate(parts)), rtol=1e-4, atol=1e-4)


def test_a_tree_of_the_same_things_stays_small() -> None:
    x = floats(30)
    y, want = Tensor(x), x.astype(np.float64)
    for _ in range(40):
        y, want = y + F.sin(y), want + np.sin(want)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-4)


def test_devices_with_few_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [floats(20) for _ in range(7)]
    device = grillyx.current_device()
    few = type(device.info)(**{**vars(device.info), "max_bindings": 4})
    tensors = [Tensor(p) for p in parts]
    y = tensors[0]
    for t in tensors[1:]:
        y = (y + t) * 0.5
    monkeypatch.setattr(device, "info", few)
    want = parts[0]
    for p in parts[1:]:
        want = (want + p) * np.float32(0.5)
    np.testing.assert_array_equal(y.numpy(), want)


def test_numbers_change_without_new_kernels(no_poison: None) -> None:
    x = Tensor(floats(33))
    (x * 2.0 + 1.0).numpy()
    fresh = fusion._linked.cache_info().misses
    for k in range(5):
        np.testing.assert_allclose((x * float(k) + k / 3).numpy(), x.numpy() * k + k / 3, rtol=1e-5, atol=1e-6)
    assert fusion._linked.cache_info().misses == fresh


def test_what_is_put_off_can_be_let_go() -> None:
    held = counters()["live_buffers"]
    for _ in range(1000):
        F.exp(Tensor(np.ones(10)) * 2.0)
    gc.collect()
    assert counters()["live_buffers"] <= held
    assert len(grillyx.current_device()._waiting) <= 1000


@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, 3.4e38, 1e300])
def test_constants_keep_their_bits(value: float) -> None:
    x = floats(9)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal((Tensor(x) * value).numpy(), x * np.float32(value))
        np.testing.assert_array_equal(
            (Tensor(np.zeros((3, 3))) * 0.0 + value).numpy(), np.full((3, 3), value, np.float32)
        )


def test_failed_computation_leaves_it_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    y = Tensor(np.ones(8)) + 1.0
    held = counters()["live_buffers"]
    monkeypatch.setattr(fusion, "_linked", lambda *program: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.numpy()
    assert counters()["live_buffers"] == held
    monkeypatch.undo()
    np.testing.assert_array_equal(y.numpy(), 2.0)


def test_sizes_that_no_device_takes_are_refused_at_once() -> None:
    words = grillyx.current_device().max_bytes // 4 + 1
    x = Tensor(np.ones(1))
    with pytest.raises(ValueError, match="too large"):
        put_off("unary.exp", ((x.array.storage, ONE, 0),), (words,), FLOAT)


def test_every_function_links() -> None:
    """All functions, alone and together with another, are modules that the validator accepts."""
    validator = shutil.which("spirv-val")
    folder = grillyx.engine.kernel._SPIRV
    names = sorted(p.stem for kind in fusion._FUNCTIONS for p in folder.glob(f"{kind}.*.spv"))
    assert len(names) > 70
    ways = itertools.cycle([FULL, ROW, COLUMN, ONE, CHANNEL, MIDDLE])
    for name in names:
        library = Library(read_shader(name))
        function = fusion._FUNCTIONS[name.partition(".")[0]]
        body = library.functions[library.names[function]]
        count = sum(op == 55 for op, _ in body)
        other = Library(read_shader("unary.tanh"))
        program = Program(
            tuple(next(ways) for _ in range(count)), 2,
            ((name, tuple(range(count))), ("unary.tanh", (count + 2, count, -1))), (count + 3, count + 2),
        )  # fmt: skip
        code = link(program, {name: library, "unary.tanh": other}, {name: function, "unary.tanh": "f"})
        face = reflect(code)
        assert [b for b, _ in face.buffers] == [*(f"x{k}" for k in range(count)), "y0", "y1"]
        assert [readonly for _, readonly in face.buffers] == [True] * count + [False] * 2
        if validator:
            done = subprocess.run(
                [validator, "--target-env", "vulkan1.1"], input=code, capture_output=True, check=False
            )
            assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
