"""``python -m tests.bench.graphs``: accuracy, firing rate, energy and time of the models of `grillyx.graph.models`."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import nn, optim
from grillyx.graph import Graph, datasets, models
from tests.bench import results
from tests.bench.timing import best

BEGIN, END = "<!-- graphs:begin -->", "<!-- graphs:end -->"
YARDSTICK, TUNED = "GCN", "block model"  # the model to compare with, and the graph on which settings were chosen
PATIENCE = 30  # epochs without better validation nodes, after which training ends
GAP = 0.05  # a model that is further below the yardstick on the block model gets a note
Row = dict[str, Any]

# graphs by name, each from a seed of its split; the club has one split
DATA: dict[str, Callable[[int], Graph]] = {
    "karate": lambda seed: datasets.karate(),
    "digits": lambda seed: datasets.digits_knn(seed=seed),
    "block model": lambda seed: datasets.contextual_sbm(seed=seed),
    "mushroom body": lambda seed: datasets.mushroom_body(seed=seed),
}
USUAL: Row = {"hidden": 64, "lr": 0.01, "weight_decay": 5e-4, "options": {}}
# what did best on the validation nodes of the block model, among few settings: see `tune`
CHOSEN: dict[str, Row] = {
    "GCN": {"options": {"dropout": 0.5}},
    "GCSNN": {"options": {"dropout": 0.8}},
    "GASNN": {"options": {"dropout": 0.8}},
    "SpikingGCN": {"options": {"dropout": 0.8}},
    "SpikeNet": {"options": {"dropout": 0.8, "tau": 2.0, "v_threshold": 0.3, "sizes": (5, 2)}},
    "SiGNN": {"hidden": 32, "lr": 0.005, "weight_decay": 5e-3, "options": {"dropout": 0.7}},
}
TRIED: dict[str, list[Row]] = {
    "GCN": [{"options": {"dropout": p}} for p in (0.5, 0.8)],
    "GCSNN": [{"options": {"dropout": p}} for p in (0.5, 0.8)],
    "GASNN": [{"options": {"dropout": p}} for p in (0.5, 0.8)],
    "SpikingGCN": [{"options": {"dropout": 0.5}}, {"options": {"dropout": 0.8}}],
    "SpikeNet": [
        {"options": {"dropout": p, "tau": tau, "v_threshold": v, "sizes": sizes}}
        for p, tau, v, sizes in (
            (0.8, 2.0, 0.3, (5, 2)),
            (0.8, 2.0, 0.3, (None, None)),
            (0.5, 2.0, 0.3, (5, 2)),
            (0.8, 1.0, 1.0, (5, 2)),
        )
    ],
    "SiGNN": [
        {"options": {"dropout": 0.5}},
        {"options": {"dropout": 0.8}},
        {"hidden": 32, "lr": 0.005, "weight_decay": 5e-3, "options": {"dropout": 0.7}},
    ],
} | {name: [{"options": {"dropout": p}} for p in (0.5, 0.8)] for name in ("DRSGNN", "MSG", "SpikeGCL", "SpikeGT")}
# why a model stays further behind the yardstick
NOTES: dict[str, str] = {}


def model_names() -> list[str]:
    """Return the models of the package, the yardstick first."""
    wanted = {"in_features", "hidden", "classes"}
    found = [n for n in models.__all__ if wanted <= set(inspect.signature(getattr(models, n)).parameters)]
    return sorted(found, key=lambda name: (name != YARDSTICK, name.lower()))


def settings(name: str, data: str) -> Row:
    """Return how a model is trained. The block model alone has enough features to drop more than half of them."""
    out = USUAL | CHOSEN.get(name, {})
    return out if data == TUNED else out | {"options": out["options"] | {"dropout": 0.5}}


def ready(name: str, graph: Graph, seed: int, setting: Row) -> tuple[nn.Module, grillyx.Tensor, Callable[[], float]]:
    """Return a model, its features on the device, and a training step, which returns the loss."""
    grillyx.manual_seed(seed)
    classes = int(graph.y.max()) + 1
    model = getattr(models, name)(graph.x.shape[1], setting["hidden"], classes, **setting["options"])
    optimizer = optim.Adam(model.parameters(), lr=setting["lr"], weight_decay=setting["weight_decay"])
    x, rows = grillyx.Tensor(graph.x), np.flatnonzero(graph.train_mask)
    labels = graph.y[rows]

    def step() -> float:
        model.train()
        loss = F.cross_entropy(F.take(model(x, graph), rows, axis=0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    return model, x, step


def train(name: str, graph: Graph, seed: int, epochs: int, setting: Row, every: int = 5) -> Row:
    """Train on the training nodes, and return what was measured where the validation nodes were best.

    Without validation nodes it is the last epoch that counts.
    """
    model, x, step = ready(name, graph, seed, setting)
    top, kept, at = (-1.0, -np.inf), model.state_dict(), 0
    for epoch in range(1, epochs + 1):
        value = step()
        if epoch % every and epoch != epochs:
            continue
        score = (accuracies(model, x, graph)["val"], -value) if graph.val_mask.any() else (0.0, epoch)
        if score > top:
            top, kept, at = score, model.state_dict(), epoch
        elif epoch >= at + PATIENCE:
            break
    model.load_state_dict(kept)
    with nn.EnergyMonitor(model) as energy:
        found = accuracies(model, x, graph)
    fired = [(layer.spikes, layer.outputs) for layer in energy.layers.values() if layer.outputs]
    rate = sum(f for f, _ in fired) / sum(n for _, n in fired) if fired else None
    return found | {"rate": rate, "joules": energy.total, "epoch": at}


def clock(data: list[str], names: list[str], file: Path) -> Row:
    """Measure the training step of each model, and put it into the file: accuracies may have come on a busy machine."""
    run: Row = json.loads(file.read_text())
    for d in data:
        graph = DATA[d](0)
        for name in tqdm(names, unit="model", desc=d, disable=None):
            *_, step = ready(name, graph, 0, settings(name, d))
            run.setdefault("steps", {}).setdefault(d, {})[name] = best(step, 0.5)
    save(run, file)
    return run


def save(run: Row, file: Path) -> None:
    """Write results so that they are whole, whenever the run ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(run, indent=1) + "\n")
    part.replace(file)


def accuracies(model: nn.Module, x: grillyx.Tensor, graph: Graph) -> Row:
    """Return the part of the nodes for training, validation and testing that are right; NaN where there are none."""
    model.eval()
    with grillyx.no_grad():
        right = model(x, graph).numpy().argmax(1) == graph.y
    return {k: float(right[mask].mean()) if mask.any() else float("nan") for k, mask in _masks(graph).items()}


def _masks(graph: Graph) -> dict[str, np.ndarray]:
    return {"train": graph.train_mask, "val": graph.val_mask, "test": graph.test_mask}


def tune(names: list[str], epochs: int, seeds: int) -> None:
    """Print the accuracy of each setting on the validation nodes of the block model; the test nodes are not looked at."""
    graphs = [DATA[TUNED](seed) for seed in range(seeds)]
    todo = [(name, USUAL | tried) for name in names for tried in TRIED.get(name, [{}])]
    for name, setting in tqdm(todo, unit="setting", disable=None):
        found = [train(name, graph, seed, epochs, setting) for seed, graph in enumerate(graphs)]
        val, rate = (np.mean([f[key] or 0.0 for f in found]) for key in ("val", "rate"))
        tqdm.write(f"{name:12} val {val:.3f} rate {rate:.3f} {setting}")


def measure(data: list[str], names: list[str], seeds: int, epochs: int, file: Path) -> Row:
    """Measure what the file does not hold yet, and keep each result there at once; Ctrl-C keeps what there is."""
    run: Row = json.loads(file.read_text()) if file.is_file() else {"about": about(), "epochs": epochs, "rows": []}
    done = {(row["data"], row["model"], row["seed"]) for row in run["rows"]}
    todo = [(d, n, s) for d in data for s in range(seeds) for n in names if (d, n, s) not in done]
    graphs: dict[tuple[str, int], Graph] = {}
    with tqdm(todo, unit="training", disable=None) as bar:
        for d, name, seed in bar:
            bar.set_postfix_str(f"{d}, {name}, seed {seed}")
            graph = graphs.setdefault((d, seed), DATA[d](seed))
            row = {"data": d, "model": name, "seed": seed} | train(name, graph, seed, epochs, settings(name, d))
            run["rows"].append(row)
            save(run, file)
    return run


def about() -> str:
    """Return what it was measured on."""
    info = grillyx.current_device().info
    return f"{info.name} ({info.type}, Vulkan {info.api})"


def tables(run: Row) -> str:
    """Return a table for each graph, as Markdown."""
    out = [f"{run['about']}, at most {run['epochs']} epochs, mean and standard deviation over seeds."]
    for data in [d for d in DATA if any(row["data"] == d for row in run["rows"])]:
        rows = [row for row in run["rows"] if row["data"] == data]
        out += ["", f"**{data}**", ""]
        out += [
            "| model | test accuracy, % | seeds | firing rate | energy, µJ | training step, ms |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        steps = run.get("steps", {}).get(data, {})
        out += [line(name, [row for row in rows if row["model"] == name], steps.get(name)) for name in _order(rows)]
    notes = [f"{name}: {NOTES[name]}" for name in _behind(run) if name in NOTES]
    return "\n".join(
        out
        + (["", "Further than 5 points behind GCN on the block model:", ""] if notes else [])
        + [f"- {n}" for n in notes]
    )


def _order(rows: list[Row]) -> list[str]:
    return sorted({row["model"] for row in rows}, key=lambda name: (name != YARDSTICK, name.lower()))


def line(name: str, rows: list[Row], step: float | None = None) -> str:
    """Return a line of a table; `step` in seconds."""
    score = np.array([row["test"] for row in rows]) * 100.0
    rate = "–" if rows[0]["rate"] is None else f"{np.mean([row['rate'] for row in rows]):.3f}"
    energy = np.mean([row["joules"] for row in rows]) * 1e6
    took = "" if step is None else f"{step * 1e3:.3g}"
    return f"| {name} | {score.mean():.1f} ± {score.std():.1f} | {len(rows)} | {rate} | {energy:.3g} | {took} |"


def _behind(run: Row) -> list[str]:
    """Return the models that are further than `GAP` below the yardstick on the block model."""
    rows = [row for row in run["rows"] if row["data"] == TUNED]
    mean = {name: np.mean([row["test"] for row in rows if row["model"] == name]) for name in _order(rows)}
    return [name for name in mean if YARDSTICK in mean and mean[name] < mean[YARDSTICK] - GAP]


def installed(name: str) -> bool:
    """Tell whether the package that holds a graph is there."""
    try:
        DATA[name](0)
    except ImportError as error:
        tqdm.write(f"left out: {name} ({error})")
        return False
    return True


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.graphs", description=__doc__)
    parser.add_argument("--data", nargs="+", choices=[*DATA], default=[*DATA], help="graphs")
    parser.add_argument("--models", nargs="+", choices=model_names(), default=model_names(), help="models")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each model")
    parser.add_argument("--epochs", type=int, default=200, help="looks at the graph, at most 200 for the table")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("bench-results/graphs.json"),
        help="results; those in it are not measured again",
    )
    parser.add_argument("--no-times", action="store_true", help="leave the training step to a later run")
    parser.add_argument("--docs", type=Path, metavar="PAGE.md", help="put the tables into a page")
    parser.add_argument(
        "--tune", action="store_true", help="print how settings do on validation nodes, and nothing else"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fill the page."""
    options = parse(arguments)
    if options.tune:
        tune(options.models, options.epochs, options.seeds)
        return 0
    found = [d for d in options.data if installed(d)]
    run = measure(found, options.models, options.seeds, options.epochs, options.out)
    if not options.no_times:
        run = clock(found, options.models, options.out)
    print(tables(run))
    if options.docs:
        results.fill_page(options.docs, tables(run), BEGIN, END)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
