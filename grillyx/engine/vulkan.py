"""Ask the Vulkan loader which devices there are, with ctypes alone.

``kp`` crashes the process where no driver is installed, and does not tell limits; so this comes first.
"""

from __future__ import annotations

import ctypes as C
import sys
from ctypes import POINTER, byref, c_char, c_uint8, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar

from grillyx.engine.errors import NoDeviceError

TYPES = {0: "other", 1: "integrated", 2: "discrete", 3: "virtual", 4: "cpu"}
_LIBRARIES = {
    "linux": ("libvulkan.so.1", "libvulkan.so"),
    "darwin": ("libvulkan.1.dylib", "libvulkan.dylib", "libMoltenVK.dylib"),
    "win32": ("vulkan-1.dll",),
}
HOW_TO_INSTALL = (
    "On Debian or Ubuntu: `apt install libvulkan1 mesa-vulkan-drivers` (AMD, Intel, and a CPU driver); "
    "NVIDIA cards need NVIDIA's driver package; on macOS install MoltenVK."
)


@dataclass(frozen=True)
class DeviceInfo:
    """One Vulkan device, as its driver describes it.

    Attributes:
        index: position in Vulkan's own order, the number for ``GRILLYX_DEVICE``.
        name: the driver's name of the device.
        type: ``"discrete"``, ``"integrated"``, ``"virtual"``, ``"cpu"`` or ``"other"``.
        driver: name and version of the driver.
        api: Vulkan version, such as ``"1.3.230"``.
        memory: bytes of the largest memory heap on the device.
        max_buffer: bytes that one buffer may have (``maxStorageBufferRange``).
        max_push: bytes of push constants.
        max_allocations: how many allocations may live at once.
        max_groups: workgroups in the first dimension of a dispatch.
        max_invocations: invocations of a workgroup.
        shared_memory: bytes of shared memory of a workgroup.
        max_bindings: storage buffers that a shader may take.
        subgroup_size: invocations of a subgroup.
        subgroup_shuffle: whether subgroups can shuffle.
    """

    index: int
    name: str
    type: str
    driver: str
    api: str
    memory: int
    max_buffer: int
    max_push: int
    max_allocations: int
    max_groups: int
    max_invocations: int
    shared_memory: int
    max_bindings: int
    subgroup_size: int
    subgroup_shuffle: bool


class _InstanceInfo(C.Structure):
    _fields_: ClassVar[Any] = [
        ("sType", c_uint32), ("pNext", c_void_p), ("flags", c_uint32), ("app", c_void_p),
        ("n_layers", c_uint32), ("layers", c_void_p), ("n_extensions", c_uint32), ("extensions", c_void_p),
    ]  # fmt: skip


class _AppInfo(C.Structure):
    _fields_: ClassVar[Any] = [
        ("sType", c_uint32), ("pNext", c_void_p), ("name", c_void_p), ("version", c_uint32),
        ("engine", c_void_p), ("engine_version", c_uint32), ("api", c_uint32),
    ]  # fmt: skip


class _Limits(C.Structure):
    """The head of VkPhysicalDeviceLimits, in the order of the specification; the tail is padding."""

    _fields_: ClassVar[Any] = [
        ("image_dims", c_uint32 * 5), ("texel_elements", c_uint32), ("uniform_range", c_uint32),
        ("storage_range", c_uint32), ("push_size", c_uint32), ("allocations", c_uint32), ("samplers", c_uint32),
        ("granularity", c_uint64), ("sparse", c_uint64), ("bound_sets", c_uint32),
        ("stage_samplers", c_uint32), ("stage_uniform", c_uint32), ("stage_storage", c_uint32),
        ("stage_rest", c_uint32 * 4), ("set_descriptors", c_uint32 * 8), ("vertex", c_uint32 * 5),
        ("tessellation", c_uint32 * 8), ("geometry", c_uint32 * 5), ("fragment", c_uint32 * 4),
        ("shared_memory", c_uint32), ("group_count", c_uint32 * 3), ("invocations", c_uint32),
        ("group_size", c_uint32 * 3), ("tail", c_uint8 * 512),
    ]  # fmt: skip


class _Properties(C.Structure):
    _fields_: ClassVar[Any] = [
        ("api", c_uint32), ("driver", c_uint32), ("vendor", c_uint32), ("device", c_uint32), ("type", c_uint32),
        ("name", c_char * 256), ("uuid", c_uint8 * 16), ("limits", _Limits),
    ]  # fmt: skip


class _Properties2(C.Structure):
    _fields_: ClassVar[Any] = [("sType", c_uint32), ("pNext", c_void_p), ("properties", c_uint8 * 824)]


class _Subgroup(C.Structure):
    _fields_: ClassVar[Any] = [("sType", c_uint32), ("pNext", c_void_p), ("size", c_uint32), ("stages", c_uint32),
        ("operations", c_uint32), ("quads", c_uint32),
    ]  # fmt: skip


class _Driver(C.Structure):
    _fields_: ClassVar[Any] = [
        ("sType", c_uint32), ("pNext", c_void_p), ("id", c_uint32), ("name", c_char * 256),
        ("info", c_char * 256), ("conformance", c_uint8 * 4),
    ]  # fmt: skip


class _Memory(C.Structure):
    _fields_: ClassVar[Any] = [
        ("n_types", c_uint32), ("types", (c_uint32 * 2) * 32), ("n_heaps", c_uint32),
        ("heaps", (c_uint64 * 2) * 16),
    ]  # fmt: skip


def _version(number: int) -> str:
    return f"{number >> 22 & 0x7F}.{number >> 12 & 0x3FF}.{number & 0xFFF}"


def _load() -> C.CDLL:
    problems = []
    for name in _LIBRARIES.get(sys.platform, _LIBRARIES["linux"]):
        try:
            return C.CDLL(name)
        except OSError as error:
            problems.append(str(error))
    raise NoDeviceError(f"Vulkan: no loader library found ({'; '.join(problems)}). {HOW_TO_INSTALL}")


def _describe(vk: C.CDLL, index: int, device: c_void_p) -> DeviceInfo:
    driver = _Driver(sType=1000196000)
    subgroup = _Subgroup(sType=1000094000, pNext=C.addressof(driver))
    wanted = _Properties2(sType=1000059001, pNext=C.addressof(subgroup))
    vk.vkGetPhysicalDeviceProperties2(device, byref(wanted))
    # the buffer is as long as Vulkan's struct; ours may be longer, so copy what there is
    p = _Properties()
    C.memmove(byref(p), C.addressof(wanted) + _Properties2.properties.offset, 824)
    memory = _Memory()
    vk.vkGetPhysicalDeviceMemoryProperties(device, byref(memory))
    heaps = [(h[0], h[1] & 1) for h in memory.heaps[: memory.n_heaps]]
    local = [size for size, is_local in heaps if is_local] or [size for size, _ in heaps] or [0]
    title = " ".join(part.decode(errors="replace") for part in (driver.name, driver.info) if part)
    return DeviceInfo(
        index=index,
        name=p.name.decode(errors="replace"),
        type=TYPES.get(p.type, "other"),
        driver=title or _version(p.driver),
        api=_version(p.api),
        memory=max(local),
        max_buffer=p.limits.storage_range,
        max_push=p.limits.push_size,
        max_allocations=p.limits.allocations,
        max_groups=p.limits.group_count[0],
        max_invocations=p.limits.invocations,
        shared_memory=p.limits.shared_memory,
        max_bindings=p.limits.stage_storage,
        subgroup_size=subgroup.size,
        subgroup_shuffle=bool(subgroup.operations & 0x10),
    )


def probe() -> list[DeviceInfo]:
    """List the Vulkan devices, in Vulkan's order.

    Raises:
        NoDeviceError: there is no loader, no driver or no device; the message says what to install.
    """
    vk = _load()
    for function, arguments in {
        "vkCreateInstance": [c_void_p, c_void_p, c_void_p],
        "vkDestroyInstance": [c_void_p, c_void_p],
        "vkEnumeratePhysicalDevices": [c_void_p, POINTER(c_uint32), c_void_p],
        "vkGetPhysicalDeviceProperties2": [c_void_p, c_void_p],
        "vkGetPhysicalDeviceMemoryProperties": [c_void_p, c_void_p],
    }.items():
        getattr(vk, function).argtypes = arguments
    app = _AppInfo(sType=0, api=(1 << 22) | (1 << 12))
    # MoltenVK only lists devices to those who accept "portability" drivers
    portability = (C.c_char_p * 1)(b"VK_KHR_portability_enumeration")
    mac = sys.platform == "darwin"
    info = _InstanceInfo(
        sType=1, flags=int(mac), app=C.addressof(app), n_extensions=int(mac), extensions=C.addressof(portability)
    )
    instance = c_void_p()
    status = vk.vkCreateInstance(byref(info), None, byref(instance))
    if status != 0:
        raise NoDeviceError(f"Vulkan: no driver answers (vkCreateInstance returned {status}). {HOW_TO_INSTALL}")
    try:
        count = c_uint32()
        status = vk.vkEnumeratePhysicalDevices(instance, byref(count), None)
        if status != 0 or count.value == 0:
            raise NoDeviceError(f"Vulkan: the loader is there but no device (status {status}). {HOW_TO_INSTALL}")
        handles = (c_void_p * count.value)()
        vk.vkEnumeratePhysicalDevices(instance, byref(count), handles)
        return [_describe(vk, i, c_void_p(handle)) for i, handle in enumerate(handles)]
    finally:
        vk.vkDestroyInstance(instance, None)
