"""Batch norms in evaluation are a factor and an offset for each channel, which the layer before can take up."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx import nn
from grillyx.convert._swap import swap
from grillyx.convert._trace import Call, Trace
from grillyx.nn import Parameter


def affine_of(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (factor, offset), (C,) each, of a batch norm in evaluation; in float64."""
    mean, var = (np.float64(v.numpy()) for v in (norm.running_mean, norm.running_var))
    factor = (1.0 if norm.weight is None else np.float64(norm.weight.numpy())) / np.sqrt(var + norm.eps)
    return factor, (0.0 if norm.bias is None else np.float64(norm.bias.numpy())) - mean * factor


def fuse(trace: Trace) -> list[tuple[str, str]]:
    """Fuse each batch norm into the layer whose whole output it takes, if both are called once.

    An Identity takes the norm's place in the model and in the trace; returns (path of the layer, path of the norm).
    """
    out, new = [], {}
    calls = trace.calls
    for call in calls:
        if not isinstance(call.module, (nn.BatchNorm1d, nn.BatchNorm2d)) or call.direct is None or call.direct < 0:
            continue
        before = calls[call.direct]
        uses = sum(call.direct in c.sources for c in calls) + (call.direct in trace.output)
        once = all(sum(c.module is m for c in calls) == 1 for m in (before.module, call.module))
        if uses == 1 and once and _fits(before, call):
            _take_up(before.module, *affine_of(call.module))
            taken = nn.Identity()
            new[id(call.module)] = trace.layers[call.path] = taken
            call.module = taken
            out.append((before.path, call.path))
    swap(trace.model, new)
    return out


def _fits(before: Call, norm: Call) -> bool:
    # behind a Linear on (N, L, F) the channels of the norm are not the features
    plain = isinstance(before.module, nn.Linear) and len(norm.input_shape) == 2
    return plain or isinstance(before.module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d))


def _take_up(layer: Any, factor: np.ndarray, offset: np.ndarray) -> None:
    w = layer.weight.numpy().astype(np.float64)
    if isinstance(layer, nn.ConvTranspose2d):  # (in, out / groups, kernel)
        split = w.reshape(layer.groups, -1, *w.shape[1:])
        w = (split * factor.reshape(layer.groups, 1, -1, 1, 1)).reshape(w.shape)
    else:
        w = w * factor.reshape(-1, *(1,) * (w.ndim - 1))
    bias = 0.0 if layer.bias is None else layer.bias.numpy().astype(np.float64)
    layer.weight = Parameter(w.astype(np.float32), layer.weight.requires_grad)
    layer.bias = Parameter((bias * factor + offset).astype(np.float32), layer.weight.requires_grad)
