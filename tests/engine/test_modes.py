"""Every memory model and every way of synchronizing gives the same training run, bit for bit."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("training_program.py")
LAYERS = (
    "/usr/share/vulkan/explicit_layer.d",
    "/etc/vulkan/explicit_layer.d",
    "/usr/local/share/vulkan/explicit_layer.d",
)


def train(**env: str) -> str:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def plain() -> str:
    return train(GRILLYX_MEMORY="mapped", GRILLYX_SYNC="none")


@pytest.mark.parametrize(("memory", "sync"), list(itertools.product(("mapped", "staged"), ("submit", "fence", "none"))))
def test_same_numbers(plain, memory, sync):
    assert "digest" in plain
    assert train(GRILLYX_MEMORY=memory, GRILLYX_SYNC=sync) == plain


def test_tensors_apart_have_the_same_numbers(plain):
    assert train(GRILLYX_MEMORY="mapped", GRILLYX_SYNC="none", APART="1") == plain


def test_the_same_seed_gives_the_same_run_bit_for_bit(plain):
    assert train(GRILLYX_MEMORY="mapped", GRILLYX_SYNC="none") == plain
    assert train(GRILLYX_MEMORY="mapped", GRILLYX_SYNC="none", SEED="2") != plain


def complaints(sync: str, memory: str) -> list[str]:
    out = train(
        GRILLYX_SYNC=sync, GRILLYX_MEMORY=memory, VK_INSTANCE_LAYERS="VK_LAYER_KHRONOS_validation",
        VK_LAYER_ENABLES="VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT",
        APART="1",  # the layer looks at whole buffers, and would take two parts of one for the same memory
    )  # fmt: skip
    return [line for line in out.splitlines() if "VUID-" in line or "SYNC-HAZARD" in line]


has_layer = any(
    "validation" in p.name.lower() for folder in LAYERS if Path(folder).is_dir() for p in Path(folder).iterdir()
)
needs_layer = pytest.mark.skipif(not has_layer, reason="the Khronos validation layer is not installed")


@needs_layer
@pytest.mark.parametrize("memory", ["mapped", "staged"])
def test_the_validation_layer_finds_nothing(memory):
    assert complaints("submit", memory) == []


@needs_layer
def test_the_validation_layer_does_look():
    """Without any synchronization it must complain, or the test above could not fail."""
    assert any("SYNC-HAZARD" in line for line in complaints("none", "mapped"))


def test_there_is_a_compiler_for_shaders_that_changed():
    if shutil.which("glslangValidator") is None:
        pytest.skip("no compiler; the shaders came with the wheel")
    from grillyx.engine.compile import compile_all, variants
    from grillyx.engine.kernel import _SOURCES, _SPIRV

    expected = sum(max(len(variants(path)), 1) for path in _SOURCES.glob("*.comp"))
    assert len(compile_all(_SOURCES, _SPIRV)) == expected
