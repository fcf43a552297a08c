"""Leaky neurons in closed form, in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Truth(NamedTuple):
    counts: np.ndarray  # (T, B, n)
    continuous: np.ndarray  # 1 + (h - t1) / isi where v_inf > threshold, else 0
    voltages: np.ndarray  # (T, B, n)
    times: np.ndarray  # (S, 4), by time
    doubt: np.ndarray  # (T, B, n): a spike within 1e-4 of the end


def run(w, x, tau=20.0, rest=0.0, threshold=1.0, reset=0.0, capacity=1.0, h=1.0, v0=None, listed=True) -> Truth:
    """Run x (T, B, m)."""
    v = np.full((x.shape[1], len(w)), float(rest)) if v0 is None else v0
    found: list[list[np.ndarray]] = [[], [], [], []]
    rows = []
    with np.errstate(all="ignore"):
        for t, inputs in enumerate(x):
            v_inf = rest + inputs @ w.T * tau / capacity
            a, above = v_inf - threshold, v >= threshold
            driven = a > 0
            t1 = np.where(above, 0.0, tau * np.log1p((threshold - v) / a))
            isi = tau * np.log1p((threshold - reset) / a)
            fires = driven & (t1 <= h)
            count = np.where(fires, np.floor((h - t1) / isi) + 1, above * 1.0)
            last = np.where(driven, t1 + (count - 1) * isi, 0.0)
            after = np.where(count > 0, v_inf + (reset - v_inf) * np.exp(-(h - last) / tau), 0.0)
            v_free = v_inf + (v - v_inf) * np.exp(-h / tau)
            continuous = np.where(driven, 1 + (h - t1) / isi, 0.0)
            near = np.where(count > 0, np.minimum(h - last, np.abs(last + isi - h)), np.abs(t1 - h))
            for b, i in np.argwhere(count > 0) if listed else ():
                rows += [
                    (t, b, i, t * h + (t1[b, i] + k * isi[b, i] if k else t1[b, i])) for k in range(int(count[b, i]))
                ]
            v = np.where(count > 0, after, v_free)
            for part, value in zip(found, (count, continuous, v, driven & (near < 1e-4)), strict=True):
                part.append(value)
    times = np.array(rows).reshape(-1, 4)
    counts, continuous, voltages, doubt = map(np.array, found)
    return Truth(counts, continuous, voltages, times[np.argsort(times[:, 3], kind="stable")], doubt)
