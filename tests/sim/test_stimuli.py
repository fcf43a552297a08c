"""Stimuli against the original's numbers, their equations in float64, and finite differences."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import grillyx
from grillyx import optim, sim
from grillyx.autograd import Tensor
from grillyx.engine.counters import COUNTERS
from tests.helpers import same

DATA = Path(__file__).parent.parent / "data"
MASK = np.array([True, False, True, True])
T = np.arange(-3, 150)


def regular(**more):
    return sim.RegularStimulus(5.0, 30.0, 6.0, 100.0, **{"stimulus_masks": MASK, "start": 10.0} | more)


def sine(**more):
    waves = {"stimulus_masks": MASK, "phase": 0.3, "baseline": 0.5, "start": 5.0}
    return sim.SinStimulus(2.0, 40.0, 90.0, **waves | more)


def poisson(**more):
    return sim.PoissonStimulus(3.0, 15.0, 100.0, **{"stimulus_masks": MASK, "tau": 4.0, "start": 3.0, "rng": 7} | more)


MADE = [regular, sine, poisson]


@pytest.mark.parametrize("name", ["regular", "sin", "poisson"])
def test_the_originals_numbers(name: str) -> None:
    known = np.load(DATA / "spikeometric_stimuli.npz")
    masks = {"stimulus_masks": known["mask"], "compat": True}
    make = {"regular": regular, "sin": sine, "poisson": lambda **k: poisson(times=known["poisson_times"], **k)}[name]
    stimulus = make(**masks)
    assert np.count_nonzero(known[name]) > 50
    np.testing.assert_allclose(stimulus(known["t"]).numpy(), known[name], rtol=0, atol=5e-6)
    for t in known["t"][::7]:
        np.testing.assert_allclose(stimulus(int(t)).numpy(), known[name][:, t], rtol=0, atol=5e-6)


def expected(stimulus, compat: bool) -> np.ndarray:
    """The equations, a step at a time."""
    out = []
    for t in T.tolist():
        if isinstance(stimulus, sim.RegularStimulus):
            phase = (t if compat else t - 10) % 30
            out.append(5.0 if 10 <= t < 100 and phase < 6 else 0.0)
        elif isinstance(stimulus, sim.SinStimulus):
            on = 5 <= t < (90 if compat else 95)
            out.append(2.0 * math.sin(2 * math.pi * (t - 5) / 40 + np.float32(0.3)) + 0.5 if on else 0.0)
        else:
            out.append(3.0 if any(e <= t < e + 4 for e in stimulus.times) else 0.0)
    return MASK[:, None] * np.array(out)


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("make", MADE)
def test_the_equations(make, compat: bool) -> None:
    stimulus = make(compat=compat)
    want = expected(stimulus, compat)
    assert np.count_nonzero(want)
    same(stimulus(T), want)
    same(stimulus(-1), want[:, 2])
    same(stimulus(37.0), want[:, 40])
    mask, values = stimulus.parts(T)
    assert mask.dtype == values.dtype == np.float32
    same(mask[:, None] * values, want)
    assert stimulus(T[:0]).shape == (4, 0)


def test_where_the_modes_differ() -> None:
    assert np.flatnonzero(regular()(T).numpy()[0])[0] - 3 == 10  # the first pulse is at start
    assert np.flatnonzero(regular(compat=True)(T).numpy()[0])[0] - 3 == 30
    assert np.flatnonzero(sine()(T).numpy()[0])[-1] - 3 == 94
    assert np.flatnonzero(sine(compat=True)(T).numpy()[0])[-1] - 3 == 89


def test_dt_scales_the_wave_and_not_the_steps() -> None:
    fine = sim.SinStimulus(2.0, 20.0, 90.0, MASK, phase=0.3, baseline=0.5, start=5.0, dt=0.5)
    same(fine(T), sine()(T).numpy())


def test_a_wave_stays_exact_in_long_runs() -> None:
    """At step 10⁷ the angle has seven digits before the point, more than float32."""
    stimulus, t = sim.SinStimulus(1.0, 37.3, np.inf, MASK), np.arange(10**7, 10**7 + 50)
    same(stimulus(t)[0], np.sin(2 * math.pi * t / float(np.float32(37.3))), atol=1e-5)


GRADIENTS = [(regular, ("strength",)), (sine, ("amplitude", "period", "phase", "baseline")), (poisson, ("strength",))]


@pytest.mark.parametrize(("make", "names"), GRADIENTS)
@pytest.mark.parametrize("t", [T, 38])
def test_gradients(make, names: tuple[str, ...], t) -> None:
    stimulus = make()
    assert [n for n, _ in stimulus.named_parameters()] == list(names)
    assert not any(p.requires_grad for p in stimulus.parameters())
    assert not stimulus(t).requires_grad
    stimulus.requires_grad_()
    out = stimulus(t)
    weights = np.random.default_rng(0).standard_normal(out.shape)
    same(out, make()(t).numpy())  # asking for gradients changes no value
    out.backward(weights)
    for name in names:
        ends = []
        for step in (1e-3, -1e-3):
            moved = make()
            value = getattr(moved, name).numpy()
            getattr(moved, name).copy_(value + np.float32(step))
            real = float(getattr(moved, name).numpy()) - float(value)
            times = np.atleast_1d(np.asarray(t, np.float64))
            ends.append((real, (weights.reshape(4, -1) * moved.mask[:, None] * moved.values(times)).sum()))
        want = (ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0])
        assert t is not T or abs(want) > 1e-3
        np.testing.assert_allclose(float(getattr(stimulus, name).grad), want, rtol=2e-3, atol=1e-3)


def test_only_what_is_asked_for_learns() -> None:
    stimulus = sine()
    stimulus.phase.requires_grad = True
    stimulus(T).sum().backward()
    assert stimulus.phase.grad is not None
    assert stimulus.amplitude.grad is None
    with grillyx.no_grad():
        assert not stimulus(T).requires_grad


def test_training_is_seen() -> None:
    stimulus = regular()
    stimulus.strength.requires_grad = True
    optimizer = optim.SGD(stimulus.parameters(), lr=0.5)
    for _ in range(60):
        loss = ((stimulus(np.arange(10, 16))[0] - 2.0) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert abs(float(stimulus.strength) - 2.0) < 1e-4
    assert abs(stimulus.parts(T)[1].max() - 2.0) < 1e-4
    stimulus.period.copy_(20.0)
    assert np.flatnonzero(np.diff(stimulus.parts(np.arange(10, 60))[1]) > 0).tolist() == [19, 39]


def test_nothing_is_downloaded_twice() -> None:
    stimulus = sine()
    stimulus(0)
    before = COUNTERS.downloads
    for t in range(5):
        stimulus(t)
        stimulus.parts(T)
    assert COUNTERS.downloads == before


def test_the_period_may_not_be_trained_away() -> None:
    stimulus = sine()
    stimulus.period.copy_(-1.0)
    with pytest.raises(ValueError, match="SinStimulus: the period is not positive, got -1.0"):
        stimulus(0)


# --- Poisson


def test_intervals_have_the_poisson_distribution() -> None:
    times = sim.PoissonStimulus(1.0, 20.0, 400_000.0, MASK, start=50.0, rng=0).times
    gaps = np.diff(times)
    assert times[0] == 50.0
    assert times[-1] < 400_050.0
    assert 400_050.0 - times[-1] < 100
    assert (gaps == np.rint(gaps)).all()
    assert abs(gaps.mean() - 20.0) < 4 * math.sqrt(20.0 / len(gaps))
    assert abs(gaps.var() - 20.0) < 4 * 20.0 * math.sqrt(2.2 / len(gaps))
    assert sim.PoissonStimulus(1.0, 20.0, 400.0, MASK, start=50.0, rng=0, compat=True).times[-1] < 400.0


def test_seeds_of_events() -> None:
    def drawn(rng):
        return poisson(rng=rng).times.tolist()

    assert drawn(1) == drawn(1) == drawn(np.random.default_rng(1)) == drawn(np.int64(1))
    assert drawn(1) != drawn(2)
    grillyx.manual_seed(3)
    first, second = drawn(None), drawn(None)
    assert first != second
    grillyx.manual_seed(3)
    assert [drawn(None), drawn(None)] == [first, second]
    grillyx.manual_seed(4)
    assert drawn(None) != first


def test_events_can_be_set() -> None:
    stimulus = poisson(times=[9.0, 2.5, 4.0])
    assert stimulus.times.tolist() == [2.5, 4.0, 9.0]
    assert np.flatnonzero(stimulus.parts(np.arange(20))[1]).tolist() == [3, 4, 5, 6, 7, 9, 10, 11, 12]  # none adds
    stimulus.times = np.arange(1000.0)
    assert len(stimulus.times) == 1000
    stimulus.times = []
    assert not stimulus(T).numpy().any()


def test_the_events_of_another_fit() -> None:
    one, other = (sim.PoissonStimulus(2.0, 7.0, 500.0, MASK, rng=rng) for rng in (0, 1))
    assert len(one.times) != len(other.times)
    other.load_state_dict(one.state_dict())
    assert one.times.tolist() == other.times.tolist()
    same(one(T), other(T).numpy())


def test_no_time_no_events() -> None:
    assert sim.PoissonStimulus(2.0, 7.0, 0.0, MASK, rng=0).times.size == 0
    assert sim.PoissonStimulus(2.0, 7.0, 10.0, MASK, start=20.0, rng=0, compat=True).times.size == 0
    assert sim.PoissonStimulus(2.0, 0.01, 10.0, MASK, rng=0).times.tolist() == list(range(10))


# --- state


@pytest.mark.parametrize("make", MADE)
def test_state_and_copies(make) -> None:
    stimulus = make()
    want = stimulus(T).numpy()
    state = stimulus.state_dict()
    assert state["stimulus_masks"].dtype == bool
    blank = {
        regular: lambda: sim.RegularStimulus(0.0, 1.0, 0.0, 0.0, ~MASK),
        sine: lambda: sim.SinStimulus(0.0, 1.0, 0.0, ~MASK),
        poisson: lambda: sim.PoissonStimulus(0.0, 15.0, 100.0, ~MASK, start=3.0, rng=1),
    }[make]()
    assert not np.array_equal(blank(T).numpy(), want)
    blank.load_state_dict(state)
    same(blank(T), want)
    again = type(stimulus)(**stimulus.arguments)
    same(again(T), want)
    same(copy.deepcopy(stimulus)(T), want)
    same(pickle.loads(pickle.dumps(stimulus))(T), want)


def test_arguments_can_be_saved(tmp_path: Path) -> None:
    for k, stimulus in enumerate([*(make(batch_size=1) for make in MADE), sim.LoadedStimulus(np.ones((4, 9)))]):
        grillyx.save({"arguments": stimulus.arguments}, tmp_path / f"{k}.safetensors")
        again = type(stimulus)(**grillyx.load(tmp_path / f"{k}.safetensors")["arguments"])
        same(again(T), stimulus(T).numpy())


# --- networks


def test_batches() -> None:
    masks = [np.array([True, False]), np.array([False, True, True]), np.array([True])]
    stimulus = regular(stimulus_masks=masks, batch_size=2)
    assert (stimulus.n_networks, stimulus.n_batches, stimulus.current_batch, stimulus.n_neurons) == (3, 2, 0, 5)
    assert (stimulus(10).numpy() > 0).tolist() == [True, False, False, True, True]
    stimulus.next_batch()
    assert (stimulus.current_batch, stimulus.n_neurons) == (1, 1)
    assert (stimulus(10).numpy() > 0).tolist() == [True]
    stimulus.next_batch()
    assert stimulus.current_batch == 0
    stimulus.set_batch(1)
    assert stimulus.mask.tolist() == [True]
    stimulus.reset()
    assert stimulus.current_batch == 0
    for wrong in (2, -1):
        with pytest.raises(
            ValueError, match=rf"RegularStimulus.set_batch: no such batch, got {wrong}; expected 0 to 1"
        ):
            stimulus.set_batch(wrong)
    with pytest.raises(TypeError, match="whole number, got 1.0"):
        stimulus.set_batch(1.0)
    with pytest.raises(ValueError, match="next_batch: there is one batch only, got 3 networks with batch_size 3"):
        regular(stimulus_masks=masks, batch_size=3).next_batch()


@pytest.mark.parametrize(
    "masks",
    [MASK, MASK.tolist(), [MASK], (MASK,), MASK[None], Tensor(MASK), [MASK.tolist()]],
    ids=lambda m: type(m).__name__,
)
def test_forms_of_masks(masks) -> None:
    assert regular(stimulus_masks=masks).mask.tolist() == MASK.tolist()


def test_rows_are_networks() -> None:
    stimulus = regular(stimulus_masks=np.array([[True, False], [True, True]]), batch_size=2)
    assert stimulus.mask.tolist() == [True, False, True, True]


BAD_MASKS = [
    (np.array([0, 2]), TypeError, r"stimulus_masks must be booleans, got int64 of shape \(2,\).*make a mask"),
    (MASK.astype(np.float32), TypeError, "must be booleans, got float32"),
    ([MASK, MASK.astype(int)], TypeError, r"stimulus_masks\[1\] must be booleans, got int64"),
    ([], TypeError, "must be booleans, got float64"),
    (np.zeros((0, 3), bool), ValueError, "has no masks"),
    (np.zeros(0, bool), ValueError, r"wrong shape, got \(0,\)"),
    (np.zeros((1, 2, 3), bool), ValueError, r"wrong shape, got \(1, 2, 3\)"),
    (None, TypeError, "must be booleans, got object"),
    ("all", TypeError, "must be booleans"),
]


@pytest.mark.parametrize(("masks", "kind", "message"), BAD_MASKS)
@pytest.mark.parametrize("make", MADE)
def test_bad_masks(make, masks, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        make(stimulus_masks=masks)


BAD_SIZES = [(0, ValueError), (2, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), (None, TypeError)]


@pytest.mark.parametrize(("size", "kind"), BAD_SIZES)
@pytest.mark.parametrize("make", MADE)
def test_bad_batch_sizes(make, size, kind) -> None:
    with pytest.raises(kind, match=r"Stimulus: batch_size (out of range|must be a whole number), got"):
        make(batch_size=size)
    with pytest.raises(kind, match="LoadedStimulus: batch_size"):
        sim.LoadedStimulus(np.ones((3, 4)), batch_size=size)


GOOD = {
    sim.RegularStimulus: {"strength": 5.0, "period": 30.0, "tau": 6.0, "stop": 100.0},
    sim.SinStimulus: {"amplitude": 2.0, "period": 40.0, "duration": 90.0, "phase": 0.0, "baseline": 0.0, "dt": 1.0},
    sim.PoissonStimulus: {"strength": 3.0, "mean_interval": 15.0, "duration": 100.0, "tau": 4.0},
}
NOT_NEGATIVE = {"tau", "duration", "amplitude", "period", "mean_interval", "dt"}
ENDLESS = {(sim.RegularStimulus, "stop"), (sim.SinStimulus, "duration")}
CASES = [(kind, name) for kind, names in GOOD.items() for name in (*names, "start")]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda x: getattr(x, "__name__", x))
def test_bad_numbers(kind, name: str) -> None:
    wrong = [math.nan, -math.inf, 1e39]
    wrong += [] if (kind, name) in ENDLESS else [math.inf]
    wrong += [-1.0] if name in NOT_NEGATIVE else []
    wrong += [0.0] if name in ("period", "mean_interval", "dt") else []
    for value in wrong:
        with pytest.raises(ValueError, match=rf"{kind.__name__}: {name} out of range, got"):
            kind(**GOOD[kind] | {name: value}, stimulus_masks=MASK)
    for value in ("3", None, [1.0, 2.0]):
        with pytest.raises(TypeError, match=rf"{kind.__name__}: {name} must be a number, got"):
            kind(**GOOD[kind] | {name: value}, stimulus_masks=MASK)


@pytest.mark.parametrize("make", [*MADE, lambda: sim.LoadedStimulus(np.ones((4, 9)))])
def test_bad_times(make) -> None:
    stimulus = make()
    with pytest.raises(ValueError, match="t is not finite, got nan"):
        stimulus(math.nan)
    with pytest.raises(ValueError, match=r"t has a wrong shape, got \(1, 1\)"):
        stimulus([[1]])
    for wrong in ("now", None, True):
        with pytest.raises(TypeError, match="t must be a number"):
            stimulus(wrong)


def test_bad_events() -> None:
    with pytest.raises(ValueError, match="mean_interval is too small, got 1e-09"):
        sim.PoissonStimulus(1.0, 1e-9, 100.0, MASK, rng=0)
    with pytest.raises(ValueError, match="mean_interval is too small, got 1e-38"):
        sim.PoissonStimulus(1.0, 1e-38, 0.0, MASK, rng=0)
    with pytest.raises(ValueError, match=r"times has a wrong shape, got \(1, 1\)"):
        poisson(times=[[1.0]])
    with pytest.raises(ValueError, match="times is not finite, got nan"):
        poisson(times=[1.0, math.nan])
    for wrong in (-1, 1.5, "seed", True):
        with pytest.raises(TypeError, match="PoissonStimulus: rng makes no generator, got"):
            poisson(rng=wrong)


def test_a_stimulus_of_ones_own() -> None:
    class Ramp(sim.MaskedStimulus):
        def __init__(self) -> None:
            super().__init__(MASK)

        def values(self, t):
            return t / 10

    same(Ramp()([0, 5]), MASK[:, None] * np.array([0.0, 0.5]))
    with pytest.raises(NotImplementedError, match=r"MaskedStimulus: define values"):
        sim.MaskedStimulus(MASK)(0)
    with pytest.raises(NotImplementedError, match=r"Stimulus: define parts"):
        sim.Stimulus([3])(0)
