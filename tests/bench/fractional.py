"""Measured orders of convergence of the fractional solvers: `python -m tests.bench.fractional [picture.png]`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy.special import gamma

from grillyx.fractional import fdeint, mittag_leffler, table

SIZES = (10, 20, 40, 80, 160)
ALPHAS = (0.3, 0.5, 0.7, 0.9, 1.0)
METHODS = ("gl", "l1", "pred", "trap")


def problems(alpha: float) -> dict[str, tuple[Any, float, float]]:
    """Right side, start and solution at 1."""
    return {
        "D^α y = −y, y(0) = 1": (lambda t, y: -y, 1.0, float(mittag_leffler(-1.0, alpha))),
        "D^α y = D^α t² + t² − y": (lambda t, y: 2 * t ** (2 - alpha) / gamma(3 - alpha) + t * t - y, 0.0, 1.0),
    }


def errors(method: str, alpha: float, name: str) -> np.ndarray:
    f, y0, want = problems(alpha)[name]
    ends = [fdeint(f, np.float32([y0]), np.linspace(0, 1, n + 1), method, alpha=alpha)[-1].numpy()[0] for n in SIZES]
    return np.abs(np.array(ends, np.float64) - want)


def leaky(method: str, alpha: float) -> np.ndarray:
    """Return the errors at t = 1 of ``D^alpha w = 1 - w``, w(0) = 0, as neurons solve it, for each number of steps."""
    ends = []
    for n in SIZES:
        t = table(method, n, 1.0 / n, alpha=alpha)
        w = np.zeros(n + 1)
        for k in range(1, n + 1):
            h = t.p + t.q * w[1:k]  # the input is 1
            w[k] = t.lag[k - 1 : 0 : -1] @ h + t.beta + (0.0 if t.start is None else t.start[k])
        ends.append(w[-1])
    return np.abs(np.array(ends) - (1.0 - float(mittag_leffler(-1.0, alpha))))


def row(e: np.ndarray) -> str:
    return f"{e[3]:.1e} ({np.log2(e[1] / e[3]) / 2:.2f})" if e[3] > 1e-12 else "exact"


def main(picture: str | None = None) -> None:
    found = {(p, m, a): errors(m, a, p) for p in problems(0.5) for m in METHODS for a in ALPHAS}
    for name in problems(0.5):
        print(f"| {name} | " + " | ".join(f"α = {a}" for a in ALPHAS) + " |\n|---" * 1 + "|---" * len(ALPHAS) + "|")
        for m in METHODS:
            print(f'| "{m}" | ' + " | ".join(row(found[name, m, a]) for a in ALPHAS) + " |")
    print("| D^α w = 1 − w, as neurons solve it | " + " | ".join(f"α = {a}" for a in ALPHAS) + " |")
    for m in ("exact", "gl", "l1", "trap"):
        print(f'| "{m}" | ' + " | ".join(row(leaky(m, a)) for a in ALPHAS) + " |")
    if picture:
        import matplotlib.pyplot as plt

        fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
        for ax, name in zip(axes, problems(0.5), strict=True):
            for m, mark in zip(METHODS, "os^d", strict=True):
                ax.loglog(1 / np.array(SIZES), found[name, m, 0.7], marker=mark, label=f'"{m}"')
            for order in (1, 1.7, 2):
                ax.loglog(1 / np.array(SIZES), 0.1 * (np.array(SIZES) / 10.0) ** -order, "k:", lw=0.7)
            ax.set(title=f"{name}, α = 0.7", xlabel="step")
        axes[0].set_ylabel("error at t = 1")
        axes[0].legend()
        fig.tight_layout()
        fig.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
