"""What the built-in models share."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor
from grillyx.graph import Graph
from grillyx.sim._base import BaseModel
from grillyx.sim._device_run import Program
from grillyx.sim._steps import STEPS, overridden


class Builtin(BaseModel):
    """A model that runs in two kernels a step as long as none of its steps is overridden."""

    def _program(self, graph: Graph, kind: np.dtype) -> Program | None:
        """Return what the shader wants, or None where the user has steps of his own."""
        return None if overridden(self, STEPS) else self._shader(graph, kind)

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        raise NotImplementedError


def host(*parameters: Any) -> list[np.ndarray]:
    """Return parameters and numbers as arrays of float64, to compute with on the host."""
    return [np.asarray(p.numpy() if isinstance(p, Tensor) else p, np.float64) for p in parameters]
