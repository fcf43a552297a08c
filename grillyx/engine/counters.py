"""Counts of what the engine has done, so that a test can prove what it did not do."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Counters:
    """Running totals of one process.

    Attributes:
        dispatches: kernels recorded.
        submits: command buffers handed to the device.
        uploads: transfers from the host. Everything written between two submits travels together and counts once.
        downloads: times that the host read from the device.
        bytes_uploaded: bytes written by the host.
        bytes_downloaded: bytes read by the host.
        live_buffers: buffers in use now (those waiting in the pool do not count).
        created: Kompute tensors and algorithms made so far.
    """

    dispatches: int = 0
    submits: int = 0
    uploads: int = 0
    downloads: int = 0
    bytes_uploaded: int = 0
    bytes_downloaded: int = 0
    live_buffers: int = 0
    created: int = 0


COUNTERS = Counters()


def counters() -> dict[str, int]:
    """Return the counts so far as a dict: see `Counters` for what each key means.

    Examples:
        Take it twice and subtract to learn what a piece of code did:

        >>> import grillyx
        >>> before = grillyx.counters()
        >>> y = (grillyx.Tensor([1.0, 2.0]) * 3 + 1).numpy()
        >>> grillyx.counters()["downloads"] - before["downloads"]
        1
    """
    return asdict(COUNTERS)
