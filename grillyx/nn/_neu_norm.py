"""`NeuNorm`, with SpikingJelly's name, defaults and state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops import random

_BLOCK = 64  # steps that one matrix product sums up


class NeuNorm(Module):
    """Subtracts from spikes s a decaying sum over all channels:
    ``x[t] = k x[t - 1] + (1 - k) / C**2 * sum(s[t])``, ``y[t] = s[t] - w x[t]``.

    It stands behind the neurons that follow a convolution.

    Args:
        in_channels: C.
        height: H.
        width: W.
        k: what is left of x after a step.
        shared_across_channels: whether all channels share one w.
        step_mode: ``'s'``, one step (N, C, H, W) a call; or ``'m'``, a sequence (T, N, C, H, W).

    Attributes:
        w: (C, H, W), or (1, H, W) if shared, first uniform in ±1/sqrt(H W).
        x: the sum after the last call, (N, 1, H, W); at first 0.0. It stays until `functional.reset_net`.

    Shape: (N, C, H, W) → the same, or (T, N, C, H, W) → the same.

    Raises:
        ValueError: an unknown step mode, an input that fits neither the sizes nor the state.

    Source: Wu et al., "Direct training for spiking neural networks: faster, larger, better", AAAI 2019; SpikingJelly's
    `NeuNorm`.
    """

    def __init__(
        self, in_channels: int, height: int, width: int, k: float = 0.9, shared_across_channels: bool = False,
        step_mode: str = "s",
    ) -> None:  # fmt: skip
        self.in_channels = _count(in_channels, "NeuNorm", "in_channels")
        self.height, self.width = _count(height, "NeuNorm", "height"), _count(width, "NeuNorm", "width")
        self.k, self.shared_across_channels = _check.number(k, "NeuNorm", "k"), bool(shared_across_channels)
        self.step_mode = _check.one_of(step_mode, ("s", "m"), "NeuNorm", "step_mode")
        bound = 1.0 / math.sqrt(self.height * self.width)
        channels = 1 if shared_across_channels else self.in_channels
        self.w = Parameter(random.uniform((channels, self.height, self.width), -bound, bound))
        self.x: Any = 0.0

    def reset(self) -> None:
        """Forget the sum."""
        self.x = 0.0

    def detach(self) -> None:
        """Keep the sum, but let no gradient pass to earlier calls."""
        if isinstance(self.x, Tensor):
            self.x = self.x.detach()

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → the same, or (T, N, C, H, W) → the same."""
        s = as_tensor(x).astype("float32")
        self._check_input(s)
        fresh = F.sum(s, -3, keepdims=True)
        if self.step_mode == "s":
            self.x = fresh * self._share + (0.0 if isinstance(self.x, float) else self.x * self.k)
            return s - self.w * self.x
        sums, self.x = self._decaying(fresh)
        return s - self.w * sums

    @property
    def _share(self) -> float:
        return (1.0 - self.k) / self.in_channels**2

    def _decaying(self, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Return x at each step (T, N, 1, H, W), and at the last one."""
        steps, state = fresh.shape[0], fresh.shape[1:]
        rows, parts, last = fresh.reshape(steps, math.prod(state)), [], self.x
        for first in range(0, steps, _BLOCK):
            count = min(_BLOCK, steps - first)
            ages = np.subtract.outer(np.arange(count), np.arange(count))
            left = np.where(ages >= 0, self.k ** np.maximum(ages, 0), 0.0)
            part = F.matmul(left * self._share, rows if count == steps else rows[first : first + count])
            if not isinstance(last, float):
                part = part + F.matmul(self.k * left[:, :1], last.reshape(1, math.prod(state)))
            parts.append(part)
            last = part[count - 1]
        whole = parts[0] if len(parts) == 1 else F.concatenate(parts)
        return whole.reshape(fresh.shape), last.reshape(state)

    def _check_input(self, s: Tensor) -> None:
        whole = _check.one_of(self.step_mode, ("s", "m"), "NeuNorm", "step_mode") == "m"
        sizes = (self.in_channels, self.height, self.width)
        if s.ndim != 4 + whole or s.shape[-3:] != sizes or (whole and s.shape[0] == 0):
            form = f"({'T, ' if whole else ''}N, {', '.join(map(str, sizes))})"
            raise ValueError(f"NeuNorm: step_mode {self.step_mode!r} expects an input {form}, got shape {s.shape}.")
        if isinstance(self.x, Tensor) and self.x.shape[0] != s.shape[whole]:
            raise ValueError(
                f"NeuNorm: the state has another batch than the input, got {s.shape[whole]} samples; expected "
                f"{self.x.shape[0]}. Call functional.reset_net(model) before a batch of another size."
            )

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.height}, {self.width}, k={self.k}, "
            f"shared_across_channels={self.shared_across_channels}, step_mode={self.step_mode!r}"
        )
