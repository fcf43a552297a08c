"""The constants of a leaky neuron driven by a current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grillyx.functional import _check
from grillyx.nn import Module, Parameter
from grillyx.nn._memories import above
from grillyx.ops.ode_lif import Leaky

_LARGEST = 1e15  # squares of sums stay far within floats
_CLOSEST = 1e-9  # of 48 bits, some 18 are left for the difference


@dataclass
class ODELIFDynamics(Module):
    """A leaky integrate-and-fire neuron: ``dv/dt = -(v - v_rest) / tau_mem + I / C_mem``.

    It fires where ``v >= v_threshold``, and then v is `v_reset`. A constant current takes it to
    ``v_rest + I tau_mem / C_mem``: I is not divided by tau.

    Each constant is a number, or an `nn.Parameter` of one element, which learns: ``ODELIFDynamics(nn.Parameter(20.0))``.

    Args:
        tau_mem: time constant of the membrane (ms, as all times), positive.
        v_rest: where the voltage begins, and decays to without a current.
        v_threshold: where the neuron fires.
        v_reset: the voltage after a spike, below `v_threshold`.
        C_mem: capacitance of the membrane, positive.

    Raises:
        ValueError: a constant out of range, NaN, above 1e15 or for `tau_mem` and `C_mem` below 1e-15, `v_reset` not below
            `v_threshold`, or a parameter of several elements.
        TypeError: a constant that is no number.

    Source: SC-NeuroCore 3.16, `spike_ode`.
    """

    tau_mem: Any = 20.0
    v_rest: Any = 0.0
    v_threshold: Any = 1.0
    v_reset: Any = 0.0
    C_mem: Any = 1.0

    __hash__ = Module.__hash__  # modules are found by identity

    def __post_init__(self) -> None:
        self.values()

    def values(self) -> Leaky:
        """Return the constants as numbers, checked."""
        found = {}
        for name in Leaky._fields:
            value = getattr(self, name)
            if isinstance(value, Parameter) and value.size != 1:
                raise ValueError(
                    f"ODELIFDynamics: {name} is one number for all neurons, got a parameter of shape {value.shape}."
                )
            plain = value.numpy().reshape(-1)[0] if isinstance(value, Parameter) else value
            positive = name in ("tau_mem", "C_mem")
            found[name] = (
                above(plain, 0.0, "ODELIFDynamics", name) if positive else _check.number(plain, "ODELIFDynamics", name)
            )
        for name, value in found.items():
            positive = name in ("tau_mem", "C_mem")
            if abs(value) > _LARGEST or (positive and value < 1.0 / _LARGEST):
                raise ValueError(
                    f"ODELIFDynamics: {name} is out of range, got {value}; expected {1.0 / _LARGEST if positive else -_LARGEST:g} to "
                    f"{_LARGEST:g}. Use other units."
                )
        if found["v_reset"] >= found["v_threshold"]:
            raise ValueError(
                f"ODELIFDynamics: v_reset must be below v_threshold, got {found['v_reset']} and {found['v_threshold']}; else "
                "a neuron would fire without end."
            )
        gap, size = found["v_threshold"] - found["v_reset"], max(abs(found["v_threshold"]), abs(found["v_reset"]))
        if gap < max(_CLOSEST * size, 1.0 / _LARGEST):
            raise ValueError(
                f"ODELIFDynamics: v_reset is too near v_threshold, got {found['v_reset']} and {found['v_threshold']}; expected "
                f"them at least {_CLOSEST:g} of their size and {1.0 / _LARGEST:g} apart."
            )
        return Leaky(**found)

    def learnt(self) -> list[Parameter | None]:
        """Return the constants that learn, in the order of `Leaky`; None for the others."""
        values = [getattr(self, name) for name in Leaky._fields]
        return [value if isinstance(value, Parameter) else None for value in values]

    def dvdt(self, v: Any, I: Any) -> Any:  # noqa: E741  # the original's name
        """Return the derivative of the voltage."""
        return -(v - self.v_rest) / self.tau_mem + I / self.C_mem
