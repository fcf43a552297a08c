"""How the spiking training step grows with T, batch and width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.bench.results import Result
from tests.bench.timing import race
from tests.bench.work import training

USUAL = {"steps": 16, "batch": 32, "width": 256}
AXES = {
    "steps": [4, 8, 16, 32, 64, 128, 256],
    "batch": [8, 16, 32, 64, 128, 256, 512],
    "width": [64, 128, 256, 512, 1024, 2048],
}
TITLES = {"steps": "time steps T", "batch": "batch N", "width": "hidden neurons H"}
SYMBOLS = {"steps": "T", "batch": "N", "width": "H"}


def points(quick: bool = False) -> list[tuple[str, int]]:
    """Return what is varied, and to which value; the rest stays as usual."""
    return [(axis, value) for axis, values in AXES.items() for value in (values[:3] if quick else values)]


def measure(axis: str, value: int, seconds: float) -> Result:
    """Measure one point."""
    work = training.spiking(**(USUAL | {axis: value}))
    return {
        "axis": axis,
        "value": value,
        "bytes": work.bytes,
        "flops": work.flops,
        "seconds": race(work.calls, seconds),
    }


def curves(rows: list[Result]) -> Iterator[tuple[str, str, list[int], list[float]]]:
    """Return axis, contestant, values and times of each curve."""
    for axis in AXES:
        mine = [row for row in rows if row["axis"] == axis]
        for name in dict.fromkeys(n for row in mine for n in row["seconds"]):
            at = [(row["value"], row["seconds"][name]) for row in mine if name in row["seconds"]]
            yield axis, name, [v for v, _ in at], [s for _, s in at]


def slope(values: list[int], seconds: list[float]) -> float:
    """Return the exponent with which time grows, over the upper half of the values."""
    half = max(len(values) // 2, 2)
    if len(values) < 2:
        return float("nan")
    return float(np.polyfit(np.log(values[-half:]), np.log(seconds[-half:]), 1)[0])


def lines(rows: list[Result]) -> list[str]:
    """Return a line for each curve."""
    out = []
    for axis, name, values, seconds in curves(rows):
        times = " ".join(f"{v}:{s * 1e3:.3g}" for v, s in zip(values, seconds, strict=True))
        out.append(f"{TITLES[axis]:17} {name:13} ~ {slope(values, seconds):4.2f}   {times}")
    return out
