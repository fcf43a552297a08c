"""Steps of simulated networks: neurons that draw spikes from what arrived, and spikes that travel along edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from grillyx.engine.array import Array, from_numpy
from grillyx.engine.device import current_device
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP

MOST_SPIKES = 65535  # of a neuron in a step, in models that count
SATURATED, NOT_FINITE = 0, 1  # places of the flags
_BITS, _BITS_OF_COUNTS = 30, 46  # of the sum of all weights into a neuron, in the whole numbers that are added


@dataclass(frozen=True, eq=False)
class Synapses:
    """Edges by source, with weights in whole numbers of ``1 / scale`` of their target.

    Sums of whole numbers do not depend on the order in which edges add, so that a run gives the same spikes every time. The scale of a
    target is a power of two, so large that all its edges together just fit: 30 bits, or 46 before spikes are counted.

    Attributes:
        start: (N + 1,) uint32: where the edges of each source begin, in quads.
        target: (quads, 4) uint32.
        weight: (quads, 4) int32; with `counts` (quads, 2, 4), low and high words.
        scale: (4 Q,) float32: what the sums of each target are multiplied with.
        neurons: N.
        quads: Q, N // 4 + 1: neurons by fours, and room for at least one that is none.
        counts: whether a neuron may spike several times in a step.
        groups: among how many workgroups `deliver` shares the neurons, and among how many the edges of each.
    """

    start: Array
    target: Array
    weight: Array
    scale: Array
    neurons: int
    quads: int
    counts: bool
    groups: tuple[int, int]

    @property
    def words(self) -> int:
        """Words of a slot: the sums of one step."""
        return 4 * self.quads * (2 if self.counts else 1)

    @property
    def list(self) -> int:
        """Words of a list of neurons that fired."""
        return 1 + self.neurons * (2 if self.counts else 1)


def padded(values: Any, quads: int, dtype: Any = np.float32) -> np.ndarray:
    """Return (..., N) with the last axis filled up with 0 to whole quads."""
    values = np.asarray(values, dtype)
    out = np.zeros((*values.shape[:-1], 4 * quads), dtype)
    out[..., : values.shape[-1]] = values
    return out


def synapses(source: np.ndarray, target: np.ndarray, weight: np.ndarray, neurons: int, counts: bool) -> Synapses:
    """Return the edges for `deliver`; those that are named twice add. The callers have checked the range.

    Args:
        source: (E,) integers below N.
        target: (E,) integers below N.
        weight: (E,) finite numbers.
        neurons: N.
        counts: whether a neuron may spike several times in a step.
    """
    from scipy import sparse  # slow to import, and not needed by most

    by_source = sparse.coo_array((np.asarray(weight, np.float64), (source, target)), (neurons, neurons)).tocsr()
    to, w = by_source.indices, by_source.data
    total = np.bincount(to, np.abs(w), neurons)
    room = _BITS_OF_COUNTS if counts else _BITS
    power = np.where(total > 0, np.floor(room - np.log2(np.where(total > 0, total, 1.0))), 0.0)
    whole = np.rint(np.ldexp(w, power[to].astype(int))).astype(np.int64)
    degree = np.diff(by_source.indptr)
    start = np.append(0, np.cumsum(-(-degree // 4)))
    at = np.arange(to.size) + np.repeat(4 * start[:-1] - by_source.indptr[:-1], degree)
    targets = np.full(4 * max(int(start[-1]), 1), neurons, np.uint32)
    targets[at] = to
    weights = np.zeros((targets.size, 2 if counts else 1), np.uint32)
    weights[at, 0] = whole & 0xFFFFFFFF
    if counts:
        weights[at, 1] = (whole >> 32) & 0xFFFFFFFF
    by_quads = np.ascontiguousarray(weights.reshape(-1, 4, weights.shape[1]).swapaxes(1, 2))
    quads = neurons // 4 + 1
    return Synapses(
        from_numpy(start.astype(np.uint32)), from_numpy(targets.reshape(-1, 4)), from_numpy(by_quads),
        from_numpy(padded(np.ldexp(1.0, -power.astype(int)), quads)), neurons, quads, counts,
        shares(np.diff(start), current_device().info.subgroup_size),
    )  # fmt: skip


def shares(quads: np.ndarray, size: int) -> tuple[int, int]:
    """Return among how many workgroups neurons are shared, and among how many the edges of each.

    No thread may go through more rounds than `LONGEST_LOOP`, also if the neurons with the most edges meet in one workgroup.

    Args:
        quads: (N,), of the edges of each neuron.
        size: threads of a workgroup.
    """
    most = np.sort(quads)[::-1]
    groups, parts = max(min(256, quads.size), 1), 1
    while True:
        together = -(-quads.size // groups)
        rounds = np.sum(-(-most[:together] // (size * parts)) + 1)
        if rounds <= LONGEST_LOOP:
            return groups, parts
        if 4 * together > LONGEST_LOOP or parts >= 1024:
            groups *= 2
        else:
            parts *= 2


@dataclass(frozen=True, eq=False)
class Neurons:
    """What the steps of a network share on the device.

    Attributes:
        edges: the synapses.
        sums: int32 (slots, words): what arrives, step by step in turn.
        spikes: uint32 (2, 1 + N, or with counts 1 + 2 N): who fired, in this step and the one before.
        flags: uint32 (2,): how often a neuron's spikes were too many, or its mean not finite.
        constants: (constants, 4 Q, or 4 where one number serves all).
        spread: whether there is a number for each neuron.
    """

    edges: Synapses
    sums: Array
    spikes: Array
    flags: Array
    constants: Array
    spread: bool

    @staticmethod
    def make(edges: Synapses, slots: int, constants: list[np.ndarray]) -> Neurons:
        """Return neurons to which nothing has arrived; each constant is a number, or one for each neuron (N,)."""
        spread = any(c.ndim > 0 for c in constants)
        if spread:
            table = np.stack([padded(np.broadcast_to(c, edges.neurons), edges.quads) for c in constants])
        else:
            table = np.repeat(np.array(constants, np.float32)[:, None], 4, 1)
        return Neurons(
            edges, from_numpy(np.zeros((slots, edges.words), np.int32)), from_numpy(np.zeros((2, edges.list), np.uint32)),
            from_numpy(np.zeros(2, np.uint32)), from_numpy(table), spread,
        )  # fmt: skip

    @property
    def row_words(self) -> int:
        """Words of a step's output: a bit a neuron, or with counts 16."""
        return 2 * self.edges.quads if self.edges.counts else -(-self.edges.neurons // 32)

    @property
    def slots(self) -> int:
        """How many steps `sums` holds."""
        return self.sums.shape[0]


@dataclass(frozen=True)
class Rows:
    """What a chunk of steps reads and writes: a row of each for a step.

    Attributes:
        out: uint32 (rows, words): the spikes.
        mask: (4 Q,), which neurons a stimulus of one number a step reaches.
        drive: (rows,) for the mask, or (rows, 4 Q) for each neuron, or None.
        uniforms: (rows, 4 Q) in [0, 1), or None, where they are drawn.
    """

    out: Array
    mask: Array | None = None
    drive: Array | None = None
    uniforms: Array | None = None


def step(name: str, neurons: Neurons, rows: Rows, row: int, clock: int, seed: int, first: bool, **more: Any) -> None:
    """Record one step: neurons draw spikes, and these arrive at the sums of a slot.

    Args:
        name: the shader: network_filter, network_activation or network_lif.
        neurons: the network.
        rows: inputs and outputs.
        row: of this step in them.
        clock: counts the steps; it chooses random numbers, slot and list.
        seed: of the random numbers.
        first: whether nothing has arrived yet.
        **more: what this shader wants beside that.
    """
    edges, none, here = neurons.edges, neurons.constants, clock & 1
    kernel(name)(
        grid(edges.quads), 64 * edges.quads, sums=neurons.sums, scale=edges.scale, constants=neurons.constants,
        mask=rows.mask or none, drive=rows.drive or none, uniforms=rows.uniforms or none, list=neurons.spikes, words=rows.out,
        flags=neurons.flags, n=edges.neurons, quads=edges.quads, row=row, slot=clock % neurons.slots, slots=neurons.slots,
        here=here * edges.list, before=(1 - here) * edges.list, t_low=clock & 0xFFFFFFFF, t_high=clock >> 32,
        seed_low=seed & 0xFFFFFFFF, seed_high=seed >> 32, first=int(first), COUNTS=int(edges.counts), SPREAD=int(neurons.spread),
        INJECTED=int(rows.uniforms is not None), STIMULUS=0 if rows.drive is None else 1 if rows.drive.ndim == 1 else 2, **more,
    )  # fmt: skip
    deliver(neurons, clock)


def deliver(neurons: Neurons, clock: int) -> None:
    """Add the weights of all edges of the neurons on the list of a step to the sums of its slot."""
    edges, size = neurons.edges, current_device().info.subgroup_size
    groups, parts = edges.groups
    kernel("network_deliver")(
        (groups, parts, 1), 16 * edges.neurons, list=neurons.spikes, here=(clock & 1) * edges.list, start=edges.start,
        target=edges.target, weight=edges.weight, sums=neurons.sums, slot=clock % neurons.slots * edges.words, groups=groups,
        parts=parts, targets=4 * edges.quads, local_size=size, COUNTS=int(edges.counts),
    )  # fmt: skip


def decoded(out: np.ndarray, neurons: int, counts: bool) -> np.ndarray:
    """Return the spikes (rows, N) of output words (rows, words): bool, or with counts uint16."""
    if counts:
        return out.view(np.uint16)[:, :neurons]
    return np.unpackbits(out.view(np.uint8), axis=1, bitorder="little")[:, :neurons].view(np.bool_)
