"""Other sizes of images, against loops over the output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from tests.helpers import check, same


def averaged(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    out = np.empty((*x.shape[:-2], *size))
    edges = [[(k * n // s, -(-(k + 1) * n // s)) for k in range(s)] for n, s in zip(x.shape[-2:], size, strict=True)]
    for i, (a, b) in enumerate(edges[0]):
        for j, (c, d) in enumerate(edges[1]):
            out[..., i, j] = x[..., a:b, c:d].mean((-1, -2))
    return out


@pytest.mark.parametrize("size", [1, 2, (3, 2), (4, 5), (7, 1), (None, 3), 9])
@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (2, 8, 4), (0, 2, 5, 5)])
def test_adaptive_avg_pool2d(shape: tuple, size: Any) -> None:
    both = size if isinstance(size, tuple) else (size, size)
    wanted = tuple(n if s is None else s for s, n in zip(both, shape[-2:], strict=True))
    x = np.random.default_rng(0).normal(size=shape)
    check(lambda x: F.adaptive_avg_pool2d(x, size), lambda x: averaged(x, wanted), x)
    assert nn.AdaptiveAvgPool2d(size)(x).shape == (*shape[:-2], *wanted)


def test_infinity_stays_in_its_window() -> None:
    x = np.zeros((1, 5, 5))
    x[0, 0, 0] = np.inf
    out = F.adaptive_avg_pool2d(x, 3).numpy()
    assert out[0, 0, 0] == np.inf
    assert np.isfinite(out.reshape(-1)[1:]).all()


def resized(x: np.ndarray, size: tuple[int, int], scales: list[float], mode: str, align: bool) -> np.ndarray:
    (h, w), rows = x.shape[-2:], []
    for n, s, scale in zip((h, w), size, scales, strict=True):
        a = np.zeros((s, n))
        for k in range(s):
            if mode == "nearest":
                a[k, min(int(k * scale + 1e-9), n - 1)] = 1.0
            else:
                at = k * (n - 1) / max(s - 1, 1) if align else max((k + 0.5) * scale - 0.5, 0.0)
                low = min(int(at), n - 1)
                part = min(at - low, 1.0)
                a[k, low] += 1.0 - part
                a[k, min(low + 1, n - 1)] += part
        rows.append(a)
    return np.einsum("ih,...hw,jw->...ij", rows[0], x, rows[1])


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "corners"])
@pytest.mark.parametrize(
    ("size", "factor"),
    [(6, None), ((3, 9), None), (1, None), (None, 2), (None, (1.5, 2.5)), (None, 0.5), ((4, 3), None)],
)
def test_interpolate(mode: str, size: Any, factor: Any) -> None:
    x, align = np.random.default_rng(0).normal(size=(2, 2, 4, 3)), mode == "corners"
    mode = "bilinear" if align else mode
    if size is not None:
        new = size if isinstance(size, tuple) else (size, size)
        scales = [n / s for n, s in zip((4, 3), new, strict=True)]
    else:
        both = factor if isinstance(factor, tuple) else (factor, factor)
        new, scales = (int(4 * both[0]), int(3 * both[1])), [1 / f for f in both]
    options = {"mode": mode, "align_corners": True if align else None}
    check(lambda x: F.interpolate(x, size, factor, **options), lambda x: resized(x, new, scales, mode, align), x)
    layer = nn.Upsample(size, factor, **options)
    same(layer(x), resized(x, new, scales, mode, align))
    assert repr(layer).endswith(f"mode={mode!r})")


def test_errors() -> None:
    x = np.ones((1, 1, 4, 4))
    for arguments, options, message in (
        ((x,), {}, "both or none of size and scale_factor"),
        ((x, 2, 2), {}, "both or none of size and scale_factor"),
        ((x, 2), {"mode": "cubic"}, "unknown mode, got 'cubic'"),
        ((x, 2), {"align_corners": True}, "align_corners goes with mode='bilinear' only"),
        ((x, 0), {}, "size is one or two integers of at least 1"),
        ((x, None, 0.1), {}, "nothing is left"),
        ((x, None, -1), {}, "scale_factor is one or two positive numbers"),
        ((x[0], 2), {}, r"expected an input \(N, C, H, W\), got shape \(1, 4, 4\)"),
    ):
        with pytest.raises(ValueError, match=f"interpolate: .*{message}"):
            F.interpolate(*arguments, **options)
    with pytest.raises(ValueError, match="adaptive_avg_pool2d: output_size is one or two integers"):
        F.adaptive_avg_pool2d(x, 0)
    with pytest.raises(ValueError, match=r"adaptive_avg_pool2d: expected an input .*SeqToANNContainer"):
        F.adaptive_avg_pool2d(x[None], 2)
    with pytest.raises(ValueError, match="Upsample: unknown mode"):
        nn.Upsample(2, mode="cubic")
