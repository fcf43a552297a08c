"""`EnergyMonitor`: the operations that a model takes, and the energy that they would cost."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._calls import CALLS
from grillyx.nn._energy_report import LayerEnergy, report
from grillyx.nn._module import Module
from grillyx.nn._neurons import BaseNode
from grillyx.nn._operations import KEEPS_VALUES, MOVES, RULES, Look, Product
from grillyx.nn._parts import Buffer, Parameter
from grillyx.ops import elementwise

_FIXED = (Parameter, Buffer)
_MOST_WAITING = 1024  # products whose counts wait on the device until somebody reads them


class EnergyMonitor:
    """Counts the operations of a model inside a ``with`` block, and estimates their energy.

    A product with spikes takes an accumulation (AC) for each spike and each output that it reaches: a synaptic operation. A
    product of real numbers takes multiplications with accumulation (MAC), zeros included; products with a convolution's
    padding are none. Spikes are 0 and one other value, in all of the operand, or in each channel where they were multiplied
    with a factor for each. Whether an operand is spikes is measured at every call.

    Products are seen wherever they happen inside a module of the model, also as ``functional.linear`` or ``@`` in a forward
    of one's own, and count for the innermost module. Biases, neurons, norms, pooling and other functions of elements cost
    nothing here; `elements` says how many values they made. The backward pass is not counted.

    Examples:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.IFNode(), nn.Linear(4, 2))
        >>> with nn.EnergyMonitor(net) as energy:
        ...     out = net(np.array([[1.0, 0.0, 1.0]]))
        >>> energy.layers["0"].synaptic_operations
        8

    Args:
        model: the module to watch.
        mac: joules for a multiplication and an addition of float32, by default at 45 nm.
        ac: joules for an addition.
        kind: the class, or a tuple of classes, of modules whose firing rates are wanted.

    Attributes:
        elements: name of a function that costs nothing here → how many elements it has computed.
        unknown: name of an op that grillyx does not know, from `autograd.differentiable` → calls; it was not counted.
        outside: name of a product that ran inside the block, but in no module of the model → calls; it was not counted.

    Raises:
        TypeError: `model` is no module.
        ValueError: an energy is negative or not finite.

    Source: Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, for the energies; Rueckauer et
    al., "Conversion of continuous-valued deep networks to efficient event-driven networks", 2017, for synaptic operations.
    """

    def __init__(
        self, model: Module, mac: float = 4.6e-12, ac: float = 0.9e-12, kind: type | tuple[type, ...] = BaseNode
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"EnergyMonitor: expected a grillyx.nn.Module, got {type(model).__name__}.")
        self.model, self.kind = model, kind
        self.mac, self.ac = (_check.number(value, "EnergyMonitor", name) for value, name in ((mac, "mac"), (ac, "ac")))
        if min(self.mac, self.ac) < 0.0:
            raise ValueError(f"EnergyMonitor: energies are not negative, got mac={mac} and ac={ac}; expected joules.")
        self._until: ExitStack | None = None
        self.clear()

    def clear(self) -> None:
        """Forget what was counted."""
        self.elements: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self._layers: dict[str, LayerEnergy] = {}
        self._products: list[tuple[LayerEnergy, Product]] = []
        self._outputs: list[tuple[LayerEnergy, Look]] = []

    # --- watching
    def __enter__(self) -> EnergyMonitor:
        if self._until is not None:
            raise RuntimeError("EnergyMonitor: already counting; leave the with block before entering it again.")
        self._names = {id(module): (name, module) for name, module in self.model.named_modules()}
        self._sources: dict[int, tuple[Any, Tensor]] = {}  # of tensors that are another one times a factor
        self._until = ExitStack()
        self._until.enter_context(autograd.watched(self._watch))
        for _, module in self._names.values():
            self._until.callback(module.register_forward_hook(self._called).remove)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._until is not None
        self._until.close()
        self._until = None
        self._sources = {}

    def _layer(self, module: Module) -> LayerEnergy:
        name = self._names[id(module)][0]
        return self._layers.setdefault(name, LayerEnergy(name, type(module).__name__, self.mac, self.ac))

    @autograd.no_grad()
    @autograd.unwatched()
    def _called(self, module: Module, inputs: tuple, output: Any) -> None:
        """Note a call of a module, and what a neuron fired."""
        layer = self._layer(module)
        layer.calls += 1
        tensor = next((t for t in (output if isinstance(output, tuple) else (output,)) if isinstance(t, Tensor)), None)
        layer.output_shape = None if tensor is None else tensor.shape
        if isinstance(module, self.kind):
            layer.counts = True
            if tensor is not None and tensor.size:
                self._outputs.append((layer, Look(tensor, range(tensor.ndim))))
                self._settle(_MOST_WAITING)

    @autograd.no_grad()
    @autograd.unwatched()
    def _watch(self, op: Callable[..., Any], inputs: list[Any], output: Any, options: dict[str, Any]) -> None:
        """Note an op on tensors."""
        if op in MOVES or op in KEEPS_VALUES or options.get("name") == "multiply":
            self._remember(op, inputs, output)
        if op in MOVES:
            return
        module = next((m for m in reversed(CALLS.stack) if id(m) in self._names), None)
        known = op.__module__.startswith("grillyx.")
        if op in RULES:
            if module is None:
                self.outside[op.__name__] += 1
                return
            layer = self._layer(module)
            layer.counts = True
            self._products += [(layer, p) for p in RULES[op](inputs, options, self._source)]
            self._settle(_MOST_WAITING)
        elif module is not None and known:
            first = output[0] if isinstance(output, tuple) else output
            self.elements[options.get("name", op.__name__)] += first.size
        elif not known:
            self.unknown[op.__name__] += 1

    def _remember(self, op: Callable[..., Any], inputs: list[Any], output: Any) -> None:
        """Keep track of what is spikes times a factor for each channel, as long as it is there."""
        source: Tensor | None = None
        if op in KEEPS_VALUES:
            first = inputs[0]
            source = first if isinstance(first, _FIXED) else self._source(first)
        elif op is elementwise.where:  # a mask
            source = next((s for x in inputs[1:] if (s := self._source(x)) is not None), None)
        elif op is elementwise.binary:
            a, b = inputs
            fixed = {id(y) for y in inputs if isinstance(y, _FIXED) or isinstance(self._source(y), _FIXED)}
            source = next((x for x, y in ((a, b), (b, a)) if id(y) in fixed or y.size < x.size), None)
            if source is not None and (earlier := self._source(source)) is not None:
                source = earlier
        if source is not None and isinstance(output, Tensor):
            key, sources = id(output), self._sources
            sources[key] = (weakref.ref(output, lambda _: sources.pop(key, None)), source)

    def _source(self, x: Tensor) -> Tensor | None:
        reference, source = self._sources.get(id(x), (None, None))
        return source if reference is not None and reference() is x else None

    def _settle(self, waiting: int = 0) -> None:
        """Read the counts that wait on the device, if they are more than `waiting`."""
        if len(self._products) + len(self._outputs) <= waiting:
            return
        with autograd.unwatched():
            by_layer: dict[str, list[Product]] = {}
            for layer, product in self._products:
                for look in product.looks:
                    if look is not None:
                        look.settle()
                by_layer.setdefault(layer.name, []).append(product)
            for name, products in by_layer.items():
                self._layers[name].add(products)
            for layer, look in self._outputs:
                look.settle()
                layer.fire(look)
        self._products, self._outputs = [], []

    # --- results
    @property
    def layers(self) -> dict[str, LayerEnergy]:
        """Name of a module → what was counted, for modules with products and for neurons, in the order of the model."""
        self._settle()
        order = (name for name, _ in self.model.named_modules() if name in self._layers)
        return {name: self._layers[name] for name in order if self._layers[name].counts}

    @property
    def macs(self) -> int:
        """Multiplications of real numbers."""
        return sum(layer.macs for layer in self.layers.values())

    @property
    def synaptic_operations(self) -> int:
        """Accumulations that spikes cause."""
        return sum(layer.synaptic_operations for layer in self.layers.values())

    @property
    def dense_macs(self) -> int:
        """The multiplications that all products would take if no operand was spikes."""
        return sum(layer.dense_macs for layer in self.layers.values())

    @property
    def total(self) -> float:
        """Energy in joules."""
        return sum(layer.energy for layer in self.layers.values())

    def dense(self, steps: int = 1) -> float:
        """Return the energy in joules if all products were multiplications, as in a network without spikes.

        Args:
            steps: T, to compare with a network that looks once at what this one looks at in T steps.
        """
        if not hasattr(steps, "__index__") or isinstance(steps, bool) or int(steps) < 1:
            raise ValueError(f"EnergyMonitor.dense: steps is a positive integer, got {steps!r}.")
        return self.dense_macs * self.mac / int(steps)

    def per_sample(self, samples: int) -> float:
        """Return the energy in joules for each of the samples that the model was given, whatever their time steps."""
        if not hasattr(samples, "__index__") or isinstance(samples, bool) or int(samples) < 1:
            raise ValueError(f"EnergyMonitor.per_sample: samples is a positive integer, got {samples!r}.")
        return self.total / int(samples)

    def firing_rates(self) -> dict[str, float]:
        """Return, for each layer of neurons, the part of its outputs that are not 0."""
        return {name: layer.firing_rate for name, layer in self.layers.items() if layer.firing_rate is not None}

    def __str__(self) -> str:
        return report(self)
