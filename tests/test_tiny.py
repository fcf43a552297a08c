"""Ten tiny tests that anyone can run in seconds, to see that a device works: ``./dev test tests/test_tiny.py``."""

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim

RNG = np.random.default_rng(0)


def test_numbers_come_back():
    x = RNG.normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(Tensor(x).numpy(), x)


def test_addition():
    np.testing.assert_array_equal((Tensor([1.0, 2.0]) + 3).numpy(), [4, 5])


def test_sum_of_a_million():
    assert float(Tensor(np.ones(1_000_000)).sum()) == 1e6


def test_matrix_product():
    a, b = RNG.normal(size=(33, 65)), RNG.normal(size=(65, 17))
    np.testing.assert_allclose((Tensor(a) @ b).numpy(), a @ b, atol=1e-4)


def test_gradient():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x**3).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [3, 12, 27], rtol=1e-6)


def test_softmax():
    np.testing.assert_allclose(F.softmax(Tensor([[0.0, np.log(3.0)]])).numpy(), [[0.25, 0.75]], rtol=1e-6)


def test_neuron():
    spikes = nn.IFNode(step_mode="m")(np.full((4, 1), 0.5))
    np.testing.assert_array_equal(spikes.numpy().ravel(), [0, 1, 0, 1])


def test_backpropagation_through_time():
    x = Tensor(np.full((2, 1), 0.4), requires_grad=True)
    nn.IFNode(step_mode="m")(x).sum().backward()  # H is 0.4, then 0.8; no spike
    slopes = 1 / (1 + (np.pi * (np.array([0.4, 0.8]) - 1)) ** 2)
    through_reset = 1 - 0.4 * slopes[0]
    np.testing.assert_allclose(x.grad.numpy().ravel(), [slopes[0] + slopes[1] * through_reset, slopes[1]], rtol=1e-5)


def test_random_numbers():
    grillyx.manual_seed(1)
    first = grillyx.rand(1000).numpy()
    grillyx.manual_seed(1)
    np.testing.assert_array_equal(grillyx.rand(1000).numpy(), first)
    assert 0.45 < first.mean() < 0.55


def test_training():
    grillyx.manual_seed(0)
    x = RNG.random((64, 8)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    net = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(8, 16)), nn.LIFNode(step_mode="m"), nn.SeqToANNContainer(nn.Linear(16, 2))
    )
    optimizer, losses = optim.Adam(net.parameters(), lr=0.02), []
    for _ in range(40):
        F.reset_net(net)
        loss = F.cross_entropy(net(np.stack([x] * 6)).mean(axis=0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
