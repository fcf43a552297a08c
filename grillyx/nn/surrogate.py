"""Surrogate gradients: what replaces the derivative of the step function.

The forward pass is always the step, 1 where ``x = H - v_threshold >= 0``; `x` below is that distance.
"""

from __future__ import annotations

from typing import Any, ClassVar

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.engine.array import Array
from grillyx.functional import _check
from grillyx.ops import neuron as neuron_ops
from grillyx.ops.shape import fill


class SurrogateFunction:
    """Base of all surrogates. A subclass names a line of GLSL, or defines `gradient`.

    Examples:
        With GLSL, the gradient is computed inside the neuron's own shader (this needs a compiler on the machine, see
        ``grillyx[glsl]``); `x` and `alpha` are floats:

        >>> class Triangle(SurrogateFunction):
        ...     glsl = "max(0.0, 1.0 - alpha * abs(x))"

        With Python, from tensor to tensor:

        >>> class Box(SurrogateFunction):
        ...     def gradient(self, x):
        ...         return (abs(x) < 0.5 / self.alpha).float() * self.alpha

    Args:
        alpha: sharpness, positive.
    """

    glsl: ClassVar[str | None] = None
    default_alpha: ClassVar[float] = 1.0
    _line: ClassVar[str | None] = None  # in shaders/include/surrogates.glsl

    def __init__(self, alpha: float | None = None) -> None:
        name = type(self).__name__
        self.alpha = self.default_alpha if alpha is None else _check.number(alpha, name, "alpha")
        if self.alpha <= 0.0:
            raise ValueError(f"{name}: alpha must be positive, got {alpha}.")

    def gradient(self, x: Any) -> Tensor:
        """Return g(x) for the distance x to the threshold."""
        if self._line is None and self.glsl is None:
            raise NotImplementedError(f"{type(self).__name__}: define `glsl` or `gradient(self, x)`.")
        x = autograd.as_tensor(x).astype("float32")
        return Tensor(neuron_ops.surrogate_gradient(x.array, fill(x.shape, 1.0), self.spec))

    @property
    def spec(self) -> neuron_ops.Surrogate:
        """How the shaders compute this gradient."""
        if type(self).gradient is not SurrogateFunction.gradient:
            return neuron_ops.Surrogate("ATan", self.alpha, function=self._on_arrays)  # the line is not used
        if self.glsl is not None:
            return neuron_ops.Surrogate("", self.alpha, define=self.glsl)
        if self._line is None:
            raise NotImplementedError(f"{type(self).__name__}: define `glsl` or `gradient(self, x)`.")
        return neuron_ops.Surrogate(self._line, self.alpha)

    def _on_arrays(self, x: Array) -> Array:
        with autograd.no_grad():
            out = autograd.as_tensor(self.gradient(Tensor(x))).astype("float32")
        if out.shape != x.shape:
            raise ValueError(f"{type(self).__name__}.gradient: wrong shape, got {out.shape}; expected {x.shape}.")
        return out.array

    def __call__(self, x: Any) -> Tensor:
        """Fire: 1 where x >= 0, else 0, with this gradient."""
        return F.spike(x, self.spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha})"


class ATan(SurrogateFunction):
    """``(alpha / 2) / (1 + (pi alpha x / 2)**2)``; alpha 2. Source: Fang et al., "PLIF", ICCV 2021."""

    _line, default_alpha = "ATan", 2.0


class Sigmoid(SurrogateFunction):
    """``alpha s (1 - s)``, ``s = 1 / (1 + e**(-alpha x))``; alpha 4."""

    _line, default_alpha = "Sigmoid", 4.0


class FastSigmoid(SurrogateFunction):
    """``alpha / (2 (1 + alpha |x|)**2)``; alpha 2."""

    _line, default_alpha = "FastSigmoid", 2.0


class SoftSign(FastSigmoid):
    """The same as `FastSigmoid`, under SpikingJelly's name."""


class PiecewiseQuadratic(SurrogateFunction):
    """``max(0, alpha - alpha**2 |x|)``; alpha 1. Source: Bellec et al., NeurIPS 2018."""

    _line, default_alpha = "PiecewiseQuadratic", 1.0


class PiecewiseExp(SurrogateFunction):
    """``(alpha / 2) e**(-alpha |x|)``; alpha 1. Source: Shrestha and Orchard, "SLAYER", NeurIPS 2018."""

    _line, default_alpha = "PiecewiseExp", 1.0


class SuperSpike(SurrogateFunction):
    """``alpha / (1 + |x|)**2``; alpha 1. Source: Zenke and Ganguli, "SuperSpike", 2018."""

    _line, default_alpha = "SuperSpike", 1.0


class Erf(SurrogateFunction):
    """``(alpha / sqrt(pi)) e**(-(alpha x)**2)``; alpha 2."""

    _line, default_alpha = "Erf", 2.0


class Rect(SurrogateFunction):
    """alpha where ``|x| < 1 / (2 alpha)``, else 0; alpha 1. Source: Wu et al., "STBP", 2018."""

    _line, default_alpha = "Rect", 1.0


class Triangle(SurrogateFunction):
    """``max(0, 1 - alpha |x|)``; alpha 1. Source: Bellec et al., "A solution to the learning dilemma", 2020."""

    _line, default_alpha = "Triangle", 1.0


class MultiGaussian(SurrogateFunction):
    """``1.15 N(x; 0, a) - 0.15 N(x; a, 6 a) - 0.15 N(x; -a, 6 a)``, normal densities of mean and deviation; a = alpha, 0.5.

    Here a larger alpha is wider. Far from the threshold it is below 0. Source: Yin et al., "Accurate and efficient
    time-domain classification with adaptive spiking recurrent neural networks", 2021.
    """

    _line, default_alpha = "MultiGaussian", 0.5
