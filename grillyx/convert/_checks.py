"""What must hold of a network for the steps of a sequence to be samples of one batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grillyx.convert._trace import INPUT, Trace

OUTPUT = -2  # of the network, beside the numbers of calls
_SAME = 1e-2  # of the largest output: more than rounding, less than another function


def two_samples(x: np.ndarray) -> np.ndarray:
    """Return two samples of a batch that differ, if there are any; (2, *)."""
    other = next((k for k in range(1, len(x)) if (x[k] != x[0]).any()), None)
    return np.stack([x[0], np.flip(x[0]) if other is None else x[other]])


def check_samples(trace: Trace, alone: Mapping[int, np.ndarray], together: Mapping[int, np.ndarray]) -> None:
    """Refuse a network in whose outputs the samples are not one after the other, or depend on each other.

    Args:
        trace: of the network.
        alone: the outputs of calls, and of the network, for one sample.
        together: those for this sample and another.
    """
    reached: set[int] = {INPUT}
    for k, call in enumerate(trace.calls):
        if call.sources & reached:
            reached.add(k)
    for k, one in alone.items():
        where, two = "the output" if k == OUTPUT else repr(trace.calls[k].path), together[k]
        if k not in reached and k != OUTPUT:
            raise ValueError(
                f"Converter: {where} is called with values that do not depend on the network's input. Compute its output "
                "once, and keep it as an nn.Buffer."
            )
        if (2 * len(one), *one.shape[1:]) != two.shape or not _same(one, two[: len(one)]):
            raise ValueError(
                f"Converter: the first of two samples gives something else at {where} than alone. Axis 0 must hold the "
                f"samples, one after the other, and none may change the others; got the shapes {one.shape} for one sample and "
                f"{two.shape} for two."
            )


def check_fused(before: np.ndarray, after: np.ndarray) -> None:
    """Refuse a network that does something else after fusion."""
    if not _same(before, after):
        raise ValueError(
            "Converter: with the batch norms fused the network computes something else; its forward reads the weight or the "
            "bias of a layer before a batch norm. Use fuse_flag=False."
        )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    largest = float(np.abs(a).max(initial=0.0))
    return not np.isfinite(largest) or bool(np.abs(a - b).max(initial=0.0) <= _SAME * largest)
