"""Train networks with ReLUs, turn them into spiking ones, and see how many time steps these need.

Three networks: digits with linear layers, digits with convolutions, and the 5,000 MNIST images with convolutions. Each is
trained as usual, and converted with its training images as calibration data; then the test images run for up to 128 steps.
``python examples/conversion.py --help`` lists the options; ``python examples/conversion.py digits-mlp`` takes seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from conv_snn import images, train
from digits import positive
from matplotlib.figure import Figure

import grillyx
from grillyx import nn, plot
from grillyx.convert import Evaluation

STEPS = (4, 8, 16, 32, 64, 128)
Activation = Callable[[], nn.Module]  # makes the layer


def mlp(activation: Activation) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128), nn.BatchNorm1d(128), activation(),
        nn.Linear(128, 64), nn.BatchNorm1d(64), activation(),
        nn.Linear(64, 10),
    )  # fmt: skip


def cnn(side: int, channels: int, activation: Activation) -> nn.Module:
    """Few layers, as each needs time to pass a rate on; and average pools, which are exact for rates."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, padding=2, bias=False), nn.BatchNorm2d(channels), activation(), nn.AvgPool2d(2),
        nn.Conv2d(channels, 2 * channels, 5, padding=2, bias=False), nn.BatchNorm2d(2 * channels), activation(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2 * channels * (side // 4) ** 2, 10),
    )  # fmt: skip


class Recipe(NamedTuple):
    data: str
    network: Callable[[Activation], nn.Module]
    epochs: int


RECIPES = {
    "digits-mlp": Recipe("digits", mlp, 60),
    "digits-cnn": Recipe("digits", lambda activation: cnn(8, 32, activation), 40),
    "mnist-cnn": Recipe("mnist", lambda activation: cnn(28, 16, activation), 20),
}


def run(name: str, args: argparse.Namespace) -> dict[str, Evaluation]:
    """Train, convert in each mode, evaluate."""
    recipe = RECIPES[name]
    data = images(recipe.data)
    grillyx.manual_seed(args.seed)
    network = recipe.network(nn.ReLU if args.cap is None else lambda: nn.Hardtanh(0.0, args.cap))
    train(network, data, argparse.Namespace(**vars(args) | {"epochs": args.epochs or recipe.epochs}), name)
    grillyx.save(network.state_dict(), args.out / f"{name}.safetensors")
    network.eval()
    results = {}
    for mode in args.modes:
        snn = nn.Converter(
            network, mode=mode, data=data.x_train, channel_wise=args.channel_wise, half_threshold=not args.from_rest
        ).convert()
        print(f"{name}: {snn.report}\n")
        results[f"{name}, {mode}"] = snn.evaluate((data.x_test, data.y_test), T=STEPS, ann=network)
    return results


def table(results: dict[str, Evaluation]) -> str:
    rows = [f"{'network, mode':<20}" + " ".join(f"{head:>7}" for head in ("ANN", *(f"T = {t}" for t in STEPS)))]
    for name, result in results.items():
        rows.append(f"{name:<20}" + " ".join(f"{value:7.4f}" for value in (result.ann, *result.values())))
    return "\n".join(rows)


def draw(results: dict[str, Evaluation]) -> Figure:
    """Accuracy over T, with the original's as a dashed line, and how often the neurons of each layer fire."""
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    bars = {}
    for name, result in results.items():
        plot.accuracy_over_steps(result, result.ann, left, label=name)
        color = left.lines[-1].get_color()
        bars |= {f"{name}, layer {k}": (rate, color) for k, rate in enumerate(result.rates.values(), 1)}
    left.set(title="test accuracy after T steps", ylim=(0.7, 1.01))
    right.barh(list(bars), [rate for rate, _ in bars.values()], color=[color for _, color in bars.values()])
    right.invert_yaxis()
    right.set_title("spikes a neuron and step")
    for ax in (left, right):
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def cap(text: str) -> float:
    if not float(text) > 0.0:
        raise argparse.ArgumentTypeError(f"expected more than 0, got {text}")
    return float(text)


def mode(text: str) -> str | float:
    return text if text == "max" or text.endswith("%") else float(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"{', '.join(RECIPES)} (default: all)")
    parser.add_argument(
        "--modes", type=mode, nargs="+", default=["max", "99.9%"], help="what sets the scales (max 99.9%%); also as 0.5"
    )
    parser.add_argument("--channel-wise", action="store_true", help="a scale for each channel instead of each layer")
    parser.add_argument(
        "--cap", type=cap, help="train with ReLUs that end there, as 2: far fewer steps (default: none)"
    )
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
    results: dict[str, Evaluation] = {}
    for name in args.networks or RECIPES:
        results |= run(name, args)
    print(table(results))
    picture = args.out / "conversion.png"
    draw(results).savefig(picture)
    print("picture:", picture.resolve())
    least = min(result[STEPS[-1]] for result in results.values())
    print(f"test accuracy {least:.4f}, the least after {STEPS[-1]} steps")


if __name__ == "__main__":
    main()
