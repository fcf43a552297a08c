"""Pictures: what is drawn is read back from the axes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection

from grillyx import Tensor, nn, plot
from grillyx.plot._style import BLUE, ORANGE


@pytest.fixture(autouse=True)
def canvas(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    pyplot.close("all")
    matplotlib.use(before)


def marks(ax) -> dict[str, set[tuple[int, int]]]:
    """Colour -> {(step, neuron)} of a raster."""
    out = {}
    for lines in ax.collections:
        assert isinstance(lines, LineCollection)
        color = matplotlib.colors.to_hex(lines.get_color()[0])
        out[color] = {(round(s[0, 0]), round(s[:, 1].mean())) for s in lines.get_segments()}
    return out


def test_raster_marks_every_spike() -> None:
    spikes = (np.random.default_rng(0).random((12, 7)) < 0.3).astype(np.float32)
    expected = {(t, n) for t, n in np.argwhere(spikes)}
    for data in (spikes, Tensor(spikes), spikes.astype(bool), spikes.astype(int)):
        drawn = marks(plot.raster(data))
        assert set().union(*drawn.values()) == expected


def test_raster_highlights_a_neuron() -> None:
    spikes = np.ones((4, 3))
    drawn = marks(plot.raster(spikes, highlight=1))
    assert drawn[ORANGE] == {(t, 1) for t in range(4)}
    assert drawn[BLUE] == {(t, n) for t in range(4) for n in (0, 2)}


def test_raster_of_currents_is_an_image() -> None:
    ax = plot.raster(np.random.default_rng(0).random((6, 5)), title="currents")
    assert not ax.collections
    assert ax.images[0].get_array().shape == (5, 6)
    assert ax.get_title() == "currents"


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (300, 2000), (4, 0), (0, 3), (3,)])
def test_raster_of_odd_sizes(shape: tuple[int, ...]) -> None:
    ax = plot.raster(np.zeros(shape))
    ax.figure.canvas.draw()


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_raster_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"raster: wrong shape, got .*; expected \(T, neurons\)"):
        plot.raster(np.zeros(shape))


def test_voltages_with_threshold_and_spikes() -> None:
    v = np.linspace(0.0, 0.9, 10)[:, None] * [1.0, 0.5]
    s = np.zeros((10, 2))
    s[4, 1] = 1
    ax = plot.voltages(v, spikes=s, threshold=1.0)
    level, first, first_marks, _, second_marks = ax.lines
    assert set(level.get_ydata()) == {1.0}
    np.testing.assert_allclose(first.get_ydata(), v[:, 0])
    assert list(first_marks.get_xdata()) == []
    assert list(second_marks.get_xdata()) == [4]
    assert second_marks.get_ydata()[0] > 1.0


def test_voltages_of_one_neuron_with_a_moving_threshold() -> None:
    ax = plot.voltages(Tensor(np.arange(4.0)), threshold=[1.0, 2.0, 3.0, 4.0])
    assert list(ax.lines[0].get_ydata()) == [1, 2, 3, 4]
    assert len(plot.voltages(np.arange(4.0), threshold=None).lines) == 1


def test_voltages_refuse_spikes_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"voltages: the spikes have another shape, got \(3, 1\); expected \(4, 1\)"):
        plot.voltages(np.zeros(4), spikes=np.zeros(3))


def test_curves() -> None:
    ax = plot.curves({"train": [0.5, 0.8], "test": [0.4, 0.7]}, ylabel="accuracy")
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.5, 0.8], [0.4, 0.7]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "test"]
    assert list(ax.lines[0].get_xdata()) == [1, 2]


def test_given_axes_are_used() -> None:
    _, (a, b, c) = pyplot.subplots(3)
    assert plot.raster(np.ones((2, 2)), a) is a
    assert plot.voltages(np.ones((2, 2)), b) is b
    assert plot.curves({"loss": [1.0]}, c) is c


def samples(count: int) -> list[plot.Sample]:
    rng = np.random.default_rng(0)
    trains = {"input": rng.random((8, 64)), "output": np.eye(8, 10)}
    return [plot.Sample(rng.random((8, 8)), trains, label=k, prediction=k - k % 2) for k in range(count)]


def test_overview(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    figure = plot.overview(samples(3), [1.0, 0.5], {"train": [0.5, 0.9], "test": [0.4, 0.8]}, "a title")
    figure.savefig(tmp_path / "overview.png")
    assert matplotlib.image.imread(tmp_path / "overview.png").shape[2] == 4
    titles = [ax.get_title() for ax in figure.subfigs[0].axes]
    assert titles[:3] == ["0", "0, not 1", "2"]
    assert figure.get_suptitle() == "a title"
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_overview_of_nothing() -> None:
    with pytest.raises(ValueError, match="overview: no samples"):
        plot.overview([], [], {})


@pytest.mark.parametrize("draw", [lambda: plot.raster(np.ones((2, 2))), lambda: plot.overview(samples(1), [1.0], {})])
def test_missing_matplotlib_is_named(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as blocked:  # the fixture that closes figures needs matplotlib again
        blocked.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"matplotlib is missing.*extra `plot`"):
            draw()


def test_accuracy_over_steps_has_a_tick_for_each_number_of_steps() -> None:
    ax = plot.accuracy_over_steps({8: 0.9, 4: 0.5}, 0.95, label="first")
    plot.accuracy_over_steps({16: 0.8}, 0.9, ax, label="second")
    curves = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [line.get_xydata().tolist() for line in curves] == [[[4, 0.5], [8, 0.9]], [[16, 0.8]]]
    assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [0.95, 0.9]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["4", "8", "16"]
    assert ax.get_xlim()[0] > 2


def test_energy() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.IFNode(), nn.Linear(3, 2))
    with nn.EnergyMonitor(net) as monitor:
        net(np.array([[1.0, 0.0, 1.0, 1.0]]))
    ax = plot.energy(monitor, title="a net")
    dense, ran = ([bar.get_width() for bar in bars] for bars in ax.containers)
    np.testing.assert_allclose(dense, [12 * 4.6e-12, 6 * 4.6e-12])
    np.testing.assert_allclose(ran, [9 * 0.9e-12, monitor.layers["2"].energy])
    assert ax.xaxis.get_major_formatter()(2e-6) == "2 µJ"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0 Linear", "2 Linear"]
    with pytest.raises(ValueError, match="nothing was counted"):
        plot.energy(nn.EnergyMonitor(net))
