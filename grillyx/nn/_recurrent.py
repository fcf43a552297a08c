"""LSTM and GRU, with torch's names, defaults, first values and order of the gates."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops import random
from grillyx.ops import recurrent as recurrent_ops
from grillyx.ops.shape import fill

_recurrent = differentiable(recurrent_ops.recurrent)


class _Recurrent(Module):
    kind: str
    states: int  # that are carried along

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.input_size, self.hidden_size = (
            _count(input_size, name, "input_size"),
            _count(hidden_size, name, "hidden_size"),
        )
        self.num_layers = _count(num_layers, name, "num_layers")
        if not 0.0 <= _check.number(dropout, name, "dropout") <= 1.0:
            raise ValueError(f"{name}: dropout is a probability, got {dropout}; expected a value from 0 to 1.")
        self.bias, self.batch_first, self.dropout = bool(bias), bool(batch_first), float(dropout)
        self.bidirectional = bool(bidirectional)
        bound, width = 1.0 / math.sqrt(self.hidden_size), recurrent_ops.GATES[self.kind] * self.hidden_size
        for layer in range(self.num_layers):
            inputs = self.hidden_size * (1 + self.bidirectional) if layer else self.input_size
            for end in self._ends(layer):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (width, inputs),
                    "weight_hh": (width, self.hidden_size),
                }
                shapes |= {"bias_ih": (width,), "bias_hh": (width,)} if bias else {}
                for part, shape in shapes.items():
                    setattr(self, part + end, Parameter(random.uniform(shape, -bound, bound)))

    def _ends(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _run(self, x: Any, states: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the output and the last of each state, both as torch does."""
        x = as_tensor(x)
        name, single = type(self).__name__, x.ndim == 2
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or x.size == 0:
            order = "(N, T, input_size)" if self.batch_first else "(T, N, input_size)"
            raise ValueError(
                f"{name}: wrong input, got shape {x.shape}; expected {order} or (T, input_size) with input_size "
                f"{self.input_size}, and no axis of length 0."
            )
        axis = 0 if self.batch_first else 1
        x = F.expand_dims(x, 1) if single else F.swapaxes(x, 0, 1) if self.batch_first else x
        count, batch = self.num_layers * (1 + self.bidirectional), x.shape[1]
        shape = (count, self.hidden_size) if single else (count, batch, self.hidden_size)
        if states is None:
            states = [Tensor(fill(shape, 0.0))] * self.states
        for state in states:
            if state.shape != shape:
                raise ValueError(f"{name}: a first state has the wrong shape, got {state.shape}; expected {shape}.")
        states = [s.astype("float32").reshape(count, batch, self.hidden_size) for s in states]
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outs = []
            for end in self._ends(layer):
                y, *after = self._direction(x, [s[len(last)] for s in states], end)
                outs.append(y)
                last.append(tuple(after[: self.states]))
            x = outs[0] if len(outs) == 1 else F.concatenate(outs, 2)
            if self.dropout and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        x = F.squeeze(x, 1) if single else F.swapaxes(x, 0, axis + 1) if self.batch_first else x
        return x, [F.stack(parts).reshape(shape) for parts in zip(*last, strict=True)]

    def _direction(self, x: Tensor, states: list[Tensor], end: str) -> tuple[Tensor, ...]:
        w_ih, w_hh = (getattr(self, part + end) for part in ("weight_ih", "weight_hh"))
        b_ih, b_hh = (getattr(self, part + end) if self.bias else None for part in ("bias_ih", "bias_hh"))
        if self.kind == "lstm" and b_ih is not None and b_hh is not None:  # both are only added
            b_ih, b_hh = b_ih + b_hh, None
        gx = F.linear(x, w_ih, b_ih)
        h, c = states[0], states[1] if self.states > 1 else None
        return _recurrent(gx, h, c, w_hh, b_hh, kind=self.kind, reverse=end.endswith("reverse"))

    def extra_repr(self) -> str:
        named = ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0), ("bidirectional", False)
        changed = [f", {k}={getattr(self, k)}" for k, usual in named if getattr(self, k) != usual]
        return f"{self.input_size}, {self.hidden_size}{''.join(changed)}"


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997): ``c' = f c + i g; h' = o tanh(c')``.

    The gates i, f, o are sigmoids, and g is a tanh, of ``weight_ih @ x + bias_ih + weight_hh @ h + bias_hh``.

    Args:
        input_size: length of the last axis of the input.
        hidden_size: H, length of the states.
        num_layers: layers one on the other.
        bias: whether there are biases.
        batch_first: whether input and output are (N, T, *); by default (T, N, *). States are not concerned.
        dropout: chance with which an output of a layer, but of the last, is set to 0 while training.
        bidirectional: whether each layer runs also from the last step to the first, and both outputs stand together.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: (4 H, input), (4 H, H), (4 H,), (4 H,), gates in the order i, f, g,
            o; of further layers ``_l1`` and so on, of the way back ``_l0_reverse``. First uniform in ±1 / sqrt(H).
    """

    kind, states = "lstm", 2

    def forward(self, x: Any, hx: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs and the last states.

        Args:
            x: (T, N, input_size), or (T, input_size).
            hx: first states (h, c), each (layers * directions, N, H); 0 by default.

        Returns:
            ``output, (h, c)``: (T, N, directions * H), and states as `hx`.
        """
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise TypeError(f"LSTM: the first states are a pair (h, c), got {type(hx).__name__}.")
        y, (h, c) = self._run(x, None if hx is None else [as_tensor(s) for s in hx])
        return y, (h, c)


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al., 2014): ``h' = (1 - z) n + z h``.

    The gates r and z are sigmoids of ``weight_ih @ x + bias_ih + weight_hh @ h + bias_hh``; in n, a tanh, r is multiplied
    with what comes from h and its bias.

    Args:
        input_size: length of the last axis of the input.
        hidden_size: H, length of the state.
        num_layers: layers one on the other.
        bias: whether there are biases.
        batch_first: whether input and output are (N, T, *); by default (T, N, *). The state is not concerned.
        dropout: chance with which an output of a layer, but of the last, is set to 0 while training.
        bidirectional: whether each layer runs also from the last step to the first, and both outputs stand together.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: (3 H, input), (3 H, H), (3 H,), (3 H,), gates in the order r, z, n;
            of further layers ``_l1`` and so on, of the way back ``_l0_reverse``. First uniform in ±1 / sqrt(H).
    """

    kind, states = "gru", 1

    def forward(self, x: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        """Return the outputs and the last state.

        Args:
            x: (T, N, input_size), or (T, input_size).
            hx: first state (layers * directions, N, H); 0 by default.

        Returns:
            ``output, h``: (T, N, directions * H), and the state as `hx`.
        """
        y, (h,) = self._run(x, None if hx is None else [as_tensor(hx)])
        return y, h
