"""How a training, a conversion, or a bill of energy came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grillyx.plot._style import BLUE, GREY, LIGHT, ORANGE, axes_for


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
    ax = axes_for(ax, "curves")
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
    ax = axes_for(ax, "accuracy_over_steps")
    steps = sorted(accuracy)
    (line,) = ax.plot(steps, [accuracy[t] for t in steps], linewidth=1.8, marker="o", markersize=3.5, label=label)
    if reference is not None:
        ax.axhline(reference, color=line.get_color(), linewidth=1.0, linestyle="--", alpha=0.7)
    ax.set_xscale("log", base=2)
    so_far = (line for line in ax.lines if line.get_marker() == "o")  # without the dashed ones, which span the axes
    ticks = sorted({int(t) for line in so_far for t in line.get_xdata()})
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.xaxis.minorticks_off()
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.grid(axis="y", color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set(xlabel="time steps T (dashed: the network before)" if reference is not None else "time steps T")
    ax.set(ylabel="accuracy", title=title)
    return ax


def energy(monitor: Any, ax: Any = None, *, title: str = "") -> Any:
    """Draw the energy of each layer, beside what it would be if nothing were spikes.

    Args:
        monitor: an `EnergyMonitor` that has counted.
        ax: matplotlib axes; new ones by default.
        title: above the axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: nothing was counted yet.
    """
    layers = [layer for layer in monitor.layers.values() if layer.dense_macs]
    if not layers:
        raise ValueError("energy: nothing was counted yet; call the model inside the monitor's with block.")
    ax, at = axes_for(ax, "energy"), np.arange(len(layers))
    from matplotlib.ticker import EngFormatter

    dense = [layer.dense_macs * monitor.mac for layer in layers]
    ax.barh(at, dense, color=LIGHT, label="if nothing were spikes")
    ax.barh(at, [layer.energy for layer in layers], height=0.5, color=BLUE, label="as it ran")
    ax.set_yticks(at, [f"{layer.name} {layer.kind}".strip() for layer in layers])
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8)
    ax.xaxis.set_major_formatter(EngFormatter(unit="J"))
    ax.set(xlabel="energy", title=title)
    return ax
