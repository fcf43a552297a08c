"""``python -m tests.bench.fractional_speed``: a network of fractional neurons, beside the same in NumPy, and how both grow with T."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import grillyx
from grillyx import Tensor, fractional, nn
from tests.bench import results
from tests.bench.graphs import about
from tests.bench.timing import race

BEGIN, END = "<!-- fractional:begin -->", "<!-- fractional:end -->"
OURS, PEER = "grillyx", "NumPy"
SIZES, BATCH, STEPS, ALPHA, TAU = (784, 256, 10), 32, 100, 0.7, 2.0
MEMORIES: dict[str, Any] = {"all steps": None, "the last 10": 10, "exponentials": "exponentials"}
GROWTH = (100, 200, 500, 1000, 2000, 10_000)
LONG = 500  # from so many steps on a call is timed once, or twice
GROWTH_BATCH = 4  # all inputs are one tensor, of which some devices take 128 MiB
MOST_OF_PEER = 2000  # steps; a sum over all steps before takes NumPy minutes beyond
WIDTH = 2.0  # of the surrogate arctan
Numbers = np.ndarray


class Case(NamedTuple):
    """Inputs (T, B, 784), weights of each layer, and what the loss weighs the spikes with, (B, 10)."""

    x: Numbers
    weights: list[Numbers]
    target: Numbers


def case(steps: int, batch: int = BATCH, sizes: tuple[int, ...] = SIZES) -> Case:
    """Return sparse spikes as inputs, and weights at which neurons fire."""
    rng = np.random.default_rng(0)
    x = (rng.random((steps, batch, sizes[0]), np.float32) < 0.2).astype(np.float32)
    weights = [
        (rng.standard_normal((b, a), np.float32) + 0.3) * np.float32(4.0 / np.sqrt(a)) for a, b in pairwise(sizes)
    ]
    return Case(x, weights, rng.standard_normal((batch, sizes[-1]), np.float32))


def network(c: Case, memory: Any, method: str = "gl") -> Callable[[], list[Numbers]]:
    """Return our forward and backward pass: the spikes of the last layer, and the gradient of each weight."""
    parts: list[nn.Module] = []
    for w in c.weights:
        layer = nn.Linear(w.shape[1], w.shape[0], bias=False)
        layer.weight.copy_(w)
        parts += [layer, fractional.LIFNeuron(TAU, 1.0, WIDTH, substep=False)]
    net = fractional.SNNWrapper(nn.Sequential(*parts), alpha=ALPHA, method=method)
    x, target = Tensor(c.x), Tensor(c.target)

    def step() -> list[Numbers]:
        for p in net.parameters():
            p.grad = None
        out = net(x, options={"memory": memory})
        (out.mean(axis=0) * target).sum().backward()
        return [out.numpy(), *(p.grad.numpy() for p in net.parameters())]

    return step


class Layer:
    """The same layer in NumPy, float32, a product over the history a step."""

    def __init__(self, weight: Numbers, steps: int, memory: Any, method: str = "gl") -> None:
        self.weight, self.table = weight, fractional.table(method, steps, alpha=ALPHA, tau=TAU, memory=memory)
        t = self.table
        self.lag = t.lag.astype(np.float32)
        self.reach = min(int(np.flatnonzero(self.lag)[-1]), steps - 1)

    def history(self, past: Numbers, k: int, m: int) -> Numbers:
        """Return ``sum_m T_m past[k - m]``, or of later rows, ``past`` being reversed."""
        n = min(k, self.reach)
        return self.lag[n:0:-1] @ past[k - n : k] if n else np.zeros(m, np.float32)

    def forward(self, x: Numbers) -> Numbers:
        """(T, B, in) → spikes (T, B, out)."""
        t, steps = self.table, len(x)
        self.x = x
        current = (x.reshape(-1, x.shape[-1]) @ self.weight.T).reshape(steps, -1)
        m, beta = current.shape[1], np.float32(t.beta)
        self.v, past = np.empty_like(current), np.empty_like(current)
        spikes, jumps = np.empty_like(current), np.zeros(m, np.float32)
        modes = None if t.modes is None else [v.astype(np.float32)[:, None] for v in t.modes]
        y = None if modes is None else np.zeros((len(modes[0]), m), np.float32)
        for k in range(steps):
            drive = current[k] + jumps
            u = drive * beta + (self.history(past, k, m) if y is None else modes[0][:, 0] @ y)
            past[k] = t.p * drive + t.q * u
            if y is not None:
                y += past[k]
                y *= modes[1]
            self.v[k] = u - jumps
            spikes[k] = self.v[k] >= 1.0
            jumps = jumps + spikes[k]
        return spikes.reshape(steps, x.shape[1], -1)

    def backward(self, g: Numbers) -> tuple[Numbers, Numbers]:
        """Return the gradients of the weight and of x."""
        t, steps = self.table, len(g)
        g, beta = g.reshape(steps, -1), np.float32(t.beta)
        m = g.shape[1]
        slope = np.float32(0.5 * WIDTH) / (1.0 + (np.float32(np.pi / 2 * WIDTH) * (self.v - np.float32(1.0))) ** 2)
        of_current, later, of_jumps = np.empty_like(g), np.empty_like(g), np.zeros(m, np.float32)
        modes = None if t.modes is None else [v.astype(np.float32)[:, None] for v in t.modes]
        y = None if modes is None else np.zeros((len(modes[0]), m), np.float32)
        for k in range(steps):  # from the end
            at = steps - 1 - k
            entry = self.history(later, k, m) if y is None else modes[0][:, 0] @ y  # of what this step left behind
            of_v = (g[at] + of_jumps) * slope[at]
            of_u = of_v + t.q * entry
            of_current[at] = beta * of_u + t.p * entry
            later[k] = of_u
            if y is not None:
                y += of_u
                y *= modes[1]
            of_jumps = of_jumps + of_current[at] - of_v
        rows = of_current.reshape(-1, len(self.weight))
        return rows.T @ self.x.reshape(len(rows), -1), (rows @ self.weight).reshape(self.x.shape)


def numpy_network(c: Case, memory: Any, method: str = "gl") -> Callable[[], list[Numbers]]:
    """Return the same forward and backward pass in NumPy."""
    layers = [Layer(w, len(c.x), memory, method) for w in c.weights]

    def step() -> list[Numbers]:
        out = c.x
        for layer in layers:
            out = layer.forward(out)
        g, found = np.broadcast_to(c.target / len(c.x), out.shape), []
        for layer in reversed(layers):
            weight, g = layer.backward(np.ascontiguousarray(g))
            found.append(weight)
        return [out, *reversed(found)]

    return step


def once(calls: dict[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """Return the shortest time of each call in so many turns; where there are two, the first warms up."""
    times = dict.fromkeys(calls, float("inf"))
    for _ in range(turns):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name] = min(times[name], time.perf_counter() - start)
    return times


def measure(steps: int, memory: Any, seconds: float, batch: int = BATCH) -> dict[str, Any]:
    """Measure a forward and backward pass."""
    c = case(steps, batch)
    calls: dict[str, Callable[[], Any]] = {OURS: network(c, memory)}
    if steps <= MOST_OF_PEER:
        calls[PEER] = numpy_network(c, memory)
    times = race(calls, seconds) if steps < LONG else once(calls, 2 if steps <= MOST_OF_PEER else 1)
    before = grillyx.counters()
    if steps < LONG:
        calls[OURS]()
    after = grillyx.counters()
    counts = {key: after[key] - before[key] for key in ("dispatches", "submits")}
    return {"steps": steps, "memory": memory, "seconds": times, "counts": counts}


def tables(run: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    number = results.number
    out = [f"{run['about']}, beside NumPy {np.__version__} on the same machine, both float32."]
    out += ["", f'**{"-".join(map(str, SIZES))}, batch {BATCH}, T = {STEPS}: forward and backward, "gl"**', ""]
    out += ["| memory | grillyx, ms | NumPy, ms | × | dispatches |", "|---|--:|--:|--:|--:|"]
    names = {str(v): k for k, v in MEMORIES.items()}
    for row in run["rows"]:
        ours, peer = row["seconds"][OURS], row["seconds"][PEER]
        cells = [names[str(row["memory"])], number(ours * 1e3), number(peer * 1e3), f"{peer / ours:.2f}"]
        out.append(f"| {' | '.join(cells)} | {row['counts']['dispatches']} |")
    kinds = list(dict.fromkeys(names[str(r["memory"])] for r in run["growth"]))
    out += ["", f"**Growth with T, batch {GROWTH_BATCH}: ms, and ms a step in brackets**", ""]
    out += ["| T | " + " | ".join(f"{k}, {w}" for k in kinds for w in (OURS, PEER)) + " |"]
    out += ["|--:|" + "--:|" * 2 * len(kinds)]
    for steps in sorted({r["steps"] for r in run["growth"]}):
        cells = []
        for kind in kinds:
            (row,) = [r for r in run["growth"] if r["steps"] == steps and names[str(r["memory"])] == kind]
            for who in (OURS, PEER):
                s = row["seconds"].get(who)
                cells.append("" if s is None else f"{number(s * 1e3)} ({s / steps * 1e3:.2f})")
        out.append(f"| {steps:,} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fractional_speed", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each way and size")
    parser.add_argument("--most", type=int, default=10_000, help="steps to which growth is measured")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results/fractional.json"), help="where results are written"
    )
    parser.add_argument("--docs", type=Path, metavar="PAGE.md", help="put the tables into a page")
    options = parser.parse_args(arguments)
    rows = [measure(STEPS, m, options.seconds) for m in tqdm(MEMORIES.values(), unit="memory", disable=None)]
    sizes = [(t, m) for t in GROWTH if t <= options.most for m in (None, "exponentials")]
    growth = [measure(*size, options.seconds, GROWTH_BATCH) for size in tqdm(sizes, unit="size", disable=None)]
    run = {"about": about(), "rows": rows, "growth": growth}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(run, indent=1) + "\n")
    print(tables(run))
    if options.docs:
        results.fill_page(options.docs, tables(run), BEGIN, END)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
