"""SpikingODELayer with dynamics that have no closed form."""

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, nn, ode


@pytest.mark.parametrize("method", [None, "dopri5", "bosh3"])
def test_a_layer_integrates_its_currents(method):
    rng = np.random.default_rng(0)
    layer = ode.SpikingODELayer(6, 5, dynamics=ode.AdEx(t_ref=1.0), method=method)
    layer.W = rng.uniform(50.0, 150.0, (5, 6))
    x = rng.uniform(0.0, 3.0, (4, 2, 6)).astype(np.float32)
    np.testing.assert_allclose(layer.voltage.numpy(), -70.6, rtol=1e-6)
    counts, times = layer.forward(x, interval=20.0, return_times=True)
    want = ode.integrate(layer.dynamics, F.linear(x, layer.W.detach()), 20.0, solver=method or "dopri5")
    assert counts.shape == (4, 2, 5)
    assert counts.numpy().sum() > 20
    np.testing.assert_array_equal(counts.numpy(), want.counts.numpy())
    np.testing.assert_allclose(times.numpy(), want.times.numpy(), rtol=1e-6)
    np.testing.assert_allclose(layer.voltage.numpy(), want.state["V"].numpy(), rtol=1e-6)
    np.testing.assert_array_equal(layer.spike_times.numpy(), times.numpy())


def test_steps_are_a_sequence():
    layer = ode.SpikingODELayer(3, 4, dynamics=ode.Izhikevich())
    layer.W = np.arange(12.0).reshape(4, 3)
    x = np.random.default_rng(1).uniform(0.2, 1.0, (5, 3))
    whole, times = layer.forward(x, interval=30.0, return_times=True)
    voltage = layer.voltage.numpy()
    layer.reset()
    assert whole.numpy().sum() > 10
    for k, row in enumerate(x):
        counts, own = layer.step(row, interval=30.0, return_times=True)
        np.testing.assert_array_equal(counts.numpy(), whole.numpy()[k])
        wanted = times.numpy()[times.numpy()[:, 0] == k]
        np.testing.assert_allclose(own.numpy()[:, 2], wanted[:, 2] - 30.0 * k, atol=1e-4)
    np.testing.assert_allclose(layer.voltage.numpy(), voltage, rtol=1e-5)


def test_what_has_no_gradient_says_so():
    model = nn.Sequential(ode.SpikingODELayer(3, 4, dynamics=ode.LIF()), nn.Linear(4, 2))
    loss = model(Tensor(np.ones((2, 1, 3)), requires_grad=True)).sum()
    with pytest.raises(NotImplementedError, match="adaptive steps have no gradient. Use ode.SpikingODELayer"):
        loss.backward()


def test_methods_go_with_dynamics():
    with pytest.raises(
        ValueError, match="unknown method for AdEx, got 'exact'; expected one of 'dopri5', 'bosh3', or None"
    ):
        ode.SpikingODELayer(3, 4, dynamics=ode.AdEx(), method="exact")
    with pytest.raises(TypeError, match="dynamics is an ODELIFDynamics or another of grillyx.ode, got 'LIF'"):
        ode.SpikingODELayer(3, 4, dynamics="LIF")
