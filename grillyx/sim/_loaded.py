"""A stimulus that is a table of values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.sim._files import overflows, read_array
from grillyx.sim._stimulus import Stimulus

_ROWS = 1 << 22  # values that are looked into at once


class LoadedStimulus(Stimulus):
    """Values from a table: spikeometric's ``LoadedStimulus``.

        s_i(t) = table[i, t]   for t = 0, …, steps - 1,   and 0 before and after

    The table stays on the host, and that of a .npy file on disk; only the steps that are asked for go to the device. So it is not
    part of the ``state_dict``; `arguments` has it.

    Args:
        path_or_array: a table (N, steps), or (N, steps, networks) for several networks; or the name of a file that holds
            one: .npy, .npz with a single array, or .pt with a single tensor (of which nothing is run).
        batch_size: networks that are simulated at once.

    Attributes:
        steps: steps of the table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is cut short or of another kind, the table has other axes, no neurons, or NaN; batch_size is larger
            than the number of networks; when called, a t that is no whole number.
        TypeError: the table has no real numbers.
    """

    def __init__(self, path_or_array: Any, batch_size: int = 1) -> None:
        name, what = type(self).__name__, "the table"
        if isinstance(path_or_array, (str, os.PathLike)):
            table, what = read_array(Path(path_or_array), name), f"the table of {os.fspath(path_or_array)}"
            table = table if isinstance(table, np.ndarray) else table.toarray()
        else:
            table = to_numpy(path_or_array)
        if table.dtype.kind not in "fiub":
            raise TypeError(f"{name}: {what} must be real numbers, got {table.dtype}.")
        if table.ndim not in (2, 3) or not table.shape[0] or 0 in table.shape[2:]:
            raise ValueError(
                f"{name}: {what} has a wrong shape, got {table.shape}; expected (N, steps) or (N, steps, networks)."
            )
        rows = max(_ROWS // max(table[0].size, 1), 1)
        for k in range(0, len(table), rows):
            if overflows(table[k : k + rows]):
                raise ValueError(f"{name}: {what} has numbers that are NaN, infinite or beyond float32. Replace them.")
        table = table if table.ndim == 3 else table[:, :, None]
        super().__init__([table.shape[0]] * table.shape[2], batch_size)
        self._table, self.steps = table, table.shape[1]

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes an equal stimulus: the table itself, and batch_size."""
        return {"path_or_array": np.asarray(self._table, np.float32), "batch_size": self.batch_size}

    def parts(self, t: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Return ``(None, table (N, S))`` on the host, float32; see `Stimulus.parts`."""
        times = self._times(t)
        if (times != np.floor(times)).any():
            raise ValueError(
                f"{type(self).__name__}: t lies between steps, got {times[times != np.floor(times)][0]}; expected whole numbers."
            )
        known = np.flatnonzero((times >= 0) & (times < self.steps))
        networks = self._networks()
        out = np.zeros((networks.stop - networks.start, self._table.shape[0], len(times)), np.float32)
        if len(known):
            picked = self._table[:, times[known].astype(np.int64), networks]
            out[:, :, known] = np.moveaxis(picked, 2, 0)
        return None, out.reshape(-1, len(times))
