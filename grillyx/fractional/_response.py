"""A table as the answers to currents and to jumps that the fused op takes, and their derivatives."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from grillyx.fractional import _memory
from grillyx.fractional._schemes import EPS, Table
from grillyx.functional._fractional import Response

Parts = dict[str, Any]


def _parts(t: Table) -> Parts:
    """Return the fields of `Response`, complex where the table is.

    With a leak, a jump J_i is part of the inputs from step i + 1 on, and lowers the voltage: what is left of it after m steps is
    ``1 - sum_{n<m} T_n``, T_0 = beta. Without one, all of it.
    """
    t = _memory.response(t)
    drive = np.append(t.beta, t.lag[1:])
    fade = np.append(0.0, 1.0 - np.cumsum(drive)) if t.leak else np.zeros(0)
    return {"drive": drive, "fade": fade, "level": 0.0 if t.leak else 1.0, "initial": t.initial, "kick": t.start}


def response_of(t: Table) -> Response:
    """Return a table as a `Response`; with modes, if it has some."""
    parts = _parts(t)
    return Response(**parts, modes=None if t.modes is None else _modes(parts["drive"], parts["fade"]))


def slope_of(t: Table, slope: Table) -> Response:
    """Return the derivative of `response_of` for a derivative of the table."""

    def moved(a: Any, b: Any) -> Any:
        return None if a is None else a + 1j * EPS * b

    names = ("lag", "initial", "start", "beta")
    parts = _parts(t._replace(**{n: moved(getattr(t, n), getattr(slope, n)) for n in names}))
    out = {n: v if v is None else np.imag(v) / EPS for n, v in parts.items()} | {"level": 0.0}
    return Response(**out, modes=None if t.modes is None else _modes(out["drive"], out["fade"]))


def _modes(drive: np.ndarray, fade: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rho, at, inverse = _fit(drive.size)
    a = inverse @ drive[at]
    return rho, a, inverse @ fade[at] if fade.size else np.zeros_like(a)


@lru_cache(maxsize=8)
def _fit(steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rates that float32 has, where to fit, and the matrix from values to the weights of the modes."""
    n = int(np.clip(round(10.0 * np.log10(steps)), 2, _memory.MOST_MODES))
    rho = np.exp(-np.append(0.0, np.geomspace(0.3 / steps, 8.0, n - 1))).astype(np.float32).astype(np.float64)
    at = np.unique(np.round(np.geomspace(1, max(steps - 1, 1), 600)).astype(int))
    at = at[at < steps]
    scale = np.sqrt(at * np.gradient(at.astype(np.float64))) if at.size > 1 else np.ones(at.size)
    basis = rho ** at[:, None] * scale[:, None]
    size = np.maximum(np.linalg.norm(basis, axis=0), 1e-300)
    return rho, at, np.linalg.pinv(basis / size, rcond=_memory.SINGULAR) / size[:, None] * scale
