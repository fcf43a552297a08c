"""Models of torch, which is never imported here: who has one to convert has it loaded."""

from __future__ import annotations

from typing import Any

from grillyx import nn
from grillyx.convert._fx import Tracer
from grillyx.convert._leaves import Leaves, check_hooks, is_module, kind


def from_torch(module: Any) -> nn.Module:
    """Return a torch module as a module of this library, with the same weights under the same names.

    A layer becomes the layer of the same name, and an ``nn.Sequential`` of such layers an `nn.Sequential`. Any other module
    is traced with ``torch.fx``, in evaluation mode, and becomes a `GraphModule`. Whether each part is training, and which
    parameters learn, is taken over; weights become float32. A layer that is used at two places stays one if it has
    weights, and otherwise becomes two. Parts that `forward` does not use are left out.

    Args:
        module: an ``nn.Module`` of torch, on any of its devices. It is not changed.

    Raises:
        ValueError: a layer, an argument or an operation is not possible here, or `forward` cannot be traced; the message
            names its place in the model.
        TypeError: no module of torch.
    """
    if not is_module(module):
        raise TypeError(f"from_torch: expected a torch nn.Module, got {type(module).__name__}.")
    leaves = Leaves()
    return _chain(module, "", leaves) if _plain(module) else Tracer(module, leaves).graph()


def _plain(module: Any) -> bool:
    """Tell whether a model is a layer, or nested ``nn.Sequential`` of layers."""
    return all(map(_plain, module.children())) if kind(module) == "Sequential" else bool(kind(module))


def _chain(module: Any, path: str, leaves: Leaves) -> nn.Module:
    if kind(module) != "Sequential":
        return leaves.layer(module, path)
    check_hooks(module, path)
    parts = {name: _chain(part, f"{path}.{name}".lstrip("."), leaves) for name, part in module._modules.items()}
    numbered = list(parts) == [str(k) for k in range(len(parts))]
    out = nn.Sequential(*parts.values()) if numbered else nn.Sequential(parts)
    out.training = bool(module.training)
    return out
