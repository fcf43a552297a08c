"""Matrix products: square, thin as in training, and in batches; NN is a b, NT a bᵀ, TN aᵀ b."""

from __future__ import annotations

from functools import partial

import numpy as np

from grillyx import Tensor
from grillyx.ops import gemm
from tests.bench import peers
from tests.bench.work.row import Row, Work, done, floats

_TRANSPOSED = {"NN": (False, False), "NT": (False, True), "TN": (True, False)}


def product(kind: str, m: int, n: int, k: int, batch: int = 0) -> Work:
    """(m, k) times (k, n), so many of them; each operand stored as `kind` says."""
    left, right = _TRANSPOSED[kind]
    lead = (batch,) if batch else ()
    a = floats(*lead, *((k, m) if left else (m, k)))
    b = floats(*lead, *((n, k) if right else (k, n)))
    count = max(batch, 1)
    work = Work(4 * (a.size + b.size + count * m * n), 2 * count * m * n * k)
    ta, tb = Tensor(a), Tensor(b)
    kinds = {"NN": gemm.NN, "NT": gemm.NT, "TN": gemm.TN}
    work.calls[peers.OURS] = lambda: done(Tensor(gemm.product(ta.array, tb.array, kinds[kind])))
    va, vb = np.swapaxes(a, -1, -2) if left else a, np.swapaxes(b, -1, -2) if right else b
    work.calls["NumPy"] = lambda: va @ vb
    if peers.HAS_TORCH:
        import torch

        pa, pb = torch.from_numpy(va), torch.from_numpy(vb)
        work.calls["torch"] = lambda: pa @ pb
    if peers.HAS_COMPUTEML and kind == "NN" and not batch:
        _, context = peers.computeml()
        ca, cb = context.asarray(a), context.asarray(b)
        work.calls["computeml"] = lambda: (ca @ cb, context.flush())
    return work


def _row(name: str, kind: str, m: int, n: int, k: int, batch: int = 0) -> Row:
    return Row(f"product {kind}, {name}", partial(product, kind, m, n, k, batch))


ROWS = [
    *[_row(f"{size}³", kind, size, size, size) for size in (512, 1024) for kind in _TRANSPOSED],
    # the products of training 784-256-10 on 512 rows: forward, gradient of the weight, gradient of the input
    _row("512 × 256, 784 deep", "NT", 512, 256, 784),
    _row("256 × 784, 512 deep", "TN", 256, 784, 512),
    _row("512 × 10, 256 deep", "NT", 512, 10, 256),
    _row("10 × 256, 512 deep", "TN", 10, 256, 512),
    _row("512 × 256, 10 deep", "NN", 512, 256, 10),
    _row("64 of 64³", "NN", 64, 64, 64, 64),
    _row("16 of 128³", "NN", 128, 128, 128, 16),
]
