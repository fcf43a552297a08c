"""Chains of functions, element by element, that are put off and then run as one kernel.

A `Storage` may have an `Expression` in place of a buffer. It is computed when something reads the memory, together with
what it is made of: ``relu(a * b + c)`` is one pass over memory, and what nobody reads is never computed.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

from grillyx.engine.kernel import Kernel, grid, kernel, read_shader
from grillyx.engine.link import FULL, Library, Program, link

if TYPE_CHECKING:
    from grillyx.engine.array import Storage

MAX_STEPS, MAX_LEAVES = 24, 7
_MAX_NUMBERS = 24  # among the push constants, of which there are 128 bytes
# a result that is used again is computed again if that takes no more than this; else it is stored
_CHEAP_STEPS, _CHEAP_LEAVES = 6, 2
_FUNCTIONS = {"unary": "f", "unary_backward": "df", "binary": "on_floats"}

Leaf = tuple["Storage", int, int]  # a storage, how it is read (see `link`), and its size or run for that, in quads


class Expression:
    """What a storage will hold: a function of leaves and numbers, element by element.

    Args:
        function: the compiled shader that has it, such as ``"unary.exp"``; ``""`` is the one argument itself.
        args: leaves and numbers. A leaf that is read in `FULL` may be an expression too, and becomes part of this one.
        words: the number of elements.
    """

    __slots__ = ("args", "function", "leaves", "numbers", "steps", "uses", "words")

    def __init__(self, function: str, args: tuple[Leaf | float, ...], words: int) -> None:
        self.function, self.args, self.words, self.uses = function, args, words, 0
        inputs = [a for a in args if type(a) is tuple]
        for storage in {leaf[0] for leaf in inputs}:
            inner = storage.expression
            if inner is not None:
                inner.uses += 1
                if inner.uses > 1 and (inner.steps > _CHEAP_STEPS or len(inner.leaves) > _CHEAP_LEAVES):
                    storage.compute()
        for storage, kind, _ in inputs:
            if kind != FULL and storage.expression is not None:
                storage.compute()
        while True:
            steps, numbers, leaves = 1, len(args) - len(inputs), set()
            for storage, kind, _ in inputs:
                inner = storage.expression
                if inner is None:
                    leaves.add(storage)
                    numbers += kind != FULL
                else:
                    steps += inner.steps
                    numbers += inner.numbers
                    leaves |= inner.leaves
            if steps <= MAX_STEPS and numbers <= _MAX_NUMBERS and len(leaves) <= MAX_LEAVES:
                break
            # too much for one kernel: the largest part gets one of its own
            parts = [(s.expression.steps, k) for k, (s, _, _) in enumerate(inputs) if s.expression is not None]
            inputs[max(parts)[1]][0].compute()
        self.steps, self.numbers, self.leaves = steps, numbers, leaves
        for storage in leaves:
            storage.awaited = True

    @property
    def number(self) -> float | None:
        """The value, if all elements are one number that is known."""
        return self.args[0] if self.function == "" and type(self.args[0]) is float else None


def run(storage: Storage) -> None:
    """Compute a storage that has an expression; its buffer is there already."""
    expression = storage.expression
    assert expression is not None
    quads = -(-expression.words // 4)
    if expression.number is not None:
        bits = struct.unpack("<I", struct.pack("<f", expression.number))[0]
        kernel("fill")(grid(quads), 4 * expression.words, y=storage, quads=quads, value=bits)
        return
    gathered = _Gathered(expression)
    if len(gathered.leaves) >= storage.device.info.max_bindings:
        for arg in expression.args:
            if type(arg) is tuple and arg[0].expression is not None:
                arg[0].compute()
        gathered = _Gathered(expression)
    shader = _linked(gathered.program())
    leaves = list(gathered.leaves)
    push = [quads, *(size for _, kind, size in leaves if size), *gathered.numbers]
    storages = [s for s, _, _ in leaves]
    shader.launch(grid(quads), 4 * expression.words * (len(leaves) + 1), [*storages, storage], push, ())


class _Gathered:
    """An expression with all that is still waiting inside it, as a program and what it reads."""

    def __init__(self, expression: Expression) -> None:
        self.leaves: dict[Leaf, int] = {}
        self.numbers: list[float] = []
        self.steps: list[tuple[str, list[tuple[str, int]]]] = []
        self._known: dict[Expression, tuple[str, int]] = {}
        self._last = self._value(expression)

    def _value(self, e: Expression) -> tuple[str, int]:
        found = self._known.get(e)
        if found is None:
            unused = _unused(e.function) if e.function else ()
            values = [("zero", 0) if k in unused else self._argument(arg) for k, arg in enumerate(e.args)]
            if e.function:
                self.steps.append((e.function, values))
                values = [("step", len(self.steps) - 1)]
            found = self._known[e] = values[0]
        return found

    def _argument(self, arg: Leaf | float) -> tuple[str, int]:
        if type(arg) is tuple:
            if arg[0].expression is not None:
                return self._value(arg[0].expression)
            return "leaf", self.leaves.setdefault(arg, len(self.leaves))
        self.numbers.append(arg)  # type: ignore[arg-type]
        return "number", len(self.numbers) - 1

    def program(self) -> Program:
        first = {"zero": -1, "leaf": 0, "number": len(self.leaves), "step": len(self.leaves) + len(self.numbers)}
        steps = tuple((name, tuple(first[kind] + k for kind, k in values)) for name, values in self.steps)
        return Program(tuple(kind for _, kind, _ in self.leaves), len(self.numbers), steps)


@cache
def _library(name: str) -> Library:
    return Library(read_shader(name))


@cache
def _unused(name: str) -> frozenset[int]:
    return _library(name).unused(_FUNCTIONS[name.partition(".")[0]])


@cache
def _linked(program: Program) -> Kernel:
    libraries = {name: _library(name) for name, _ in program.steps}
    functions = {name: _FUNCTIONS[name.partition(".")[0]] for name in libraries}
    title = "+".join(name.partition(".")[2] for name, _ in program.steps) or "broadcast"
    return Kernel(title, link(program, libraries, functions))
