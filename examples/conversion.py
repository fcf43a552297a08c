"""Train networks with ReLUs, turn them into spiking ones, and see how many time steps these need.

Three networks: digits with linear layers, digits with convolutions, and the 5,000 MNIST images with convolutions. Each is
trained as usual, and converted with its training images; then the test images run for up to 128 steps.
``python examples/conversion.py --help`` lists the options, and ``python examples/conversion.py digits-mlp`` is the quick one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from conv_snn import images, train
from digits import positive
from matplotlib.figure import Figure

import grillyx
from grillyx import nn, plot
from grillyx.convert import Converter, Evaluation

STEPS = (4, 8, 16, 32, 64, 128)


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip


def cnn(side: int, channels: int) -> nn.Module:
    """Few layers, as each needs time to pass a rate on; and average pools, which are exact for rates."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, padding=2, bias=False), nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(channels, 2 * channels, 5, padding=2, bias=False), nn.BatchNorm2d(2 * channels), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(2 * channels * (side // 4) ** 2, 10),
    )  # fmt: skip


class Recipe(NamedTuple):
    data: str
    network: Callable[[], nn.Module]
    epochs: int


RECIPES = {
    "digits-mlp": Recipe("digits", mlp, 60),
    "digits-cnn": Recipe("digits", lambda: cnn(8, 32), 40),
    "mnist-cnn": Recipe("mnist", lambda: cnn(28, 16), 20),
}


def run(name: str, args: argparse.Namespace) -> Evaluation:
    """Train, convert, evaluate."""
    recipe = RECIPES[name]
    data = images(recipe.data)
    grillyx.manual_seed(args.seed)
    network = recipe.network()
    options = argparse.Namespace(**vars(args) | {"epochs": args.epochs or recipe.epochs})
    train(network, data, options, name)
    grillyx.save(network.state_dict(), args.out / f"{name}.safetensors")
    network.eval()
    snn = Converter(network, mode=args.mode, data=data.x_train, half_threshold=not args.from_rest).convert()
    print(f"{name}: {snn.report}\n")
    return snn.evaluate((data.x_test, data.y_test), T=STEPS, ann=network)


def table(results: dict[str, Evaluation]) -> str:
    rows = ["network     " + " ".join(f"{name:>7}" for name in ("ANN", *(f"T = {t}" for t in STEPS)))]
    for name, result in results.items():
        rows.append(f"{name:<12}" + " ".join(f"{value:7.4f}" for value in (result.ann, *result.values())))
    return "\n".join(rows)


def draw(results: dict[str, Evaluation], title: str) -> Figure:
    """Accuracy over T with the original's as a dashed line, and how often each layer fires."""
    figure = Figure(figsize=(9.6, 3.6), dpi=120, layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontweight="bold")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for name, result in results.items():
        plot.accuracy_over_steps(result, result.ann, left, label=name)
    left.set_ylim(0.5, 1.01)
    rates = {f"{name}, layer {k}": rate for name, r in results.items() for k, rate in enumerate(r.rates.values(), 1)}
    colors = [f"C{n}" for n, r in enumerate(results.values()) for _ in r.rates]
    right.barh(list(rates), np.array(list(rates.values())), color=colors)
    right.invert_yaxis()
    right.set_xlabel("spikes a neuron and step")
    right.spines[["top", "right"]].set_visible(False)
    return figure


def mode(text: str) -> str | float:
    return text if text == "max" or text.endswith("%") else float(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"{', '.join(RECIPES)} (default: all)")
    parser.add_argument("--mode", type=mode, default="max", help="what sets the scales: max (default), as 99.9%%, as 0.5")
    parser.add_argument("--from-rest", action="store_true", help="start membranes at 0 instead of half the threshold")
    parser.add_argument("--epochs", type=positive, help="how often to see the training images (default: each its own)")
    parser.add_argument("--batch-size", type=positive, default=64, help="images in a training step (64)")
    parser.add_argument("--lr", type=float, default=5e-3, help="the highest learning rate (0.005)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run (0)")
    parser.add_argument("--out", type=Path, default=Path("runs/conversion"), help="folder for picture and weights")
    args = parser.parse_args()
    if unknown := set(args.networks) - set(RECIPES):
        parser.error(f"unknown network {', '.join(sorted(unknown))}; expected some of {', '.join(RECIPES)}")

    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    args.out.mkdir(parents=True, exist_ok=True)
    results = {name: run(name, args) for name in args.networks or RECIPES}
    print(table(results))
    picture = args.out / "conversion.png"
    draw(results, f"mode {args.mode}, from {'rest' if args.from_rest else 'half the threshold'}").savefig(picture)
    print("picture:", picture.resolve())
    print(f"test accuracy {min(result[128] for result in results.values()):.4f}")


if __name__ == "__main__":
    main()
