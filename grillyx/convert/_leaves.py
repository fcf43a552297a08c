"""Layers of torch as layers of this library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.convert._layers import LAYERS, build

_TORCH = "torch.nn.modules."
_OWN = ("forward", "_conv_forward", "__call__")  # what a subclass that computes something else defines


def is_module(module: Any) -> bool:
    """Tell whether something is an ``nn.Module`` of torch."""
    return any(c.__module__.startswith("torch.nn.") for c in type(module).__mro__) and not isinstance(module, type)


def kind(module: Any) -> str:
    """Return the name of the class of torch's that says what a module computes, or '' if it has a forward of its own."""
    for c in type(module).__mro__:
        if c.__module__.startswith(_TORCH):
            return "" if c.__name__ == "Module" or "forward" in vars(module) else c.__name__
        if any(name in vars(c) for name in _OWN):
            return ""
    return ""


def place(path: str, module: Any) -> str:
    """Return how messages name a part of a model."""
    return f"from_torch: {path or 'the model'} ({type(module).__name__})"


class Leaves:
    """Converts the layers of one model; what they share stays shared."""

    def __init__(self) -> None:
        self._shared: dict[int, Any] = {}  # by the id of torch's: parameters, buffers, and layers that have some

    def layer(self, module: Any, path: str) -> nn.Module:
        """Return a layer with the same arguments and weights."""
        if id(module) in self._shared:
            return self._shared[id(module)]
        name, where = kind(module), place(path, module)
        if name not in LAYERS:
            raise ValueError(
                f"{where}: this layer is not supported; expected one of {', '.join(LAYERS)}. Replace it before the "
                "conversion, or convert the parts before and after it."
            )
        check_hooks(module, path)
        spec = LAYERS[name]
        options = {key: getattr(module, key) for key in (*spec.takes, *spec.only) if hasattr(module, key)}
        if "bias" in options:
            options["bias"] = module.bias is not None
        out = build(name, options, where)
        given = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
        own = dict(out._walk(nn.Parameter)) | dict(out._walk(nn.Buffer))
        if set(own) != set(given):
            raise ValueError(f"{where}: got the tensors {sorted(given)}; expected {sorted(own)}.")
        for key, tensor in given.items():
            value = self.tensor(tensor, f"{path}.{key}".lstrip("."), type(own[key]))
            if value.shape != own[key].shape:
                raise ValueError(f"{where}: {key} has the wrong shape, got {value.shape}; expected {own[key].shape}.")
            setattr(out, key, value)
        out.training = bool(module.training)
        if given:
            self._shared[id(module)] = out
        return out

    def tensor(self, tensor: Any, path: str, make: Callable[..., Tensor]) -> Any:
        """Return torch's values as a `Parameter`, a `Buffer`, or a tensor that is not saved."""
        if id(tensor) not in self._shared:
            host = values(tensor, path)
            learns = (bool(tensor.requires_grad),) if make is nn.Parameter else ()
            self._shared[id(tensor)] = make(host, *learns)
        return self._shared[id(tensor)]


def values(tensor: Any, path: str) -> np.ndarray:
    """Return the values of a tensor of torch on the host, floats as float32."""
    try:
        half = str(tensor.dtype) == "torch.bfloat16"  # NumPy has none
        host = (tensor.float() if half else tensor).detach().cpu().numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ValueError(f"from_torch: {path}: its values cannot be read ({error}).") from error
    if host.dtype.kind not in "fiub":
        raise ValueError(f"from_torch: {path}: expected real numbers, got {host.dtype}.")
    return host.astype(np.float32) if host.dtype.kind == "f" else host


def check_hooks(module: Any, path: str) -> None:
    """Refuse what changes a layer from outside."""
    if getattr(module, "parametrizations", None):
        raise ValueError(
            f"{place(path, module)}: it has parametrizations; make their result the weight, with "
            "torch.nn.utils.parametrize.remove_parametrizations(layer, name)."
        )
    if getattr(module, "_forward_hooks", None) or getattr(module, "_forward_pre_hooks", None):
        raise ValueError(
            f"{place(path, module)}: it has hooks, which may change what it computes; remove them, and those of "
            "weight_norm, spectral_norm or prune with the function for it in torch.nn.utils."
        )
