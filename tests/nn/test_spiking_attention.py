"""Self-attention of spikes against NumPy in float64; numbers of SpikingJelly are in test_spiking_norms."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor, optim
from tests.helpers import same, slope
from tests.nn.reference import Neuron

T, N, C, EPS = 4, 2, 8, 1e-5
LIF = {"q": 0.5, "decay_input": True, "detach_reset": True, "surrogate": "Sigmoid", "alpha": 4.0}


class Chain:
    """Modules in NumPy, each with its gradient: forward keeps what backward takes."""

    def __init__(self) -> None:
        self.back: list[Callable[[np.ndarray], np.ndarray]] = []
        self.grads: dict[str, np.ndarray] = {}
        self.margin = 1.0

    def project(self, x: np.ndarray, p: dict[str, np.ndarray], name: str) -> np.ndarray:
        """A convolution of one column, and batch norm over steps, samples and tokens."""
        w, gamma, beta = p[f"{name}.0.weight"][..., 0], p[f"{name}.1.weight"], p[f"{name}.1.bias"]
        z = np.einsum("oc,tncl->tnol", w, x)
        axes, std = (0, 1, 3), np.sqrt(z.var((0, 1, 3), keepdims=True) + EPS)
        hat = (z - z.mean(axes, keepdims=True)) / std

        def backward(g: np.ndarray) -> np.ndarray:
            self.grads[f"{name}.1.weight"], self.grads[f"{name}.1.bias"] = (g * hat).sum(axes), g.sum(axes)
            gh = g * gamma[:, None]
            gz = (gh - gh.mean(axes, keepdims=True) - hat * (gh * hat).mean(axes, keepdims=True)) / std
            self.grads[f"{name}.0.weight"] = np.einsum("tnol,tncl->oc", gz, x)[..., None]
            return np.einsum("oc,tnol->tncl", w, gz)

        self.back.append(backward)
        return hat * gamma[:, None] + beta[:, None]

    def fire(self, x: np.ndarray, **rules: Any) -> np.ndarray:
        neuron = Neuron(**(LIF | rules))
        s, _, h = neuron.forward(x)
        gap = np.abs(h - neuron.v_threshold)
        self.margin = min(self.margin, float(gap[gap > 1e-12].min()))  # a tie of whole numbers is one for both
        self.back.append(lambda g: neuron.backward(x, g, np.zeros(x.shape))[0])
        return s

    def then(self, x: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        self.back.append(lambda g: slope(function, [x], 0, g))
        return function(x)

    def backward(self, g: np.ndarray) -> np.ndarray:
        for step in reversed(self.back):
            g = step(g)
        return g


def heads_of(x: np.ndarray, parts: int, heads: int) -> np.ndarray:
    return np.moveaxis(x.reshape(*x.shape[:2], parts, heads, -1, x.shape[-1]), 2, 0)


def reference(kind: str, p: dict[str, np.ndarray], x: np.ndarray, heads: int, **rules: Any) -> tuple[Chain, np.ndarray]:
    chain, self_attention = Chain(), kind == "SpikingSelfAttention"
    shape, name, first = x.shape, "qkv" if self_attention else "qk", {"v_threshold": 0.5} | rules
    s = chain.fire(chain.project(x, p, f"{name}_conv_bn"), **rules)
    if self_attention:

        def product(s: np.ndarray) -> np.ndarray:
            q, k, v = heads_of(s, 3, heads)
            return 0.125 * (v @ np.swapaxes(k, -1, -2) @ q).reshape(shape)

        s = chain.fire(chain.then(s, product), **first)
    else:
        axis = 3 if kind == "TokenQKAttention" else 4
        q, k = heads_of(s, 2, heads)
        side = Chain()
        passes = side.fire(q.sum(axis, keepdims=True), **first)
        chain.margin = min(chain.margin, side.margin)

        def backward(g: np.ndarray) -> np.ndarray:
            g = g.reshape(k.shape)
            gq = np.broadcast_to(side.backward((g * k).sum(axis, keepdims=True)), k.shape)
            return np.stack([gq, g * passes], 2).reshape(s_shape)

        s_shape = s.shape
        chain.back.append(backward)
        s = (passes * k).reshape(shape)
    return chain, chain.fire(chain.project(s, p, "proj_conv_bn"), **rules)


def lively(layer: nn.Module, seed: int) -> nn.Module:
    """Give weights with which all neurons fire at times."""
    rng = np.random.default_rng(seed)
    for name, p in layer.named_parameters():
        values = rng.normal(0.0, 0.3, p.shape)
        p.copy_(values if p.ndim > 1 else values + (2.0 if name.endswith("weight") else 0.5))
    return layer


def spikes(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.float32)


KINDS = ("SpikingSelfAttention", "TokenQKAttention", "ChannelQKAttention")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("heads", "tokens"), [(2, 6), (1, 3), (4, 2)])
def test_against_numpy(poisoned: None, kind: str, heads: int, tokens: int) -> None:
    for seed in range(50):
        layer, x = lively(getattr(nn, kind)(C, heads), seed), spikes(T, N, C, tokens, seed=seed)
        p = {name: v.astype(np.float64) for name, v in layer.state_dict().items()}
        chain, want = reference(kind, p, x.astype(np.float64), heads)
        if chain.margin > 1e-4 and 0.05 < want.mean() < 0.95:
            break
    else:
        pytest.fail("no weights without a membrane at the threshold")
    t, g = Tensor(x, requires_grad=True), np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    y = layer(t)
    np.testing.assert_array_equal(y.numpy(), want)
    (y * g).sum().backward()
    gx = chain.backward(g.astype(np.float64))
    assert np.abs(gx).max() > 1e-3
    same(t.grad, gx, 1e-3, 1e-4 * np.abs(gx).max())
    for name, param in layer.named_parameters():
        same(param.grad, chain.grads[name], 1e-3, 1e-4 * np.abs(chain.grads[name]).max())


NEURONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "IF": (nn.IFNode, {}), "PLIF": (nn.ParametricLIFNode, {"init_tau": 1.5}), "KLIF": (nn.KLIFNode, {}),
    "CUBA": (nn.CUBALIFNode, {}), "ALIF": (nn.ALIFNode, {}), "Leaky": (nn.Leaky, {"beta": 0.9}), "PSN": (nn.PSN, {"T": T}),
    "gated": (nn.GatedLIFNode, {"T": T}), "function": (lambda **o: nn.IFNode(v_threshold=0.5, **o), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("kind", KINDS)
def test_any_neuron(name: str, kind: str) -> None:
    neuron, options = NEURONS[name]
    layer, x = lively(getattr(nn, kind)(C, 2, neuron, **options), 0), spikes(T, N, C, 5)
    for p in layer.qkv_lif.parameters() if hasattr(layer, "qkv_lif") else layer.qk_lif.parameters():
        p.copy_(np.full(p.shape, 0.5))
    assert type(layer.proj_lif) is type(neuron(**options))
    y = layer(x)
    assert set(np.unique(y.numpy())) <= {0.0, 1.0}
    assert layer.backward(np.ones(y.shape)).shape == x.shape
    F.reset_net(layer)
    np.testing.assert_array_equal(layer.eval()(x[:, ::-1]).shape, x.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_a_sequence(kind: str) -> None:
    """In evaluation; while training, batch norm takes its statistics over the steps that it sees."""
    layer, x = lively(getattr(nn, kind)(2 * C, 2), 4), spikes(T, N, 2 * C, 12, seed=4)
    g = np.ones(x.shape)
    for _ in range(30):  # the running statistics
        F.reset_net(layer)
        layer(x)
    F.reset_net(layer)
    layer.eval()
    want = layer(x).numpy()
    assert 0.0 < want.mean() < 1.0
    gx = layer.backward(g).numpy()
    F.reset_net(layer)
    F.set_step_mode(layer, "s")
    t = Tensor(x, requires_grad=True)
    out = F.stack([layer(step) for step in F.unstack(t)])
    np.testing.assert_array_equal(out.numpy(), want)
    out.backward(g)
    same(t.grad, gx, 1e-4, 1e-5)
    F.reset_net(layer)
    np.testing.assert_array_equal(nn.MultiStepContainer(layer)(x).numpy(), want)
    F.reset_net(layer)
    F.set_step_mode(layer, "m")
    np.testing.assert_array_equal(nn.CheckpointedSequence(layer, 3)(x).numpy(), want)
    assert getattr(nn, kind)(2 * C, 2, step_mode="s")(x[0]).shape == x[0].shape


@pytest.mark.parametrize("how", ["state", "deepcopy", "pickle"])
def test_state_and_copies(how: str) -> None:
    layer, x = lively(nn.SpikingSelfAttention(C, 2, nn.ParametricLIFNode), 0), spikes(T, N, C, 5)
    layer(x)
    if how == "state":
        twin = nn.SpikingSelfAttention(C, 2, nn.ParametricLIFNode)
        twin.load_state_dict(layer.state_dict())
        for node in ("qkv_lif", "attn_lif", "proj_lif"):
            getattr(twin, node).v = getattr(layer, node).v
    else:
        twin = copy.deepcopy(layer) if how == "deepcopy" else pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(twin.eval()(x).numpy(), layer.eval()(x).numpy())
    names = set(nn.SpikingSelfAttention(C).state_dict())
    parts = ("0.weight", *(f"1.{n}" for n in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")))
    assert names == {f"{a}_conv_bn.{b}" for a in ("qkv", "proj") for b in parts}


def test_training() -> None:
    """Its weights alone learn which half of the tokens holds more spikes; what reads them stays as it was drawn."""
    rng, losses, tokens = np.random.default_rng(0), [], 8
    layer = lively(nn.SpikingSelfAttention(2 * C, 2), 0)
    net = nn.Sequential(layer, nn.Flatten(2), nn.SeqToANNContainer(nn.Linear(tokens * 2 * C, 2)))
    optimizer = optim.AdamW(layer.parameters(), lr=3e-2)
    for _ in range(30):
        y = rng.integers(0, 2, 32)
        chance = np.where(np.arange(tokens) // 4 == y[:, None], 0.8, 0.1)
        F.reset_net(net)
        x = (rng.random((T, 32, 2 * C, tokens)) < chance[:, None]).astype(np.float32)
        loss = F.cross_entropy(net(x).mean(0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.4 < 0.6 < np.mean(losses[:3])


def test_wrong_inputs() -> None:
    layer, x = nn.SpikingSelfAttention(C, 2), spikes(T, N, C, 5)
    for call, message in (
        (lambda: nn.SpikingSelfAttention(9), "SpikingSelfAttention: dim must be divisible by num_heads, got 9 and 8"),
        (lambda: nn.SpikingSelfAttention(0), "dim is a positive integer, got 0"),
        (lambda: nn.SpikingSelfAttention(8, step_mode="x"), "unknown step_mode, got 'x'"),
        (lambda: nn.QKAttention(8, qka_type="row"), "QKAttention: unknown qka_type, got 'row'"),
        (lambda: layer(x[0]), r"step_mode 'm' expects an input \(T, N, 8, L\).*got shape \(2, 8, 5\)"),
        (lambda: layer(x.swapaxes(2, 3)), r"expects an input \(T, N, 8, L\).*got shape \(4, 2, 5, 8\)"),
        (lambda: layer(x[:, :, :, :0]), "no axis of length 0"),
        (lambda: nn.MultiStepContainer(layer)(x[..., None]), r"step_mode 's' expects an input \(N, 8, L\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="spiking_neuron makes spiking neurons, got ReLU from it"):
        nn.SpikingSelfAttention(C, 2, lambda **_: nn.ReLU())
