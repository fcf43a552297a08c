"""Chains of functions, element by element, that are put off and then run as one kernel.

A `Storage` may have an `Expression` in place of a buffer. It is computed when something reads the memory, together with
what it is made of: ``relu(a * b + c)`` is one pass over memory, and what nobody reads is never computed.
"""

from __future__ import annotations

import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from grillyx.engine.kernel import Kernel, grid, kernel, read_shader
from grillyx.engine.link import FULL, SIZES, Library, Program, link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grillyx.engine.array import Storage
    from grillyx.engine.pool import Buffer

    Run = Callable[["Storage", str | None, tuple[str, "Storage"] | None], None]

MAX_STEPS, MAX_LEAVES, MAX_OUTPUTS = 24, 7, 8
_MAX_NUMBERS = 24  # among the push constants, of which there are 128 bytes
_FUNCTIONS = {"unary": "f", "unary_backward": "df", "binary": "on_floats"}

_NUMBER, _STEP = 1 << 8, 1 << 16  # where the codes of numbers and of results begin
_ACTIVATIONS = {f"unary.{name}": name for name in ("relu", "gelu", "silu", "sigmoid", "tanh")}

Leaf = tuple["Storage", int, tuple[int, ...]]  # a storage, how it is read, and the numbers for that: see `link`


class Expression:
    """What a storage will hold: a function of leaves and numbers, element by element.

    Args:
        function: the compiled shader that has it, such as ``"unary.exp"``; ``""`` is the one argument itself.
        args: leaves and numbers. A leaf that is read in `FULL` may be an expression too, and becomes part of this one.
        words: the number of elements.
    """

    __slots__ = ("args", "function", "leaves", "numbers", "steps", "words")

    def __init__(self, function: str, args: tuple[Leaf | float, ...], words: int) -> None:
        self.function, self.args, self.words = function, args, words
        inputs = [a for a in args if type(a) is tuple]
        for storage, kind, _ in inputs:
            if kind != FULL and storage.expression is not None:
                storage.compute()
        while True:
            steps, numbers = 1, len(args) - len(inputs)
            leaves: frozenset[int] = frozenset()
            for storage, kind, _ in inputs:
                inner = storage.expression
                if not isinstance(inner, Expression):
                    leaves |= {id(storage)}
                    numbers += SIZES[kind]
                else:
                    steps += inner.steps
                    numbers += inner.numbers
                    leaves |= inner.leaves
            if steps <= MAX_STEPS and numbers <= _MAX_NUMBERS and len(leaves) <= MAX_LEAVES:
                break
            # too much for one kernel: the largest part gets one of its own
            parts = [
                (s.expression.steps, k) for k, (s, _, _) in enumerate(inputs) if isinstance(s.expression, Expression)
            ]
            inputs[max(parts)[1]][0].compute()
        self.steps: int = steps
        self.numbers: int = numbers
        self.leaves: frozenset[int] = leaves
        for storage, _, _ in inputs:
            storage.awaited = True

    def reads(self, source: Storage) -> bool:
        """Tell whether this needs the values of a storage."""
        for arg in self.args:  # a tree of at most `MAX_STEPS`
            if type(arg) is tuple:
                inner = arg[0].expression
                if arg[0] is source or (inner is not None and inner.reads(source)):
                    return True
        return False

    @property
    def number(self) -> float | None:
        """The value, if all elements are one number that is known."""
        return self.args[0] if self.function == "" and type(self.args[0]) is float else None


class Job:
    """A kernel that is put off, because the functions that are applied to its result may become part of it.

    Args:
        run: ``run(storage, activation, extra)`` computes into a storage that has its buffer; see `_epilogue`.
        inputs: the storages that it reads.
        words: of the result.
    """

    __slots__ = ("inputs", "run", "words")
    number = None

    def __init__(self, run: Run, inputs: Sequence[Storage], words: int) -> None:
        self.run, self.inputs, self.words = run, inputs, words
        for storage in inputs:
            storage.compute()  # it is read whole: to put it off further would gain nothing, and chain jobs without end
            storage.awaited = True

    def reads(self, source: Storage) -> bool:
        """Tell whether this needs the values of a storage."""
        return any(storage is source for storage in self.inputs)


def _job_of(storage: Storage, places: int) -> Job | None:
    """Return the job of a storage that nobody but `places` variables and one expression hold."""
    job = storage.expression
    return job if isinstance(job, Job) and sys.getrefcount(storage) <= places + 3 else None


def _epilogue(e: Expression) -> tuple[Job, str | None, tuple[str, Storage] | None] | None:
    """Return a job that can do all of an expression by itself, the activation, and what it shall add, multiply or mask by."""
    activation = None
    if e.function in _ACTIVATIONS:
        activation = _ACTIVATIONS[e.function]
        inner = e.args[0][0]  # type: ignore[index]
        if (job := _job_of(inner, 1)) is not None:
            return job, activation, None
        if not isinstance(inner.expression, Expression) or sys.getrefcount(inner) > 3:
            return None
        e = inner.expression
    kind = {"binary.add": "residual", "binary.multiply": "scale", "binary.masked": "mask"}.get(e.function)
    if kind is None or (kind != "residual" and activation) or any(a[1] != FULL for a in e.args):  # type: ignore[index]
        return None
    for k in (0,) if kind == "mask" else (0, 1):
        extra: Storage = e.args[1 - k][0]  # type: ignore[index]
        if (job := _job_of(e.args[k][0], 0)) is not None and extra is not e.args[k][0]:  # type: ignore[index]
            return job, activation, (kind, extra)
    return None


def compute(storage: Storage, acquire: Callable[[int], Buffer]) -> None:
    """Compute a storage that has an expression, and with it the parts of it that somebody else holds too."""
    expression = storage.expression
    assert expression is not None
    whole = (expression, None, None) if isinstance(expression, Job) else _epilogue(expression)
    if whole is not None:
        buffer = storage.buffer = acquire(expression.words)
        try:
            whole[0].run(storage, *whole[1:])
        except BaseException:
            storage.buffer = None
            storage.device.pool.release(buffer)
            raise
        storage.expression = None
        return
    assert isinstance(expression, Expression)
    gathered = _Gathered(storage)
    # jobs first: they may compute, or need, what this kernel would store
    while jobs := [s for s, _, _ in gathered.leaves if s.expression is not None]:
        for s in jobs:
            s.compute()
        gathered = _Gathered(storage)
    if gathered.bindings > storage.device.info.max_bindings:
        for arg in expression.args:
            if type(arg) is tuple and arg[0].expression is not None:
                arg[0].compute()
        gathered = _Gathered(storage)
    outputs = gathered.outputs()
    taken = []
    try:
        for s in outputs:
            taken.append(acquire(expression.words))
            s.buffer = taken[-1]
        gathered.launch(outputs)
    except BaseException:
        for s, buffer in zip(outputs, taken, strict=False):
            s.buffer = None
            storage.device.pool.release(buffer)
        raise
    for s in outputs:
        s.expression = None


class _Gathered:
    """An expression with all that is still waiting inside it, as a program and what it reads."""

    def __init__(self, root: Storage) -> None:
        self.root = root
        self.leaves: dict[Leaf, int] = {}
        self.numbers: list[float] = []
        self.steps: list[tuple[str, tuple[int, ...]]] = []
        self.inside: dict[Storage, int] = {root: 0}  # how often a storage stands in this expression
        self._known: dict[Storage, int] = {}  # values: leaves from 0, numbers from _NUMBER, steps from _STEP, and -1
        self._value(root)

    @property
    def bindings(self) -> int:
        """Buffers that the kernel may need."""
        return len(self.leaves) + min(MAX_OUTPUTS, len(self.inside))

    def _value(self, storage: Storage) -> int:
        found = self._known.get(storage)
        if found is None:
            e = storage.expression
            assert isinstance(e, Expression)
            unused = _unused(e.function) if e.function else ()
            values = tuple([-1 if k in unused else self._argument(arg) for k, arg in enumerate(e.args)])
            if e.function:
                self.steps.append((e.function, values))
            found = self._known[storage] = _STEP + len(self.steps) - 1 if e.function else values[0]
        return found

    def _argument(self, arg: Leaf | float) -> int:
        if type(arg) is not tuple:
            self.numbers.append(arg)  # type: ignore[arg-type]
            return _NUMBER + len(self.numbers) - 1
        if not isinstance(arg[0].expression, Expression):
            return self.leaves.setdefault(arg, len(self.leaves))
        self.inside[arg[0]] = self.inside.get(arg[0], 0) + 1
        return self._value(arg[0])

    def outputs(self) -> list[Storage]:
        """Return what to store: the root, and the last of the parts that are held from outside of it.

        Counting references is an estimate, which decides about speed alone: what is not stored is computed when needed.
        """
        if len(self.inside) == 1:
            return [self.root]
        probe: Any = object()  # held by nobody else: what it counts more than its places, a part may count too
        self.inside[probe], self._known[probe] = 0, 0
        del probe
        counts = [(s, sys.getrefcount(s) - places) for s, places in self.inside.items()]
        probe, alone = counts.pop()
        del self.inside[probe], self._known[probe]
        held = [s for s, count in counts if s is not self.root and count > alone and self._known[s] >= _STEP]
        return [self.root, *held][:MAX_OUTPUTS]

    def launch(self, outputs: list[Storage]) -> None:
        words = self.root.expression.words  # type: ignore[union-attr]
        quads = -(-words // 4)
        if not self.steps and not self.leaves:
            bits = struct.unpack("<I", struct.pack("<f", self.numbers[0]))[0]
            kernel("fill")(grid(quads), 4 * words, y=self.root, quads=quads, value=bits)
            return
        push = [quads, *[size for leaf in self.leaves for size in leaf[2]], *self.numbers]
        storages = [*[s for s, _, _ in self.leaves], *outputs]
        kinds, results = tuple([kind for _, kind, _ in self.leaves]), tuple([self._known[s] for s in outputs])
        shader = _linked(kinds, len(self.numbers), tuple(self.steps), results)
        shader.launch(grid(quads), 4 * words * len(storages), storages, push, ())


@cache
def _library(name: str) -> Library:
    return Library(read_shader(name))


@cache
def _unused(name: str) -> frozenset[int]:
    return _library(name).unused(_FUNCTIONS[name.partition(".")[0]])


@cache
def _linked(
    leaves: tuple[int, ...], numbers: int, steps: tuple[tuple[str, tuple[int, ...]], ...], results: tuple[int, ...]
) -> Kernel:
    def place(value: int) -> int:
        if value >= _STEP:
            return value - _STEP + len(leaves) + numbers
        return value - _NUMBER + len(leaves) if value >= _NUMBER else value

    placed = tuple((name, tuple(map(place, values))) for name, values in steps)
    program = Program(leaves, numbers, placed, tuple(map(place, results)))
    libraries = {name: _library(name) for name, _ in program.steps}
    functions = {name: _FUNCTIONS[name.partition(".")[0]] for name in libraries}
    title = "+".join(name.partition(".")[2] for name, _ in program.steps) or "broadcast"
    return Kernel(title, link(program, libraries, functions))
