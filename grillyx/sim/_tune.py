"""Tuning: parameters change until neurons fire at a rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from tqdm import tqdm

import grillyx.functional as F
from grillyx import autograd, optim
from grillyx.autograd import Tensor
from grillyx.graph import Graph
from grillyx.sim import _data, _simulate
from grillyx.sim._expected import expected_rates
from grillyx.sim._steps import overridden
from grillyx.sim._tensor_run import TensorRun

WARM_UP = 10
_WHOLE = 50  # epochs from which on a target that was not reached is worth a warning


def check_names(model: Any, names: Iterable[str]) -> None:
    """Raise ValueError if a name is no parameter."""
    known = model.tunable_parameters
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ValueError(
            f"{type(model).__name__}: no parameters {', '.join(map(repr, wrong))}; expected some of "
            f"{', '.join(known) or 'none, as it has none'}."
        )


def chosen(model: Any, wish: Any, who: str) -> list[str]:
    """Return the names that a wish means."""
    known = list(model.tunable_parameters)
    if not known:
        raise ValueError(f"{who}: {type(model).__name__} has no parameters to tune.")
    if wish is None or (not isinstance(wish, str) and len(wish) == 0):
        raise ValueError(
            f"{who}: no parameters to tune were named; expected 'all', 'model', 'stimulus' or some of {', '.join(known)}."
        )
    if wish == "all":
        return known
    if wish in ("stimulus", "model") and wish not in known:
        names = [k for k in known if k.startswith("stimulus.") == (wish == "stimulus")]
        if not names:
            raise ValueError(f"{who}: there are no parameters of the {wish}; expected some of {', '.join(known)}.")
        return names
    names = [wish] if isinstance(wish, str) else list(wish)
    check_names(model, names)
    return names


class Target:
    """Rates in Hz that a network shall have: of all, of each network, or of each neuron."""

    def __init__(self, rate: Any, graph: Graph, who: str) -> None:
        self.rate = _simulate.numbers(rate, f"{who}: firing_rate")
        n, networks = graph.num_nodes, graph.num_graphs
        if self.rate.shape not in ((), (1,), (networks,), (n,)):
            raise ValueError(
                f"{who}: firing_rate has the wrong shape, got {self.rate.shape}; expected a number, ({networks},) for the networks or "
                f"({n},) for the neurons."
            )
        if not np.isfinite(self.rate).all() or (self.rate < 0).any():
            raise ValueError(f"{who}: firing_rate is no rate, got {rate!r}; expected finite numbers from 0, in Hz.")
        self.shares: np.ndarray | None = None  # (networks, N): what each neuron is of its network's mean
        if self.rate.shape == (networks,) and networks > 1 and networks != n:
            of = graph.batch[None, :] == np.arange(networks)[:, None]  # type: ignore[index]
            self.shares = (of / np.maximum(of.sum(1, keepdims=True), 1)).astype(np.float32)
        self.noise = max(0.05 * float(np.mean(self.rate)), 0.5) ** 2  # Hz², what chance does to a loss
        self.each = self.rate.shape == (n,) and self.shares is None and n > 1

    def warn(self, rates: list[float], who: str) -> None:
        """Warn if the mean of the last rates, of all neurons, is not near the target."""
        wanted = float(np.mean(self.rate if self.shares is None else self.rate @ (self.shares > 0)))
        got = float(np.mean(rates))
        if not abs(got - wanted) <= max(1.0, 0.1 * wanted):
            warnings.warn(
                f"{who}: the target was not reached, got {got:.4g} Hz in the last epochs; expected {wanted:.4g} Hz. Tune other "
                "parameters or with another lr, or take more steps an epoch where rates come in bursts.",
                stacklevel=4,
            )

    def loss(self, rates: Tensor) -> Tensor:
        """Return the mean squared difference to the rates (N,), Hz."""
        if self.shares is not None:
            rates = F.matmul(Tensor(self.shares), rates.reshape(-1, 1)).reshape(-1)
        elif not self.each:
            rates = rates.mean().reshape(1)
        return F.square(rates - self.rate.reshape(-1)).mean()


def tune(
    model: Any,
    data: Any,
    firing_rate: Any,
    wish: Any,
    *,
    lr: float,
    n_steps: int,
    n_epochs: int,
    verbose: bool,
    method: str,
) -> list[float]:
    """Run `BaseModel.tune`."""
    who = f"{type(model).__name__}.tune"
    if method not in ("expected", "bptt"):
        raise ValueError(f"{who}: unknown method, got {method!r}; expected 'expected' or 'bptt'.")
    if (
        method == "expected"
        and not getattr(model, "_expects_rates", True)
        and not overridden(model, ("non_linearity",))
    ):
        raise ValueError(
            f"{who}: the rate that neurons expect is not known for {type(model).__name__}. Use method='bptt'."
        )
    if isinstance(lr, bool) or not isinstance(lr, (int, float, np.number)) or not 0.0 < lr < np.inf:
        raise ValueError(f"{who}: lr is no learning rate, got {lr!r}; expected a number above 0.")
    n_steps, n_epochs = _simulate.whole(n_steps, f"{who}: n_steps"), _simulate.whole(n_epochs, f"{who}: n_epochs")
    if n_steps == 0:
        raise ValueError(f"{who}: n_steps is 0; expected at least one step an epoch.")
    names = chosen(model, wish, who)
    graph = _data.as_network(data, who)
    model._check(graph, np.dtype(np.float32))
    target = Target(firing_rate, graph, who)
    found = model.tunable_parameters
    search = _Search(_warm(model, graph), {name: found[name] for name in names}, getattr(model, "_positive", ()), lr)
    rates_of = expected_rates if method == "expected" else _through_spikes
    history: list[float] = []
    first = search.values()
    model.requires_grad_(False)
    for name in names:
        found[name].requires_grad = True
    try:
        with (
            _simulate.patient() as stopped,
            tqdm(range(n_epochs), disable=not verbose, desc=f"Tuning {type(model).__name__}") as bar,
        ):
            for epoch in bar:
                share = min(1.0, 2.0 * (n_epochs - epoch) / n_epochs)
                history.append(search.step(lambda x: rates_of(model, graph, x, n_steps), target, share))
                bar.set_postfix_str(f"{history[-1]:.3g} Hz")
                if epoch >= n_epochs - max(n_epochs // 4, 1):
                    search.remember()
                stopped.check("tuning was interrupted; the parameters are those of the last epoch")
        if n_epochs:
            search.end(who)
        if n_epochs >= _WHOLE:
            target.warn(history[-(n_epochs // 4) :], who)
    except Exception:
        search.set(first)
        raise
    finally:
        model.requires_grad_(False)
        model.zero_grad()
    if getattr(model.stimulus, "n_batches", 1) > 1:
        model.stimulus.next_batch()
    return history


def _warm(model: Any, graph: Graph) -> np.ndarray:
    """Return a state (N, T) some steps after a random one."""
    with autograd.no_grad():
        run = _simulate.start_run(model, graph, model._first_state(graph.num_nodes), np.dtype(np.float32))
        run.advance(np.full(WARM_UP, -1), None)
        return run.state()


class _Search:
    """Adam, which goes back and takes half the steps where rates run away, or neurons fall silent for good.

    Each epoch goes on from the state in which the one before ended, so that rates are those of a network that has settled.

    Args:
        x: the first state (N, T).
        parameters: by name.
        positive: names of parameters that stay above 0.
        lr: learning rate.
    """

    def __init__(self, x: np.ndarray, parameters: dict[str, Any], positive: Iterable[str], lr: float) -> None:
        self.x = self.good_x = x
        self.parameters, self.lr, self.scale = parameters, lr, 1.0
        self.least = {name: 1e-3 * float(parameters[name].min()) for name in positive if name in parameters}
        self.optimizer = optim.Adam(parameters.values(), lr=lr)
        self.best = np.inf
        self.last: list[dict[str, np.ndarray]] = []
        self.good = self.values()

    def values(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters."""
        return {name: p.numpy() for name, p in self.parameters.items()}

    def set(self, values: dict[str, np.ndarray]) -> None:
        """Set the parameters."""
        for name, array in values.items():
            self.parameters[name].copy_(array)

    def step(self, rates_of: Callable[[np.ndarray], tuple[Tensor, np.ndarray]], target: Target, share: float) -> float:
        """Take a step with a share of the learning rate, and return the mean rate in Hz before it."""
        self.optimizer.zero_grad()
        try:
            rates, after = rates_of(self.x)
        except FloatingPointError:
            self._back()
            return float("inf")
        loss = target.loss(rates)
        loss.backward()
        value, rate = float(loss), float(rates.detach().mean())
        moves = any(p.grad is not None and np.any(p.grad.numpy()) for p in self.parameters.values())
        finite = all(p.grad is None or np.isfinite(p.grad.numpy()).all() for p in self.parameters.values())
        if not finite or not value <= 4.0 * self.best + target.noise or (not moves and value > target.noise):
            self._back()
            return rate
        if value <= self.best:
            self.best, self.good, self.good_x = value, self.values(), self.x
        self.x = after
        self.optimizer.param_groups[0]["lr"] = self.lr * self.scale * share
        self.optimizer.step()
        for name, least in self.least.items():
            self.parameters[name].copy_(np.maximum(self.parameters[name].numpy(), least))
        return rate

    def _back(self) -> None:
        self.set(self.good)
        self.x = self.good_x
        self.scale *= 0.5
        self.optimizer = optim.Adam(self.parameters.values(), lr=self.lr)

    def remember(self) -> None:
        """Keep the parameters of now for the mean at the end, which chance moves less than those of any epoch."""
        self.last.append(self.values())

    def end(self, who: str) -> None:
        """Take the mean of what was remembered; raise an error if no epoch had a usable gradient: all is then what it was."""
        if not np.isfinite(self.best):
            raise FloatingPointError(
                f"{who}: rates have run away, or nothing that is tuned changes them. The parameters are what they were. Begin with "
                "parameters with which neurons fire, or tune others."
            )
        for name, p in self.parameters.items():
            if self.last:
                p.copy_(np.mean([values[name] for values in self.last], axis=0))


def _through_spikes(model: Any, graph: Graph, x: np.ndarray, n_steps: int) -> tuple[Tensor, np.ndarray]:
    """Return the rates (N,), Hz, of steps that pass gradients on through their spikes, and the state after them."""
    run = TensorRun(model, graph, x, model._run_filter(graph))
    model._learns_through_spikes = True
    try:
        spikes = F.stack([run.step(t) for t in range(n_steps)])
    finally:
        model._learns_through_spikes = False
    return spikes.mean(axis=0) * (1000.0 / model.dt), run.x.detach().numpy()
