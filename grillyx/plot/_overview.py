"""A trained classifier on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.plot._curves import curves
from grillyx.plot._style import STYLE, matplotlib_for
from grillyx.plot._trains import raster


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
    matplotlib = matplotlib_for("overview")
    # not pyplot's: this one needs no display, and is freed when it is dropped
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
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
