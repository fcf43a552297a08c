"""Tuning: parameters change until neurons fire at a rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from tqdm import tqdm

import grillyx.functional as F
from grillyx import autograd, optim
from grillyx.autograd import Tensor, to_numpy
from grillyx.graph import Graph
from grillyx.sim import _data, _simulate
from grillyx.sim._expected import expected_rates
from grillyx.sim._tensor_run import TensorRun

WARM_UP = 10


def check_names(model: Any, names: Iterable[str]) -> None:
    """Raise ValueError if a name is no parameter."""
    known = model.tunable_parameters
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ValueError(
            f"{type(model).__name__}: no parameters {', '.join(map(repr, wrong))}; expected some of {', '.join(known) or 'none, as it has none'}."
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
        self.rate = np.asarray(to_numpy(rate), np.float32)
        n, networks = graph.num_nodes, graph.num_graphs
        if self.rate.shape not in ((), (1,), (networks,), (n,)):
            raise ValueError(
                f"{who}: firing_rate has the wrong shape, got {self.rate.shape}; expected a number, ({networks},) for the networks or ({n},) "
                "for the neurons."
            )
        if not np.isfinite(self.rate).all() or (self.rate < 0).any():
            raise ValueError(f"{who}: firing_rate is no rate, got {rate!r}; expected finite numbers from 0, in Hz.")
        self.shares: np.ndarray | None = None  # (networks, N): what each neuron is of its network's mean
        if self.rate.shape == (networks,) and networks > 1 and networks != n:
            of = graph.batch[None, :] == np.arange(networks)[:, None]  # type: ignore[index]
            self.shares = (of / np.maximum(of.sum(1, keepdims=True), 1)).astype(np.float32)
        self.each = self.rate.shape == (n,) and self.shares is None and n > 1

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
    if method == "expected" and not getattr(model, "_expects_rates", True):
        raise ValueError(
            f"{who}: the rate that neurons expect is not known for {type(model).__name__}. Use method='bptt'."
        )
    n_steps, n_epochs = _simulate.whole(n_steps, f"{who}: n_steps"), _simulate.whole(n_epochs, f"{who}: n_epochs")
    if n_steps == 0:
        raise ValueError(f"{who}: n_steps is 0; expected at least one step an epoch.")
    names = chosen(model, wish, who)
    graph = _data.as_network(data, who)
    model._check(graph, np.dtype(np.float32))
    target = Target(firing_rate, graph, who)
    found = model.tunable_parameters
    first = {name: found[name].numpy() for name in names}
    model.requires_grad_(False)
    model.set_tunable(names)
    optimizer = optim.Adam([found[name] for name in names], lr=lr)
    rates_of = expected_rates if method == "expected" else _through_spikes
    history: list[float] = []
    try:
        with tqdm(range(n_epochs), disable=not verbose, desc=f"Tuning {type(model).__name__}") as bar:
            for epoch in bar:
                optimizer.param_groups[0]["lr"] = lr * min(1.0, 2.0 * (n_epochs - epoch) / n_epochs)
                rates = rates_of(model, graph, n_steps)
                loss = target.loss(rates)
                optimizer.zero_grad()
                loss.backward()
                history.append(float(rates.detach().mean()))
                _check_gradients(who, {name: found[name] for name in names}, history[-1])
                optimizer.step()
                bar.set_postfix_str(f"{history[-1]:.3g} Hz")
    except FloatingPointError:
        for name, values in first.items():
            found[name].copy_(values)
        raise
    finally:
        model.requires_grad_(False)
        model.zero_grad()
    if getattr(model.stimulus, "n_batches", 1) > 1:
        model.stimulus.next_batch()
    return history


def _check_gradients(who: str, parameters: dict[str, Any], rate: float) -> None:
    wrong = [name for name, p in parameters.items() if p.grad is not None and not np.isfinite(p.grad.numpy()).all()]
    if wrong or not np.isfinite(rate):
        raise FloatingPointError(
            f"{who}: rates have run away, or gradients of {', '.join(wrong) or 'none'} are not finite. The parameters are what they were. Use a "
            "smaller lr."
        )


def _through_spikes(model: Any, graph: Graph, n_steps: int) -> Tensor:
    """Return the rates (N,), Hz, of steps that pass gradients on through their spikes."""
    x = model._first_state(graph.num_nodes)
    with autograd.no_grad():
        run = TensorRun(model, graph, x, model._run_filter(graph))
        run.advance(np.full(WARM_UP, -1), None)
    run = TensorRun(model, graph, run.x.detach(), model._run_filter(graph))
    model._learns_through_spikes = True
    try:
        spikes = F.stack([run.step(t) for t in range(n_steps)])
    finally:
        model._learns_through_spikes = False
    return spikes.mean(axis=0) * (1000.0 / model.dt)
