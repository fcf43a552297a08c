"""Self-attention of spikes, with SpikingJelly's names, defaults and state."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.nn._batch_norm import BatchNorm1d
from grillyx.nn._containers import SeqToANNContainer
from grillyx.nn._conv import Conv1d
from grillyx.nn._layers import _count
from grillyx.nn._module import Module
from grillyx.nn._neurons import BaseNode, LIFNode
from grillyx.nn.surrogate import Sigmoid
from grillyx.ops import spiking_attention as attention_ops

_attention = differentiable(attention_ops.spiking_attention)


class _SpikingAttention(Module):
    _parts_of = 3  # what is projected: Q, K and V, or Q and K

    def __init__(
        self, dim: int, num_heads: int, spiking_neuron: Callable[..., BaseNode] | None, step_mode: str, options: dict
    ) -> None:
        name = type(self).__name__
        self.dim, self.num_heads = _count(dim, name, "dim"), _count(num_heads, name, "num_heads")
        if self.dim % self.num_heads:
            raise ValueError(f"{name}: dim must be divisible by num_heads, got {dim} and {num_heads}.")
        self.head_dim = self.dim // self.num_heads
        self.step_mode = _check.one_of(step_mode, ("s", "m"), name, "step_mode")

        def neuron(**usual: Any) -> BaseNode:
            first = {"decay_input": True, "surrogate_function": Sigmoid(), "detach_reset": True} | usual
            given = (first if spiking_neuron is None else {}) | copy.deepcopy(options)
            node = (spiking_neuron or LIFNode)(**given, step_mode=step_mode)
            if not isinstance(node, BaseNode):
                raise TypeError(f"{name}: spiking_neuron makes spiking neurons, got {type(node).__name__} from it.")
            return node

        self._build(neuron, SeqToANNContainer(*_projection(self.dim, self._parts_of)))
        self.proj_conv_bn = SeqToANNContainer(*_projection(self.dim, 1))
        self.proj_lif = neuron()

    def _build(self, neuron: Callable[..., BaseNode], projection: SeqToANNContainer) -> None:
        """Make the projection of the input, its neurons, and those of the attention."""
        raise NotImplementedError

    def _fire(self, node: BaseNode, x: Tensor) -> Tensor:
        """(T, N, *) → spikes (T, N, *), in step mode 's' with T = 1."""
        return node(x) if self.step_mode == "m" else node(x.reshape(x.shape[1:])).reshape(x.shape)

    def _attend(self, x: Tensor) -> Tensor:
        """(T, N, C, L) → (T, N, C, L)."""
        raise NotImplementedError

    def forward(self, x: Any) -> Tensor:
        """(T, N, C, L) → spikes (T, N, C, L), in step mode 's' without T."""
        x, name = as_tensor(x), type(self).__name__
        whole = _check.one_of(self.step_mode, ("s", "m"), name, "step_mode") == "m"
        if x.ndim != 3 + whole or x.shape[-2] != self.dim or x.size == 0:
            raise ValueError(
                f"{name}: step_mode {self.step_mode!r} expects an input ({'T, ' if whole else ''}N, {self.dim}, L) with no "
                f"axis of length 0, got shape {x.shape}."
            )
        seq = x if whole else x.reshape(1, *x.shape)
        return self._fire(self.proj_lif, self.proj_conv_bn(self._attend(seq))).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, num_heads={self.num_heads}, step_mode={self.step_mode!r}"


def _projection(dim: int, parts: int) -> tuple[Module, Module]:
    return Conv1d(dim, parts * dim, 1, bias=False), BatchNorm1d(parts * dim)


class SpikingSelfAttention(_SpikingAttention):
    """Self-attention between spikes, without a softmax: ``Q, K, V = LIF(BN(W x))``, ``A = LIF(0.125 Q K.T V)``, and
    ``LIF(BN(W' A))``, heads side by side in the channels.

    As there is no softmax, ``Q (K.T V)`` is the same: the cheaper of the two is taken, linear in L for long sequences
    of tokens.

    Args:
        dim: C.
        num_heads: divides C.
        spiking_neuron: a class of neurons, or a function that makes one. By default `LIFNode` with tau=2,
            decay_input=True, ``Sigmoid(4)`` and detach_reset=True, and for A with the threshold 0.5.
        step_mode: ``'m'``, a sequence (T, N, C, L); or ``'s'``, one step (N, C, L) a call.
        **kwargs: for every neuron; with a `spiking_neuron` of yours, nothing else is.

    Attributes:
        qkv_conv_bn: `Conv1d` of one column without bias, C to 3 C channels for Q, K and V; and `BatchNorm1d`, over all steps.
        qkv_lif, attn_lif, proj_lif: the neurons.
        proj_conv_bn: as `qkv_conv_bn`, C to C.
        scale: 0.125.

    Shape: (T, N, C, L) → the same, of L tokens; for images, flatten H and W.

    Raises:
        TypeError: spiking_neuron makes no neurons.
        ValueError: the heads do not divide C, an unknown step mode, an input of another shape.

    Source: Zhou et al., "Spikformer: when spiking neural network meets transformer", ICLR 2023; SpikingJelly's
    `SpikingSelfAttention`.
    """

    def __init__(
        self, dim: int, num_heads: int = 8, spiking_neuron: Callable[..., BaseNode] | None = None, *,
        step_mode: str = "m", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(dim, num_heads, spiking_neuron, step_mode, kwargs)
        self.scale = 0.125

    def _build(self, neuron: Callable[..., BaseNode], projection: SeqToANNContainer) -> None:
        self.qkv_conv_bn, self.qkv_lif, self.attn_lif = projection, neuron(), neuron(v_threshold=0.5)

    def _attend(self, x: Tensor) -> Tensor:
        qkv = self._fire(self.qkv_lif, self.qkv_conv_bn(x))
        return self._fire(self.attn_lif, _attention(qkv, heads=self.num_heads, scale=float(self.scale)))


class QKAttention(_SpikingAttention):
    """Attention that costs no product of matrices: ``Q, K = LIF(BN(W x))``; Q, summed over the channels of a head, makes
    neurons fire for the tokens whose K passes; then ``LIF(BN(W' ...))``.

    Args:
        dim: C.
        num_heads: divides C.
        qka_type: ``'token'``: the sum is over channels, and whole tokens pass; or ``'channel'``: the sum is over tokens, and
            whole channels pass.
        spiking_neuron: see `SpikingSelfAttention`.
        step_mode: see `SpikingSelfAttention`.
        **kwargs: see `SpikingSelfAttention`.

    Attributes:
        qk_conv_bn: `Conv1d` of one column without bias, C to 2 C channels for Q and K; and `BatchNorm1d`, over all steps.
        qk_lif, attn_lif, proj_lif: the neurons.
        proj_conv_bn: as `qk_conv_bn`, C to C.

    Shape: (T, N, C, L) → the same, of L tokens.

    Raises:
        TypeError: spiking_neuron makes no neurons.
        ValueError: an unknown `qka_type`; see also `SpikingSelfAttention`.

    Source: Zhou et al., "QKFormer: hierarchical spiking transformer using Q-K attention", NeurIPS 2024; SpikingJelly's
    `QKAttention`.
    """

    _parts_of = 2

    def __init__(
        self, dim: int, num_heads: int = 8, qka_type: str = "token",
        spiking_neuron: Callable[..., BaseNode] | None = None, *, step_mode: str = "m", **kwargs: Any,
    ) -> None:  # fmt: skip
        self.qka_type = _check.one_of(qka_type, ("token", "channel"), type(self).__name__, "qka_type")
        super().__init__(dim, num_heads, spiking_neuron, step_mode, kwargs)

    def _build(self, neuron: Callable[..., BaseNode], projection: SeqToANNContainer) -> None:
        self.qk_conv_bn, self.qk_lif, self.attn_lif = projection, neuron(), neuron(v_threshold=0.5)

    def _attend(self, x: Tensor) -> Tensor:
        steps, batch, channels, tokens = x.shape
        qk = self._fire(self.qk_lif, self.qk_conv_bn(x))
        qk = qk.reshape(steps, batch, 2, self.num_heads, self.head_dim, tokens)
        passes = self._fire(self.attn_lif, F.sum(qk[:, :, 0], 3 if self.qka_type == "token" else 4, keepdims=True))
        return (passes * qk[:, :, 1]).reshape(steps, batch, channels, tokens)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, qka_type={self.qka_type!r}"


class TokenQKAttention(QKAttention):
    """`QKAttention` with ``qka_type='token'``."""

    def __init__(
        self, dim: int, num_heads: int = 8, spiking_neuron: Callable[..., BaseNode] | None = None, *,
        step_mode: str = "m", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(dim, num_heads, "token", spiking_neuron, step_mode=step_mode, **kwargs)


class ChannelQKAttention(QKAttention):
    """`QKAttention` with ``qka_type='channel'``."""

    def __init__(
        self, dim: int, num_heads: int = 8, spiking_neuron: Callable[..., BaseNode] | None = None, *,
        step_mode: str = "m", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(dim, num_heads, "channel", spiking_neuron, step_mode=step_mode, **kwargs)
