"""The tape: what is recorded, what backward adds up, and what it frees."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import grillyx.functional as F
from grillyx.autograd import Tensor, enable_grad, is_grad_enabled, no_grad, run_backward, settle
from grillyx.engine.array import from_numpy
from grillyx.engine.counters import counters
from grillyx.engine.device import synchronize
from tests.helpers import check, same, skip_where_copies_count


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values, np.float64), requires_grad=True)


def dispatches() -> int:
    return counters()["dispatches"]


def test_gradients_add_up_from_call_to_call() -> None:
    x = leaf(1.0, 2.0)
    for times in (1, 2, 3):
        F.sum(x * x).backward()
        same(x.grad, 2.0 * times * np.array([1.0, 2.0]))
    x.grad = None
    F.sum(x * 3).backward()
    same(x.grad, np.array([3.0, 3.0]))


def test_shared_subgraphs() -> None:
    x = np.linspace(-1, 1, 5)
    check(lambda x: x + x, lambda x: 2 * x, x)
    check(lambda x: x * x * x, lambda x: x**3, x)

    def diamond(x, tanh, exp):  # y goes three ways, and the ways meet twice
        y = tanh(x)
        a, b = y * 2, exp(y)
        c = a * b
        return c + a / (b + 1) - y * c

    check(lambda x: diamond(x, F.tanh, F.exp), lambda x: diamond(x, np.tanh, np.exp), x)

    def ladder(x, tanh):
        y = x
        for _ in range(6):
            y = tanh(y) + y * x
        return y

    check(lambda x: ladder(x, F.tanh), lambda x: ladder(x, np.tanh), x)


def test_two_leaves_and_constants() -> None:
    a, b, c = leaf(2.0), leaf(3.0), Tensor([4.0])
    ((a * b + c) * a).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.item() == 2 * 2 * 3 + 4
    assert b.grad.item() == 4
    assert c.grad is None
    assert not (c * 2).requires_grad


def test_leaves_do_not_share_the_memory_of_their_gradients() -> None:
    a, b, g = leaf(1.0), leaf(2.0), Tensor([5.0])
    (a + b).backward(g)
    assert a.grad is not None
    a.grad.copy_([0.0])
    same(b.grad, np.array([5.0]))
    same(g, np.array([5.0]))


def test_no_grad_and_enable_grad() -> None:
    x = leaf(1.0)
    with no_grad():
        assert not is_grad_enabled()
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()

    @no_grad()
    def quiet(t: Tensor) -> Tensor:
        return t * 2

    assert not quiet(x).requires_grad
    with pytest.raises(RuntimeError, match=r"nothing to differentiate.*no_grad"):
        quiet(x).backward()


def test_detach_cuts_the_graph() -> None:
    x = leaf(3.0)
    y = x * x
    cut = y.detach()
    assert cut.is_leaf
    assert not cut.requires_grad
    (y * cut).backward()
    assert x.grad is not None
    assert x.grad.item() == 2 * 3 * 9


def test_a_second_backward_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = F.exp(x) * x
    y.backward(retain_graph=True)
    first = x.grad
    y.backward()
    assert first is not None
    same(x.grad, 2 * np.asarray(first, np.float64))
    with pytest.raises(RuntimeError, match=r"already used up.*retain_graph=True.*reset_net.*detach_net"):
        y.backward()


def test_a_parameter_changed_in_between_raises() -> None:
    w, x = leaf(2.0), Tensor([3.0])
    loss = w * x
    w.copy_([5.0])
    with pytest.raises(RuntimeError, match=r"a tensor of shape \(1,\) was changed in place after the forward pass"):
        loss.backward()
    assert w.grad is None
    (w * x).backward()  # a new forward pass is right again
    assert w.grad is not None
    assert w.grad.item() == 3.0


def test_what_backward_asks_for() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"a gradient is needed for an output of shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"the gradient has the wrong shape, got \(3,\); expected \(2,\)"):
        (x * 2).backward([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="nothing to differentiate"):
        Tensor([1.0]).backward()
    (x * 2).backward(np.array([1, 2]))  # integers will do
    same(x.grad, np.array([2.0, 4.0]))
    single = Tensor([[2.0]], requires_grad=True)
    (single * single).backward()  # one element of any shape
    same(single.grad, np.array([[4.0]]))


@pytest.mark.parametrize("data", [[1, 2], [True], np.uint32([1])])
def test_only_floats_require_gradients(data: object) -> None:
    with pytest.raises(TypeError, match="only float32 can require a gradient"):
        Tensor(data, requires_grad=True)


def test_unused_outputs_of_a_neuron() -> None:
    rng = np.random.default_rng(0)
    x, parts = rng.uniform(0, 2, (5, 2, 3)), []
    gs, gv, gv_seq = rng.standard_normal((5, 2, 3)), rng.standard_normal((2, 3)), rng.standard_normal((5, 2, 3))
    for used in ((gs, None, None), (None, gv, None), (None, None, gv_seq), (gs, gv, gv_seq)):
        t = Tensor(x, requires_grad=True)
        outputs = F.multi_step_neuron(t, store_v_seq=True)
        F.sum(sum(F.sum(o * g) for o, g in zip(outputs, used, strict=True) if g is not None)).backward()
        parts.append(np.asarray(t.grad, np.float64))
    assert all(np.any(part) for part in parts)
    same(np.float32(parts[3]), parts[0] + parts[1] + parts[2])


def test_deep_chains() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(3000):
        y = y * 1.0001 + 1e-4
    y.backward()
    assert x.grad is not None
    assert abs(x.grad.item() - 1.0001**3000) < 1e-3
    for _ in range(50_000):  # and one that is dropped without backward
        x = x.reshape(1)
    del x, y


def test_backward_frees_memory_without_the_garbage_collector() -> None:
    def step(backward: bool) -> None:
        w = Tensor(np.ones((8, 8)), requires_grad=True)
        x = Tensor(np.ones((4, 8)))
        spikes, _, _ = F.multi_step_neuron(F.linear(x, w).reshape(2, 2, 8))
        hidden = F.softmax(F.concatenate([spikes, F.relu(spikes)], -1)[:, ::-1])
        loss = F.cross_entropy(hidden.mean(0), [0, 1])
        if backward:
            loss.backward()

    gc.collect()
    synchronize()  # what other tests put off is not counted here
    gc.disable()
    try:
        for backward in (True, False):
            before = counters()["live_buffers"]
            for _ in range(3):
                step(backward)
            assert counters()["live_buffers"] == before
        x = leaf(*range(100))
        before = counters()["live_buffers"]
        y = F.exp(F.tanh(x) * 2)
        y = y * y
        y.backward(np.ones(100))
        synchronize()
        assert counters()["live_buffers"] == before + 2  # y and x.grad
    finally:
        gc.enable()


# --- the gradient of a module's inputs, computed when it is read ------------------------------------------------------


def tracked(*values: float) -> Tensor:
    t = Tensor(np.array(values))
    t._tracked = True  # what Module.__call__ does with its inputs
    return t


def test_input_gradients_are_computed_when_read() -> None:
    skip_where_copies_count()
    w, x = leaf(2.0, 3.0), tracked(5.0, 7.0)
    y = w * x
    assert y.requires_grad
    assert not (x * 2).requires_grad
    synchronize()
    before = dispatches()
    (gx,) = run_backward([(y, from_numpy(np.array([1.0, 10.0])))], stop=[x])
    synchronize()
    assert dispatches() - before == 1
    same(w.grad, np.array([5.0, 70.0]))
    same(gx, np.array([2.0, 30.0]))
    assert dispatches() - before == 2
    same(gx, np.array([2.0, 30.0]))
    assert dispatches() - before == 2
    assert x.grad is None


def test_input_gradients_pass_what_only_the_input_reaches() -> None:
    w, x = leaf(2.0), tracked(5.0)
    h = F.square(x)  # no parameter in here: left for later
    y = h * w + F.exp(x * 0.0) * h
    (gx,) = run_backward([(y, from_numpy(np.array([1.0])))], stop=[x])
    same(w.grad, np.array([25.0]))
    same(gx, np.array([2 * 5.0 * 2 + 2 * 5.0]))


def test_settle_before_parameters_change() -> None:
    skip_where_copies_count()
    w, x = leaf(2.0), tracked(5.0)
    (gx,) = run_backward([(w * x, from_numpy(np.array([1.0])))], stop=[x])
    w.copy_([100.0])  # settles by itself
    same(gx, np.array([2.0]))
    (gx,) = run_backward([(w * x, from_numpy(np.array([1.0])))], stop=[x])
    with no_grad():
        w -= 1.0  # so does this
    same(gx, np.array([100.0]))
    w.copy_([100.0])
    (gx,) = run_backward([(w * x, from_numpy(np.array([1.0])))], stop=[x])
    synchronize()
    before = dispatches()
    settle()
    synchronize()
    assert dispatches() - before == 1
    same(gx, np.array([100.0]))
    settle()
    assert dispatches() - before == 1


def test_nothing_goes_beyond_stop() -> None:
    x, w = leaf(3.0), leaf(2.0)
    h = x * x
    (gh,) = run_backward([(h * w, from_numpy(np.array([1.0])))], stop=[h])
    same(gh, np.array([2.0]))
    same(w.grad, np.array([9.0]))
    assert x.grad is None
    h.backward([2.0])  # the part before it is still there
    same(x.grad, np.array([12.0]))


def test_stop_at_leaves_several_and_unused_ones() -> None:
    a, b, unused, w = leaf(3.0), tracked(4.0), tracked(1.0, 2.0), leaf(2.0)
    y = a * b + b * w
    ga, gb, gu = run_backward([(y, from_numpy(np.array([1.0])))], stop=[a, b, unused])
    same(ga, np.array([4.0]))
    same(a.grad, np.array([4.0]))  # it asked for one itself
    same(gb, np.array([5.0]))
    same(gu, np.zeros(2))
    same(w.grad, np.array([4.0]))


def test_unread_input_gradients_free_their_memory() -> None:
    w = leaf(*range(50))
    gc.collect()
    gc.disable()
    try:
        before = counters()["live_buffers"]
        x = tracked(*range(50))
        (gx,) = run_backward([(F.tanh(x) * w, from_numpy(np.ones(50)))], stop=[x])
        del gx, x
        w.grad = None
        assert counters()["live_buffers"] == before
    finally:
        gc.enable()
