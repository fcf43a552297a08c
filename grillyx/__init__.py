"""Train and run spiking neural networks on any GPU, through Vulkan, from NumPy."""

from grillyx import functional, graph, learning, nn, ode, optim
from grillyx.autograd import Tensor, enable_grad, is_grad_enabled, no_grad
from grillyx.engine.compile import ShaderError
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device, devices, empty_cache, synchronize, use_device
from grillyx.engine.errors import DeviceClosedError, DeviceLostError, NoDeviceError
from grillyx.io import load, save
from grillyx.random import manual_seed, rand, randn

__version__ = "0.1.0"
__all__ = [
    "DeviceClosedError", "DeviceLostError", "NoDeviceError", "ShaderError", "Tensor", "counters", "current_device",
    "devices", "empty_cache", "enable_grad", "functional", "graph", "is_grad_enabled", "learning", "load",
    "manual_seed", "nn", "no_grad", "ode", "optim", "rand", "randn", "save", "synchronize", "use_device",
]  # fmt: skip
