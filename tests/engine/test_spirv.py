"""Reading a shader's interface out of its SPIR-V."""

import pytest

from grillyx.engine.kernel import kernel
from grillyx.engine.spirv import reflect


def test_names_kinds_and_order():
    face = kernel("neuron_forward").interface
    assert [name for name, _ in face.buffers] == ["x", "v0", "w", "s", "v_last", "starts", "h", "v_seq"]
    assert [readonly for _, readonly in face.buffers] == [True] * 3 + [False] * 5
    assert face.push == [("n", "I"), ("m", "I"), ("steps", "I"), ("q", "f"), ("threshold", "f"), ("rest", "f")]
    assert [(n, d) for n, _, d in face.spec][:4] == [("KIND", 1), ("DECAY", 0), ("SOFT", 0), ("TAIL", 0)]
    assert face.local_size == (64, 1, 1)


def test_a_workgroup_size_that_is_a_specialization_constant_is_named():
    assert kernel("gemm_subgroup.nn").interface.spec[0][0] == "local_size"


def test_a_binding_declared_twice_has_the_shorter_name_and_counts_once():
    assert [name for name, _ in kernel("reduce.sum").interface.buffers] == ["x", "y"]


@pytest.mark.parametrize("length", [0, 4, 18, 20, 201, 400])
def test_truncated_code_is_refused(length):
    with pytest.raises(ValueError, match="SPIR-V"):
        reflect(kernel("binary.add").code[:length])


def test_code_that_is_no_spirv_is_refused():
    with pytest.raises(ValueError, match="not a SPIR-V module"):
        reflect(b"\x7fELF" + bytes(60))
