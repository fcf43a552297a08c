"""Learning rules as loops over time, samples and weights, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rule = Callable[[np.ndarray], Any]


def windows(x: np.ndarray, kernel: tuple[int, int], options: dict[str, Any], out: tuple[int, int]) -> np.ndarray:
    """(N, C, H, W) → (N, C, kh, kw, H', W'): what each weight meets at each place of a window."""
    (sh, sw), (ph, pw), (dh, dw) = options["stride"], options["padding"], options["dilation"]
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y = np.zeros((*x.shape[:2], *kernel, *out))
    for a, b, i, j in np.ndindex(*kernel, *out):
        y[:, :, a, b, i, j] = x[:, :, i * sh + a * dh, j * sw + b * dw]
    return y


def met(post: np.ndarray, pre: np.ndarray, shape: tuple[int, ...], options: dict[str, Any] | None) -> np.ndarray:
    """The products of a step, summed over samples and places: post times pre for each weight."""
    if options is None:
        return sum(np.outer(b, a) for a, b in zip(pre, post, strict=True))
    total, groups = np.zeros(shape), options["groups"]
    seen = windows(pre, shape[2:], options, post.shape[2:])
    for o, c in np.ndindex(*shape[:2]):
        channel = o // (shape[0] // groups) * shape[1] + c
        total[o, c] = np.einsum("nij,nabij->ab", post[:, o], seen[:, channel])
    return total


def stdp(
    w: np.ndarray, pre: np.ndarray, post: np.ndarray, taus: tuple[float, float], f_pre: Rule, f_post: Rule,
    options: dict[str, Any] | None = None, state: tuple[Any, Any] = (0.0, 0.0),
) -> tuple[np.ndarray, tuple[Any, Any]]:  # fmt: skip
    """Return the change by sequences (T, N, *) of spikes, and the traces afterwards."""
    x, y, total = *state, np.zeros(w.shape)
    for a, b in zip(pre, post, strict=True):
        x, y = x * (1.0 - 1.0 / taus[0]) + a, y * (1.0 - 1.0 / taus[1]) + b
        total += f_post(w) * met(b, x, w.shape, options) - f_pre(w) * met(y, a, w.shape, options)
    return total, (x, y)


def rewarded(
    w: np.ndarray,
    pre: np.ndarray,
    post: np.ndarray,
    taus: tuple[float, ...],
    f_pre: Rule,
    f_post: Rule,
    reward: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the change of each step, the last eligibility of each sample, and its trace; pre (T, N, I), reward (T, N)."""
    x, y, shape = 0.0, 0.0, (pre.shape[1], *w.shape)
    e, trace, changes = np.zeros(shape), np.zeros(shape), []
    for a, b, r in zip(pre, post, reward, strict=True):
        x, y = x * np.exp(-1.0 / taus[0]) + a, y * np.exp(-1.0 / taus[1]) + b
        trace = trace * np.exp(-1.0 / taus[2]) + e / taus[2] if len(taus) == 3 else e
        changes.append((r[:, None, None] * trace).sum(0))
        e = f_post(w) * x[:, None, :] * b[:, :, None] - f_pre(w) * y[:, :, None] * a[:, None, :]
    return np.array(changes), e, trace
