"""The tool measures what it says: the contestants do the same work, the ceilings' shaders all of theirs, and nothing is lost."""

from __future__ import annotations

import json

import numpy as np
import pytest

import grillyx
from grillyx.engine.array import empty, from_numpy
from tests.bench import __main__ as bench
from tests.bench import growth, peers, results
from tests.bench.ceilings import FLOPS_A_ROUND, Ceilings, bench_kernel
from tests.bench.timing import race
from tests.bench.work import ROWS, convolutions, graphs, products, simple, spiking, training

CEILINGS = Ceilings(bandwidth=1e9, copy=1e9, flops=1e10, dispatch=1e-5, submit=3e-5, host_copy=2e9)


def result(name="work", bytes=1e6, flops=1e6, ours=4e-3, dispatches=1):
    counts = {"dispatches": dispatches, "submits": 1}
    return {"work": name, "bytes": bytes, "flops": flops, "seconds": {"grillyx": ours, "NumPy": 2e-3}, "counts": counts}


def test_names_of_rows_are_unique():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("make", [training.spiking, training.perceptron])
def test_numpy_trains_the_same_network(make):
    calls = make(batch=7).calls
    theirs = calls["NumPy"]()  # before ours changes the weights
    assert calls[peers.OURS]() == pytest.approx(theirs, abs=2e-3)


def test_numpy_leaky_neurons_are_ours():
    from grillyx import Tensor, nn

    x = np.random.default_rng(0).normal(size=(6, 33)).astype(np.float32)
    g = np.random.default_rng(1).normal(size=(6, 33)).astype(np.float32)
    spikes, membranes = spiking.numpy_lif(x, keep=True)
    t = Tensor(x, requires_grad=True)
    y = nn.LIFNode(decay_input=False, step_mode="m")(t)
    y.backward(grillyx.Tensor(g))
    np.testing.assert_array_equal(y.numpy(), spikes)
    np.testing.assert_allclose(t.grad.numpy(), spiking.numpy_lif_backward(g, membranes), rtol=1e-4, atol=1e-5)


def test_work_is_counted():
    work = products.product("TN", 3, 5, 7, batch=2)
    assert (work.bytes, work.flops) == (4 * 2 * (21 + 35 + 15), 2 * 2 * 105)
    assert simple.table((4, 8), None, None, "x", 4, 1)().bytes == 4 * 32


@pytest.mark.parametrize(("name", "options"), [("GCNConv", {}), ("GATConv", {"heads": 4})])
def test_graph_convolutions_are_counted(name, options, monkeypatch):
    monkeypatch.setattr(graphs, "USUAL", (20, 60, 8))
    work = graphs.convolution(name, **options)()
    assert work.flops == 3 * 2 * (60 * 8 + 20 * 8 * 8)
    assert (peers.HAS_PYG, "PyG" in work.calls) in [(True, True), (False, False)]
    before = grillyx.counters()["dispatches"]
    for call in work.calls.values():
        call()
    assert grillyx.counters()["dispatches"] > before


@pytest.mark.parametrize("backward", [False, True])
def test_convolutions_are_counted(backward):
    work = convolutions.convolution((2, 4, 5, 5), 6, 3, backward, stride=2, groups=2)
    times = 3 if backward else 1
    assert work.flops == times * 2 * (2 * 6 * 9) * (2 * 9)
    assert work.bytes == times * 4 * (2 * 4 * 25 + 6 * 2 * 9 + 6 + 2 * 6 * 9)
    before = grillyx.counters()["dispatches"]
    work.calls[peers.OURS]()
    assert grillyx.counters()["dispatches"] > before


@pytest.mark.parametrize("steps", [0, 2])
def test_networks_of_convolutions_learn(steps):
    step = convolutions.training(steps, batch=4).calls[peers.OURS]
    losses = [step() for _ in range(12)]
    assert losses[-1] < losses[0] - 0.5


def test_the_copying_shader_copies_and_adds():
    x = np.arange(4 * 128, dtype=np.float32)
    y, sums = empty((512,)), empty((512,))
    bench_kernel("move")((1, 1, 1), x=from_numpy(x), y=y, EACH=2)
    bench_kernel("move")((1, 1, 1), x=from_numpy(x), y=sums, EACH=2, SUM=1)
    np.testing.assert_array_equal(y.numpy(), x)
    np.testing.assert_array_equal(sums.numpy()[:256], x[:256] + x[256:])


def test_the_arithmetic_shader_does_all_it_is_counted_for():
    y = empty((64 * 4,))
    bench_kernel("peak")((1, 1, 1), y=y, rounds=3, a=1.0, b=1.0)
    steps = FLOPS_A_ROUND // (2 * 12) * 3  # of each of twelve chains, which add 1
    i = np.repeat(np.arange(64), 4)
    np.testing.assert_array_equal(y.numpy(), i + (i + 1) + (i + 2) + 3 * steps)


@pytest.mark.parametrize(
    ("row", "share", "bound"),
    [
        (result(bytes=2e6, flops=1e6), 0.5, "memory"),
        (result(bytes=1e6, flops=3e7), 0.75, "arithmetic"),
        (result(bytes=1e6, flops=1e6, dispatches=200), 0.25, "dispatches"),
    ],
)
def test_shares_of_the_limit(row, share, bound):
    assert results.judge(row, CEILINGS) == (pytest.approx(share), bound)


def test_the_best_ceilings_count():
    other = Ceilings(bandwidth=2e9, copy=5e8, flops=1e10, dispatch=2e-5, submit=1e-5, host_copy=1e9)
    best = Ceilings(bandwidth=2e9, copy=1e9, flops=1e10, dispatch=1e-5, submit=1e-5, host_copy=2e9)
    assert CEILINGS.or_better(other) == best
    assert other.or_better(CEILINGS) == best


def test_growth_is_a_power():
    assert growth.slope([4, 8, 16, 32], [1.0, 1.0, 4.0, 16.0]) == pytest.approx(2.0)
    rows = [{"axis": "steps", "value": v, "seconds": {"grillyx": v * 1e-3}} for v in (4, 8)]
    assert "~ 1.00" in growth.lines(rows)[0]


def test_each_contestant_has_its_turn():
    order = []
    times = race({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 0.0)
    assert set(times) == {"a", "b"}
    assert [name for name, before in zip(order, [None, *order], strict=False) if name != before] == ["a", "b", "a", "b"]


def test_comparison_with_an_earlier_run():
    old = {"rows": [result(ours=8e-3), result("gone")], "overheads": {"a submit": 30.0}}
    text = results.compare({"rows": [result(), result("new")], "overheads": {"a submit": 15.0}}, old)
    assert text[1].split() == ["work", "8.00", "4.00", "0.50", "1.00"]
    assert text[2].split()[-2:] == ["0.50", "–"]
    assert text[3] == "not in this run: gone"


def test_a_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="expected one line"):
        results.fill_page(page, "text")


def test_a_whole_run(tmp_path, capsys):
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{results.BEGIN}\nold\n{results.END}\nafter\n")
    usual = ["--seconds", "0", "--out", str(tmp_path / "out")]
    assert bench.main([*usual, "--only", "LIF, 4k"]) == 0
    run = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert [row["work"] for row in run["rows"]] == ["LIF, 4k × 16, forward and backward"]
    assert run["rows"][0]["counts"]["dispatches"] == 2
    file = str(tmp_path / "out" / "bench.json")
    capsys.readouterr()
    assert bench.main([*usual, "--again", str(tmp_path / "out"), "--compare", file, "--docs", str(page)]) == 0
    assert " 1.00    1.00" in capsys.readouterr().out
    text = page.read_text()
    assert text.startswith(f"before\n{results.BEGIN}\n")
    assert text.endswith(f"{results.END}\nafter\n")
    assert "| LIF, 4k × 16, forward and backward |" in text
    assert "old" not in text
    assert (tmp_path / "images" / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_measured_when_interrupted_is_kept(tmp_path, monkeypatch):
    measured = []

    def measure(row, seconds):
        if measured:
            raise KeyboardInterrupt
        measured.append(row.name)
        return result(row.name)

    monkeypatch.setattr(results, "measure", measure)
    monkeypatch.setattr(bench.ceilings, "measure", lambda seconds: CEILINGS)
    assert bench.main(["--out", str(tmp_path)]) == 130
    run = json.loads((tmp_path / "bench.json").read_text())
    assert run["interrupted"] is True
    assert [row["work"] for row in run["rows"]] == measured
    assert (tmp_path / "bench.png").exists()


def test_no_such_row(tmp_path):
    with pytest.raises(SystemExit, match="no row's name contains 'nonsense'"):
        bench.main(["--only", "nonsense", "--out", str(tmp_path)])
