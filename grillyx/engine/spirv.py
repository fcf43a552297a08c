"""Read a compute shader's interface out of its SPIR-V: the ``.comp`` file is the only signature."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

# SPIR-V opcodes and decorations used below (SPIR-V specification, section 3)
_NAME, _MEMBER_NAME, _TYPE_INT, _TYPE_FLOAT, _TYPE_BOOL, _TYPE_STRUCT, _TYPE_POINTER = 5, 6, 21, 22, 20, 30, 32
_VARIABLE, _DECORATE, _MEMBER_DECORATE, _EXECUTION_MODE = 59, 71, 72, 16
_SPEC_TRUE, _SPEC_FALSE, _SPEC_CONSTANT = 48, 49, 50
_SPEC_ID, _NON_WRITABLE, _BINDING, _OFFSET = 1, 24, 33, 35
_LOCAL_SIZE, _PUSH_CONSTANT = 17, 9
MAGIC = 0x07230203


@dataclass(frozen=True)
class Interface:
    """What a compute shader takes.

    Attributes:
        buffers: ``(name, readonly)`` of each storage buffer, in binding order.
        push: ``(name, format)`` of each push constant, in order of offset; the format is struct's ``f``, ``i`` or ``I``.
        spec: ``(name, format, default)`` of each specialization constant, in order of ``constant_id``.
        local_size: invocations of a workgroup, where it is fixed in the shader.
    """

    buffers: list[tuple[str, bool]] = field(default_factory=list)
    push: list[tuple[str, str]] = field(default_factory=list)
    spec: list[tuple[str, str, float]] = field(default_factory=list)
    local_size: tuple[int, int, int] = (1, 1, 1)


def text_of(words: tuple[int, ...]) -> str:
    """Return the text that an instruction holds."""
    return struct.pack(f"<{len(words)}I", *words).split(b"\0")[0].decode()


def words_of(text: str) -> tuple[int, ...]:
    """Return a text as an instruction holds it: closed by a zero, and filled up to whole words."""
    data = text.encode() + b"\0" * (4 - len(text.encode()) % 4)
    return struct.unpack(f"<{len(data) // 4}I", data)


def instructions(code: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the opcode and the operands of each instruction."""
    if len(code) < 20 or len(code) % 4 or struct.unpack_from("<I", code)[0] != MAGIC:
        raise ValueError(f"not a SPIR-V module: {len(code)} bytes, it may be truncated")
    words = struct.unpack(f"<{len(code) // 4}I", code)
    i = 5
    while i < len(words):
        length = words[i] >> 16
        if length == 0 or i + length > len(words):
            raise ValueError(f"not a whole SPIR-V module: it ends inside an instruction, at word {i} of {len(words)}")
        yield words[i] & 0xFFFF, words[i + 1 : i + length]
        i += length


def reflect(code: bytes) -> Interface:
    """Read buffers, push and specialization constants and the local size of a compute shader.

    Raises:
        ValueError: ``code`` is no complete SPIR-V module, or its debug names were stripped.
    """
    name: dict[int, str] = {}
    member: dict[tuple[int, int], str] = {}
    decoration: dict[tuple[int, int], int] = {}
    member_decoration: dict[tuple[int, int, int], int] = {}
    kind: dict[int, str] = {}
    struct_members: dict[int, tuple[int, ...]] = {}
    pointee: dict[int, int] = {}
    variables, constants = [], []
    local_size = (1, 1, 1)
    for op, a in instructions(code):
        if op == _NAME:
            name[a[0]] = text_of(a[1:])
        elif op == _MEMBER_NAME:
            member[a[0], a[1]] = text_of(a[2:])
        elif op == _DECORATE:
            decoration[a[0], a[1]] = a[2] if len(a) > 2 else 1
        elif op == _MEMBER_DECORATE:
            member_decoration[a[0], a[1], a[2]] = a[3] if len(a) > 3 else 1
        elif op == _TYPE_INT:
            kind[a[0]] = "i" if a[2] else "I"
        elif op == _TYPE_FLOAT:
            kind[a[0]] = "f"
        elif op == _TYPE_BOOL:
            kind[a[0]] = "I"
        elif op == _TYPE_STRUCT:
            struct_members[a[0]] = a[1:]
        elif op == _TYPE_POINTER:
            pointee[a[0]] = a[2]
        elif op == _VARIABLE:
            variables.append((a[1], a[0], a[2]))
        elif op in (_SPEC_TRUE, _SPEC_FALSE):
            constants.append((a[1], kind[a[0]], int(op == _SPEC_TRUE)))
        elif op == _SPEC_CONSTANT:
            form = kind[a[0]]
            constants.append((a[1], form, struct.unpack(f"<{form}", struct.pack("<I", a[2]))[0]))
        elif op == _EXECUTION_MODE and a[1] == _LOCAL_SIZE:
            local_size = (a[2], a[3], a[4])
    if not member:
        raise ValueError("the SPIR-V carries no names: compile it without -g0 and without stripping")
    push: list[tuple[str, str]] = []
    bound: dict[int, tuple[str, bool]] = {}
    for var, pointer, storage in variables:
        block = pointee[pointer]
        if storage == _PUSH_CONSTANT:
            order = sorted(range(len(struct_members[block])), key=lambda k: member_decoration[block, k, _OFFSET])
            push = [(member[block, k], kind[struct_members[block][k]]) for k in order]
        elif (var, _BINDING) in decoration:
            # a binding may be declared twice, as words `x` and as vec4 `x4`: the shorter name counts
            slot = decoration[var, _BINDING]
            title, readonly = member[block, 0], (block, 0, _NON_WRITABLE) in member_decoration
            if slot in bound:
                other, other_readonly = bound[slot]
                title, readonly = min(title, other, key=len), readonly and other_readonly
            bound[slot] = (title, readonly)
    spec = sorted(
        (decoration[i, _SPEC_ID], name.get(i, "local_size"), form, default)
        for i, form, default in constants
        if (i, _SPEC_ID) in decoration
    )
    return Interface([b for _, b in sorted(bound.items())], push, [s[1:] for s in spec], local_size)
