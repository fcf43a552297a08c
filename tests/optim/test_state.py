"""Saving and loading: torch's layout, the same numbers afterwards, and what is refused."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grillyx import optim
from grillyx.autograd import Tensor
from tests.optim.reference import SHAPES, arrays, give, parameters, trained

KINDS = [
    ("SGD", {}), ("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {"weight_decay": 0.1}), ("AdamW", {}),
    ("RMSprop", {}), ("RMSprop", {"momentum": 0.9, "centered": True}),
]  # fmt: skip
# Saved by torch 2.13 after two steps, of which parameter 1 missed the first; the values then, and after two more steps.
FROM_TORCH: dict[str, tuple[dict[int, dict[str, Any]], dict[str, Any], list[list[float]], list[list[float]]]] = {
    "SGD": (
        {0: {"momentum_buffer": [2.9000000953674316, -1.4500000476837158, 0.7250000238418579]},
         1: {"momentum_buffer": [1.0]}},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0, "weight_decay": 0, "nesterov": True, "maximize": False,
         "foreach": False, "differentiable": False, "fused": None},
        [[0.3489999771118164, -1.6744999885559082, 2.837249994277954], [0.3100000023841858]],
        [[-1.6703099012374878, -0.6648450493812561, 2.3324224948883057], [-0.6304000020027161]],
    ),
    "Adam": (
        {0: {"step": 2.0, "exp_avg": [0.30799999833106995, -0.18199999630451202, 0.12849999964237213],
             "exp_avg_sq": [0.0055768899619579315, 0.0019056102028116584, 0.0009262976236641407]},
         1: {"step": 1.0, "exp_avg": [0.10499999672174454], "exp_avg_sq": [0.0011024998966604471]}},
        {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.1, "amsgrad": False, "maximize": False,
         "foreach": False, "capturable": False, "differentiable": False, "fused": None,
         "decoupled_weight_decay": False},
        [[0.8029472827911377, -1.8018913269042969, 2.800647258758545], [0.4000000059604645]],
        [[0.6101008653640747, -1.606819987297058, 2.6023333072662354], [0.2018473744392395]],
    ),
    "AdamW": (
        {0: {"step": 2.0, "exp_avg": [0.28999999165534973, -0.14499999582767487, 0.07249999791383743],
             "exp_avg_sq": [0.004999000113457441, 0.0012497500283643603, 0.0003124375070910901]},
         1: {"step": 1.0, "exp_avg": [0.10000000149011612], "exp_avg_sq": [0.0010000000474974513]}},
        {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.01, "amsgrad": False, "maximize": False,
         "foreach": False, "capturable": False, "differentiable": False, "fused": None,
         "decoupled_weight_decay": True},
        [[0.8015828132629395, -1.799583911895752, 2.7975847721099854], [0.3995000123977661]],
        [[0.6082351803779602, -1.604241132736206, 2.6002471446990967], [0.2009950876235962]],
    ),
    "RMSprop": (
        {0: {"step": 2.0, "square_avg": [0.04989999905228615, 0.012474999763071537, 0.0031187499407678843],
             "momentum_buffer": [14.059715270996094, -14.059715270996094, 14.059712409973145],
             "grad_avg": [0.029899999499320984, -0.014949999749660492, 0.007474999874830246]},
         1: {"step": 1.0, "square_avg": [0.009999999776482582], "momentum_buffer": [10.05037784576416],
             "grad_avg": [0.009999999776482582]}},
        {"lr": 0.1, "momentum": 0.5, "alpha": 0.99, "eps": 1e-08, "centered": True, "weight_decay": 0,
         "capturable": False, "foreach": False, "maximize": False, "differentiable": False},
        [[-1.4110093116760254, 0.41100916266441345, 0.5889911651611328], [-0.505037784576416]],
        [[-4.431491851806641, 3.4314916133880615, -2.431490898132324], [-3.276435613632202]],
    ),
}  # fmt: skip


class TorchTensor:
    """As much of a torch tensor as is used to read one."""

    def __init__(self, value: Any) -> None:
        self.value = np.array(value, np.float32)

    def detach(self) -> TorchTensor:
        return self

    cpu = detach

    def numpy(self) -> np.ndarray:
        return self.value


def made(name: str, seed: int = 1, **options: Any) -> optim.Optimizer:
    """An optimizer of two groups."""
    first, *rest = parameters(arrays(SHAPES, seed))
    return getattr(optim, name)([{"params": first, "lr": 0.3}, {"params": rest}], lr=0.1, **options)


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    np.save(buffer, np.array(state, object), allow_pickle=True)
    buffer.seek(0)
    return np.load(buffer, allow_pickle=True).item()


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_going_on_is_the_same_bit_for_bit(name: str, options: dict[str, Any]) -> None:
    first = made(name, **options)
    middle = trained(first, range(3))
    saved = through_a_file(first.state_dict())
    wanted = trained(first, range(3, 6))
    second = getattr(optim, name)(
        [{"params": p} for p in ([Tensor(middle[0], True)], [Tensor(m, True) for m in middle[1:]])]
    )
    second.load_state_dict(saved)
    got = trained(second, range(3, 6))
    for a, b, m in zip(got, wanted, middle, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != m).all()
    np.testing.assert_equal(second.state_dict(), first.state_dict())


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_layout(name: str, options: dict[str, Any]) -> None:
    optimizer = made(name, **options)
    assert optimizer.state_dict()["state"] == {}
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for t in range(2):
        give(params, [None if k == 2 else g for k, g in enumerate(arrays(SHAPES, t))])
        optimizer.step()
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1, 2, 3]]
    assert [group["lr"] for group in saved["param_groups"]] == [0.3, 0.1]
    assert list(saved["state"]) == ([] if (name, options) == ("SGD", {}) else [0, 1, 3])
    for k, values in saved["state"].items():
        assert all(isinstance(value, np.ndarray) and value.dtype == np.float32 for value in values.values())
        step = values.pop("step", None)
        assert step is None or (step.shape == () and step == 2)
        assert all(value.shape == params[k].shape for value in values.values())
        for key, value in values.items():
            np.testing.assert_array_equal(optimizer.state[params[k]][key].numpy(), value)


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_a_saved_state_is_a_copy(name: str, options: dict[str, Any]) -> None:
    optimizer = made(name, **options)
    trained(optimizer, range(2))
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    trained(optimizer, range(2, 4))
    np.testing.assert_equal(saved, before)
    now = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 9.0
    saved["param_groups"][0]["params"].append(7)
    for values in saved["state"].values():
        for value in values.values():
            value[...] = 0
    np.testing.assert_equal(optimizer.state_dict(), now)


@pytest.mark.parametrize("kind", [np.asarray, list, TorchTensor, lambda v: np.asarray(v, np.float64), Tensor])
@pytest.mark.parametrize("name", FROM_TORCH)
def test_going_on_where_torch_was(name: str, kind: Callable[[Any], Any]) -> None:
    state, options, before, after = FROM_TORCH[name]
    params = [Tensor(before[0], True), Tensor(before[1], True)]
    optimizer = getattr(optim, name)(params)
    as_given = {
        k: {key: v if key == "step" and kind is list else kind(v) for key, v in s.items()} for k, s in state.items()
    }
    optimizer.load_state_dict({"state": as_given, "param_groups": [{**options, "params": [0, 1]}]})
    for t in (3, 4):
        give(params, [np.array([1.0, -0.5, 0.25]) * t, np.array([0.5]) * t])
        optimizer.step()
    for p, wanted in zip(params, after, strict=True):
        np.testing.assert_allclose(p.numpy(), wanted, rtol=3e-6)


def test_the_groups_are_changed_in_place() -> None:
    """A schedule, or a variable of the user's, goes on with the same dicts; keys of the user's are kept."""
    first, second = made("SGD"), made("SGD")
    first.param_groups[0]["name"] = "body"
    group, params = second.param_groups[0], second.param_groups[0]["params"]
    second.param_groups[1]["lr"] = 7.0
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0] is group
    assert group["params"] is params
    assert (group["name"], second.param_groups[1]["lr"]) == ("body", 0.1)


def test_what_was_there_before_is_gone() -> None:
    fresh, used = made("Adam"), made("Adam")
    trained(used, range(2))
    used.param_groups[0]["name"] = "old"
    used.load_state_dict(fresh.state_dict())
    np.testing.assert_equal(used.state_dict(), fresh.state_dict())
    assert not used.state


def test_options_that_an_older_torch_did_not_save() -> None:
    optimizer = made("AdamW", maximize=True)
    saved = optimizer.state_dict()
    for group in saved["param_groups"]:
        del group["maximize"], group["decoupled_weight_decay"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_an_empty_buffer_is_a_fresh_one() -> None:
    """torch saves None where there was no step with momentum yet."""
    p = Tensor([1.0], True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5, dampening=0.5)
    saved = optimizer.state_dict()
    saved["state"] = {0: {"momentum_buffer": None}}
    optimizer.load_state_dict(saved)
    give([p], [np.array([1.0])])
    optimizer.step()
    assert p.numpy().tolist() == [0.5]


Change = Callable[[dict[str, Any]], Any]
WRONG: list[tuple[str, Change, str]] = [
    ("Adam", lambda s: s["param_groups"].pop(), "param_groups: got 1 groups; expected 2"),
    ("Adam", lambda s: s["param_groups"][1]["params"].pop(), "param_groups[1]: got 2 parameters; expected 3"),
    ("Adam", lambda s: s["param_groups"][0].pop("betas"),
     "param_groups[0]: lacks betas; is it the state of another optimizer?"),
    ("Adam", lambda s: s["param_groups"][1].update(lr=-1),
     "param_groups[1]: Adam: lr out of range, got -1; expected 0 or more."),
    ("Adam", lambda s: s["param_groups"][1].update(amsgrad=True),
     "param_groups[1]: amsgrad, got True; expected False, as there is no such option here"),
    ("SGD", lambda s: s["param_groups"][1].update(nesterov=1),
     "param_groups[1]: SGD: nesterov must be a bool, got 1;"),
    ("Adam", lambda s: s["state"].update({9: {}}), "state[9]: belongs to no parameter of param_groups"),
    ("Adam", lambda s: s["state"].update({2: 5}), "state[2]: is no dict"),
    ("Adam", lambda s: s["state"][1].pop("exp_avg"), "state[1]: lacks exp_avg"),
    ("Adam", lambda s: s["state"][1].pop("step"), "state[1]: lacks step"),
    ("RMSprop", lambda s: s["state"][1].pop("grad_avg"), "state[1]: lacks grad_avg"),
    ("RMSprop", lambda s: s["state"][1].update(momentum_buffer=None), "state[1]: lacks momentum_buffer"),
    ("RMSprop", lambda s: s["state"][1].pop("square_avg"), "state[1]: lacks square_avg"),
    ("Adam", lambda s: s["state"][2].update(max_exp_avg_sq=s["state"][2]["exp_avg"]),
     "state[2]['max_exp_avg_sq']: is unknown; expected step, exp_avg, exp_avg_sq"),
    ("SGD", lambda s: s["state"][2].update(step=3), "state[2]['step']: is unknown; expected momentum_buffer"),
    ("Adam", lambda s: s["state"][2].update(exp_avg=np.ones((5, 7))),
     "state[2]['exp_avg']: got shape (5, 7); expected (7, 5)"),
    ("Adam", lambda s: s["state"][0].update(exp_avg=np.array(["x"])),
     "state[0]['exp_avg']: got <U1; expected numbers"),
    ("Adam", lambda s: s["state"][0].update(exp_avg=[[1.0], [1.0, 2.0]]), "state[0]['exp_avg']: "),
    ("Adam", lambda s: s["state"][0].update(step=1.5), "state[0]['step']: got 1.5; expected a number of steps"),
    ("Adam", lambda s: s["state"][0].update(step=-1), "state[0]['step']: got -1; expected a number of steps"),
    ("Adam", lambda s: s["state"][0].update(step=np.nan), "state[0]['step']: got nan; expected a number of steps"),
    ("Adam", lambda s: s["state"][0].update(step=[1, 2]), "state[0]['step']: got [1 2]; expected a number of steps"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "message"), WRONG, ids=[message[:60] for _, _, message in WRONG])
def test_what_does_not_fit(name: str, change: Change, message: str) -> None:
    options = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}}.get(name, {})
    source, optimizer = made(name, **options), made(name, seed=2, weight_decay=0.5, **options)
    trained(source, range(3))
    trained(optimizer, range(1))
    saved = source.state_dict()
    change(saved)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="does not fit") as caught:
        optimizer.load_state_dict(saved)
    first, *problems = str(caught.value).splitlines()
    assert first == f"{name}.load_state_dict: this state does not fit; nothing was changed:"
    assert len(problems) == 1
    assert problems[0].startswith(f"  {message}")
    np.testing.assert_equal(optimizer.state_dict(), before)


def test_all_that_does_not_fit_is_listed() -> None:
    optimizer = made("Adam")
    trained(optimizer, range(1))
    saved = optimizer.state_dict()
    saved["state"][0]["exp_avg"] = np.ones(9)
    saved["state"][3]["exp_avg_sq"] = np.ones(9)
    del saved["state"][1]["step"]
    with pytest.raises(ValueError, match="does not fit") as caught:
        optimizer.load_state_dict(saved)
    assert str(caught.value).splitlines()[1:] == [
        "  state[0]['exp_avg']: got shape (9,); expected (1,)",
        "  state[1]: lacks step",
        "  state[3]['exp_avg_sq']: got shape (9,); expected (130,)",
    ]


@pytest.mark.parametrize(("saved", "found"), [({"state": {}}, "['state']"), (None, "NoneType"), ([1], "list")])
def test_another_layout(saved: Any, found: str) -> None:
    message = f"the layout: got {found}; expected a dict with the keys 'state' and 'param_groups'"
    with pytest.raises(ValueError, match="does not fit") as caught:
        made("SGD").load_state_dict(saved)
    assert message in str(caught.value)
