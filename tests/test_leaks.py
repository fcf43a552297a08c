"""A long loop takes no more memory than a short one: on the device, and in the process."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn

STATM = Path("/proc/self/statm")


def resident() -> float:
    """Memory of this process, in MiB."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if STATM.exists() else 0.0


def loop() -> Callable[[], None]:
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(6, 8), nn.Dropout(0.2)), nn.ParametricLIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(8, 3)), nn.LIFNode(step_mode="m", store_v_seq=True),
    )  # fmt: skip
    optimizer, loss_fn = grillyx.optim.AdamW(model.parameters()), nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)

    def step() -> None:
        F.reset_net(model)
        rate = model(rng.normal(0.5, 1.0, (4, 5, 6))).mean(axis=0)
        labels = rng.integers(0, 3, 5)
        loss = loss_fn(rate, labels)
        grad = loss_fn.backward(np.ones_like(loss), rate, labels)
        model.zero_grad()
        model.backward(grad)
        optimizer.step()
        float(loss)

    return step


@pytest.mark.usefixtures("no_garbage")
def test_2000_steps() -> None:
    step = loop()
    for _ in range(200):
        step()
    counts, memory = grillyx.counters(), resident()
    for _ in range(2000):  # without the garbage collector: buffers come back at once
        step()
    after = grillyx.counters()
    assert after["created"] == counts["created"]
    assert after["live_buffers"] == counts["live_buffers"]
    assert resident() - memory < 8.0
    assert after["dispatches"] - counts["dispatches"] >= 2000


def test_everything_is_given_back() -> None:
    gc.collect()
    before = grillyx.counters()["live_buffers"]
    step = loop()
    for _ in range(3):
        step()
    assert grillyx.counters()["live_buffers"] > before
    del step
    gc.collect()
    assert grillyx.counters()["live_buffers"] == before


@pytest.mark.parametrize("broken", ["shape", "labels", "no backward", "unread gradient"])
def test_steps_that_end_early_leave_nothing_behind(broken: str) -> None:
    """An error in the middle, or a result that nobody reads."""
    model, loss_fn = nn.Sequential(nn.Linear(6, 8), nn.LIFNode(), nn.Linear(8, 3)), nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)

    def step() -> None:
        F.reset_net(model)
        model.zero_grad()
        out = model(rng.normal(0.5, 1.0, (5, 6)))
        if broken == "shape":
            with pytest.raises(ValueError, match="wrong shape"):
                model.backward(np.ones(2))
        elif broken == "labels":
            with pytest.raises(ValueError, match="out of range"):
                loss_fn(out, np.full(5, 7))
        elif broken == "unread gradient":
            model.backward(np.ones((5, 3)))

    for _ in range(5):
        step()
    gc.collect()
    before = grillyx.counters()["live_buffers"]
    for _ in range(20):
        step()
    gc.collect()
    assert grillyx.counters()["live_buffers"] == before
