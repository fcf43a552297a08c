"""``python -m tests.bench.ode``: leaky neurons in continuous time, each way of solving them, with its counts beside the truth."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import grillyx
from grillyx.ode import ODELIFDynamics, SpikingODELayer
from tests.bench import results
from tests.bench.graphs import about
from tests.bench.timing import race

BEGIN, END = "<!-- ode:begin -->", "<!-- ode:end -->"
OURS, TRUTH, SEED = "grillyx", "closed form, NumPy", "SC-NeuroCore's algorithm, NumPy"
SIZES = [(100, 32, 16), (200, 256, 512), (200, 256, 4096)]  # intervals, inputs, neurons
GROWTH = [(20, 32, n) for n in (1_000, 10_000, 100_000, 1_000_000)]
SCALE, TAU = 0.5, 20.0  # of normal inputs; ms
Way = Callable[[], np.ndarray]


class Case(NamedTuple):
    """Inputs (T, m) and weights (n, m)."""

    x: np.ndarray
    w: np.ndarray


def case(steps: int, inputs: int, neurons: int) -> Case:
    """Return the original's own example, in any size."""
    x = np.random.default_rng(0).normal(size=(steps, inputs)) * SCALE
    return Case(x, np.random.RandomState(42).randn(neurons, inputs) * np.sqrt(2.0 / inputs))


def closed_form(c: Case, h: float = 1.0) -> np.ndarray:
    """Return the counts of the closed form, an interval at a time, over all neurons at once."""
    currents, v, decay = c.x @ c.w.T, np.zeros(len(c.w)), np.exp(-h / TAU)
    counts = np.zeros(currents.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for t, current in enumerate(currents):
            v_inf = current * TAU
            a = v_inf - 1.0
            t1 = TAU * np.log((v_inf - v) / a)
            isi = TAU * np.log(v_inf / a)
            fires = (a > 0.0) & (t1 <= h)
            more = np.floor((h - t1) / isi)
            counts[t] = np.where(fires, more + 1.0, 0.0)
            v = v_inf - np.where(fires, v_inf * np.exp((t1 + more * isi - h) / TAU), (v_inf - v) * decay)
    return counts


def euler(c: Case, dt: float, h: float = 1.0) -> np.ndarray:
    """Return the counts of Euler steps of one size."""
    currents, v = c.x @ c.w.T, np.zeros(len(c.w))
    counts = np.zeros(currents.shape)
    for t, current in enumerate(currents):
        for _ in range(round(h / dt)):
            v = v + dt * (current - v / TAU)
            crossed = v >= 1.0
            counts[t] += crossed
            v[crossed] = 0.0
    return counts


def layer_of(c: Case, method: str | None = None) -> SpikingODELayer:
    """Return our layer for a case."""
    layer = SpikingODELayer(c.w.shape[1], c.w.shape[0], ODELIFDynamics(tau_mem=TAU), method=method)
    layer.W = c.w
    return layer


def ways(c: Case, slow: bool = True) -> dict[str, Way]:
    """Return every way of solving a case; `slow`: Euler's and the original's too."""
    layer, original = layer_of(c), layer_of(c, "compat") if slow else None
    out: dict[str, Way] = {OURS: lambda: layer.forward(c.x).numpy(), TRUTH: lambda: closed_form(c)}
    if original is not None:
        out |= {SEED: lambda: original.forward(c.x)}
        out |= {f"Euler, step {dt}, NumPy": lambda dt=dt: euler(c, dt) for dt in (0.1, 0.01)}  # type: ignore[misc]
    return out


def measure(size: tuple[int, int, int], seconds: float, slow: bool = True) -> dict[str, Any]:
    """Measure a size: the time of each way in turns, its spikes, and in how many cells its counts are wrong by how much."""
    found = ways(case(*size), slow)
    counts = {name: way() for name, way in found.items()}
    true = counts[TRUTH]
    return {
        "size": size, "seconds": race(found, seconds), "spikes": {k: float(v.sum()) for k, v in counts.items()},
        "wrong": {k: float(np.abs(v - true).sum()) for k, v in counts.items()},
    }  # fmt: skip


def tables(run: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    out = [f"{run['about']}, beside NumPy {np.__version__} on the same machine; float32 beside float64."]
    for row in run["rows"]:
        steps, inputs, neurons = row["size"]
        true, ours = row["spikes"][TRUTH], row["seconds"][OURS]
        out += ["", f"**{steps} intervals of 1 ms, {inputs} inputs, {neurons} neurons: {true:,.0f} spikes**", ""]
        out += ["| | ms | × ours | spikes | counts wrong, of true spikes |", "|---|--:|--:|--:|--:|"]
        out += [
            f"| {name} | {results.number(s * 1e3)} | {s / ours:.2f} | {row['spikes'][name]:,.0f} | {row['wrong'][name] / true:.1%} |"
            for name, s in row["seconds"].items()
        ]
    out += [
        "",
        "**Growth: 20 intervals, 32 inputs**",
        "",
        "| neurons | grillyx, ms | ns a neuron and interval | NumPy, ms | × |",
    ]
    out += ["|--:|--:|--:|--:|--:|"]
    for row in run["growth"]:
        (steps, _, neurons), ours, peer = row["size"], row["seconds"][OURS], row["seconds"][TRUTH]
        each = ours / steps / neurons * 1e9
        out.append(
            f"| {neurons:,} | {results.number(ours * 1e3)} | {each:.1f} | {results.number(peer * 1e3)} | {peer / ours:.2f} |"
        )
    return "\n".join(out)


def picture(path: Path) -> None:
    """Draw the voltage of one neuron in closed form and by Euler steps of two sizes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from grillyx.plot._style import BLUE, GREY, LIGHT, ORANGE, STYLE

    tau, h, currents = 10.0, 10.0, [0.13, 0.3, 0.02, 0.16, 0.24]
    fine = SpikingODELayer(1, 1, ODELIFDynamics(tau_mem=tau))
    fine.W = [[1.0]]
    with grillyx.no_grad():
        times = fine.forward([[c] for c in currents], h, return_times=True)[1].numpy()[:, 2]
    clock, drive = np.arange(0.0, h * len(currents), 0.01), np.repeat(currents, round(h / 0.01))
    with matplotlib.rc_context(STYLE):
        figure, (top, axes) = pyplot.subplots(
            2, 1, figsize=(8.0, 4.0), layout="constrained", sharex=True, height_ratios=[1, 3]
        )
        top.step(clock, drive, color=GREY, where="post")
        top.set(ylabel="current")
        top.axhline(1.0 / tau, color=GREY, linewidth=0.8, linestyle=":")
        voltage, last, v0, begin = [], -1.0, 0.0, 0.0
        for t, current in zip(clock, drive, strict=True):
            k = int(np.searchsorted(times, t, side="right"))
            spike = times[k - 1] if k else -1.0
            edge = np.floor(t / h + 1e-9) * h
            start = max(spike, edge)
            if start != last:
                v0, begin, last = (0.0 if spike >= edge else voltage[-1] if voltage else 0.0), start, start
            voltage.append(tau * current + (v0 - tau * current) * np.exp(-(t - begin) / tau))
        axes.plot(clock, voltage, color=BLUE, linewidth=1.6, label="closed form")
        for dt, tint in ((2.0, ORANGE), (0.5, "#81b29a")):
            v, steps, values, fired = 0.0, round(h / dt), [0.0], []
            for number, current in enumerate(np.repeat(currents, steps)):
                v += dt * (current - v / tau)
                if v >= 1.0:
                    v = 0.0
                    fired.append((number + 1) * dt)
                values.append(v)
            label = f"Euler, {dt:g} ms: {len(fired)} spikes"
            axes.plot(
                np.arange(len(values)) * dt, values, color=tint, linewidth=1.1, marker=".", markersize=4, label=label
            )
            axes.plot(fired, np.full(len(fired), 1.04 if dt > 1 else 1.11), "|", color=tint, markersize=8)
        axes.plot(times, np.full(len(times), 1.18), "|", color=BLUE, markersize=8)
        axes.lines[0].set_label(f"closed form: {len(times)} spikes")
        axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(xlabel="time, ms", ylabel="voltage", ylim=(-0.05, 1.25))
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        figure.savefig(path, dpi=120)
        pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ode", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each way and size")
    parser.add_argument("--most", type=int, default=1_000_000, help="neurons to which growth is measured")
    parser.add_argument("--out", type=Path, default=Path("bench-results/ode.json"), help="where results are written")
    parser.add_argument("--docs", type=Path, metavar="PAGE.md", help="put the tables into a page")
    parser.add_argument("--picture", type=Path, metavar="PICTURE.png", help="draw voltages")
    options = parser.parse_args(arguments)
    growth = [size for size in GROWTH if size[2] <= options.most]
    rows = [measure(size, options.seconds, size[2] < 4096) for size in tqdm(SIZES, unit="size", disable=None)]
    grown = [measure(size, options.seconds, False) for size in tqdm(growth, unit="size", disable=None)]
    run = {"about": about(), "rows": rows, "growth": grown}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(run, indent=1) + "\n")
    print(tables(run))
    if options.docs:
        results.fill_page(options.docs, tables(run), BEGIN, END)
    if options.picture:
        picture(options.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
