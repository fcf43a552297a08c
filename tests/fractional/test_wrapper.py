"""The wrapper: fused neurons against the loop, gradients, converted networks, times, errors."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, fractional, nn
from grillyx.fractional import _run

RNG = np.random.default_rng(3)
X = RNG.normal(0.8, 0.8, (12, 3, 5)).astype(np.float32)
WEIGHTS = RNG.normal(size=X.shape).astype(np.float32)


def results(net, **options):
    x = Tensor(X, requires_grad=True)
    for neuron in net.neurons:
        neuron.store_v_seq = True
    out = net(x, **options)
    (out * WEIGHTS).sum().backward()
    return [out, net.neurons[0].v_seq, x.grad, *(p.grad for p in net.parameters())]


def lif(**options):
    return lambda: fractional.LIFNeuron(2.0, tau_learnable=True, **options)


SETTINGS = {
    **{m: (lif(), {"alpha": 0.7}, {"method": m}) for m in ("gl", "l1", "trap", "pred", "exact")},
    "hard reset": (lif(v_reset=0.1), {"alpha": 0.7}, {}),
    "detached": (lif(detach_reset=True), {"alpha": 0.7}, {}),
    "at the end of a step": (lif(substep=False, v0=0.3), {"alpha": 0.7}, {"method": "trap"}),
    "no leak": (lambda: fractional.IFNeuron(2.0, tau_learnable=True), {"alpha": 0.6}, {}),
    "terms": (
        lif(),
        {"alpha": [0.4, 0.9], "multi_coefficient": [1, 0.5], "learn_coefficient": True},
        {"method": "glmulti"},
    ),
    "short memory": (lif(), {"alpha": 0.7}, {"options": {"memory": 5}}),
    "soft spikes": (lambda: fractional.NoisyLIF(2.0, 1.0, 0.5, "meanfield", tau_learnable=True), {"alpha": 0.7}, {}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_op_is_the_loop(name, monkeypatch):
    neuron, options, call = SETTINGS[name]
    make = lambda: fractional.SNNWrapper(nn.Sequential(neuron()), learn_alpha=True, **options)
    got = results(make(), **call)
    monkeypatch.setattr(_run, "fused", lambda *_: None)
    want = results(make(), **call)
    np.testing.assert_array_equal(got[0].numpy() > 0.5, want[0].numpy() > 0.5)
    assert len(got) >= 5
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-3, 1e-4 * max(1.0, np.abs(b.numpy()).max()))


@pytest.mark.parametrize("method", ["gl", "exact", "trap"])
def test_gradients_are_those_of_differences(method):
    """With soft spikes the loss is smooth, so that orders, tau, weights and factors can be moved."""
    net = fractional.SNNWrapper(
        nn.Sequential(nn.Linear(5, 4), fractional.NoisyLIF(1.5, 1.0, 0.5, "meanfield", tau_learnable=True, detach_reset=False)),
        alpha=0.6, learn_alpha=True,
    )  # fmt: skip

    def loss():
        return (net(X, method=method) * WEIGHTS[..., :4]).sum()

    loss().backward()
    for name, p in net.named_parameters():
        at, value = (0,) * p.ndim, p.numpy().copy()
        ends = []
        for sign in (1.0, -1.0):
            moved = value.copy()
            moved[at] += sign * 1e-2
            p.copy_(moved)
            ends.append(float(loss()))
        p.copy_(value)
        want = (ends[0] - ends[1]) / 2e-2
        assert p.grad.numpy()[at] == pytest.approx(want, 1e-3, 2e-3), name


@pytest.mark.parametrize("v_reset", [0.0, None, -0.2])
@pytest.mark.parametrize("decay_input", [True, False])
def test_order_one_is_the_spiking_network(v_reset, decay_input):
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(5, 8)), nn.LIFNode(3.0, decay_input, v_reset=v_reset, step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(8, 6)), nn.IFNode(v_reset=v_reset, step_mode="m"),
        nn.ParametricLIFNode(1.5, decay_input, 0.37, v_reset=v_reset, step_mode="m"),
    )  # fmt: skip
    net = fractional.to_fractional(model, 1.0)
    x = 6.0 * X + 3.0 * np.sign(WEIGHTS)
    want = model(x).numpy()
    assert want.mean() > 0.0
    np.testing.assert_array_equal(net(x).numpy(), want)
    for name, value in model.state_dict().items():
        if not name.endswith("w"):
            np.testing.assert_array_equal(net.state_dict()[f"base.{name}"], value)
    assert isinstance(model[1], nn.LIFNode)


@pytest.mark.parametrize(("alpha", "method"), [(1.0, "exact"), (0.6, "exact"), (1.0, "gl"), (0.6, "gl"), (0.6, "trap")])
def test_rates_do_not_depend_on_the_step(alpha, method):
    x = np.repeat(np.random.default_rng(0).uniform(1.05, 1.6, (1, 1, 200)), 50, 0)
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(4.0)), alpha=alpha)
    coarse = net(x, method=method).numpy().mean()
    fine = net(x, method=method, options={"step_size": 0.1})
    assert fine.shape == x.shape
    assert coarse == pytest.approx(fine.numpy().mean(), rel=0.05)
    assert coarse > 0.01


class Quadratic(fractional.BaseNeuron):
    def forward(self, v_mem, current_input=None):
        return (current_input - v_mem) / self.get_tau(), self.fire(v_mem - self.threshold)


@pytest.mark.parametrize("method", ["gl", "l1", "pred", "trap"])
def test_own_neurons_come_to_the_built_in_ones(method):
    """The same equation, written by a user: solved explicitly, it nears the exact one with smaller steps."""
    x = np.full((5, 1, 1), 0.9)
    exact = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(2.0, store_v_seq=True)), alpha=0.7)
    exact(x, method="exact")
    errors = []
    for step in (0.2, 0.05):
        net = fractional.SNNWrapper(nn.Sequential(Quadratic(2.0, store_v_seq=True)), alpha=0.7)
        net(x, method=method, options={"step_size": step})
        errors.append(abs(net.neurons[0].v_seq.numpy()[-1] - exact.neurons[0].v_seq.numpy()[-1]).item())
    assert errors[1] < 0.4 * errors[0] < 0.02


@pytest.mark.parametrize("method", ["euler", "midpoint", "heun", "rk4"])
def test_ordinary_methods(method):
    own, built_in = Quadratic(2.0, store_v_seq=True), fractional.LIFNeuron(2.0, store_v_seq=True)
    for neuron in (own, built_in):
        neuron.substep = False
        fractional.SNNWrapper(nn.Sequential(neuron), integrator="odeint")(X, method=method)
    np.testing.assert_allclose(own.v_seq.numpy(), built_in.v_seq.numpy(), 1e-4, 1e-5)


def test_learned_orders_stay_in_range():
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()), alpha=1.0, learn_alpha=True)
    for value in (-50.0, 0.0, 50.0):
        net.alpha.copy_(np.float32(value))
        order = net.get_per_layer_alpha()[0].numpy()
        assert 0.0 < order <= 1.0
        assert np.isfinite(net(X).numpy()).all()


def test_a_head_takes_the_mean_over_time():
    head = fractional.ClassificationHead(5, 3)
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(), head))
    x = np.repeat(X[..., None], 2, -1) * np.array([1.0, 2.0])
    spikes = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()))(x)
    assert net(x).shape == (3, 3)
    np.testing.assert_allclose(net(x).numpy(), head(spikes).numpy(), 1e-5, 1e-6)


def test_a_neuron_with_a_memory_of_its_own():
    neuron = fractional.LIFNeuronFDE(2.0, beta=0.6, T=4)
    v, spikes = np.zeros(X.shape[1:], np.float32), []
    for x in X:
        v, s = neuron(v, x)
        spikes.append(s)
    want = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(2.0)), alpha=0.6)(X)
    np.testing.assert_array_equal(F.stack(spikes).numpy(), want.numpy())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fractional.SNNWrapper(nn.Linear(2, 2)), "no neurons"),
        (lambda: fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()), alpha=1.5), "alpha"),
        (lambda: fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()), integrator="euler"), "integrator"),
        (lambda: fractional.LIFNeuron(surrogate_opt="arc"), "surrogate_opt"),
        (lambda: fractional.LIFNeuron(tau=0.0), "tau must be positive"),
        (lambda: fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()))(X, method="euler"), "method"),
        (
            lambda: fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron()))(X, [0, 1, 5, *range(6, 15)]),
            "step_size",
        ),
        (lambda: fractional.SNNWrapper(nn.Sequential(Quadratic()))(X, method="exact"), "'exact'"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_spiking_neurons_are_refused():
    with pytest.raises(TypeError, match="to_fractional"):
        fractional.SNNWrapper(nn.Sequential(nn.LIFNode()))
