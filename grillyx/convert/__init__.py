"""Models from elsewhere."""

from grillyx.convert._graph import GraphModule
from grillyx.convert._torch import from_torch

