"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench import growth, peers
from tests.bench.ceilings import Ceilings
from tests.bench.results import Result, judge, number

COLOURS = {
    peers.OURS: "#c8461e", "NumPy": "#4c72a8", "torch": "#8a8a8a", "SpikingJelly": "#5a9e6f", "computeml": "#b58ac9",
}  # fmt: skip


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def bars(results: Result, path: Path) -> None:
    """Draw each contestant's time, and the device's limit for it."""
    plt = _pyplot()
    rows, ceilings = results["rows"], Ceilings(**results["ceilings"])
    names = [name for name in COLOURS if any(name in row["seconds"] for row in rows)]
    thick = 0.2
    places, ticks, top = [], [], 0.0
    for row in rows:  # a row is as high as it has contestants
        here = [name for name in names if name in row["seconds"]]
        places.append({name: top + thick * k for k, name in enumerate(here)})
        ticks.append(top + thick * (len(here) - 1) / 2)
        top += thick * len(here) + 0.3
    figure, axes = plt.subplots(figsize=(10, 0.9 * top + 1.6), layout="constrained")
    for name in names:
        at = [(place[name], row["seconds"][name] * 1e3) for place, row in zip(places, rows, strict=True) if name in place]
        drawn = axes.barh([y for y, _ in at], [ms for _, ms in at], thick * 0.9, color=COLOURS[name], label=name)
        axes.bar_label(drawn, [number(ms) for _, ms in at], padding=3, fontsize=7)
    for place, row in zip(places, rows, strict=True):
        ms = ceilings.limit(row["bytes"], row["flops"]) * 1e3
        label = "the device's limit" if row is rows[0] else None
        axes.vlines(ms, min(place.values()) - thick / 2, max(place.values()) + thick / 2, "black", lw=1.5, label=label)
    labels = []
    for row in rows:
        share, bound = judge(row, ceilings)
        labels.append(f"{row['work']}\n{share:.0%} of {'memory' if bound == 'dispatches' else bound}"
                      if bound != "dispatches" else f"{row['work']}\ndispatches")  # fmt: skip
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.set_ylim(top - 0.2, -0.3)
    axes.set_xscale("log")
    axes.margins(x=0.08)
    axes.set_xlabel("milliseconds, less is better")
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(f"{results['about']['device']}, {results['about']['driver']}", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def grow(results: Result, path: Path) -> None:
    """Draw how the training step grows, both axes logarithmic, with the exponents."""
    plt = _pyplot()
    figure, panels = plt.subplots(1, len(growth.AXES), figsize=(12, 4.4), sharey=True, layout="constrained")
    for axis, panel in zip(growth.AXES, panels, strict=True):
        for at, name, values, seconds in growth.curves(results["growth"]):
            if at == axis:
                text = f"{name}, ∝ {growth.slope(values, seconds):.2f}"
                panel.loglog(values, [s * 1e3 for s in seconds], "o-", ms=4, color=COLOURS[name], label=text)
        panel.set_xscale("log", base=2)
        panel.set_xticks(growth.AXES[axis], [str(v) for v in growth.AXES[axis]])
        panel.set_xlabel(growth.TITLES[axis])
        panel.grid(color="#dddddd", lw=0.6)
        panel.legend(fontsize=8, frameon=False, title="time, and its exponent in the upper half", title_fontsize=7)
    panels[0].set_ylabel("milliseconds a training step")
    usual = "T {steps}, N {batch}, 784-{width}-10".format(**growth.USUAL)
    figure.suptitle(f"One varied, the rest {usual}; {results['about']['device']}", fontsize=10)
    figure.savefig(path, dpi=130)
    plt.close(figure)
