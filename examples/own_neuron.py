"""A neuron and a surrogate gradient of your own, trained on digits and looked at.

The neuron gets tired: each spike raises its threshold, which then sinks back. Two rules differ from a LIF neuron's, so
two methods are written; step modes and gradients through time come from the base class.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, optim, plot


class Triangle(nn.SurrogateFunction):
    """1 at the threshold, falling to 0 at a distance of 1 / alpha."""

    def gradient(self, x: grillyx.Tensor) -> grillyx.Tensor:
        return F.relu(1.0 - self.alpha * abs(x))


class TiredNode(nn.BaseNode):
    """A leaky neuron whose threshold is ``v_threshold + fatigue``; fatigue grows by `rise` a spike and decays."""

    def __init__(self, tau: float = 2.0, rise: float = 0.3, decay: float = 0.8, **options: object) -> None:
        super().__init__(**options)
        self.tau, self.rise, self.decay = tau, rise, decay
        self.fatigue = 0.0

    def reset(self) -> None:
        super().reset()
        self.fatigue = 0.0

    def neuronal_charge(self, x: grillyx.Tensor) -> None:
        self.v = self.v - self.v / self.tau + x

    def neuronal_fire(self) -> grillyx.Tensor:
        spike = self.surrogate_function(self.v - self.v_threshold - self.fatigue)
        self.fatigue = self.fatigue * self.decay + spike * self.rise
        return spike


def main() -> None:
    parser = argparse.ArgumentParser(description="Train neurons that get tired, with a triangular surrogate gradient.")
    parser.add_argument("--epochs", type=int, default=5, help="how often to see the training images (5)")
    parser.add_argument("--out", type=Path, default=Path("runs/own_neuron"), help="folder for the picture")
    args = parser.parse_args()

    grillyx.manual_seed(0)
    rng = np.random.default_rng(0)
    x_train, y_train, x_test, y_test = datasets.digits()
    network = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(64, 128)),
        TiredNode(surrogate_function=Triangle(alpha=1.0), step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(128, 10)),
    )
    optimizer = optim.AdamW(network.parameters(), lr=5e-3)
    loss_fn = nn.CrossEntropyLoss()

    def scores(
        x: np.ndarray,
    ) -> grillyx.Tensor:  # the mean current that reaches each class in 8 steps, (N, 10)
        F.reset_net(network)
        return network(grillyx.Tensor(x).expand(8, *x.shape)).mean(axis=0)

    for _ in tqdm(range(args.epochs), unit="epoch"):
        for x, y in datasets.batches(x_train, y_train, size=64, rng=rng):
            loss = loss_fn(scores(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with grillyx.no_grad():
        accuracy = np.mean(scores(x_test).argmax(axis=1).numpy() == y_test)
    print(f"test accuracy {accuracy:.4f}")

    # one neuron under a constant current, step by step: its spikes get rarer
    neuron = TiredNode(tau=15.0, rise=0.25, decay=0.985)
    spikes, membrane, threshold = [], [], []
    with grillyx.no_grad():
        for _ in range(150):
            spikes.append(neuron(np.array([0.15])).item())
            membrane.append(neuron.v.item())
            threshold.append(neuron.v_threshold + neuron.fatigue.item())
    title = "a neuron that gets tired, under a constant current"
    axes = plot.voltages(np.array(membrane), spikes=np.array(spikes), threshold=threshold, title=title)
    args.out.mkdir(parents=True, exist_ok=True)
    axes.figure.savefig(args.out / "membrane.png", dpi=120)
    print("picture:", (args.out / "membrane.png").resolve())


if __name__ == "__main__":
    main()
