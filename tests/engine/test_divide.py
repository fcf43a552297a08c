"""Integer division by way of floats, as indices need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grillyx import Tensor
from grillyx.engine import kernel as kernels
from grillyx.engine.array import empty
from grillyx.engine.compile import compile_file
from grillyx.engine.kernel import Kernel, grid

SOURCE = """#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n; } p;
layout(binding = 0) readonly buffer N { int of[]; };
layout(binding = 1) readonly buffer D { int by[]; };
layout(binding = 2) buffer Y { int y[]; };
void main() {
    uint i = thread();
    if (i < p.n) y[i] = int(divided(uint(of[i]), uint(by[i])));
}
"""


def test_quotients(tmp_path: Path) -> None:
    """Random ones of all sizes, and those next to a multiple."""
    assert kernels._SOURCES is not None
    (tmp_path / "include").symlink_to(kernels._SOURCES / "include")
    (tmp_path / "quotient.comp").write_text(SOURCE)
    code = compile_file(tmp_path / "quotient.comp", tmp_path / "quotient.spv").read_bytes()
    rng = np.random.default_rng(0)
    by = (2 ** rng.uniform(0, 30, 300_000)).astype(np.int64)
    of = (2 ** rng.uniform(0, 30, by.size)).astype(np.int64)
    near = of // by * by + rng.integers(-1, 2, by.size)
    of = np.clip(np.concatenate([of, near, [0, 1 << 30, 1 << 30, (1 << 30) - 1]]), 0, 1 << 30)
    by = np.concatenate([by, by, [1, 1, 1 << 30, 1 << 30]])
    y = empty(of.shape, np.dtype(np.int32))
    arrays = (Tensor(v.astype(np.int32)).array for v in (of, by))
    Kernel("quotient", code)(grid(of.size), of=next(arrays), by=next(arrays), y=y, n=of.size)
    np.testing.assert_array_equal(y.numpy(), of // by)
