"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench import growth, peers
from tests.bench.ceilings import Ceilings
from tests.bench.results import Result, judge, number

COLOURS = {
    peers.OURS: "#c8461e", "NumPy": "#4c72a8", "torch": "#8a8a8a", "PyG": "#c9a227",
    "SpikingJelly": "#5a9e6f", "computeml": "#b58ac9",
}  # fmt: skip


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def bars(results: Result, path: Path) -> None:
    """Draw each contestant's time, and the device's limit for it, in two columns."""
    plt = _pyplot()
    rows, ceilings = results["rows"], Ceilings(**results["ceilings"])
    half = _half(rows)
    columns = [part for part in (rows[:half], rows[half:]) if part]
    height = max(sum(map(_height, part)) for part in columns)
    figure, panels = plt.subplots(
        1, len(columns), figsize=(7.2 * len(columns), 0.8 * height + 1.4), layout="constrained", squeeze=False
    )
    for part, axes in zip(columns, panels[0], strict=True):
        _column(axes, part, ceilings)
        axes.set_ylim(height, -0.2)
    handles: dict[str, Any] = {}
    for axes in panels[0]:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    named = [name for name in (*COLOURS, LIMIT) if name in handles]
    device = f"{results['about']['device']}, {results['about']['driver']}"
    figure.legend(
        [handles[name] for name in named], named, loc="outside upper center", ncols=6, fontsize=9, frameon=False,
        title=device, title_fontsize=10,
    )  # fmt: skip
    figure.savefig(path, dpi=120)
    plt.close(figure)


THICK, GAP, LIMIT = 0.22, 0.3, "the device's limit"


def _height(row: Result) -> float:
    return max(THICK * len(row["seconds"]), 2 * THICK) + GAP


def _half(rows: list[Result]) -> int:
    """Return where to cut, so that both columns are about as high."""
    total = sum(map(_height, rows))
    return next((k for k in range(len(rows)) if sum(map(_height, rows[:k])) >= total / 2), len(rows))


def _column(axes: Any, rows: list[Result], ceilings: Ceilings) -> None:
    """Draw some rows; each is as high as it has contestants."""
    top, ticks, labels = 0.0, [], []
    shortest = min(s for row in rows for s in row["seconds"].values()) * 1e3
    for row in rows:
        here = [name for name in COLOURS if name in row["seconds"]]
        inner = _height(row) - GAP
        first = top + (inner - THICK * len(here)) / 2 + THICK / 2
        for k, name in enumerate(here):
            ms = row["seconds"][name] * 1e3
            drawn = axes.barh(first + THICK * k, ms, THICK * 0.92, color=COLOURS[name], label=name)
            axes.bar_label(drawn, [number(ms)], padding=4, fontsize=7)
        share, bound = judge(row, ceilings)
        limit = ceilings.limit(row["bytes"], row["flops"]) * 1e3
        if limit >= shortest / 2:  # far below, it would only stretch the axis
            axes.vlines(limit, first - THICK * 0.6, first + THICK * 0.6, "black", lw=2, label=LIMIT)
        labels.append(f"{row['work']}\n" + (bound if bound == "dispatches" else f"{share:.0%} of {bound}"))
        ticks.append(top + inner / 2)
        top += inner + GAP
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set_xlabel("milliseconds, less is better", fontsize=9)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def grow(results: Result, path: Path) -> None:
    """Draw how the training step grows, both axes logarithmic, with the exponents."""
    plt = _pyplot()
    figure, panels = plt.subplots(1, len(growth.AXES), figsize=(12, 4.4), sharey=True, layout="constrained")
    for axis, panel in zip(growth.AXES, panels, strict=True):
        for at, name, values, seconds in growth.curves(results["growth"]):
            if at == axis:
                text = f"{name}, $\\sim {growth.SYMBOLS[axis]}^{{{growth.slope(values, seconds):.2f}}}$"
                panel.loglog(values, [s * 1e3 for s in seconds], "o-", ms=4, color=COLOURS[name], label=text)
        panel.set_xscale("log", base=2)
        panel.set_xticks(growth.AXES[axis], [str(v) for v in growth.AXES[axis]])
        panel.set_xlabel(growth.TITLES[axis])
        panel.grid(color="#dddddd", lw=0.6)
        panel.legend(fontsize=9, frameon=False)
    panels[0].set_ylabel("milliseconds a training step")
    usual = "T {steps}, N {batch}, 784-{width}-10".format(**growth.USUAL)
    figure.suptitle(f"One varied, the rest {usual}; {results['about']['device']}", fontsize=10)
    figure.savefig(path, dpi=130)
    plt.close(figure)
