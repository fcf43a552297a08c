"""Spaces of constant curvature: points, steps from them, and the way back to a flat space.

A step is given as (N, d), at the origin. `walk` moves it along to where the point is (parallel transport) and follows the
geodesic (exponential map); `flat` is the logarithm at the origin. Formulas are in ``q = |v|²``, as roots have no gradient
at 0.
"""

from __future__ import annotations

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor

_TINY = 1e-6  # of q: shorter steps are taken as a thousandth long where sin(r) / r is asked, which is off by 2e-7


def _squared(x: Tensor) -> Tensor:
    return F.sum(x * x, -1, keepdims=True)


def _length(x: Tensor) -> Tensor:
    return F.sqrt(F.maximum(_squared(x), _TINY))


class Manifold:
    """What the three can do."""

    def origin(self, nodes: int, d: int) -> Tensor:
        """Return the origin, once for each node."""
        raise NotImplementedError

    def walk(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the points after steps y (N, d) from z."""
        raise NotImplementedError

    def flat(self, z: Tensor) -> Tensor:
        """Return the logarithm at the origin, (N, d)."""
        raise NotImplementedError


class Euclidean(Manifold):
    """The flat space R^d."""

    def origin(self, nodes: int, d: int) -> Tensor:
        """Return (N, d)."""
        return Tensor(np.zeros((nodes, d), np.float32))

    def walk(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the points after steps y (N, d) from z."""
        return z + y

    def flat(self, z: Tensor) -> Tensor:
        """Return (N, d)."""
        return z


class Sphere(Manifold):
    """The unit sphere in R^(d + 1): ``|z| = 1``. Steps shall be shorter than π in all."""

    def origin(self, nodes: int, d: int) -> Tensor:
        """Return (N, d + 1)."""
        return Tensor(np.eye(1, d + 1, dtype=np.float32).repeat(nodes, 0))

    def walk(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the points after steps y (N, d) from z."""
        first, rest = z[:, :1], z[:, 1:]
        along = F.sum(rest * y, -1, keepdims=True) / F.maximum(1.0 + first, 1e-6)
        v = F.cat([-along * (1.0 + first), y - along * rest], 1)
        r = _length(y)
        out = F.cos(r) * z + F.sin(r) / r * v
        return out / _length(out)

    def flat(self, z: Tensor) -> Tensor:
        """Return (N, d)."""
        u = z[:, 1:] / F.maximum(1.0 + z[:, :1], 1e-6)  # |u| is the tangent of half the angle
        return 2.0 * u * _atan_ratio(_squared(u))


class Lorentz(Manifold):
    """The hyperboloid in R^(d + 1): ``-z₀² + z₁² + … = -1``, z₀ > 0."""

    def origin(self, nodes: int, d: int) -> Tensor:
        """Return (N, d + 1)."""
        return Tensor(np.eye(1, d + 1, dtype=np.float32).repeat(nodes, 0))

    def walk(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the points after steps y (N, d) from z."""
        first, rest = z[:, :1], z[:, 1:]
        v = y + F.sum(rest * y, -1, keepdims=True) / (1.0 + first) * rest  # all but the first of the step at z
        r = _length(y)
        more = F.expm1(r)
        grow = 1.0 + more
        out = 0.5 * (grow + 1.0 / grow) * rest + 0.5 * (more + more / grow) / r * v
        return F.cat([F.sqrt(1.0 + _squared(out)), out], 1)

    def flat(self, z: Tensor) -> Tensor:
        """Return (N, d)."""
        rest = z[:, 1:]
        q = F.maximum(_squared(rest), _TINY)
        s = F.sqrt(q)
        return rest * F.log1p(s + q / (1.0 + F.sqrt(1.0 + q))) / s


def _atan_ratio(q: Tensor) -> Tensor:
    """Return ``atan(t) / t`` for q = t²: the angle is halved three times, then a series has seven digits."""
    ratio: Tensor | float = 1.0
    for _ in range(3):
        half = 1.0 + F.sqrt(1.0 + q)
        ratio, q = ratio * (2.0 / half), q / (half * half)
    return ratio * (1.0 - q * (1.0 / 3.0 - q * (1.0 / 5.0 - q * (1.0 / 7.0 - q / 9.0))))


MANIFOLDS: dict[str, Manifold] = {"sphere": Sphere(), "lorentz": Lorentz(), "euclidean": Euclidean()}
