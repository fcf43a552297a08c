"""The benchmark of simulations: all ways do the same, and what was found is told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import sim


@pytest.mark.parametrize("wide", [False, True])
def test_the_host_does_the_same(wide):
    graph, model = sim.network(60, 10), sim.model_of(2.0)
    host = sim.Host(model, graph, wide)
    uniforms = np.random.default_rng(3).random((40, 60), np.float32)
    state = host.x.copy()
    rows = iter(uniforms)
    host.rng = type("Given", (), {"random": lambda self, n, dtype: next(rows)})()
    want = np.stack([host.step() for _ in range(40)], 1)
    got = model.simulate(graph, 40, verbose=False, initial_state=state, uniforms=uniforms)
    assert 0.02 < want.mean() < 0.5
    np.testing.assert_array_equal(got, want)


def test_tables_page_and_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sim, "CASES", [(40, 5.0), (60, 5.0)])
    monkeypatch.setattr(sim, "GROWTH", [40, 80, 90_000])
    monkeypatch.setattr(sim, "DEGREE", 10)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{sim.BEGIN}\n{sim.END}\nafter\n")
    options = ["--seconds", "0.001", "--most", "100", "--out", str(tmp_path / "sim.json"), "--docs", str(page)]
    assert sim.main([*options, "--picture", str(tmp_path / "sim.png")]) == 0
    text = page.read_text()
    assert text.startswith("before")
    assert "| 80 |" in text
    assert "90,000" not in text
    assert all(f"`{name}`" in text for name in sim.MODELS)
    assert "GiB" in text
    assert sim.SCIPY.split(",")[0] in capsys.readouterr().out
    assert (tmp_path / "sim.png").stat().st_size > 10_000
