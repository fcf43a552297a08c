"""Fractional-order neurons: voltages that remember their whole past, and solvers for fractional equations."""

from grillyx.fractional._convert import to_fractional
from grillyx.fractional._fde_neuron import LIFNeuronFDE
from grillyx.fractional._heads import ClassificationHead, VotingLayer
from grillyx.fractional._interpolate import interpolate
from grillyx.fractional._neurons import BaseNeuron, HardResetLIF, IFNeuron, LIFNeuron, LIFNeuron_OrderOne
from grillyx.fractional._noisy import NoisyLIF, NoisyLIF_OrderOne
from grillyx.fractional._surrogates import (
    arctan_surrogate,
    gaussian_surrogate,
    noisy_threshold_spike,
    piecewise_linear_surrogate,
    sigmoid_surrogate,
    surrogate_f,
)
from grillyx.fractional._wrapper import SNNWrapper

__all__ = [
    "BaseNeuron", "ClassificationHead", "HardResetLIF", "IFNeuron", "LIFNeuron", "LIFNeuronFDE", "LIFNeuron_OrderOne",
    "NoisyLIF", "NoisyLIF_OrderOne", "SNNWrapper", "VotingLayer", "arctan_surrogate", "gaussian_surrogate", "interpolate",
    "noisy_threshold_spike", "piecewise_linear_surrogate", "sigmoid_surrogate", "surrogate_f", "to_fractional",
]  # fmt: skip
