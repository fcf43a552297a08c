"""Models in files: safetensors, with the class and everything that is no array."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from grillyx import io
from grillyx.sim._state import State

_CONSTANTS = (bool, int, float, str)
_NOT_SAVED = ("state", "result", "stimulus", "random", "training")


def _constants(model: Any) -> dict[str, Any]:
    """Return the numbers and words that a model was made with."""
    return {
        k: v
        for k, v in vars(model).items()
        if isinstance(v, _CONSTANTS) and not k.startswith("_") and k not in _NOT_SAVED
    }


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to a file."""
    stimulus, known = model.stimulus, hasattr(model.stimulus, "state_dict")
    if stimulus is not None and not known:
        warnings.warn(
            f"{type(model).__name__}.save: the stimulus is a plain function, which a file cannot hold; add it again after load.",
            stacklevel=3,
        )
    state = model.state
    io.save(
        {
            "class": type(model).__name__,
            "constants": _constants(model),
            "parameters": model.state_dict(),
            "stimulus": {"class": type(stimulus).__name__, "constants": _constants(stimulus)} if known else None,
            "random": {"seed": str(model.random.seed), "calls": str(model.random.calls)},
            "state": None
            if state is None
            else {"x": np.ascontiguousarray(state.x), "t": state.t, "seed": str(state.seed), "drawn": str(state.drawn)},
        },
        path,
    )


def load(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a file into a model."""
    who, content = f"{type(model).__name__}.load", io.load(path)
    if not {"class", "constants", "parameters", "random"} <= content.keys():
        raise ValueError(f"{who}: {str(path)!r} holds no model of grillyx.sim. Nothing was changed.")
    if content["class"] != type(model).__name__:
        raise ValueError(
            f"{who}: {str(path)!r} holds another model, got {content['class']}; expected {type(model).__name__}. Nothing was changed."
        )
    stimulus, wanted = model.stimulus, content["stimulus"]
    if wanted is not None and type(stimulus).__name__ != wanted["class"]:
        raise ValueError(
            f"{who}: the model in {str(path)!r} has a stimulus, {wanted['class']}, got {type(stimulus).__name__}. Add one before load: "
            f"model.add_stimulus({wanted['class']}(...)). Nothing was changed."
        )
    model.load_state_dict(content["parameters"])
    vars(model).update(content["constants"])
    if wanted is not None:
        vars(stimulus).update(wanted["constants"])
    model.random.manual_seed(int(content["random"]["seed"])).calls = int(content["random"]["calls"])
    state = content["state"]
    model.state = None if state is None else State(state["x"], state["t"], int(state["seed"]), int(state["drawn"]))
