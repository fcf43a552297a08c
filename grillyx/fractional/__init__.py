"""Fractional-order neurons: voltages that remember their whole past, and solvers for fractional equations."""

from grillyx.fractional._convert import to_fractional
from grillyx.fractional._fde_neuron import LIFNeuronFDE
from grillyx.fractional._fdeint import fdeint
from grillyx.fractional._heads import ClassificationHead, VotingLayer
from grillyx.fractional._interpolate import interpolate
from grillyx.fractional._mittag_leffler import mittag_leffler
from grillyx.fractional._neurons import BaseNeuron, HardResetLIF, IFNeuron, LIFNeuron, LIFNeuron_OrderOne
from grillyx.fractional._noisy import NoisyLIF, NoisyLIF_OrderOne
from grillyx.fractional._odeint import odeint
from grillyx.fractional._surrogates import (
    arctan_surrogate,
    gaussian_surrogate,
    noisy_threshold_spike,
    piecewise_linear_surrogate,
    sigmoid_surrogate,
    surrogate_f,
)
from grillyx.fractional._tables import Table, derivatives, table
from grillyx.fractional._wrapper import SNNWrapper

__all__ = [
    "BaseNeuron", "ClassificationHead", "HardResetLIF", "IFNeuron", "LIFNeuron", "LIFNeuronFDE", "LIFNeuron_OrderOne",
    "NoisyLIF", "NoisyLIF_OrderOne", "SNNWrapper", "Table", "VotingLayer", "arctan_surrogate", "derivatives", "fdeint",
    "gaussian_surrogate", "interpolate", "mittag_leffler", "noisy_threshold_spike", "odeint", "piecewise_linear_surrogate",
    "sigmoid_surrogate", "surrogate_f", "table", "to_fractional",
]  # fmt: skip
