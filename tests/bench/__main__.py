"""``./dev bench``: ours beside NumPy, and beside torch, PyG, SpikingJelly and computeml where they are installed."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tests.bench import ceilings, growth, overheads, peers, pictures, results
from tests.bench.work import ROWS

LENGTHS = [16, 64, 256]
AGAIN = 10  # the ceilings are measured anew after so many rows: another program may have had half of the machine


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="folder for the JSON files and pictures"
    )
    parser.add_argument("--seconds", type=float, default=0.6, help="how long to repeat each call")
    parser.add_argument("--only", default="", help="only the rows whose name contains this; nothing else is measured")
    parser.add_argument("--grow", action="store_true", help="measure how the training step grows, instead of the table")
    parser.add_argument("--quick", action="store_true", help="small sizes for --grow and for the memory")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="print ratios to an earlier run")
    parser.add_argument(
        "--docs", type=Path, metavar="PAGE.md", help="put the tables into a page, and the pictures beside it"
    )
    parser.add_argument(
        "--again", type=Path, metavar="FOLDER", help="measure nothing: tables and pictures of an earlier run"
    )
    parser.add_argument("--list", action="store_true", help="print the names of all rows")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write what there is; Ctrl-C ends early and keeps the rows so far."""
    options = parse(arguments)
    if options.list:
        print("\n".join(row.name for row in ROWS))
        return 0
    old = json.loads(options.compare.read_text()) if options.compare else None
    options.out.mkdir(parents=True, exist_ok=True)
    if options.again:
        found = [options.again / name for name in ("bench.json", "growth.json")]
        runs = [json.loads(path.read_text()) for path in found if path.is_file()]
        if not runs:
            raise SystemExit(f"./dev bench: neither bench.json nor growth.json is in {options.again}.")
    else:
        print(peers.headline(peers.about()))
        runs = [grow(options) if options.grow else table(options)]
        if runs[0].get("interrupted"):
            print("\ninterrupted; this is what there is")
    for run in runs:
        publish(run, options)
        if old:
            print("\ncompared with", options.compare)
            print("\n".join(results.compare(run, old) if "rows" in run else []))
    print(f"\nresults in {options.out}")
    return 130 if any(run.get("interrupted") for run in runs) else 0


def _progress(items: Iterable[Any], unit: str) -> Iterator[Any]:
    """Yield items under a progress bar."""
    bar = tqdm(items, unit=unit, leave=False, dynamic_ncols=True, disable=None)
    for item in bar:
        bar.set_postfix_str(getattr(item, "name", str(item)))
        yield item


def table(options: argparse.Namespace) -> results.Result:
    """Measure the ceilings, the rows, the overheads and the memory; what is written uses the best ceilings of the run."""
    rows = [row for row in ROWS if options.only in row.name]
    if not rows:
        raise SystemExit(f"./dev bench: no row's name contains {options.only!r}; ./dev bench --list prints them.")
    run: results.Result = {"about": peers.about(), "seconds": options.seconds, "rows": []}
    limits = ceilings.measure(options.seconds)
    run["ceilings"] = limits.named()
    print("\n".join(["", *results.ceiling_lines(limits), "", results.HEADER]))
    try:
        for k, row in enumerate(_progress(rows, "row"), 1):
            run["rows"].append(results.measure(row, options.seconds))
            tqdm.write(results.line(run["rows"][-1], limits))
            if k % AGAIN == 0 or k == len(rows):
                limits = limits.or_better(ceilings.measure(options.seconds))
                run["ceilings"] = limits.named()
        print("\n".join(["", "the ceilings, the best of several times", *results.ceiling_lines(limits)]))
        if not options.only:
            run["overheads"] = overheads.microseconds(limits, options.seconds)
            print("\n".join(["", *results.overhead_lines(run["overheads"], overheads.GOALS)]))
            run["memory"] = overheads.memory(LENGTHS[:1] if options.quick else LENGTHS)
            print("\n".join(["", "memory of a training step, N 32, 784-256-10", *results.memory_lines(run["memory"])]))
    except KeyboardInterrupt:
        run["interrupted"] = True
    return run


def grow(options: argparse.Namespace) -> results.Result:
    """Measure how the training step grows."""
    run: results.Result = {"about": peers.about(), "seconds": options.seconds, "growth": []}
    try:
        for axis, value in _progress(growth.points(options.quick), "point"):
            run["growth"].append(growth.measure(axis, value, options.seconds))
    except KeyboardInterrupt:
        run["interrupted"] = True
    print("\n".join(["", "time ~ size to the power of", *growth.lines(run["growth"])]))
    return run


def publish(run: results.Result, options: argparse.Namespace) -> None:
    """Write a run's file and picture, and fill the page of the documentation."""
    name, draw = ("growth", pictures.grow) if "growth" in run else ("bench", pictures.bars)
    results.save(run, options.out, f"{name}.json")
    if not run.get("rows") and not run.get("growth"):
        return
    picture = options.out / f"{name}.png"
    draw(run, picture)
    if options.docs:
        if "rows" in run:
            results.fill_page(options.docs, results.markdown(run, overheads.GOALS))
        images = options.docs.parent / "images"
        images.mkdir(exist_ok=True)
        shutil.copyfile(picture, images / {"bench": "speed.png", "growth": "growth.png"}[name])


if __name__ == "__main__":
    raise SystemExit(main())
