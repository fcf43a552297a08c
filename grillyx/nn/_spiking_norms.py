"""Batch normalisation of directly trained spiking networks, with SpikingJelly's names, defaults and state."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.nn._batch_norm import _BatchNorm
from grillyx.nn._layers import _count
from grillyx.nn._module import Buffer, Module, Parameter
from grillyx.ops import batch_norm as batch_norm_ops

_batch_norm = differentiable(batch_norm_ops.batch_norm)


class _SequenceBatchNorm(_BatchNorm):
    """Batch norm of sequences (T, N, C, *): all steps are one batch."""

    step_mode = "m"

    def forward(self, x: Any) -> Tensor:
        """(T, N, C, *) → the same."""
        x, name = as_tensor(x), type(self).__name__
        if self.step_mode != "m":
            raise ValueError(
                f"{name}: takes statistics over whole sequences, got step_mode {self.step_mode!r}; expected 'm', outside a "
                "MultiStepContainer."
            )
        if x.ndim - 1 not in self._axes:
            raise ValueError(f"{name}: expected a sequence {self._form}, got shape {x.shape}.")
        return super().forward(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])).reshape(x.shape)


class _ThresholdDependentBatchNorm(_SequenceBatchNorm):
    def __init__(
        self, alpha: float, v_th: float, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.alpha, self.v_th = _check.number(alpha, name, "alpha"), _check.number(v_th, name, "v_th")
        if not affine:
            raise ValueError(f"{name}: the weight holds alpha * v_th, got affine={affine!r}; expected True.")
        super().__init__(num_features, eps, momentum, True, track_running_stats)
        self.weight = Parameter(np.full(self.num_features, self.alpha * self.v_th))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, v_th={self.v_th}, {super().extra_repr()}"


class ThresholdDependentBatchNorm2d(_ThresholdDependentBatchNorm):
    """Batch norm over all time steps, whose weight is first ``alpha * v_th`` (tdBN).

    Args:
        alpha: 1, or less where several branches are added: 1 / sqrt(branches).
        v_th: threshold of the neurons that follow.
        num_features: C.
        eps: added to the variance.
        momentum: see `BatchNorm2d`.
        affine: True.
        track_running_stats: see `BatchNorm2d`.

    Attributes:
        weight, bias: (C,), first ``alpha * v_th`` and 0.
        running_mean, running_var, num_batches_tracked: see `BatchNorm2d`.

    Shape: (T, N, C, H, W) → the same.

    Raises:
        ValueError: affine=False; in a call, step mode 's', or another number of axes or channels.

    Source: Zheng et al., "Going deeper with directly-trained larger spiking neural networks", AAAI 2021.
    """

    _axes, _form = (4,), "(T, N, C, H, W)"


class ThresholdDependentBatchNorm1d(_ThresholdDependentBatchNorm):
    """As `ThresholdDependentBatchNorm2d`, for (T, N, C) or (T, N, C, L)."""

    _axes, _form = (2, 3), "(T, N, C) or (T, N, C, L)"


class _TemporalEffectiveBatchNorm(_SequenceBatchNorm):
    def __init__(
        self, T: int, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.T = _count(T, type(self).__name__, "T")
        self.scale = Parameter(np.ones(self.T))

    def forward(self, x: Any) -> Tensor:
        """(T, N, C, *) → the same."""
        x = as_tensor(x)
        if x.ndim and x.shape[0] != self.T:
            raise ValueError(
                f"{type(self).__name__}: made for T={self.T}, got {x.shape[0]} time steps, shape {x.shape}."
            )
        y = super().forward(x)
        return y * self.scale.reshape(self.T, *(1,) * (x.ndim - 1))

    def extra_repr(self) -> str:
        return f"T={self.T}, {super().extra_repr()}"


class TemporalEffectiveBatchNorm2d(_TemporalEffectiveBatchNorm):
    """Batch norm over all time steps, whose output at step t is multiplied with ``scale[t]`` (TEBN).

    Args:
        T: number of steps.
        num_features: C.
        eps: added to the variance.
        momentum: see `BatchNorm2d`.
        affine: whether there are weight and bias; `scale` is always there.
        track_running_stats: see `BatchNorm2d`.

    Attributes:
        scale: (T,), first 1; the paper's p.
        weight, bias, running_mean, running_var, num_batches_tracked: see `BatchNorm2d`.

    Shape: (T, N, C, H, W) → the same.

    Raises:
        ValueError: another number of steps, step mode 's', or another number of axes or channels.

    Source: Duan et al., "Temporal effective batch normalization in spiking neural networks", NeurIPS 2022.
    """

    _axes, _form = (4,), "(T, N, C, H, W)"


class TemporalEffectiveBatchNorm1d(_TemporalEffectiveBatchNorm):
    """As `TemporalEffectiveBatchNorm2d`, for (T, N, C) or (T, N, C, L)."""

    _axes, _form = (2, 3), "(T, N, C) or (T, N, C, L)"


class _Row:
    """A row of a tensor, as `state_dict` and `load_state_dict` see it."""

    def __init__(self, tensor: Tensor, row: int) -> None:
        self.tensor, self.row, self.shape = tensor, row, tensor.shape[1:]

    def numpy(self) -> np.ndarray:
        return np.array(self.tensor.numpy()[self.row])

    def copy_(self, values: Any) -> None:
        host = np.array(self.tensor.numpy())
        host[self.row] = values
        self.tensor.copy_(host)


class _BatchNormThroughTime(_BatchNorm):
    def __init__(
        self, T: int, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, step_mode: str = "s",
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.T, self.t = _count(T, name, "T"), -1
        self.step_mode = _check.one_of(step_mode, ("s", "m"), name, "step_mode")
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        shape, self.bias = (self.T, self.num_features), None
        if affine:
            self.weight = Parameter(np.ones(shape))
        if track_running_stats:
            self.running_mean, self.running_var = Buffer(np.zeros(shape)), Buffer(np.ones(shape))
            self.num_batches_tracked = Buffer(np.zeros(self.T, np.int32))

    def reset(self) -> None:
        """Begin with the first step again."""
        self.t = -1

    def forward(self, x: Any) -> Tensor:
        """(N, C, *) → the same, or (T, N, C, *) → the same."""
        x, name = as_tensor(x), type(self).__name__
        whole = _check.one_of(self.step_mode, ("s", "m"), name, "step_mode") == "m"
        if x.ndim - whole not in self._axes or (whole and x.shape[0] == 0):
            form = self._form.replace("(N", "(T, N") if whole else self._form
            raise ValueError(f"{name}: step_mode {self.step_mode!r} expects an input {form}, got shape {x.shape}.")
        steps, first = (x.shape[0] if whole else 1), self.t + 1
        if x.shape[1 + whole] != self.num_features:
            raise ValueError(f"{name}: the channels do not fit, got shape {x.shape}; expected {self.num_features}.")
        if first + steps > self.T:
            raise ValueError(
                f"{name}: made for T={self.T}, got {steps} steps after {first}. Call functional.reset_net(model) before a "
                "new sequence."
            )
        y = self._normalized(x.reshape(steps * x.shape[whole], *x.shape[1 + whole :]), steps, first)
        self.t += steps
        return y.reshape(x.shape)

    def _normalized(self, x: Tensor, steps: int, first: int) -> Tensor:
        name, learns = type(self).__name__, self.training or self.running_mean is None
        if learns and x.size == steps * self.num_features:
            raise ValueError(f"{name}: expected more than one value a channel in training, got one a step.")
        if _check.number(self.eps, name, "eps") <= 0.0:
            raise ValueError(f"{name}: eps must be positive, got {self.eps}.")
        if self.momentum is not None and not 0.0 <= _check.number(self.momentum, name, "momentum") <= 1.0:
            raise ValueError(f"{name}: momentum is a number from 0 to 1 or None, got {self.momentum}.")

        def rows(t: Tensor) -> Tensor:
            return (t if steps == self.T else t[first : first + steps]).reshape(steps * self.num_features)

        kept = [t for t in (self.running_mean, self.running_var, self.num_batches_tracked) if t is not None]
        return _batch_norm(
            x, None if self.weight is None else rows(self.weight), None, eps=float(self.eps),
            given=None if learns else tuple(rows(t).array for t in kept[:2]),
            running=tuple(t.array for t in kept) if learns and kept else None,
            momentum=-1.0 if self.momentum is None else float(self.momentum), steps=steps, first=first,
        )  # fmt: skip

    def _saved(self, prefix: str = "", above: tuple[Module, ...] = ()) -> dict[str, Any]:
        stacked = [(k, v) for kind in (Parameter, Buffer) for k, v in self._walk(kind)]
        return {f"{prefix}bn_list.{t}.{k}": _Row(v, t) for t in range(self.T) for k, v in stacked}

    def extra_repr(self) -> str:
        return f"T={self.T}, {super().extra_repr()}, step_mode={self.step_mode!r}"


class BatchNormThroughTime2d(_BatchNormThroughTime):
    """A batch norm for each time step, with a weight and statistics of its own, and no bias (BNTT).

    A sequence takes as many dispatches as one step.

    Args:
        T: number of steps.
        num_features: C.
        eps: added to the variance.
        momentum: see `BatchNorm2d`.
        affine: whether there is a weight.
        track_running_stats: see `BatchNorm2d`.
        step_mode: ``'s'``, one step (N, C, H, W) a call; or ``'m'``, a sequence (T, N, C, H, W), or a part of one.

    Attributes:
        t: the last step, first -1. It counts up from call to call until `functional.reset_net`.
        weight: (T, C), first 1; or None.
        running_mean, running_var: (T, C), buffers, first 0 and 1; or None.
        num_batches_tracked: (T,) int32, a buffer; or None. In `state_dict`, these four are ``bn_list.0.weight`` and so on,
            as in SpikingJelly.

    Shape: (N, C, H, W) → the same, or (T, N, C, H, W) → the same.

    Raises:
        ValueError: more than T steps, another number of axes or channels; in training, a single value a channel.

    Source: Kim and Panda, "Revisiting batch normalization for training low-latency deep spiking neural networks from
    scratch", Frontiers in Neuroscience, 2021.
    """

    _axes, _form = (4,), "(N, C, H, W)"


class BatchNormThroughTime1d(_BatchNormThroughTime):
    """As `BatchNormThroughTime2d`, for (N, C) or (N, C, L) at a step."""

    _axes, _form = (2, 3), "(N, C) or (N, C, L)"
