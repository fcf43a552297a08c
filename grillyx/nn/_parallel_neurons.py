"""Parallel spiking neurons: no reset, and all time steps in one matrix product. Names and defaults are SpikingJelly's."""

from __future__ import annotations

import math

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Buffer, Parameter
from grillyx.nn._neurons import BaseNode
from grillyx.nn.surrogate import SurrogateFunction
from grillyx.ops import random
from grillyx.ops.shape import fill


class _ParallelNode(BaseNode):
    """``H = W X + bias`` over time, ``S = 1 where H >= 0``."""

    def __init__(self, surrogate_function: SurrogateFunction | None, step_mode: str, store_v_seq: bool) -> None:
        self.queue: list[Tensor] = []
        super().__init__(0.0, None, surrogate_function, False, step_mode, None, store_v_seq)

    def reset(self) -> None:
        super().reset()
        self.queue = []

    def detach(self) -> None:
        self.queue = [x.detach() for x in self.queue]

    def _fire(self, weight: Tensor, bias: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spikes and H, (steps, *), for weight (steps, steps before) and x (steps before, *)."""
        sample = x.shape[1:]
        h = F.matmul(weight, x.reshape(x.shape[0], math.prod(sample))) + bias
        h = h.reshape(weight.shape[0], *sample)
        return F.spike(h, self.surrogate_function.spec), h

    def _spikes(self, weight: Tensor, bias: Tensor, x_seq: Tensor) -> Tensor:
        spikes, h = self._fire(weight, bias, x_seq)
        if self.store_v_seq:
            self.v_seq = h
        return spikes

    def _remember(self, x: Tensor, steps: int) -> Tensor:
        """Return the last inputs with this one, (at most `steps`, *)."""
        self.queue = [*self.queue, x][-steps:]
        return F.stack(self.queue)

    def _check_input(self, x: Tensor) -> None:
        super()._check_input(x)
        if self.step_mode == "s" and self.queue and self.queue[-1].shape != x.shape:
            raise ValueError(
                f"{type(self).__name__}: the inputs before had another shape, got {x.shape}; expected "
                f"{self.queue[-1].shape}. Call functional.reset_net(model) before a batch of another shape."
            )

    def _check_steps(self, x: Tensor, steps: int) -> None:
        if x.shape[0] != steps:
            raise ValueError(
                f"{type(self).__name__}: made for T={steps}, got {x.shape[0]} time steps, shape {x.shape}."
            )


def _first(steps: int) -> Parameter:
    bound = 1.0 / math.sqrt(steps)
    return Parameter(random.uniform((steps, steps), -bound, bound))


class PSN(_ParallelNode):
    """Parallel spiking neuron: ``H = W X + b`` for sequences of T steps, every step seeing all others.

    Args:
        T: number of steps.
        surrogate_function: see `BaseNode`.
        step_mode: ``'m'``.
        store_v_seq: whether to keep H as `v_seq`.

    Attributes:
        weight: (T, T), first uniform in ±1/sqrt(T).
        bias: (T, 1), first -1: the threshold with its sign turned.

    Shape: (T, N, *) → (T, N, *).

    Raises:
        ValueError: step mode 's', another number of steps.

    Source: Fang et al., "Parallel spiking neurons with high efficiency and ability to learn long-term dependencies",
    NeurIPS 2023.
    """

    def __init__(
        self, T: int, surrogate_function: SurrogateFunction | None = None, step_mode: str = "m", store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.T = _count(T, "PSN", "T")
        super().__init__(surrogate_function, step_mode, store_v_seq)
        self.weight, self.bias = _first(self.T), Parameter(fill((self.T, 1), -1.0))

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.step_mode != "m":
            raise ValueError(
                f"PSN: works on whole sequences, got step_mode {self.step_mode!r}; expected 'm', outside a "
                "MultiStepContainer. SlidingPSN and MaskedPSN run step by step."
            )

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        self._check_steps(x_seq, self.T)
        return self._spikes(self.weight, self.bias, x_seq)

    def extra_repr(self) -> str:
        return f"T={self.T}, surrogate_function={self.surrogate_function!r}"


class MaskedPSN(_ParallelNode):
    """`PSN` that learns to see only the last k steps: ``H = (W M) X + b``, ``M = lambda_ M0 + (1 - lambda_)``.

    M0 is 1 for a step and the k - 1 before it. Training raises ``lambda_`` from 0 to 1; at 1 the neuron also runs step by
    step, for at most T steps.

    Args:
        k: number of steps that each sees in the end.
        T: number of steps.
        lambda_init: first ``lambda_``.
        surrogate_function: see `BaseNode`.
        step_mode: see `BaseNode`.
        store_v_seq: whether to keep H as `v_seq`.

    Attributes:
        weight: (T, T), first uniform in ±1/sqrt(T).
        bias: (T, 1), first -1.
        lambda_: a number in [0, 1], which may be set; a buffer in `state_dict`.
        time_step: how many single steps were run since the last reset.

    Shape: (T, N, *) → (T, N, *), or (N, *) → (N, *).

    Raises:
        ValueError: lambda_ outside [0, 1], or below 1 in step mode 's'; another number of steps.

    Source: see `PSN`.
    """

    def __init__(
        self, k: int, T: int, lambda_init: float = 0.0, surrogate_function: SurrogateFunction | None = None,
        step_mode: str = "s", store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.k, self.T = _count(k, "MaskedPSN", "k"), _count(T, "MaskedPSN", "T")
        super().__init__(surrogate_function, step_mode, store_v_seq)
        self.time_step = 0
        self.weight, self.bias = _first(self.T), Parameter(fill((self.T, 1), -1.0))
        self._lambda_ = Buffer(0.0)
        self.lambda_ = lambda_init
        ones = np.ones((self.T, self.T), np.float32)
        self.mask0, self.mask1 = Buffer(np.tril(ones) * np.triu(ones, 1 - self.k)), Buffer(ones)

    @property
    def lambda_(self) -> float:
        """How much of the mask is there."""
        return float(self._lambda_)

    @lambda_.setter
    def lambda_(self, value: float) -> None:
        if not 0.0 <= _check.number(value, "MaskedPSN", "lambda_") <= 1.0:
            raise ValueError(f"MaskedPSN: lambda_ out of range, got {value}; expected 0 to 1.")
        self._lambda_.copy_(np.float32(value))

    def masked_weight(self) -> Tensor:
        """Return the weight that is used, (T, T)."""
        return (self._lambda_ * self.mask0 + (1.0 - self._lambda_) * self.mask1) * self.weight

    def reset(self) -> None:
        super().reset()
        self.time_step = 0

    def single_step_forward(self, x: Tensor) -> Tensor:
        if self.lambda_ < 1.0:
            raise ValueError(
                f"MaskedPSN: a step sees later ones while lambda_ is below 1, got {self.lambda_:g}; use step_mode 'm'."
            )
        t = self.time_step
        if t >= self.T:
            raise ValueError(
                f"MaskedPSN: made for T={self.T} steps, and all were run. Call functional.reset_net(model)."
            )
        seen = self._remember(x, self.k)
        row = self.masked_weight()[t : t + 1, t + 1 - seen.shape[0] : t + 1]
        self.time_step = t + 1
        return self._fire(row, self.bias[t : t + 1], seen)[0].reshape(x.shape)

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        self._check_steps(x_seq, self.T)
        return self._spikes(self.masked_weight(), self.bias, x_seq)

    def extra_repr(self) -> str:
        return f"k={self.k}, T={self.T}, step_mode={self.step_mode!r}, surrogate_function={self.surrogate_function!r}"


class SlidingPSN(_ParallelNode):
    """`PSN` whose weights are the same at every step: ``H[t] = sum over j < k of w[k - 1 - j] X[t - j] + b``.

    It takes sequences of any length. A sequence in step mode 'm' begins without what came before; single steps remember the
    last k inputs until `functional.reset_net`.

    Args:
        k: number of steps that each sees.
        exp_init: whether the first weights are 1, 1/2, 1/4, ... back in time, or uniform in ±1/sqrt(k).
        surrogate_function: see `BaseNode`.
        step_mode: see `BaseNode`.
        store_v_seq: whether to keep H as `v_seq`.

    Attributes:
        weight: (k,), the last one for the step itself.
        bias: (), first -1.

    Shape: (T, N, *) → (T, N, *), or (N, *) → (N, *).

    Source: see `PSN`.
    """

    def __init__(
        self, k: int, exp_init: bool = True, surrogate_function: SurrogateFunction | None = None, step_mode: str = "s",
        store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.k = _count(k, "SlidingPSN", "k")
        super().__init__(surrogate_function, step_mode, store_v_seq)
        bound = 1.0 / math.sqrt(self.k)
        halves = 0.5 ** np.arange(self.k - 1, -1, -1.0)
        self.weight = Parameter(halves if exp_init else random.uniform((self.k,), -bound, bound))
        self.bias = Parameter(-1.0)

    def gen_gemm_weight(self, T: int) -> Tensor:
        """Return the weights of a sequence as a matrix, (T, T)."""
        back = np.arange(T)[:, None] - np.arange(T)
        index = np.where((back >= 0) & (back < self.k), self.k - 1 - back, self.k)
        return F.take(F.concatenate([self.weight, np.zeros(1, np.float32)]), index)

    def single_step_forward(self, x: Tensor) -> Tensor:
        seen = self._remember(x, self.k)
        row = self.weight[self.k - seen.shape[0] :].reshape(1, -1)
        return self._fire(row, self.bias, seen)[0].reshape(x.shape)

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        return self._spikes(self.gen_gemm_weight(x_seq.shape[0]), self.bias, x_seq)

    def extra_repr(self) -> str:
        return f"k={self.k}, step_mode={self.step_mode!r}, surrogate_function={self.surrogate_function!r}"
