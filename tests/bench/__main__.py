"""``python -m tests.bench``: measures ours beside NumPy, and beside torch and SpikingJelly where they are installed."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import grillyx
from tests.bench import workloads
from tests.bench.timing import best


def main() -> None:
    """Print a table, and write ``bench.json`` and ``bench.png``."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder for bench.json and bench.png")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long to repeat each call")
    parser.add_argument("--only", default="", help="only the rows whose name contains this")
    options = parser.parse_args()
    device = grillyx.current_device()
    print(
        f"device {device.info.name}, {device.info.driver}; {device.memory} memory, sync {device.sync}\n{platform.platform()}\n"
    )
    print(f"{'work':42} {'contestant':13} {'ms':>9} {'GB/s':>7} {'GFLOP/s':>8}  times ours")
    rows = []
    for make in workloads.ALL:
        work = make()
        if options.only not in work.name:
            continue
        times = {name: best(call, options.seconds) for name, call in work.calls.items()}
        for name, seconds in times.items():
            print(
                f"{work.name if name == 'grillyx' else '':42} {name:13} {seconds * 1e3:9.3f} {work.bytes / seconds / 1e9:7.2f} "
                f"{work.flops / seconds / 1e9:8.2f}  {seconds / times['grillyx']:5.2f}"
            )
        rows.append({"work": work.name, "bytes": work.bytes, "flops": work.flops, "seconds": times})
    print("\ncounters of one training step:", counters_of_a_step())
    options.out.mkdir(parents=True, exist_ok=True)
    about = {"device": device.info.name, "driver": device.info.driver, "memory": device.memory, "sync": device.sync}
    (options.out / "bench.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    draw(rows, f"{about['device']}, {about['driver']}", options.out / "bench.png")
    print(f"results in {options.out}")


def counters_of_a_step() -> dict[str, int]:
    """Return what a training step adds to the counters once it is warm."""
    step = workloads.training_step().calls["grillyx"]
    for _ in range(5):
        step()
    before = grillyx.counters()
    step()
    return {key: value - before[key] for key, value in grillyx.counters().items()}


def draw(rows: list[dict], title: str, path: Path) -> None:
    """Draw the time of each contestant as a multiple of ours."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    figure, axes = plt.subplots(figsize=(9, 0.55 * len(rows) + 1.5), layout="constrained")
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        at = [(i + k * height, row["seconds"][name] * 1e3) for i, row in enumerate(rows) if name in row["seconds"]]
        bars = axes.barh([y for y, _ in at], [t for _, t in at], height, label=name)
        axes.bar_label(bars, [f"{t:.3g} ms" for _, t in at], padding=3, fontsize=7)
    axes.set_yticks([i + height * (len(names) - 1) / 2 for i in range(len(rows))], [row["work"] for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds, less is better")
    axes.set_title(title, fontsize=9)
    axes.legend(loc="upper right", fontsize=8)
    axes.margins(x=0.15)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
