"""A checkpointed sequence: the same numbers as without, from less memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim

rng = np.random.default_rng(0)


class Tired(nn.BaseNode):
    """A neuron with a second state and a parameter, in Python."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rise, self.fatigue, self.trace = nn.Parameter(0.3), 0.0, []

    def reset(self) -> None:
        super().reset()
        self.fatigue, self.trace = 0.0, []

    def detach(self) -> None:
        super().detach()
        self.fatigue, self.trace = getattr(self.fatigue, "detach", lambda: 0.0)(), []

    def neuronal_charge(self, x: Tensor) -> None:
        self.v = self.v * 0.7 + x

    def neuronal_fire(self) -> Tensor:
        spike = self.surrogate_function(self.v - self.v_threshold - self.fatigue)
        self.fatigue = self.fatigue * 0.8 + spike * self.rise
        self.trace.append(self.fatigue)
        return spike


def linear() -> nn.Module:
    return nn.SeqToANNContainer(nn.Linear(6, 6))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "two layers": lambda: nn.Sequential(linear(), nn.LIFNode(step_mode="m"), linear(), nn.IFNode(step_mode="m")),
    "a neuron": lambda: nn.LIFNode(tau=3.0, v_reset=None, step_mode="m", surrogate_function=nn.Sigmoid(2.0)),
    "a leak that learns": lambda: nn.Sequential(linear(), nn.ParametricLIFNode(decay_input=True, step_mode="m")),
    "dropout": lambda: nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(6, 6), nn.Dropout(0.4)), nn.LIFNode(step_mode="m"), nn.Dropout(0.3, "m")
    ),
    "own": lambda: nn.Sequential(linear(), Tired(step_mode="m")),
    "no memory": linear,
}


def run(model: nn.Module, call: Callable[[Any], Tensor], x: np.ndarray, v0: np.ndarray | None, calls: int) -> list[Any]:
    """Everything a training step leaves: outputs, states, and gradients of the input, the first state, the parameters."""
    grillyx.manual_seed(3)
    F.reset_net(model)
    model.zero_grad()
    xt, node = Tensor(x, requires_grad=True), next((m for m in model.modules() if isinstance(m, nn.BaseNode)), None)
    start = None
    if node is not None and v0 is not None:
        node.v = start = Tensor(v0, requires_grad=True)
    outs = [call(xt) for _ in range(calls)]
    weight = Tensor(np.random.default_rng(1).normal(size=outs[0].shape))
    total = sum((out * weight).sum() * (k + 1.0) for k, out in enumerate(outs))
    states = [m.v for m in model.modules() if isinstance(m, nn.BaseNode)]
    for v in states:
        total = total + (v * v).sum()
    total.backward()
    left = [*outs, *states, xt.grad, *(p.grad for p in model.parameters())]
    return [t.numpy() for t in left] + ([] if start is None else [start.grad.numpy()])


@pytest.mark.parametrize("steps", [1, 4, 7, 12, 50])
@pytest.mark.parametrize("name", MODELS)
def test_the_same_as_without(poisoned: None, name: str, steps: int) -> None:
    """12 steps: a part of a segment, whole ones, one that holds all. Dropout's masks belong to a sequence."""
    model = MODELS[name]()
    x, v0 = rng.normal(0.3, 1.0, (12, 3, 6)), rng.uniform(-0.5, 0.5, (3, 6))
    plain = run(model, model, x, v0, 1)
    again = run(model, nn.CheckpointedSequence(model, steps), x, v0, 1)
    for a, b in zip(again, plain, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-5 * max(1.0, np.abs(b).max()))
    np.testing.assert_array_equal(again[0], plain[0])


@pytest.mark.parametrize("name", MODELS)
def test_state_goes_from_call_to_call(name: str) -> None:
    model = MODELS[name]()
    x = rng.normal(0.3, 1.0, (5, 2, 6))
    plain = run(model, model, x, None, 3)
    again = run(model, nn.CheckpointedSequence(model, 2), x, None, 3)
    for a, b in zip(again, plain, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-5 * max(1.0, np.abs(b).max()))


@pytest.mark.parametrize("detach", [F.detach_net, F.reset_net])
@pytest.mark.parametrize("name", MODELS)
def test_training_goes_on_after_a_step(name: str, detach: Callable[[Any], None]) -> None:
    model = MODELS[name]()
    other = copy.deepcopy(model)
    for net, call in ((model, model), (other, nn.CheckpointedSequence(other, 3))):
        grillyx.manual_seed(5)
        parameters = list(net.parameters()) or [nn.Parameter(1.0)]
        optimizer = optim.SGD(parameters, lr=0.1)
        for k in range(3):
            x = Tensor(np.random.default_rng(k).normal(0.3, 1.0, (7, 2, 6)))
            loss = ((call(x) * parameters[0].mean()) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            detach(net)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-5, 1e-6)


def test_the_explicit_chain() -> None:
    """``backward(grad)`` of the module returns the gradient of the input when that is read."""
    model = MODELS["two layers"]()
    long, x, g = nn.CheckpointedSequence(model, 5), rng.normal(0.3, 1.0, (12, 3, 6)), rng.normal(size=(12, 3, 6))
    found = []
    for call in (model, long):
        F.reset_net(model)
        model.zero_grad()
        out = call(x)
        down = call.backward(g)
        before = grillyx.counters()["dispatches"]
        found.append([out.numpy(), *(p.grad.numpy() for p in model.parameters()), down.numpy()])
        assert grillyx.counters()["dispatches"] > before
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-5)


def test_random_layers_draw_the_same_again() -> None:
    """Against the same pieces without checkpoints: both draw anew for each piece."""
    model = nn.Sequential(
        linear(), nn.Sigmoid(), nn.PoissonEncoder(), linear(), nn.Dropout(0.5), nn.LIFNode(step_mode="m")
    )
    x = rng.normal(0.3, 1.0, (9, 2, 6))
    grads = []
    for checkpointed in (False, True):
        grillyx.manual_seed(11)
        F.reset_net(model)
        model.zero_grad()
        if checkpointed:
            out = nn.CheckpointedSequence(model, 4)(x)
        else:
            out = F.concatenate([model(x[first : first + 4]) for first in range(0, 9, 4)])
        after = grillyx.random.random_ops.DEFAULT.calls
        (out * out.mean()).sum().backward()
        assert grillyx.random.random_ops.DEFAULT.calls == after
        grads.append([out.numpy()] + [p.grad.numpy() for p in model[3].parameters()])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)
    assert np.abs(grads[0][1]).max() > 0


def test_what_changes_after_the_call_does_not_change_the_gradient() -> None:
    model = MODELS["dropout"]()
    x = Tensor(rng.normal(0.3, 1.0, (8, 2, 6)), requires_grad=True)
    grads = []
    for later in (False, True):
        grillyx.manual_seed(2)
        model.train()
        F.reset_net(model)
        x.grad, node = None, model[1]
        node.tau = 2.0
        out = nn.CheckpointedSequence(model, 3)(x)
        if later:
            model.eval()
            F.reset_net(model)
            node.tau = 9.0
        out.sum().backward()
        grads.append(x.grad.numpy())
        if later:
            assert (node.tau, node.v, model.training, model[2].mask) == (9.0, 0.0, False, None)
    np.testing.assert_array_equal(*grads)


def test_hooks_and_running_means_see_each_step_once() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.seen = nn.Buffer(0.0)

        def forward(self, x: Tensor) -> Tensor:
            with grillyx.no_grad():
                self.seen.copy_(self.seen.numpy() + x.shape[0])
            return x * 2.0

    model, lengths = nn.Sequential(Mean(), linear()), []
    handle = model[1].register_forward_hook(lambda m, inputs, out: lengths.append(out.shape[0]))
    nn.CheckpointedSequence(model, 4)(rng.normal(size=(10, 2, 6))).sum().backward()
    assert lengths == [4, 4, 2]
    assert float(model[0].seen) == 10.0
    handle.remove()
    model(np.ones((1, 2, 6)))
    assert lengths == [4, 4, 2]


def test_the_graph_may_be_kept() -> None:
    model = MODELS["two layers"]()
    x = Tensor(rng.normal(0.3, 1.0, (9, 2, 6)), requires_grad=True)
    loss = nn.CheckpointedSequence(model, 4)(x).sum()
    loss.backward(retain_graph=True)
    once = x.grad.numpy()
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2.0 * once)
    with pytest.raises(RuntimeError, match="already used up"):
        loss.backward()


def test_frozen_parameters_have_no_gradient() -> None:
    model = MODELS["two layers"]()
    model[2].requires_grad_(False)
    nn.CheckpointedSequence(model, 4)(rng.normal(0.3, 1.0, (9, 2, 6))).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [False, False, True, True]
    with grillyx.no_grad():
        assert not nn.CheckpointedSequence(model, 4)(rng.normal(size=(9, 2, 6))).requires_grad


@pytest.mark.parametrize("what", ["weight", "input"])
def test_a_change_in_place_is_noticed(what: str) -> None:
    model = MODELS["two layers"]()
    x = Tensor(rng.normal(0.3, 1.0, (9, 2, 6)))
    out = nn.CheckpointedSequence(model, 4)(x)
    target = x if what == "input" else model[0][0].weight
    target.copy_(np.zeros(target.shape))
    with pytest.raises(RuntimeError, match="changed in place"):
        out.sum().backward()


def test_errors_leave_the_state_alone() -> None:
    node = nn.LIFNode(step_mode="m")
    node(rng.normal(size=(3, 2)))
    v = node.v
    for call, message in (
        (lambda: nn.CheckpointedSequence(node, 2)(np.zeros((5, 3))), "Call functional.reset_net"),
        (lambda: nn.CheckpointedSequence(node, 2)(np.zeros((0, 2))), "needs a sequence, got shape"),
        (lambda: nn.CheckpointedSequence(nn.Flatten(0), 2)(np.zeros((4, 2))), "changed the time axis"),
        (lambda: nn.CheckpointedSequence(node, 0), "checkpoint is a positive integer, got 0"),
        (lambda: nn.CheckpointedSequence(node, 2.5), "checkpoint is a positive integer, got 2.5"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="expected a module, got function"):
        nn.CheckpointedSequence(lambda x: x, 2)
    assert node.v is v


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_the_memory_of_a_long_sequence(no_garbage: None, part: str) -> None:
    """1,000 steps of 64-128-10, 4 samples: what the pool holds beyond the input, which both need."""
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(64, 128)), nn.LIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(128, 10)), nn.LIFNode(step_mode="m"),
    )  # fmt: skip
    x, device, taken = Tensor(rng.normal(0.3, 1.0, (1000, 4, 64))), grillyx.current_device(), []
    for call in (model, nn.CheckpointedSequence(model, 40)):
        F.reset_net(model)
        device.empty_cache()
        before = device.pool.bytes
        out = call(x)
        if part == "backward":
            out.mean().backward()
        taken.append(device.pool.bytes - before)
        model.zero_grad()
        del out
    assert 0 < taken[1] < 0.2 * taken[0]


def test_all_parts_run_the_same_pipelines(no_garbage: None) -> None:
    model = MODELS["two layers"]()
    made = []
    for steps in (80, 160):
        grillyx.current_device().empty_cache()
        F.reset_net(model)
        before = grillyx.counters()["created"]
        nn.CheckpointedSequence(model, 10)(rng.normal(size=(steps, 2, 6))).mean().backward()
        made.append(grillyx.counters()["created"] - before)
    assert made[1] <= made[0] + 8
