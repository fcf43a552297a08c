"""Neurons with a noisy threshold: the five modes by their definitions, and fused ones against the loop with the same noise."""

from __future__ import annotations

import numpy as np
import pytest

from grillyx import Tensor, fractional, nn
from grillyx.fractional import _run

RNG = np.random.default_rng(7)
MODES = ("meanfield", "soft_noisy", "hard_st", "concrete", "hard_concrete")


def sigmoid(u):
    return 1.0 / (1.0 + np.exp(-u))


@pytest.mark.parametrize("mode", MODES)
def test_spikes_and_gradients(mode):
    d, noise = RNG.normal(0.0, 0.4, 500), RNG.logistic(size=500)
    neuron = fractional.NoisyLIF(2.0, 1.0, 0.2, mode, concrete_temp=0.25, z_clip=4.0)
    x = Tensor(d, requires_grad=True)
    spikes = neuron.fire(x, Tensor(noise))
    z, inside = np.clip(d / 0.2, -4.0, 4.0), np.abs(d / 0.2) < 4.0
    if mode == "meanfield":
        noise = 0.0 * noise
        spikes = neuron.fire(x)
    soft = sigmoid((z + noise) / 0.25) if mode == "concrete" else sigmoid(z if mode == "hard_st" else z + noise)
    want = (z + noise >= 0.0).astype(float) if mode.startswith("hard") else soft
    np.testing.assert_allclose(spikes.numpy(), want, 1e-4, 1e-6)
    spikes.sum().backward()
    slope = soft * (1.0 - soft) / 0.2 * inside / (0.25 if mode == "concrete" else 1.0)
    np.testing.assert_allclose(x.grad.numpy(), slope, 1e-3, 1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_hard_evaluation_is_without_noise(mode):
    neuron = fractional.NoisyLIF(2.0, train_spike_mode=mode).eval()
    d = RNG.normal(size=100)
    np.testing.assert_array_equal(neuron.fire(Tensor(d)).numpy(), (d >= 0.0).astype(float))


@pytest.mark.parametrize("mode", ["hard_st", "hard_concrete"])
def test_spikes_are_as_frequent_as_they_should_be(mode):
    neuron = fractional.NoisyLIF(2.0, 1.0, 0.5, mode)
    for d in (-0.7, 0.0, 0.3):
        assert neuron.fire(Tensor(np.full(20_000, d))).numpy().mean() == pytest.approx(sigmoid(d / 0.5), abs=0.012)


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_the_op_is_the_loop(mode, detach, monkeypatch):
    x, noise = RNG.normal(0.9, 0.8, (9, 2, 5)), RNG.logistic(size=(9, 2, 5)).astype(np.float32)

    def run():
        neuron = fractional.NoisyLIF(1.5, 1.0, 0.5, mode, detach_reset=detach, tau_learnable=True)
        rows = iter(noise)
        monkeypatch.setattr(
            neuron, "noise", lambda s: None if mode == "meanfield" else Tensor(noise if len(s) == 3 else next(rows))
        )
        net = fractional.SNNWrapper(nn.Sequential(neuron), alpha=0.7, learn_alpha=True)
        xs = Tensor(x, requires_grad=True)
        out = net(xs)
        (out * np.cos(np.arange(90.0)).reshape(out.shape)).sum().backward()
        return [out, xs.grad, neuron.tau_param.grad, net.alpha.grad]

    got = run()
    monkeypatch.setattr(_run, "fused", lambda *_: None)
    for a, b in zip(got, run(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-3, 1e-4 * max(1.0, np.abs(b.numpy()).max()))
