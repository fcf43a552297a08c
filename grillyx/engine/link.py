"""Link functions of compiled shaders into one shader that applies a chain of them, element by element.

The functions are compiled GLSL (``unary.exp`` has ``f``, ``binary.add`` has ``on_floats``); what is written here in SPIR-V is
only the frame: load the leaves, call one function after another, store. So fusing needs no compiler where grillyx runs,
and a function has one definition. Numbers of opcodes and enumerants: SPIR-V specification 1.3, section 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from grillyx.engine.spirv import MAGIC, instructions, text_of, words_of

# Which element of a leaf belongs to element e, with numbers r and s that come along:
# e; 0; e % r; e / r; e / r % s; e / r * s + e % s
FULL, ONE, ROW, COLUMN, CHANNEL, MIDDLE = range(6)
SIZES = (0, 0, 1, 1, 2, 2)  # how many numbers; they count quads of four elements, but for the s of a `CHANNEL`
_LOCAL = 64
_FLOAT, _FUNCTION, _PARAMETER, _FUNCTION_END, _CALL, _SWITCH = 22, 54, 55, 56, 57, 251
_GLOBALS = {19, 20, 21, 22, 23, 30, 32, 33, 41, 42, 43, 44}  # types and constants that functions use
_TYPES = {19, 20, 21, 22, 23, 30, 32, 33}  # their result comes first; that of a value comes after its type
# where the literals of an instruction begin (all others are ids), and those that have just one
_LITERALS_FROM = {21: 1, 22: 1, 43: 2, 61: 3, 62: 2, 79: 4, 81: 3, 82: 4, 246: 2, 247: 1, 250: 3}
_LITERAL_AT = {12: 3, 23: 2, 32: 1, 54: 2, 59: 2}
_UNIFORM_INPUT, _STORAGE_BUFFER, _PUSH_CONSTANT, _LOCAL_VARIABLE = 1, 12, 9, 7


def _is_literal(op: int, k: int) -> bool:
    """Tell whether operand k of an instruction is a number, and not an id."""
    if op == _SWITCH:
        return k >= 2 and k % 2 == 0
    return k >= _LITERALS_FROM.get(op, k + 1) or k == _LITERAL_AT.get(op)


@dataclass(frozen=True)
class Program:
    """What a fused shader computes. Values are numbered: leaves, constants, and results of the steps; -1 is the number 0.

    Attributes:
        leaves: how each leaf is read: `FULL`, `ONE`, ...
        constants: how many numbers come as push constants.
        steps: ``(module, values)``: which compiled shader's function, and its arguments.
        results: the values that are stored.
    """

    leaves: tuple[int, ...]
    constants: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    results: tuple[int, ...]


class Library:
    """The functions of one compiled shader."""

    def __init__(self, code: bytes) -> None:
        self.names: dict[str, int] = {}
        self.globals: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.functions: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
        self.imports: set[int] = set()
        body: list[tuple[int, tuple[int, ...]]] | None = None
        for op, args in instructions(code):
            if op == 5 and "(" in (name := text_of(args[1:])):
                self.names[name.partition("(")[0]] = args[0]
            elif op == 11:
                self.imports.add(args[0])
            elif op == _FUNCTION:
                body = self.functions[args[1]] = [(op, args)]
            elif body is not None:
                body.append((op, args))
                body = None if op == _FUNCTION_END else body
            elif op in _GLOBALS:
                self.globals[args[0] if op in _TYPES else args[1]] = (op, args)

    def unused(self, name: str) -> frozenset[int]:
        """Return which parameters of a function its body never mentions."""
        body = self.functions[self.names[name]]
        parameters = [args[1] for op, args in body if op == _PARAMETER]
        mentioned = {a for op, args in body if op != _PARAMETER for a in args}  # a literal may pass for an id: no harm
        return frozenset(k for k, p in enumerate(parameters) if p not in mentioned)


class _Builder:
    """Collects the sections of a module."""

    def __init__(self) -> None:
        self.bound = 1
        self.names: list[int] = []
        self.annotations: list[int] = []
        self.globals: list[int] = []
        self.code: list[int] = []
        self.known: dict[tuple, int] = {}
        self.glsl = self.new()  # the instruction set GLSL.std.450

    def new(self) -> int:
        self.bound += 1
        return self.bound - 1

    def put(self, section: list[int], op: int, *args: int) -> None:
        section += ((len(args) + 1) << 16 | op, *args)

    def only(self, op: int, *args: int) -> int:
        """Return the one type or constant of this kind; `args` are without the result."""
        key = (op, *args)
        if key not in self.known:
            out = self.known[key] = self.new()
            self.put(self.globals, op, *((out, *args) if op in _TYPES else (args[0], out, *args[1:])))
        return self.known[key]

    def name(self, target: int, text: str, member: int | None = None) -> None:
        self.put(
            self.names, 5 if member is None else 6, target, *(() if member is None else (member,)), *words_of(text)
        )

    def value(self, op: int, kind: int, *args: int) -> int:
        """Emit an instruction with a result."""
        out = self.new()
        self.put(self.code, op, kind, out, *args)
        return out

    def function(self, library: Library, old: int, done: dict[int, int]) -> int:
        """Copy a function and what it calls; `done` maps the library's ids to ours."""
        if old not in done:
            body = library.functions[old]
            for op, args in body:
                if op == _CALL:
                    self.function(library, args[2], done)
            for op, args in body:
                words = [a if _is_literal(op, k) else self.rename(library, a, done) for k, a in enumerate(args)]
                self.put(self.code, op, *words)
        return done[old]

    def rename(self, library: Library, old: int, done: dict[int, int]) -> int:
        if old not in done:
            if old in library.imports:
                done[old] = self.glsl
            elif old in library.globals:
                op, args = library.globals[old]
                result = 0 if op in _TYPES else 1
                words = [
                    a if _is_literal(op, k) else self.rename(library, a, done)
                    for k, a in enumerate(args)
                    if k != result
                ]
                done[old] = self.only(op, *words)
            else:
                done[old] = self.new()
        return done[old]


def link(program: Program, libraries: dict[str, Library], functions: dict[str, str]) -> bytes:
    """Return the shader of a program: buffers x0, x1, ..., y0, y1, ...; push constants quads, r0, r1, ..., c0, c1, ...

    `functions` names the function of each library.
    ``rk`` and ``sk`` are the numbers that come along with leaf k.
    """
    b = _Builder()
    floats, uints, void = b.only(22, 32), b.only(21, 32, 0), b.only(19)
    quad, triple, truth = b.only(23, floats, 4), b.only(23, uints, 3), b.only(20)
    local = b.only(32, _LOCAL_VARIABLE, floats)
    zero = b.only(43, uints, 0)
    results = b.only(30, *[floats] * len(program.results))
    chain = _chain(b, program, libraries, functions, floats, local, results)

    def variable(storage: int, pointee: int) -> int:
        out, pointer = b.new(), b.only(32, storage, pointee)
        b.put(b.globals, 59, pointer, out, storage)
        return out

    def block(storage: int, members: list[tuple[str, int]]) -> int:
        kind = b.new()
        b.put(b.globals, 30, kind, *(member for _, member in members))
        b.put(b.annotations, 71, kind, 2)  # Block
        for k, (name, _) in enumerate(members):
            b.name(kind, name, k)
            b.put(b.annotations, 72, kind, k, 35, 4 * k)  # Offset
        b.name(kind, "block")
        return kind

    def buffer(slot: int, name: str, element: int, size: int, readonly: bool) -> int:
        array = b.new()
        b.put(b.globals, 29, array, element)
        b.put(b.annotations, 71, array, 6, size)  # ArrayStride
        kind = block(_STORAGE_BUFFER, [(name, array)])
        if readonly:
            b.put(b.annotations, 72, kind, 0, 24)  # NonWritable
        out = variable(_STORAGE_BUFFER, kind)
        b.put(b.annotations, 71, out, 34, 0)  # DescriptorSet
        b.put(b.annotations, 71, out, 33, slot)  # Binding
        return out

    sized = [f"{name}{k}" for k, leaf in enumerate(program.leaves) for name in "rs"[: SIZES[leaf]]]
    push = [
        ("quads", uints),
        *((name, uints) for name in sized),
        *((f"c{k}", floats) for k in range(program.constants)),
    ]
    pushed = variable(_PUSH_CONSTANT, block(_PUSH_CONSTANT, push))
    single = [leaf in (ONE, COLUMN, CHANNEL) for leaf in program.leaves]
    leaves = [buffer(k, f"x{k}", floats if one else quad, 4 if one else 16, True) for k, one in enumerate(single)]
    stored = [buffer(len(leaves) + k, f"y{k}", quad, 16, False) for k in range(len(program.results))]
    place, groups = variable(_UNIFORM_INPUT, triple), variable(_UNIFORM_INPUT, triple)
    b.put(b.annotations, 71, place, 11, 28)  # GlobalInvocationId
    b.put(b.annotations, 71, groups, 11, 24)  # NumWorkgroups

    main, nothing = b.new(), b.only(33, void)
    b.put(b.code, _FUNCTION, void, main, 0, nothing)
    b.put(b.code, 248, b.new())
    at, count = b.value(61, triple, place), b.value(61, triple, groups)
    width = b.value(132, uints, b.value(81, uints, count, 0), b.only(43, uints, _LOCAL))
    i = b.value(128, uints, b.value(81, uints, at, 0), b.value(132, uints, b.value(81, uints, at, 1), width))

    def pushed_value(name: str) -> int:
        k = [n for n, _ in push].index(name)
        pointer = b.only(32, _PUSH_CONSTANT, push[k][1])
        return b.value(61, push[k][1], b.value(65, pointer, pushed, b.only(43, uints, k)))

    def element(k: int, index: int) -> int:
        kind = floats if single[k] else quad
        return b.value(61, kind, b.value(65, b.only(32, _STORAGE_BUFFER, kind), leaves[k], zero, index))

    # what is the same for all is read before the branch: old Mesa reads it lane by lane inside
    constants = [pushed_value(f"c{k}") for k in range(program.constants)]
    sizes = {name: pushed_value(name) for name in sized}
    same = {k: element(k, zero) for k, leaf in enumerate(program.leaves) if leaf == ONE}
    inside, after = b.new(), b.new()
    test = b.value(176, truth, i, pushed_value("quads"))
    b.put(b.code, 247, after, 0)
    b.put(b.code, 250, test, inside, after)
    b.put(b.code, 248, inside)
    values = []
    for k, leaf in enumerate(program.leaves):
        r, s, index = sizes.get(f"r{k}", 0), sizes.get(f"s{k}", 0), i
        if leaf in (COLUMN, CHANNEL, MIDDLE):
            index = b.value(134, uints, i, r)
        if leaf in (ROW, CHANNEL):
            index = b.value(137, uints, index, r if leaf == ROW else s)
        if leaf == MIDDLE:
            index = b.value(128, uints, b.value(132, uints, index, s), b.value(137, uints, i, s))
        values.append(same[k] if leaf == ONE else element(k, index))
    parts = []
    for c in range(4):
        own = [v if one else b.value(81, floats, v, c) for v, one in zip(values, single, strict=True)]
        parts.append(b.value(_CALL, results, chain, *own, *constants))
    for k, y in enumerate(stored):
        target = b.value(65, b.only(32, _STORAGE_BUFFER, quad), y, zero, i)
        b.put(b.code, 62, target, b.value(80, quad, *(b.value(81, floats, part, k) for part in parts)))
    b.put(b.code, 249, after)
    b.put(b.code, 248, after)
    b.put(b.code, 253)
    b.put(b.code, _FUNCTION_END)
    return _assemble(b, main, [place, groups])


def _chain(
    b: _Builder, program: Program, libraries: dict[str, Library], names: dict[str, str], floats: int, local: int,
    results: int,
) -> int:  # fmt: skip
    """Write the function that computes the results for one element from its leaves and constants."""
    functions = {}
    for module, library in libraries.items():
        old = library.names[names[module]]
        returned = library.globals[library.functions[old][0][1][0]]
        functions[module] = b.function(library, old, {}), returned[0] != _FLOAT
    out, inputs = b.new(), len(program.leaves) + program.constants
    b.put(b.code, _FUNCTION, results, out, 0, b.only(33, results, *[floats] * inputs))
    values = [b.new() for _ in range(inputs)]
    for v in values:
        b.put(b.code, _PARAMETER, floats, v)
    b.put(b.code, 248, b.new())
    # functions of GLSL take pointers to copies of their arguments
    copies = [b.value(59, local, _LOCAL_VARIABLE) for _, used in program.steps for _ in used]
    for module, used in program.steps:
        mine, copies = copies[: len(used)], copies[len(used) :]
        for copy, k in zip(mine, used, strict=True):
            b.put(b.code, 62, copy, values[k] if k >= 0 else b.only(43, floats, 0))
        target, is_bits = functions[module]
        kind = b.only(21, 32, 0) if is_bits else floats
        result = b.value(_CALL, kind, target, *mine)
        values.append(b.value(124, floats, result) if is_bits else result)
    b.put(b.code, 254, b.value(80, results, *(values[k] for k in program.results)))
    b.put(b.code, _FUNCTION_END)
    return out


def _assemble(b: _Builder, main: int, inputs: list[int]) -> bytes:
    head: list[int] = []
    b.put(head, 17, 1)  # Shader
    b.put(head, 11, b.glsl, *words_of("GLSL.std.450"))
    b.put(head, 14, 0, 1)  # Logical, GLSL450
    b.put(head, 15, 5, main, *words_of("main"), *inputs)  # GLCompute
    b.put(head, 16, main, 17, _LOCAL, 1, 1)  # LocalSize
    words = [MAGIC, 0x00010300, 0, b.bound, 0, *head, *b.names, *b.annotations, *b.globals, *b.code]
    return struct.pack(f"<{len(words)}I", *words)
