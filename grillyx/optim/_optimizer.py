"""`Optimizer`: parameter groups, gradients and state; what all optimizers share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from grillyx.autograd import Tensor, as_tensor, enable_grad, settle
from grillyx.engine.array import FLOAT, Array
from grillyx.ops.optim import end_step
from grillyx.ops.pointwise import cast
from grillyx.ops.shape import fill
from grillyx.optim import _state

Params = Iterable[Tensor] | Iterable[dict[str, Any]]
Check = Callable[[Any, str, str], Any]
_KEPT = ("name", "initial_lr", "max_lr", "min_lr")  # in groups, besides options: the last three by schedules


class Optimizer:
    """Changes parameters by their gradients. A new optimizer needs a table of options and `_update`, as in ``_sgd.py``.

    Args:
        params: an iterable of tensors that require a gradient, such as ``model.parameters()``, or of dicts, each with
            ``"params"`` and the options that differ for them.
        defaults: the options of all groups that do not set them.

    Attributes:
        param_groups: one dict a group: ``"params"``, a list of tensors, and the options, which may be changed between
            steps.
        state: for each parameter, a dict of what the optimizer keeps for it: tensors, and the number of steps.
        defaults: the options as given.

    Raises:
        TypeError: no tensors, or an option of a wrong type.
        ValueError: no parameters, one that is given twice, is the result of an op or requires no gradient; an option
            out of range.
    """

    _options: ClassVar[Mapping[str, Check]] = {}  # name → check; the check returns what to keep
    _moments: ClassVar[tuple[str, ...]] = ()  # names of the arrays in `state`, each of its parameter's shape
    _counts_steps: ClassVar[bool] = False  # whether `state` has a "step"

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        self.name = type(self).__name__
        self.defaults = self._checked(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        found = self._listed(params)
        if not found:
            raise ValueError(
                f"{self.name}: no parameters, got an empty {type(params).__name__}; expected at least one tensor. Pass "
                "model.parameters(); a generator gives its tensors only once."
            )
        if isinstance(found[0], dict):
            for group in found:
                self.add_param_group(group)
        else:
            self.add_param_group({"params": found})

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Array]) -> None:
        """Change some parameters of a group, all with gradients, in place."""
        raise NotImplementedError

    def _check_group(self, group: dict[str, Any]) -> None:
        """Raise ValueError if checked options do not go together."""

    def _needed(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the state that a parameter of this group cannot do without, once it has any."""
        return ()

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with those that this class knows checked and converted."""
        out = dict(options)
        for key, check in self._options.items():
            out[key] = check(out[key], self.name, key)
        self._check_group(out)
        return out

    def _listed(self, params: Any) -> list[Any]:
        if isinstance(params, (Tensor, dict, str, set, frozenset)):
            unordered = isinstance(params, (set, frozenset))
            hint = "The order of a set changes from run to run." if unordered else "Put it in a list."
            raise TypeError(
                f"{self.name}: params must be an ordered iterable, got a {type(params).__name__}; expected a list of "
                f"tensors or of dicts. {hint}"
            )
        try:
            return list(params)
        except TypeError:
            raise TypeError(
                f"{self.name}: params must be an iterable, got {type(params).__name__}; expected tensors or dicts. "
                "Pass model.parameters()."
            ) from None

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters, with options of their own or else the defaults.

        Args:
            param_group: ``{"params": tensors, option: value, …}``; a ``"name"`` and what schedules keep there may be
                among them.

        Raises:
            TypeError, ValueError: as the class itself; nothing is added.
        """
        if not isinstance(param_group, Mapping):
            raise TypeError(
                f"{self.name}: a parameter group must be a dict, got {type(param_group).__name__}; expected "
                '{"params": tensors, ...}. Do not mix groups and tensors in one list.'
            )
        if "params" not in param_group:
            raise ValueError(
                f'{self.name}: a parameter group lacks "params", got the keys {sorted(param_group)}; expected '
                '{"params": tensors, ...}.'
            )
        self._check_keys(param_group)
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else self._listed(params)
        known = {id(p.array.storage) for group in self.param_groups for p in group["params"]}
        for p in params:
            self._check_parameter(p)
            if id(p.array.storage) in known:
                raise ValueError(
                    f"{self.name}: a parameter is given twice, got one of shape {p.shape} again; expected each tensor, "
                    "and the memory of each, once. Leave out the repetition, also where modules share it."
                )
            known.add(id(p.array.storage))
        self.param_groups.append(self._checked({**self.defaults, **param_group, "params": params}))

    def _check_keys(self, group: Mapping[str, Any]) -> None:
        known = ("params", *self.defaults, *_KEPT)
        for key in group:
            if key not in known:
                close = get_close_matches(str(key), known, 1)
                raise ValueError(
                    f"{self.name}: a parameter group has an unknown option, got {key!r}; expected {', '.join(self.defaults)}."
                    + (f" Did you mean {close[0]!r}?" if close else "")
                )

    def _check_parameter(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            hint = ", not model.named_parameters()" if isinstance(p, tuple) else ""
            raise TypeError(
                f"{self.name}: can only change tensors, got {type(p).__name__}; expected grillyx.Tensor. Pass "
                f"model.parameters(){hint}."
            )
        if not p.is_leaf:
            raise ValueError(
                f"{self.name}: cannot change the result of an op, got one of shape {p.shape}; expected a tensor that "
                "was made with requires_grad=True. Use .detach() and set requires_grad."
            )
        # a parameter of a module may be frozen, and thawed later; a plain tensor was probably not meant
        if p.dtype != FLOAT or (not p.requires_grad and type(p) is Tensor):
            raise ValueError(
                f"{self.name}: a tensor requires no gradient, got shape {p.shape}, {p.dtype}; expected float32 with "
                "requires_grad=True. Leave it out: [p for p in model.parameters() if p.requires_grad]."
            )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients.

        Args:
            set_to_none: make them None (default), else zeros: an optimizer passes over a parameter whose gradient is
                None, but goes on with momentum and weight decay for one whose gradient is 0.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else Tensor(fill(p.shape, 0.0))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient, in place.

        Args:
            closure: computes the loss and calls ``backward`` again, before the step. Default: none.

        Returns:
            What the closure returned, or None.

        Raises:
            ValueError: a gradient has another shape than its parameter; nothing is changed.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        work = []
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None and p.requires_grad]  # frozen ones stay
            work.append((group, params, [self._gradient(p) for p in params]))
        settle()  # gradients that were put off may depend on the values as they are now
        for group, params, grads in work:
            if params:
                self._update(group, params, grads)
        end_step()
        return loss

    def _gradient(self, p: Tensor) -> Array:
        grad = as_tensor(p.grad)
        if grad.shape != p.shape:
            raise ValueError(
                f"{self.name}: a gradient has the wrong shape, got {grad.shape}; expected {p.shape}, as its parameter. "
                "Set p.grad = None, or to a tensor of the parameter's shape."
            )
        return cast(grad.array, FLOAT)

    def _moment(self, p: Tensor, name: str) -> Array:
        """Return an array of a parameter's state; zeros when it is new."""
        state = self.state[p]
        if state.get(name) is None:
            state[name] = Tensor(fill(p.shape, 0.0))
        return state[name].array

    def _count(self, p: Tensor) -> int:
        """Return the number of this step for a parameter, from 1."""
        state = self.state[p]
        state["step"] = state.get("step", 0) + 1
        return state["step"]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state in torch's layout, with NumPy arrays.

        ``{"state": {0: {"step": …, "exp_avg": …}, …}, "param_groups": [{"lr": …, "params": [0, 1]}, …]}``;
        parameters are numbered in order.
        """
        return _state.pack(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state, of this class or of torch's class of the same name.

        Options and state are replaced; the parameters themselves are not part of it.

        Args:
            state_dict: what `state_dict` gives; arrays may be anything that NumPy can read.

        Raises:
            ValueError: it does not fit; the message lists all that does not, and nothing is changed.
        """
        _state.unpack(self, state_dict)

    def __repr__(self) -> str:
        lines = []
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}: {len(group['params'])} tensors")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([f"{self.name} (", *lines, ")"])
