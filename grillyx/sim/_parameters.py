"""Parameters that models are made with."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx import nn
from grillyx.autograd import to_numpy


def parameter(value: Any, name: str, who: str, *, each: bool = True, above: float | None = None) -> nn.Parameter:
    """Return a frozen parameter, a number or with `each` one for each neuron (N,).

    Raises:
        ValueError: it is not finite, of another shape, or out of range.
    """
    try:
        values = to_numpy(value).astype(np.float32)
    except (TypeError, ValueError):
        values = np.array(np.nan, np.float32)
    if values.ndim > (1 if each else 0):
        raise ValueError(
            f"{who}: {name} has the wrong shape, got {values.shape}; expected a number{' or one a neuron, (N,)' if each else ''}."
        )
    if not np.isfinite(values).all() or (above is not None and not (values > above).all()):
        wanted = "finite numbers" if above is None else f"numbers above {above}"
        raise ValueError(f"{who}: {name} is not usable, got {value!r}; expected {wanted}.")
    return nn.Parameter(values, requires_grad=False)
