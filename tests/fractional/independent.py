"""Fractional neurons once more, in NumPy and float64, written from the equations: dense sums, no table of the library.

``sum_i c_i D^alpha_i w = (x - leak w) / tau`` on steps of h, x being the current plus all jumps so far, v = w - jumps.
"""

from __future__ import annotations

from itertools import pairwise
from math import gamma

import numpy as np
from scipy.integrate import quad


def binomials(n, alpha):
    c = [1.0]
    for m in range(1, n):
        c.append(c[-1] * (m - 1 - alpha) / m)
    return np.array(c)


def relaxation(t, alpha, rate):
    """E_alpha(-rate t^alpha), as an integral over decay rates (Gorenflo and Mainardi)."""
    if alpha == 1.0:
        return np.exp(-rate * t)

    def density(y):  # over y = ln(r), r^alpha / rate = e^(alpha y) / rate
        z = np.exp(alpha * y) / rate
        return np.exp(-np.exp(y) * t) * np.sin(alpha * np.pi) / np.pi / (z + 2.0 * np.cos(alpha * np.pi) + 1.0 / z)

    middle = np.log(rate) / alpha
    edges = middle + np.array([-40.0, -10.0, -3.0, 0.0, 3.0, 10.0, 40.0]) / alpha
    return sum(quad(density, *ends, epsabs=1e-13, epsrel=1e-11, limit=200)[0] for ends in pairwise(edges))


def matrices(method, steps, h, alpha, tau, factors, leak):
    """Return (R, e, s) of ``u = R x + e w0 + s x_0`` for x (steps,), dense."""
    n = steps
    if method == "exact":
        (a,), (c,) = alpha, factors
        t = h * np.arange(n + 1)
        if leak:
            e = np.array([relaxation(v, a, 1.0 / (c * tau)) if v else 1.0 for v in t])
            grown = 1.0 - e
        else:
            grown, e = t**a / (gamma(1 + a) * c * tau), np.ones(n + 1)
        answer = np.diff(grown)
        R = np.array([[answer[k - j] if j <= k else 0.0 for j in range(n)] for k in range(n)])
        return R, e[1:], np.zeros(n)
    if method in ("trap", "pred"):
        (a,), (c,) = alpha, factors
        g = h**a / (gamma(a + 2) * tau * c)
        A, first = np.zeros((n, n)), np.zeros(n)
        for k in range(1, n + 1):
            first[k - 1] = g * ((k - 1) ** (a + 1) - (k - 1 - a) * k**a)
            for j in range(1, k + 1):
                m = k - j
                A[k - 1, j - 1] = g * ((m + 1) ** (a + 1) - 2 * m ** (a + 1) + abs(m - 1) ** (a + 1) if m else 1.0)
        # w = w0 + first (x_0 - leak w0) + A (x - leak w)
        inverse = np.linalg.inv(np.eye(n) + leak * A)
        return inverse @ A, inverse @ (1.0 - leak * first), inverse @ first
    sums, centre = np.zeros(n), 0.0
    for a, c in zip(alpha, factors, strict=True):
        if method == "l1":
            b = np.array([(m + 1) ** (1 - a) - (m ** (1 - a) if m else 0.0) for m in range(n)])
            sums += c * h**-a / gamma(2 - a) * np.append(b[0], np.diff(b))
        else:
            sums += c * h**-a * binomials(n, a)
    if method in ("gl", "glmulti") and len(alpha) == 1:
        z = h ** alpha[0] / (tau * factors[0])
        centre = alpha[0] / np.sqrt(4.0 + z * z)
    D = np.array([[sums[k - j] if j <= k else 0.0 for j in range(n)] for k in range(n)])
    L = (1 - centre) * np.eye(n) + centre * np.eye(n, k=-1)  # the leak of step k; before the first there is w0
    left = D + leak / tau * L
    right = D.sum(axis=1)
    right[0] -= leak / tau * centre
    inverse = np.linalg.inv(left)
    return inverse / tau, inverse @ right, np.zeros(n)


def truncated(R, e, memory):
    """The last states, the oldest of which stands for all before it."""
    n, beta = len(e), R[0, 0]
    if memory >= n:
        return None
    inverse = np.linalg.inv(R)
    lag, initial = -beta * inverse[:, 0], beta * (inverse @ e)  # u_k = beta x_k + sum_m lag_m u_{k-m} + initial_k w0
    out = lag[: memory + 1].copy()
    out[0], out[memory] = 0.0, initial[memory - 1]
    return out, initial, beta


def neuron(current, w0, method, h, alpha, tau, factors, leak, memory, fire, reset):
    """(T, ...) currents → spikes and voltages; `fire` of v, `reset` None or a voltage, threshold 1."""
    steps = len(current)
    base = "exact" if method in ("trap", "pred") and memory is not None and memory < steps else method
    R, e, s = matrices(base, steps, h, alpha, tau, factors, leak)
    short = None if memory is None else truncated(R, e, memory)
    jumps, x, u = np.zeros_like(current[0]), np.zeros_like(current), np.zeros_like(current)
    spikes, voltages = np.zeros_like(current), np.zeros_like(current)
    for k in range(steps):
        x[k] = current[k] + leak * jumps
        if short is None:
            u[k] = np.tensordot(R[k, : k + 1], x[: k + 1], 1) + e[k] * w0 + s[k] * current[0]
        else:
            lag, initial, beta = short
            u[k] = beta * x[k] + (initial[k] * w0 if k < memory else 0.0)
            for m in range(1, min(k, memory) + 1):
                u[k] += lag[m] * u[k - m]
        v = u[k] - jumps
        spikes[k] = fire(v)
        jumps = jumps + spikes[k] * (1.0 if reset is None else v - reset)
        voltages[k] = u[k] - jumps
    return spikes, voltages
