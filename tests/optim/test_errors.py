"""What optimizers refuse, and what they say then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grillyx import optim
from grillyx.autograd import Tensor
from grillyx.engine.counters import counters
from tests.optim.reference import DEFAULTS


def leaf(*shape: int) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True)


def twice() -> list[Tensor]:
    p = leaf(2, 3)
    return [p, leaf(2), p]


def shared() -> list[Tensor]:
    p = leaf(3)
    q = p.detach()
    q.requires_grad = True
    return [p, q]


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: optim.SGD([]), ValueError,
     "SGD: no parameters, got an empty list; expected at least one tensor. Pass model.parameters(); a generator "
     "gives its "
     "tensors only once."),
    (lambda: optim.Adam(p for p in ()), ValueError, "Adam: no parameters, got an empty generator;"),
    (lambda: optim.SGD(leaf(3)), TypeError,
     "SGD: params must be an ordered iterable, got a Tensor; expected a list of tensors or of dicts. Put it in "
     "a list."),
    (lambda: optim.Adam([{"params": [leaf(3)], "lrr": 3}]), ValueError,
     "Adam: a parameter group has an unknown option, got 'lrr'; expected lr, betas, eps, weight_decay, maximize, "
     "decoupled_weight_decay. Did you mean 'lr'?"),
    (lambda: optim.SGD([{"params": [leaf(3)], 7: 3}]), ValueError, "SGD: a parameter group has an unknown option, got 7;"),
    (lambda: optim.SGD({"params": [leaf(3)]}), TypeError, "SGD: params must be an ordered iterable, got a dict;"),
    (lambda: optim.SGD("weights"), TypeError, "SGD: params must be an ordered iterable, got a str;"),
    (lambda: optim.AdamW({leaf(3)}), TypeError,
     "AdamW: params must be an ordered iterable, got a set; expected a list of tensors or of dicts. The order "
     "of a set "
     "changes from run to run."),
    (lambda: optim.SGD([{"params": {leaf(3)}}]), TypeError, "SGD: params must be an ordered iterable, got a set;"),
    (lambda: optim.SGD(7), TypeError,
     "SGD: params must be an iterable, got int; expected tensors or dicts. Pass model.parameters()."),
    (lambda: optim.RMSprop([np.ones(3)]), TypeError,
     "RMSprop: can only change tensors, got ndarray; expected grillyx.Tensor. Pass model.parameters()."),
    (lambda: optim.SGD([("weight", leaf(3))]), TypeError,
     "SGD: can only change tensors, got tuple; expected grillyx.Tensor. Pass model.parameters(), not "
     "model.named_parameters()."),
    (lambda: optim.SGD([leaf(2) * 2]), ValueError,
     "SGD: cannot change the result of an op, got one of shape (2,); expected a tensor that was made with "
     "requires_grad=True. Use .detach() and set requires_grad."),
    (lambda: optim.SGD([leaf(2), Tensor([[1.0]])]), ValueError,
     "SGD: a tensor requires no gradient, got shape (1, 1), float32; expected float32 with requires_grad=True. "
     "Leave it "
     "out: [p for p in model.parameters() if p.requires_grad]."),
    (lambda: optim.SGD(twice()), ValueError,
     "SGD: a parameter is given twice, got one of shape (2, 3) again; expected each tensor, and the memory of "
     "each, once. "
     "Leave out the repetition, also where modules share it."),
    (lambda: optim.SGD([{"params": [p]} for p in twice()]), ValueError,
     "SGD: a parameter is given twice, got one of"),
    (lambda: optim.SGD(shared()), ValueError, "SGD: a parameter is given twice, got one of shape (3,) again;"),
    (lambda: optim.SGD([{"params": [leaf(3)]}, leaf(2)]), TypeError,
     'SGD: a parameter group must be a dict, got Tensor; expected {"params": tensors, ...}. Do not mix groups '
     'and tensors '
     "in one list."),
    (lambda: optim.SGD([{"lr": 0.1, "weights": []}]), ValueError,
     """SGD: a parameter group lacks "params", got the keys ['lr', 'weights']; expected {"params": tensors, ...}."""),
]  # fmt: skip
OPTIONS: list[tuple[tuple[str, ...], dict[str, Any], type[Exception], str]] = [
    (tuple(DEFAULTS), {"lr": -0.1}, ValueError, "lr out of range, got -0.1; expected 0 or more."),
    (tuple(DEFAULTS), {"lr": math.nan}, ValueError, "lr must be finite, got nan"),
    (tuple(DEFAULTS), {"lr": math.inf}, ValueError, "lr must be finite, got inf"),
    (tuple(DEFAULTS), {"lr": "big"}, TypeError, "lr must be a number, got 'big'"),
    (tuple(DEFAULTS), {"weight_decay": -1}, ValueError, "weight_decay out of range, got -1; expected 0 or more."),
    (tuple(DEFAULTS), {"maximize": 1}, TypeError, "maximize must be a bool, got 1; expected True or False."),
    (("SGD", "RMSprop"), {"momentum": -0.5}, ValueError, "momentum out of range, got -0.5; expected 0 or more."),
    (("SGD",), {"dampening": math.nan}, ValueError, "dampening must be finite, got nan"),
    (("SGD",), {"nesterov": True}, ValueError,
     "nesterov does not go with these options, got momentum 0.0 and dampening 0.0; expected momentum above 0 "
     "and dampening "
     "0."),
    (("SGD",), {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, ValueError,
     "nesterov does not go with these options, got momentum 0.9 and dampening 0.1;"),
    (("SGD",), {"nesterov": None}, TypeError, "nesterov must be a bool, got None;"),
    (("Adam", "AdamW"), {"betas": (1.0, 0.9)}, ValueError,
     "betas[0] out of range, got 1.0; expected 0 to 1, exclusive."),
    (("Adam", "AdamW"), {"betas": (0.9, -0.1)}, ValueError,
     "betas[1] out of range, got -0.1; expected 0 to 1, exclusive."),
    (("Adam", "AdamW"), {"betas": (0.9, math.nan)}, ValueError, "betas[1] must be finite, got nan"),
    (("Adam", "AdamW"), {"betas": 0.9}, TypeError, "betas must be two numbers, got 0.9; expected (beta1, beta2)."),
    (("Adam", "AdamW"), {"betas": (0.9,)}, TypeError, "betas must be two numbers, got (0.9,);"),
    (("Adam", "AdamW", "RMSprop"), {"eps": -1e-8}, ValueError, "eps out of range, got -1e-08; expected 0 or more."),
    (("RMSprop",), {"alpha": 1.5}, ValueError, "alpha out of range, got 1.5; expected 0 to 1."),
    (("RMSprop",), {"centered": 0}, TypeError, "centered must be a bool, got 0;"),
]  # fmt: skip
EACH_OPTION = [(name, *rest) for names, *rest in OPTIONS for name in names]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[message[:60] for _, _, message in ERRORS])
def test_parameters(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "options", "error", "message"), EACH_OPTION)
def test_options(name: str, options: dict[str, Any], error: type[Exception], message: str) -> None:
    """They are refused as arguments and in a group."""
    make = getattr(optim, name)
    for call in (lambda: make([leaf(2)], **options), lambda: make([{"params": [leaf(2)], **options}])):
        with pytest.raises(error) as caught:
            call()
        assert f"{name}: {message}" in str(caught.value)


@pytest.mark.parametrize("options", [{"amsgrad": True}, {"foreach": True}, {"fused": True}, {"capturable": True}])
def test_options_of_torch_that_are_not_here(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        optim.Adam([leaf(2)], **options)


def test_a_refused_group_is_not_added() -> None:
    p, q = leaf(2), leaf(3)
    optimizer = optim.SGD([p])
    for group in ({"params": [q, p]}, {"params": [q], "lr": -1}, {"params": [q, q]}):
        with pytest.raises(ValueError, match=r"given twice|out of range"):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1
    given = {"params": (x for x in [q]), "name": "late"}
    optimizer.add_param_group(given)
    assert optimizer.param_groups[1]["params"] == [q]
    assert optimizer.param_groups[1]["name"] == "late"
    assert set(given) == {"params", "name"}


def test_a_gradient_of_another_shape_changes_nothing() -> None:
    p, q = leaf(2), leaf(3)
    optimizer = optim.Adam([{"params": [p]}, {"params": [q]}])
    p.grad, q.grad = Tensor([1.0, 1.0]), Tensor(np.ones((1, 3)))
    before = counters()["dispatches"]
    with pytest.raises(
        ValueError, match=r"Adam: a gradient has the wrong shape, got \(1, 3\); expected \(3,\), as its"
    ):
        optimizer.step()
    assert counters()["dispatches"] == before
    assert not optimizer.state
    assert p.numpy().tolist() == [1.0, 1.0]


def test_an_optimizer_without_a_rule() -> None:
    p = leaf(2)
    p.grad = Tensor([1.0, 1.0])
    with pytest.raises(NotImplementedError):
        optim.Optimizer([p], {}).step()


def test_numbers_are_kept_as_floats() -> None:
    optimizer = optim.Adam([leaf(2)], lr=np.float32(0.5), betas=[0, np.float64(0.5)], weight_decay=Tensor(2.0))
    group = optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.5, (0.0, 0.5), 2.0)
    assert all(type(v) is float for v in (group["lr"], *group["betas"], group["weight_decay"]))


def test_repr() -> None:
    text = repr(optim.SGD([{"params": [leaf(2), leaf(3)], "lr": 0.5}, {"params": leaf(1)}], momentum=0.9))
    assert text.splitlines()[:5] == [
        "SGD (", "Parameter Group 0: 2 tensors", "    dampening: 0.0", "    lr: 0.5", "    maximize: False",
    ]  # fmt: skip
    assert "Parameter Group 1: 1 tensors" in text
