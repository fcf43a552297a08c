"""Simulation of recurrent networks of spiking neurons, with spikeometric's names."""

from grillyx.sim._activation import RectifiedSAM, SAModel, ThresholdSAM
from grillyx.sim._base import BaseModel
from grillyx.sim._bernoulli import BernoulliGLM
from grillyx.sim._filter import Filter
from grillyx.sim._lif import LIFNetwork
from grillyx.sim._poisson import LNP, PoissonGLM, RectifiedLNP
from grillyx.sim._state import State

__all__ = [
    "LNP", "BaseModel", "BernoulliGLM", "Filter", "LIFNetwork", "PoissonGLM", "RectifiedLNP", "RectifiedSAM", "SAModel", "State",
    "ThresholdSAM",
]  # fmt: skip
