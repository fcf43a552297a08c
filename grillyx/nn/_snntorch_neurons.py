"""snnTorch's neurons, with its names, defaults and equations, their state kept inside as in the other neurons.

They fire where ``v > threshold`` (a tie does not fire), keep what they fired on in `v`, and are reset at the beginning of the
next step: R below is 1 where the membrane after the step before was above the threshold. No gradient passes through R.
"""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._memories import MemoryNode
from grillyx.nn._module import Buffer, Parameter
from grillyx.nn.surrogate import SurrogateFunction

RESETS = ("subtract", "zero", "none")


class _DelayedReset(MemoryNode):
    """What snnTorch's neurons share: the strict threshold, and the reset one step later."""

    def __init__(
        self, beta: Any, threshold: Any, spike_grad: SurrogateFunction | None, learn_beta: bool, learn_threshold: bool,
        reset_mechanism: str, init_hidden: bool, step_mode: str, store_v_seq: bool,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        if not init_hidden:
            raise ValueError(f"{name}: the state is kept inside, got init_hidden={init_hidden!r}; expected True.")
        self.reset_mechanism = reset_mechanism
        super().__init__(_value(threshold, learn_threshold, name, "threshold"), None, spike_grad, True, step_mode,
                         None, store_v_seq)  # fmt: skip
        self.beta = _value(beta, learn_beta, name, "beta")

    @property
    def v_threshold(self) -> Any:
        """Another name of `threshold`."""
        return self.threshold

    @v_threshold.setter
    def v_threshold(self, value: Any) -> None:
        self.threshold = value

    @property
    def mem(self) -> Any:
        """Another name of `v`."""
        return self.v

    def _check_settings(self) -> None:
        super()._check_settings()
        _check.one_of(self.reset_mechanism, RESETS, type(self).__name__, "reset_mechanism")

    def _advance(self, x: Tensor, fired: Tensor | None) -> None:
        """Change the state by one step; `fired` is R, or None where nothing is reset."""
        raise NotImplementedError

    def single_step_forward(self, x: Tensor) -> Tensor:
        self.v = self._state(x.shape)
        fired = None if self.reset_mechanism == "none" else F.greater(self.v, self.threshold).astype("float32")
        self._advance(x, fired)
        return F.spike(self.v - self.threshold, self.surrogate_function.spec, strict=True)

    def extra_repr(self) -> str:
        shown = ", ".join(f"{k}={_shown(getattr(self, k))}" for k in ("alpha", "beta", "threshold") if hasattr(self, k))
        return f"{shown}, reset_mechanism={self.reset_mechanism!r}, step_mode={self.step_mode!r}"


class Leaky(_DelayedReset):
    """Leaky integrate-and-fire with a decay rate:

    | reset_mechanism | |
    |---|---|
    | ``"subtract"`` | ``V = beta V + X - R threshold`` |
    | ``"zero"`` | ``V = beta (1 - R) V + X`` |
    | ``"none"`` | ``V = beta V + X`` |

    Args:
        beta: what is left of the membrane after a step, clipped to [0, 1]; a number, or an array that broadcasts with a
            sample (N, *), one for each neuron.
        threshold: it fires above; a number or an array, likewise.
        spike_grad: the gradient of the step; ``ATan(2)`` by default.
        learn_beta: whether `beta` is a parameter.
        learn_threshold: whether `threshold` is a parameter.
        reset_mechanism: see above.
        init_hidden: True, as the state is kept inside.
        step_mode: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        beta: a parameter, a buffer (arrays), or a number.
        threshold: likewise.
        mem: the membrane, another name of `v`.

    Raises:
        ValueError: NaN, an unknown reset mechanism, `init_hidden` is False.

    Source: Eshraghian et al., "Training spiking neural networks using lessons from deep learning", 2023.
    """

    def __init__(
        self, beta: Any, threshold: Any = 1.0, spike_grad: SurrogateFunction | None = None, *, learn_beta: bool = False,
        learn_threshold: bool = False, reset_mechanism: str = "subtract", init_hidden: bool = True, step_mode: str = "s",
        store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            beta,
            threshold,
            spike_grad,
            learn_beta,
            learn_threshold,
            reset_mechanism,
            init_hidden,
            step_mode,
            store_v_seq,
        )

    def _advance(self, x: Tensor, fired: Tensor | None) -> None:
        before = (1.0 - fired) * self.v if self.reset_mechanism == "zero" and fired is not None else self.v
        v = before * _rate(self.beta) + x
        self.v = v - fired * self.threshold if self.reset_mechanism == "subtract" and fired is not None else v


class Synaptic(_DelayedReset):
    """`Leaky` with a synaptic current, ``I = alpha I + X``:

    | reset_mechanism | |
    |---|---|
    | ``"subtract"`` | ``V = beta V + I - R threshold`` |
    | ``"zero"`` | ``V = (1 - R) (beta V + I)`` |
    | ``"none"`` | ``V = beta V + I`` |

    Args:
        alpha: what is left of the current after a step, clipped to [0, 1]; as `beta`.
        beta: see `Leaky`.
        threshold: see `Leaky`.
        spike_grad: see `Leaky`.
        learn_alpha: whether `alpha` is a parameter.
        learn_beta: whether `beta` is a parameter.
        learn_threshold: see `Leaky`.
        reset_mechanism: see above.
        init_hidden: see `Leaky`.
        step_mode: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        syn: the current I after the last call, (N, *); at first 0.0.
        mem: the membrane, another name of `v`.

    Raises:
        ValueError: as `Leaky`.
    """

    _memories = (("syn", 0.0),)
    syn: Any

    def __init__(
        self, alpha: Any, beta: Any, threshold: Any = 1.0, spike_grad: SurrogateFunction | None = None, *,
        learn_alpha: bool = False, learn_beta: bool = False, learn_threshold: bool = False,
        reset_mechanism: str = "subtract", init_hidden: bool = True, step_mode: str = "s", store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            beta,
            threshold,
            spike_grad,
            learn_beta,
            learn_threshold,
            reset_mechanism,
            init_hidden,
            step_mode,
            store_v_seq,
        )
        self.alpha = _value(alpha, learn_alpha, type(self).__name__, "alpha")

    def _advance(self, x: Tensor, fired: Tensor | None) -> None:
        self.syn = _rate(self.alpha) * self.syn + x
        v = self.v * _rate(self.beta) + self.syn
        if fired is not None:
            v = v - fired * self.threshold if self.reset_mechanism == "subtract" else (1.0 - fired) * v
        self.v = v


class Alpha(_DelayedReset):
    """A membrane that follows an alpha function, the difference of two exponentials:
    ``V = c (E + I)``, ``c = log(alpha) / (log(beta) - log(alpha)) + 1``, with ``e = alpha E + X`` and ``i = beta I - X``.

    | reset_mechanism | |
    |---|---|
    | ``"zero"`` | E = (1 - R) e, I = (1 - R) i, V = (1 - R) c (e + i) |
    | ``"subtract"`` | E = e - R threshold, I = (1 - R) i, V = c (e + i) + R I of the step before |
    | ``"none"`` | E = e, I = i, V = c (e + i) |

    Args:
        alpha: what is left of E after a step; above `beta`, at most 1.
        beta: what is left of I after a step, in (0, 1).
        threshold: see `Leaky`.
        spike_grad: see `Leaky`.
        learn_alpha: whether `alpha` is a parameter.
        learn_beta: whether `beta` is a parameter.
        learn_threshold: see `Leaky`.
        reset_mechanism: see above.
        init_hidden: see `Leaky`.
        step_mode: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        syn_exc: E after the last call, (N, *); at first 0.0.
        syn_inh: I, likewise.
        mem: the membrane, another name of `v`.

    Raises:
        ValueError: alpha is not above beta, or they are out of range; as `Leaky`.
    """

    _memories = (("syn_exc", 0.0), ("syn_inh", 0.0))
    syn_exc: Any
    syn_inh: Any

    def __init__(
        self, alpha: Any, beta: Any, threshold: Any = 1.0, spike_grad: SurrogateFunction | None = None, *,
        learn_alpha: bool = False, learn_beta: bool = False, learn_threshold: bool = False, reset_mechanism: str = "zero",
        init_hidden: bool = True, step_mode: str = "s", store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        high, low = autograd.to_numpy(alpha), autograd.to_numpy(beta)
        if not ((low > 0.0).all() and (high > low).all() and (high <= 1.0).all()):
            raise ValueError(f"Alpha: needs 0 < beta < alpha <= 1, got alpha={alpha} and beta={beta}.")
        super().__init__(
            beta,
            threshold,
            spike_grad,
            learn_beta,
            learn_threshold,
            reset_mechanism,
            init_hidden,
            step_mode,
            store_v_seq,
        )
        self.alpha = _value(alpha, learn_alpha, type(self).__name__, "alpha")

    def _advance(self, x: Tensor, fired: Tensor | None) -> None:
        alpha, beta = _rate(self.alpha), _rate(self.beta)
        a, b = (math.log(r) if isinstance(r, float) else F.log(r) for r in (alpha, beta))
        exc, inh = alpha * self.syn_exc + x, beta * self.syn_inh - x
        v = (a / (b - a) + 1.0) * (exc + inh)
        if fired is None:
            self.syn_exc, self.syn_inh, self.v = exc, inh, v
        elif self.reset_mechanism == "zero":
            left = 1.0 - fired
            self.syn_exc, self.syn_inh, self.v = left * exc, left * inh, left * v
        else:
            v = v + fired * self.syn_inh
            self.syn_exc, self.syn_inh, self.v = exc - fired * self.threshold, (1.0 - fired) * inh, v


def _value(value: Any, learned: bool, name: str, what: str) -> Any:
    """Return a parameter, a buffer for an array, or a number."""
    host = autograd.to_numpy(value)
    if host.size == 0 or not (abs(host) < math.inf).all():
        raise ValueError(f"{name}: {what} must be finite, got {value!r}.")
    return Parameter(host) if learned else float(host) if host.ndim == 0 else Buffer(host)


def _rate(value: Any) -> Any:
    return F.clip(value, 0.0, 1.0) if isinstance(value, Tensor) else min(max(float(value), 0.0), 1.0)


def _shown(value: Any) -> str:
    return f"{type(value).__name__}{value.shape}" if isinstance(value, Tensor) else repr(value)
