"""`Dynamics`: a model of a neuron in continuous time, as differential equations in GLSL."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any, ClassVar

import numpy as np

from grillyx.ops.ode_rk import Model

_NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*_?")
_TAKEN = frozenset(("t", "I", "y", "q", "d", "r", "held"))  # what the shader calls its own


class Dynamics:
    """Differential equations of a neuron, what makes it spike, and what a spike does.

    A subclass writes each derivative as an expression of GLSL in the states, the parameters, the time `t` since the start
    and the current `I`. It is compiled the first time it is used, which needs glslangValidator (the extra ``glsl``), and kept in
    the user's cache. All functions of GLSL can be used, and ``linoid(x) = x / (1 - e**-x)``, which has no hole at 0.

    Examples:
        >>> from grillyx import ode
        >>> class Leaky(ode.Dynamics):
        ...     parameters = {"tau": 20.0, "theta": 1.0}
        ...     derivative = {"V": "(I - V) / tau"}
        ...     spike = "V - theta"
        ...     reset = {"V": "0.0"}
        >>> Leaky(tau=10.0)
        Leaky(tau=10.0, theta=1.0)

    Args:
        **parameters: values instead of the defaults, numbers or arrays that broadcast to the neurons.

    Attributes:
        parameters: (class) names and defaults.
        units: (class) of parameters and states, for whoever reads them.
        derivative: (class) the states, with their derivatives; the first state is the membrane.
        spike: (class) an expression that comes up to 0 when the neuron spikes; without one it never does.
        reset: (class) what a spike makes of states, from the values before it; without one a spike is only counted.
        refractory: (class) for how long the first state stays what it is after a spike, an expression.
        initial: (class) where states begin, numbers or names of parameters; otherwise at 0.
        positive: (class) parameters that must be above 0.
        ordered: (class) pairs of parameters of which the first must be below the second.

    Raises:
        TypeError: unknown parameters; when the class is made, expressions or names that GLSL would not take.
        ValueError: a value is not finite, or breaks a rule of the model.
    """

    parameters: ClassVar[dict[str, float]] = {}
    units: ClassVar[dict[str, str]] = {}
    derivative: ClassVar[dict[str, str]] = {}
    spike: ClassVar[str] = ""
    reset: ClassVar[dict[str, str]] = {}
    refractory: ClassVar[str] = ""
    initial: ClassVar[dict[str, float | str]] = {}
    positive: ClassVar[tuple[str, ...]] = ()
    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()
    _line: ClassVar[str | None] = None  # in shaders/include/ode_models.glsl

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _check_class(cls)
        if "_line" not in cls.__dict__ and {"parameters", "derivative", "spike", "reset", "refractory"} & set(
            cls.__dict__
        ):
            cls._line = None  # it is no longer the model that was compiled beforehand
        keyword = inspect.Parameter.KEYWORD_ONLY
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, keyword, default=value) for name, value in cls.parameters.items()]
        )

    def __init__(self, **parameters: Any) -> None:
        name = type(self).__name__
        unknown = sorted(set(parameters) - set(self.parameters))
        if unknown:
            raise TypeError(f"{name}: unknown parameters {unknown}; expected some of {list(self.parameters)}.")
        self.values = {k: _value(parameters.get(k, v), name, k) for k, v in self.parameters.items()}
        for k in self.positive:
            if np.any(self.values[k] <= 0.0):
                raise ValueError(f"{name}: {k} must be above 0, got {parameters[k]!r}.")
        if re.fullmatch(r"\w+", self.refractory) and np.any(self.values.get(self.refractory, np.zeros(1)) < 0.0):
            raise ValueError(f"{name}: {self.refractory} must not be negative, got {parameters[self.refractory]!r}.")
        for low, high in self.ordered:
            if np.any(self.values[low] >= self.values[high]):
                given = f"{low} {self.values[low]} and {high} {self.values[high]}"
                raise ValueError(f"{name}: {low} must be below {high}, got {given}.")

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("values", {})
        if name not in values:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return values[name].item() if values[name].ndim == 0 else values[name]

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v.item() if v.ndim == 0 else f'<{v.shape}>'}" for k, v in self.values.items())
        return f"{type(self).__name__}({shown})"

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(self.derivative)

    @classmethod
    def macros(cls) -> dict[str, str]:
        """The model as the macros that the shader is made of, without their prefix ``USER_``."""
        states = list(cls.derivative)
        places = [f"{name} = y[{k}]" for k, name in enumerate(states)]
        places += [f"{name} = q[{k}]" for k, name in enumerate(cls.parameters)]
        out = {
            "STATES": str(len(states)),
            "PARAMETERS": str(max(1, len(cls.parameters))),
            "RESETS": str(int(bool(cls.reset))),
            "NAMES": f"float {', '.join(places)};",
            "DERIVE": " ".join(f"d[{k}] = {line};" for k, line in enumerate(cls.derivative.values())),
            "SPIKE": cls.spike or "-1.0",
            "RESET": " ".join(f"r[{states.index(name)}] = {line};" for name, line in cls.reset.items()),
            "HOLD": cls.refractory or "0.0",
        }
        return {name: " ".join(text.split()) for name, text in out.items()}

    @property
    def model(self) -> Model:
        """Which shader computes this."""
        if self._line is not None:
            return Model(self._line, len(self.states))
        return Model(None, len(self.states), tuple((f"USER_{name}", text) for name, text in self.macros().items()))

    def start(self, shape: tuple[int, ...], given: dict[str, Any], name: str) -> np.ndarray:
        """Return the states (states, neurons) at the start, those given and the defaults of the others."""
        unknown = sorted(set(given) - set(self.states))
        if unknown:
            raise ValueError(f"{name}: initial names unknown states {unknown}; expected some of {list(self.states)}.")
        rows = []
        for state in self.states:
            value = given.get(state, self.initial.get(state, 0.0))
            if isinstance(value, str):
                value = self.values[value]
            rows.append(_spread(_value(value, name, f"initial {state}"), shape, name, f"initial {state}"))
        return np.array(rows, np.float32)

    def table(self, shape: tuple[int, ...], name: str) -> np.ndarray:
        """Return the parameters (parameters, 1), or (parameters, neurons) if any of them is an array."""
        values = self.values or {"": np.zeros(())}
        if all(v.ndim == 0 for v in values.values()):
            return np.array([[v] for v in values.values()], np.float32)
        return np.array([_spread(v, shape, name, k) for k, v in values.items()], np.float32)


def _value(value: Any, name: str, what: str) -> np.ndarray:
    try:
        out = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {what} must be a number or an array, got {value!r}.") from None
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: {what} must be finite, got {value!r}.")
    return out


def _spread(value: np.ndarray, shape: tuple[int, ...], name: str, what: str) -> np.ndarray:
    try:
        return np.broadcast_to(value, shape).reshape(math.prod(shape))
    except ValueError:
        raise ValueError(
            f"{name}: {what} does not broadcast to the neurons, got shape {value.shape}; expected {shape} or fewer axes."
        ) from None


def expressions(cls: type[Dynamics]) -> list[tuple[str, str]]:
    """Return what each expression of GLSL is for, and the expression."""
    return [
        *((f"the derivative of {state}", line) for state, line in cls.derivative.items()), ("spike", cls.spike),
        *((f"the reset of {state}", line) for state, line in cls.reset.items()), ("refractory", cls.refractory),
    ]  # fmt: skip


def _check_class(cls: type[Dynamics]) -> None:
    name = cls.__name__
    if not cls.derivative:
        raise TypeError(
            f"{name}: derivative is empty; expected an expression for each state, such as {{'V': '-V / tau'}}."
        )
    for word in (*cls.derivative, *cls.parameters):
        if not _NAME.fullmatch(word) or word in _TAKEN or word.startswith("gl_"):
            raise TypeError(
                f"{name}: {word!r} cannot be the name of a state or a parameter; expected letters, digits and single "
                f"underscores, and none of {', '.join(sorted(_TAKEN))}."
            )
    both = sorted(set(cls.derivative) & set(cls.parameters))
    if both:
        raise TypeError(f"{name}: {both} are states and parameters; expected different names.")
    for what, line in expressions(cls):
        empty = what not in ("spike", "refractory") and isinstance(line, str) and not line.strip()
        if not isinstance(line, str) or ";" in line or empty:
            raise TypeError(f"{name}: {what} must be one expression of GLSL, got {line!r}.")
    for what, words, known in (
        ("reset", cls.reset, cls.derivative), ("initial", cls.initial, cls.derivative), ("positive", cls.positive, cls.parameters),
    ):  # fmt: skip
        unknown = sorted(set(words) - set(known))
        if unknown:
            raise TypeError(f"{name}: {what} names {unknown}; expected some of {list(known)}.")
    if cls.reset and not cls.spike:
        raise TypeError(f"{name}: there is a reset and no spike; expected spike = an expression that comes up to 0.")
