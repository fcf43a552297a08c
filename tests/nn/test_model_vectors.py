"""Further neurons beside numbers that SpikingJelly and snnTorch computed; see tests/data/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor

DATA = Path(__file__).parent.parent / "data"
CASES = json.loads((DATA / "models.json").read_text())
ARRAYS = np.load(DATA / "models.npz")
LEARN = {"learn_alpha", "learn_beta", "learn_threshold"}


def arrays(k: int) -> dict[str, Any]:
    return {name.split(".", 1)[1]: ARRAYS[name] for name in ARRAYS.files if name.startswith(f"{k}.")}


@pytest.mark.parametrize("k", [k for k, c in enumerate(CASES) if hasattr(nn, c["neuron"])])
def test_the_same_numbers(k: int) -> None:
    case, a = CASES[k], arrays(k)
    node = getattr(nn, case["neuron"])(**case["options"])
    F.set_step_mode(node, "m")
    parameters = dict(node.named_parameters())
    assert set(parameters) == {name[2:] for name in a if name.startswith("p.")}
    for name, p in parameters.items():
        assert p.shape == a["p." + name].shape
        p.copy_(a["p." + name])
    x = Tensor(a["x"], requires_grad=True)
    out = node(x)
    loss = (out * a["gs"]).sum()
    if "V" in a:
        np.testing.assert_allclose(node.v.numpy(), a["V"], 1e-5, 5e-6)
        loss = loss + (node.v * a["gv"]).sum()
    loss.backward()
    if case["neuron"] == "SynapseFilter":
        np.testing.assert_allclose(out.numpy(), a["S"], 1e-5, 1e-6)
    else:
        np.testing.assert_array_equal(out.numpy(), a["S"])
    np.testing.assert_allclose(x.grad.numpy(), a["gx"], 1e-4, 2e-5 * max(1.0, np.abs(a["gx"]).max()))
    for name, p in parameters.items():
        want = a["g." + name]
        np.testing.assert_allclose(p.grad.numpy(), want, 2e-4, 5e-5 * max(1.0, np.abs(want).max()))


def test_all_cases_are_used() -> None:
    assert all(hasattr(nn, c["neuron"]) for c in CASES)
