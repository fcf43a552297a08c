"""The benchmark of fractional neurons: NumPy computes the same, and what was found is told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import fractional_speed as bench


@pytest.mark.parametrize("method", ["gl", "l1", "exact"])
@pytest.mark.parametrize("memory", [None, 5, "exponentials"])
def test_both_compute_the_same(memory, method):
    c = bench.case(25, 3, (20, 16, 6))
    ours, peer = (make(c, memory, method)() for make in (bench.network, bench.numpy_network))
    assert 0.02 < peer[0].mean() < 0.9
    np.testing.assert_array_equal(ours[0], peer[0])
    for a, b in zip(ours[1:], peer[1:], strict=True):
        np.testing.assert_allclose(a, b, 1e-3, 1e-4 * np.abs(b).max())


def test_tables_and_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIZES", (6, 5, 4))
    monkeypatch.setattr(bench, "case", lambda steps, batch: original(steps, min(batch, 2), (6, 5, 4)))
    monkeypatch.setattr(bench, "STEPS", 5)
    monkeypatch.setattr(bench, "GROWTH", (6, 9, 5000))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench.BEGIN}\n{bench.END}\nafter\n")
    options = ["--seconds", "0.001", "--most", "100", "--out", str(tmp_path / "f.json"), "--docs", str(page)]
    assert bench.main(options) == 0
    text = page.read_text()
    assert text.startswith("before")
    assert "6-5-4, batch 32, T = 5" in text
    assert "\n| 9 |" in text
    assert "5,000" not in text
    assert "exponentials, NumPy" in capsys.readouterr().out


original = bench.case
