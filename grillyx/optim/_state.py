"""Saving and loading the state of optimizers, in torch's layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy

if TYPE_CHECKING:
    from grillyx.optim._optimizer import Optimizer

# options that a state saved by an older torch may lack
_LATER = ("maximize", "decoupled_weight_decay")


def pack(optimizer: Optimizer) -> dict[str, Any]:
    """Return the state of an optimizer: see `Optimizer.state_dict`."""
    numbers = {id(p): k for k, p in enumerate(p for group in optimizer.param_groups for p in group["params"])}
    groups = [{**group, "params": [numbers[id(p)] for p in group["params"]]} for group in optimizer.param_groups]
    state = {numbers[id(p)]: _packed(values) for p, values in optimizer.state.items() if values and id(p) in numbers}
    return {"state": {k: state[k] for k in sorted(state)}, "param_groups": groups}


def _packed(values: Mapping[str, Any]) -> dict[str, Any]:
    # torch keeps the number of steps as a float32 scalar
    return {
        key: value.numpy() if isinstance(value, Tensor) else np.array(value, np.float32 if key == "step" else None)
        for key, value in values.items()
    }


def unpack(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Load a state into an optimizer: see `Optimizer.load_state_dict`."""
    problems: list[str] = []
    groups = _groups(optimizer, saved, problems)
    state = {} if problems else _states(optimizer, saved, groups, problems)
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise ValueError(f"{optimizer.name}.load_state_dict: this state does not fit; nothing was changed:{lines}")
    for group, new in zip(optimizer.param_groups, groups, strict=True):
        params = group["params"]
        group.clear()
        group.update(new, params=params)
    optimizer.state.clear()
    optimizer.state.update(state)


def _groups(optimizer: Optimizer, saved: Any, problems: list[str]) -> list[dict[str, Any]]:
    """Return the saved groups with their options checked."""
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        found = sorted(map(str, saved)) if isinstance(saved, Mapping) else type(saved).__name__
        problems.append(f"the layout: got {found}; expected a dict with the keys 'state' and 'param_groups'")
        return []
    groups = list(saved["param_groups"])
    if len(groups) != len(optimizer.param_groups):
        problems.append(f"param_groups: got {len(groups)} groups; expected {len(optimizer.param_groups)}")
        return []
    out = []
    for k, (ours, theirs) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        where = f"param_groups[{k}]"
        new = dict(theirs)
        for key in _LATER:
            if key in ours:
                new.setdefault(key, ours[key])
        count = len(new.get("params", ()))
        if count != len(ours["params"]):
            problems.append(f"{where}: got {count} parameters; expected {len(ours['params'])}")
        missing = [key for key in optimizer.defaults if key not in new]
        if missing:
            problems.append(f"{where}: lacks {', '.join(missing)}; is it the state of another optimizer?")
        elif new.get("amsgrad"):
            problems.append(f"{where}: amsgrad, got True; expected False, as there is no such option here")
        else:
            try:
                new = optimizer._checked(new)
            except (TypeError, ValueError) as error:
                problems.append(f"{where}: {error}")
        out.append(new)
    return out


def _states(
    optimizer: Optimizer, saved: Mapping[str, Any], groups: list[dict[str, Any]], problems: list[str]
) -> dict[Tensor, dict[str, Any]]:
    """Return the saved state for each of our parameters."""
    owners = {}
    for group, new in zip(optimizer.param_groups, groups, strict=True):
        owners.update({key: (p, new) for key, p in zip(new["params"], group["params"], strict=True)})
    out: dict[Tensor, dict[str, Any]] = {}
    for key, values in saved["state"].items():
        if key not in owners or not isinstance(values, Mapping):
            fault = "is no dict" if key in owners else "belongs to no parameter of param_groups"
            problems.append(f"state[{key!r}]: {fault}")
            continue
        p, group = owners[key]
        out[p] = {}
        missing = [name for name in optimizer._needed(group) if values and values.get(name) is None]
        if missing:
            problems.append(f"state[{key!r}]: lacks {', '.join(missing)}")
        for name, value in values.items():
            if value is not None:
                out[p][name] = _unpacked(optimizer, p, name, value, f"state[{key!r}][{name!r}]", problems)
    return out


def _unpacked(optimizer: Optimizer, p: Tensor, name: str, value: Any, where: str, problems: list[str]) -> Any:
    try:
        data = to_numpy(value)
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return None
    known = ("step", *optimizer._moments) if optimizer._counts_steps else optimizer._moments
    if name not in known:
        problems.append(f"{where}: is unknown; expected {', '.join(known)}")
    elif data.dtype.kind not in "fiu":
        problems.append(f"{where}: got {data.dtype}; expected numbers")
    elif name == "step":
        count = float(data.reshape(-1)[0]) if data.size == 1 else -1.0
        if count >= 0 and count.is_integer():
            return int(count)
        problems.append(f"{where}: got {data}; expected a number of steps")
    elif data.shape != p.shape:
        problems.append(f"{where}: got shape {data.shape}; expected {p.shape}")
    else:
        return Tensor(data.astype(np.float32))
    return None
