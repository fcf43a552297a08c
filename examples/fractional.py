"""Remember which channels were busy, and say so after a delay: neurons of order 1 beside neurons of fractional order.

Each sample begins with a cue, four of sixteen channels that are busier than the rest, followed by noise. Only what the network
does after a delay counts, so that its neurons have to hold the cue in their voltages. The networks are the same but for the order
alpha of the derivative: at 1 a voltage forgets exponentially, below 1 by a power of time. Ctrl-C ends the training early. For the
options: ``python examples/fractional.py --help``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from digits import Interrupt, positive
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, fractional, nn, optim, plot

CUES, CHANNELS, CUE, ANSWER = 4, 16, 10, 10  # classes, inputs, and steps of the cue and of the answer
COLOURS = ["#2f6690", "#e2711d", "#81b29a", "#5c6675"]


def order(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"an order lies in (0, 1], got {text}")
    return value


def recall(size: int, delay: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes (N, T, channels) of height 12, at which neurons fire, and the cue of each sample (N,)."""
    cue = rng.integers(0, CUES, size)
    rate = np.full((size, CUE + delay + ANSWER, CHANNELS), 0.05)
    for k in range(CUES):
        rate[cue == k, :CUE, k * (CHANNELS // CUES) : (k + 1) * (CHANNELS // CUES)] = 0.5
    return 12.0 * (rng.random(rate.shape) < rate).astype(np.float32), cue


def make_network(alpha: float, learn: bool) -> fractional.SNNWrapper:
    hidden = fractional.LIFNeuron(tau=5.0, surrogate_grad_scale=2.0, tau_learnable=True, store_v_seq=True)
    layers = nn.Sequential(nn.Linear(CHANNELS, 64), hidden, nn.Linear(64, CUES))
    return fractional.SNNWrapper(layers, alpha=alpha, learn_alpha=learn)


def answers(network: nn.Module, x: np.ndarray) -> grillyx.Tensor:
    """(N, T, channels) -> (N, cues): the mean output over the last steps."""
    return network(x.swapaxes(0, 1))[-ANSWER:].mean(axis=0)


def train(network: nn.Module, data: datasets.Split, args: argparse.Namespace) -> dict[str, list[float]]:
    """Train until the last epoch or Ctrl-C, and return what each epoch measured."""
    optimizer, rng = optim.Adam(network.parameters(), lr=args.lr), np.random.default_rng(args.seed)
    history: dict[str, list[float]] = {"loss": [], "test": []}
    with Interrupt() as interrupt, tqdm(range(args.epochs), unit="epoch") as bar:
        for _ in bar:
            for x, y in datasets.batches(data.x_train, data.y_train, size=64, rng=rng):
                loss = F.cross_entropy(answers(network, x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with grillyx.no_grad():
                right = answers(network, data.x_test).argmax(axis=1).numpy() == data.y_test
            history["loss"].append(float(loss))
            history["test"].append(float(right.mean()))
            bar.set_postfix(loss=f"{history['loss'][-1]:.3f}", test=f"{history['test'][-1]:.3f}")
            if interrupt.asked:
                break
    return history


def decay(alpha: float, steps: int) -> np.ndarray:
    """Return the voltage of a neuron with tau = 5 after a current of one step, relative to its peak."""
    neuron = fractional.LIFNeuron(tau=5.0, threshold=100.0, store_v_seq=True)
    x = np.zeros((steps, 1, 1))
    x[0] = 1.0
    with grillyx.no_grad():
        fractional.SNNWrapper(nn.Sequential(neuron), alpha=alpha)(x)
    v = neuron.v_seq.numpy()[:, 0, 0]
    return v / v[0]


def draw(
    networks: list[fractional.SNNWrapper],
    histories: list[dict[str, list[float]]],
    data: datasets.Split,
    args: argparse.Namespace,
) -> Path:
    """Write a picture of what neurons remember, of the training, and of one sample."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(11.0, 7.0), layout="constrained")
    for alpha, history, colour in zip(args.alpha, histories, COLOURS * len(histories), strict=False):
        label = f"order {alpha:g}"
        axes[0, 0].loglog(np.arange(1, 201), np.maximum(decay(alpha, 200), 1e-9), color=colour, label=label)
        axes[0, 1].plot(np.arange(1, len(history["test"]) + 1), history["test"], color=colour, label=label)
    axes[0, 0].set(
        title="a voltage after a short current", xlabel="steps", ylabel="part that is left", ylim=(1e-4, 1.5)
    )
    axes[0, 1].axhline(1.0 / CUES, color="#8d99ae", linestyle=":", linewidth=1.0)
    axes[0, 1].set(title=f"test accuracy; {args.delay} steps of delay", xlabel="epoch", ylim=(0.0, 1.02))
    for axis in axes[0]:
        axis.legend(frameon=False)
    sample, last = data.x_test[:1], networks[-1]
    with grillyx.no_grad():
        last(sample.swapaxes(0, 1))
    plot.raster(sample[0] > 0.0, axes[1, 0], title=f"a sample: cue {data.y_test[0]} in the first {CUE} steps")
    axes[1, 0].set_ylabel("input")
    volts = last.neurons[0].v_seq.numpy()[:, 0]
    image = axes[1, 1].imshow(volts.T, aspect="auto", cmap="RdBu_r", vmin=-3.0, vmax=3.0, origin="lower")
    axes[1, 1].set(title=f"voltages of the hidden neurons, order {args.alpha[-1]:g}", xlabel="step", ylabel="neuron")
    figure.colorbar(image, ax=axes[1, 1])
    for axis in axes[1]:
        for edge in (CUE, CUE + args.delay):
            axis.axvline(edge - 0.5, color="#333a45", linewidth=0.8, linestyle="--")
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "recall.png"
    figure.savefig(target, dpi=110)
    return target.resolve()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Recall a cue after a delay.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--alpha", type=order, nargs="+", default=[1.0, 0.8, 0.5], help="orders to compare")
    parser.add_argument("--learn-alpha", action="store_true", help="train the orders too")
    parser.add_argument("--delay", type=positive, default=10, help="steps between the cue and the answer")
    parser.add_argument("--epochs", type=positive, default=30, help="how often to see the training set")
    parser.add_argument("--size", type=positive, default=512, help="samples to train with")
    parser.add_argument("--lr", type=float, default=5e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/fractional"), help="folder for the picture and the weights"
    )
    args = parser.parse_args()
    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    rng = np.random.default_rng(args.seed)
    data = datasets.Split(*recall(args.size, args.delay, rng), *recall(512, args.delay, rng))
    networks, histories = [], []
    for alpha in args.alpha:
        grillyx.manual_seed(args.seed)
        networks.append(make_network(alpha, args.learn_alpha))
        histories.append(train(networks[-1], data, args))
        learned = f", learned {networks[-1].get_per_layer_alpha()[0].item():.3f}" if args.learn_alpha else ""
        print(f"order {alpha:g}{learned}: test accuracy {histories[-1]['test'][-1]:.4f}")
    print("picture:", draw(networks, histories, data, args))
    grillyx.save(networks[-1].state_dict(), args.out / "network.safetensors")
    print("weights:", (args.out / "network.safetensors").resolve())


if __name__ == "__main__":
    main()
