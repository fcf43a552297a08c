"""SC-NeuroCore's SpikingODELayer as it is, in float64 on the host: its own counts, defects included."""

from __future__ import annotations

import numpy as np

from grillyx.ops.ode_lif import Leaky


def step(
    v: np.ndarray, current: np.ndarray, interval: float, leaky: Leaky, dt_init: float, dt_min: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spike counts of an interval, and the voltages (n) after it.

    Euler steps, one size for all neurons; at most `most` of them, so that a part of the interval may be left out.
    """
    counts, t, dt = np.zeros(v.shape), 0.0, dt_init
    for _ in range(most):
        dt = min(dt, interval - t)
        if t >= interval or dt < dt_min:
            break
        dv = -(v - leaky.v_rest) / leaky.tau_mem + current / leaky.C_mem
        after = v + dt * dv
        crossed = after >= leaky.v_threshold
        if crossed.any():
            for _ in range(5):
                half = v + dt / 2 * dv
                if not (half >= leaky.v_threshold).any():
                    break
                dt, after = dt / 2, half
            counts[crossed] += 1  # those of the full step, as the original does
            after[crossed] = leaky.v_reset
        v = after
        t += dt
        near = (leaky.v_threshold - v).min() < 0.1 * leaky.v_threshold
        dt = max(dt * 0.5, dt_min) if near else min(dt * 1.5, dt_init)
    return counts, v
