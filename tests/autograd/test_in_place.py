"""What changes in place, what shares memory, and what refuses to."""

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim


def test_an_input_that_was_overwritten_is_found():
    w, x = Tensor([1.0, 1.0], requires_grad=True), Tensor([2.0, 2.0])
    y = (w * x).sum()
    x.copy_([7.0, 7.0])
    with pytest.raises(RuntimeError, match=r"shape \(2,\) was changed in place"):
        y.backward()


def test_a_result_that_was_overwritten_is_found():
    y = F.exp(Tensor([0.0], requires_grad=True))
    z = y.sum()
    y.copy_([7.0])
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_what_no_gradient_needs_may_be_overwritten():
    w, x = Tensor([1.0], requires_grad=True), Tensor([2.0])
    y = (w + x).sum()
    x.copy_([7.0])
    y.backward()
    assert w.grad.numpy() == [1.0]


@pytest.mark.parametrize(
    ("change", "want"),
    [
        (lambda p, g: p.__isub__(0.5 * g), [0, 0.5]), (lambda p, g: p.__iadd__(g), [3, 4.5]),
        (lambda p, g: p.__imul__(2), [2, 4]), (lambda p, g: p.__itruediv__(2), [0.5, 1]),
    ],
)  # fmt: skip
def test_a_parameter_changes_in_place_under_no_grad(change, want):
    p, g = nn.Parameter([1.0, 2.0]), Tensor([2.0, 3.0])
    before = p.array
    if want == [3, 4.5]:
        g = Tensor([2.0, 2.5])
    with grillyx.no_grad():
        assert change(p, g) is p
    assert p.array is before
    np.testing.assert_array_equal(p.numpy(), want)


def test_training_by_hand():
    layer = nn.Linear(2, 1)
    before = layer.weight.numpy()
    layer(np.ones((3, 2))).sum().backward()
    with grillyx.no_grad():
        for p in layer.parameters():
            p -= 0.1 * p.grad
        layer.bias -= 1.0
    np.testing.assert_allclose(layer.weight.numpy(), before - 0.3, rtol=1e-5)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_parameter_does_not_change_while_history_is_recorded():
    p = nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match=r"cannot be changed by -= .*no_grad"):
        p -= 1.0
    with grillyx.no_grad(), pytest.raises(ValueError, match="would change the shape"):
        p += np.ones((2, 1))


def test_a_sum_that_is_gathered_in_a_loop_keeps_its_history():
    x = Tensor([1.0, 2.0], requires_grad=True)
    total = x * 0.0
    first = total
    for k in range(3):
        total += x * float(k)
    total.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 3])
    np.testing.assert_array_equal(first.numpy(), [0, 0])


def test_a_parameter_is_not_replaced_by_something_else():
    layer = nn.Linear(2, 2)
    for wrong in (np.ones((2, 2)), Tensor(np.ones((2, 2)))):
        with pytest.raises(
            TypeError, match=r"Linear\.weight: a parameter cannot be replaced by \w+; use weight\.copy_"
        ):
            layer.weight = wrong
    layer.bias = None
    layer.weight = nn.Parameter(np.zeros((2, 2)))
    np.testing.assert_array_equal(layer(np.ones((1, 2))).numpy(), [[0, 0]])


def test_a_tensor_made_from_a_tensor_is_a_copy_and_detach_is_not():
    a = Tensor([1.0, 2.0])
    copied, shared = Tensor(a), a.detach()
    a.copy_([5.0, 6.0])
    np.testing.assert_array_equal(copied.numpy(), [1, 2])
    np.testing.assert_array_equal(shared.numpy(), [5, 6])


def test_the_range_of_labels_is_checked_again_after_a_change():
    a = Tensor([0, 1])
    b, c = a.detach(), a.reshape(2, 1)[:, 0]
    F.one_hot(b, 3)
    a.copy_([5, 60])
    for labels in (a, b, c):
        with pytest.raises(ValueError, match="out of range"):
            F.cross_entropy(np.ones((2, 3)), labels)


@pytest.mark.parametrize(
    ("values", "error"), [([1.7, 2.0], TypeError), ([2**40, 1], OverflowError), ([-1, 1], OverflowError)]
)
def test_integers_are_not_bent(values, error):
    t = Tensor(np.array([1, 2], np.uint32))
    with pytest.raises(error):
        t.copy_(values)
    np.testing.assert_array_equal(t.numpy(), [1, 2])


def test_logic_is_for_booleans():
    for use in (lambda t: t & 3, lambda t: 3 | t, lambda t: t ^ t, lambda t: ~t):
        with pytest.raises(TypeError, match="combine booleans, got int"):
            use(Tensor([1, 2]))
    assert (Tensor([1]) == None) is False  # noqa: E711  # as in `x in [None, ...]`


def test_frozen_parameters_stay_and_can_be_thawed():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net(np.ones((1, 2))).sum().backward()
    net[0].requires_grad_(False)
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    before = net.state_dict()
    optimizer.step()
    after = net.state_dict()
    assert np.array_equal(before["0.weight"], after["0.weight"])
    assert not np.array_equal(before["1.weight"], after["1.weight"])
    net[0].requires_grad_(True)
    optimizer.step()
    assert not np.array_equal(before["0.weight"], net.state_dict()["0.weight"])


def test_a_layer_of_your_own_is_applied_step_by_step():
    class Centred(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return y - y.mean(axis=0, keepdims=True)

    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    y = nn.MultiStepContainer(Centred(5, 2))(x).numpy()
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-6)


def test_a_module_that_returns_a_dict_says_what_backward_takes():
    class Two(nn.Module):
        def forward(self, x):
            return {"a": x * 1.0}

    module = Two()
    module(np.ones(2))
    with pytest.raises(TypeError, match=r"Two\.backward: the last call returned dict"):
        module.backward(np.ones(2))
