"""Calling kernels by the names in their GLSL."""

import re

import numpy as np
import pytest

from grillyx.engine import kernel as kernels
from grillyx.engine.array import empty, from_numpy
from grillyx.engine.compile import ShaderError, variants
from grillyx.engine.counters import counters
from grillyx.engine.kernel import custom_kernel, grid, kernel


def run_fill(value: float) -> np.ndarray:
    y = empty((10,))
    kernel("fill")(grid(3), y=y, quads=3, value=int(np.float32(value).view(np.uint32)))
    return y.numpy()


def test_a_call_runs():
    np.testing.assert_array_equal(run_fill(2.5), np.full(10, 2.5))


def test_a_missing_argument_is_named():
    with pytest.raises(TypeError, match=r"kernel fill: missing argument 'quads'"):
        kernel("fill")(grid(1), y=empty((4,)), value=0)


def test_an_unknown_argument_is_named():
    with pytest.raises(TypeError, match=r"kernel fill: unknown arguments \['speed'\]"):
        kernel("fill")(grid(1), y=empty((4,)), quads=1, value=0, speed=1)


def test_a_shader_that_does_not_exist():
    with pytest.raises(ShaderError, match=r"no_such_shader\.spv is missing"):
        kernels.Kernel("no_such_shader")


def test_other_push_constants_make_no_new_algorithm():
    run_fill(1.0)
    y = empty((10,))
    before = counters()["created"]
    for value in range(5):
        kernel("fill")(grid(3), y=y, quads=3, value=value)
    assert counters()["created"] <= before + 1


def test_a_shader_with_variants_is_compiled_once_for_each():
    source = kernels._SOURCES / "unary.comp"
    assert {"exp", "relu", "affine"} <= set(variants(source))
    assert "floor" not in variants(kernels._SOURCES / "unary_backward.comp")  # it has no derivative
    assert variants(kernels._SOURCES / "fill.comp") == []
    assert kernels.read_shader("unary.exp") != kernels.read_shader("unary.log")
    with pytest.raises(ShaderError, match=r"unary\.nonsense\.spv is missing"):
        kernels.Kernel("unary.nonsense")


@pytest.mark.parametrize("threads", [1, 64, 65, 64 * 65535, 64 * 65535 + 1, 64 * 65535 * 3 + 7])
def test_grid_covers_all_threads_within_the_limit(threads):
    x, y, z = grid(threads)
    assert max(x, y) <= 65535
    assert z == 1
    assert x * y * 64 >= threads
    assert x * y * 64 < threads + 64 * y


def test_a_dispatch_beyond_65535_workgroups_reaches_every_element():
    n = 64 * 65535 * 4 + 12  # four words to a thread of fill
    y = empty((n,))
    kernel("fill")(grid(-(-n // 4)), y=y, quads=-(-n // 4), value=int(np.float32(1).view(np.uint32)))
    assert float(y.numpy().sum(dtype=np.float64)) == n


def test_a_line_of_glsl_is_compiled_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = custom_kernel("surrogate", {"USER_SURROGATE(x,alpha)": "alpha * x"})
    x, g, y = from_numpy(np.arange(4.0)), from_numpy(np.ones(4)), empty((4,))
    made(grid(1), x=x, gy=g, gx=y, quads=1, alpha=3.0)
    np.testing.assert_allclose(y.numpy(), 3.0 * np.arange(4.0))
    files = sorted(tmp_path.rglob("*.spv"))
    assert len(files) == 1
    monkeypatch.setattr("grillyx.engine.compile.find_compiler", lambda: None)
    custom_kernel("surrogate", {"USER_SURROGATE(x,alpha)": "alpha * x"})  # from the cache, without a compiler


def test_glsl_that_does_not_compile_shows_the_compilers_message(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ShaderError, match=r"surrogate\.comp: does not compile:[\s\S]*nonsense"):
        custom_kernel("surrogate", {"USER_SURROGATE(x,alpha)": "nonsense(x)"})
    assert not list(tmp_path.rglob("*.spv"))


def test_without_a_compiler_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("grillyx.engine.compile.find_compiler", lambda: None)
    with pytest.raises(ShaderError, match=r"glslang-tools.*grillyx\[glsl\]"):
        custom_kernel("surrogate", {"USER_SURROGATE(x,alpha)": "2.0 * x"})


# the functions that fused kernels are linked from have no buffers
WHOLE = [p for p in sorted(kernels._SOURCES.glob("*.comp")) if not p.stem.startswith("unary")]


@pytest.mark.parametrize("path", WHOLE, ids=lambda p: p.stem)
def test_a_buffer_that_is_only_read_says_so(path):
    """A buffer that is not `readonly` and is never written would cost submits on a GPU."""
    source = path.read_text()
    included = [(path.parent / "include" / name).read_text() for name in re.findall(r'#include "(\w+\.glsl)"', source)]
    everything = "\n".join([source, *included])
    variant = variants(path)[:1]
    for name, readonly in kernel(".".join([path.stem, *variant])).interface.buffers:
        written = re.search(rf"\b{name}4?\[.*\]\s*[-+*]?=[^=]|PUT\({name},|\batomic\w+\({name}\[", everything)
        by_macro = "##" in source  # the optimizers name their buffers by a macro
        assert readonly or written or by_macro, name
