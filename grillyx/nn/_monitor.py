"""`Monitor`: a look at the spikes and membranes of a running model."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor
from grillyx.nn._module import Module
from grillyx.nn._neurons import BaseNode


class Monitor:
    """Records what the neurons of a model do, from now until `remove` or the end of a ``with`` block.

    Examples:
        >>> model = nn.Sequential(nn.IFNode(v_threshold=2.0, step_mode="m"))
        >>> with nn.Monitor(model) as monitor:
        ...     spikes = model(np.ones((4, 1, 3)))
        >>> monitor.firing_rates()
        {'0': 0.5}

    Args:
        model: the module to watch.
        voltages: whether to record membranes too. In step mode 'm' this turns on ``store_v_seq`` meanwhile.
        kind: the class of modules to watch; every spiking neuron by default.

    Attributes:
        spikes: name of the neuron → list with the output of each call, (N, *) or (T, N, *).
        voltages: name → list with the membrane after each call, or after each step of a sequence.
    """

    def __init__(self, model: Module, voltages: bool = False, kind: type[Module] = BaseNode) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"Monitor: expected a grillyx.nn.Module, got {type(model).__name__}.")
        self.spikes: dict[str, list[Tensor]] = {}
        self.voltages: dict[str, list[Tensor]] = {}
        self._modes: dict[str, list[str]] = {}
        self._handles: list[Any] = []
        self._stored: list[tuple[BaseNode, bool]] = []
        for name, module in model.named_modules():
            if not isinstance(module, kind):
                continue
            self.spikes[name] = []
            self._modes[name] = []
            if voltages and isinstance(module, BaseNode):
                self.voltages[name] = []
                self._stored.append((module, module.store_v_seq))
                module.store_v_seq = True
            self._handles.append(module.register_forward_hook(self._recorder(name)))
        if not self.spikes:
            raise ValueError(f"Monitor: no {kind.__name__} in {type(model).__name__}; there is nothing to watch.")

    def _recorder(self, name: str) -> Any:
        def record(module: Any, inputs: tuple, output: Tensor) -> None:
            self.spikes[name].append(output.detach())
            self._modes[name].append(getattr(module, "step_mode", "m"))
            if name in self.voltages:
                v = module.v_seq if module.step_mode == "m" else module.v
                self.voltages[name].append(v.detach())

        return record

    def firing_rates(self) -> dict[str, float]:
        """Return the mean output of each neuron layer over all that was recorded; spikes of either sign count."""
        out = {}
        for name, outputs in self.spikes.items():
            count = sum(o.size for o in outputs)
            out[name] = sum(float(o.abs().sum()) for o in outputs) / count if count else float("nan")
        return out

    def raster(self, name: str, sample: int = 0) -> np.ndarray:
        """Return the spikes of one sample as (T, neurons); single steps are put one after another."""
        if name not in self.spikes:
            raise KeyError(f"Monitor: no neuron {name!r}; there are {', '.join(map(repr, self.spikes))}.")
        if not self.spikes[name]:
            raise ValueError("Monitor: nothing was recorded yet; call the model first.")
        parts = zip(self.spikes[name], self._modes[name], strict=True)
        steps = [o.numpy() if mode == "m" else o.numpy()[None] for o, mode in parts]
        joined = np.concatenate(steps)[:, sample]
        return joined.reshape(len(joined), -1)

    def clear(self) -> None:
        """Drop what was recorded."""
        for records in (self.spikes, self.voltages, self._modes):
            for record in records.values():
                record.clear()

    def remove(self) -> None:
        """Stop recording; what was recorded stays."""
        for handle in self._handles:
            handle.remove()
        for module, before in self._stored:
            module.store_v_seq = before
        self._handles, self._stored = [], []

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
