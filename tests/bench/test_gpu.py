"""The report on a device: a short one is made, and it says so when something is wrong."""

from __future__ import annotations

import copy
import json
import subprocess
import tarfile

import pytest

from tests.bench import gpu

REFERENCE = json.loads(gpu.REFERENCE.read_text())
# what a run would print that is the stored one up to its 50th step
FOUND = {
    kind: {"losses": REFERENCE[kind]["losses"][: gpu.BLOCK], "accuracy": 0.9, "digest": "same", "ms": 1.0}
    for kind in ("smooth", "spiking")
}


def changed(kind, **entries):
    found = copy.deepcopy(FOUND)
    found[kind] |= entries
    return found


def test_a_short_report(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "MODES", [("staged", "submit")])
    out = tmp_path / "report"
    parts = ["--parts", "system,training,buffers", "--steps", "6", "--most", "16"]
    assert gpu.main(["--out", str(out), *parts]) == 0
    text = (out / "report.md").read_text()
    assert text.count("same bits") == 3
    assert "16.0 MiB: right" in text
    assert "FAIL" not in text
    with tarfile.open(tmp_path / "report.tar.gz") as archive:
        names = {member.name for member in archive}
    assert {"report/report.md", "report/info.txt", "report/training.json"} <= names


def test_a_run_that_is_the_stored_one():
    assert gpu.compare(FOUND, REFERENCE)[0]


@pytest.mark.parametrize("kind", ["smooth", "spiking"])
def test_other_losses_are_found(kind):
    losses = [loss + 0.03 for loss in FOUND[kind]["losses"]]
    assert not gpu.compare(changed(kind, losses=losses), REFERENCE)[0]
    assert not gpu.compare(changed(kind, losses=[float("nan")] * gpu.BLOCK), REFERENCE)[0]


def test_another_accuracy_is_found():
    full = {kind: v | {"losses": v["losses"] + [0.0] * (REFERENCE["steps"] - gpu.BLOCK)} for kind, v in FOUND.items()}
    assert "accuracy" in gpu.compare(full, REFERENCE)[1]
    assert "accuracy" not in gpu.compare(FOUND, REFERENCE)[1]


def report_of(tmp_path, monkeypatch, outcome):
    """Run the part `training` with processes that end as outcome(memory, sync) says."""

    def python(*arguments, limit=0, **env):
        said = outcome(env.get("GRILLYX_MEMORY"), env.get("GRILLYX_SYNC"))
        if isinstance(said, int):
            return subprocess.CompletedProcess([], said, "", "the device gave up")
        return subprocess.CompletedProcess([], 0, json.dumps(said), "")

    monkeypatch.setattr(gpu, "python", python)
    code = gpu.main(["--out", str(tmp_path / "report"), "--parts", "training", "--steps", "50"])
    return code, (tmp_path / "report" / "report.md").read_text()


def test_other_bits_in_one_mode_fail(tmp_path, monkeypatch):
    other = changed("spiking", digest="other")
    code, text = report_of(tmp_path, monkeypatch, lambda memory, sync: other if memory == "mapped" else FOUND)
    assert code == 1
    assert text.count("| FAIL |") == 1  # mapped with submit
    assert text.count("| note |") == 1  # mapped with fence, an experiment


def test_a_process_that_dies_fails(tmp_path, monkeypatch):
    code, text = report_of(tmp_path, monkeypatch, lambda memory, sync: 139 if memory == "staged" else FOUND)
    assert code == 1
    assert "ended with 139: the device gave up" in text


def test_unknown_parts_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="there is no part nonsense"):
        gpu.main(["--out", str(tmp_path), "--parts", "nonsense"])
