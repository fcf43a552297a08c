"""Simulation of recurrent networks, with spikeometric's names (Sønstebø and others): stimuli and connectivity."""

from grillyx.sim._dataset import ConnectivityDataset
from grillyx.sim._generators import ConnectivityGenerator, NormalGenerator, UniformGenerator
from grillyx.sim._loaded import LoadedStimulus
from grillyx.sim._rings import MexicanHatGenerator, SmallWorldGenerator
from grillyx.sim._stimuli import PoissonStimulus, RegularStimulus, SinStimulus
from grillyx.sim._stimulus import MaskedStimulus, Stimulus

__all__ = [
    "ConnectivityDataset", "ConnectivityGenerator", "LoadedStimulus", "MaskedStimulus", "MexicanHatGenerator", "NormalGenerator",
    "PoissonStimulus", "RegularStimulus", "SinStimulus", "SmallWorldGenerator", "Stimulus", "UniformGenerator",
]  # fmt: skip
