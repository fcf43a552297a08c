"""From a trained network to a spiking one."""

from grillyx.convert._converter import Converter
from grillyx.convert._model import SpikingModel
from grillyx.convert._report import Evaluation, LayerReport, Report
from grillyx.convert._spiking import SpikingActivation, SpikingMaxPool2d

__all__ = [
    "Converter", "Evaluation", "LayerReport", "Report", "SpikingActivation", "SpikingMaxPool2d", "SpikingModel",
]  # fmt: skip
