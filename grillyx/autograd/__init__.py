"""Tensors that remember how they were made, and the way back: `Tensor`, the tape, and `differentiable`, which lifts an op."""

from grillyx.autograd._tape import Link, Node
from grillyx.autograd._tensor import (
    NOTHING,
    Later,
    Tensor,
    as_tensor,
    differentiable,
    enable_grad,
    is_grad_enabled,
    is_recorded,
    is_watched,
    no_grad,
    to_numpy,
    unwatched,
    watched,
    wrap,
)  # fmt: skip

from grillyx.autograd._backward import run_backward, seed_gradient, settle  # isort: skip  # it needs the tensor

__all__ = [
    "NOTHING", "Later", "Link", "Node", "Tensor", "as_tensor", "differentiable", "enable_grad", "is_grad_enabled", "is_recorded",
    "is_watched", "no_grad", "run_backward", "seed_gradient", "settle", "to_numpy", "unwatched", "watched", "wrap",
]  # fmt: skip
