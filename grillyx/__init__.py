"""Train and run spiking neural networks on any GPU, through Vulkan, from NumPy."""

__version__ = "0.1.0"
