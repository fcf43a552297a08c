"""Each program in examples/ runs as a user would run it, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
# warnings are errors here too; what tqdm prints goes to stderr
COMMAND = [sys.executable, "-W", "error"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}


def run(name: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, str(EXAMPLES / name), *arguments],
        cwd=folder, env=environment(), text=True, capture_output=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracy(printed: str) -> float:
    found = re.search(r"^test accuracy (\d\.\d+)", printed, re.M)
    assert found, printed
    return float(found[1])


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_every_example_is_tested_here() -> None:
    here = Path(__file__).read_text()
    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in here] == []


def test_digits_learns(tmp_path: Path) -> None:
    printed = run("digits.py", tmp_path)
    assert printed.startswith("device: ")
    assert accuracy(printed) >= 0.965
    assert is_png(tmp_path / "runs" / "digits" / "training.png")
    assert str(tmp_path / "runs" / "digits") in printed


def test_digits_as_poisson_spikes(tmp_path: Path) -> None:
    printed = run("digits.py", tmp_path, "--encoding", "poisson", "--epochs", "4", "--steps", "12", "--out", "here")
    assert accuracy(printed) > 0.9
    assert is_png(tmp_path / "here" / "training.png")


def test_a_seed_gives_the_same_run(tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run("digits.py", tmp_path, "--epochs", "1", "--steps", "4", "--out", name, "--seed", seed)
        weights.append((tmp_path / name / "network.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_interrupted_it_keeps_what_was_learned(tmp_path: Path) -> None:
    command = [*COMMAND, str(EXAMPLES / "digits.py"), "--epochs", "5000"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stderr is not None
        bar = ""
        while "test=" not in bar:  # the first epoch is done
            piece = program.stderr.read(1)
            assert piece, bar
            bar += piece
        program.send_signal(signal.SIGINT)
        printed, problems = program.communicate(timeout=60)
    assert program.returncode == 0, problems
    assert "Traceback" not in problems
    assert accuracy(printed) > 0.1
    assert is_png(tmp_path / "runs" / "digits" / "training.png")


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--encoding", "morse"], ["--steps", "-1"]])
def test_wrong_arguments_are_refused(wrong: list[str], tmp_path: Path) -> None:
    command = [*COMMAND, str(EXAMPLES / "digits.py"), *wrong]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert wrong[0] in done.stderr


def test_mnist(tmp_path: Path) -> None:
    assert accuracy(run("mnist.py", tmp_path, "--epochs", "2", "--steps", "4")) > 0.88
    assert is_png(tmp_path / "runs" / "mnist" / "training.png")


def test_explicit_chain(tmp_path: Path) -> None:
    printed = run("explicit_chain.py", tmp_path, "--epochs", "4", "--steps", "8")
    losses = [float(x) for x in re.findall(r"loss (\d\.\d+)", printed)]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert accuracy(printed) > 0.85


def test_own_neuron(tmp_path: Path) -> None:
    assert accuracy(run("own_neuron.py", tmp_path, "--epochs", "2")) > 0.85
    assert is_png(tmp_path / "runs" / "own_neuron" / "membrane.png")


def test_conv_snn(tmp_path: Path) -> None:
    printed = run("conv_snn.py", tmp_path, "--data", "digits", "--epochs", "5", "--out", "here")
    assert accuracy(printed) > 0.85
    assert is_png(tmp_path / "here" / "training.png")
    assert (tmp_path / "here" / "network.safetensors").stat().st_size > 10_000


def test_conversion(tmp_path: Path) -> None:
    options = ("--epochs", "6", "--modes", "99.9%", "--cap", "2", "--channel-wise")
    printed = run("conversion.py", tmp_path, "digits-mlp", "digits-cnn", *options)
    assert accuracy(printed) > 0.9
    for name in ("digits-mlp", "digits-cnn"):
        (row,) = re.findall(rf"^{name}, 99.9% +(.*)$", printed, re.M)
        ann, *spiking = map(float, row.split())
        assert len(spiking) == 6
        assert abs(spiking[-1] - ann) < 0.03
        assert (tmp_path / "runs" / "conversion" / f"{name}.safetensors").is_file()
    assert is_png(tmp_path / "runs" / "conversion" / "conversion.png")


def test_conversion_names_its_networks(tmp_path: Path) -> None:
    command = [*COMMAND, str(EXAMPLES / "conversion.py"), "digits-rnn"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "digits-rnn" in done.stderr
    assert "mnist-cnn" in done.stderr


def test_graph(tmp_path: Path) -> None:
    printed = run("graph.py", tmp_path)
    assert "Graph(nodes=34, edges=156" in printed
    assert accuracy(printed) > 0.85
    assert is_png(tmp_path / "runs" / "graph" / "graph.png")
    assert (tmp_path / "runs" / "graph" / "network.safetensors").is_file()


@pytest.mark.parametrize(("data", "epochs", "least"), [("yin-yang", "3", 0.8), ("digits", "3", 0.75)])
def test_spike_times(data: str, epochs: str, least: float, tmp_path: Path) -> None:
    printed = run("yin_yang.py", tmp_path, "--data", data, "--epochs", epochs, "--out", "here")
    assert accuracy(printed) > least
    assert is_png(tmp_path / "here" / "spike_times.png")
    assert (tmp_path / "here" / "network.safetensors").stat().st_size > 1000


def test_fractional(tmp_path: Path) -> None:
    printed = run("fractional.py", tmp_path, "--epochs", "10", "--size", "256", "--alpha", "1", "0.5", "--out", "here")
    found = {float(a): float(b) for a, b in re.findall(r"^order (\S+): test accuracy (\d\.\d+)$", printed, re.M)}
    assert found[0.5] > max(0.5, found[1.0])
    assert is_png(tmp_path / "here" / "recall.png")
    assert (tmp_path / "here" / "network.safetensors").stat().st_size > 1000
    learned = run("fractional.py", tmp_path, "--epochs", "2", "--size", "64", "--alpha", "0.7", "--learn-alpha")
    assert re.search(r"^order 0.7, learned 0\.\d+: test accuracy", learned, re.M)


def test_fractional_refuses_an_order_above_one(tmp_path: Path) -> None:
    command = [*COMMAND, str(EXAMPLES / "fractional.py"), "--alpha", "1.5"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "an order lies in (0, 1], got 1.5" in done.stderr


def test_simulation(tmp_path: Path) -> None:
    printed = run("simulation.py", tmp_path, "--network", "made", "--neurons", "100", "--steps", "800")
    found = re.search(r"^theta \d\.\d+: (\d+\.\d+) Hz between pulses, (\d+\.\d+) Hz in all", printed, re.M)
    assert found, printed
    between, in_all = float(found[1]), float(found[2])
    assert 6.0 < between < 15.0
    assert in_all > between + 0.5
    assert is_png(tmp_path / "runs" / "simulation" / "simulation.png")
    assert (tmp_path / "runs" / "simulation" / "model.safetensors").is_file()


def test_a_simulation_too_short_for_a_bin(tmp_path: Path) -> None:
    run("simulation.py", tmp_path, "--network", "made", "--neurons", "10", "--steps", "5")
    assert is_png(tmp_path / "runs" / "simulation" / "simulation.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--neurons", "7"], "expected an even number"), (["--rate", "-3"], "expected a rate from 0 Hz, got -3")],
    ids=["odd", "negative"],
)
def test_a_simulation_that_is_refused(arguments: list[str], words: str, tmp_path: Path) -> None:
    command = [*COMMAND, str(EXAMPLES / "simulation.py"), "--network", "made", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
