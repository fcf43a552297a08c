"""Activations as layers."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.nn import surrogate
from grillyx.nn._module import Module


class _Activation(Module):
    per_sample = True


class ReLU(_Activation):
    """``max(x, 0)``. `inplace` is accepted for compatibility and changes nothing."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.relu(x)


class LeakyReLU(_Activation):
    """x where it is positive, else ``negative_slope * x``."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = float(negative_slope), inplace

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(_Activation):
    """x where it is positive, else ``alpha * (e**x - 1)``."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = float(alpha), inplace

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class Hardtanh(_Activation):
    """x between `min_val` and `max_val`, and the nearer of the two beyond."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        self.min_val, self.max_val, self.inplace = float(min_val), float(max_val), inplace

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return ""


class Softplus(_Activation):
    """``log(1 + e**(beta * x)) / beta``, and x where ``beta * x`` is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = float(beta), float(threshold)

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(_Activation):
    """``x * Phi(x)`` with the normal distribution function, or its ``"tanh"`` approximation."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.gelu(x, self.approximate)


class SiLU(_Activation):
    """``x * sigmoid(x)``."""

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.silu(x)


class Tanh(_Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.tanh(x)


class Sigmoid(_Activation, surrogate.Sigmoid):
    """The layer ``1 / (1 + e**-x)``; given to a neuron, the surrogate `grillyx.nn.surrogate.Sigmoid`.

    Args:
        alpha: sharpness of the surrogate. With it, a call of the object fires (the step function with that gradient);
            without it, it is the activation, and the surrogate has alpha 4.
    """

    def __init__(self, alpha: float | None = None) -> None:
        surrogate.Sigmoid.__init__(self, 4.0 if alpha is None else alpha)
        self._fires = alpha is not None

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.spike(x, self.spec) if self._fires else F.sigmoid(x)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" if self._fires else ""

    __call__ = Module.__call__
    __repr__ = Module.__repr__


class Softmax(_Activation):
    """``e**x`` divided by its sum along an axis.

    Args:
        dim: the axis; the last by default.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = -1 if dim is None else dim
        self.per_sample = self.dim == -1

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`, without overflow.

    Args:
        dim: the axis; the last by default.
    """

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        return F.log_softmax(x, self.dim)
