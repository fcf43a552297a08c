"""Train on exact spike times: the Yin-Yang points, or digits, told apart by which output neuron fires first.

Every value becomes the time of one spike. 200 neurons listen to those spikes, and the output neurons to theirs, in
continuous time; the gradients are exact (EventProp). ``--data digits`` takes scikit-learn's handwritten digits instead, the
brighter the pixel the earlier its spike. Ctrl-C ends the training early and keeps what was learned. For the options:
``python examples/yin_yang.py --help``
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from digits import Interrupt, positive
from matplotlib import pyplot
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, ode, optim

COLOURS = ["#2f6690", "#e2711d", "#5c6675"]
SHARES = [0.2, 0.5, 0.3]  # of a picture of spikes: inputs, hidden neurons, outputs
DURATION = 60.0  # ms


def yin_yang() -> datasets.Split:
    (x, y), (x_test, y_test) = datasets.yin_yang(5000, seed=42), datasets.yin_yang(1000, seed=40)
    return datasets.Split(x, y, x_test, y_test)


def encode(x: np.ndarray, data: str) -> grillyx.Tensor:
    """(N, M) in [0, 1] -> a spike time for each, and one at 0, (N, M + 1), in ms."""
    if data == "yin-yang":
        return ode.encode_times(x, 30.0, bias=0.0)
    return ode.encode_times(x, 20.0, "latency", cutoff=0.1, bias=0.0)  # dark pixels are silent


def make_network(data: str, hidden: int) -> nn.Module:
    # only the first spike of an output is read, so it need not go on
    if data == "yin-yang":  # the published weights
        return nn.Sequential(
            ode.EventLIF(5, hidden, tau_mem=20.0, tau_syn=5.0, duration=DURATION, weight=(1.5, 0.78)),
            ode.EventLIF(hidden, 3, tau_mem=20.0, tau_syn=5.0, duration=DURATION, weight=(0.93, 0.1), single_spike=True),
        )  # fmt: skip
    return nn.Sequential(
        ode.EventLIF(65, hidden, tau_mem=20.0, tau_syn=5.0, duration=DURATION, weight=(0.3, 0.4)),
        ode.EventLIF(hidden, 10, tau_mem=20.0, tau_syn=5.0, duration=DURATION, weight=(0.3, 0.2), single_spike=True),
    )  # fmt: skip


def first_times(network: nn.Module, x: np.ndarray, data: str) -> np.ndarray:
    """(N, M) -> when each output first fires, (N, classes); twice the duration where it does not."""
    found = []
    with grillyx.no_grad():
        for (part,) in datasets.batches(x, size=1000):
            found.append(ode.first_spikes(network(encode(part, data)), 2.0 * DURATION).numpy())
    return np.concatenate(found)


def accuracy(network: nn.Module, x: np.ndarray, y: np.ndarray, data: str) -> float:
    return float(np.mean(first_times(network, x, data).argmin(axis=1) == y))


def train(network: nn.Module, split: datasets.Split, args: argparse.Namespace) -> dict[str, list[float]]:
    """Train until the last epoch or Ctrl-C, and return what each epoch measured."""
    rng = np.random.default_rng(args.seed)
    optimizer = optim.Adam(network.parameters(), lr=args.lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    loss_fn = ode.TTFSLoss(tau0=0.5 if args.data == "yin-yang" else 1.0, tau1=6.4, alpha=0.003)
    jitter = 0.0 if args.data == "yin-yang" else 2.0  # ms; few images are learned by heart when their spikes move
    history: dict[str, list[float]] = {"loss": [], "train": [], "test": []}
    with Interrupt() as interrupt, tqdm(range(args.epochs), unit="epoch") as bar:
        for _ in bar:
            losses = []
            for x, y in datasets.batches(split.x_train, split.y_train, size=args.batch_size, rng=rng):
                times = encode(x, args.data)
                if jitter:
                    times = F.relu(times + rng.normal(0.0, jitter, times.shape))
                loss = loss_fn(network(times), y, network[-1].voltage_max)  # silent outputs learn from how far V came
                optimizer.zero_grad()
                loss.backward()
                # where V only just reaches the threshold, a spike time changes without bound
                optim.clip_grad_norm_(network.parameters(), args.clip)
                optimizer.step()
                losses.append(loss)
                if interrupt.asked:
                    break
            schedule.step()
            history["loss"].append(float(np.mean([float(v) for v in losses])))
            history["train"].append(accuracy(network, split.x_train, split.y_train, args.data))
            history["test"].append(accuracy(network, split.x_test, split.y_test, args.data))
            bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", test=f"{history['test'][-1]:.3f}")
            if interrupt.asked:
                break
    return history


def draw_spikes(ax: Any, network: nn.Module, x: np.ndarray, data: str) -> None:
    """All spikes that one sample causes: inputs, hidden neurons, outputs from the bottom up."""
    with grillyx.no_grad():
        inputs = encode(x[None], data)
        hidden = network[0](inputs)
        rows = [inputs.numpy()[0][:, None], hidden.numpy()[0], network[1](hidden).numpy()[0]]
    base = 0.0
    for times, height, colour, name in zip(
        rows, SHARES, ["#8d99ae", *COLOURS[:2]], ["in", "hidden", "out"], strict=True
    ):
        unit, k = np.nonzero(np.isfinite(times))
        marker, size = ("|", 40) if len(times) <= 10 else (".", 6)
        ax.scatter(times[unit, k], base + height * (unit + 0.5) / len(times), size, colour, marker=marker)
        ax.text(-0.02, base + height / 2, name, transform=ax.get_yaxis_transform(), ha="right", va="center")
        base += height
        ax.axhline(base, color="#e9edf2", linewidth=0.8)
    ax.set(yticks=[], ylim=(0, 1), xlabel="ms")


def draw_plane(axes: Any, network: nn.Module, split: datasets.Split, answers: np.ndarray) -> None:
    """What the network answers anywhere in the symbol, and when each output fires there."""
    side = np.linspace(0.0, 1.0, 200)
    x, y = (v.ravel() for v in np.meshgrid(side, side))
    inside = np.hypot(x - 0.5, y - 0.5) <= 0.5
    points = np.stack([x, y, 1.0 - x, 1.0 - y], axis=1)[inside]
    times = first_times(network, points, "yin-yang")
    answer = np.full(inside.shape, np.nan)
    answer[inside] = times.argmin(axis=1)
    extent = (0, 1, 0, 1)
    regions = pyplot.matplotlib.colors.ListedColormap(COLOURS)
    axes[0].imshow(
        answer.reshape(200, 200), origin="lower", extent=extent, cmap=regions, vmin=-0.5, vmax=2.5, alpha=0.45
    )
    wrong = answers != split.y_test
    for k, colour in enumerate(COLOURS):
        shown = split.x_test[split.y_test == k]
        axes[0].scatter(shown[:, 0], shown[:, 1], s=3, color=colour)
    axes[0].scatter(*split.x_test[wrong, :2].T, s=28, facecolor="none", edgecolor="black", linewidth=0.8)
    axes[0].set(title="answers (circled: wrong)", xticks=[], yticks=[])
    for k, ax in enumerate(axes[1:]):
        when = np.full(inside.shape, np.nan)
        when[inside] = np.where(times[:, k] <= DURATION, times[:, k], np.nan)
        image = ax.imshow(when.reshape(200, 200), origin="lower", extent=extent, cmap="viridis_r")
        ax.set(title=f"{['yang', 'yin', 'dots'][k]}: first spike, ms", xticks=[], yticks=[])
        pyplot.colorbar(image, ax=ax, shrink=0.8)


def draw(network: nn.Module, split: datasets.Split, history: dict[str, list[float]], args: argparse.Namespace) -> Path:
    answers = first_times(network, split.x_test, args.data).argmin(axis=1)
    right = np.flatnonzero(answers == split.y_test)
    figure, axes = pyplot.subplots(2, 4, figsize=(14, 6.6), layout="constrained")
    for name, colour in (("train", "#8d99ae"), ("test", COLOURS[1])):
        axes[0, 0].plot(np.arange(1, len(history[name]) + 1), 100.0 * np.array(history[name]), color=colour, label=name)
    axes[0, 0].set(xlabel="epoch", title=f"accuracy, %: test {100 * history['test'][-1]:.1f}")
    axes[0, 0].set_ylim(bottom=max(0.0, 100 * min(history["test"]) - 1, 100 * history["test"][-1] - 12))
    axes[0, 0].legend(frameon=False)
    chosen = [right[split.y_test[right] == k][0] for k in (0, 1, 2)]
    names = ["yang", "yin", "dot"] if args.data == "yin-yang" else ["a 0", "a 1", "a 2"]
    for ax, row, name in zip(axes[0, 1:], chosen, names, strict=True):
        draw_spikes(ax, network, split.x_test[row], args.data)
        ax.set(title=f"spikes for {name}", xlim=(-1, 45))
    if args.data == "yin-yang":
        draw_plane(axes[1], network, split, answers)
    else:
        shown = [*chosen, *np.flatnonzero(answers != split.y_test)[:1]]
        for ax, row in zip(axes[1], shown, strict=False):
            ax.imshow(split.x_test[row].reshape(8, 8), cmap="gray_r")
            ax.set(title=f"a {split.y_test[row]}, answer {answers[row]}", xticks=[], yticks=[])
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "spike_times.png"
    figure.savefig(target, dpi=100)
    return target.resolve()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", choices=["yin-yang", "digits"], default="yin-yang", help="what to tell apart")
    parser.add_argument("--epochs", type=positive, default=60, help="how often to see the training set")
    parser.add_argument("--hidden", type=positive, default=200, help="hidden neurons")
    parser.add_argument("--batch-size", type=positive, default=32, help="samples in a training step")
    parser.add_argument("--lr", type=float, default=5e-3, help="the first learning rate; it falls to 0")
    parser.add_argument("--clip", type=float, default=1.0, help="the largest norm of the gradient")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    parser.add_argument("--out", type=Path, default=None, help="folder for the picture and the trained weights")
    args = parser.parse_args()
    args.out = args.out or Path("runs") / args.data.replace("-", "_")
    return args


if __name__ == "__main__":
    args = arguments()
    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    grillyx.manual_seed(args.seed)
    network, split = make_network(args.data, args.hidden), yin_yang() if args.data == "yin-yang" else datasets.digits()
    history = train(network, split, args)
    print(f"test accuracy {history['test'][-1]:.4f}")
    print("picture:", draw(network, split, history, args))
    weights = args.out / "network.safetensors"
    grillyx.save(network.state_dict(), weights)
    print("weights:", weights.resolve())
