"""Spikes and membranes over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.plot._style import BLUE, GREY, ORANGE, axes_for, series


def raster(spikes: Any, ax: Any = None, *, highlight: int | None = None, color: str = BLUE, title: str = "") -> Any:
    """Draw which neuron fired when.

    Args:
        spikes: (T, neurons). Zeros and ones are drawn as marks, anything else, such as currents, as tones.
        ax: matplotlib axes; new ones by default.
        highlight: a neuron to draw in another colour.
        color: of the marks.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: `spikes` has not two axes.
    """
    data = series(spikes, "raster")
    ax = axes_for(ax, "raster")
    steps, neurons = data.shape
    if np.isin(data, (0, 1)).all():
        at, who = np.nonzero(data)
        chosen = who == highlight
        width = _mark_width(ax, steps)
        half = max(0.42, 0.6 * neurons / ax.get_window_extent().height)  # at least a pixel high, or marks grow pale
        for rows, tint in ((~chosen, color), (chosen, ORANGE)):
            ax.vlines(at[rows], who[rows] - half, who[rows] + half, color=tint, linewidth=width)
    else:
        ax.imshow(
            data.T, cmap="Greys", aspect="auto", interpolation="nearest", vmin=0.0, vmax=1.4 * max(data.max(), 1e-9),
            extent=(-0.5, steps - 0.5, neurons - 0.5, -0.5),
        )  # fmt: skip
    ax.set(xlim=(-0.5, max(steps, 1) - 0.5), ylim=(max(neurons, 1) - 0.5, -0.5))
    ax.set(xlabel="time step", ylabel="neuron", title=title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.yaxis.get_major_locator().set_params(integer=True)
    return ax


def voltages(v_seq: Any, ax: Any = None, *, spikes: Any = None, threshold: Any = 1.0, title: str = "") -> Any:
    """Draw membranes over time.

    Args:
        v_seq: (T, neurons) or (T,): the membrane after each step, as ``v_seq`` of a neuron with ``store_v_seq``.
        ax: matplotlib axes; new ones by default.
        spikes: of the same shape; where they are 1, a mark is set at the top.
        threshold: where a dashed line is drawn; a number, one for each step (T,), or None for none.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: more than two axes, or spikes of another shape.
    """
    data = series(v_seq, "voltages")
    marks = None if spikes is None else series(spikes, "voltages")
    if marks is not None and marks.shape != data.shape:
        raise ValueError(f"voltages: the spikes have another shape, got {marks.shape}; expected {data.shape}.")
    ax = axes_for(ax, "voltages")
    top = float(data.max(initial=0.0))
    if threshold is not None:
        level = np.broadcast_to(to_numpy(threshold), len(data))
        ax.plot(level, color=GREY, linewidth=0.9, linestyle="--")
        top = max(top, float(level.max(initial=0.0)))
    for k in range(data.shape[1]):
        (line,) = ax.plot(data[:, k], linewidth=1.4, color=BLUE if data.shape[1] == 1 else None, label=str(k))
        if marks is not None:
            at = np.nonzero(marks[:, k])[0]
            height = np.full(len(at), top * (1.12 + 0.06 * k))
            ax.plot(at, height, linestyle="", marker="|", markersize=8, color=line.get_color())
    ax.set(xlabel="time step", ylabel="membrane", title=title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def _mark_width(ax: Any, steps: int) -> float:
    """Return a line width in points that fills about half of a time step, within reason."""
    points = ax.get_window_extent().width * 72.0 / ax.figure.dpi
    return float(np.clip(0.5 * points / max(steps, 1), 0.6, 4.0))
