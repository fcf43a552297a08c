"""Layers, spiking neurons, containers and losses, with torch's and SpikingJelly's names."""

from typing import Any

from grillyx.nn import surrogate, utils
from grillyx.nn._activations import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from grillyx.nn._attention import MultiheadAttention
from grillyx.nn._batch_norm import BatchNorm1d, BatchNorm2d
from grillyx.nn._checkpoint import CheckpointedSequence
from grillyx.nn._collections import ModuleDict, ParameterList
from grillyx.nn._containers import ModuleList, MultiStepContainer, SeqToANNContainer, Sequential
from grillyx.nn._conv import Conv1d, Conv2d, ConvTranspose2d
from grillyx.nn._embedding import Embedding
from grillyx.nn._encoders import LatencyEncoder, PoissonEncoder, WeightedPhaseEncoder
from grillyx.nn._energy import EnergyMonitor
from grillyx.nn._feedback import ElementWiseRecurrentContainer, LinearRecurrentContainer
from grillyx.nn._gated_neurons import GatedLIFNode
from grillyx.nn._layers import AvgPool2d, Dropout, Dropout2d, Flatten, Identity, Linear, MaxPool2d
from grillyx.nn._leaky_neurons import ALIFNode, CUBALIFNode, KLIFNode
from grillyx.nn._losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from grillyx.nn._module import Buffer, Module, Parameter
from grillyx.nn._monitor import Monitor
from grillyx.nn._neu_norm import NeuNorm
from grillyx.nn._neurons import BaseNode, IFNode, LIFNode, ParametricLIFNode
from grillyx.nn._nonlinear_neurons import EIFNode, IzhikevichNode, QIFNode
from grillyx.nn._norms import GroupNorm, LayerNorm, RMSNorm
from grillyx.nn._parallel_neurons import PSN, MaskedPSN, SlidingPSN
from grillyx.nn._recurrent import GRU, LSTM
from grillyx.nn._resize import AdaptiveAvgPool2d, Upsample
from grillyx.nn._snntorch_neurons import Alpha, Leaky, Synaptic
from grillyx.nn._spiking_attention import ChannelQKAttention, QKAttention, SpikingSelfAttention, TokenQKAttention
from grillyx.nn._spiking_norms import (
    BatchNormThroughTime1d,
    BatchNormThroughTime2d,
    TemporalEffectiveBatchNorm1d,
    TemporalEffectiveBatchNorm2d,
    ThresholdDependentBatchNorm1d,
    ThresholdDependentBatchNorm2d,
)
from grillyx.nn._synapses import SynapseFilter, VotingLayer
from grillyx.nn._voltage_scaler import VoltageScaler
from grillyx.nn.surrogate import (
    ATan,
    Erf,
    FastSigmoid,
    MultiGaussian,
    PiecewiseExp,
    PiecewiseQuadratic,
    Rect,
    SoftSign,
    SuperSpike,
    SurrogateFunction,
    Triangle,
)

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "PSN",
    "ALIFNode",
    "ATan",
    "AdaptiveAvgPool2d",
    "Alpha",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BaseNode",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNormThroughTime1d",
    "BatchNormThroughTime2d",
    "Buffer",
    "CUBALIFNode",
    "ChannelQKAttention",
    "CheckpointedSequence",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "EIFNode",
    "ElementWiseRecurrentContainer",
    "Embedding",
    "EnergyMonitor",
    "Erf",
    "FastSigmoid",
    "Flatten",
    "GatedLIFNode",
    "GroupNorm",
    "Hardtanh",
    "IFNode",
    "Identity",
    "IzhikevichNode",
    "KLIFNode",
    "L1Loss",
    "LIFNode",
    "LatencyEncoder",
    "LayerNorm",
    "Leaky",
    "LeakyReLU",
    "Linear",
    "LinearRecurrentContainer",
    "LogSoftmax",
    "MSELoss",
    "MaskedPSN",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Monitor",
    "MultiGaussian",
    "MultiStepContainer",
    "MultiheadAttention",
    "NeuNorm",
    "Parameter",
    "ParameterList",
    "ParametricLIFNode",
    "PiecewiseExp",
    "PiecewiseQuadratic",
    "PoissonEncoder",
    "QIFNode",
    "QKAttention",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Rect",
    "SeqToANNContainer",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SlidingPSN",
    "SoftSign",
    "Softmax",
    "Softplus",
    "SpikingSelfAttention",
    "SuperSpike",
    "SurrogateFunction",
    "SynapseFilter",
    "Synaptic",
    "Tanh",
    "TemporalEffectiveBatchNorm1d",
    "TemporalEffectiveBatchNorm2d",
    "ThresholdDependentBatchNorm1d",
    "ThresholdDependentBatchNorm2d",
    "TokenQKAttention",
    "Triangle",
    "Upsample",
    "VoltageScaler",
    "VotingLayer",
    "WeightedPhaseEncoder",
    "surrogate",
    "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Converter":  # grilly's place for it; the converter is made of layers, and comes after them
        from grillyx.convert import Converter

        return Converter
    raise AttributeError(f"module 'grillyx.nn' has no attribute {name!r}")
