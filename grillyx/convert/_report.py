"""What a conversion did, and what an evaluation found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class LayerReport:
    """One spiking layer.

    Attributes:
        path: of the activation in the model; ``path[1]`` for the second place where the same one is called.
        shape: of a sample of its output.
        scale: s, a number or (C,): the activation at which the neuron fires at every step.
        saturation: share of the calibration outputs above the scale; they are cut off.
        rate: mean firing rate, in spikes a step, that the calibration data tend to.
    """

    path: str
    shape: tuple[int, ...]
    scale: float | np.ndarray
    saturation: float
    rate: float


@dataclass
class Report:
    """What a conversion did; ``print`` it for a table.

    Attributes:
        mode: of the calibration.
        samples: in the calibration data.
        layers: one for each spiking layer, in the order of the model.
        fused: (path of the convolution, path of the batch norm) that are one now.
        affine: paths of batch norms that remain as a factor and an offset.
        pools: paths of max pools that became `SpikingMaxPool2d`.
        dropped: paths of dropout layers, which do nothing now.
    """

    mode: str
    samples: int
    layers: list[LayerReport] = field(default_factory=list)
    fused: list[tuple[str, str]] = field(default_factory=list)
    affine: list[str] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [("layer", "neurons", "scale", "saturated", "firing rate")]
        for layer in self.layers:
            s = np.asarray(layer.scale)
            scale = f"{float(s):.4g}" if s.ndim == 0 else f"{s.min():.4g} to {s.max():.4g}"
            neurons = "x".join(map(str, layer.shape))
            rows.append((layer.path, neurons, scale, f"{100 * layer.saturation:.2f} %", f"{layer.rate:.4f}"))
        lines = [f"mode {self.mode}, {self.samples} samples", *_table(rows)]
        named = {
            "batch norms fused": [f"{norm} into {conv}" for conv, norm in self.fused],
            "batch norms kept as factor and offset": self.affine,
            "max pools in time": self.pools,
            "dropouts taken out": self.dropped,
        }
        return "\n".join(lines + [f"{what}: {', '.join(paths)}" for what, paths in named.items() if paths])


@dataclass
class Evaluation(Mapping[int, float]):
    """Accuracy for each number of steps: ``result[8]``; ``print`` it for a table.

    Attributes:
        accuracy: T → share of right answers from the mean output of the first T steps.
        samples: how many were tried.
        ann: accuracy of the original network, if it was given.
        rates: path → mean firing rate of each spiking layer, in spikes a neuron and step, over the longest run.
    """

    accuracy: dict[int, float]
    samples: int
    ann: float | None
    rates: dict[str, float]

    def __getitem__(self, steps: int) -> float:
        if steps not in self.accuracy:
            raise KeyError(
                f"Evaluation: T = {steps} was not evaluated; there are {', '.join(map(str, self.accuracy))}."
            )
        return self.accuracy[steps]

    def __iter__(self) -> Any:
        return iter(self.accuracy)

    def __len__(self) -> int:
        return len(self.accuracy)

    def __str__(self) -> str:
        rows = [("T", "accuracy"), *((str(t), f"{a:.4f}") for t, a in self.accuracy.items())]
        if self.ann is not None:
            rows.append(("ANN", f"{self.ann:.4f}"))
        return "\n".join(_table(rows))

    def plot(self, ax: Any = None, label: str = "SNN") -> Any:
        """Draw accuracy against T; see `grillyx.plot.accuracy_over_steps`."""
        from grillyx import plot  # needs matplotlib, which an evaluation does not

        return plot.accuracy_over_steps(self.accuracy, self.ann, ax, label=label)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]))
    return lines
