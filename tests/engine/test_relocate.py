"""Shaders that work on parts of their buffers."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from grillyx import Tensor
from grillyx.engine import kernel as kernels
from grillyx.engine.array import empty
from grillyx.engine.compile import compile_file
from grillyx.engine.kernel import Kernel, grid
from grillyx.engine.relocate import MAX_PUSH, relocate
from grillyx.engine.spirv import reflect

SHADERS = sorted(p for p in kernels._SPIRV.glob("*.spv") if not p.stem.startswith("unary"))


@pytest.mark.parametrize("path", SHADERS, ids=lambda p: p.stem)
def test_every_shader(path):
    code = path.read_bytes()
    moved, pushed = relocate(code)
    before, after = reflect(code), reflect(moved)
    assert (after.buffers, after.local_size) == (before.buffers, before.local_size)
    count = len({name for name, _ in before.buffers})
    assert pushed == (4 * (len(before.push) + count) <= MAX_PUSH)
    assert after.push[: len(before.push)] == before.push
    assert len(after.push) == len(before.push) + (count if pushed else 0)
    assert len(after.spec) == len(before.spec) + (0 if pushed else count)
    if validator := shutil.which("spirv-val"):
        done = subprocess.run([validator, "--target-env", "vulkan1.1"], input=moved, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


def build(tmp_path, body, declarations="", push="uint n;"):
    source = kernels._SOURCES / "copy.comp"
    text = f"""#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;
{declarations}
{f"layout(push_constant) uniform P {{ {push} }} p;" if push else ""}
INPUT(0, x)
OUTPUT(1, y)
{body}"""
    (tmp_path / "include").mkdir(exist_ok=True)
    for path in (source.parent / "include").glob("*.glsl"):
        shutil.copy(path, tmp_path / "include")
    (tmp_path / "own.comp").write_text(text)
    return compile_file(tmp_path / "own.comp", tmp_path / "own.spv").read_bytes()


COPY = "void main() { uint i = thread(); if (i < %s) y4[i] = x4[i] + vec4(x[4 * i]); }"
LONG = " ".join(f"uint z{k};" for k in range(30)) + " uint n;"


@pytest.mark.parametrize(
    ("body", "declarations", "push"),
    [
        (COPY % "p.n", "", "uint n;"),
        (COPY % "p.n", "", LONG),  # no room for places: they are specialization constants
        (COPY % "p.n", "layout(constant_id = 0) const uint UNUSED = 3;", LONG),
        (COPY % "25", "", ""),  # no push constants before
    ],
)
def test_parts_of_buffers(tmp_path, body, declarations, push):
    kernel = Kernel("own", build(tmp_path, body, declarations, push))
    names = re.findall(r"uint (\w+);", push)
    for _ in range(3):  # at several places
        values = np.random.default_rng(0).standard_normal(100).astype(np.float32)
        spare, x, y = empty((1000,)), Tensor(values), empty((100,))
        kernel(grid(25), 1, x=x.array, y=y, **dict.fromkeys(names, 25))
        np.testing.assert_array_equal(y.numpy(), values + values[::4].repeat(4))
        del spare


def test_the_length_of_a_buffer_is_refused(tmp_path):
    code = build(tmp_path, "void main() { y[0] = float(x.length()); }")
    with pytest.raises(ValueError, match="length of a buffer"):
        Kernel("own", code)
