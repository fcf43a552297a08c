"""Which body and which tile a matrix product gets, by the kind of device and the shape."""

from __future__ import annotations

import os
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from grillyx.engine.device import Device
from grillyx.ops import LONGEST_LOOP

NN, NT, TN = 0, 1, 2  # which operand is stored transposed: none, the second, the first
BODIES = ("subgroup", "tiled")
CHOSEN: WeakKeyDictionary[Device, str] = WeakKeyDictionary()  # ``GRILLYX_GEMM`` is read once a device
PAGE = 1024  # words
# of one step along k of a tile of 1, 2, 4 times 8 rows and 32 columns, in ns on lavapipe: loads, and the arithmetic
_SUBGROUP_COST = {1: 36, 2: 51, 4: 82}
# quads of outputs a thread and threads, down and across: 128 by 128, 64 by 64, 32 by 32
_TILES = ((2, 2, 16, 16), (2, 1, 8, 16), (1, 1, 8, 8))
_ENOUGH = 128  # workgroups that keep a GPU busy
_SHORTEST_PART, _MOST_PARTS = 256, 32


@dataclass(frozen=True)
class Plan:
    """How a product is computed.

    Attributes:
        body: ``"subgroup"`` or ``"tiled"``.
        rows, columns: of C that a workgroup computes.
        constants: the body's specialization constants for that.
        chunk: steps along k that a dispatch does; the next one adds to it.
        parts: how many workgroups share the sum of one element; more than 1 only for a single product.
    """

    body: str
    rows: int
    columns: int
    constants: dict[str, int]
    chunk: int = LONGEST_LOOP
    parts: int = 1

    @property
    def span(self) -> int:
        """Steps along k of one part, of a sum that one dispatch does."""
        return -(-self.chunk // (16 * self.parts)) * 16


def body(device: Device) -> str:
    """Return which body this device uses: ``"subgroup"`` on CPU devices, ``"tiled"`` on GPUs (or ``GRILLYX_GEMM``).

    Raises:
        ValueError: ``GRILLYX_GEMM`` names no body, or one that this device cannot run.
    """
    chosen = CHOSEN.get(device)
    if chosen is None:
        chosen = CHOSEN[device] = _choose(device, os.environ.get("GRILLYX_GEMM", ""))
    return chosen


def _choose(device: Device, wanted: str) -> str:
    info = device.info
    able = info.subgroup_shuffle and info.subgroup_size in (4, 8, 16)
    if wanted == "":
        return "subgroup" if info.type == "cpu" and able else "tiled"
    if wanted not in BODIES or (wanted == "subgroup" and not able):
        raise ValueError(f"GRILLYX_GEMM: got {wanted!r}; expected one of {', '.join(BODIES if able else BODIES[1:])}.")
    return wanted


def plan(
    device: Device, kind: int, batch: int, m: int, n: int, k: int, lda: int, ldb: int, aligned_b: bool = True
) -> Plan:
    """Choose for C (m, n) = A B with k steps, where rows of A and B lie `lda` and `ldb` words apart."""
    if body(device) == "subgroup":
        return _subgroup(device.info.subgroup_size, kind, m, n, k, lda, ldb, aligned_b)
    return _tiled(batch, m, n, k)


def _subgroup(sg: int, kind: int, m: int, n: int, k: int, lda: int, ldb: int, aligned_b: bool) -> Plan:
    # large tiles load less, but take longer to compile: not worth it for a product of less than some 200 µs
    sizes = (1, 2, 4) if m * n * k > 1 << 22 else (1, 2)
    high = min(sizes, key=lambda s: (-(-m // (s * sg)) * _SUBGROUP_COST[s], s))
    by_quads = kind != NT and aligned_b
    wide = 4 if by_quads else next((j for j in (1, 2) if j * sg >= n), 4)
    # rows that lie whole pages apart share a few sets of the cache: walk through a part of them that stays there
    paged = (kind != NT and ldb % PAGE == 0) or (kind == TN and lda % PAGE == 0)
    chunk = 256 if paged and m >= 128 else LONGEST_LOOP
    return Plan("subgroup", high * sg, wide * sg, {"local_size": sg, "SG": sg, "RA": high, "CJ": wide}, chunk)


def _tiled(batch: int, m: int, n: int, k: int) -> Plan:
    groups = 0
    for qm, qn, ty, tx in _TILES:
        rows, columns = 4 * qm * ty, 4 * qn * tx
        groups = -(-m // rows) * -(-n // columns) * batch
        if groups >= _ENOUGH and min(m, n) > rows // 2:
            break
    else:
        # too few tiles of any size: those of 64 by 64, unless they would be mostly empty; the rest comes from k
        qm, qn, ty, tx = _TILES[1] if min(m, n) > 32 else _TILES[2]
        rows, columns = 4 * qm * ty, 4 * qn * tx
        groups = -(-m // rows) * -(-n // columns) * batch
    constants = {"local_size": tx * ty, "TX": tx, "TY": ty, "QM": qm, "QN": qn}
    parts = min(-(-_ENOUGH // groups), k // _SHORTEST_PART, _MOST_PARTS) if batch == 1 else 1
    if parts < 2:
        return Plan("tiled", rows, columns, constants)
    chunk = min(-(-k // (16 * parts)) * 16, LONGEST_LOOP) * parts
    return Plan("tiled", rows, columns, constants, chunk=chunk, parts=parts)
