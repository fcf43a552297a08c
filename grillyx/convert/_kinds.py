"""Which layers can be converted, what becomes of each, and why the others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grillyx import nn
from grillyx.nn import Module

LINEAR, NORM, ACTIVATION, MAX_POOL, DROPOUT, CONTAINER = (
    "linear",
    "norm",
    "activation",
    "max_pool",
    "dropout",
    "container",
)
MEMORIES = (ACTIVATION, MAX_POOL)  # what becomes of these remembers earlier steps

_KINDS: dict[type, str] = {
    nn.Linear: LINEAR, nn.Conv1d: LINEAR, nn.Conv2d: LINEAR, nn.ConvTranspose2d: LINEAR, nn.AvgPool2d: LINEAR,
    nn.AdaptiveAvgPool2d: LINEAR, nn.Flatten: LINEAR, nn.Identity: LINEAR, nn.Upsample: LINEAR, nn.Embedding: LINEAR,
    nn.VotingLayer: LINEAR, nn.VoltageScaler: LINEAR,
    nn.BatchNorm1d: NORM, nn.BatchNorm2d: NORM,
    nn.ReLU: ACTIVATION, nn.ReLU6: ACTIVATION, nn.Hardtanh: ACTIVATION,
    nn.MaxPool2d: MAX_POOL,
    nn.Dropout: DROPOUT, nn.Dropout2d: DROPOUT,
    nn.Sequential: CONTAINER, nn.ModuleList: CONTAINER, nn.ModuleDict: CONTAINER,
}  # fmt: skip

_READ_OUT = "It does not change which class is largest: take it off, and apply it to the mean output if it is needed."
_BOTH_SIGNS = "Its outputs have both signs, and a firing rate has none. Train with nn.ReLU instead."
_REASONS: dict[type, str] = {
    nn.LeakyReLU: _BOTH_SIGNS,
    nn.ELU: _BOTH_SIGNS,
    nn.Tanh: _BOTH_SIGNS,
    nn.GELU: _BOTH_SIGNS,
    nn.SiLU: _BOTH_SIGNS,
    nn.Softmax: _READ_OUT,
    nn.Sigmoid: "As the last layer take it off; elsewhere train with nn.ReLU instead.",
    nn.Softplus: "It is smooth where a neuron has a threshold. Train with nn.ReLU instead.",
    nn.LayerNorm: "It divides by a spread that changes at every step. Train with nn.BatchNorm1d or nn.BatchNorm2d instead.",
    nn.RMSNorm: "It divides by a spread that changes at every step. Train with nn.BatchNorm1d or nn.BatchNorm2d instead.",
    nn.GroupNorm: "It divides by a spread that changes at every step. Train with nn.BatchNorm2d instead.",
    nn.SeqToANNContainer: "The model already has a time axis; the converter takes a network without one.",
    nn.MultiStepContainer: "The model already has a time axis; the converter takes a network without one.",
}
_CAN = (
    "Linear, Conv1d, Conv2d, ConvTranspose2d, BatchNorm1d, BatchNorm2d, ReLU, ReLU6, Hardtanh from 0, MaxPool2d, AvgPool2d, "
    "AdaptiveAvgPool2d, Upsample, Embedding, Flatten, Dropout and Identity can be converted"
)


def kind_of(module: Module, path: str, rules: Mapping[type, Any]) -> str | None:
    """Return what becomes of a layer, or None for a module of the user's own that holds layers.

    Raises:
        NotImplementedError: it cannot be converted; names the path.
        ValueError: a batch norm without running statistics.
    """
    if any(isinstance(module, c) for c in rules):
        return ACTIVATION
    path = path or "the network"
    # a subclass with a forward of its own is a module of the user's
    home: Any = next(c for c in type(module).__mro__ if "forward" in vars(c))
    known = (k for c, k in _KINDS.items() if isinstance(module, c) and getattr(c, "forward", None) is home.forward)
    kind = next(known, None)
    if kind == NORM and getattr(module, "running_mean", None) is None:
        raise ValueError(
            f"Converter: {path!r} ({type(module).__name__}) has no running statistics; its output depends on the batch. Train "
            "with track_running_stats=True."
        )
    if isinstance(module, nn.Hardtanh) and kind == ACTIVATION and module.min_val != 0.0:
        raise NotImplementedError(
            f"Converter: cannot convert {path!r} (Hardtanh from {module.min_val:g}). {_BOTH_SIGNS}"
        )
    if kind is None and home.__module__.startswith("grillyx."):
        if home is Module or home.__module__ == "grillyx.convert._graph":  # only holds others
            return CONTAINER
        if isinstance(module, nn.BaseNode) or home.__module__.startswith("grillyx.convert."):
            why = "The model spikes already."
        else:
            why = next((r for c, r in _REASONS.items() if isinstance(module, c)), None) or f"Only {_CAN}."
        raise NotImplementedError(
            f"Converter: cannot convert {path!r} ({type(module).__name__}). {why} For a layer with a spiking counterpart of "
            "your own, see the argument rules."
        )
    return kind
