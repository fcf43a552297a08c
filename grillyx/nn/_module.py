"""`Module`: attributes that are parameters, buffers or modules are found by walking; nothing is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.nn._calls import CALLS, enter, matched, strongly, weakly
from grillyx.nn._parts import Buffer, Handle, IncompatibleKeys, Parameter


class Module:
    """Base of all layers. A subclass makes its parts in ``__init__`` and computes in ``forward``.

    Attributes:
        training: whether layers such as `Dropout` act; see `train` and `eval`.
    """

    training = True
    # a layer that treats each sample by itself and keeps no memory: time steps can share one call
    per_sample = False
    # the tape follows the inputs; encoders have no gradient, and check what comes from the host
    _follows_inputs = True
    _hooks: list[Callable] = []  # never changed: the first hook gives an instance its own list
    _call: Any = None

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output. Every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, ...).")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        outermost = not CALLS.stack
        self._call = None  # lets go of the last step's tensors before new ones are made
        inputs = tuple(enter(x) for x in inputs) if outermost and self._follows_inputs else inputs
        CALLS.stack.append(self)
        try:
            out = self.forward(*inputs, **options)
        finally:
            CALLS.stack.pop()
        # inner modules must not keep tensors alive that the tape no longer needs
        hold = (lambda x: x) if outermost else weakly
        self._call = (hold(inputs), hold(out)) if autograd.is_grad_enabled() else None
        for hook in tuple(self._hooks):
            hook(self, inputs, out)
        return out

    def backward(self, grad: Any) -> Any:
        """Continue the chain rule from the output of the last call.

        Adds to ``grad`` of the parameters, and returns the gradient of the input (a tuple for several inputs),
        which is computed when it is read.

        Args:
            grad: of the output's shape; or without its leading time axis, and then the gradient of the mean over
                time: it is repeated and divided by T. For an output that is a tuple: that of the first part, or a tuple
                with one for each, and None where there is none.

        Raises:
            RuntimeError: there was no call before, or it was made under `no_grad`.
            ValueError: the gradient has another shape.
            TypeError: the output holds something else than tensors.
        """
        name = type(self).__name__
        if self._call is None:
            raise RuntimeError(
                f"{name}.backward: no forward pass to continue from; call the module first, not under no_grad()."
            )
        inputs, out = (strongly(x) for x in self._call)
        pairs = matched(f"{name}.backward", out, grad)
        seeds = [(o, self._seed(g, o)) for o, g in pairs]
        if not any(o.requires_grad or o._tracked for o, _ in seeds):
            raise RuntimeError(
                f"{name}.backward: the last call recorded nothing; no parameter in it learns, and no input holds floats."
            )
        stops = [x for x in inputs if isinstance(x, Tensor)]
        found = autograd.run_backward(seeds, stops)
        return found[0] if len(found) == 1 else tuple(found)

    def _seed(self, grad: Any, output: Tensor) -> Any:
        """Return the gradient to start from, of the output's shape."""
        g = as_tensor(grad)
        if g.shape == output.shape:
            return g.astype(np.float32).array
        if output.ndim > 1 and g.shape == output.shape[1:]:
            return (g / float(output.shape[0])).expand(output.shape).array
        raise ValueError(
            f"{type(self).__name__}.backward: the gradient has the wrong shape, got {g.shape}; expected {output.shape}"
            + (f", or {output.shape[1:]} for the mean over time." if output.ndim > 1 else ".")
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{type(self).__name__}.{name}: a parameter cannot be replaced by {type(value).__name__}; use "
                f"{name}.copy_(values) to change its values, or nn.Parameter(values) for a new one."
            )
        super().__setattr__(name, value)

    # --- walking
    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Yield ``(name, value)`` of the attributes that may hold parameters; containers rename them."""
        yield from ((k, v) for k, v in vars(self).items() if k != "_call")

    def _walk(self, kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield ``(name, value)`` of everything of a kind right in this module, in lists and dicts too."""
        for name, value in self._parts():
            yield from _unfold(kind, prefix + name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield ``(name, module)`` of this module and all inside it, each once."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            stack.extend(reversed(list(module._walk(Module, name + "." if name else ""))))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, path: str) -> Module:
        """Return the module at a path such as ``"layers.0.conv"``; one that stands at several, under the first only.

        Raises:
            AttributeError: there is none.
        """
        found = dict(self.named_modules()).get(path)
        if found is None:
            raise AttributeError(f"{type(self).__name__}: there is no module {path!r}.")
        return found

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield ``(name, module)`` of the modules right in this one."""
        return self._walk(Module)

    def children(self) -> Iterator[Module]:
        """Yield the modules right in this one."""
        return (module for _, module in self.named_children())

    def _named(self, kind: type) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for name, module in self.named_modules():
            for key, value in module._walk(kind, name + "." if name else ""):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield key, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield ``(name, parameter)``, each parameter once."""
        return self._named(Parameter)  # type: ignore[return-value]

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield ``(name, buffer)``, each buffer once."""
        return self._named(Buffer)  # type: ignore[return-value]

    def buffers(self) -> Iterator[Buffer]:
        """Yield the buffers, each once."""
        return (b for _, b in self.named_buffers())

    # --- values
    def _saved(self, prefix: str = "", above: tuple[Module, ...] = ()) -> dict[str, Tensor]:
        """Everything that is saved; what is shared stands under each of its names."""
        out = {name: value for kind in (Parameter, Buffer) for name, value in self._walk(kind, prefix)}
        for name, module in self._walk(Module, prefix):
            if module is not self and module not in above:
                out.update(module._saved(name + ".", (*above, self)))
        return out

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers as NumPy arrays, under torch's names.

        The memory of neurons is not part of it.
        """
        return {name: tensor.numpy() for name, tensor in self._saved().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers; if anything does not fit, nothing is changed.

        Args:
            state_dict: name to array (NumPy, `Tensor`, torch CPU tensor).
            strict: whether missing and unexpected names are an error; wrong shapes always are.

        Raises:
            ValueError: lists every missing, unexpected and misshapen name.
            TypeError: no dict, or a value that is no array of numbers.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"{type(self).__name__}.load_state_dict: expected a dict from name to array, got "
                f"{type(state_dict).__name__}."
            )
        own = self._saved()
        given = {name: _numbers(name, value) if name in own else value for name, value in state_dict.items()}
        missing = [k for k in own if k not in given]
        unexpected = [k for k in given if k not in own]
        misshapen = [
            f"{k}: got {given[k].shape}, expected {own[k].shape}"
            for k in own
            if k in given and given[k].shape != own[k].shape
        ]
        problems = [f"wrong shapes ({'; '.join(misshapen)})"] if misshapen else []
        if strict and missing:
            problems.insert(0, f"missing names ({', '.join(missing)})")
        if strict and unexpected:
            problems.insert(0, f"unexpected names ({', '.join(unexpected)})")
        if problems:
            raise ValueError(f"{type(self).__name__}.load_state_dict: {'; '.join(problems)}. Nothing was changed.")
        for name, value in given.items():
            if name in own:
                own[name].copy_(value)
        return IncompatibleKeys(missing, unexpected)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to 0."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else F.zeros_like(p.grad)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freeze all parameters, or let them learn again."""
        for p in self.parameters():
            p.requires_grad = bool(requires_grad)
        return self

    def train(self, mode: bool = True) -> Module:
        """Set this module and all inside it to training."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Module:
        """Set this module and all inside it to evaluation."""
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call a function on every module inside, then on this one."""
        for module in dict.fromkeys(self.children()):
            module.apply(function)
        function(self)
        return self

    def register_forward_hook(self, hook: Callable[[Module, tuple, Any], Any]) -> Handle:
        """Call ``hook(module, inputs, output)`` after each forward; its result is ignored."""
        if "_hooks" not in vars(self):
            self._hooks = []
        self._hooks.append(hook)
        return Handle(self._hooks, hook)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle takes along: not the last call, whose graph belongs to this one."""
        return {k: v for k, v in vars(self).items() if k not in ("_call", "_last")}

    def extra_repr(self) -> str:
        """Return what stands between the parentheses in ``repr``."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        name, extra = type(self).__name__, self.extra_repr()
        if not lines:
            return f"{name}({extra})"
        return "\n".join([f"{name}(", *([f"  {extra}"] if extra else []), *lines, ")"])


def _unfold(kind: type, name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _unfold(kind, f"{name}.{k}", part)
    elif isinstance(value, dict):
        for k, part in value.items():
            yield from _unfold(kind, f"{name}.{k}", part)


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        host = to_numpy(value)
    except ValueError as error:
        raise ValueError(f"load_state_dict: {name!r} is no array ({error}). Nothing was changed.") from error
    if host.dtype.kind not in "fiub":
        raise TypeError(f"load_state_dict: {name!r} holds no numbers, got {host.dtype}. Nothing was changed.")
    return host
