"""Probing, choosing, opening and closing devices. What needs a process of its own runs in one."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

import grillyx
from grillyx.engine import device as devices
from grillyx.engine.errors import NoDeviceError
from grillyx.engine.vulkan import DeviceInfo


def run(code: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, **env}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def info(index: int, name: str, kind: str) -> DeviceInfo:
    return DeviceInfo(index, name, kind, "", "", 0, 1 << 27, 128, 4096, 65535, 256, 32768, 32, 32, True)


MACHINE = [
    info(0, "llvmpipe", "cpu"),
    info(1, "Intel Arc", "integrated"),
    info(2, "Radeon RX", "discrete"),
    info(3, "GeForce", "discrete"),
]


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setattr(devices, "devices", lambda: MACHINE)


def test_the_probe_tells_limits():
    for d in grillyx.devices():
        assert d.name
        assert d.type in ("discrete", "integrated", "virtual", "cpu", "other")
        assert d.max_buffer >= 1 << 27
        assert d.max_push >= 128
        assert d.max_groups >= 65535
        assert d.max_invocations >= 128
        assert d.shared_memory >= 16384
        assert d.subgroup_size in (1, 2, 4, 8, 16, 32, 64, 128)
        assert re.fullmatch(r"1\.\d+\.\d+", d.api)


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 2), ("", 2), ("1", 1), (3, 3), ("radeon", 2), ("geforce", 3), ("llvm", 0)]
)
def test_choice(machine, wanted, index):
    assert devices.choose(wanted).index == index


@pytest.mark.parametrize("wanted", ["7", "matrox", -1])
def test_a_device_that_does_not_exist(machine, wanted):
    with pytest.raises(NoDeviceError, match=r"no device fits .*; expected .* 2: Radeon RX \(discrete\)"):
        devices.choose(wanted)


def test_without_a_driver_there_is_an_error_and_no_crash():
    done = run(
        "import grillyx; grillyx.Tensor([1.0])",
        VK_ICD_FILENAMES="/nonexistent.json",
        VK_DRIVER_FILES="/nonexistent.json",
    )
    assert done.returncode == 1, done
    assert "NoDeviceError" in done.stderr
    assert "mesa-vulkan-drivers" in done.stderr


def test_without_a_loader_there_is_an_error_and_no_crash():
    done = run("""
        import grillyx.engine.vulkan as vulkan
        vulkan._LIBRARIES = {"linux": ("libnothing.so.1",), "darwin": ("libnothing.dylib",), "win32": ("nothing.dll",)}
        import grillyx
        grillyx.Tensor([1.0])
    """)
    assert done.returncode == 1, done
    assert "NoDeviceError: Vulkan: no loader library found" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("GRILLYX_SYNC", "maybe"), ("GRILLYX_MEMORY", "paper"), ("GRILLYX_DEBUG", "9"), ("GRILLYX_DEVICE", "nobody")],
)
def test_a_switch_with_a_wrong_value_is_named(name, value):
    done = run("import grillyx; grillyx.Tensor([1.0])", **{name: value})
    assert done.returncode == 1
    assert value in done.stderr.splitlines()[-1]
    assert "expected" in done.stderr.splitlines()[-1]


def test_import_opens_nothing_and_leaves_logging_and_the_environment_alone():
    done = run("""
        import logging, os
        before = dict(os.environ)
        import grillyx
        assert grillyx.counters()["created"] == 0
        grillyx.Tensor([1.0]).numpy()
        assert not logging.root.handlers, logging.root.handlers
        assert dict(os.environ) == before
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


def test_a_closed_device_is_an_error_and_the_next_one_works():
    done = run("""
        import grillyx, numpy as np
        x = grillyx.Tensor(np.ones(3), requires_grad=True)
        y = x * 2
        device = grillyx.current_device()
        device.close()
        device.close()
        assert "(closed)" in repr(device)
        for use in (lambda: x.numpy(), lambda: y + 1, lambda: y.sum().backward(), lambda: x.copy_(np.zeros(3)), device.synchronize):
            try:
                use()
            except grillyx.DeviceClosedError as error:
                assert "is closed" in str(error)
            else:
                raise SystemExit("no error")
        assert (grillyx.Tensor([1.0]) + 1).numpy()[0] == 2
    """)
    assert done.returncode == 0, done.stderr


def test_use_device_switches():
    done = run("""
        import grillyx
        old = grillyx.current_device()
        new = grillyx.use_device(old.info.index)
        assert old.closed and new is grillyx.current_device() and not new.closed
        try:
            grillyx.use_device("no such thing")
        except grillyx.NoDeviceError:
            assert not new.closed
    """)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_opens_a_device_of_its_own():
    done = run("""
        import grillyx, os, warnings
        warnings.simplefilter("ignore")
        x = grillyx.Tensor([1.0])
        x.numpy()
        pid = os.fork()
        if pid == 0:
            try:
                x.numpy()
            except grillyx.DeviceClosedError:
                code = 0 if (grillyx.Tensor([2.0]) * 2).numpy()[0] == 4 else 1
            else:
                code = 2
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert x.numpy()[0] == 1
    """)
    assert done.returncode == 0, done.stderr


def test_info_tells_device_limits_and_variants():
    done = subprocess.run(
        [sys.executable, "-m", "grillyx", "info"], capture_output=True, text=True, check=True, timeout=300
    )
    for word in ("device 0", "driver", "largest tensor", "subgroup", "matrix product", "sync", "memory", "numpy"):
        assert word in done.stdout, word


def test_debug_prints_submits_and_kernels():
    code = "import grillyx; (grillyx.Tensor([1.0]) * 2).numpy()"
    assert re.search(r"grillyx: 1 kernels in [\d.]+ ms", run(code, GRILLYX_DEBUG="1").stderr)
    assert re.search(r"grillyx: times in [\d.]+ ms", run(code, GRILLYX_DEBUG="2").stderr)
