"""Layers, spiking neurons, containers and losses, with torch's and SpikingJelly's names."""

from grillyx.nn import surrogate, utils
from grillyx.nn._activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from grillyx.nn._checkpoint import CheckpointedSequence
from grillyx.nn._containers import ModuleList, MultiStepContainer, SeqToANNContainer, Sequential
from grillyx.nn._encoders import LatencyEncoder, PoissonEncoder, WeightedPhaseEncoder
from grillyx.nn._feedback import ElementWiseRecurrentContainer, LinearRecurrentContainer
from grillyx.nn._gated_neurons import GatedLIFNode
from grillyx.nn._layers import AvgPool2d, Dropout, Flatten, Identity, Linear, MaxPool2d
from grillyx.nn._leaky_neurons import ALIFNode, CUBALIFNode, KLIFNode
from grillyx.nn._losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from grillyx.nn._module import Buffer, Module, Parameter
from grillyx.nn._monitor import Monitor
from grillyx.nn._neurons import BaseNode, IFNode, LIFNode, ParametricLIFNode
from grillyx.nn._nonlinear_neurons import EIFNode, IzhikevichNode, QIFNode
from grillyx.nn._parallel_neurons import PSN, MaskedPSN, SlidingPSN
from grillyx.nn._snntorch_neurons import Alpha, Leaky, Synaptic
from grillyx.nn._synapses import SynapseFilter, VotingLayer
from grillyx.nn.surrogate import (
    ATan,
    Erf,
    FastSigmoid,
    PiecewiseExp,
    PiecewiseQuadratic,
    Rect,
    SoftSign,
    SuperSpike,
    SurrogateFunction,
)

__all__ = [
    "GELU",
    "PSN",
    "ALIFNode",
    "ATan",
    "Alpha",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BaseNode",
    "Buffer",
    "CUBALIFNode",
    "CheckpointedSequence",
    "CrossEntropyLoss",
    "Dropout",
    "EIFNode",
    "ElementWiseRecurrentContainer",
    "Erf",
    "FastSigmoid",
    "Flatten",
    "GatedLIFNode",
    "IFNode",
    "Identity",
    "IzhikevichNode",
    "KLIFNode",
    "L1Loss",
    "LIFNode",
    "LatencyEncoder",
    "Leaky",
    "LeakyReLU",
    "Linear",
    "LinearRecurrentContainer",
    "MSELoss",
    "MaskedPSN",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Monitor",
    "MultiStepContainer",
    "Parameter",
    "ParametricLIFNode",
    "PiecewiseExp",
    "PiecewiseQuadratic",
    "PoissonEncoder",
    "QIFNode",
    "ReLU",
    "Rect",
    "SeqToANNContainer",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SlidingPSN",
    "SoftSign",
    "Softmax",
    "SuperSpike",
    "SurrogateFunction",
    "SynapseFilter",
    "Synaptic",
    "Tanh",
    "VotingLayer",
    "WeightedPhaseEncoder",
    "surrogate",
    "utils",
]  # fmt: skip
