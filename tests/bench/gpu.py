"""``./dev gpu``: try everything on the device of this machine, and leave a folder with a report to send in.

It runs the tests, long training in every mode against a stored run on lavapipe, tensors up to the largest, and ``./dev bench``.
Each in a process of its own: one that dies leaves the others alone. After Ctrl-C, the report holds what was finished.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tests.bench import peers

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "data" / "long_training.json"
BLOCK = 50  # the first so many losses are stored one by one, then the means of blocks
# how far a run may be off: weights changed by 1e-5 of their size move it by 1e-6, 4e-3, 1e-3 and 0.006
SMOOTH, EARLY, LATE, ACCURACY = 2e-4, 2e-2, 1e-2, 0.03
FIRST, LAST = 5, 10
MODES = list(itertools.product(("staged", "mapped"), ("submit", "fence")))
SYSTEM = [
    ["vulkaninfo", "--summary"],
    ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory", "--format=csv"],
]


@dataclass
class Finding:
    """One line of the report: `ok` is None where there is nothing to pass."""

    name: str
    ok: bool | None
    text: str
    seconds: float = 0.0


class Report:
    """A folder that fills up."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder, self.about = folder, about
        self.findings: list[Finding] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, finding: Finding) -> None:
        """Print a finding, and write the report anew."""
        self.findings.append(finding)
        tqdm.write(f"{mark(finding.ok):5} {finding.name}: {finding.text}")
        lines = [
            "# Report",
            "",
            *peers.headline(self.about).split("\n"),
            "",
            "| | what | result | s |",
            "|---|---|---|--:|",
        ]
        lines += [f"| {mark(f.ok)} | {f.name} | {f.text} | {f.seconds:.0f} |" for f in self.findings]
        (self.folder / "report.md").write_text("\n".join(lines) + "\n")

    def keep(self, name: str, text: str) -> None:
        """Write a file, without the names of this machine's folders."""
        for place, short in ((str(ROOT), "."), (str(self.folder.resolve()), "report"), (str(Path.home()), "~")):
            text = text.replace(place, short) if len(place) > 1 else text
        (self.folder / name).write_text(text)

    def pack(self) -> Path:
        """Return an archive of the folder."""
        target = self.folder.with_name(self.folder.name + ".tar.gz")
        with tarfile.open(target, "w:gz") as archive:
            for path in sorted(self.folder.iterdir()):
                archive.add(path, f"{self.folder.name}/{path.name}", filter=_nameless)
        return target


def _nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uname = member.gname = ""
    return member


def mark(ok: bool | None) -> str:
    """Return ok, FAIL, or note."""
    return "note" if ok is None else "ok" if ok else "FAIL"


def run(command: list[str], limit: float, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository's root, with its output as text; 124 is a time limit."""
    try:
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        return subprocess.CompletedProcess(command, 124, said, f"not done after {limit:.0f} s")


def python(*arguments: str, limit: float = 3600, **env: str) -> subprocess.CompletedProcess[str]:
    """Run this Python."""
    return run([sys.executable, *arguments], limit, **env)


def system(report: Report, options: argparse.Namespace) -> None:
    """What grillyx and the system say of the device."""
    done = python("-m", "grillyx", "info")
    text = done.stdout + done.stderr
    for command in SYSTEM:
        if shutil.which(command[0]):
            text += f"\n$ {command[0]}\n" + run(command, 60).stdout
    report.keep("info.txt", text)
    report.add(Finding("devices", done.returncode == 0, "in info.txt"))


def suite(report: Report, options: argparse.Namespace) -> None:
    """The test suite, with both ways of synchronizing; `fence` is an experiment, whose failures are notes."""
    for sync in ("submit", "fence"):
        start = time.perf_counter()
        done = python("-m", "pytest", "-p", "no:cacheprovider", *options.tests.split(), GRILLYX_SYNC=sync)
        report.keep(f"tests-{sync}.txt", done.stdout + done.stderr)
        last = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no output"])[-1].strip("= ")
        ok = True if done.returncode == 0 else False if sync == "submit" else None
        report.add(Finding(f"test suite, sync {sync}", ok, last, time.perf_counter() - start))


def summary(losses: list[float]) -> list[float]:
    """Return the first losses, then means of blocks."""
    blocks = [losses[k : k + BLOCK] for k in range(BLOCK, len(losses) - BLOCK + 1, BLOCK)]
    return [round(v, 6) for v in [*losses[:BLOCK], *[float(np.mean(b)) for b in blocks]]]


def compare(found: dict[str, Any], reference: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a run is the stored one but for rounding, and by how much they differ."""
    mine = {kind: np.array(summary(found[kind]["losses"])) for kind in found}
    other = {kind: np.array(reference[kind]["losses"]) for kind in found}
    n = min(len(mine["smooth"]), len(other["smooth"]))
    differences = {
        "smooth losses": (np.abs(mine["smooth"][:n] - other["smooth"][:n]).max(), SMOOTH),
        "first spiking losses": (np.abs(mine["spiking"][:n] - other["spiking"][:n])[:FIRST].max(), EARLY),
        "last spiking losses": (abs(mine["spiking"][:n][-LAST:].mean() - other["spiking"][:n][-LAST:].mean()), LATE),
    }
    if reference["steps"] == len(found["smooth"]["losses"]):
        for kind in found:
            differences[f"{kind} accuracy"] = (abs(found[kind]["accuracy"] - reference[kind]["accuracy"]), ACCURACY)
    text = ", ".join(f"{name} {value:.1g}" for name, (value, _) in differences.items())
    return all(value < allowed for value, allowed in differences.values()), f"off the stored run by: {text}"


def training(report: Report, options: argparse.Namespace) -> None:
    """Long training in each mode: the same bits in all, and the stored run but for rounding."""
    reference = json.loads(REFERENCE.read_text())
    runs: dict[str, Any] = {}
    plan: list[tuple[str, dict[str, str]]] = [("as usual", {}), ("as usual, again", {})]
    plan += [(f"{memory}, {sync}", {"GRILLYX_MEMORY": memory, "GRILLYX_SYNC": sync}) for memory, sync in MODES]
    for name, env in plan:
        start = time.perf_counter()
        done = python("-m", "tests.bench.long_training", "--steps", str(options.steps), **env)
        took, title = time.perf_counter() - start, f"{options.steps} training steps, {name}"
        if done.returncode != 0:
            report.keep(f"training-{name.replace(', ', '-')}.txt", done.stdout + done.stderr)
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            report.add(
                Finding(title, None if "fence" in name else False, f"ended with {done.returncode}: {last}", took)
            )
            continue
        found = runs[name] = json.loads(done.stdout.splitlines()[-1])
        report.keep("training.json", json.dumps(runs))
        first = next(iter(runs.values()))
        same = all(found[kind]["digest"] == first[kind]["digest"] for kind in first)
        near, text = compare(found, reference)
        speed = ", ".join(f"{kind} {found[kind]['ms']:.2f} ms a step" for kind in found)
        right = same and near
        ok = None if "fence" in name and not right else right
        report.add(
            Finding(title, ok, f"{'same bits' if same else 'OTHER BITS than the first run'}; {text}; {speed}", took)
        )


def buffers(report: Report, options: argparse.Namespace) -> None:
    """Tensors of many sizes."""
    for memory in ("staged", "mapped"):
        start = time.perf_counter()
        done = python("-m", "tests.bench.large_buffers", "--most", str(options.most), GRILLYX_MEMORY=memory)
        report.keep(f"buffers-{memory}.txt", done.stdout + done.stderr)
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()] or [f"ended with {done.returncode}"]
        report.add(
            Finding(f"large tensors, {memory}", done.returncode == 0, "; ".join(lines), time.perf_counter() - start)
        )


def bench(report: Report, options: argparse.Namespace) -> None:
    """``./dev bench``, and how a training step grows."""
    common = ["--out", str(report.folder.resolve()), "--seconds", str(options.seconds)]
    only = ["--only", options.only] if options.only else []
    for name, more in (("bench", only), ("growth", ["--grow", "--quick"] if options.only else ["--grow"])):
        start = time.perf_counter()
        done = python("-m", "tests.bench", *common, *more)
        report.keep(f"{name}.txt", done.stdout + done.stderr)
        text = f"in {name}.txt" if done.returncode == 0 else f"ended with {done.returncode}"
        report.add(Finding(name, done.returncode == 0, text, time.perf_counter() - start))


PARTS = {part.__name__: part for part in (system, training, buffers, bench, suite)}


def main(arguments: list[str] | None = None) -> int:
    """Run all parts and pack the report."""
    parser = argparse.ArgumentParser(prog="./dev gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu-report"), help="folder for the report")
    parser.add_argument("--steps", type=int, default=1000, help="training steps in each mode")
    parser.add_argument("--most", type=int, default=4000, help="the largest tensor to try, in MiB")
    parser.add_argument("--seconds", type=float, default=0.6, help="how long ./dev bench repeats each call")
    parser.add_argument("--only", default="", help="only these rows of ./dev bench, and few points of growth")
    parser.add_argument("--tests", default="tests", help="arguments for pytest")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which of {', '.join(PARTS)}; by default all")
    parser.add_argument(
        "--write-reference", action="store_true", help="store a training run as the one to compare with"
    )
    options = parser.parse_args(arguments)
    if options.write_reference:
        write_reference(options.steps)
        return 0
    wanted = options.parts.split(",")
    if unknown := sorted(set(wanted) - set(PARTS)):
        raise SystemExit(f"./dev gpu: there is no part {', '.join(unknown)}; expected some of {', '.join(PARTS)}.")
    about = peers.about()
    print(peers.headline(about))
    if about["type"] == "cpu":
        print("This is a CPU device; a GPU would need its Vulkan driver, and perhaps GRILLYX_DEVICE.")
    report = Report(options.out, about)
    try:
        for name in tqdm(wanted, unit="part", leave=False, disable=None):
            PARTS[name](report, options)
    except KeyboardInterrupt:
        report.add(Finding("interrupted", None, "the rest is missing"))
    print(f"\nPlease send {report.pack()}; {options.out / 'report.md'} is its summary.")
    return int(any(finding.ok is False for finding in report.findings))


def write_reference(steps: int) -> None:
    """Store a training run."""
    done = python("-m", "tests.bench.long_training", "--steps", str(steps))
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    kinds = {k: {"losses": summary(v["losses"]), "accuracy": v["accuracy"]} for k, v in found.items()}
    REFERENCE.write_text(json.dumps({"steps": steps, "about": peers.headline(peers.about()), **kinds}) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
