"""Pictures of spikes, membranes and training. They need matplotlib, the extra ``plot``.

Each function draws into the axes that it is given, or into new ones, and returns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grillyx.autograd import to_numpy

BLUE, ORANGE, GREY, LIGHT = "#2f6690", "#e2711d", "#8d99ae", "#e9edf2"
_STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "axes.edgecolor": GREY, "axes.labelcolor": "#333a45",
    "text.color": "#333a45", "xtick.color": "#5c6675", "ytick.color": "#5c6675", "xtick.labelsize": 8,
    "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
}  # fmt: skip


@dataclass
class Sample:
    """What `overview` shows of one sample.

    Attributes:
        image: pixels, (H, W).
        trains: name → (T, neurons), in the order in which they are drawn; the last is the output.
        label: the right class.
        prediction: the class that the network chose.
    """

    image: Any
    trains: Mapping[str, Any] = field(default_factory=dict)
    label: int | None = None
    prediction: int | None = None


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
    data = _series(spikes, "raster")
    ax = _axes(ax, "raster")
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
    data = _series(v_seq, "voltages")
    marks = None if spikes is None else _series(spikes, "voltages")
    if marks is not None and marks.shape != data.shape:
        raise ValueError(f"voltages: the spikes have another shape, got {marks.shape}; expected {data.shape}.")
    ax = _axes(ax, "voltages")
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


def curves(history: Mapping[str, Sequence[float]], ax: Any = None, *, ylabel: str = "", title: str = "") -> Any:
    """Draw curves over epochs.

    Args:
        history: name → one value an epoch.
        ax: matplotlib axes; new ones by default.
        ylabel: beside the axes.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    ax = _axes(ax, "curves")
    tints = (BLUE, ORANGE, GREY, "#81b29a", "#9b5de5")
    for k, (name, values) in enumerate(history.items()):
        epochs = np.arange(1, len(values) + 1)
        tint = tints[k % len(tints)]
        ax.plot(epochs, values, color=tint, linewidth=1.8, marker="o", markersize=2.5, label=name)
    if len(history) > 1:
        ax.legend(frameon=False, fontsize=8)
    ax.grid(axis="y", color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set(xlabel="epoch", ylabel=ylabel, title=title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def accuracy_over_steps(
    accuracy: Mapping[int, float],
    reference: float | None = None,
    ax: Any = None,
    *,
    label: str = "SNN",
    title: str = "",
) -> Any:
    """Draw how right a converted network is after T steps.

    Args:
        accuracy: T → share of right answers, as an evaluation of a converted network gives it.
        reference: of the network that was converted, drawn as a dashed line.
        ax: matplotlib axes; new ones by default. Several calls with the same axes draw several curves.
        label: in the legend.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    ax = _axes(ax, "accuracy_over_steps")
    steps = sorted(accuracy)
    (line,) = ax.plot(steps, [accuracy[t] for t in steps], linewidth=1.8, marker="o", markersize=3.5, label=label)
    if reference is not None:
        ax.axhline(reference, color=line.get_color(), linewidth=1.0, linestyle="--", alpha=0.7)
    ax.set_xscale("log", base=2)
    ticks = sorted({int(t) for curve in ax.lines for t in curve.get_xdata() if t >= 1})  # of all curves so far
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.xaxis.minorticks_off()
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.grid(axis="y", color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set(xlabel="time steps T (dashed: the network before)" if reference is not None else "time steps T")
    ax.set(ylabel="accuracy", title=title)
    return ax


def overview(
    samples: Sequence[Sample], loss: Sequence[float], accuracy: Mapping[str, Sequence[float]], title: str = ""
) -> Any:
    """Draw a trained classifier on one page: samples with their spike trains, and how it learned.

    Args:
        samples: a column each.
        loss: one value an epoch.
        accuracy: name → one value an epoch, in [0, 1].
        title: above all.

    Returns:
        The figure; write it with ``figure.savefig("name.png")``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no samples.
    """
    if not samples:
        raise ValueError("overview: no samples, got an empty list; expected at least one.")
    matplotlib = _matplotlib("overview")
    # not pyplot's: this one needs no display, and is freed when it is dropped
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        names = list(samples[0].trains)
        figure = Figure(figsize=(1.25 * len(samples) + 4.6, 1.5 + 1.45 * len(names)), dpi=120, layout="constrained")
        columns: Any = figure.subfigures(1, 2, width_ratios=(1.25 * len(samples) + 0.7, 3.9))
        left, right = columns
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        grid = left.subplots(1 + len(names), len(samples), squeeze=False, height_ratios=[0.8] + [1.3] * len(names))
        for column, sample in enumerate(samples):
            _draw_sample(grid[:, column], sample, first=column == 0)
        left.align_ylabels(grid[1:, 0])
        above, below = right.subplots(2, 1)
        curves({"loss": loss}, above, ylabel="training loss").set_xlabel("")
        curves(accuracy, below, ylabel="accuracy")
    return figure


def _draw_sample(axes: Any, sample: Sample, first: bool) -> None:
    picture = axes[0]
    picture.imshow(to_numpy(sample.image), cmap="Greys", interpolation="nearest")
    picture.set_axis_off()
    right = sample.prediction == sample.label
    if sample.prediction is not None:
        text = f"{sample.prediction}" if right else f"{sample.prediction}, not {sample.label}"
        picture.set_title(text, color="#333a45" if right else "#c1121f", fontsize=11, fontweight="bold", pad=3)
    for row, (name, train) in enumerate(sample.trains.items(), start=1):
        last = row == len(sample.trains)
        ax = raster(train, axes[row], highlight=sample.prediction if last else None)
        neurons = np.shape(train)[1]
        few = neurons <= 12
        ax.set_yticks(range(neurons) if few else (0, neurons - 1))
        ax.set_ylabel(name if first else "")
        ax.set_xlabel("time step" if last else "")
        ax.tick_params(labelleft=first, labelbottom=last, length=2)


def _mark_width(ax: Any, steps: int) -> float:
    """Return a line width in points that fills about half of a time step, within reason."""
    points = ax.get_window_extent().width * 72.0 / ax.figure.dpi
    return float(np.clip(0.5 * points / max(steps, 1), 0.6, 4.0))


def _series(data: Any, name: str) -> np.ndarray:
    out = to_numpy(data)
    out = out[:, None] if out.ndim == 1 else out
    if out.ndim != 2:
        raise ValueError(
            f"{name}: wrong shape, got {out.shape}; expected (T, neurons). Choose a sample, as in spikes[:, 0], and "
            "flatten the rest."
        )
    return out


def _matplotlib(name: str) -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            f"plot.{name}: the package matplotlib is missing ({error}). Install the extra `plot`, as with "
            "`pip install '.[plot]'` in a checkout."
        ) from error
    return matplotlib


def _axes(ax: Any, name: str) -> Any:
    if ax is not None:
        return ax
    matplotlib = _matplotlib(name)
    from matplotlib import pyplot

    with matplotlib.rc_context(_STYLE):
        return pyplot.subplots(figsize=(7.0, 3.2), layout="constrained")[1]
