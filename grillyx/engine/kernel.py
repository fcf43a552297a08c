"""`Kernel`: a compiled shader, called with the names that stand in its GLSL."""

from __future__ import annotations

import hashlib
import os
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.engine import compile as glsl
from grillyx.engine.relocate import relocate
from grillyx.engine.spirv import reflect

_PACKAGE = Path(__file__).resolve().parent.parent
_SPIRV = _PACKAGE / "_spirv"
# a checkout keeps its shaders beside the package, a wheel inside it
_SOURCES = next((p for p in (_PACKAGE.parent / "shaders", _PACKAGE / "_shaders") if (p / "include").is_dir()), None)
MAX_GROUPS = 65535
_NO_PUSH = np.zeros(0, np.uint32)


def grid(threads: int, local: int = 64) -> tuple[int, int, int]:
    """Return workgroups for so many threads; past 65,535 they go on in the second dimension (`thread()` in GLSL)."""
    groups = -(-threads // local)
    if groups <= MAX_GROUPS:
        return (max(groups, 1), 1, 1)
    rows = -(-groups // MAX_GROUPS)
    return (-(-groups // rows), rows, 1)


def read_shader(name: str) -> bytes:
    """Return the SPIR-V of a shader, or of a variant of one; a checkout compiles it if it is stale."""
    target = _SPIRV / f"{name}.spv"
    if _SOURCES is not None and _SOURCES.parent != _PACKAGE:
        source = _SOURCES / f"{name.partition('.')[0]}.comp"
        if source.is_file() and ("." not in name or name.partition(".")[2] in glsl.variants(source)):
            glsl.compile_named(source, _SPIRV, name)
    if not target.is_file():
        raise glsl.ShaderError(
            f"grillyx: the compiled shader {name}.spv is missing from {_SPIRV}. Install grillyx again, or {name} "
            "does not exist."
        )
    return target.read_bytes()


class Kernel:
    """A shader and its interface. Calling it records one dispatch.

    Args:
        name: the name of the shader's file, without ``.comp``; of one with variants, ``file.variant``.
        code: SPIR-V; by default that of the shader `name`.
    """

    def __init__(self, name: str, code: bytes | None = None) -> None:
        self.name = name
        code = read_shader(name) if code is None else code
        self.interface = face = reflect(code)
        self.code, self._pushed = relocate(code)
        self._push_names = [n for n, _ in face.push]
        places = "I" * len(face.buffers) if self._pushed else ""
        self._push = struct.Struct("<" + "".join(f for _, f in face.push) + places)
        self._spec = [(n, f, d) for n, f, d in face.spec]
        self._names = {n for n, _ in face.buffers} | set(self._push_names) | {n for n, _, _ in face.spec}
        self._reads = [k for k, (_, readonly) in enumerate(face.buffers) if readonly]
        self._writes = [k for k, (_, readonly) in enumerate(face.buffers) if not readonly]
        self._specialized: dict[tuple, tuple[int, ...]] = {}

    def _bits(self, values: tuple) -> tuple[int, ...]:
        bits = self._specialized.get(values)
        if bits is None:
            pairs = zip(self._spec, values, strict=True)
            bits = tuple(struct.unpack("<I", struct.pack(f"<{f}", v))[0] for (_, f, _), v in pairs)
            self._specialized[values] = bits
        return bits

    def _complain(self, given: dict[str, Any]) -> None:
        unknown = sorted(set(given) - self._names)
        optional = {n for n, _, _ in self._spec}
        missing = sorted(self._names - optional - set(given))
        raise TypeError(f"kernel {self.name}: unknown arguments {unknown}, missing arguments {missing}")

    def __call__(self, groups: tuple[int, int, int], work: int = 0, /, **given: Any) -> None:
        """Record one dispatch.

        Args:
            groups: workgroups in each dimension.
            work: an estimate of the work, in bytes touched; by default the bytes of all buffers.
            **given: an `Array` or `Storage` for each buffer, a number for each push and specialization constant (those have
                defaults), by their names in the shader.
        """
        try:
            arrays = [given.pop(name) for name, _ in self.interface.buffers]
            push = [given.pop(name) for name in self._push_names]
        except KeyError as missing:
            raise TypeError(f"kernel {self.name}: missing argument {missing}") from None
        values = tuple([given.pop(name, default) for name, _, default in self._spec])
        if given:
            self._complain(given)
        self.launch(groups, work, [getattr(a, "storage", a) for a in arrays], push, self._bits(values))

    def launch(
        self, groups: tuple[int, int, int], work: int, storages: list, push: list, bits: tuple[int, ...]
    ) -> None:
        """Record one dispatch, with everything in the order of the interface."""
        device = storages[0].device
        if device.closed:
            device.check_open()
        with device.lock:
            for k in self._writes:
                # an expression that was put off still needs the values of now
                if storages[k].awaited and storages[k].expression is None:
                    storages[k].settle()
            buffers = []
            for s in storages:
                if s.device is not device:
                    s.device.check_open()
                buffers.append(s.buffer)
            ids = [b.id for b in buffers]
            places = [b.quad for b in buffers]
            if self._pushed:
                push = [*push, *places]
            else:
                bits = (*bits, *places)
            data = np.frombuffer(self._push.pack(*push), np.uint32) if push else _NO_PUSH
            arenas = [b.arena for b in buffers]
            algorithm = device.algorithm((self, bits, groups), arenas, self.code, data)
            reads, writes = [ids[k] for k in self._reads], [ids[k] for k in self._writes]
            device.stream.record(algorithm, data, reads, writes, work or 4 * sum(b.words for b in buffers), self.name)


@cache
def kernel(name: str) -> Kernel:
    """Return the kernel of the shader ``name.comp``, or of a variant, such as ``binary.add``."""
    return Kernel(name)


def custom_kernel(name: str, defines: dict[str, str]) -> Kernel:
    """Compile a shader with macros of the user's, once; the result is kept in the user's cache.

    Raises:
        ShaderError: there is no compiler, or the GLSL does not compile (its own message is included).
    """
    if _SOURCES is None:
        raise glsl.ShaderError(f"grillyx: the source of the shader {name} is not installed. Install grillyx again.")
    source = _SOURCES / f"{name}.comp"
    mark = glsl.digest(source, *glsl.options_of(defines))
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = root / "grillyx" / "spirv" / f"{name}-{hashlib.sha256(mark.encode()).hexdigest()[:24]}.spv"
    if not target.is_file():
        glsl.compile_file(source, target, defines=defines)
    return Kernel(name, target.read_bytes())
