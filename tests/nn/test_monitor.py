"""Monitor: what it records, and that it leaves the model as it was."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0.6, 1.0, shape).astype(np.float32)


def model() -> nn.Sequential:
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(3, 4)), nn.LIFNode(step_mode="m"), nn.MultiStepContainer(nn.IFNode()),
    )  # fmt: skip


def test_spikes_and_voltages() -> None:
    net, x = model(), normal(5, 2, 3)
    with nn.Monitor(net, voltages=True) as monitor:
        out = net(x)
        assert list(monitor.spikes) == ["1", "2.0"]
        spikes, voltages = monitor.spikes["1"], monitor.voltages["1"]
        np.testing.assert_array_equal(voltages[0].numpy(), net[1].v_seq.numpy())
        np.testing.assert_array_equal(np.stack([s.numpy() for s in monitor.spikes["2.0"]]), out.numpy())
        np.testing.assert_array_equal(monitor.voltages["2.0"][-1].numpy(), net[2][0].v.numpy())
    assert len(spikes) == 1
    assert len(monitor.voltages["2.0"]) == 5
    np.testing.assert_array_equal(monitor.raster("2.0", 1), out.numpy()[:, 1])
    np.testing.assert_array_equal(monitor.raster("1"), spikes[0].numpy()[:, 0])
    rates = monitor.firing_rates()
    assert rates["1"] == pytest.approx(spikes[0].numpy().mean())
    assert rates["2.0"] == pytest.approx(out.numpy().mean())


def test_calls_add_up() -> None:
    net, x = nn.IFNode(), normal(6, 2, 3)
    monitor = nn.Monitor(net)
    singles = [net(row).numpy() for row in x[:3]]
    net.step_mode = "m"
    rest = net(x[3:]).numpy()
    assert len(monitor.spikes[""]) == 4
    assert monitor.voltages == {}
    want = np.concatenate([np.stack(singles), rest])
    np.testing.assert_array_equal(monitor.raster("", 1), want[:, 1])
    assert monitor.firing_rates()[""] == pytest.approx(want.mean())
    monitor.clear()
    assert monitor.spikes[""] == []
    assert np.isnan(monitor.firing_rates()[""])
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        monitor.raster("")


def test_axes_after_the_batch_are_joined_in_a_raster() -> None:
    net, x = nn.IFNode(step_mode="m"), normal(4, 2, 3, 5)
    with nn.Monitor(net) as monitor:
        out = net(x).numpy()
    np.testing.assert_array_equal(monitor.raster("", 1), out[:, 1].reshape(4, 15))


def test_it_leaves_the_model_as_it_was() -> None:
    net, x = model(), normal(4, 2, 3)
    before = net(x).numpy()
    F.reset_net(net)
    net[2][0].store_v_seq = True
    monitor = nn.Monitor(net, voltages=True)
    np.testing.assert_array_equal(net(x).numpy(), before)
    assert net[1].store_v_seq
    monitor.remove()
    monitor.remove()
    assert not net[1].store_v_seq
    assert net[2][0].store_v_seq
    F.reset_net(net)
    net(x)
    assert net[1].v_seq is None
    assert len(monitor.spikes["1"]) == 1


def test_what_is_recorded_holds_no_graph() -> None:
    net, t = model(), Tensor(normal(4, 2, 3), requires_grad=True)
    with nn.Monitor(net, voltages=True) as monitor:
        net(t).sum().backward()
    assert t.grad is not None
    for record in (monitor.spikes, monitor.voltages):
        assert all(not part.requires_grad and part.is_leaf for parts in record.values() for part in parts)


def test_it_watches_other_modules_too() -> None:
    net, x = model(), normal(4, 2, 3)
    with nn.Monitor(net, kind=nn.Linear) as monitor:
        net(x)
    assert list(monitor.spikes) == ["0.0"]
    assert monitor.spikes["0.0"][0].shape == (8, 4)


def test_errors() -> None:
    with pytest.raises(ValueError, match="Monitor: no BaseNode in Linear; there is nothing to watch"):
        nn.Monitor(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="Monitor: expected a grillyx.nn.Module, got list"):
        nn.Monitor([nn.IFNode()])
    with pytest.raises(KeyError, match="no neuron 'x'; there are '1', '2.0'"):
        nn.Monitor(model()).raster("x")
    net = nn.IFNode()
    with pytest.raises(ZeroDivisionError), nn.Monitor(net):
        raise ZeroDivisionError
    assert net._hooks == []


def test_spikes_of_both_signs_count() -> None:
    class Both(nn.BaseNode):
        def single_step_forward(self, x: Tensor) -> Tensor:
            return F.sign(x)

    model = nn.Sequential(Both(step_mode="m"))
    with nn.Monitor(model) as monitor:
        model(np.array([[[1.0, -1.0, 0.0, -2.0]]], np.float32))
    assert monitor.firing_rates() == {"0": 0.75}
