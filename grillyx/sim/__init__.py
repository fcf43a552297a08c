"""Simulation of recurrent networks of spiking neurons, with spikeometric's names."""

from grillyx.sim._activation import RectifiedSAM, SAModel, ThresholdSAM
from grillyx.sim._base import BaseModel
from grillyx.sim._bernoulli import BernoulliGLM
from grillyx.sim._dataset import ConnectivityDataset
from grillyx.sim._filter import Filter
from grillyx.sim._generators import ConnectivityGenerator, NormalGenerator, UniformGenerator
from grillyx.sim._lif import LIFNetwork
from grillyx.sim._loaded import LoadedStimulus
from grillyx.sim._poisson import LNP, PoissonGLM, RectifiedLNP
from grillyx.sim._rings import MexicanHatGenerator, SmallWorldGenerator
from grillyx.sim._state import State
from grillyx.sim._stimuli import PoissonStimulus, RegularStimulus, SinStimulus
from grillyx.sim._stimulus import MaskedStimulus, Stimulus

__all__ = [
    "LNP", "BaseModel", "BernoulliGLM", "ConnectivityDataset", "ConnectivityGenerator", "Filter", "LIFNetwork", "LoadedStimulus",
    "MaskedStimulus", "MexicanHatGenerator", "NormalGenerator", "PoissonGLM", "PoissonStimulus", "RectifiedLNP", "RectifiedSAM",
    "RegularStimulus", "SAModel", "SinStimulus", "SmallWorldGenerator", "State", "Stimulus", "ThresholdSAM", "UniformGenerator",
]  # fmt: skip
