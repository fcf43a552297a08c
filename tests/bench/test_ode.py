"""The benchmark of neurons in continuous time: every way solves the same case, and what was found is told."""

from __future__ import annotations

import numpy as np

from tests.bench import ode
from tests.ode.reference import run


def test_all_ways_on_one_case():
    c = ode.case(40, 16, 12)
    truth = run(c.w, c.x[:, None]).counts[:, 0]
    found = {name: way() for name, way in ode.ways(c).items()}
    assert truth.sum() > 10
    np.testing.assert_array_equal(found[ode.OURS], truth)
    np.testing.assert_array_equal(found[ode.TRUTH], truth)
    coarse, fine = (np.abs(found[f"Euler, step {dt}, NumPy"] - truth).sum() for dt in (0.1, 0.01))
    assert fine < coarse < truth.sum()
    assert set(ode.ways(c, slow=False)) == {ode.OURS, ode.TRUTH}


def test_tables_and_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ode, "SIZES", [(5, 4, 3)])
    monkeypatch.setattr(ode, "GROWTH", [(2, 3, 10), (2, 3, 5000)])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{ode.BEGIN}\n{ode.END}\nafter\n")
    options = ["--seconds", "0.001", "--most", "100", "--out", str(tmp_path / "ode.json"), "--docs", str(page)]
    assert ode.main([*options, "--picture", str(tmp_path / "ode.png")]) == 0
    text = page.read_text()
    assert text.startswith("before")
    assert "5 intervals of 1 ms, 4 inputs, 3 neurons" in text
    assert "| 10 |" in text
    assert "5,000" not in text
    assert ode.TRUTH in capsys.readouterr().out
    assert (tmp_path / "ode.png").stat().st_size > 10_000
