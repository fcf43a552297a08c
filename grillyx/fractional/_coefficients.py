"""Weights of the classical schemes, index m from 0, for real or complex alpha (a derivative by a complex step)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gamma


def grunwald_letnikov(n: int, alpha: Any) -> np.ndarray:
    """Return ``c_m = (-1)^m binom(alpha, m)``, m < n: ``D^alpha y(t_k) ~ h^-alpha sum_m c_m (y_{k-m} - y_0)``."""
    m = np.arange(1, max(n, 1))
    return np.concatenate([[1.0], np.cumprod(1.0 - (1.0 + alpha) / m)])[:n]


def l1(n: int, alpha: Any) -> np.ndarray:
    """Return ``Gamma(2 - alpha)`` free weights ``c_0 = 1, c_m = b_m - b_{m-1}`` with ``b_m = (m+1)^(1-alpha) - m^(1-alpha)``.

    ``D^alpha y(t_k) ~ h^-alpha / Gamma(2 - alpha) sum_{m<k} c_m (y_{k-m} - y_0)``: y is linear between the steps
    (order 2 - alpha).
    """
    return np.concatenate([[1.0], _second_difference(n, 1.0 - alpha)])[:n]


def adams_bashforth(n: int, alpha: Any) -> np.ndarray:
    """Return ``b_m = (m+1)^alpha - m^alpha``, m < n: ``y_{k+1} = y_0 + h^alpha / Gamma(1 + alpha) sum_m b_m f_{k-m}``."""
    m = np.arange(1, max(n, 1), dtype=np.float64)
    return np.concatenate([[1.0], m**alpha * np.expm1(alpha * np.log1p(1.0 / m))])[:n]


def adams_moulton(n: int, alpha: Any) -> np.ndarray:
    """Return ``a_0 = 1, a_m = (m+1)^(1+alpha) - 2 m^(1+alpha) + (m-1)^(1+alpha)``, m < n, the fractional trapezoid.

    ``y_k = y_0 + h^alpha / Gamma(2 + alpha) (start_k f_0 + sum_{m<k} a_m f_{k-m})``, see `adams_moulton_start`.
    """
    return np.concatenate([[1.0], _second_difference(n, 1.0 + alpha)])[:n]


def adams_moulton_start(n: int, alpha: Any) -> np.ndarray:
    """Return the weights of ``f_0`` for k = 0 ... n - 1: ``(k-1)^(1+alpha) - (k-1-alpha) k^alpha``; entry 0 is not used."""
    k = np.arange(2, max(n, 2), dtype=np.float64)
    p = 1.0 + alpha
    # k^p (1 - 1/k)^p - k^p + p k^alpha, without the difference of large numbers
    rest = k**p * (np.expm1(p * np.log1p(-1.0 / k)) + p / k)
    return np.concatenate([[0.0, alpha + 0.0], rest])[:n]


def _second_difference(n: int, p: Any) -> np.ndarray:
    """Return ``(m+1)^p - 2 m^p + (m-1)^p``, m = 1 ... n - 1, where 0^p is 0."""
    m = np.arange(2, max(n, 2), dtype=np.float64)
    return np.concatenate([[2.0**p - 2.0], m**p * (np.expm1(p * np.log1p(1.0 / m)) + np.expm1(p * np.log1p(-1.0 / m)))])


def step_factor(method: str, step: float, alpha: Any) -> Any:
    """Return ``h^alpha`` for "gl", ``h^alpha Gamma(2 - alpha)`` for "l1": what turns the weights into D^alpha, inverted."""
    return step**alpha * (gamma(2.0 - alpha) if method == "l1" else 1.0)
