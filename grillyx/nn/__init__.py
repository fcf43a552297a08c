"""Layers, spiking neurons, containers and losses, with torch's and SpikingJelly's names."""

from grillyx.nn import surrogate, utils
from grillyx.nn._activations import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
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
from grillyx.nn._layers import AvgPool2d, Dropout, Dropout2d, Flatten, Identity, Linear, MaxPool2d
from grillyx.nn._losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from grillyx.nn._module import Buffer, Module, Parameter
from grillyx.nn._monitor import Monitor
from grillyx.nn._neurons import BaseNode, IFNode, LIFNode, ParametricLIFNode
from grillyx.nn._norms import GroupNorm, LayerNorm, RMSNorm
from grillyx.nn._recurrent import GRU, LSTM
from grillyx.nn._resize import AdaptiveAvgPool2d, Upsample
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
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "ATan",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BaseNode",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "CheckpointedSequence",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Erf",
    "FastSigmoid",
    "Flatten",
    "GroupNorm",
    "Hardtanh",
    "IFNode",
    "Identity",
    "L1Loss",
    "LIFNode",
    "LatencyEncoder",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Monitor",
    "MultiStepContainer",
    "MultiheadAttention",
    "Parameter",
    "ParameterList",
    "ParametricLIFNode",
    "PiecewiseExp",
    "PiecewiseQuadratic",
    "PoissonEncoder",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Rect",
    "SeqToANNContainer",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SoftSign",
    "Softmax",
    "Softplus",
    "SuperSpike",
    "SurrogateFunction",
    "Tanh",
    "Upsample",
    "WeightedPhaseEncoder",
    "surrogate",
    "utils",
]  # fmt: skip
