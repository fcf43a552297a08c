"""Local learning rules of spiking neurons, with the names of SpikingJelly's ``activation_based.learning``."""

from grillyx.learning._reward import MSTDPETLearner, MSTDPLearner
from grillyx.learning._stdp import STDPLearner

__all__ = ["MSTDPETLearner", "MSTDPLearner", "STDPLearner"]
