"""Numbers in float64 that carry their derivatives in many directions: exact gradients of a loop, written down as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from tests.nn.reference import surrogate


class Dual:
    """A value (*) and its derivatives (directions, *)."""

    __array_ufunc__ = None  # NumPy arrays leave the arithmetic to this class

    def __init__(self, v: Any, d: np.ndarray) -> None:
        self.v, self.d = np.asarray(v, np.float64), d

    def along(self, ndim: int) -> np.ndarray:
        return self.d.reshape(len(self.d), *[1] * (ndim - self.v.ndim), *self.v.shape)

    def _with(self, other: Any, value: Any, own: Any, others: Any) -> Dual:
        o = other if isinstance(other, Dual) else Dual(other, np.zeros((len(self.d), *np.shape(other))))
        v = value(self.v, o.v)
        d = own(self.v, o.v) * self.along(v.ndim) + others(self.v, o.v) * o.along(v.ndim)
        return Dual(v, np.broadcast_to(d, (len(self.d), *v.shape)))

    def __add__(self, other: Any) -> Dual:
        return self._with(other, np.add, lambda a, b: 1.0, lambda a, b: 1.0)

    def __mul__(self, other: Any) -> Dual:
        return self._with(other, np.multiply, lambda a, b: b, lambda a, b: a)

    def __truediv__(self, other: Any) -> Dual:
        return self._with(other, np.divide, lambda a, b: 1.0 / b, lambda a, b: -a / b**2)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Dual:
        return self * -1.0

    def __sub__(self, other: Any) -> Dual:
        return self + (-other)

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __getitem__(self, key: int) -> Dual:
        return Dual(self.v[key], self.d[:, key])

    def reshape(self, *shape: int) -> Dual:
        return Dual(self.v.reshape(shape), self.d.reshape(len(self.d), *shape))

    def _map(self, value: np.ndarray, slope: np.ndarray) -> Dual:
        return Dual(value, slope * self.d)

    def exp(self) -> Dual:
        return self._map(np.exp(self.v), np.exp(self.v))

    def log(self) -> Dual:
        return self._map(np.log(self.v), 1.0 / self.v)

    def relu(self) -> Dual:
        return self._map(np.maximum(self.v, 0.0), self.v > 0.0)

    def sigmoid(self) -> Dual:
        s = special.expit(self.v)
        return self._map(s, s * (1.0 - s))

    def detach(self) -> Dual:
        return Dual(self.v, np.zeros_like(self.d))

    def fire(self, name: str, alpha: float) -> Dual:
        """The step, with a surrogate's derivative; no value may lie where rounding would decide."""
        assert np.abs(self.v).min(initial=1.0) > 1e-5
        return self._map((self.v >= 0.0).astype(np.float64), surrogate(name, self.v, alpha))


def variables(**arrays: Any) -> dict[str, Dual]:
    """Duals with a direction for each element of each array."""
    sizes = [np.size(a) for a in arrays.values()]
    out, first = {}, 0
    for (name, a), size in zip(arrays.items(), sizes, strict=True):
        d = np.zeros((sum(sizes), size))
        d[first : first + size] = np.eye(size)
        out[name] = Dual(a, d.reshape(sum(sizes), *np.shape(a)))
        first += size
    return out


def gradients(arrays: dict[str, Any], terms: list[tuple[Dual, np.ndarray]]) -> dict[str, np.ndarray]:
    """The gradient of the sum of ``weight * dual`` for each array that `variables` was given."""
    total = sum((w * dual.d).reshape(len(dual.d), -1).sum(1) for dual, w in terms)
    ends = np.cumsum([np.size(a) for a in arrays.values()])[:-1]
    return {k: g.reshape(np.shape(a)) for (k, a), g in zip(arrays.items(), np.split(total, ends), strict=True)}
