"""The connectome of C. elegans is read from the package cect, here from one that is made up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grillyx.graph import datasets

NAMES = ["AVAL", "DD1", "VD13", "RIS", "PVDR"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "cect" / "cache").mkdir(parents=True)
    (tmp_path / "cect" / "__init__.py").write_text("raise RuntimeError('this package is not to be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "cect" / "cache" / "VarshneyDataReader.json"


def content():
    synapses, contacts = np.zeros((5, 5)), np.zeros((5, 5))
    synapses[0, 1], synapses[1, 4] = 3, 2  # from AVAL to DD1, and from DD1 to PVDR
    contacts[2, 3] = contacts[3, 2] = contacts[0, 1] = 1
    return {"nodes": NAMES, "connections": {"Generic_CS": synapses.tolist(), "Generic_GJ": contacts.tolist()}}


def edges(graph):
    return {tuple(e): w for e, w in zip(graph.edge_index.T.tolist(), graph.edge_weight.tolist(), strict=True)}


def test_synapses_and_contacts(package):
    package.write_text(json.dumps(content()))
    graph = datasets.c_elegans()
    assert edges(graph) == {(0, 1): 3.0, (1, 4): 2.0}
    assert graph.y.tolist() == [0, 1, 1, 1, 0]
    assert edges(datasets.c_elegans(gap_junctions=True)) == {(0, 1): 4.0, (1, 4): 2.0, (2, 3): 1.0, (3, 2): 1.0}


@pytest.mark.parametrize("change", ["nodes", "connections", "shape", "json"])
def test_another_table_is_refused(package, change):
    table = content()
    if change == "shape":
        table["connections"]["Generic_CS"] = [[0.0]]
    else:
        table.pop(change, None)
    package.write_text("{" if change == "json" else json.dumps(table))
    with pytest.raises(ValueError, match=r"c_elegans.*cect==0\.3\.5"):
        datasets.c_elegans()


def test_without_the_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps cect"):
        datasets.c_elegans()
