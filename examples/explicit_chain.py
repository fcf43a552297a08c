"""Train with the chain rule in your own hands: Poisson spikes made in NumPy, and ``backward`` of loss and network.

The loss gives the gradient of the firing rates; the network takes it, although it has no time axis, and hands it to
every step. Nothing here is a method of a tensor: whoever has such a loop in grilly can keep it.
"""

import argparse

import numpy as np
from tqdm import tqdm

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, optim


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on digits as Poisson spikes, with explicit backward calls.")
    parser.add_argument("--epochs", type=int, default=10, help="how often to see the training images (10)")
    parser.add_argument("--steps", type=int, default=16, help="time steps for an image (16)")
    args = parser.parse_args()

    grillyx.manual_seed(0)
    rng = np.random.default_rng(0)
    x_train, y_train, x_test, y_test = datasets.digits()

    def spikes(x: np.ndarray) -> np.ndarray:  # (N, 64) -> (T, N, 64)
        return (rng.random((args.steps, *x.shape)) < x).astype(np.float32)

    snn = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(64, 128)),
        nn.LIFNode(tau=2.0),
        nn.SeqToANNContainer(nn.Linear(128, 10)),
        nn.LIFNode(tau=2.0),
    )
    F.set_step_mode(snn, "m")
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.AdamW(snn.parameters(), lr=5e-3)

    for epoch in tqdm(range(args.epochs), unit="epoch"):
        for x, labels in datasets.batches(x_train, y_train, size=64, rng=rng):
            F.reset_net(snn)
            rate = snn(spikes(x)).mean(axis=0)  # (T, N, 10) -> (N, 10)
            loss = loss_fn(rate, labels)
            grad = loss_fn.backward(np.ones_like(loss), rate, labels)  # (N, 10)
            snn.zero_grad()
            snn.backward(grad)
            optimizer.step()
        tqdm.write(f"epoch {epoch + 1:2d}: loss {loss:.4f}, {100 * float(rate.mean()):.1f} spikes in 100 steps")

    F.reset_net(snn)
    with grillyx.no_grad():
        answers = snn(spikes(x_test)).mean(axis=0).argmax(axis=1)
    print(f"test accuracy {np.mean(np.asarray(answers) == y_test):.4f}")


if __name__ == "__main__":
    main()
