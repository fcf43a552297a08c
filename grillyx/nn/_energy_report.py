"""What an `EnergyMonitor` tells: the counts of a layer, and a table of all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grillyx.nn._operations import Look, Product

if TYPE_CHECKING:
    from grillyx.nn._energy import EnergyMonitor

_UNITS = ("", "m", "µ", "n", "p", "f")


class LayerEnergy:
    """What was counted in a module itself, without the modules inside it, over all calls.

    Attributes:
        name: of the module in the model.
        kind: its class.
        calls: how often it was called.
        output_shape: of the last call; None if it returned no tensor.
        dense_macs: multiplications if no operand was spikes.
        synaptic_operations: accumulations that spikes caused (AC).
        spikes: outputs of a neuron that were not 0.
        outputs: all outputs of a neuron.
    """

    def __init__(self, name: str, kind: str, mac: float, ac: float) -> None:
        self.name, self.kind, self.calls = name, kind, 0
        self.output_shape: tuple[int, ...] | None = None
        self.dense_macs, self.synaptic_operations, self.spikes, self.outputs = 0, 0, 0, 0
        self.counts = False  # has products, or is a neuron
        self._mac, self._ac, self._macs = mac, ac, 0
        self._fired, self._operands, self._real = 0, 0, False
        self._seen: Counter[float] = Counter()  # how many spikes had which value
        self._open: list[
            Product
        ] = []  # with an operand whose only value that is not 0 was seen once: a number or a spike

    def add(self, products: Sequence[Product]) -> None:
        """Add products whose operands were looked at."""
        self._open += products
        looks = [look for product in products for look in product.looks if look is not None]
        self._seen.update({v: n for v, n in _values(looks).items() if v not in (0.0, 1.0)})
        self.dense_macs += sum(product.dense for product in products)
        again, self._open = self._open, []
        for product in again:
            if any(self._spiking(look) is None for look in product.looks if look is not None):
                self._open.append(product)
                continue
            additions = product.accumulates(lambda look: bool(self._spiking(look)))
            self._macs += product.dense if additions is None else 0
            self.synaptic_operations += additions or 0
            for look in product.looks:
                if look is not None:
                    self._fired, self._operands = self._fired + look.fired, self._operands + look.size
                    self._real = self._real or not self._spiking(look)

    def _spiking(self, look: Look) -> bool | None:
        """Tell whether an operand is spikes; None where that is not known yet."""
        if look.fired == 0 or look.scaled or look.value == 1.0:
            return True
        if look.value is None:
            return False
        return True if self._seen[look.value] > 1 else None

    def fire(self, look: Look) -> None:
        """Add an output of a neuron."""
        self.spikes, self.outputs = self.spikes + look.fired, self.outputs + look.size

    @property
    def macs(self) -> int:
        """Multiplications of real numbers."""
        return self._macs + sum(product.dense for product in self._open)

    @property
    def energy(self) -> float:
        """Joules."""
        return self.macs * self._mac + self.synaptic_operations * self._ac

    @property
    def input_rate(self) -> float | None:
        """The part of the operands that were spikes and not 0; None where there were real numbers."""
        return None if self._real or self._open or not self._operands else self._fired / self._operands

    @property
    def firing_rate(self) -> float | None:
        """The part of a neuron's outputs that were not 0; None for other layers."""
        return self.spikes / self.outputs if self.outputs else None

    def __repr__(self) -> str:
        return (
            f"LayerEnergy({self.name!r}, {self.kind}, macs={self.macs:,}, synaptic_operations="
            f"{self.synaptic_operations:,}, energy={joules(self.energy)})"
        )


def _values(looks: Sequence[Look]) -> Counter[float]:
    out: Counter[float] = Counter()
    for look in looks:
        if look.value is not None:
            out[look.value] += look.fired
    return out


def joules(energy: float) -> str:
    """Return an energy with a unit."""
    if energy == 0.0:
        return "0 J"
    thousands = min(max(0, -math.floor(math.log10(energy) / 3.0)), len(_UNITS) - 1)
    return f"{energy * 1e3**thousands:.3g} {_UNITS[thousands]}J"


def report(energy: EnergyMonitor) -> str:
    """Return the table that is printed."""
    head = ("layer", "kind", "output", "MAC", "AC", "input", "fires", "energy")
    layers = energy.layers.values()
    rows = [
        (
            layer.name or ".", layer.kind, "-" if layer.output_shape is None else str(layer.output_shape), f"{layer.macs:,}",
            f"{layer.synaptic_operations:,}", _rate(layer.input_rate, "real" if layer.dense_macs else ""),
            _rate(layer.firing_rate, ""), joules(layer.energy),
        )
        for layer in layers
    ]  # fmt: skip
    rows.append(("all", "", "", f"{energy.macs:,}", f"{energy.synaptic_operations:,}", "", "", joules(energy.total)))
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(
            f"{cell:<{w}}" if k < 3 else f"{cell:>{w}}" for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    dense = energy.dense()
    if dense:
        lines.append(
            f"{energy.total / dense:.1%} of the {joules(dense)} that {energy.dense_macs:,} MAC would take, were nothing spikes."
        )
    for text, found in (
        ("Without energy here (elements):", energy.elements),
        ("NOT COUNTED, ops that grillyx does not know (calls):", energy.unknown),
        ("NOT COUNTED, products outside the model (calls):", energy.outside),
    ):
        if found:
            lines.append(f"{text} {', '.join(f'{name} {count:,}' for name, count in found.most_common())}.")
    return "\n".join(line.rstrip() for line in lines)


def _rate(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.2%}"
