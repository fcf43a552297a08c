"""Models from elsewhere."""

from grillyx.convert._graph import GraphModule
from grillyx.convert._onnx import from_onnx
from grillyx.convert._torch import from_torch

__all__ = ["GraphModule", "from_onnx", "from_torch"]
