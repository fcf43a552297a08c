"""Whole networks in the wrapper: rates at any step, gradients of what runs in the loop, convolutions, learned orders."""

from __future__ import annotations

import numpy as np
import pytest

from grillyx import fractional, nn

RNG = np.random.default_rng(3)
X = RNG.normal(0.8, 0.8, (12, 3, 5)).astype(np.float32)
WEIGHTS = RNG.normal(size=X.shape).astype(np.float32)


@pytest.mark.parametrize(("alpha", "method"), [(1.0, "exact"), (1.0, "gl"), (0.7, "gl"), (0.7, "exact"), (0.7, "l1")])
def test_rates_of_a_network_do_not_depend_on_the_step(alpha, method):
    """A spike lasts as long at any step, so that later layers agree too."""
    rng = np.random.default_rng(1)
    model = nn.Sequential(
        nn.Linear(20, 100), fractional.LIFNeuron(4.0), nn.Linear(100, 80), fractional.LIFNeuron(8.0), nn.Linear(80, 3)
    )
    for layer, size in ((model[0], 0.15), (model[2], 0.15 if alpha == 1.0 else 1.0)):
        layer.weight.copy_((np.abs(rng.normal(size=layer.weight.shape)) * size).astype(np.float32))
    x = np.repeat(rng.uniform(0.0, 1.2, (1, 4, 20)), 100, 0)

    def rates(**call):
        found = []
        last = model[3].register_forward_hook(lambda m, i, o: found.append(o.sum(axis=0).numpy() / 400))
        first = model[1].register_forward_hook(lambda m, i, o: found.append(o.sum(axis=0).numpy() / 400))
        net = fractional.SNNWrapper(model, alpha=alpha, **call.pop("make", {}))
        out = net(call.pop("x", x), method=method, **call).numpy()
        last.remove()
        first.remove()
        return [f.mean() for f in found], out

    coarse, readout = rates()
    fine, fine_readout = rates(options={"step_size": 0.1})
    assert 0.02 < min(coarse) < max(coarse) < 0.5
    np.testing.assert_allclose(coarse, fine, 0.05)
    np.testing.assert_allclose(readout.mean(axis=0), fine_readout.mean(axis=0), 0.05, 0.02)
    sampled, sums = rates(x=np.repeat(x, 10, 0), x_time=0.1 * np.arange(1000), make={"spike_width": 1.0})
    np.testing.assert_allclose(sampled, fine, 0.01)
    np.testing.assert_allclose(sums.sum(axis=0) / 100, fine_readout.mean(axis=0), 0.02, 0.02)


def test_counts_are_whole_numbers():
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(0.5)), alpha=0.8, spike_width=0.7)
    for call in (
        {},
        {"options": {"step_size": 1 / 3}},
        {"x_time": 0.3 * np.arange(12)},
        {"output_time": [2.0, 3.0, 11.0]},
    ):
        out = net(3.0 * X, **call).numpy()
        np.testing.assert_allclose(out, np.round(out), 0, 1e-5)
        assert out.max() >= 1.0
    np.testing.assert_array_equal(np.unique(net(3.0 * X, 0.3 * np.arange(12)).numpy()), [0.0, 1.0])
    with pytest.raises(ValueError, match="spike_width must be positive"):
        fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()), spike_width=0.0)


class SoftOwn(fractional.NoisyLIF):
    """A user's equation with smooth spikes: it runs in the loop."""

    def forward(self, v_mem, current_input=None):
        return (current_input - v_mem) / self.get_tau() + 0.1 * v_mem * v_mem, self.fire(v_mem - self.threshold)


@pytest.mark.parametrize("kind", [fractional.NoisyLIF, SoftOwn])
@pytest.mark.parametrize(
    ("integrator", "method", "memory"),
    [
        *(("odeint", m, None) for m in ("euler", "midpoint", "heun", "rk4")), ("fdeint_adjoint", "gl", 4),
        ("fdeint", "l1", None), ("fdeint", "pred", None), ("fdeint", "trap", 4), ("odeint_adjoint", "gl", None),
    ],
)  # fmt: skip
def test_gradients_in_the_loop(kind, integrator, method, memory):
    """Ordinary methods, users' neurons, and smaller steps, where a spike lasts two of them."""
    neurons = [kind(1.5, 1.0, 0.5, "meanfield", tau_learnable=True, detach_reset=False) for _ in range(2)]
    layers = nn.Sequential(nn.Linear(5, 4), neurons[0], nn.Linear(4, 3), neurons[1])
    net = fractional.SNNWrapper(layers, integrator, alpha=0.6, learn_alpha=True)
    x = X[:5]

    def loss():
        out = net(x, method=method, options={"memory": memory, "step_size": 0.5})
        return (out * WEIGHTS[:5, :, :3]).sum()

    loss().backward()
    for name, p in net.named_parameters():
        if name == "alpha" and integrator.startswith("odeint"):
            assert p.grad is None or not p.grad.numpy().any()
            continue
        at, value = (0,) * p.ndim, p.numpy().copy()
        ends = []
        for sign in (1.0, -1.0):
            moved = value.copy()
            moved[at] += sign * 1e-2
            p.copy_(moved)
            ends.append(float(loss()))
        p.copy_(value)
        assert p.grad.numpy()[at] == pytest.approx((ends[0] - ends[1]) / 2e-2, 1e-3, 2e-3), name


def test_learned_orders_are_parameters():
    neurons = [fractional.LIFNeuron(), fractional.LIFNeuron()]
    shared = fractional.SNNWrapper(nn.Sequential(*neurons), alpha=0.4, learn_alpha=True)
    each = fractional.SNNWrapper(nn.Sequential(*neurons), alpha=[0.4, 0.7], learn_alpha=[False, True])
    for net, shape in ((shared, ()), (each, (1,))):
        assert any(p is net.alpha for p in net.parameters())
        assert net.alpha.shape == shape
    np.testing.assert_allclose([float(a[0]) for a in each.get_per_layer_alpha()], [0.4, 0.7], 1e-6)
    assert "alpha" not in dict(fractional.SNNWrapper(nn.Sequential(*neurons)).named_parameters())


def test_a_convolutional_network_learns_in_every_part():
    net = fractional.SNNWrapper(
        nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), fractional.LIFNeuron(2.0), nn.Dropout(0.2), nn.Flatten(), nn.Linear(144, 20),
            fractional.HardResetLIF(2.0), fractional.VotingLayer(5),
        ), alpha=[0.5, 0.8], learn_alpha=True,
    )  # fmt: skip
    x = np.random.default_rng(0).normal(1.0, 2.0, (6, 3, 1, 8, 8))
    out = net(x)
    assert out.shape == (6, 3, 4)
    (out * RNG.normal(size=out.shape)).sum().backward()
    assert all(np.abs(p.grad.numpy()).sum() > 0.0 for name, p in net.named_parameters() if name != "base.0.bias")
    net.eval()
    a, b = net(x).numpy(), net(x).numpy()
    np.testing.assert_array_equal(a, b)
