"""What is wrong is said, in the words of the class that was called, before anything runs."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, fractional, nn

X = np.random.default_rng(0).normal(1.0, 1.0, (6, 2, 5)).astype(np.float32)
NAN = float("nan")


def wrapped(neuron=None, **options):
    return fractional.SNNWrapper(nn.Sequential(neuron or fractional.LIFNeuron()), **options)


def stepped(*shapes):
    cell = fractional.LIFNeuronFDE()
    for shape in shapes:
        cell(np.zeros(shape), np.zeros(shape))


CALLS = [
    (lambda: wrapped(alpha=0), ValueError, r"alpha: must lie in \(0, 1\]"),
    (lambda: wrapped(alpha=1.2), ValueError, r"alpha: must lie in \(0, 1\]"),
    (lambda: wrapped(alpha=NAN), ValueError, "SNNWrapper: alpha must be finite, got nan"),
    (lambda: wrapped(alpha="x"), TypeError, "SNNWrapper: alpha must be a number, got 'x'"),
    (lambda: wrapped(alpha=[]), ValueError, "SNNWrapper: alpha is empty"),
    (lambda: fractional.LIFNeuron(-1.0), ValueError, "LIFNeuron: tau must be positive, got -1.0"),
    (lambda: fractional.LIFNeuron(NAN), ValueError, "LIFNeuron: tau must be finite"),
    (
        lambda: fractional.LIFNeuron(surrogate_opt="noisy", surrogate_grad_scale=0),
        ValueError,
        "scale must be positive, got 0",
    ),
    (lambda: fractional.noisy_threshold_spike([0.1], -1.0), ValueError, "scale must be positive, got -1.0"),
    (
        lambda: wrapped(fractional.LIFNeuron(v0=np.zeros((3, 7))))(X),
        ValueError,
        r"LIFNeuron: v0 does not fit the input, got \(3, 7\)",
    ),
    (lambda: fractional.IFNeuron()(np.zeros((2, 5)), np.zeros((3, 4))), ValueError, "IFNeuron: the shapes do not fit"),
    (lambda: stepped((2, 5), (3, 5)), ValueError, "LIFNeuronFDE: the past has another shape"),
    (lambda: wrapped()(X, options={"memory": NAN}), ValueError, "memory: must be None"),
    (lambda: wrapped()(X, options={"memory": [3]}), ValueError, "memory: must be None"),
    (lambda: wrapped()(X, options=5), TypeError, "SNNWrapper: options must be a dict, got 5"),
    (lambda: wrapped()(X, options={"memori": 1}), ValueError, "SNNWrapper: unknown option, got 'memori'"),
    (lambda: wrapped()(X, options={"step_size": 0.3}), ValueError, "does not divide"),
    (lambda: wrapped()(X, "abc"), TypeError, "SNNWrapper: x_time must be numbers"),
    (lambda: wrapped()(X, np.arange(5)), ValueError, r"x_time has the wrong shape, got \(5,\); expected \(6,\)"),
    (lambda: wrapped()(X, np.arange(6)[::-1]), ValueError, "x_time must increase"),
    (lambda: wrapped()(X, output_time=[]), ValueError, "SNNWrapper: output_time is empty"),
    (lambda: wrapped()(X[:0]), ValueError, "T, B >= 1"),
    (lambda: wrapped(compat=True)(X, [0, 1, 2, 3, 4, 9]), ValueError, "with compat, x_time must be even"),
    (lambda: wrapped(nn.Sequential(wrapped())), TypeError, "a wrapper inside a wrapper"),
    (lambda: fractional.VotingLayer("a"), TypeError, "VotingLayer: voting_size must be a number"),
    (lambda: fractional.VotingLayer(1.5), ValueError, "VotingLayer: voting_size must be a whole number"),
    (
        lambda: fractional.ClassificationHead(5.5, 2),
        ValueError,
        "ClassificationHead: embed_dims must be a whole number",
    ),
    (
        lambda: fractional.ClassificationHead(5, -1),
        ValueError,
        "ClassificationHead: num_classes must be a whole number",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), CALLS)
def test_says_what_is_wrong(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_voltage_for_each_neuron_may_be_an_array():
    v0 = np.linspace(0.0, 0.8, 5)
    a, b = (wrapped(fractional.LIFNeuron(2.0, v0=v)) for v in (v0, Tensor(v0)))
    np.testing.assert_array_equal(a(X).numpy(), b(X).numpy())
    assert a(X).numpy().sum() > wrapped(fractional.LIFNeuron(2.0))(X).numpy().sum()


def test_one_step_is_enough():
    for method in ("gl", "l1", "trap", "exact"):
        for memory in (None, 1, "exponentials"):
            assert wrapped()(X[:1], method=method, options={"memory": memory}).shape == (1, 2, 5)


def test_a_neuron_forgets_with_reset_net():
    cell = fractional.LIFNeuronFDE(2.0, beta=0.6)
    first = cell(np.zeros((2, 5)), X[0])[0].numpy()
    F.reset_net(cell)
    np.testing.assert_array_equal(cell(np.zeros((2, 5)), X[0])[0].numpy(), first)
