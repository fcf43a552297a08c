"""The benchmark of graph models: settings are chosen without the test nodes, and what was measured is kept and told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grillyx.graph import datasets, models
from tests.bench import graphs


@pytest.fixture
def small(monkeypatch):
    """A block model with which a training takes a moment."""

    def make(seed):
        return datasets.contextual_sbm((20, 20), 80, 0.9, 30, 6.0, 0.5, 0.0, per_class=3, val=10, test=20, seed=seed)

    monkeypatch.setattr(graphs, "DATA", {"block model": make})
    return make


def row(model="GCN", test=0.8, seed=0, **more):
    return {
        "data": "block model",
        "model": model,
        "seed": seed,
        "test": test,
        "rate": None,
        "joules": 2e-6,
    } | more


def test_all_nine_and_the_yardstick_are_measured():
    names = graphs.model_names()
    assert names[0] == "GCN"
    assert len(names) == 10
    assert set(names) <= set(models.__all__)
    assert set(graphs.CHOSEN) | set(graphs.TRIED) | set(graphs.NOTES) <= set(names)


def test_what_was_chosen_is_among_what_was_tried():
    for name, chosen in graphs.CHOSEN.items():
        assert graphs.settings(name, "block model") in [graphs.USUAL | tried for tried in graphs.TRIED[name]]
        assert chosen["options"]
        assert graphs.settings(name, "karate")["options"]["dropout"] == 0.5


def test_training_learns_and_stops_where_validation_was_best(small):
    graph = small(0)
    found = graphs.train("GCN", graph, 0, 40, graphs.USUAL)
    assert found["train"] == 1.0
    assert found["test"] > 0.7
    assert found["epoch"] % 5 == 0
    assert 5 <= found["epoch"] <= 40
    assert found["rate"] is None
    spiking = graphs.train("GCSNN", graph, 0, 10, graphs.USUAL)
    assert 0.0 < spiking["rate"] < 1.0
    assert spiking["joules"] > 0.0


def test_test_nodes_are_not_used(small):
    graph = small(0)
    other = graph.replace(y=np.where(graph.test_mask, 1 - graph.y, graph.y))
    one, two = (graphs.train("GCN", g, 0, 20, graphs.USUAL) for g in (graph, other))
    assert (one["epoch"], one["val"]) == (two["epoch"], two["val"])
    assert one["test"] == pytest.approx(1.0 - two["test"])


def test_without_validation_nodes_the_last_epoch_counts(small):
    graph = small(0).replace(val_mask=np.zeros(40, bool))
    found = graphs.train("GCN", graph, 0, 7, graphs.USUAL)
    assert found["epoch"] == 7
    assert np.isnan(found["val"])


def test_every_model_is_trained_on_few_features(small):
    graph = small(0)
    graph = graph.replace(x=np.ascontiguousarray(graph.x[:, :4]))
    for name in graphs.model_names():
        assert 0.0 <= graphs.train(name, graph, 0, 1, graphs.settings(name, "block model"))["test"] <= 1.0


def test_a_run_goes_on_where_it_was_left(small, tmp_path, capsys):
    page, file = tmp_path / "page.md", tmp_path / "out" / "graphs.json"
    page.write_text(f"before\n{graphs.BEGIN}\nold\n{graphs.END}\nafter\n")
    usual = ["--models", "GCN", "--epochs", "2", "--out", str(file), "--data", "block model"]
    assert graphs.main([*usual, "--seeds", "1", "--no-times"]) == 0
    run = json.loads(file.read_text())
    first = run["rows"]
    assert "steps" not in run
    assert [(r["model"], r["seed"]) for r in first] == [("GCN", 0)]
    assert graphs.main([*usual, "--seeds", "2", "--docs", str(page)]) == 0
    run = json.loads(file.read_text())
    rows = run["rows"]
    assert run["steps"]["block model"]["GCN"] > 0.0
    assert rows[0] == first[0]
    assert [r["seed"] for r in rows] == [0, 1]
    assert "| GCN |" in page.read_text()
    assert "old" not in page.read_text()
    assert "**block model**" in capsys.readouterr().out


def test_tuning_tells_validation_only(small, capsys):
    graphs.tune(["GCN"], 2, 1)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("GCN")]
    assert len(lines) == len(graphs.TRIED["GCN"])
    assert all(" val 0." in line or " val 1." in line for line in lines)
    assert "test" not in "".join(lines)


def test_a_line_of_the_table():
    rows = [row(test=0.7, rate=0.1), row(test=0.9, rate=0.3, seed=1)]
    assert graphs.line("GCN", rows, 0.003) == "| GCN | 80.0 ± 10.0 | 2 | 0.200 | 2 | 3 |"
    assert graphs.line("GCN", [row()]) == "| GCN | 80.0 ± 0.0 | 1 | – | 2 |  |"


def test_who_is_behind_gets_a_note(monkeypatch):
    monkeypatch.setattr(graphs, "NOTES", {"MSG": "because.", "GCSNN": "never shown."})
    run = {"about": "here", "epochs": 2, "rows": [row(), row("MSG", 0.74), row("GCSNN", 0.76)]}
    text = graphs.tables(run)
    assert text.endswith("- MSG: because.")
    assert "never shown" not in text
    assert text.index("| GCN |") < text.index("| GCSNN |") < text.index("| MSG |")


def test_a_graph_whose_package_is_missing_is_left_out(monkeypatch, capsys):
    def missing(seed):
        raise ImportError("no such package")

    monkeypatch.setitem(graphs.DATA, "mushroom body", missing)
    assert not graphs.installed("mushroom body")
    assert "no such package" in capsys.readouterr().out
