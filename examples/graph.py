"""Train GC-SNN, a spiking network on graphs, on Zachary's karate club, and draw what its neurons do.

Each of the 34 members is a node, and their friendships are the edges. The sides of two members are known, those of the
leaders; the network finds the sides of the others from the friendships. ``--data digits`` and ``--data block-model`` are larger
graphs. Ctrl-C ends the training early and keeps what was learned. For the options: ``python examples/graph.py --help``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from digits import Interrupt, positive
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import nn, optim, plot
from grillyx.graph import Graph, datasets, models

GRAPHS = {"karate": datasets.karate, "digits": datasets.digits_knn, "block-model": datasets.contextual_sbm}


def look(network: nn.Module, graph: Graph) -> tuple[np.ndarray, nn.Monitor]:
    """Return the class of each node, and what the neurons did meanwhile."""
    network.eval()
    with nn.Monitor(network) as monitor, grillyx.no_grad():
        found = network(graph.x, graph).argmax(axis=1).numpy()
    return found, monitor


def train(network: nn.Module, graph: Graph, args: argparse.Namespace) -> dict[str, list[float]]:
    """Train on the labelled nodes until the last epoch or Ctrl-C, and return what each epoch measured."""
    optimizer = optim.Adam(network.parameters(), lr=args.lr, weight_decay=5e-4)
    x, labelled = grillyx.Tensor(graph.x), np.flatnonzero(graph.train_mask)
    history: dict[str, list[float]] = {"loss": [], "train": [], "test": []}
    with Interrupt() as interrupt, tqdm(range(args.epochs), unit="epoch") as bar:
        for _ in bar:
            network.train()
            loss = F.cross_entropy(F.take(network(x, graph), labelled, axis=0), graph.y[labelled])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right = look(network, graph)[0] == graph.y
            history["loss"].append(float(loss))
            history["train"].append(float(right[graph.train_mask].mean()))
            history["test"].append(float(right[graph.test_mask].mean()))
            bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", test=f"{history['test'][-1]:.3f}")
            if interrupt.asked:
                break
    return history


def shown(graph: Graph, found: np.ndarray, most: int) -> np.ndarray:
    """Return some nodes: the first that are right of each class, and then those that are wrong."""
    kinds, right = np.unique(graph.y), found == graph.y
    each = max(1, (most - 1) // len(kinds))
    of_class = [np.flatnonzero(right & (graph.y == k))[:each] for k in kinds]
    return np.concatenate([*of_class, np.flatnonzero(~right)])[:most]


def draw(network: nn.Module, graph: Graph, history: dict[str, list[float]], args: argparse.Namespace) -> Path:
    """Write a picture of the classes, the answers, the spikes of nodes, and the course of the training."""
    from matplotlib import pyplot

    found, monitor = look(network, graph)
    spikes = monitor.spikes["neuron1"][0].numpy()  # (T, N, hidden)
    places = plot.graph_layout(graph)
    figure, axes = pyplot.subplots(2, 3, figsize=(13.0, 8.0), layout="constrained")
    plot.graph(graph, axes[0, 0], layout=places, title="classes; a ring: labelled for the training")
    wrong = int((found != graph.y)[graph.test_mask].sum())
    plot.graph(
        graph,
        axes[0, 1],
        colors=found,
        layout=places,
        title=f"answers; a cross: wrong ({wrong} of {graph.test_mask.sum()})",
    )
    labelled, crossed = places[graph.train_mask], places[found != graph.y]
    axes[0, 0].scatter(*labelled.T, s=150 if graph.num_nodes < 100 else 30, facecolors="none", edgecolors="#333a45")
    axes[0, 1].scatter(
        *crossed.T, s=40 if graph.num_nodes < 100 else 10, marker="x", color="#333a45", linewidths=0.8, zorder=3
    )
    plot.graph(
        graph, axes[0, 2], values=spikes.sum((0, 2)), layout=places, label="spikes of all its neurons",
        title=f"spikes in {args.steps} steps",
    )  # fmt: skip
    nodes = shown(graph, found, 6)
    rows = np.concatenate([spikes[:, n] for n in nodes], 1)
    plot.raster(rows, axes[1, 0], title=f"spikes of the {args.hidden} hidden neurons of {len(nodes)} nodes")
    middles = np.arange(len(nodes)) * args.hidden + args.hidden / 2
    axes[1, 0].set_yticks(middles, [f"node {n}\nclass {graph.y[n]}" for n in nodes])
    axes[1, 0].set_ylabel("")
    for k in range(1, len(nodes)):
        axes[1, 0].axhline(k * args.hidden - 0.5, color="#8d99ae", linewidth=0.6)
    plot.curves({"loss": history["loss"]}, axes[1, 1], ylabel="loss")
    plot.curves({k: history[k] for k in ("train", "test")}, axes[1, 2], ylabel="accuracy")
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "graph.png"
    figure.savefig(target, dpi=110)
    return target.resolve()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Train GC-SNN on a graph.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", choices=GRAPHS, default="karate", help="the graph")
    parser.add_argument("--epochs", type=positive, default=60, help="how often to see the graph")
    parser.add_argument("--steps", type=positive, default=8, help="time steps")
    parser.add_argument("--hidden", type=positive, default=16, help="neurons of a node in the first layer")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    parser.add_argument("--out", type=Path, default=Path("runs/graph"), help="folder for the picture and the weights")
    args = parser.parse_args()
    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    graph = GRAPHS[args.data]()
    print(f"{args.data}: {graph}")
    grillyx.manual_seed(args.seed)
    network = models.GCSNN(graph.x.shape[1], args.hidden, int(graph.y.max()) + 1, T=args.steps)
    history = train(network, graph, args)
    print(f"test accuracy {history['test'][-1]:.4f}")
    print("picture:", draw(network, graph, history, args))
    grillyx.save(network.state_dict(), args.out / "network.safetensors")
    print("weights:", (args.out / "network.safetensors").resolve())


if __name__ == "__main__":
    main()
