"""`BaseModel`: a network of spiking neurons in steps of input, response and spikes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import nn
from grillyx.engine.device import choose, current_device
from grillyx.sim import _saving, _simulate, _tune
from grillyx.sim._steps import Steps


class BaseModel(Steps):
    """A network of N spiking neurons, simulated step by step; the names are those of spikeometric.

    A step takes the state (N, T), the spikes of the last T steps with the most recent last, through three methods:

        g = input(edge_index, W, state, t)      what reaches each neuron, (N,)
        mean = non_linearity(g)                 its response, (N,)
        spikes = emit_spikes(mean)              (N,)

    A model of one's own overrides any of them, with functions of `grillyx.functional` or operators of tensors; it runs on the
    device, a few kernels a step. The built-in models run in two kernels a step: one for the neurons, and one in which spikes
    travel along edges, so that edges of neurons that are silent cost nothing.

    Args:
        dt: length of a step, ms; above 0.
        rng: where random numbers come from: a seed, a NumPy generator, or None for the next seed of `grillyx.manual_seed`. A seed
            gives the same spikes in every run on a device.
        compat: compute what spikeometric computes, also where that differs from what it says; each model lists the differences.

    Attributes:
        stimulus: what was given to `add_stimulus`, or None.
        state: the `State` after the last simulation, or None. It goes into ``simulate(initial_state=...)``.
        result: what the last simulation computed, also if it was interrupted: (N, steps), or None.
    """

    # --- stimuli, parameters
    def add_stimulus(self, stimulus: Callable[..., Any] | None) -> None:
        """Set what stimulates the network: a function of the step t that returns (N,) or a number, such as the stimuli of this package.

        Args:
            stimulus: the function; None takes it away. Parameters of a module can be tuned, as "stimulus.strength".

        Raises:
            TypeError: it cannot be called.
        """
        if stimulus is not None and not callable(stimulus):
            raise TypeError(
                f"{type(self).__name__}.add_stimulus: a stimulus is a function of the step, got {type(stimulus).__name__}; expected "
                "a RegularStimulus or another one, or any callable."
            )
        self.stimulus = stimulus

    @property
    def tunable_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that `tune` may change, by name; those of the stimulus too."""
        return dict(self.named_parameters())

    def set_tunable(self, parameters: str | list[str]) -> None:
        """Let parameters learn.

        Args:
            parameters: a name or several; or "all", "model", "stimulus".

        Raises:
            ValueError: there is no such parameter; the message lists those there are.
        """
        names, found = _tune.chosen(self, parameters, f"{type(self).__name__}.set_tunable"), self.tunable_parameters
        for name in names:
            found[name].requires_grad = True

    # --- what is done with a model
    def simulate(
        self, data: Any, n_steps: int, verbose: bool = True, equilibration_steps: int | None = None,
        store_as_dtype: Any = np.int32, initial_state: Any = None, uniforms: Any = None,
        out: str | os.PathLike[str] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Simulate a network, or several side by side.

        Ctrl-C ends a simulation within about half a second: what was computed is in `result` (and in the file), and `state` goes on
        from there.

        Args:
            data: a `Graph`, something with ``.edge_index`` and ``.W0``, or a list of these.
            n_steps: how many steps to record.
            verbose: show a progress bar.
            equilibration_steps: steps before, with t = -1, that are not recorded; by default 100, and 0 with an initial state.
            store_as_dtype: dtype of the result; spikes that it cannot hold are cut off, with a warning.
            initial_state: (N, T), the last column the most recent step; a `State` also goes on with its step and its random numbers.
                By default each neuron fired in the last step with chance 1/2 (models with other states say theirs).
            uniforms: (n_steps, N) in [0, 1), in place of drawn numbers; a neuron fires where its number is below its chance, and
                counts are the quantiles of their distribution.
            out: a file to write to, chunk by chunk, instead of keeping the result in memory: ``.npy``, or with the packages
                installed ``.h5`` (h5py; the data set "spikes") or ``.zarr``. It must not exist.

        Returns:
            (N, n_steps); with `out` the file's array (of h5py or zarr its own kind), read from disk as it is needed.

        Raises:
            TypeError: data is no network, or what should be numbers are none.
            ValueError: wrong shapes, negative steps, weights or uniforms out of range.
            FloatingPointError: the mean of a neuron's spikes is infinite or NaN.
        """
        return _simulate.simulate(
            self, data, n_steps, verbose=verbose, equilibration_steps=equilibration_steps, dtype=store_as_dtype,
            initial_state=initial_state, uniforms=uniforms, out=out,
        )  # fmt: skip

    def equilibrate(
        self, edge_index: Any, W: Any, inital_state: Any, n_steps: int = 100, store_as_dtype: Any = np.int32
    ) -> np.ndarray:
        """Return the state (N, T) after some steps at t = -1 that begin with the spikes (N,) of one step.

        Args:
            edge_index: (2, E).
            W: (E, T), from `connectivity_filter`; or a `Filter`.
            inital_state: (N,) the spikes of the step before, or (N, T). (The name is spikeometric's.)
            n_steps: how many steps.
            store_as_dtype: dtype of the result.
        """
        return _simulate.equilibrate(self, edge_index, W, inital_state, n_steps, store_as_dtype)

    def tune(
        self, data: Any, firing_rate: Any, tunable_parameters: Any = "all", lr: float = 0.1, n_steps: int = 100,
        n_epochs: int = 100, verbose: bool = True, method: str = "expected",
    ) -> list[float]:  # fmt: skip
        """Change parameters so that neurons fire at a rate.

        Each epoch simulates n_steps (the first from a random state, the others from where the one before ended), and Adam follows
        the gradient of ``mean((firing_rate - rate)²)``, rates in Hz. The learning rate falls to 0 over the last half of the epochs,
        and where rates run away, or all neurons fall silent, tuning goes back and takes half the steps.

        Args:
            data: the network or networks, as for `simulate`.
            firing_rate: Hz: a number for the mean of all neurons; (networks,) for the mean of each; or (N,) for each neuron.
            tunable_parameters: "all", "model", "stimulus", or a list of names.
            lr: learning rate.
            n_steps: steps of an epoch.
            n_epochs: how many epochs.
            verbose: show a progress bar.
            method: "expected" as in spikeometric: the rate is that which the neurons expect, given the spikes that were drawn, and the
                gradient goes through no spike. "bptt": it also goes through the spikes to all that they cause, with surrogate
                gradients; slower, and for networks whose rate depends on their recurrence.

        Returns:
            The rate at each epoch, Hz, a mean over neurons. All parameters are frozen afterwards.

        Raises:
            ValueError: there is nothing to tune, unknown names, rates that are negative or of a wrong shape.
        """
        return _tune.tune(
            self,
            data,
            firing_rate,
            tunable_parameters,
            lr=lr,
            n_steps=n_steps,
            n_epochs=n_epochs,
            verbose=verbose,
            method=method,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file: class, constants, parameters, stimulus, state and random numbers.

        A stimulus that is a plain function is not saved: a warning says so.
        """
        _saving.save(self, path)

    def load(self, path: str | os.PathLike[str]) -> BaseModel:
        """Read what `save` wrote into this model, which must be of the same class; if anything does not fit, nothing is changed.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another class or with other names, or a truncated one.
        """
        _saving.load(self, path)
        return self

    def to(self, device: Any) -> BaseModel:
        """Return this model, if the device is the one in use: tensors live there. `grillyx.use_device` chooses another.

        Raises:
            ValueError: it is another device.
        """
        used = current_device().info
        if str(device).partition(":")[0].lower() == used.type:  # "cpu"
            return self
        wanted = choose(device)
        if wanted.index != used.index:
            raise ValueError(
                f"{type(self).__name__}.to: the device in use is {used.name!r}, got {device!r}, which is {wanted.name!r}. Call "
                f"grillyx.use_device({wanted.index}) before the model is made."
            )
        return self
