"""Which functions and methods of torch a traced model may call, and with which arguments."""

from __future__ import annotations

_DROPOUT = ("p", "training", "inplace")
_POOL = ("kernel_size", "stride", "padding")

# a function or method that is a layer: the layer, and the names of the arguments behind the input
LAYER_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "adaptive_avg_pool2d": ("AdaptiveAvgPool2d", ("output_size",)),
    "avg_pool2d": ("AvgPool2d", (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")),
    "dropout": ("Dropout", _DROPOUT),
    "dropout2d": ("Dropout2d", _DROPOUT),
    "elu": ("ELU", ("alpha", "inplace")),
    "gelu": ("GELU", ("approximate",)),
    "hardtanh": ("Hardtanh", ("min_val", "max_val", "inplace")),
    "interpolate": (
        "Upsample",
        ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    ),
    "leaky_relu": ("LeakyReLU", ("negative_slope", "inplace")),
    "log_softmax": ("LogSoftmax", ("dim", "_stacklevel", "dtype")),
    "max_pool2d": ("MaxPool2d", (*_POOL, "dilation", "ceil_mode", "return_indices")),
    "relu": ("ReLU", ("inplace",)),
    "relu6": ("ReLU6", ("inplace",)),
    "sigmoid": ("Sigmoid", ()),
    "silu": ("SiLU", ("inplace",)),
    "softmax": ("Softmax", ("dim", "_stacklevel", "dtype")),
    "softplus": ("Softplus", ("beta", "threshold")),
    "tanh": ("Tanh", ()),
}
# arguments that change nothing here, whatever they are; and others with the one value that changes nothing
IGNORED = ("inplace", "_stacklevel")
NEUTRAL = {"dtype": None, "antialias": False, "training": False, "alpha": 1, "rounding_mode": None, "out": None}

# functions that take weights: the layer, and the names of the arguments behind input, weight and bias
_CONV = ("stride", "padding", "dilation", "groups")
WEIGHT_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "linear": ("Linear", ()),
    "conv1d": ("Conv1d", _CONV),
    "conv2d": ("Conv2d", _CONV),
}

ARITHMETIC = {
    "add": "add", "iadd": "add", "sub": "sub", "subtract": "sub", "isub": "sub", "mul": "mul", "multiply": "mul",
    "imul": "mul", "div": "div", "divide": "div", "true_divide": "div", "truediv": "div", "itruediv": "div",
}  # fmt: skip
SAME = ("clone", "contiguous", "float")  # the tensor itself, as far as values go

# functions of the graph: the names of the arguments behind the input, and their defaults; ... must be given
SHAPE_CALLS: dict[str, dict[str, object]] = {
    "flatten": {"start_dim": 0, "end_dim": -1},
    "mean": {"dim": None, "keepdim": False, "dtype": None},
    "sum": {"dim": None, "keepdim": False, "dtype": None},
    "squeeze": {"dim": None},
    "unsqueeze": {"dim": ...},
    "transpose": {"dim0": ..., "dim1": ...},
    "swapaxes": {"axis0": ..., "axis1": ...},
}
VIEWS = ("contiguous", "detach", "dropout", "dropout2d", "float", "flatten", "permute", "reshape", "squeeze", "swapaxes",
         "transpose", "unsqueeze", "view", "getitem")  # fmt: skip
VIEW_LAYERS = ("Dropout", "Dropout2d", "Flatten", "Identity")
