"""Let a shader work on parts of its buffers: every access to a storage buffer gets the place where the part begins.

A pipeline is bound to its buffers, and making one costs milliseconds. So tensors are parts of a few large buffers, and a
pipeline serves them all: the places come as push constants, or as specialization constants where those are full. Shaders
know nothing of it; their compiled SPIR-V is rewritten here. Numbers of opcodes: SPIR-V specification 1.3, section 3.
"""

from __future__ import annotations

import struct
from collections import defaultdict

from grillyx.engine.spirv import MAGIC, instructions, words_of

MAX_PUSH = 128  # bytes of push constants, which every device has
_ENTRY_POINT, _MEMBER_NAME, _TYPE_INT, _TYPE_STRUCT, _TYPE_POINTER = 15, 6, 21, 30, 32
_CONSTANT, _SPEC_CONSTANT, _FUNCTION, _VARIABLE, _LOAD, _STORE = 43, 50, 54, 59, 61, 62
_ACCESS, _ARRAY_LENGTH, _DECORATE, _MEMBER_DECORATE, _ADD, _SHIFT, _LABEL = 65, 68, 71, 72, 128, 196, 248
_SPEC_ID, _BLOCK, _ARRAY_STRIDE, _BINDING, _OFFSET = 1, 2, 6, 33, 35
_PRIVATE, _PUSH, _STORAGE = 6, 9, 12
Instruction = tuple[int, tuple[int, ...]]


def relocate(code: bytes) -> tuple[bytes, bool]:
    """Return the shader with a place for each buffer, in quads of four words, and whether they are push constants.

    They come after what is there already, in the order of the bindings: behind the other push constants, or behind the
    other specialization constants.

    Raises:
        ValueError: the shader asks for the length of a buffer.
    """
    return _Relocation(code).result()


class _Relocation:
    def __init__(self, code: bytes) -> None:
        self.bound = struct.unpack_from("<I", code, 12)[0]
        self.instructions: list[Instruction] = list(instructions(code))
        self.strides: dict[int, int] = {}
        self.bindings: dict[int, int] = {}
        self.pointers: dict[int, tuple[int, int]] = {}
        self.structs: dict[int, tuple[int, ...]] = {}
        self.elements: dict[int, int] = {}
        self.variables: dict[int, tuple[int, int]] = {}
        self.spec_ids: list[int] = []
        self.main = self.uint = 0
        for op, a in self.instructions:
            if op == _DECORATE and a[1] == _ARRAY_STRIDE:
                self.strides[a[0]] = a[2]
            elif op == _DECORATE and a[1] == _BINDING:
                self.bindings[a[0]] = a[2]
            elif op == _DECORATE and a[1] == _SPEC_ID:
                self.spec_ids.append(a[2])
            elif op == _TYPE_POINTER:
                self.pointers[a[0]] = a[1], a[2]
            elif op == _TYPE_STRUCT:
                self.structs[a[0]] = a[1:]
            elif op == _TYPE_INT and a[1:] == (32, 0):
                self.uint = a[0]
            elif op == _VARIABLE:
                self.variables[a[1]] = a[0], a[2]
            elif op == _ENTRY_POINT:
                self.main = a[1]
            elif op == _ARRAY_LENGTH:
                raise ValueError("a shader may not ask for the length of a buffer: pass it as a push constant")

    def new(self) -> int:
        self.bound += 1
        return self.bound - 1

    def result(self) -> tuple[bytes, bool]:
        buffers = {v: k for v, k in self.bindings.items() if self.variables[v][1] == _STORAGE}
        slots = sorted(set(buffers.values()))
        block = next((self.pointers[p][1] for p, kind in self.variables.values() if kind == _PUSH), None)
        used = len(self.structs[block]) if block else 0
        pushed = 4 * (used + len(slots)) <= MAX_PUSH
        self.decorations: list[Instruction] = []
        self.names: list[Instruction] = []
        self.globals: list[Instruction] = []
        self.start: list[Instruction] = []  # of main
        own_uint = self.uint or self.new()
        self.uint = own_uint
        values = self.pushed(slots, block, used) if pushed else self.specialized(slots)
        # what depends on the width of elements is worked out once, at the start: a place in quads, and one in words
        places: dict[tuple[int, int], int] = {}
        pointer = self.new()
        self.globals.append((_TYPE_POINTER, (pointer, _PRIVATE, own_uint)))
        out: list[Instruction] = []
        for op, a in self.instructions:
            if op == _ACCESS and a[2] in buffers:
                stride = self.stride(a[2])
                key = buffers[a[2]], stride
                if key not in places:
                    places[key] = self.new()
                    self.globals.append((_VARIABLE, (pointer, places[key], _PRIVATE)))
                base, moved = self.new(), self.new()
                out += [(_LOAD, (own_uint, base, places[key])), (_ADD, (own_uint, moved, a[4], base))]
                a = (*a[:4], moved, *a[5:])
            out.append((op, a))
        for (slot, stride), place in places.items():
            value = values[slot]
            if stride != 16:
                shift, shifted = self.new(), self.new()
                self.globals.append((_CONSTANT, (own_uint, shift, (16 // stride).bit_length() - 1)))
                self.start.append((_SHIFT, (own_uint, shifted, value, shift)))
                value = shifted
            self.start.append((_STORE, (place, value)))
        return self.assembled(out, block, len(slots) if pushed else 0), pushed

    def stride(self, variable: int) -> int:
        array = self.structs[self.pointers[self.variables[variable][0]][1]][0]
        return self.strides[array]

    def pushed(self, slots: list[int], block: int | None, used: int) -> dict[int, int]:
        variable = next((v for v, (_, kind) in self.variables.items() if kind == _PUSH), None)
        if block is None or variable is None:
            block, variable, pointer = self.new(), self.new(), self.new()
            self.globals += [
                (_TYPE_STRUCT, (block, *[self.uint] * len(slots))), (_TYPE_POINTER, (pointer, _PUSH, block)),
                (_VARIABLE, (pointer, variable, _PUSH)),
            ]  # fmt: skip
            self.decorations.append((_DECORATE, (block, _BLOCK)))
        pointer = self.new()
        self.globals.append((_TYPE_POINTER, (pointer, _PUSH, self.uint)))
        values = {}
        for k, slot in enumerate(slots, used):
            index, chain, value = self.new(), self.new(), self.new()
            self.globals.append((_CONSTANT, (self.uint, index, k)))
            self.decorations.append((_MEMBER_DECORATE, (block, k, _OFFSET, 4 * k)))
            self.names.append((_MEMBER_NAME, (block, k, *words_of(f"place{slot}"))))
            self.start += [(_ACCESS, (pointer, chain, variable, index)), (_LOAD, (self.uint, value, chain))]
            values[slot] = value
        return values

    def specialized(self, slots: list[int]) -> dict[int, int]:
        values = {}
        for k, slot in enumerate(slots, max(self.spec_ids, default=-1) + 1):
            values[slot] = self.new()
            self.globals.append((_SPEC_CONSTANT, (self.uint, values[slot], 0)))
            self.decorations.append((_DECORATE, (values[slot], _SPEC_ID, k)))
        return values

    def assembled(self, body: list[Instruction], block: int | None, added: int) -> bytes:
        sections: defaultdict[str, list[Instruction]] = defaultdict(list)
        section, inside, started = "head", False, False
        for op, a in body:
            if op in (_DECORATE, _MEMBER_DECORATE) or (section == "head" and op in (74, 332)):
                section = "decorations"
            elif section in ("head", "decorations") and 19 <= op <= 59 and op not in (_DECORATE, 5, 6):
                section = "globals"
            if op == _FUNCTION:
                section = "code"
                inside, started = a[1] == self.main, False
            if op == _TYPE_STRUCT and a[0] == block:
                a = (*a, *[self.uint] * added)
            if op == _TYPE_INT and a[1:] == (32, 0):
                continue  # it comes first, for the block may need it
            if section == "code" and inside and not started and op not in (_FUNCTION, 55, _LABEL, _VARIABLE):
                sections["code"] += self.start  # after main's own variables
                started = True
            sections[section].append((op, a))
        order = [
            *sections["head"], *self.names, *sections["decorations"], *self.decorations, (_TYPE_INT, (self.uint, 32, 0)),
            *sections["globals"], *self.globals, *sections["code"],
        ]  # fmt: skip
        words = [MAGIC, 0x00010300, 0, self.bound, 0]
        for op, a in order:
            words += ((len(a) + 1) << 16 | op, *a)
        return struct.pack(f"<{len(words)}I", *words)
