"""``python -m tests.bench.fractional_tasks``: what a fractional order is good for: tasks with a memory, and nodes of graphs.

Every run of a task is the same code with the same step, data and seeds; only the order alpha differs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import Tensor, fractional, nn, optim
from grillyx.graph import datasets as graphs
from tests.bench import results

BEGIN, END = "<!-- fractional-tasks:begin -->", "<!-- fractional-tasks:end -->"
ALPHAS = (1.0, 0.9, 0.7, 0.5)
CUES, CHANNELS = 4, 16
Numbers = np.ndarray


class Data(NamedTuple):
    """Sequences (T, N, channels) and their classes, to train and to test, and from which step on an answer counts."""

    x: Numbers
    y: Numbers
    x_test: Numbers
    y_test: Numbers
    answer: int


def delayed_recall(delay: int, seed: int, size: int = 512, cue: int = 10, answer: int = 10) -> Data:
    """Return noise in which a quarter of the channels is busier for the first steps; after a delay, say which.

    Spikes have a height of 12, so that neurons fire with weights as they are made.
    """
    rng = np.random.default_rng(seed)
    steps = cue + delay + answer
    y = rng.integers(0, CUES, 2 * size)
    rate = np.full((steps, 2 * size, CHANNELS), 0.05)
    for k in range(CUES):
        rate[:cue, y == k, k * (CHANNELS // CUES) : (k + 1) * (CHANNELS // CUES)] = 0.5
    x = 12.0 * (rng.random(rate.shape) < rate).astype(np.float32)
    return Data(x[:, :size], y[:size], x[:, size:], y[size:], cue + delay)


def vowels_folder() -> Path | None:
    """Return where aeon or sktime keeps JapaneseVowels; None where neither is installed. Neither is imported."""
    for package in ("aeon", "sktime"):
        found = importlib.util.find_spec(package)
        for place in (found.submodule_search_locations or []) if found else []:
            folder = Path(place) / "datasets" / "data" / "JapaneseVowels"
            if (folder / "JapaneseVowels_TRAIN.ts").is_file():
                return folder
    return None


def vowels(folder: Path) -> Data:
    """Return 270 and 370 utterances of nine speakers, 12 channels, of 7 to 29 steps, ending together."""

    def read(part: str) -> tuple[Numbers, Numbers]:
        lines = (folder / f"JapaneseVowels_{part}.ts").read_text().splitlines()
        rows = [line.split(":") for line in lines if line and line[0] not in "#@"]
        x = np.zeros((29, len(rows), 12), np.float32)
        for n, row in enumerate(rows):
            values = np.array([list(map(float, channel.split(","))) for channel in row[:-1]]).T
            values = values[np.isfinite(values).all(axis=1)]
            x[29 - len(values) :, n] = values
        return x, np.array([int(row[-1]) - 1 for row in rows])

    (x, y), (x_test, y_test) = read("TRAIN"), read("TEST")
    there = x.any(axis=2, keepdims=True)
    mean, scale = x[there[..., 0]].mean(axis=0), x[there[..., 0]].std(axis=0)
    return Data((x - mean) / scale * there, y, (x_test - mean) / scale * x_test.any(axis=2, keepdims=True), y_test, 0)


def smoothed(graph: Any, hops: int = 2) -> Numbers:
    """Return ``S^hops x`` with the normalized adjacency S of GCN, scaled to [0, 1]."""
    n = graph.num_nodes
    a = np.eye(n, dtype=np.float32)
    a[graph.edge_index[1], graph.edge_index[0]] = 1.0
    d = a.sum(axis=1) ** -0.5
    x = np.asarray(graph.x, np.float32)
    for _ in range(hops):
        x = d[:, None] * (a @ (d[:, None] * x))
    x = x - x.min(axis=0)
    return x / np.maximum(x.max(axis=0), 1e-9)


def nodes(make: Callable[..., Any], seed: int, steps: int = 30) -> Data:
    """Return the nodes of a graph as Poisson spikes of their smoothed features, as spikeDE's SGCN sees them."""
    graph = make(seed=seed)
    x, rng = smoothed(graph), np.random.default_rng(seed)
    parts: list[Numbers] = []
    for mask in (graph.train_mask, graph.test_mask):
        rate = x[mask]
        parts += [(rng.random((steps, *rate.shape), np.float32) < rate).astype(np.float32), graph.y[mask]]
    return Data(*parts, answer=0)


class Task(NamedTuple):
    """Data of a seed, neurons in the hidden layer (0: none), epochs, and time constant."""

    name: str
    data: Callable[[int], Data]
    hidden: int
    epochs: int
    tau: float = 2.0


def tasks() -> Iterator[Task]:
    """Yield what can be measured here."""
    for delay in (10, 30):
        yield Task(f"recall after {delay} steps", lambda seed, delay=delay: delayed_recall(delay, seed), 64, 40, 5.0)  # type: ignore[misc]
    folder = vowels_folder()
    if folder is not None:
        yield Task("JapaneseVowels", lambda _: vowels(folder), 64, 100)
    yield Task("block model, S²X", lambda seed: nodes(graphs.contextual_sbm, seed), 0, 40)
    yield Task("digits graph, S²X", lambda seed: nodes(graphs.digits_knn, seed), 0, 60)


def network(task: Task, data: Data, alpha: float) -> fractional.SNNWrapper:
    """Return a hidden layer of neurons and a readout, or, without a hidden layer, a neuron for each class (SGCN)."""
    channels, classes = data.x.shape[2], int(data.y.max()) + 1
    lif = lambda: fractional.LIFNeuron(task.tau, 1.0, 2.0, tau_learnable=True)
    if task.hidden:
        parts = [nn.Linear(channels, task.hidden), lif(), nn.Linear(task.hidden, classes)]
    else:
        parts = [nn.Linear(channels, classes), lif()]
    return fractional.SNNWrapper(nn.Sequential(*parts), alpha=alpha)


def accuracy(task: Task, data: Data, alpha: float, seed: int) -> float:
    """Train once, and return the part of the test data that is right at the end."""
    grillyx.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = network(task, data, alpha)
    optimizer = optim.Adam(net.parameters(), lr=1e-2 if task.hidden == 0 else 5e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=task.epochs)
    scale = 1.0 if task.hidden else 5.0  # of rates, which lie in [0, 1], as logits

    def answers(x: Numbers) -> Tensor:
        return net(x)[data.answer :].mean(axis=0) * scale

    for _ in range(task.epochs):
        order = rng.permutation(len(data.y))
        for at in np.array_split(order, max(1, len(order) // 64)):
            loss = F.cross_entropy(answers(data.x[:, at]), data.y[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with grillyx.no_grad():
        parts = [
            answers(data.x_test[:, at]).argmax(axis=1).numpy() for at in np.array_split(np.arange(len(data.y_test)), 4)
        ]
    return float((np.concatenate(parts) == data.y_test).mean())


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Return the table as Markdown: mean and standard deviation over the seeds, in percent."""
    alphas = list(next(iter(found.values())))
    seeds = len(next(iter(found.values()))[alphas[0]])
    out = [f"Test accuracy in %, mean ± standard deviation of {seeds} seeds.", ""]
    out += ["| | " + " | ".join(f"α = {a}" for a in alphas) + " |", "|---|" + "--:|" * len(alphas)]
    for name, of_alpha in found.items():
        cells = [f"{100 * np.mean(v):.1f} ± {100 * np.std(v):.1f}" for v in of_alpha.values()]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fractional_tasks", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--only", default="", help="part of the name of a task")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results/fractional-tasks.json"), help="where results are kept"
    )
    parser.add_argument("--docs", type=Path, metavar="PAGE.md", help="put the table into a page")
    options = parser.parse_args(arguments)
    found = json.loads(options.out.read_text()) if options.out.is_file() else {}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for task in tasks():
        if options.only not in task.name:
            continue
        of_alpha = found[task.name] = {str(alpha): [] for alpha in ALPHAS}
        for seed in tqdm(range(options.seeds), desc=task.name, unit="seed", disable=None):
            data = task.data(seed)
            for alpha in ALPHAS:
                of_alpha[str(alpha)].append(accuracy(task, data, alpha, seed))
            options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    if options.docs:
        results.fill_page(options.docs, table(found), BEGIN, END)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
