"""Functions without state, with the names of ``torch.nn.functional``, NumPy and SpikingJelly.

They take tensors and anything that NumPy can read, and return tensors.
"""

from grillyx.functional._attention import scaled_dot_product_attention
from grillyx.functional._batch_norm import batch_norm
from grillyx.functional._conv import conv1d, conv2d, conv_transpose2d
from grillyx.functional._elementwise import (
    abs,
    add,
    astype,
    clip,
    divide,
    equal,
    floor_divide,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    neg,
    not_equal,
    power,
    remainder,
    subtract,
    where,
)
from grillyx.functional._encode import latency_encode, poisson_encode, weighted_phase_encode
from grillyx.functional._fractional import fractional_neuron
from grillyx.functional._loss import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss
from grillyx.functional._nn import dropout, embedding, linear, matmul
from grillyx.functional._norms import group_norm, layer_norm, rms_norm
from grillyx.functional._packing import pack_spikes, unpack_spikes
from grillyx.functional._pool import avg_pool2d, max_pool2d
from grillyx.functional._reduce import (
    amax,
    amin,
    argmax,
    argmin,
    log_softmax,
    logsumexp,
    mean,
    softmax,
    std,
    sum,
    var,
)
from grillyx.functional._resize import adaptive_avg_pool2d, interpolate
from grillyx.functional._shape import (
    broadcast_to,
    cat,
    concatenate,
    expand_dims,
    flatten,
    full_like,
    gather,
    getitem,
    one_hot,
    ones_like,
    reshape,
    squeeze,
    stack,
    swapaxes,
    take,
    transpose,
    unstack,
    zeros_like,
)
from grillyx.functional._sparse import (
    attend,
    attention_weights,
    edge_softmax,
    sparse_matmul,
    sparse_reduce,
    sparse_spikes,
    sparse_sum,
)
from grillyx.functional._sparse_dot import sparse_dot, sparse_relu_dot
from grillyx.functional._spike_loss import (
    accuracy_rate,
    accuracy_temporal,
    ce_count_loss,
    ce_max_membrane_loss,
    ce_rate_loss,
    kernel_dot_product,
    mse_count_loss,
    mse_membrane_loss,
    spike_similar_loss,
    temporal_efficient_training_cross_entropy,
)
from grillyx.functional._spiking import (
    detach_net,
    if_step,
    lif_step,
    multi_step_neuron,
    reset_net,
    set_step_mode,
    spike,
)
from grillyx.functional._unary import (
    ceil,
    cos,
    elu,
    erf,
    exp,
    expm1,
    floor,
    gelu,
    hardtanh,
    leaky_relu,
    log,
    log1p,
    reciprocal,
    relu,
    relu6,
    round,
    rsqrt,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)

__all__ = [
    "abs", "accuracy_rate", "accuracy_temporal", "adaptive_avg_pool2d", "add", "amax", "amin", "argmax", "argmin",
    "astype", "attend", "attention_weights", "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits",
    "broadcast_to", "cat", "ce_count_loss", "ce_max_membrane_loss", "ce_rate_loss", "ceil", "clip", "concatenate",
    "conv1d", "conv2d", "conv_transpose2d", "cos", "cross_entropy", "detach_net", "divide", "dropout", "edge_softmax",
    "elu", "embedding", "equal", "erf", "exp", "expand_dims", "expm1", "flatten", "floor", "floor_divide",
    "fractional_neuron", "full_like", "gather", "gelu", "getitem", "greater", "greater_equal", "group_norm", "hardtanh", "if_step",
    "interpolate", "kernel_dot_product", "l1_loss", "latency_encode", "layer_norm", "leaky_relu", "less",
    "less_equal", "lif_step", "linear", "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or",
    "logsumexp", "matmul", "max_pool2d", "maximum", "mean", "minimum", "mse_count_loss", "mse_loss",
    "mse_membrane_loss", "multi_step_neuron", "multiply", "neg", "not_equal", "one_hot", "ones_like", "pack_spikes",
    "poisson_encode", "power", "reciprocal", "relu", "relu6", "remainder", "reset_net", "reshape", "rms_norm",
    "round", "rsqrt", "scaled_dot_product_attention", "set_step_mode", "sigmoid", "sign", "silu", "sin", "softmax",
    "softplus", "sparse_dot", "sparse_matmul", "sparse_reduce", "sparse_relu_dot", "sparse_spikes", "sparse_sum", "spike",
    "spike_similar_loss", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "tanh",
    "temporal_efficient_training_cross_entropy", "transpose", "unpack_spikes", "unstack", "var",
    "weighted_phase_encode", "where", "zeros_like",
]  # fmt: skip
