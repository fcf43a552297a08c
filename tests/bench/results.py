"""A run's results: measured row by row, kept as JSON, and told as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grillyx
from tests.bench import peers
from tests.bench.ceilings import Ceilings
from tests.bench.timing import race
from tests.bench.work import Row

Result = dict[str, Any]
COUNTED = ("dispatches", "submits", "bytes_uploaded", "bytes_downloaded", "created")
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def measure(row: Row, seconds: float) -> Result:
    """Measure all contestants of a row, and count what ours does once it is warm."""
    work = row.build()
    times = race(work.calls, seconds)
    before = grillyx.counters()
    work.calls[peers.OURS]()
    after = grillyx.counters()
    counts = {key: after[key] - before[key] for key in COUNTED}
    return {"work": row.name, "bytes": work.bytes, "flops": work.flops, "seconds": times, "counts": counts}


def judge(result: Result, ceilings: Ceilings) -> tuple[float, str]:
    """Return which share of the device's limit we reach, and what the limit is.

    Where handing over the dispatches would alone take longer than memory and arithmetic, that is what limits.
    """
    memory, arithmetic = result["bytes"] / ceilings.bandwidth, result["flops"] / ceilings.flops
    counts = result["counts"]
    handing = counts["dispatches"] * ceilings.dispatch + counts["submits"] * (ceilings.submit - ceilings.dispatch)
    limits = {"memory": memory, "arithmetic": arithmetic}
    bound = max(limits, key=lambda name: limits[name])
    share = limits[bound] / result["seconds"][peers.OURS]
    return share, "dispatches" if handing > limits[bound] else bound


def line(result: Result, ceilings: Ceilings) -> str:
    """Return a row of the printed table, a line for each contestant."""
    share, bound = judge(result, ceilings)
    out = []
    for name, seconds in result["seconds"].items():
        ours = name == peers.OURS
        out.append(
            f"{result['work'] if ours else '':44} {name:13} {number(seconds * 1e3):>9} {result['bytes'] / seconds / 1e9:7.2f} "
            f"{result['flops'] / seconds / 1e9:8.2f} " + (f"{share:6.1%} {bound:10}" if ours else " " * 17)
            + f" {seconds / result['seconds'][peers.OURS]:7.2f}"
        )  # fmt: skip
    return "\n".join(out)


HEADER = f"{'work':44} {'contestant':13} {'ms':>9} {'GB/s':>7} {'GFLOP/s':>8} {'limit':>6} {'by':10} {'× ours':>7}"


def number(value: float) -> str:
    """Return three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.01 else 5}f}"


def ceiling_lines(ceilings: Ceilings) -> list[str]:
    """Return the ceilings in words."""
    return [
        f"memory {ceilings.bandwidth / 1e9:.1f} GB/s (copy {ceilings.copy / 1e9:.1f}; NumPy's copy on the host "
        f"{ceilings.host_copy / 1e9:.1f})",
        f"arithmetic {ceilings.flops / 1e9:,.0f} GFLOP/s in fma",
        f"{ceilings.dispatch * 1e6:.1f} µs a dispatch in a submit, {ceilings.submit * 1e6:.1f} µs a submit of one",
    ]


def overhead_lines(overheads: dict[str, float], goals: dict[str, float]) -> list[str]:
    """Return the overheads, with what they should be at most where that is said."""
    return [
        f"{name:44} {value:7.1f} µs" + (f"  (goal {goals[name]:.0f})" if name in goals else "")
        for name, value in overheads.items()
    ]


def memory_lines(rows: Iterable[Result]) -> list[str]:
    """Return the memory of backpropagation through time, in MiB."""
    return [
        f"T {row['steps']:4}: must keep {row['kept'] / 2**20:6.1f} MiB; "
        + ", ".join(f"{name} {size / 2**20:.1f}" for name, size in row["bytes"].items())
        for row in rows
    ]


def compare(new: Result, old: Result) -> list[str]:
    """Return a line for each row of both runs: how much longer ours takes now, and, for the machine's share, NumPy."""
    before = {row["work"]: row["seconds"] for row in old["rows"]}
    out = [f"{'work':44} {'was ms':>9} {'is ms':>9} {'ratio':>7} {'NumPy':>7}"]
    for row in new["rows"]:
        then, now = before.get(row["work"], {}), row["seconds"]
        if peers.OURS in then:
            drift = f"{now['NumPy'] / then['NumPy']:7.2f}" if "NumPy" in then and "NumPy" in now else f"{'–':>7}"
            was, is_ = then[peers.OURS], now[peers.OURS]
            out.append(f"{row['work']:44} {number(was * 1e3):>9} {number(is_ * 1e3):>9} {is_ / was:7.2f} {drift}")
    for name, value in new.get("overheads", {}).items():
        if was := old.get("overheads", {}).get(name):
            out.append(f"{name:44} {was / 1e3:9.4f} {value / 1e3:9.4f} {value / was:7.2f} {'–':>7}")
    missing = [name for name in before if name not in {row["work"] for row in new["rows"]}]
    return out + ([f"not in this run: {', '.join(missing)}"] if missing else [])


def markdown(results: Result, goals: dict[str, float]) -> str:
    """Return all tables as Markdown."""
    ceilings = Ceilings(**results["ceilings"])
    names = [peers.OURS, *sorted({n for row in results["rows"] for n in row["seconds"]} - {peers.OURS}, key=_order)]
    out = [
        *peers.headline(results["about"]).split("\n"),
        "",
        "Measured ceilings: " + "; ".join(ceiling_lines(ceilings)) + ".",
    ]
    out += [
        "",
        "| work | limit | share | " + " | ".join(f"{n}, ms" for n in names) + " |",
        "|---|---|" + "--:|" * (len(names) + 1),
    ]
    for row in results["rows"]:
        share, bound = judge(row, ceilings)
        cells = [number(row["seconds"][n] * 1e3) if n in row["seconds"] else "" for n in names]
        out.append(f"| {row['work']} | {bound} | {share:.0%} | " + " | ".join(cells) + " |")
    if results.get("overheads"):
        out += ["", "| overhead | µs | goal |", "|---|--:|--:|"]
        out += [f"| {n} | {v:.1f} | {goals.get(n, '')} |" for n, v in results["overheads"].items()]
    if results.get("memory"):
        who = list(results["memory"][0]["bytes"])
        out += [
            "",
            "| training step, N 32, 784-256-10, MiB | must keep | " + " | ".join(who) + " |",
            "|---|" + "--:|" * (len(who) + 1),
        ]
        out += [
            f"| T {row['steps']} | {row['kept'] / 2**20:.1f} | "
            + " | ".join(f"{row['bytes'][n] / 2**20:.1f}" for n in who)
            + " |"
            for row in results["memory"]
        ]
    return "\n".join(out)


def _order(name: str) -> int:
    return ["NumPy", "torch", "PyG", "SpikingJelly", "computeml"].index(name)


def fill_page(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put text between the marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    old = page.read_text()
    if old.count(begin) != 1 or old.count(end) != 1:
        raise ValueError(f"{page}: expected one line {begin} and one line {end}.")
    before, rest = old.split(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def save(results: Result, folder: Path, name: str) -> None:
    """Write the JSON file of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
