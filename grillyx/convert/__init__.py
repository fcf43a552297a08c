"""Models from elsewhere, and from a trained network to a spiking one."""

from grillyx.convert._converter import Converter
from grillyx.convert._graph import GraphModule
from grillyx.convert._model import SpikingModel
from grillyx.convert._onnx import from_onnx
from grillyx.convert._report import Evaluation, LayerReport, Report
from grillyx.convert._spiking import SpikingActivation, SpikingMaxPool2d
from grillyx.convert._torch import from_torch

__all__ = [
    "Converter", "Evaluation", "GraphModule", "LayerReport", "Report", "SpikingActivation", "SpikingMaxPool2d", "SpikingModel",
    "from_onnx", "from_torch",
]  # fmt: skip
