"""The engine's own errors."""


class NoDeviceError(RuntimeError):
    """No Vulkan driver or no device was found, or the one asked for does not exist."""


class DeviceClosedError(RuntimeError):
    """A tensor was used after its device had been closed."""


class DeviceLostError(RuntimeError):
    """The driver gave up the device while work was running on it."""
