"""The neurons of spiking graph networks beside a loop over their equations in float64, with exact gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, nn
from grillyx.graph import AdaptiveLIFNode, BLIFNode
from tests.nn.dual import Dual
from tests.nn.test_neuron_models import STEPS, compare, loop, rest


def charge(x: Dual, v: Dual, o: dict[str, Any]) -> Dual:
    away = v - rest(o)
    return v + (x - away) / o["tau"] if o["decay_input"] else v - away / o["tau"] + x


def adaptive(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    a, h = m.get("a", o["v_threshold"]), charge(x, v, o)
    s = (h - a).fire("Triangle", 1.0)
    r = s.detach() if o["detach_reset"] else s
    m["a"] = o["gamma"] * s + o["threshold_decay"] * a
    return s, h - r * a if o["v_reset"] is None else r * o["v_reset"] + (1.0 - r) * h


def bidirectional(x: Dual, v: Dual, p: dict[str, Dual], o: dict[str, Any], m: dict[str, Any]) -> tuple[Dual, Dual]:
    h = charge(x, v, o)
    up, down = ((side - o["v_threshold"]).fire("Triangle", 1.0) for side in (h, -h))
    s, fired = up - down, up + down
    if o["detach_reset"]:
        return s, h - s.detach() * o["v_threshold"] if o["v_reset"] is None else fired.detach() * o["v_reset"] + (
            1.0 - fired.detach()
        ) * h
    return s, h - s * o["v_threshold"] if o["v_reset"] is None else fired * o["v_reset"] + (1.0 - fired) * h


RULES: list[tuple[Any, Any, dict[str, Any]]] = [
    (AdaptiveLIFNode, adaptive, {"tau": 1.0, "gamma": 0.2, "threshold_decay": 0.7, "decay_input": True, "v_threshold": 1.0}),
    (AdaptiveLIFNode, adaptive, {"tau": 3.0, "gamma": 0.9, "threshold_decay": 0.8, "decay_input": False, "v_threshold": 0.5}),
    (BLIFNode, bidirectional, {"tau": 1.0, "decay_input": True, "v_threshold": 1.0}),
    (BLIFNode, bidirectional, {"tau": 2.5, "decay_input": False, "v_threshold": 0.625}),
]  # fmt: skip


@pytest.mark.parametrize(("v_reset", "detach"), [(-0.125, False), (None, False), (0.0, True), (None, True)])
@pytest.mark.parametrize("rule", range(len(RULES)))
def test_against_the_loop(rule: int, v_reset: float | None, detach: bool, poisoned: None) -> None:
    make, step, numbers = RULES[rule]
    options = {**numbers, "v_reset": v_reset, "detach_reset": detach}
    x = np.random.default_rng(rule).normal(0.4, 1.0, (STEPS, 3, 5)).astype(np.float32)
    compare(make(**options), lambda p: loop(step, p["x"], p, options), x)


def test_both_signs() -> None:
    node = BLIFNode(v_threshold=0.5, step_mode="m")
    out = node(np.array([[2.0, -2.0, 0.25], [-0.5, 0.5, 0.0]])).numpy()
    np.testing.assert_array_equal(out, [[1, -1, 0], [-1, 1, 0]])


def test_a_silent_threshold_sinks_and_a_spike_raises_it() -> None:
    node = AdaptiveLIFNode()
    out = [float(node(Tensor([0.4]))[0]) for _ in range(5)]
    assert out == [0.0, 0.0, 0.0, 1.0, 0.0]  # the threshold: 1, 0.7, 0.49, 0.343, then 0.2 + 0.7 * 0.343
    np.testing.assert_allclose(node.v_th.numpy(), 0.7 * (0.2 + 0.7 * 0.343), 1e-5)
    F.reset_net(node)
    assert node.v_th == 1.0
    assert node.v == 0.0


def test_state_is_cut_and_checked() -> None:
    node = AdaptiveLIFNode()
    x = Tensor(np.ones(3), requires_grad=True)
    node(x)
    node.detach()
    node(Tensor(np.ones(3))).sum()
    assert not node.v_th.requires_grad
    with pytest.raises(ValueError, match=r"AdaptiveLIFNode: the state.*reset_net"):
        node(Tensor(np.ones(4)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: AdaptiveLIFNode(tau=0.5), "tau is too small"),
        (lambda: AdaptiveLIFNode(gamma=float("nan")), "gamma must be finite"),
        (lambda: AdaptiveLIFNode(threshold_decay=1.5), "threshold_decay is out of range, got 1.5"),
        (lambda: BLIFNode(v_threshold=0.0), "v_threshold must be positive, got 0"),
        (lambda: BLIFNode(tau=0.0), "tau is too small"),
    ],
)
def test_errors(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_a_surrogate_of_choice() -> None:
    assert BLIFNode(surrogate_function=nn.MultiGaussian()).surrogate_function.alpha == 0.5
