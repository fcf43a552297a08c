"""Connectivity that is made: its distributions against dense ones, and that it is sparse."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

import grillyx
from grillyx import sim
from grillyx.sim import _edges


def dense(graph) -> np.ndarray:
    """W0, row the source; fails where an edge is named twice."""
    source, target = graph.edge_index
    assert len(np.unique(source * graph.num_nodes + target)) == len(source)
    out = np.zeros((graph.num_nodes, graph.num_nodes))
    out[source, target] = graph.edge_weight
    return out


def within(count: int, trials: int, p: float) -> bool:
    """Whether a count is within 4.5 standard errors of what is expected."""
    return abs(count - trials * p) <= 4.5 * math.sqrt(trials * p * (1 - p)) + 1e-9


def ordered(graph) -> None:
    """Edges are sorted by target, weights are float32, and there are no loops."""
    source, target = graph.edge_index
    assert (np.diff(target) >= 0).all()
    assert (source != target).all()
    assert graph.edge_weight.dtype == np.float32


MADE = {
    "normal": lambda **more: sim.NormalGenerator(40, 0.5, 2.0, 0.7, **more),
    "normal degree": lambda **more: sim.NormalGenerator(40, 0.5, 2.0, degree=7, **more),
    "uniform": lambda **more: sim.UniformGenerator(40, -1.0, 3.0, 0.8, **more),
    "uniform degree": lambda **more: sim.UniformGenerator(40, -1.0, 3.0, degree=7, **more),
    "small world": lambda **more: sim.SmallWorldGenerator(40, 6, 0.3, **more),
    "small world with inhibition": lambda **more: sim.SmallWorldGenerator(40, 6, 0.3, inhibitory=0.2, **more),
}


@pytest.mark.parametrize("name", MADE)
def test_seeds(name: str) -> None:
    def drawn(rng, n=None):
        made = MADE[name](rng=rng).generate(n)
        return [dense(g).tolist() for g in ([made] if n is None else made)]

    assert drawn(1) == drawn(1) == drawn(np.random.default_rng(1))
    assert drawn(1) != drawn(2)
    two = drawn(1, 2)
    assert two[0] == drawn(1)[0]
    assert two[0] != two[1]
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # what must not be touched
    grillyx.manual_seed(5)
    first, second = drawn(None), drawn(None)
    grillyx.manual_seed(5)
    assert [drawn(None), drawn(None)] == [first, second]
    assert first != second
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("name", MADE)
def test_order(name: str) -> None:
    ordered(MADE[name](rng=0).generate())


@pytest.mark.parametrize("mean", [0.0, 1.5, -40.0])
@pytest.mark.parametrize("sparsity", [0.5, 0.8, 1.0])
def test_normal(mean: float, sparsity: float) -> None:
    n, std = 600, 3.0
    w = dense(sim.NormalGenerator(n, mean, std, sparsity, rng=0).generate())
    assert not w.diagonal().any()
    halves, pairs = (w[: n // 2], -w[n // 2 :]), n // 2 * (n - 1)
    for half, sign in zip(halves, (1.0, -1.0), strict=True):
        assert (half >= 0).all()
        assert within(np.count_nonzero(half), pairs, 2 * (1 - sparsity) * special.ndtr(sign * mean / std))
        # numbers of edges of rows, and of columns, are binomial
        for axis in (0, 1):
            counts = np.count_nonzero(half, axis=axis)
            variance = counts.mean() * (1 - counts.mean() / half.shape[axis])
            assert abs(counts.var() - variance) <= 4.5 * variance * math.sqrt(2.0 / len(counts)) + 1.0
        if np.count_nonzero(half) > 100:
            law = stats.truncnorm(-sign * mean / std, np.inf, sign * mean, std)
            assert stats.kstest(half[half > 0][::7], law.cdf).pvalue > 1e-4
    assert within(np.count_nonzero(w), n * (n - 1), 1 - sparsity)


def test_glorot() -> None:
    plain, scaled = (dense(sim.NormalGenerator(64, 0.5, 2.0, rng=0, glorot=g).generate()) for g in (False, True))
    np.testing.assert_allclose(scaled, plain / 8.0, rtol=1e-6)
    assert plain.any()


@pytest.mark.parametrize("degree", [0, 1, 7, 20, 39])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_degree(kind: str, degree: int) -> None:
    """Every source is as likely as any other, for few edges and for many."""
    n, nets = 40, 200
    make = sim.NormalGenerator if kind == "normal" else sim.UniformGenerator
    made = make(n, 1.0, 2.0, degree=degree, rng=0)
    total = np.zeros((n, n))
    for graph in made.generate(nets):
        ordered(graph)
        w = dense(graph)
        assert (np.count_nonzero(w, axis=0) == degree).all()
        if kind == "normal":
            assert (w[:20] >= 0).all()
            assert (w[20:] <= 0).all()
        else:
            assert ((w == 0) | ((w >= 1) & (w < 2))).all()
        total += w != 0
    p = degree / (n - 1)
    off = ~np.eye(n, dtype=bool)
    chi = ((total[off] - nets * p) ** 2).sum() / max(nets * p * (1 - p), 1e-9)
    free = n * (n - 1)
    assert chi <= free + 4.5 * math.sqrt(2 * free)
    if 0 < degree < n - 1:
        assert chi >= free * (n - 2) / (n - 1) - 4.5 * math.sqrt(2 * free)


@pytest.mark.parametrize(("others", "degree", "kept"), [(9, 2, 0), (13, 3, 1), (6, 2, 0), (6, 3, 1), (5, 4, 2)])
def test_every_set_of_sources_is_as_likely(others: int, degree: int, kept: int) -> None:
    """Both where few are taken, and where many are; numbers that are kept stay."""
    rows = np.zeros((30_000, degree), np.int32) + np.arange(degree, dtype=np.int32) * 2 % others
    free = np.arange(degree) >= kept
    out = _edges._distinct(np.random.default_rng(0), rows, np.broadcast_to(free, rows.shape), others)
    assert (np.diff(out, axis=1) > 0).all()
    assert ((out >= 0) & (out < others)).all()
    stays = set(rows[0, :kept].tolist())
    found = Counter(frozenset(row) for row in out.tolist())
    assert all(stays <= row for row in found)
    assert len(found) == math.comb(others - kept, degree - kept)
    assert stats.chisquare(list(found.values())).pvalue > 1e-4


def test_uniform() -> None:
    n = 500
    w = dense(sim.UniformGenerator(n, -1.0, 3.0, 0.9, rng=0).generate())
    assert within(np.count_nonzero(w), n * (n - 1), 0.1)
    assert stats.kstest(w[w != 0], stats.uniform(-1.0, 4.0).cdf).pvalue > 1e-4
    whole = dense(sim.UniformGenerator(n, 1.0, 3.0, rng=0).generate())  # no sparsity: all pairs
    assert np.count_nonzero(whole) == n * (n - 1)
    assert sim.UniformGenerator(n, 1.0, 3.0, 1.0, rng=0).generate().num_edges == 0


@pytest.mark.parametrize("n", [2, 3, 9, 10, 101])
def test_mexican_hat(n: int) -> None:
    i = np.arange(n)
    d = np.abs(i[:, None] - i)
    d = np.minimum(d, n - d)
    want = np.exp(-(d**2) / (2 * 1.5**2)) - 0.4 * np.exp(-(d**2) / (2 * 4.0**2))
    np.fill_diagonal(want, 0.0)
    made = sim.MexicanHatGenerator(n, 0.4, 1.5, 4.0)
    graph = made.generate()
    ordered(graph)
    np.testing.assert_allclose(dense(graph), want, rtol=1e-5, atol=1e-7)
    if n < 100:
        assert graph.num_edges == n * (n - 1)
    few = sim.MexicanHatGenerator(n, 0.4, 1.5, 4.0, tolerance=0.01).generate()
    np.testing.assert_allclose(dense(few), np.where(np.abs(want) > 0.01, want, 0.0), rtol=1e-5, atol=1e-7)


def test_a_large_ring_is_sparse_without_being_told() -> None:
    graph = sim.MexicanHatGenerator(20_000, 0.4, 1.0, 3.0).generate()
    assert 60 <= graph.num_edges / 20_000 <= 2 * 14.5 * 3
    assert (graph.edge_weight != 0).all()


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("n", "k"), [(200, 8), (31, 20), (12, 10), (3, 2)])
def test_small_world(n: int, k: int, p: float) -> None:
    nets = 40
    local = np.abs(np.arange(n)[:, None] - np.arange(n))
    local = (np.minimum(local, n - local) <= k // 2) & (local > 0)
    kept = distant = 0
    for graph in sim.SmallWorldGenerator(n, k, p, mean=5.0, std=0.1, rng=0).generate(nets):
        ordered(graph)
        w = dense(graph)
        assert (np.count_nonzero(w, axis=0) == k).all()
        kept += np.count_nonzero(w[local])
        distant += np.count_nonzero(w[~local])
    total = nets * n * k
    assert kept + distant == total
    if p == 0.0:
        assert distant == 0
    elif p == 1.0:
        assert within(distant, total, 1 - k / (n - 1))
    elif n == 200:  # an exchanged edge falls on a neighbour again, with the chance of those that are free
        back = (k - k * (1 - p)) / (n - 1 - k * (1 - p))
        assert abs(distant / total - p * (1 - back)) < 0.004


def test_exchanged_sources_are_uniform() -> None:
    """Beyond the neighbours, every distance is as likely as any other."""
    n, k = 50, 6
    counts = np.zeros(n)
    for graph in sim.SmallWorldGenerator(n, k, 0.5, rng=0).generate(300):
        source, target = graph.edge_index
        counts += np.bincount((source - target) % n, minlength=n)
    far = counts[k // 2 + 1 : n - k // 2]
    assert stats.chisquare(far).pvalue > 1e-4
    assert far.min() > 500


def test_inhibitory_neurons() -> None:
    w = dense(sim.SmallWorldGenerator(100, 10, 0.5, mean=1.0, std=0.5, inhibitory=0.2, rng=0).generate())
    negative, positive = (w < 0).any(1), (w > 0).any(1)
    assert not (negative & positive).any()
    assert negative.sum() == 20
    assert not negative[:20].all()
    assert negative[:50].any()
    both = dense(sim.SmallWorldGenerator(100, 10, 0.5, rng=0).generate())
    assert ((both < 0).any(1) & (both > 0).any(1)).any()
    scaled = sim.SmallWorldGenerator(100, 10, 0.5, mean=3.0, std=0.0, glorot=True, rng=0).generate()
    np.testing.assert_allclose(scaled.edge_weight, 0.3, rtol=1e-6)


@pytest.mark.parametrize("p", [1e-12, 1e-3, 0.3, 0.99, 1.0])
def test_hits_are_independent_trials(p: float) -> None:
    cells = 10**6 if p < 0.01 else 10**4
    places = np.concatenate([np.zeros(0, int), *_edges._hits(np.random.default_rng(0), cells, p)])
    assert (np.diff(places) > 0).all()
    assert ((places >= 0) & (places < cells)).all()
    assert within(len(places), cells, p)
    if 0.01 < p < 1.0:
        for step in (2, 3):  # any subset of the trials is one
            assert within(np.count_nonzero(places % step == 0), -(-cells // step), p)
        assert within(np.count_nonzero(np.diff(places) == 1), cells - 1, p * p)


def test_hits_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_edges, "_BLOCK", 50)
    places = np.concatenate(list(_edges._hits(np.random.default_rng(0), 5000, 0.4)))
    assert (np.diff(places) > 0).all()
    assert within(len(places), 5000, 0.4)
    assert places[-1] >= 4950
    assert np.array_equal(np.concatenate(list(_edges._hits(np.random.default_rng(0), 500, 1.0))), np.arange(500))
    w = dense(sim.UniformGenerator(60, 1.0, 2.0, degree=30, rng=0).generate())
    assert (np.count_nonzero(w, axis=0) == 30).all()


LARGE = {
    "normal": lambda: sim.NormalGenerator(30_000, 0.0, 1.0, 1 - 10 / 30_000, rng=0),
    "normal degree": lambda: sim.NormalGenerator(30_000, 0.0, 1.0, degree=10, rng=0),
    "uniform": lambda: sim.UniformGenerator(30_000, 0.0, 1.0, 1 - 10 / 30_000, rng=0),
    "small world": lambda: sim.SmallWorldGenerator(30_000, 10, 0.2, rng=0),
    "mexican hat": lambda: sim.MexicanHatGenerator(30_000, 0.5, 0.5, 0.5, tolerance=1e-8),
}


@pytest.mark.parametrize("name", LARGE)
def test_memory_grows_with_the_edges(name: str) -> None:
    made = LARGE[name]()
    tracemalloc.start()
    graph = made.generate()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 100_000 < graph.num_edges < 310_000
    assert peak < 100 * graph.num_edges + 8e6  # a matrix has 3.6 GB


def test_saving(tmp_path: Path) -> None:
    made = MADE["normal"]
    folder = made(rng=3).save(12, tmp_path / "nets")
    assert folder == tmp_path / "nets"
    assert [p.name for p in sorted(folder.iterdir())] == [f"W0_{k:02d}.npz" for k in range(12)]
    data = sim.ConnectivityDataset(folder)
    for saved, graph in zip(data, made(rng=3).generate(12), strict=True):
        assert np.array_equal(dense(saved), dense(graph))
        assert np.array_equal(saved.edge_index, graph.edge_index)  # in the same order
    with pytest.raises(FileExistsError, match=r"NormalGenerator.save: .*nets' is there already"):
        made(rng=3).save(1, folder)
    assert len(list(folder.iterdir())) == 12
    (tmp_path / "empty").mkdir()
    made().save(1, str(tmp_path / "empty"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        made().save(1, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match=r"save: no folder '.*none'"):
        made().save(1, tmp_path / "none" / "nets")


def test_a_folder_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, calls = MADE["uniform"](rng=0), []

    def fail():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return type(made).draw(made)

    monkeypatch.setattr(made, "draw", fail)
    with pytest.raises(KeyboardInterrupt):
        made.save(5, tmp_path / "nets")
    assert list(tmp_path.iterdir()) == []


BAD = [
    (lambda: sim.NormalGenerator(7, 0.0, 1.0), ValueError, r"n_neurons must be even, got 7.*Use 8"),
    (lambda: sim.NormalGenerator(0, 0.0, 1.0), ValueError, "n_neurons out of range, got 0"),
    (lambda: sim.NormalGenerator(8.0, 0.0, 1.0), TypeError, "n_neurons must be a whole number, got 8.0"),
    (lambda: sim.NormalGenerator(8, math.nan, 1.0), ValueError, "mean out of range, got nan"),
    (lambda: sim.NormalGenerator(8, 0.0, 0.0), ValueError, "std out of range, got 0.0; expected more than 0"),
    (lambda: sim.NormalGenerator(8, 0.0, -1.0), ValueError, "std out of range"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, 0.4), ValueError, "sparsity out of range, got 0.4; expected 0.5 to 1"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, 1.1), ValueError, "sparsity out of range, got 1.1"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, math.nan), ValueError, "sparsity out of range, got nan"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, 0.9, degree=3), ValueError, "both given, got 0.9 and 3"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, degree=8), ValueError, "degree out of range, got 8; expected 0 to 7"),
    (lambda: sim.NormalGenerator(8, 50.0, 1.0, degree=3), ValueError, "mean is too far from 0, got 50.0"),
    (lambda: sim.NormalGenerator(8, 0.0, 1.0, rng="a"), TypeError, "NormalGenerator: rng makes no generator, got 'a'"),
    (lambda: sim.NormalGenerator(10**6, 0.0, 1.0), ValueError, r"too many edges, got 5e\+11; expected at most"),
    (lambda: sim.UniformGenerator(10**6, 0.0, 1.0), ValueError, r"too many edges, got 1e\+12; expected at most"),
    (lambda: sim.UniformGenerator(8, 1.0, 1.0), ValueError, "high is not above low, got 1.0 to 1.0"),
    (lambda: sim.UniformGenerator(8, 0.0, 1.0, -0.1), ValueError, "sparsity out of range, got -0.1; expected 0 to 1"),
    (lambda: sim.UniformGenerator(8, 0.0, math.inf), ValueError, "high out of range, got inf"),
    (lambda: sim.UniformGenerator(8, 0.0, 1.0, degree=-1), ValueError, "degree out of range, got -1"),
    (lambda: sim.MexicanHatGenerator(8, -1.0, 1.0, 1.0), ValueError, "a out of range, got -1.0; expected 0 or more"),
    (lambda: sim.MexicanHatGenerator(8, 1.0, 0.0, 1.0), ValueError, "sigma_1 out of range, got 0.0"),
    (lambda: sim.MexicanHatGenerator(8, 1.0, 1.0, math.nan), ValueError, "sigma_2 out of range, got nan"),
    (lambda: sim.MexicanHatGenerator(8, 1.0, 1.0, 1.0, -1e-3), ValueError, "tolerance out of range"),
    (lambda: sim.MexicanHatGenerator(10**6, 1.0, 1e6, 2e6), ValueError, r"too many edges.*Give a tolerance"),
    (lambda: sim.SmallWorldGenerator(8, 3, 0.1), ValueError, "k must be even, got 3"),
    (lambda: sim.SmallWorldGenerator(8, 8, 0.1), ValueError, "k out of range, got 8; expected 2 to 7"),
    (lambda: sim.SmallWorldGenerator(8, 2, 1.5), ValueError, "p out of range, got 1.5; expected 0 to 1"),
    (lambda: sim.SmallWorldGenerator(8, 2, 0.1, std=-1.0), ValueError, "std out of range"),
    (lambda: sim.SmallWorldGenerator(8, 2, 0.1, inhibitory=2.0), ValueError, "inhibitory out of range"),
    (lambda: sim.SmallWorldGenerator(8, 2, 0.1).generate(0), ValueError, "SmallWorldGenerator.generate: n out of range, got 0"),
    (lambda: sim.SmallWorldGenerator(8, 2, 0.1).generate(1.0), TypeError, "n must be a whole number, got 1.0"),
    (lambda: sim.SmallWorldGenerator(8, 2, 0.1).save(0, "x"), ValueError, "SmallWorldGenerator.save: n out of range"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_arguments(call, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_what_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda what: 1000)
    with pytest.raises(
        ValueError, match=r"MexicanHatGenerator: too many edges for the memory, got 1.99e\+05, which take"
    ):
        sim.MexicanHatGenerator(447, 1.0, 100.0, 200.0)
    sim.MexicanHatGenerator(90, 1.0, 100.0, 200.0)


def test_a_generator_of_ones_own() -> None:
    class Chain(sim.ConnectivityGenerator):
        n_neurons = 4

        def draw(self):
            return np.arange(3), np.arange(1, 4), np.ones(3)

    assert dense(Chain().generate()).tolist() == np.eye(4, k=1).tolist()
