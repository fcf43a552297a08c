"""`compat=True` gives spikeDE's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grillyx import Tensor, fractional, nn

DATA = Path(__file__).parent.parent / "data"
NET = dict(np.load(DATA / "spikede_net.npz"))
NEURONS = dict(np.load(DATA / "spikede_neurons.npz"))
SURROGATES = dict(np.load(DATA / "spikede_surrogates.npz"))


class Net(nn.Module):
    def __init__(self) -> None:
        self.fc1, self.lif1 = nn.Linear(10, 20), fractional.LIFNeuron(2.0)
        self.fc2, self.lif2 = nn.Linear(20, 5), fractional.LIFNeuron(2.0)

    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))


def wrapped(**options):
    net = Net()
    net.load_state_dict({name[2:]: NET[name] for name in NET if name.startswith("p_")})
    return fractional.SNNWrapper(net, compat=True, **options)


TIMES = np.arange(30, dtype=np.float32)
RUNS = {
    "out_euler": ("euler", {"integrator": "odeint"}, None),
    "out_gl07": ("gl", {"alpha": 0.7}, None),
    "out_gl07_mem5": ("gl", {"alpha": 0.7}, 5),
    "out_trap07": ("trap", {"alpha": 0.7}, None),
    "out_l107": ("l1", {"alpha": 0.7}, None),
    "out_pred07": ("pred", {"alpha": 0.7}, None),
    "out_gl_perlayer_03_09": ("gl", {"alpha": [0.3, 0.9]}, None),
    "out_glmulti": ("glmulti", {"alpha": [0.3, 0.8], "multi_coefficient": [0.5, 1.0]}, None),
    "out_gl_alpha1": ("gl", {"alpha": 1.0}, None),
}


@pytest.mark.parametrize("name", RUNS)
def test_spikes(name):
    method, options, memory = RUNS[name]
    out = wrapped(**options)(NET["x"], TIMES, method=method, options={"memory": memory})
    np.testing.assert_array_equal(out.numpy(), NET[name])


@pytest.mark.parametrize("name", ["euler", "gl07"])
def test_gradients(name):
    euler = name == "euler"
    net = wrapped(integrator="odeint") if euler else wrapped(alpha=0.7, learn_alpha=True)
    out = net(NET["x"], TIMES, method="euler" if euler else "gl")
    (out.mean(axis=0) * np.arange(1.0, 6.0, dtype=np.float32)).sum().backward()
    seen = dict(net.named_parameters())
    assert ("alpha" in seen) == (not euler)
    assert len(seen) == 4 + (not euler)
    for key, parameter in seen.items():
        want = NET[f"grad_{name}_{key.removeprefix('base.')}"]
        np.testing.assert_allclose(parameter.grad.numpy(), want, 1e-4, 1e-4 * np.abs(want).max())


LIF, IF = fractional.LIFNeuron, fractional.IFNeuron
CELLS = {
    "if_tau05": lambda: IF(compat=True),
    "if_tau3": lambda: IF(3.0, 0.7, compat=True),
    "lif_tau05": lambda: LIF(compat=True),
    "lif_tau2": lambda: LIF(2.0, compat=True),
    "lif_learn2": lambda: LIF(2.0, tau_learnable=True, compat=True),
    "hardreset_tau2": lambda: fractional.HardResetLIF(2.0, compat=True),
    "noisy_eval_tau2": lambda: fractional.NoisyLIF(2.0, compat=True).eval(),
    "noisy_meanfield_tau2": lambda: fractional.NoisyLIF(2.0, train_spike_mode="meanfield", compat=True),
    "orderone_tau2": lambda: fractional.LIFNeuron_OrderOne(2.0, compat=True),
    "noisy1_eval_tau2": lambda: fractional.NoisyLIF_OrderOne(2.0, compat=True).eval(),
}


@pytest.mark.parametrize("name", CELLS)
def test_neurons(name):
    def inputs():
        return Tensor(NEURONS["v"], requires_grad=True), Tensor(NEURONS["i"], requires_grad=True)

    neuron, (v, i) = CELLS[name](), inputs()
    change, spike = neuron(v, i)
    near = NEURONS[f"{name}_spike"]
    np.testing.assert_allclose(spike.numpy(), near, 1e-5, 1e-6)
    np.testing.assert_allclose(change.numpy(), NEURONS[f"{name}_dv"], 1e-5, 1e-6)
    change.sum().backward()
    of_v = np.zeros(v.shape) if v.grad is None else v.grad.numpy()
    np.testing.assert_allclose(of_v, NEURONS[f"{name}_ddv_dv"], 1e-5, 1e-6)
    np.testing.assert_allclose(i.grad.numpy(), NEURONS[f"{name}_ddv_di"], 1e-5, 1e-6)
    v, i = inputs()
    spike = neuron(v, i)[1]
    if not spike.requires_grad:
        np.testing.assert_array_equal(NEURONS[f"{name}_dspike_dv"], 0.0)
        return
    spike.sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), NEURONS[f"{name}_dspike_dv"], 1e-5, 2e-6)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("name", ["sigmoid", "arctan", "piecewise_linear", "gaussian"])
def test_surrogates(name, scale):
    x = Tensor(SURROGATES["x"], requires_grad=True)
    spikes = fractional.surrogate_f[f"{name}_surrogate"](x, scale)
    np.testing.assert_array_equal(spikes.numpy(), SURROGATES[f"{name}_surrogate_spike"])
    spikes.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), SURROGATES[f"{name}_surrogate_{scale}_grad"], 1e-5, 1e-6)
    assert fractional.surrogate_f[name] is fractional.surrogate_f[f"{name}_surrogate"]
