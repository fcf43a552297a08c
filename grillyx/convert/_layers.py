"""Which layers of torch there are here, and which of their arguments are taken over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from grillyx import nn

_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
_ZEROS = {"padding_mode": "zeros"}
_BATCH = ("num_features", "eps", "momentum", "affine", "track_running_stats")


class Spec(NamedTuple):
    """A layer of torch.

    Attributes:
        make: the layer here.
        takes: its arguments, which are attributes of torch's layer.
        only: further attributes of torch's layer, and the one value that is possible here.
    """

    make: Callable[..., nn.Module]
    takes: tuple[str, ...] = ()
    only: Mapping[str, Any] = {}


LAYERS = {
    "AdaptiveAvgPool2d": Spec(nn.AdaptiveAvgPool2d, ("output_size",)),
    "AvgPool2d": Spec(
        nn.AvgPool2d, ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    ),
    "BatchNorm1d": Spec(nn.BatchNorm1d, _BATCH),
    "BatchNorm2d": Spec(nn.BatchNorm2d, _BATCH),
    "Conv1d": Spec(nn.Conv1d, _CONV, _ZEROS),
    "Conv2d": Spec(nn.Conv2d, _CONV, _ZEROS),
    "ConvTranspose2d": Spec(nn.ConvTranspose2d, (*_CONV, "output_padding"), _ZEROS),
    "Dropout": Spec(nn.Dropout, ("p",)),
    "Dropout2d": Spec(nn.Dropout2d, ("p",)),
    "ELU": Spec(nn.ELU, ("alpha",)),
    "Embedding": Spec(
        nn.Embedding,
        ("num_embeddings", "embedding_dim", "padding_idx"),
        {"max_norm": None, "scale_grad_by_freq": False, "sparse": False},
    ),
    "Flatten": Spec(nn.Flatten, ("start_dim", "end_dim")),
    "GELU": Spec(nn.GELU, ("approximate",)),
    "GroupNorm": Spec(nn.GroupNorm, ("num_groups", "num_channels", "eps", "affine")),
    "Hardtanh": Spec(nn.Hardtanh, ("min_val", "max_val")),
    "Identity": Spec(nn.Identity),
    "LayerNorm": Spec(nn.LayerNorm, ("normalized_shape", "eps", "elementwise_affine", "bias")),
    "LeakyReLU": Spec(nn.LeakyReLU, ("negative_slope",)),
    "Linear": Spec(nn.Linear, ("in_features", "out_features", "bias")),
    "LogSoftmax": Spec(nn.LogSoftmax, ("dim",)),
    "MaxPool2d": Spec(
        nn.MaxPool2d, ("kernel_size", "stride", "padding", "dilation", "ceil_mode"), {"return_indices": False}
    ),
    "RMSNorm": Spec(nn.RMSNorm, ("normalized_shape", "eps", "elementwise_affine")),
    "ReLU": Spec(nn.ReLU),
    "ReLU6": Spec(nn.ReLU6),
    "SiLU": Spec(nn.SiLU),
    "Sigmoid": Spec(nn.Sigmoid),
    "Softmax": Spec(nn.Softmax, ("dim",)),
    "Softplus": Spec(nn.Softplus, ("beta", "threshold")),
    "Tanh": Spec(nn.Tanh),
    "Upsample": Spec(
        nn.Upsample, ("size", "scale_factor", "mode", "align_corners"), {"recompute_scale_factor": (None, False)}
    ),
}


def build(name: str, options: Mapping[str, Any], where: str) -> nn.Module:
    """Return a layer with torch's arguments; what is not given has its default, which is torch's.

    Raises:
        ValueError: an argument, or its value, is not possible here.
    """
    spec = LAYERS[name]
    for key, value in options.items():
        possible = spec.only.get(key)
        if key in spec.only and value not in (possible if isinstance(possible, tuple) else (possible,)):
            raise ValueError(f"{where}: {key}={value!r} is not possible here; expected {possible!r}.")
    if name in ("Softmax", "LogSoftmax") and options.get("dim") in (None, 0):
        raise ValueError(
            f"{where}: dim={options.get('dim')!r} is not possible here; expected the axis, other than 0, which holds the samples."
        )
    try:
        return spec.make(**{key: value for key, value in options.items() if key in spec.takes})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error
