"""Simulate a recurrent network, tune it to a firing rate, stimulate some of its neurons, and draw what happens.

The network is that of C. elegans where the package cect is installed, ``--network mushroom`` is a Drosophila larva's centre of
learning (graspologic), and otherwise it is a made one, ``--network made``. Both packages hold data, and may be installed without what
they depend on: ``pip install --no-deps cect graspologic``. Ctrl-C ends the simulation early and draws what there is.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from digits import positive

import grillyx
from grillyx import plot, sim
from grillyx.graph import Graph, datasets


def network(name: str, neurons: int, seed: int) -> tuple[Graph, np.ndarray]:
    """Return the network, and which of its neurons inhibit."""
    if name == "made":
        graph = sim.NormalGenerator(neurons, mean=0.0, std=5.0, sparsity=0.8, glorot=True, rng=seed).generate()
        return graph, np.arange(neurons) >= neurons // 2
    graph = datasets.c_elegans() if name == "elegans" else datasets.mushroom_body()
    inhibits = graph.y == 1 if name == "elegans" else np.random.default_rng(seed).random(graph.num_nodes) < 0.2
    sign = np.where(inhibits[graph.edge_index[0]], -1.0, 1.0)
    # a synapse counts less the more a neuron has of them
    size = np.sqrt(graph.edge_weight / np.bincount(graph.edge_index[1], graph.edge_weight)[graph.edge_index[1]])
    return Graph(graph.edge_index, (5.0 * sign * size).astype(np.float32), graph.num_nodes), inhibits


def correlations(spikes: np.ndarray, bin_steps: int = 20) -> np.ndarray:
    """Return the correlations of spike counts in bins, of the neurons that fire."""
    steps = spikes.shape[1] // bin_steps * bin_steps
    counts = spikes[:, :steps].reshape(len(spikes), -1, bin_steps).sum(2)
    fire = np.ptp(counts, axis=1) > 0 if counts.shape[1] else np.zeros(len(counts), bool)
    return np.atleast_2d(np.corrcoef(counts[fire])) if fire.any() else np.zeros((1, 1))


def draw(
    spikes: np.ndarray, stimulated: np.ndarray, inhibits: np.ndarray, times: np.ndarray, period: int, path: Path
) -> Path:
    """Write a picture: spikes, rates, correlations, and the response to the stimulus."""
    from matplotlib import pyplot

    blue, orange, grey = "#2f6690", "#e2711d", "#8d99ae"
    order = np.lexsort((inhibits, ~stimulated))  # the stimulated ones on top
    figure, axes = pyplot.subplots(2, 3, figsize=(13.0, 7.0), layout="constrained", width_ratios=[1.4, 1, 1])
    window = spikes[order, :600]
    plot.raster(window.T, axes[0, 0], title=f"spikes; the first {stimulated.sum()} neurons are stimulated")
    axes[0, 0].axhline(stimulated.sum() - 0.5, color=orange, linewidth=0.8)
    for t in times[times < 600]:
        axes[0, 0].axvline(t, color=orange, linewidth=0.6, alpha=0.6)
    rates = spikes.mean(1) * 1000.0
    shared = np.histogram_bin_edges(rates, 25)
    axes[0, 1].hist(
        [rates[~inhibits], rates[inhibits]], shared, stacked=True, color=[blue, orange], label=["excite", "inhibit"]
    )
    axes[0, 1].set(xlabel="rate, Hz", ylabel="neurons", title=f"rates, mean {rates.mean():.1f} Hz")
    axes[0, 1].legend(frameon=False)
    shown = axes[0, 2].imshow(correlations(spikes[order]), vmin=-0.3, vmax=0.3, cmap="RdBu_r", interpolation="nearest")
    figure.colorbar(shown, ax=axes[0, 2], shrink=0.8)
    axes[0, 2].set(title="correlations of counts in 20 ms", xlabel="neuron", ylabel="neuron")
    total = np.convolve(spikes.mean(0) * 1000.0, np.ones(20) / 20, "valid")
    axes[1, 0].plot(np.arange(10, 10 + len(total))[:600], total[:600], color=blue, linewidth=1.0)
    axes[1, 0].set(
        xlabel="time, ms", ylabel="rate of all, Hz", title="rate, mean of 20 ms", xlim=(0, 600), ylim=(0, None)
    )
    whole = times[times + period <= spikes.shape[1]]
    around = (
        np.stack([spikes[:, t : t + period] for t in whole]).mean(0) * 1000.0
        if len(whole)
        else np.zeros((len(spikes), period))
    )
    for who, tint, name in ((stimulated, orange, "stimulated"), (~stimulated, blue, "the others")):
        smooth = np.convolve(np.pad(around[who].mean(0), 2, mode="edge"), np.ones(5) / 5, "valid")
        axes[1, 1].plot(smooth, color=tint, label=name)
    axes[1, 1].set(
        xlabel="time since a pulse, ms",
        ylabel="rate, Hz",
        title=f"response, mean of {len(whole)} pulses",
        ylim=(0, None),
    )
    axes[1, 1].legend(frameon=False)
    gaps = np.concatenate([np.diff(np.flatnonzero(row)) for row in spikes if row.sum() > 1] or [np.zeros(1)])
    axes[1, 2].hist(gaps, bins=np.arange(0, 200, 4), color=grey)
    axes[1, 2].set(xlabel="time between spikes, ms", ylabel="how often", title="intervals between spikes of a neuron")
    figure.savefig(path, dpi=110)
    return path.resolve()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Simulate a recurrent network.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    elegans = importlib.util.find_spec("cect") is not None
    parser.add_argument("--network", choices=["elegans", "mushroom", "made"], default="elegans" if elegans else "made")
    parser.add_argument("--neurons", type=positive, default=300, help="of a made network, an even number")
    parser.add_argument("--steps", type=positive, default=10_000, help="steps of 1 ms")
    parser.add_argument("--rate", type=float, default=10.0, help="the rate to tune the network to, Hz")
    parser.add_argument("--strength", type=float, default=3.0, help="of the stimulus")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    parser.add_argument("--out", type=Path, default=Path("runs/simulation"), help="folder for picture and model")
    args = parser.parse_args()
    if args.network == "made" and args.neurons % 2:
        parser.error(f"argument --neurons: half of them inhibit, got {args.neurons}; expected an even number")
    if not 0.0 <= args.rate < np.inf:
        parser.error(f"argument --rate: expected a rate from 0 Hz, got {args.rate}")
    info = grillyx.current_device().info
    print(f"device: {info.name} ({info.type}, Vulkan {info.api})")
    graph, inhibits = network(args.network, args.neurons, args.seed)
    print(f"{args.network}: {graph}")
    model = sim.BernoulliGLM(theta=5.0, rng=args.seed)
    try:
        model.tune(graph, args.rate, ["theta"], n_epochs=60)
    except KeyboardInterrupt:
        raise SystemExit("interrupted while tuning; nothing was written") from None
    stimulated = np.random.default_rng(args.seed).permutation(graph.num_nodes) < graph.num_nodes // 10
    period = 200
    stimulus = sim.RegularStimulus(args.strength, period, 20, args.steps, stimulated, start=100)
    model.add_stimulus(stimulus)
    try:
        spikes = model.simulate(graph, args.steps, store_as_dtype=bool)
    except KeyboardInterrupt:
        spikes = model.result
        print(f"interrupted after {spikes.shape[1]} steps")
    times = np.arange(100, spikes.shape[1], period)
    quiet = np.ones(spikes.shape[1], bool)
    for t in times:
        quiet[t : t + 40] = False
    print(
        f"theta {float(model.theta):.3f}: {spikes[:, quiet].mean() * 1000:.2f} Hz between pulses, {spikes.mean() * 1000:.2f} Hz in all"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    print("picture:", draw(spikes, stimulated, inhibits, times, period, args.out / "simulation.png"))
    model.save(args.out / "model.safetensors")
    print("model:", (args.out / "model.safetensors").resolve())


if __name__ == "__main__":
    main()
