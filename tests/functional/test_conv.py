"""Convolution against a sum over the elements of a window, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.ops import conv as ops
from tests.helpers import check, exact, floats, same


def pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:  # fmt: skip
    if x.ndim == 3:
        return conv(x[None], w, b, stride, padding, dilation, groups)[0]
    (sh, sw), (dh, dw), (kh, kw) = pair(stride), pair(dilation), w.shape[2:]
    spans = dh * (kh - 1), dw * (kw - 1)
    if padding == "same":
        sides = [(s // 2, s - s // 2) for s in spans]
    else:
        sides = [(p, p) for p in ((0, 0) if padding == "valid" else pair(padding))]
    x = np.pad(x, ((0, 0), (0, 0), *sides))
    rows, columns = (x.shape[2] - spans[0] - 1) // sh + 1, (x.shape[3] - spans[1] - 1) // sw + 1
    out = np.zeros((x.shape[0], w.shape[0], rows, columns))
    own, each = w.shape[0] // groups, w.shape[1]
    for g in range(groups):
        xs, ws = x[:, g * each : (g + 1) * each], w[g * own : (g + 1) * own]
        for i in range(kh):
            for j in range(kw):
                part = xs[
                    :, :, i * dh : i * dh + (rows - 1) * sh + 1 : sh, j * dw : j * dw + (columns - 1) * sw + 1 : sw
                ]
                out[:, g * own : (g + 1) * own] += np.einsum("nchw,oc->nohw", part, ws[:, :, i, j])
    return out if b is None else out + b[:, None, None]


@st.composite
def cases(draw: Any) -> tuple[list[np.ndarray], dict[str, Any]]:
    def either(low: int, high: int) -> Any:
        number = st.integers(low, high)
        return draw(st.one_of(number, st.tuples(number, number)))

    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    options: dict[str, Any] = {
        "stride": either(1, 3),
        "dilation": either(1, 2),
        "groups": draw(st.sampled_from([1, 1, 2, 3])),
    }
    options["padding"] = draw(st.just(either(0, 2)))
    if pair(options["stride"]) == (1, 1):
        options["padding"] = draw(st.sampled_from([options["padding"], "same", "valid"]))
    reach = [d * (k - 1) + 1 for d, k in zip(pair(options["dilation"]), kernel, strict=True)]
    size = [draw(st.sampled_from([r, r + 1, r + 3, -(-r // 4) * 4, 8 if r < 8 else r])) for r in reach]
    lead = draw(st.sampled_from([(), (1,), (2,), (3,), (0,)]))
    each, own = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    arrays = [
        draw(floats(shape=(*lead, each * options["groups"], *size))),
        draw(floats(shape=(own * options["groups"], each, *kernel))),
    ]
    if draw(st.booleans()):
        arrays.append(draw(floats(shape=(own * options["groups"],))))
    return arrays, options


@given(cases())
def test_conv2d(case: tuple[list[np.ndarray], dict[str, Any]]) -> None:
    arrays, options = case
    check(lambda *a: F.conv2d(*a, **options), lambda *a: conv(*a, **options), *arrays, atol=2e-5)


def gradients(x: np.ndarray, w: np.ndarray, g: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of sum(g * conv(x, w)), which is linear in both: the value for each unit would do, but takes long."""
    gx, gw = np.zeros(x.shape), np.zeros(w.shape)
    for at in np.ndindex(w.shape):
        unit = np.zeros(w.shape)
        unit[at] = 1.0
        gw[at] = np.sum(g * conv(x, unit, **options))
    for at in np.ndindex(x.shape[1:]):
        unit = np.zeros((1, *x.shape[1:]))
        unit[0][at] = 1.0
        gx[(slice(None), *at)] = np.sum(g * conv(unit, w, **options), (1, 2, 3))
    return gx, gw


def compare(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, **options: Any) -> None:
    tensors = [Tensor(a, requires_grad=True) for a in (x, w, *(() if b is None else (b,)))]
    out = F.conv2d(*tensors, **options)
    wide = [exact(t.numpy()) for t in tensors]
    want = conv(*wide, **options)
    same(out, want, 1e-4, 1e-4)
    g = np.random.default_rng(1).normal(size=want.shape).astype(np.float32)
    out.backward(g)
    gx, gw = gradients(wide[0], wide[1], exact(g), **options)
    same(tensors[0].grad, gx, 1e-4, 1e-4)
    same(tensors[1].grad, gw, 1e-4, 1e-3)
    if b is not None:
        same(tensors[2].grad, exact(g).sum((0, 2, 3)), 1e-4, 1e-3)


@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((5, 3, 12, 12), (6, 3, 3, 3), {"padding": 1}),
        ((5, 3, 12, 12), (6, 3, 5, 5), {"padding": 2}),
        ((6, 2, 12, 16), (4, 2, 3, 5), {}),
        ((6, 2, 9, 8), (4, 1, 3, 3), {"padding": "same", "groups": 2}),
        ((4, 2, 8, 12), (5, 2, 3, 3), {"padding": 2, "dilation": 2}),
        ((7, 3, 9, 11), (5, 3, 3, 3), {"stride": 2, "padding": 1}),
        ((5, 4, 6, 8), (4, 1, 3, 3), {"groups": 4, "padding": 1, "stride": (2, 1)}),
        ((3, 5, 7, 7), (8, 5, 1, 1), {}),
        ((3, 2, 12, 12), (8, 2, 2, 9), {"padding": (0, 4)}),
        ((4, 2, 4, 4), (3, 2, 4, 4), {}),
    ],
)
@pytest.mark.parametrize("scratch", [None, 700])
def test_pieces_of_the_batch_and_of_a_sample(
    monkeypatch: pytest.MonkeyPatch, poisoned: Any, shape: tuple, weight: tuple, options: dict, scratch: int | None
) -> None:
    """The same values in one piece, and in pieces of the batch and of the rows of each sample."""
    monkeypatch.setattr(ops, "fits", lambda x, v: False)
    monkeypatch.setattr(ops, "fits_back", lambda g, v: False)
    monkeypatch.setattr(ops.conv_gradient, "fits", lambda x, v: False)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape), rng.normal(size=weight)
    if scratch:
        monkeypatch.setattr(ops, "_SCRATCH", {True: 8 * scratch, False: 8 * scratch})
    compare(x, w, rng.normal(size=weight[0]), **options)
    if scratch:
        monkeypatch.setattr(ops, "_SCRATCH", {True: scratch, False: scratch})
        monkeypatch.setattr(ops, "_LARGEST", scratch)
    compare(x, w, None, **options)


@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((5, 3, 12, 12), (6, 3, 3, 3), {"padding": 1}),
        ((2, 2, 9, 8), (33, 2, 3, 5), {"padding": (3, 6)}),
        ((3, 4, 7, 7), (18, 2, 3, 3), {"padding": 1, "groups": 2}),
        ((2, 3, 10, 13), (9, 3, 2, 4), {"stride": (2, 1), "padding": "valid"}),
        ((2, 2, 8, 14), (4, 2, 3, 3), {"padding": "same", "dilation": (2, 4)}),
        ((1, 9, 6, 6), (9, 1, 3, 3), {"groups": 9}),
        ((3, 5, 9, 11), (6, 5, 3, 3), {"stride": 2, "padding": 1}),
        ((2, 8, 8, 12), (6, 4, 2, 3), {"stride": (1, 2), "groups": 2}),
        ((2, 2, 4, 30), (3, 2, 2, 7), {}),
        ((3, 5, 7, 7), (40, 5, 1, 1), {}),
        ((2, 6, 5, 7), (9, 6, 1, 1), {"stride": 2, "padding": 2}),
        ((2, 5, 6, 9), (9, 5, 2, 2), {"stride": 3, "padding": 1}),
        ((2, 4, 9, 10), (9, 4, 3, 3), {"stride": (3, 2), "dilation": (3, 2), "padding": (4, 5)}),
        ((1, 4, 12, 13), (8, 4, 3, 4), {"stride": 4, "padding": 3}),
        ((2, 1, 9, 9), (5, 1, 3, 3), {"padding": 4}),
        ((2, 6, 7, 9), (6, 1, 3, 3), {"groups": 6, "stride": 2, "padding": 1}),
        ((2, 6, 6, 8), (9, 2, 5, 5), {"groups": 3, "padding": 2, "dilation": (1, 2)}),
        ((1, 2, 9, 7), (4, 1, 1, 1), {"groups": 2, "stride": 2}),
        ((1, 6, 1, 70), (33, 6, 1, 5), {"padding": (0, 2)}),
    ],
)
@pytest.mark.parametrize("loop", [None, 3])
def test_without_a_matrix_of_windows(
    monkeypatch: pytest.MonkeyPatch, poisoned: Any, shape: tuple, weight: tuple, options: dict, loop: int | None
) -> None:
    """Rows of any length, strides above the kernel, more padding than it reaches, few channels; and gradients in parts."""
    if loop:
        monkeypatch.setattr(ops.conv_gradient, "LONGEST_LOOP", loop)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape), rng.normal(size=weight)
    compare(x, w, rng.normal(size=weight[0]), **options)
    compare(x, w, None, **options)


def test_conv1d() -> None:
    rng = np.random.default_rng(0)
    for options in (
        {},
        {"stride": 2, "padding": 1},
        {"padding": "same", "dilation": 2},
        {"groups": 2, "padding": (3,)},
    ):
        groups = options.get("groups", 1)
        x, w, b = rng.normal(size=(2, 4, 12)), rng.normal(size=(6, 4 // groups, 3)), rng.normal(size=6)
        flat = {k: (1 if k != "padding" else 0, v[0] if isinstance(v, tuple) else v) for k, v in options.items()}
        flat |= {k: v for k, v in options.items() if k == "groups" or v == "same"}
        check(
            lambda x, w, b, o=options: F.conv1d(x, w, b, **o),
            lambda x, w, b, o=flat: conv(x[..., None, :], w[:, :, None], b, **o)[..., 0, :],
            x, w, b, atol=2e-5,
        )  # fmt: skip
    same(F.conv1d(np.ones((4, 5)), np.ones((1, 4, 5))), np.full((1, 1), 20.0))


def test_what_follows_and_what_is_no_number() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(4, 3, 3, 3))
    check(lambda x, w: F.relu(F.conv2d(x, w)), lambda x, w: np.maximum(conv(x, w), 0), x, w, atol=2e-5)
    x[0, 0, 0, 0] = np.nan
    out = F.conv2d(x, w, padding=1).numpy()
    assert np.isnan(out[0, :, :2, :2]).all()
    assert not np.isnan(out[1]).any()
    assert not np.isnan(out[0, :, 2:]).any()
    same(
        F.conv2d(np.arange(16).reshape(1, 4, 4), np.ones((1, 1, 2, 2))),
        conv(np.arange(16.0).reshape(1, 4, 4), np.ones((1, 1, 2, 2))),
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((4, 4), (1, 1, 2, 2)), {}, r"expected an input \(N, C, H, W\) or \(C, H, W\), got shape \(4, 4\)"),
        (((1, 1, 1, 4, 4), (1, 1, 2, 2)), {}, "wrap the layer in SeqToANNContainer"),
        (((2, 4, 4), (1, 1, 2, 2)), {}, "the channels do not fit, got an input of 2 channels"),
        (((2, 4, 4), (3, 1, 2, 2)), {"groups": 2}, "the channels do not fit"),
        (((1, 4, 4), (1, 1, 5, 2)), {}, r"a window of \(5, 2\) does not fit into an input of shape \(4, 4\)"),
        (((1, 4, 4), (1, 1, 2)), {}, "expected a weight of 4 axes"),
        (((1, 4, 4), (1, 1, 2, 2), (2,)), {}, r"the bias has the wrong shape, got \(2,\); expected \(1,\)"),
        (((1, 4, 4), (1, 1, 2, 2)), {"stride": 0}, "stride is one or two integers of at least 1, got 0"),
        (((1, 4, 4), (1, 1, 2, 2)), {"padding": -1}, "padding is one or two integers of at least 0"),
        (((1, 4, 4), (1, 1, 2, 2)), {"padding": "full"}, "unknown padding, got 'full'"),
        (((1, 4, 4), (1, 1, 2, 2)), {"padding": "same", "stride": 2}, "padding='same' needs a stride of 1"),
        (((1, 4, 4), (1, 1, 2, 2)), {"groups": 0}, "groups is a positive integer, got 0"),
        (((1, 4, 4), (1, 1, 200, 200)), {}, "the kernel is too large"),
    ],
)
def test_errors(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"conv2d: .*{message}"):
        F.conv2d(*map(np.ones, arguments), **options)


def test_errors_along_one_axis() -> None:
    with pytest.raises(ValueError, match=r"conv1d: expected an input \(N, C, L\) or \(C, L\)"):
        F.conv1d(np.ones(4), np.ones((1, 1, 2)))
    with pytest.raises(ValueError, match="conv1d: stride is an integer of at least 1, got 0"):
        F.conv1d(np.ones((1, 4)), np.ones((1, 1, 2)), stride=0)
    with pytest.raises(ValueError, match=r"conv1d: a window of \(5,\) does not fit into an input of shape \(4,\)"):
        F.conv1d(np.ones((1, 4)), np.ones((1, 1, 5)))


def transposed(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> np.ndarray:  # fmt: skip
    """Each element of x adds a window to the output, which is then cut."""
    (sh, sw), (dh, dw), (ph, pw), (mh, mw) = map(pair, (stride, dilation, padding, output_padding))
    (n, c, h, wide), (_, own, kh, kw) = x.shape, w.shape
    out = np.zeros((n, own * groups, (h - 1) * sh + dh * (kh - 1) + 1 + mh, (wide - 1) * sw + dw * (kw - 1) + 1 + mw))
    each = c // groups
    for i, j in np.ndindex(kh, kw):
        for g in range(groups):
            part = np.einsum("nchw,co->nohw", x[:, g * each : (g + 1) * each], w[g * each : (g + 1) * each, :, i, j])
            rows = slice(i * dh, i * dh + (h - 1) * sh + 1, sh)
            out[:, g * own : (g + 1) * own, rows, j * dw : j * dw + (wide - 1) * sw + 1 : sw] += part
    out = out[:, :, ph : out.shape[2] - ph, pw : out.shape[3] - pw]
    return out if b is None else out + b[:, None, None]


@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((2, 3, 4, 4), (3, 2, 3, 3), {}),
        ((2, 4, 3, 4), (4, 2, 2, 3), {"stride": 2, "padding": 1, "output_padding": (0, 1), "groups": 2}),
        ((1, 2, 3, 3), (2, 1, 4, 4), {"stride": 2, "padding": 1}),
        ((2, 2, 4, 4), (2, 3, 3, 5), {"padding": (1, 2)}),
        ((2, 2, 2, 5), (2, 2, 2, 2), {"dilation": 2, "stride": (1, 3), "output_padding": (1, 2)}),
        ((0, 2, 2, 5), (2, 2, 2, 2), {}),
    ],
)
def test_conv_transpose2d(shape: tuple, weight: tuple, options: dict) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=shape), rng.normal(size=weight), rng.normal(size=weight[1] * options.get("groups", 1))
    arrays = (lambda *a: F.conv_transpose2d(*a, **options)), (lambda *a: transposed(*a, **options))
    check(*arrays, x, w, b, atol=2e-5)
    check(*arrays, x, w, atol=2e-5)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((2, 4, 4), (1, 1, 2, 2)), {}, "the channels do not fit, got an input of 2 channels"),
        (((1, 4, 4), (1, 1, 2, 2)), {"output_padding": 1}, "output_padding is less than stride or dilation, got 1"),
        (((1, 2, 2), (1, 1, 2, 2)), {"padding": 3}, "nothing is left"),
        (((1, 4, 4), (1, 2, 2, 2), (1,)), {}, r"the bias has the wrong shape, got \(1,\); expected \(2,\)"),
    ],
)
def test_errors_of_the_transposed_one(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"conv_transpose2d: .*{message}"):
        F.conv_transpose2d(*map(np.ones, arguments), **options)
