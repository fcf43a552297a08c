"""The engine: devices, buffers, kernels and the stream. It knows nothing of gradients or layers."""
