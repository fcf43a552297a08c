"""Functions without state, with the names of ``torch.nn.functional``, NumPy and SpikingJelly.

They take tensors and anything that NumPy can read, and return tensors.
"""

from grillyx.functional._elementwise import (
    abs,
    add,
    astype,
    ceil,
    clip,
    cos,
    divide,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    gelu,
    greater,
    greater_equal,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    neg,
    not_equal,
    power,
    reciprocal,
    relu,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from grillyx.functional._encode import latency_encode, poisson_encode, weighted_phase_encode
from grillyx.functional._loss import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss
from grillyx.functional._nn import dropout, linear, matmul
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
    zeros_like,
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

__all__ = [name for name in dir() if not name.startswith("_")]
