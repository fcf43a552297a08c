"""Models in files, copies and pickles."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from grillyx import io, sim
from tests.sim.reference import NETWORKS
from tests.sim.test_simulate import EVERY, quiet

GRAPH = NETWORKS["many"].graph


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("how", ["file", "deepcopy", "pickle"])
def test_a_copy_goes_on_as_the_original(name: str, how: str, tmp_path) -> None:
    model = EVERY[name](rng=3)
    quiet(model)
    model.add_stimulus(sim.RegularStimulus(0.5, 7, 2, 1000, np.arange(37) % 2 == 0))
    if how == "file":
        model.save(tmp_path / "model.safetensors")
        twin = type(model)()
        assert twin.load(tmp_path / "model.safetensors") is twin
    else:
        twin = copy.deepcopy(model) if how == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert twin.state.t == model.state.t == 60
    np.testing.assert_array_equal(twin.state, model.state)
    for key, array in (model.state.kept or {}).items():
        np.testing.assert_array_equal(twin.state.kept[key], array)
    assert (twin.state.kept is None) == (name not in ("threshold", "rectified sam", "lif"))
    for key, value in model.tunable_parameters.items():
        np.testing.assert_array_equal(twin.tunable_parameters[key].numpy(), value.numpy())
    want = quiet(model, initial_state=model.state)
    np.testing.assert_array_equal(quiet(twin, initial_state=twin.state), want)
    np.testing.assert_array_equal(quiet(twin), quiet(model))  # random numbers go on too
    assert want.any()


def test_a_copy_is_one_of_its_own() -> None:
    model = EVERY["bernoulli"](rng=3)
    twin = copy.deepcopy(model)
    twin.theta.copy_(9.0)
    quiet(twin)
    assert float(model.theta) == 1.0
    assert model.random.calls == 0
    assert model.state is None


def test_copies_of_models_that_have_run_method_by_method(tmp_path) -> None:
    for name in ("bernoulli", "lif"):
        model = EVERY[name](rng=3)
        model.emit_spikes = model.emit_spikes
        quiet(model)
        del model.emit_spikes
        model.save(tmp_path / f"{name}.safetensors")
        twin, third = type(model)(), copy.deepcopy(model)
        twin.load(tmp_path / f"{name}.safetensors")
        want = quiet(model, initial_state=model.state)
        np.testing.assert_array_equal(quiet(twin, initial_state=twin.state), want)
        np.testing.assert_array_equal(quiet(third, initial_state=third.state), want)


def test_parameters_of_each_neuron(tmp_path) -> None:
    model = sim.LNP(theta=np.linspace(0, 1, 37), response="sigmoid", rng=1)
    model.save(tmp_path / "m.safetensors")
    twin = sim.LNP(theta=np.zeros(37))
    twin.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(quiet(twin), quiet(model))
    plain = sim.LNP(theta=2.0)
    plain.save(tmp_path / "plain.safetensors")
    plain.load(tmp_path / "m.safetensors")  # one number becomes one for each neuron
    np.testing.assert_array_equal(plain.theta, model.theta)
    assert float(twin.load(tmp_path / "plain.safetensors").theta) == 2.0  # and back


def test_parameters_of_another_shape_change_nothing(tmp_path) -> None:
    model = sim.LNP(theta=1.0)
    content = {**sim.LNP(theta=np.zeros(5)).state_dict(), "b": np.zeros((2, 2))}
    model.save(tmp_path / "m.safetensors")
    io.save(io.load(tmp_path / "m.safetensors") | {"parameters": content}, tmp_path / "bad.safetensors")
    theta = model.theta
    with pytest.raises(ValueError, match="Nothing was changed"):
        model.load(tmp_path / "bad.safetensors")
    assert model.theta is theta
    assert float(model.theta) == 1.0


def test_another_class(tmp_path) -> None:
    sim.PoissonGLM().save(tmp_path / "m.safetensors")
    model = sim.BernoulliGLM(theta=3.0)
    with pytest.raises(ValueError, match="holds another model, got PoissonGLM; expected BernoulliGLM"):
        model.load(tmp_path / "m.safetensors")
    assert float(model.theta) == 3.0


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file(kept: int, tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    first = EVERY["lif"](rng=1)
    quiet(first)
    first.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    model = EVERY["lif"](rng=2)
    model.v_threshold.copy_(7.0)
    with pytest.raises(ValueError, match="m.safetensors"):
        model.load(path)
    assert float(model.v_threshold) == 7.0
    assert model.random.seed == 2
    assert model.state is None


def test_other_files(tmp_path) -> None:
    from grillyx import io

    io.save({"theta": np.ones(3)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="holds no model of grillyx.sim"):
        sim.BernoulliGLM().load(tmp_path / "x.safetensors")
    with pytest.raises(FileNotFoundError):
        sim.BernoulliGLM().load(tmp_path / "nothing.safetensors")


def test_a_stimulus_that_is_a_function(tmp_path) -> None:
    model = sim.BernoulliGLM()
    model.add_stimulus(lambda t: 0.0)
    with pytest.warns(UserWarning, match="add it again after load"):
        model.save(tmp_path / "m.safetensors")
    twin = sim.BernoulliGLM()
    twin.load(tmp_path / "m.safetensors")
    assert twin.stimulus is None


def test_large_seeds(tmp_path) -> None:
    model = sim.BernoulliGLM(theta=1.0, rng=(1 << 64) - 3)
    quiet(model)
    model.save(tmp_path / "m.safetensors")
    twin = sim.BernoulliGLM()
    twin.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(quiet(twin), quiet(model))
    assert twin.state.seed == (1 << 64) - 3


def test_the_batch_of_a_stimulus(tmp_path) -> None:
    masks = [np.arange(37) < 5, np.arange(37) >= 5]
    model = sim.BernoulliGLM(theta=4.0, rng=1)
    model.add_stimulus(sim.RegularStimulus(8.0, 7, 3, 1000, masks))
    quiet(model)
    assert model.stimulus.current_batch == 1
    model.save(tmp_path / "m.safetensors")
    twin = sim.BernoulliGLM().load(tmp_path / "m.safetensors")
    assert twin.stimulus.current_batch == 1
    np.testing.assert_array_equal(quiet(twin), quiet(model))


def test_an_unknown_stimulus(tmp_path) -> None:
    path, model = tmp_path / "m.safetensors", sim.BernoulliGLM(theta=3.0)
    model.add_stimulus(sim.RegularStimulus(0.5, 7, 2, 1000, np.ones(37, bool)))
    model.save(path)
    path.write_bytes(path.read_bytes().replace(b"RegularStimulus", b"IrregulStimulus"))
    other = sim.BernoulliGLM(theta=4.0)
    with pytest.raises(ValueError, match="unknown stimulus, got IrregulStimulus; expected one of"):
        other.load(path)
    assert float(other.theta) == 4.0
    assert other.stimulus is None
