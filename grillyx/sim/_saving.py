"""Models in files: safetensors, with the class and everything that is no array."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from grillyx import io, nn
from grillyx.sim._loaded import LoadedStimulus
from grillyx.sim._state import State
from grillyx.sim._stimuli import PoissonStimulus, RegularStimulus, SinStimulus

_CONSTANTS = (bool, int, float, str)
_STIMULI = {kind.__name__: kind for kind in (LoadedStimulus, PoissonStimulus, RegularStimulus, SinStimulus)}
_NOT_SAVED = ("state", "result", "stimulus", "random", "training")


def _constants(model: Any) -> dict[str, Any]:
    """Return the numbers and words that a model was made with."""
    return {
        k: v
        for k, v in vars(model).items()
        if isinstance(v, _CONSTANTS) and not k.startswith("_") and k not in _NOT_SAVED
    }


def _stimulus_parts(stimulus: Any) -> dict[str, Any]:
    return {
        "class": type(stimulus).__name__,
        "arguments": stimulus.arguments,
        "current_batch": stimulus.current_batch,
    }


def _stimulus(parts: dict[str, Any], who: str, path: Any) -> Any:
    """Return the stimulus of a file."""
    if parts["class"] not in _STIMULI:
        raise ValueError(
            f"{who}: {str(path)!r} has an unknown stimulus, got {parts['class']}; expected one of {', '.join(_STIMULI)}. Nothing was "
            "changed."
        )
    out = _STIMULI[parts["class"]](**parts["arguments"])
    out.set_batch(parts.get("current_batch", 0))
    return out


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to a file."""
    stimulus, known = model.stimulus, type(model.stimulus).__name__ in _STIMULI
    if stimulus is not None and not known:
        warnings.warn(
            f"{type(model).__name__}.save: the stimulus is a function of yours, which a file cannot hold; add it again after load.",
            stacklevel=3,
        )
    state = model.state
    own = {k: v for k, v in model.state_dict().items() if not k.startswith("stimulus.")}
    io.save(
        {
            "class": type(model).__name__,
            "constants": _constants(model),
            "parameters": own,
            "stimulus": _stimulus_parts(stimulus) if known else None,
            "random": {"seed": str(model.random.seed), "calls": str(model.random.calls)},
            "state": None
            if state is None
            else {
                "x": np.ascontiguousarray(state.x),
                "t": state.t,
                "seed": str(state.seed),
                "drawn": str(state.drawn),
                "kept": state.kept,
            },
        },
        path,
    )


def _reshaped(model: Any, values: dict[str, np.ndarray]) -> dict[str, nn.Parameter]:
    """Make room for a number for each neuron where the model has one for all, or the other way; return what was there."""
    before: dict[str, nn.Parameter] = {}
    for name, own in model.named_parameters():
        given = values.get(name)
        if given is not None and {own.ndim, given.ndim} == {0, 1} and name in vars(model):
            before[name] = own
            vars(model)[name] = nn.Parameter(np.zeros(given.shape, np.float32), own.requires_grad)
    return before


def load(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a file into a model."""
    who, content = f"{type(model).__name__}.load", io.load(path)
    if not {"class", "constants", "parameters", "random", "stimulus", "state"} <= content.keys():
        raise ValueError(f"{who}: {str(path)!r} holds no model of grillyx.sim. Nothing was changed.")
    if content["class"] != type(model).__name__:
        raise ValueError(
            f"{who}: {str(path)!r} holds another model, got {content['class']}; expected {type(model).__name__}. Nothing was changed."
        )
    kept, wanted = model.stimulus, content["stimulus"]
    stimulus = kept if wanted is None else _stimulus(wanted, who, path)
    model.stimulus = None  # its parameters are not among those that are loaded here
    before = _reshaped(model, content["parameters"])
    try:
        model.load_state_dict(content["parameters"])
    except (ValueError, TypeError):
        vars(model).update(before, stimulus=kept)
        raise
    model.stimulus = stimulus
    vars(model).update(content["constants"])
    model.random.manual_seed(int(content["random"]["seed"])).calls = int(content["random"]["calls"])
    state = content["state"]
    model.state = (
        None if state is None else State(state["x"], state["t"], int(state["seed"]), int(state["drawn"]), state["kept"])
    )
