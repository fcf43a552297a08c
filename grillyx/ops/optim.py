"""Optimizer steps: parameters and their state change in place, up to eight parameters to a dispatch.

Everything that may differ from step to step is a push constant, so a changing learning rate makes no new pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grillyx.engine.array import Array, empty
from grillyx.engine.device import current_device
from grillyx.engine.kernel import grid, kernel

Tensors = Mapping[str, Sequence[Array]]
Numbers = Mapping[str, Sequence[float]]
SLOTS = (8, 6, 4, 2, 1)  # tensors for which there is a shader
_CPU_THREADS = 4096  # fewer, longer loops: a CPU device goes through all slots in each thread
_NORM_GROUPS = {"cpu": 64, "gpu": 1024}


def _slots(name: str, a_slot: int, shared: int, bindings: int, count: int) -> int:
    """Return how many tensors go into the next dispatch: all if they fit, else as many as the device takes."""
    able = [slots for slots in SLOTS if slots * a_slot + shared <= bindings]
    if not able:
        raise NotImplementedError(
            f"{name}: too many arrays for this device, got {bindings} storage buffers in a shader; expected at least "
            f"{a_slot + shared}. Choose another device with GRILLYX_DEVICE or grillyx.use_device."
        )
    return min((slots for slots in able if slots >= count), default=able[0])


def _run(
    name: str, tensors: Tensors, numbers: Numbers, most: int = 0, part: Array | None = None, /, **shared: Array | float
) -> int:
    """Run a shader of ``slots.glsl`` over the rows of `tensors` and `numbers`: keys are its names, without the slot.

    A shader with a `part` gets a place there for each of its workgroups, of which there are at most `most`. Returns how
    many.
    """
    first = next(iter(tensors.values()))
    rows = [row for row, array in enumerate(first) if array.size]
    if not rows:
        return 0
    info = first[0].storage.device.info
    arrays = sum(isinstance(value, Array) for value in shared.values()) + (part is not None)
    done = 0
    while rows:
        slots = _slots(name, len(tensors), arrays, info.max_bindings, len(rows))
        now, rows = rows[:slots], rows[slots:]
        # an empty slot needs something that is bound; it has no elements to work on
        filled = now + now[:1] * (slots - len(now))
        quads = [-(-first[row].size // 4) for row in now] + [0] * (slots - len(now))
        given = {f"n{k}": n for k, n in enumerate(quads)} | shared
        for names in (tensors, numbers):
            given |= {f"{key}{k}": values[row] for key, values in names.items() for k, row in enumerate(filled)}
        threads = min(max(quads), _CPU_THREADS) if info.type == "cpu" else max(quads)
        groups = grid(min(threads, 64 * most) if most else threads)
        if part is not None:
            given |= {"part": part, "first": done}
        kernel(f"{name}.{slots}")(groups, 16 * (len(tensors) + 2) * sum(quads), **given)
        done += groups[0]
    return done


def _step(name: str, tensors: Tensors, numbers: Numbers, /, **shared: float) -> None:
    _run(name, tensors, numbers, **shared)
    for p in tensors["p"]:
        p.storage.version += 1


def sgd(
    params: Sequence[Array], grads: Sequence[Array], buffers: Sequence[Array] | None, fresh: Sequence[bool], *,
    lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """Gradient descent, with momentum where there are `buffers` (zeros where `fresh`, which takes in g undamped).

    ::

        g = grad + weight_decay·p                   (−grad with maximize)
        b = momentum·b + (1 − dampening)·g           (the first time b = g)
        p = p − lr·(g + momentum·b  if nesterov else b)
    """
    tensors = {"p": params, "g": grads, "b": params if buffers is None else buffers}
    _step(
        "sgd", tensors, {"s": [1.0 if new else 1.0 - dampening for new in fresh]}, lr=lr, momentum=momentum,
        l2=weight_decay, flip=-1.0 if maximize else 1.0, MOMENTUM=int(buffers is not None), NESTEROV=int(nesterov),
    )  # fmt: skip


def adam(
    params: Sequence[Array], grads: Sequence[Array], means: Sequence[Array], squares: Sequence[Array],
    steps: Sequence[int], *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool,
    maximize: bool,
) -> None:  # fmt: skip
    """Adam, and AdamW where the weight decay is `decoupled`; `steps` counts from 1, for each parameter.

    ::

        g = grad + weight_decay·p                   (Adam; −grad with maximize)
        p = (1 − lr·weight_decay)·p                 (AdamW)
        m = β₁·m + (1 − β₁)·g,   v = β₂·v + (1 − β₂)·g²
        p = p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)
    """
    beta1, beta2 = betas
    numbers = {"a": [lr / (1.0 - beta1**t) for t in steps], "c": [(1.0 - beta2**t) ** 0.5 for t in steps]}
    _step(
        "adam", {"p": params, "g": grads, "m": means, "v": squares}, numbers, beta1=beta1, weight1=1.0 - beta1,
        beta2=beta2, weight2=1.0 - beta2, eps=eps, l2=0.0 if decoupled else weight_decay,
        shrink=1.0 - lr * weight_decay if decoupled else 1.0, flip=-1.0 if maximize else 1.0,
    )  # fmt: skip


def rmsprop(
    params: Sequence[Array], grads: Sequence[Array], squares: Sequence[Array], means: Sequence[Array] | None,
    buffers: Sequence[Array] | None, *, lr: float, alpha: float, eps: float, weight_decay: float, momentum: float,
    maximize: bool,
) -> None:  # fmt: skip
    """RMSprop, centered where there are `means`, with momentum where there are `buffers`.

    ::

        g = grad + weight_decay·p                   (−grad with maximize)
        v = α·v + (1 − α)·g²,   a = α·a + (1 − α)·g
        d = g / (√(v − a²  if centered else v) + eps)
        b = momentum·b + d
        p = p − lr·(b  with momentum, else d)
    """
    tensors = {"p": params, "g": grads, "v": squares, "a": means or squares, "b": buffers or squares}
    _step(
        "rmsprop", tensors, {}, lr=lr, alpha=alpha, weight=1.0 - alpha, eps=eps, momentum=momentum, l2=weight_decay,
        flip=-1.0 if maximize else 1.0, MOMENTUM=int(buffers is not None), CENTERED=int(means is not None),
    )  # fmt: skip


def norm_of(arrays: Sequence[Array], limit: float, largest: bool) -> tuple[Array, Array]:
    """Return the norm of all values of several arrays, and ``min(1, limit / (norm + 1e-6))``; NaN stays NaN.

    The norm is the Euclidean one, or the `largest` absolute value.
    """
    norm, factor = empty(()), empty((1,))
    most = _NORM_GROUPS["cpu" if norm.storage.device.info.type == "cpu" else "gpu"]
    part = empty((most * len(arrays),))
    options = {"LARGEST": int(largest)}
    count = _run("norm_parts", {"x": arrays}, {"w": [a.size for a in arrays]}, most, part, **options)
    kernel("norm_factor")((1, 1, 1), 4 * count, part=part, norm=norm, factor=factor, n=count, limit=limit, **options)
    return norm, factor


def scaled(arrays: Sequence[Array], factor: Array) -> list[Array]:
    """Return all arrays times one number that is on the device."""
    out = [empty(x.shape) for x in arrays]
    _run("scale", {"x": arrays, "y": out}, {}, factor=factor)
    return out


def end_step() -> None:
    """Submit a training step that nobody reads, so that the next one can use its buffers again."""
    current_device().synchronize()
