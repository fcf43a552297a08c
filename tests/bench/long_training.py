"""Train two networks on digits for many steps, and print what came out as JSON. Run by gpu.py in many ways.

``smooth`` has no threshold, so rounding stays small and its losses can be compared from step to step. In ``spiking`` a membrane
next to the threshold may end on either side of it, and from there two devices go their own ways; they must learn as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import datasets, nn, optim

BATCH, TIME = 64, 8


def smooth() -> tuple[nn.Module, optim.Optimizer, Callable[[Any], Any]]:
    """A network whose losses hardly depend on rounding."""
    model = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 10))
    return model, optim.SGD(model.parameters(), lr=0.02, momentum=0.9), model


def spiking() -> tuple[nn.Module, optim.Optimizer, Callable[[Any], Any]]:
    """Leaky neurons that fire from the first step, and firing rates as logits."""
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(64, 128)), nn.LIFNode(decay_input=False, step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(128, 10)), nn.LIFNode(v_threshold=0.25, decay_input=False, step_mode="m"),
    )  # fmt: skip

    def rates(x: Any) -> Any:
        F.reset_net(model)
        x = grillyx.Tensor(4.0 * x)
        return model(x.expand(TIME, *x.shape)).mean(axis=0)

    return model, optim.AdamW(model.parameters(), lr=5e-3), rates


def train(kind: str, steps: int) -> dict[str, Any]:
    """Return losses, test accuracy, and a digest of all parameters."""
    grillyx.manual_seed(1)
    x_train, y_train, x_test, y_test = datasets.digits()
    model, optimizer, predict = {"smooth": smooth, "spiking": spiking}[kind]()
    rng, losses = np.random.default_rng(0), []
    start = time.perf_counter()
    for _ in range(steps):
        picked = rng.integers(0, len(x_train), BATCH)
        loss = F.cross_entropy(predict(x_train[picked]), y_train[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    seconds = time.perf_counter() - start
    with grillyx.no_grad():
        right = predict(x_test).argmax(axis=1).numpy() == y_test
    sha = hashlib.sha256(np.array(losses).tobytes())
    for value in model.state_dict().values():
        sha.update(np.ascontiguousarray(value).tobytes())
    return {"losses": losses, "accuracy": float(right.mean()), "digest": sha.hexdigest(), "ms": seconds / steps * 1e3}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    steps = parser.parse_args().steps
    print(json.dumps({kind: train(kind, steps) for kind in ("smooth", "spiking")}))


if __name__ == "__main__":
    main()
