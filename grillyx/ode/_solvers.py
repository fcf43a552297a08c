"""Embedded Runge–Kutta methods: a solver is a tableau, and two methods that use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_STAGES = 7  # the most that the shader has room for; also in shaders/include/ode_tableau.glsl


@dataclass(frozen=True)
class Solver:
    """An explicit Runge–Kutta method with an estimate of its error and a polynomial inside each step.

    Stages are ``k_i = f(t + c_i h, y + h Σ_j a_ij k_j)``, the solution is the argument of the last one, the error is
    ``h Σ_i e_i k_i``, and inside the step ``y(t + x h) = y + h Σ_i k_i Σ_j p_ij x**(j + 1)``. The tableau goes to the shader
    as specialization constants, so that a method of your own needs no shader: make an instance, and hand it to
    `integrate`.

    Args:
        name: what messages and results call it.
        order: order of the estimate of the error; a step's error grows with ``h**(order + 1)``.
        a: the rows of the tableau from the second stage on; the last row holds the weights of the solution.
        c: where the stages are, from 0 to 1.
        e: weights of the solution less those of the embedded one.
        p: coefficients of the polynomial, (stages, at most 4).

    Raises:
        ValueError: shapes that do not fit, more than 7 stages, or a tableau that does not hang together.
    """

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    c: tuple[float, ...]
    e: tuple[float, ...]
    p: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        stages, say = len(self.c), f"Solver {self.name!r}"
        if not 2 <= stages <= _STAGES or len(self.e) != stages or len(self.p) != stages or len(self.a) != stages - 1:
            raise ValueError(
                f"{say}: got {len(self.a)} rows a, {stages} c, {len(self.e)} e and {len(self.p)} rows p; expected one less a "
                f"than c, e and p, of which there are as many as stages, 2 to {_STAGES}."
            )
        if any(len(row) != k + 1 for k, row in enumerate(self.a)) or len({len(row) for row in self.p}) != 1:
            raise ValueError(
                f"{say}: row i of a has i + 1 entries, from the second stage on, and all rows of p are equally long."
            )
        if not 1 <= len(self.p[0]) <= 4:
            raise ValueError(f"{say}: a polynomial has 1 to 4 coefficients, got {len(self.p[0])}.")
        if self.order < 1:
            raise ValueError(f"{say}: order is at least 1, got {self.order}.")
        weights = np.array([*self.a[-1], 0.0])
        wrong = {
            "row i of a adds up to c_i": not np.allclose([0.0, *map(sum, self.a)], self.c, atol=1e-9),
            "the last stage is at the end of the step, c = 1": abs(self.c[-1] - 1.0) > 1e-9,
            "e adds up to 0": abs(sum(self.e)) > 1e-9,
            "the polynomial ends at the solution, Σ_j p_ij = a_last,i": not np.allclose(
                np.sum(self.p, axis=1), weights, atol=1e-9
            ),
        }
        for rule, broken in wrong.items():
            if broken:
                raise ValueError(f"{say}: the tableau does not hang together; expected that {rule}.")

    @property
    def constants(self) -> dict[str, float]:
        """The tableau as the shader's specialization constants."""
        flat = {
            "A": [x for row in self.a for x in row],
            "C": self.c,
            "E": self.e,
            "P": [x for row in self.p for x in (*row, 0.0, 0.0, 0.0, 0.0)[:4]],
        }
        table = {f"{name}{k}": float(x) for name, values in flat.items() for k, x in enumerate(values)}
        return {"STAGES": len(self.c), "ORDER": float(self.order), **table}

    def step(
        self, f: Callable[[float, Any], Any], t: float, y: Any, h: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Take one step of ``y' = f(t, y)`` in NumPy: the solution, the estimate of its error, and the stages."""
        y = np.asarray(y, np.float64)
        k = [np.asarray(f(t, y), np.float64)]
        end = y
        for row, c in zip(self.a, self.c[1:], strict=True):
            end = y + h * np.tensordot(row, k, 1)
            k.append(np.asarray(f(t + c * h, end), np.float64))
        return end, h * np.tensordot(self.e, k, 1), np.array(k)

    def interpolate(self, y: Any, k: np.ndarray, h: float, x: float) -> np.ndarray:
        """Return the solution at the share x, 0 to 1, of a step that began at y and had the stages k, in NumPy."""
        powers = [x ** (j + 1) for j in range(len(self.p[0]))]
        return np.asarray(y + h * np.tensordot(np.array(self.p) @ powers, k, 1))


BOSH3 = Solver(
    "bosh3",
    order=2,
    a=((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    c=(0.0, 1 / 2, 3 / 4, 1.0),
    e=(2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),
    p=((1.0, -4 / 3, 5 / 9), (0.0, 1.0, -2 / 3), (0.0, 4 / 3, -8 / 9), (0.0, -1.0, 1.0)),
)
_LAST = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_EMBEDDED = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)
DOPRI5 = Solver(
    "dopri5",
    order=4,
    a=(
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        _LAST,
    ),
    c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    e=tuple(x - y for x, y in zip((*_LAST, 0.0), _EMBEDDED, strict=True)),
    # the polynomial of order 4 with the smallest error (Shampine, Some Practical Runge-Kutta Formulas, 1986)
    p=(
        (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
        (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
        (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
        (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
        (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
    ),
)


def Bosh3() -> Solver:
    """Bogacki and Shampine's 3(2): three evaluations a step, for tolerances of 1e-4 and more.

    Source: "A 3(2) pair of Runge–Kutta formulas", Applied Mathematics Letters 2, 1989.
    """
    return BOSH3


def Dopri5() -> Solver:
    """Dormand and Prince's 5(4): six evaluations a step; the default.

    Source: "A family of embedded Runge–Kutta formulae", Journal of Computational and Applied Mathematics 6, 1980.
    """
    return DOPRI5


SOLVERS = {"dopri5": DOPRI5, "bosh3": BOSH3}


def solver_of(solver: Any, name: str) -> Solver:
    """Return a solver given by name or as an instance."""
    if isinstance(solver, Solver):
        return solver
    if isinstance(solver, str) and solver in SOLVERS:
        return SOLVERS[solver]
    raise ValueError(
        f"{name}: unknown solver, got {solver!r}; expected one of {', '.join(map(repr, SOLVERS))}, or a Solver with a tableau of "
        "your own."
    )
