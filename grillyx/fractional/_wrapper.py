"""`SNNWrapper`: a network of fractional neurons over a sequence, each layer solved over all steps at once."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional import _compat, _orders
from grillyx.fractional._interpolate import METHODS as INTERPOLATIONS
from grillyx.fractional._interpolate import interpolate
from grillyx.fractional._loop import STAGES
from grillyx.fractional._neurons import BaseNeuron, positive
from grillyx.fractional._schemes import SCHEMES
from grillyx.fractional._sequence import Layer, Sequence, run
from grillyx.fractional._tables import check_memory
from grillyx.fractional._times import EVEN, Grid, grid_of, times_of
from grillyx.functional import _check
from grillyx.nn import BaseNode, Module, MultiStepContainer, Parameter, SeqToANNContainer
from grillyx.nn._containers import _in_sequence, _single_step

INTEGRATORS = ("fdeint", "fdeint_adjoint", "fdeint_mem", "odeint", "odeint_adjoint", "odeint_mem")
LEAST = 0.01  # of a learned order
NEAR_ONE = 0.999  # where a learned order of 1 starts: at 1 itself the sigmoid has no slope
OPTIONS = ("step_size", "memory")


class SNNWrapper(Module):
    """Runs a module with fractional neurons on a sequence: ``D^alpha w = f(v, I)`` for each of them.

    The module is written for one step, (B, ...) → (B, ...), and is called once: all steps are one batch, (T · B, ...), which the
    neurons inside take apart, so that a layer sees the spikes of the layer before of the same step. What treats
    each sample by itself may stand anywhere; a mean over time belongs behind the wrapper (or use `ClassificationHead`).

    The module is used, not copied. Its neurons get `compat`, if that is set here; nothing else in it is changed.

    Args:
        base: any module with neurons of `grillyx.fractional`. Layers are counted in the order in which ``base.modules()``
            lists their neurons.
        integrator: "fdeint" (fractional) or "odeint" (all orders are 1). The names "…_adjoint" and "…_mem" mean the same: the
            gradient is always the exact one of the scheme.
        interpolation_method: "linear", "nearest", "cubic" or "akima": x between its samples, where steps are smaller.
        alpha: the order, in (0, 1]: a number for all layers; a list with a number for each layer, or with the orders of an equation
            of several terms for all of them (see `alpha_mode`); or a list that has a list of orders for each layer.
        multi_coefficient: the factor of each order, ``sum_i c_i D^alpha_i``, positive; a list like `alpha`. Default 1.
        learn_alpha: whether the orders learn, for all layers or a list. Adds `alpha` to the parameters:
            ``order = 1 - 0.99 sigmoid(-alpha)``, so that orders stay in [0.01, 1]; shape () for a shared one, else (orders,).
            An order of 1 starts at 0.999.
        learn_coefficient: whether factors learn, as `coefficient`, ``c = e**coefficient``, shape (factors,).
        alpha_mode: what a plain list is: "per_layer", "multiterm", or "auto", which is per layer if it has as many entries as
            there are layers and no `multi_coefficient` is given.
        method: of calls that name none.
        spike_width: how long a spike lasts for the next layer, in the unit of time: a current of 1 for so long, in as many
            steps as that takes, so that later layers do not depend on the step either. None: the distance of two samples in x_time
            (their mean), so that without smaller steps a spike is a 1 in its own step. With a number, a network does not depend on
            how finely x is sampled. Ignored with `compat`.
        compat: whether to give spikeDE's numbers, forward and gradient; then `alpha` and `coefficient` are the values
            themselves, one for each layer.

    Attributes:
        alpha: the parameter, or the orders as given.
        coefficient: the parameter, or None.
        neurons: the neurons, in order.

    Raises:
        ValueError: no neurons, an order outside (0, 1], lists that do not fit, unknown names.
        TypeError: a neuron of `grillyx.nn` inside, see `to_fractional`; a container that handles time itself.

    Source: spikeDE's `SNNWrapper`; Ge et al., "Fractional-order spiking neural network", ICLR 2026, arXiv 2507.16937.
    """

    def __init__(
        self, base: Module, integrator: str = "fdeint", interpolation_method: str = "linear", alpha: Any = 0.5,
        multi_coefficient: Any = None, learn_alpha: Any = False, learn_coefficient: Any = False, alpha_mode: str = "auto", *,
        method: str = "gl", compat: bool = False, spike_width: float | None = None,
    ) -> None:  # fmt: skip
        self.base, self.compat = base, bool(compat)
        self.integrator = _check.one_of(integrator, INTEGRATORS, "SNNWrapper", "integrator")
        self.interpolation_method = _check.one_of(
            interpolation_method, tuple(INTERPOLATIONS), "SNNWrapper", "interpolation_method"
        )
        self._check_base()
        count = len(self.neurons)
        self._orders = _orders.orders_of(alpha, multi_coefficient, alpha_mode, count)
        if not self.compat:
            _orders.check(self._orders)
        self._learned = (
            _orders.flags(learn_alpha, count, "learn_alpha"),
            _orders.flags(learn_coefficient, count, "learn_coefficient"),
        )
        self._shared = self._orders.shared and all(self._learned[0]) and not self.compat
        self.alpha: Any = self._first_alpha() if any(self._learned[0]) else alpha
        factors = _orders.flat(self._orders.coefficients, self._learned[1])
        self.coefficient = (
            Parameter((factors if self.compat else np.log(factors)).astype(np.float32)) if factors.size else None
        )
        self.spike_width = None if spike_width is None else positive(spike_width, "SNNWrapper", "spike_width")
        self.method = method
        self._method(None)
        if self.compat:
            for neuron in self.neurons:
                neuron.compat = True

    def _check_base(self) -> None:
        if not isinstance(self.base, Module):
            raise TypeError(f"SNNWrapper: expected a grillyx.nn.Module, got {type(self.base).__name__}.")
        for module in self.base.modules():
            if isinstance(module, SNNWrapper):
                raise TypeError(
                    "SNNWrapper: a wrapper inside a wrapper, and each takes the time axis apart; expected a module for one "
                    "step. Wrap the whole network once."
                )
            if isinstance(module, (BaseNode, SeqToANNContainer, MultiStepContainer)):
                raise TypeError(
                    f"SNNWrapper: {type(module).__name__} handles time itself, and here all steps are one batch. "
                    "fractional.to_fractional(model, alpha) makes a fractional network of a spiking one; or use "
                    "fractional.LIFNeuron for neurons, and nn.Sequential for such a container."
                )
        if not self.neurons:
            raise ValueError(
                "SNNWrapper: no neurons inside; expected at least one fractional neuron, such as LIFNeuron()."
            )

    @property
    def neurons(self) -> list[BaseNeuron]:
        """The neurons of the wrapped module, in order."""
        return [m for m in self.base.modules() if isinstance(m, BaseNeuron)]

    def _first_alpha(self) -> Parameter:
        values = _orders.flat(self._orders.alpha, self._learned[0])
        if self.compat:
            return Parameter(values.astype(np.float32))
        off = (1.0 - np.clip(values, LEAST * 1.1, NEAR_ONE)) / (1.0 - LEAST)
        raw = np.log1p(-off) - np.log(off)
        return Parameter(np.float32(raw[0]) if self._shared else raw.astype(np.float32))

    def get_per_layer_alpha(self) -> list[Tensor]:
        """Return the orders of each layer, (terms,), with a gradient where they are learned."""
        if not isinstance(self.alpha, Parameter):
            return [Tensor(np.array(a, np.float32)) for a in self._orders.alpha]
        value = self.alpha if self.compat else 1.0 - (1.0 - LEAST) * F.sigmoid(-self.alpha)
        if self._shared:
            return [value.reshape(1)] * len(self.neurons)
        return self._dealt(value, self._orders.alpha, self._learned[0])

    def get_per_layer_coefficient(self) -> list[Tensor]:
        """Return the factors of each layer's orders, (terms,), with a gradient where they are learned."""
        if self.coefficient is None:
            return [Tensor(np.array(c, np.float32)) for c in self._orders.coefficients]
        value = self.coefficient if self.compat else F.exp(self.coefficient)
        return self._dealt(value, self._orders.coefficients, self._learned[1])

    @staticmethod
    def _dealt(value: Tensor, fixed: _orders.Lists, learned: list[bool]) -> list[Tensor]:
        out, at = [], 0
        for numbers, learns in zip(fixed, learned, strict=True):
            out.append(value[at : at + len(numbers)] if learns else Tensor(np.array(numbers, np.float32)))
            at += len(numbers) if learns else 0
        return out

    def _set_neuron_shapes(self, input_shape: Any = None) -> None:
        """Do nothing: shapes are those of the input. spikeDE needs this call before the first forward."""

    def _method(self, method: str | None) -> str:
        name = self.method if method is None else method
        if name not in STAGES:
            name = str(name).removesuffix("-f").removesuffix("-o")  # spikeDE's names for its adjoints
        known = tuple(SCHEMES)
        if self.compat:
            known = ("euler",) if self.integrator.startswith("odeint") else _compat.METHODS[1:]
        elif self.integrator.startswith("odeint"):
            known += tuple(STAGES)
        if method is None and self.compat and self.integrator.startswith("odeint"):
            name = "euler"
        return _check.one_of(name, known, f"SNNWrapper with integrator {self.integrator!r}", "method")

    def forward(
        self, x: Any, x_time: Any = None, output_time: Any = None, method: str | None = None, options: Any = None
    ) -> Any:
        """Solve the network and return what the module puts out, (T, B, ...).

        Args:
            x: (T, B, ...); sample k is the input over (x_time[k - 1], x_time[k]].
            x_time: (T,), increasing; default 0, 1, 2, ... If it is not even, ``options["step_size"]`` is needed.
            output_time: (K,), increasing; default x_time. Output k is the sum of those of all steps in
                (output_time[k - 1], output_time[k]]: the number of spikes where the module ends with a neuron, else the
                integral of what it puts out, in units of `spike_width`.
            method: "gl" (Grünwald-Letnikov with the leak where its sum belongs, order 1, at alpha = 1 order 2), "l1" (implicit
                L1), "trap" and "pred" (fractional trapezoid, order min(2, 1 + alpha), x on lines between the steps), "glmulti"
                (the same as "gl"; with several terms the leak is implicit), or "exact" (exact for
                an input that is constant over each step). All are stable at any step for built-in neurons, whose leak is
                solved in closed form. With integrator "odeint" also "euler", "midpoint", "heun" and "rk4". Default: what was
                said when the wrapper was made, "gl".
            options: "step_size", the step h to solve with, a part of the step of x_time; "memory": None or -1 for all steps, M
                for the last M, "exponentials" for a sum of exponentials with an error of at most 1e-4.

        Returns:
            (T, B, ...), or (K, B, ...); without the time axis where a `ClassificationHead` has taken its mean.

        Raises:
            ValueError: shapes or times that do not fit, unknown names.
        """
        x = as_tensor(x)
        if x.ndim < 2 or 0 in x.shape[:2]:
            raise ValueError(f"SNNWrapper: expected an input (T, B, ...) with T, B >= 1, got shape {x.shape}.")
        if not isinstance(options, (dict, type(None))):
            raise TypeError(f"SNNWrapper: options must be a dict, got {options!r}; expected keys {', '.join(OPTIONS)}.")
        settings = {} if options is None else dict(options)
        for key in settings:
            _check.one_of(key, OPTIONS, "SNNWrapper", "option")
        name, times = self._method(method), times_of(x_time, x.shape[0], "x_time")
        grid = self._grid(times, output_time, settings.get("step_size"))
        if grid.times.size != x.shape[0] or np.any(np.abs(grid.times - times) > 0.5 * grid.step):
            x = interpolate(x, times, grid.times, self.interpolation_method)
        layers = self._layers(name, grid.step, settings.get("memory"))
        sequence = Sequence(x.shape[0], x.shape[1], layers, self._width(times, grid.step))
        with run(sequence), _single_step(self.base), _in_sequence(self.base, sequence.steps):
            out = self.base(x.reshape(sequence.steps * sequence.batch, *x.shape[2:]))
        return _unfolded(out, sequence, grid)

    def _grid(self, times: np.ndarray, output_time: Any, step_size: Any) -> Grid:
        if not self.compat:
            return grid_of(times, output_time, step_size)
        if output_time is not None:
            raise ValueError("SNNWrapper: with compat, outputs are those of x_time; leave output_time out.")
        h = float(times[1] - times[0]) if times.size > 1 else float(step_size or 1.0)
        if np.any(np.abs(np.diff(times) - h) > EVEN * h):
            raise ValueError(
                f"SNNWrapper: with compat, x_time must be even, got steps from {np.diff(times).min()} to "
                f"{np.diff(times).max()}; spikeDE solves such a grid with its last step. Leave compat out."
            )
        return Grid(times, h, None, times.size)

    def _width(self, times: np.ndarray, step: float) -> float:
        """Return how many steps a spike lasts."""
        width = self.spike_width
        if self.compat or (width is None and times.size < 2):
            return 1.0
        steps = float(((times[-1] - times[0]) / (times.size - 1) if width is None else width) / step)
        return float(round(steps)) if abs(steps - round(steps)) < 1e-6 * steps and steps > 0.5 else steps

    def _layers(self, method: str, step: float, memory: Any) -> dict[int, Layer]:
        memory = check_memory(memory)
        if self.compat and memory == "exponentials":
            raise ValueError("SNNWrapper: with compat, memory is a number of steps, got 'exponentials'.")
        out: dict[int, Layer] = {}
        alphas = self.get_per_layer_alpha() if isinstance(self.alpha, Parameter) else self._orders.alpha
        factors: Any = self._orders.coefficients if self.coefficient is None else self.get_per_layer_coefficient()
        for neuron, alpha, factor in zip(self.neurons, alphas, factors, strict=True):
            a, c = (v if isinstance(v, Tensor) and v.requires_grad else _numbers(v) for v in (alpha, factor))
            if self.integrator.startswith("odeint") and not self.compat:
                a, c = np.ones(1), np.ones(1)
            out[id(neuron)] = Layer(method, a, c, step, memory)
        return out

    def extra_repr(self) -> str:
        return f"integrator={self.integrator!r}, method={self.method!r}" + (", compat=True" if self.compat else "")


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values.numpy() if isinstance(values, Tensor) else values, np.float64)


def _unfolded(out: Any, sequence: Sequence, grid: Grid) -> Any:
    """(steps · B, ...) → (outputs, B, ...)."""
    if isinstance(out, tuple):
        return tuple(_unfolded(part, sequence, grid) for part in out)
    if not sequence.has_time:
        return out
    spikes = sequence.spikes_of(out)
    sums = sequence.unfold(as_tensor(out) if spikes is None else spikes, "SNNWrapper")
    if grid.bins is not None:
        sums = _summed(sums, grid.bins, grid.outputs)
    return sums if sequence.width == 1.0 or spikes is not None else sums / sequence.width


def _summed(out: Tensor, bins: np.ndarray, outputs: int) -> Tensor:
    """(steps, B, ...) → (outputs, B, ...)."""
    counts = np.bincount(bins, minlength=outputs)
    if counts.size == outputs and np.all(counts == counts[0]):
        return out.reshape(outputs, int(counts[0]), *out.shape[1:]).sum(axis=1)
    picks = (np.arange(outputs)[:, None] == bins).astype(np.float32)
    return F.matmul(Tensor(picks), out.reshape(out.shape[0], -1)).reshape(outputs, *out.shape[1:])
