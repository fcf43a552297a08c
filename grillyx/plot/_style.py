"""Colours, axes, and what is missing when matplotlib is."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import to_numpy

BLUE, ORANGE, GREY, LIGHT = "#2f6690", "#e2711d", "#8d99ae", "#e9edf2"
STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "axes.edgecolor": GREY, "axes.labelcolor": "#333a45",
    "text.color": "#333a45", "xtick.color": "#5c6675", "ytick.color": "#5c6675", "xtick.labelsize": 8,
    "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
}  # fmt: skip


def series(data: Any, name: str) -> np.ndarray:
    out = to_numpy(data)
    out = out[:, None] if out.ndim == 1 else out
    if out.ndim != 2:
        raise ValueError(
            f"{name}: wrong shape, got {out.shape}; expected (T, neurons). Choose a sample, as in spikes[:, 0], and "
            "flatten the rest."
        )
    return out


def matplotlib_for(name: str) -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            f"plot.{name}: the package matplotlib is missing ({error}). Install the extra `plot`, as with "
            "`pip install '.[plot]'` in a checkout."
        ) from error
    return matplotlib


def axes_for(ax: Any, name: str) -> Any:
    if ax is not None:
        return ax
    matplotlib = matplotlib_for(name)
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE):
        return pyplot.subplots(figsize=(7.0, 3.2), layout="constrained")[1]
