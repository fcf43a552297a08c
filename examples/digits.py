"""Train a spiking network on scikit-learn's handwritten digits, on the Vulkan device of this machine.

64 pixels drive 128 spiking neurons, and those drive 10, one for each digit. The neuron that fires most often is the
answer. Ctrl-C ends the training early and keeps what was learned. For the options: ``python examples/digits.py --help``
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, optim, plot


def make_network(pixels: int, hidden: int, classes: int = 10) -> nn.Module:
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(pixels, hidden)),  # (T, N, pixels) -> (T, N, hidden)
        nn.LIFNode(tau=2.0, step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(hidden, classes)),
        nn.LIFNode(tau=2.0, step_mode="m"),
    )


def encode(x: np.ndarray, steps: int, encoding: str) -> grillyx.Tensor:
    """(N, pixels) in [0, 1] -> (T, N, pixels)."""
    x = grillyx.Tensor(x)
    if encoding == "poisson":
        return F.poisson_encode(x, steps)  # spikes, each with the chance that the pixel gives
    return x.expand(steps, *x.shape)  # direct: the same current at every step


def classify(network: nn.Module, x: np.ndarray, args: argparse.Namespace) -> np.ndarray:
    """(N, pixels) -> the class of each."""
    found = []
    with grillyx.no_grad():
        for (part,) in datasets.batches(x, size=500):
            F.reset_net(network)
            found.append(network(encode(part, args.steps, args.encoding)).mean(axis=0).argmax(axis=1).numpy())
    return np.concatenate(found)


def train(network: nn.Module, data: datasets.Split, args: argparse.Namespace) -> dict[str, list[float]]:
    """Train until the last epoch or Ctrl-C, and return what each epoch measured."""
    rng = np.random.default_rng(args.seed)
    optimizer = optim.AdamW(network.parameters(), lr=args.lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    loss_fn = nn.MSELoss()
    history: dict[str, list[float]] = {"loss": [], "train": [], "test": []}
    with Interrupt() as interrupt, tqdm(range(args.epochs), unit="epoch") as bar:
        for _ in bar:
            losses = []
            for x, y in datasets.batches(data.x_train, data.y_train, size=args.batch_size, rng=rng):
                F.reset_net(network)  # every batch starts from rest
                rate = network(encode(x, args.steps, args.encoding)).mean(axis=0)  # spikes a step, (N, 10)
                loss = loss_fn(rate, F.one_hot(y, 10))  # the right neuron shall always fire, and no other
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss))
                if interrupt.asked:
                    break
            schedule.step()
            history["loss"].append(float(np.mean(losses)))
            history["train"].append(float(np.mean(classify(network, data.x_train, args) == data.y_train)))
            history["test"].append(float(np.mean(classify(network, data.x_test, args) == data.y_test)))
            bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", test=f"{history['test'][-1]:.3f}")
            if interrupt.asked:
                break
    return history


class Interrupt:
    """Turns the first Ctrl-C into a wish that the loop reads between two steps; the second ends the program."""

    def __enter__(self) -> Interrupt:
        self.asked = False
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, *_: object) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def draw(
    network: nn.Module,
    data: datasets.Split,
    history: dict[str, list[float]],
    args: argparse.Namespace,
    title: str,
) -> Path:
    """Write a picture of some test images, the spikes that they cause, and the course of the training."""
    answers = classify(network, data.x_test, args)
    right = answers == data.y_test
    shown = [row for digit in (0, 2, 5, 8) for row in np.flatnonzero(right & (data.y_test == digit))[:1]]
    shown += list(np.flatnonzero(~right)[:1])  # and one that it gets wrong
    x = encode(data.x_test[shown], args.steps, args.encoding)
    F.reset_net(network)
    with nn.Monitor(network) as monitor, grillyx.no_grad():
        answers = network(x).mean(axis=0).argmax(axis=1).numpy()
    source = "input spikes" if args.encoding == "poisson" else "input currents"
    side = int(np.sqrt(data.x_test.shape[1]))
    samples = []
    for k, row in enumerate(shown):
        trains = {source: x.numpy()[:, k]}
        trains |= {"hidden spikes": monitor.raster("1", k), "output spikes": monitor.raster("3", k)}
        image = data.x_test[row].reshape(side, side)
        samples.append(plot.Sample(image, trains, int(data.y_test[row]), int(answers[k])))
    accuracy = {"train": history["train"], "test": history["test"]}
    figure = plot.overview(samples, history["loss"], accuracy, title)
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "training.png"
    figure.savefig(target)
    return target.resolve()


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return int(text)


def arguments(description: str, **defaults: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=positive, help="how often to see the training images")
    parser.add_argument("--steps", type=positive, help="time steps for an image")
    parser.add_argument("--encoding", choices=["direct", "poisson"], help="currents, or spikes at random")
    parser.add_argument("--batch-size", type=positive, help="images in a training step")
    parser.add_argument("--lr", type=float, help="the first learning rate; it falls to 0")
    parser.add_argument("--seed", type=int, help="the same seed gives the same run")
    parser.add_argument("--out", type=Path, help="folder for the picture and the trained weights")
    parser.set_defaults(**defaults)
    return parser.parse_args()


def run(
    name: str, network: Callable[[], nn.Module], load: Callable[[], datasets.Split], args: argparse.Namespace
) -> None:
    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    grillyx.manual_seed(args.seed)
    model, data = network(), load()
    history = train(model, data, args)
    print(f"test accuracy {history['test'][-1]:.4f}")
    title = f"{name}: {100 * history['test'][-1]:.1f} % of {len(data.y_test)} test images right"
    print("picture:", draw(model, data, history, args, title))
    weights = args.out / "network.safetensors"
    grillyx.save(model.state_dict(), weights)
    print("weights:", weights.resolve())


if __name__ == "__main__":
    run(
        "digits", lambda: make_network(64, 128), datasets.digits,
        arguments(
            "Train a spiking network on scikit-learn's handwritten digits.",
            epochs=20, steps=8, encoding="direct", batch_size=64, lr=5e-3, seed=0, out=Path("runs/digits"),
        ),
    )  # fmt: skip
