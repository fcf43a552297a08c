"""What a converted model is made of.

Inside it, a sequence of T steps of N samples is one batch (T·N, *), so that any model runs unchanged; the layers with a
memory take it apart again. They are told T by `SpikingModel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.nn import Buffer, IFNode, MaxPool2d, Module, ModuleList, Sequential, VoltageScaler


class StartedIFNode(IFNode):
    """`nn.IFNode` with soft reset, whose membrane starts at a value of its own.

    Args:
        v_start: the membrane before the first step.
    """

    def __init__(self, v_start: float = 0.0) -> None:
        super().__init__(v_threshold=1.0, v_reset=None)
        self.v_start = float(v_start)
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.v = self.v_start

    def extra_repr(self) -> str:
        return f"v_start={self.v_start}, {super().extra_repr()}"


class Timed(Module):
    """A layer that takes (T·N, *) for T steps of N samples.

    Attributes:
        steps: T; 0 outside of a `SpikingModel`.
        first: whether nothing before it changes with time, while the input does not.
        held: whether this is so now: then the input is (N, *), the same at all steps.
    """

    steps, first, held = 0, False, False

    def _sequence(self, x: Tensor) -> Tensor:
        """(T·N, *), or (N, *) while `held` → (T, N, *)."""
        if self.held:
            return x.expand(self.steps, *x.shape)
        return x.reshape(self.steps, x.shape[0] // self.steps, *x.shape[1:])


class SpikingActivation(Sequential, Timed):
    """In the place of a ReLU: ``x → × 1/s → IF(v_threshold=1, soft reset) → × s``.

    The mean output over time tends to ``min(relu(mean input), s)``.

    Args:
        scale: s, a number or (C,), positive.
        axis: of the channels, if there are several scales.
        half_threshold: whether the membrane starts at half the threshold, so that the mean is rounded, not cut off.

    Shape: * → *.

    Source: Rueckauer et al., "Conversion of continuous-valued deep networks to efficient event-driven networks", 2017; Bu et
    al., "Optimal ANN-SNN conversion", ICLR 2022, for the start at half the threshold.
    """

    def __init__(self, scale: Any, axis: int = 1, half_threshold: bool = False) -> None:
        s = np.asarray(scale, np.float64)
        super().__init__(
            VoltageScaler(_reciprocal(s), axis), StartedIFNode(0.5 if half_threshold else 0.0), VoltageScaler(s, axis)
        )

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        before, node, after = self
        drive = before(x)
        if self.steps:
            spikes = node(self._sequence(drive))
            return after(spikes.reshape(-1, *spikes.shape[2:]))
        return after(node(drive))


def _reciprocal(s: np.ndarray) -> np.ndarray:
    """Return 1 / s such that, in float32, an activation of s reaches the threshold."""
    r = (1.0 / s).astype(np.float32)
    return np.where(np.float32(s) * r < 1.0, np.nextafter(r, np.float32(np.inf)), r)


class InTime(Timed):
    """A spiking layer of the user's own, which takes (T, N, *) in step mode 'm' and (N, *) in step mode 's'.

    Args:
        module: the layer.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        if not self.steps:
            return self.module(x)
        y = self.module(self._sequence(as_tensor(x)))
        return y.reshape(-1, *y.shape[2:])


class SpikingMaxPool2d(MaxPool2d, Timed):
    """Max pooling in time: what the largest sum of each window has gained since the step before.

    Adding up inputs, the mean output over time is exactly the maximum of the mean inputs. A spike passes where the largest
    count of a window grows, so spikes stay spikes. (The maximum of the spikes at each step would fire whenever any input of
    the window does, and be too large.)

    Args:
        kernel_size: see `nn.MaxPool2d`, also for the rest.
        stride: as there.
        padding: as there.
        dilation: as there.
        ceil_mode: as there.
        spikes: whether the inputs are spikes, scaled by one factor for each channel; then so are the outputs, exactly.

    Shape: (N, C, H, W) → (N, C, H', W').
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        spikes: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
        self.spikes = bool(spikes)
        self.reset()

    def reset(self) -> None:
        """Forget the sums."""
        self.total: Any = 0.0
        self.largest: Any = 0.0

    def detach(self) -> None:
        """Keep the sums, but let no gradient pass to earlier calls."""
        self.total, self.largest = (v.detach() if isinstance(v, Tensor) else v for v in (self.total, self.largest))

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        x = as_tensor(x)
        if self.held:
            return super().forward(x)  # the same at all steps
        steps = self.steps or 1
        batch = x.shape[0] // steps
        if isinstance(self.total, Tensor) and self.total.shape != (batch, *x.shape[1:]):
            raise ValueError(
                f"SpikingMaxPool2d: the sums have another shape than the input, got {(batch, *x.shape[1:])} a step; expected "
                f"{self.total.shape}. Call functional.reset_net(model) before a batch of another shape."
            )
        with autograd.unwatched():  # what counts operations does not count those of a memory
            if steps == 1:
                sums = x + self.total
            else:
                up_to_now = Tensor(np.tri(steps, dtype=np.float32))
                sums = (up_to_now @ x.reshape(steps, -1)).reshape(steps, batch, *x.shape[1:]) + self.total
                sums = sums.reshape(x.shape)
            peaks = super().forward(sums)
            now = peaks.reshape(steps, batch, *peaks.shape[1:])
            last = now[:1] * 0.0 + self.largest
            gain = peaks - F.concatenate([last, now[:-1]]).reshape(peaks.shape)
            self.total, self.largest = sums[x.shape[0] - batch :], now[-1]
        if not self.spikes:
            return gain
        passing = super().forward(x)
        with autograd.unwatched():
            fires = gain > passing * 0.5  # a gain is 0 or one spike; sums are rounded
        return F.where(fires, passing, 0.0)


class CallSites(ModuleList):
    """One layer for each place where a model calls the layer that this replaces; a memory belongs to a place."""

    def __init__(self, modules: Any) -> None:
        super().__init__(modules)
        self.next = 0  # `SpikingModel` sets it back

    def forward(self, x: Any) -> Tensor:
        """What the next layer gives."""
        if self.next >= len(self):
            raise RuntimeError(
                f"CallSites: called more often than the {len(self)} times of the conversion. A converted model must call the "
                "same layers for every input."
            )
        self.next += 1
        return self[self.next - 1](x)


class ChannelAffine(Module):
    """``x * factor + offset`` for each channel: a batch norm in evaluation that no layer before it can take up.

    Args:
        factor: (C,).
        offset: (C,).

    Shape: (N, C, *) → (N, C, *).
    """

    def __init__(self, factor: Any, offset: Any) -> None:
        self.factor, self.offset = Buffer(factor), Buffer(offset)

    def forward(self, x: Any) -> Tensor:
        """(N, C, *) → (N, C, *)."""
        x = as_tensor(x)
        shape = (-1, *(1,) * (x.ndim - 2))
        return x * self.factor.reshape(*shape) + self.offset.reshape(*shape)
