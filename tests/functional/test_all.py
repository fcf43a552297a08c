"""No function is forgotten, and none has lost its words."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import grillyx.functional as F

# tested with the neurons
SPIKING = {"if_step", "lif_step", "multi_step_neuron", "spike", "reset_net", "detach_net", "set_step_mode"}


def test_every_function_is_tested_here() -> None:
    used = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "F":
                used.add(node.attr)
    assert set(F.__all__) - SPIKING <= used, "write a test for these"
    assert set(F.__all__) >= SPIKING


@pytest.mark.parametrize("name", F.__all__)
def test_every_name_is_a_documented_function(name: str) -> None:
    function = getattr(F, name)
    assert inspect.isfunction(function)
    assert function.__doc__
    assert function.__module__.startswith("grillyx.functional")
