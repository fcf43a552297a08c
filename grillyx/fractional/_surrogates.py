"""Spikes by name, with spikeDE's names and scales: the step forward, a surrogate gradient backward.

The one number `scale` is a sharpness for "sigmoid", "arctan" and "noisy", where a larger one is steeper, and a width for
"piecewise_linear" and "gaussian", where a larger one is flatter: the default 5 of the neurons leaves those two almost no
gradient (0.1 and 0.08 at the threshold).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.nn import SurrogateFunction
from grillyx.random import rand

ROOT_2 = math.sqrt(2.0)
EDGE = 1.0 - 2.0**-22  # of a box: the edge itself belongs to it


def _positive(scale: Any, name: str) -> float:
    k = _check.number(scale, name, "scale")
    if k <= 0.0:
        raise ValueError(f"{name}: scale must be positive, got {scale}.")
    return k


class Surrogate:
    """A function ``(input, scale) -> spikes`` with a surrogate gradient.

    Args:
        name: its name in `surrogate_f`.
        make: scale to `nn.SurrogateFunction`.
        scale: default of the scale.
    """

    def __init__(self, name: str, make: Callable[[float], SurrogateFunction], scale: float) -> None:
        self.name, self.scale, self._make = name, scale, make

    def function(self, scale: float | None = None) -> SurrogateFunction:
        """Return the `nn.SurrogateFunction` with this gradient."""
        return self._make(_positive(self.scale if scale is None else scale, self.name))

    def __call__(self, input: Any, scale: float | None = None) -> Tensor:
        """Return 1 where ``input >= 0``, else 0."""
        return self.function(scale)(input)

    def __repr__(self) -> str:
        return f"<{self.name}(input, scale={self.scale})>"


sigmoid_surrogate = Surrogate("sigmoid_surrogate", nn.Sigmoid, 5.0)
"""Gradient ``k s (1 - s)``, ``s = 1 / (1 + e**(-k x))``; k = scale."""
arctan_surrogate = Surrogate("arctan_surrogate", nn.ATan, 2.0)
"""Gradient ``(k / 2) / (1 + (pi k x / 2)**2)``; k = scale."""
piecewise_linear_surrogate = Surrogate("piecewise_linear_surrogate", lambda w: nn.Rect(0.5 / w * EDGE), 1.0)
"""Gradient ``1 / (2 w)`` where ``|x| <= w``, else 0: a box; w = scale, a width."""
gaussian_surrogate = Surrogate("gaussian_surrogate", lambda w: nn.Erf(1.0 / (w * ROOT_2)), 1.0)
"""Gradient ``e**(-x**2 / (2 w**2)) / (w sqrt(2 pi))``; w = scale, a width."""


def logistic_noise(shape: tuple[int, ...], low: float = 1e-6) -> Tensor:
    """Return numbers of the logistic distribution, ``ln(u / (1 - u))`` with u uniform in [low, 1 - low]."""
    u = F.clip(rand(*shape), low, 1.0 - low)
    return F.log(u) - F.log1p(-u)


def noisy_threshold_spike(input: Any, scale: float = 5.0, training: bool = True, sample: bool = True) -> Tensor:
    """Return soft spikes ``sigmoid(scale x + noise)`` in training, else 1 where ``x >= 0``.

    The noise is logistic, so that a spike is as probable as ``sigmoid(scale x)`` says. Its gradient is its own.

    Args:
        input: voltage - threshold.
        scale: steepness, positive.
        training: False gives hard spikes, without a gradient.
        sample: False leaves out the noise.
    """
    x = as_tensor(input)
    if not training:
        return (x.detach() >= 0.0).float()
    z = x * _positive(scale, "noisy_threshold_spike")
    return F.sigmoid(z + logistic_noise(x.shape) if sample else z)


surrogate_f: dict[str, Callable[..., Tensor]] = {
    "sigmoid_surrogate": sigmoid_surrogate,
    "arctan_surrogate": arctan_surrogate,
    "piecewise_linear_surrogate": piecewise_linear_surrogate,
    "gaussian_surrogate": gaussian_surrogate,
    "noisy_threshold_spike": noisy_threshold_spike,
}
"""Spike functions by name, ``(input, scale) -> spikes``; one of your own is added like to any dict.

The short names "sigmoid", "arctan", "piecewise_linear", "gaussian" and "noisy" stand for the same.
"""
for _name, _function in tuple(surrogate_f.items()):
    surrogate_f[_name.removesuffix("_surrogate").removesuffix("_threshold_spike")] = _function


def spike_function(opt: Any, scale: float, name: str) -> Callable[..., Tensor]:
    """Return ``(input, scale) -> spikes`` for a name, or for an `nn.SurrogateFunction`, whose own scale counts."""
    if isinstance(opt, SurrogateFunction):
        return Surrogate(type(opt).__name__, lambda _: opt, scale)
    found = surrogate_f.get(opt) if isinstance(opt, str) else None
    if found is None:
        raise ValueError(
            f"{name}: unknown surrogate_opt, got {opt!r}; expected one of {', '.join(map(repr, surrogate_f))}, or an "
            "nn.SurrogateFunction. A function of your own is added with surrogate_f[name] = function."
        )
    if isinstance(found, Surrogate):
        found.function(scale)  # a wrong scale is said here
    elif found is noisy_threshold_spike:
        _positive(scale, "noisy_threshold_spike")
    return found
