"""When submits end, and what is counted."""

import threading

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor
from grillyx.engine import stream
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device


@pytest.fixture
def sync(monkeypatch):
    """Set the way of synchronizing of the device in use for one test."""
    device = current_device()
    device.synchronize()

    def use(mode: str) -> None:
        monkeypatch.setattr(device.stream, "sync", mode)

    yield use
    device.synchronize()


def spent(code) -> dict[str, int]:
    grillyx.synchronize()
    before = counters()
    code()
    return {key: value - before[key] for key, value in counters().items()}


def test_nothing_runs_before_somebody_reads(sync):
    sync("none")
    x = Tensor(np.arange(5.0))
    out = []
    assert spent(lambda: out.append((x * 2.0 + 1.0).exp()))["submits"] == 0
    used = spent(lambda: out[0].numpy())
    assert used["downloads"] == 1
    assert used["bytes_downloaded"] == 20


def test_independent_kernels_share_a_submit_and_dependent_ones_do_not(sync):
    sync("submit")
    x = Tensor(np.arange(6.0).reshape(2, 3))
    x.numpy()
    assert spent(lambda: (F.softmax(x), x.sum(0), x.sum(1), grillyx.synchronize()))["submits"] == 1
    assert spent(lambda: (F.softmax(F.softmax(F.softmax(x))), grillyx.synchronize()))["submits"] == 3


def test_a_buffer_that_is_used_again_is_a_hazard_too(sync):
    """Write after read: the freed buffer of an intermediate result becomes the next one's."""
    sync("submit")
    a = Tensor(np.ones(777))
    a.numpy()
    results = [float(((a * float(k)) + 1.0).sum()) for k in range(8)]
    np.testing.assert_allclose(results, [777.0 * (k + 1) for k in range(8)])


def test_a_submit_holds_a_limited_number_of_kernels(sync, monkeypatch):
    sync("none")
    monkeypatch.setattr(stream, "MAX_DISPATCHES", 10)
    x = Tensor(np.ones(3))
    assert spent(lambda: [F.softmax(x) for _ in range(95)])["submits"] == 9


def test_a_submit_holds_a_limited_amount_of_work(sync, monkeypatch):
    sync("none")
    x = Tensor(np.ones(100_000))
    x.numpy()
    monkeypatch.setattr(stream, "MAX_WORK", 2_000_000)  # bytes: each copy below touches 800,000
    assert spent(lambda: [x.reshape(100, -1).T for _ in range(9)])["submits"] == 3


def test_what_travels_together_is_one_upload():
    def step() -> None:
        a, b = Tensor(np.ones(10)), Tensor(np.ones(20))
        (a.sum() + b.sum()).numpy()

    used = spent(step)
    assert used["uploads"] == 1
    assert used["bytes_uploaded"] == 120
    assert used["downloads"] == 1


def test_live_buffers_are_those_in_use():
    def hold() -> None:
        kept.append(Tensor(np.ones(10)) * 2.0)

    kept: list[Tensor] = []
    assert spent(hold)["live_buffers"] == 1
    assert spent(kept.clear)["live_buffers"] == -1


def test_threads_share_a_device():
    errors: list[Exception] = []

    def work(k: int) -> None:
        try:
            with grillyx.no_grad():
                for i in range(30):
                    x = Tensor(np.full(50 + k, float(k + i)))
                    assert float((x * 2.0).sum()) == 2.0 * (k + i) * (50 + k)
        except Exception as error:  # shown below, in the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert grillyx.is_grad_enabled()


def test_an_interrupt_before_a_submit_loses_nothing(monkeypatch):
    p = Tensor(np.zeros(3), requires_grad=True)
    with grillyx.no_grad():
        p += 1.0

    def interrupt() -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(stream.time, "perf_counter", interrupt)
    with pytest.raises(KeyboardInterrupt):
        p.numpy()
    monkeypatch.undo()
    np.testing.assert_array_equal(p.numpy(), 1.0)
