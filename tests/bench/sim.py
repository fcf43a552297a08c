"""``python -m tests.bench.sim``: steps of recurrent networks, beside SciPy with the same mathematics and beside weights over time."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse, special
from tqdm import tqdm

import grillyx
from grillyx import sim
from grillyx.graph import Graph
from tests.bench import results
from tests.bench.graphs import about
from tests.bench.timing import race

BEGIN, END = "<!-- sim:begin -->", "<!-- sim:end -->"
OURS, SCIPY, WIDE = "grillyx", "SciPy, one CSR product a step", "NumPy, weights [E, T]"
DEGREE = 100
CASES = [(1_000, 5.0), (10_000, 5.0), (10_000, 3.0), (10_000, 0.0)]  # neurons, threshold: fewer or more of them fire
GROWTH = [1_000, 3_000, 10_000, 30_000, 100_000]
MODELS = {
    "BernoulliGLM": lambda: sim.BernoulliGLM(coupling_window=20, rng=1),
    "PoissonGLM": lambda: sim.PoissonGLM(alpha=50.0, beta=0.5, r=0.1, rng=1),
    "RectifiedLNP": lambda: sim.RectifiedLNP(lambda_0=0.02, theta=-1.0, r=0.1, rng=1),
    "ThresholdSAM": lambda: sim.ThresholdSAM(r=0.001, theta=0.00115, rho=0.5, rng=1),
    "RectifiedSAM": lambda: sim.RectifiedSAM(lambda_0=1.0, theta=-0.05, r=0.01, rng=1),
    "LIFNetwork": lambda: sim.LIFNetwork(b=1.1, sigma=0.2, r=0.05, dt=1.0, rng=1),
}


def network(neurons: int, degree: int = DEGREE) -> Graph:
    """Return a random network, half of its neurons inhibitory."""
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(neurons), degree)
    target = rng.integers(0, neurons, neurons * degree)
    weight = np.abs(rng.normal(size=source.size)) * np.where(source < neurons // 2, 1.0, -1.0) * 0.5
    return Graph(np.stack([source, target]), weight.astype(np.float32), neurons)


def model_of(theta: float) -> sim.BernoulliGLM:
    """Return the model that all cases have: T = 20 steps of coupling, 10 of refractoriness."""
    return sim.BernoulliGLM(theta=theta, coupling_window=20, rng=1)


class Host:
    """The same steps on the host: histories are filtered, and then one sparse product is taken."""

    def __init__(self, model: sim.BernoulliGLM, graph: Graph, wide: bool) -> None:
        self.wide, n = wide, graph.num_nodes
        self.coupling, self.own = model.coupling_kernel().numpy(), model.own_kernel().numpy()
        self.theta, self.rng = float(model.theta), np.random.default_rng(0)
        self.source, self.target = graph.edge_index
        self.x = np.zeros((n, model.T), np.float32)
        self.x[:, -1] = self.rng.random(n) < 0.5
        if wide:
            self.w = graph.edge_weight[:, None] * self.coupling
        else:
            self.csr = sparse.csr_array((graph.edge_weight, (self.target, self.source)), (n, n))
            self.kernels = np.stack([self.coupling, self.own], 1)

    def step(self) -> np.ndarray:
        """Take a step and return its spikes (N,)."""
        if self.wide:
            messages = (self.x[self.source] * self.w).sum(1)
            g = np.bincount(self.target, messages, len(self.x)).astype(np.float32) + self.x @ self.own
        else:
            filtered = self.x @ self.kernels
            g = self.csr @ filtered[:, 0] + filtered[:, 1]
        spikes = self.rng.random(len(g), np.float32) < special.expit(g - self.theta)
        self.x[:, :-1] = self.x[:, 1:]
        self.x[:, -1] = spikes
        return spikes


def ours(model: sim.BaseModel, graph: Graph, steps: int) -> Callable[[], np.ndarray]:
    """Return a call that goes on with a simulation by some steps."""
    kind = np.uint16 if model._counts else np.bool_
    model.simulate(graph, 2 * model.T, verbose=False, store_as_dtype=kind)
    return lambda: model.simulate(graph, steps, verbose=False, initial_state=model.state, store_as_dtype=kind)


def repeated(host: Host, steps: int) -> Callable[[], None]:
    """Return a call that takes some steps."""

    def call() -> None:
        for _ in range(steps):
            host.step()

    return call


def measure(neurons: int, theta: float, seconds: float, wide: bool = True) -> dict[str, Any]:
    """Measure a step each way, in turns in one run."""
    graph = network(neurons)
    steps = max(20, min(200, 2_000_000 // neurons))
    slow = 3
    calls: dict[str, Callable[[], Any]] = {OURS: ours(model_of(theta), graph, steps)}
    spikes = calls[OURS]()
    host = Host(model_of(theta), graph, wide=False)
    repeated(host, 2 * DEGREE // 4)()
    calls[SCIPY] = repeated(host, steps)
    if wide:
        calls[WIDE] = repeated(Host(model_of(theta), graph, wide=True), slow)
    took = race(calls, seconds)
    each = {name: s / (slow if name == WIDE else steps) for name, s in took.items()}
    before = grillyx.counters()
    calls[OURS]()
    after = grillyx.counters()
    return {
        "neurons": neurons, "synapses": graph.num_edges, "theta": theta, "seconds": each, "fired": float(spikes.mean()),
        "dispatches": (after["dispatches"] - before["dispatches"]) / steps,
        "downloaded": (after["bytes_downloaded"] - before["bytes_downloaded"]) / steps,
    }  # fmt: skip


def measure_model(name: str, neurons: int, seconds: float) -> dict[str, Any]:
    """Measure a step of a model."""
    graph, model = network(neurons), MODELS[name]()
    call = ours(model, graph, 100)
    fired = float(call().mean())
    return {"model": name, "fired": fired, "seconds": race({OURS: call}, seconds)[OURS] / 100}


def measure_large(neurons: int) -> dict[str, Any]:
    """Measure a large network once, with the memory of the whole process."""
    start = time.perf_counter()
    graph = network(neurons)
    made = time.perf_counter()
    model = model_of(5.0)
    model.simulate(graph, 20, verbose=False, store_as_dtype=bool)
    ready = time.perf_counter()
    model.simulate(graph, 100, verbose=False, store_as_dtype=bool, initial_state=model.state)
    return {
        "neurons": neurons, "synapses": graph.num_edges, "make": made - start, "first": ready - made,
        "step": (time.perf_counter() - ready) / 100, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def in_own_process(neurons: int) -> dict[str, Any]:
    """Return what `measure_large` gives in a process of its own, whose memory is not that of this one."""
    command = [sys.executable, "-m", "tests.bench.sim", "--large", str(neurons)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def tables(run: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    ms = lambda s: results.number(s * 1e3)
    out = [
        f"{run['about']}, beside NumPy {np.__version__} and SciPy on the same machine, float32.", "",
        "| neurons | synapses | fire in a step | grillyx, ms a step | SciPy, ms | × | weights [E, T], ms | × |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for row in run["rows"]:
        s = row["seconds"]
        out.append(
            f"| {row['neurons']:,} | {row['synapses']:,} | {row['fired']:.1%} | {ms(s[OURS])} | "
            f"{ms(s[SCIPY])} | {s[SCIPY] / s[OURS]:.2f} | {ms(s[WIDE])} | {s[WIDE] / s[OURS]:.0f} |"
        )
    row = run["rows"][1]
    out += [
        "", f"A step is {row['dispatches']:.2f} dispatches, and {row['downloaded']:,.0f} bytes come to the host.", "",
        "**Growth, 100 synapses a neuron**", "", "| neurons | synapses | grillyx, ms a step | ns a neuron | SciPy, ms | × |",
        "|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for row in run["growth"]:
        s = row["seconds"]
        out.append(
            f"| {row['neurons']:,} | {row['synapses']:,} | {ms(s[OURS])} | {s[OURS] / row['neurons'] * 1e9:.1f} | {ms(s[SCIPY])} | "
            f"{s[SCIPY] / s[OURS]:.2f} |"
        )
    out += [
        "",
        "**The other models**, 10,000 neurons, 1,000,000 synapses",
        "",
        "| | fire in a step | ms a step |",
        "|---|--:|--:|",
    ]
    out += [f"| `{row['model']}` | {row['fired']:.1%} | {ms(row['seconds'])} |" for row in run["models"]]
    big = run.get("large")
    if big:
        out += [
            "", f"{big['neurons']:,} neurons with {big['synapses']:,} synapses: {ms(big['step'])} ms a step; the whole process takes "
            f"{big['memory'] / 2**30:.2f} GiB, and {big['first']:.1f} s until the network is ready.",
        ]  # fmt: skip
    return "\n".join(out)


def picture(run: dict[str, Any], path: Path) -> None:
    """Draw how a step grows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from grillyx.plot._style import BLUE, GREY, LIGHT, ORANGE, STYLE

    x = [row["synapses"] for row in run["growth"]]
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
        for name, tint in ((OURS, BLUE), (SCIPY, ORANGE)):
            axes.loglog(
                x,
                [row["seconds"][name] * 1e3 for row in run["growth"]],
                color=tint,
                marker="o",
                markersize=4,
                label=name,
            )
        wide = [(row["synapses"], row["seconds"][WIDE] * 1e3) for row in run["rows"] if row["theta"] == CASES[0][1]]
        axes.loglog(*zip(*wide, strict=True), color=GREY, marker="o", markersize=4, label=WIDE)
        axes.set(xlabel="synapses, 100 a neuron", ylabel="ms a step", title="A step of BernoulliGLM, T = 20")
        axes.grid(color=LIGHT, linewidth=0.8)
        axes.legend(frameon=False, fontsize=8)
        figure.savefig(path, dpi=120)
        pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sim", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each way and size")
    parser.add_argument("--most", type=int, default=100_000, help="neurons to which growth is measured")
    parser.add_argument("--out", type=Path, default=Path("bench-results/sim.json"), help="where results are written")
    parser.add_argument("--docs", type=Path, metavar="PAGE.md", help="put the tables into a page")
    parser.add_argument("--picture", type=Path, metavar="PICTURE.png", help="draw the growth")
    parser.add_argument("--large", type=int, metavar="NEURONS", help="measure one network and its memory only, as JSON")
    options = parser.parse_args(arguments)
    if options.large:
        print(json.dumps(measure_large(options.large)))
        return 0
    rows = [measure(n, theta, options.seconds) for n, theta in tqdm(CASES, unit="case", disable=None)]
    sizes = [n for n in GROWTH if n <= options.most]
    growth = [measure(n, 5.0, options.seconds, wide=False) for n in tqdm(sizes, unit="size", disable=None)]
    neurons = CASES[1][0]
    models = [measure_model(name, neurons, options.seconds) for name in tqdm(MODELS, unit="model", disable=None)]
    run = {"about": about(), "rows": rows, "growth": growth, "models": models, "large": in_own_process(options.most)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(run, indent=1) + "\n")
    print(tables(run))
    if options.docs:
        results.fill_page(options.docs, tables(run), BEGIN, END)
    if options.picture:
        picture(run, options.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
