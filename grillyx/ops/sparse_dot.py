"""Products of the two rows at the ends of each entry of a sparse matrix."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import Array
from grillyx.ops import Result
from grillyx.ops.csr import Csr
from grillyx.ops.sparse import Sizes, dots, multiply


def sparse_dot(x: Array, y: Array, *, csr: Csr, csc: Csr) -> Result:
    """``y[i] · x[j]`` for each entry (i, j): x (*, columns, F), y (*, rows, F) → (*, E), in the order of edges."""
    lead = x.shape[:-2]
    leads = math.prod(lead)
    v = Sizes(leads, 1, x.shape[-1], leads)
    by_columns, by_rows = x.shape, y.shape
    out = dots(csr, y, x, v, (*lead, csr.entries))

    def pullback(g: Array) -> Any:
        return lambda: multiply(csc, y, g, v, by_columns), lambda: multiply(csr, x, g, v, by_rows)

    return out, pullback
