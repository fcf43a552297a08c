"""Checks of what a graph is made of, before anything goes to the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy

_MOST_GRAPHS = 1 << 20  # where most are empty: one wrong number must not take all memory
LARGEST = 2**31 - 1  # indices are int32 on the device


def frozen(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


def host(values: Any, what: str, owner: str = "Graph") -> np.ndarray:
    """Return a NumPy array."""
    try:
        return to_numpy(values)
    except ValueError:
        raise ValueError(
            f"{owner}: {what} is no array, its rows have different lengths; expected equal ones."
        ) from None


def whole(values: Any, what: str, owner: str = "Graph") -> np.ndarray:
    """Return an int64 array; an empty one may have any dtype."""
    out = host(values, what, owner)
    if out.size and out.dtype.kind not in "iu":
        raise TypeError(
            f"{owner}: {what} must be integers, got {out.dtype}; expected int64 or int32. Use .astype(np.int64) if the "
            "values are whole numbers."
        )
    if out.size and out.max() > LARGEST:
        raise OverflowError(f"{owner}: {what} holds {out.max()}; expected at most {LARGEST}, as indices are int32.")
    return out.astype(np.int64)  # a copy: what the caller changes later does not matter


def count(value: Any, what: str, owner: str = "Graph", least: int = 0) -> int:
    """Return a whole number that is not too small."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{owner}: {what} must be an integer, got {value!r}; expected {least} or more.")
    try:
        out = int(value.__index__())
    except TypeError:  # an array of several numbers
        raise TypeError(f"{owner}: {what} must be an integer, got {value!r}; expected {least} or more.") from None
    if not least <= out <= LARGEST:
        raise ValueError(f"{owner}: {what} out of range, got {out}; expected {least} to {LARGEST}.")
    return out


def generator(rng: Any, owner: str, what: str = "rng") -> np.random.Generator:
    """Return a NumPy generator: that one, or one with this seed."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(
            f"{owner}: {what} makes no generator, got {rng!r}; expected an integer from 0, a numpy.random.Generator, or None."
        ) from None


def edges(edge_index: Any) -> np.ndarray:
    """Return edge_index as int64 (2, E), not negative."""
    given = host(edge_index, "edge_index")
    shape = given.shape
    if len(shape) != 2 or shape[0] != 2:
        turned = len(shape) == 2 and shape[1] == 2
        remedy = "That is (E, 2), a pair a row: pass edge_index.T." if turned else (
            "Row 0 has the sources and row 1 the targets; for an adjacency matrix use Graph.from_adjacency, for other things as_graph."
        )  # fmt: skip
        raise ValueError(f"Graph: edge_index has a wrong shape, got {tuple(shape)}; expected (2, E). {remedy}")
    out = whole(given, "edge_index")
    if out.size and out.min() < 0:
        side, at = np.argwhere(out < 0)[0]
        raise ValueError(
            f"Graph: edge_index has negative nodes, got {out[side, at]} at edge_index[{side}, {at}]; expected 0 or more. "
            "Nodes are counted from 0, not from the end."
        )
    return frozen(out)


def nodes_of(index: np.ndarray, num_nodes: Any, *known: tuple[str, int | None]) -> int:
    """Return the number of nodes: as given, or that of x, batch or ptr, or one more than the largest index."""
    if num_nodes is None:
        sure = [(what, n) for what, n in known if n is not None]
        largest = int(index.max()) + 1 if index.size else 0
        what, total = sure[0] if sure else ("edge_index", largest)
    else:
        what, total = "num_nodes", count(num_nodes, "num_nodes")
    if index.size and index.max() >= total:
        side, at = np.argwhere(index >= total)[0]
        raise ValueError(
            f"Graph: edge_index names a node that is not there, got {index[side, at]} at edge_index[{side}, {at}] with "
            f"{total} nodes (from {what}); expected 0 to {total - 1}. Give a larger num_nodes, or correct the edge."
        )
    return total


def weights(edge_weight: Any, num_edges: int, read: bool = True) -> Any:
    """Return None, a float32 array (E,), or the tensor itself; `read`: also look into tensors for NaN."""
    if edge_weight is None:
        return None
    values: Any = edge_weight
    tensor = isinstance(values, Tensor)
    if not tensor:
        values = host(values, "edge_weight")
    if values.shape != (num_edges,):
        turned = values.shape == (num_edges, 1)
        remedy = "Use edge_weight[:, 0]." if turned else "One weight is needed for each edge."
        raise ValueError(f"Graph: edge_weight has a wrong shape, got {values.shape}; expected ({num_edges},). {remedy}")
    if values.dtype.kind not in ("f" if tensor else "fiub"):
        raise TypeError(f"Graph: edge_weight must be real numbers, got {values.dtype}; expected float32.")
    if tensor:
        if read and values.is_leaf:
            finite(values.numpy(), "edge_weight")
        return values
    finite(values, "edge_weight")
    with np.errstate(over="ignore"):
        out = values.astype(np.float32)
    finite(out, "edge_weight")
    return frozen(out)


def finite(values: np.ndarray, what: str) -> None:
    """Refuse NaN and infinity."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"Graph: {what} is not finite, got {values[at]} at {what}[{', '.join(map(str, at))}]; expected finite float32 "
            "numbers. Drop or replace it, as with np.nan_to_num."
        )


def rows(values: Any, what: str, lengths: tuple[int, ...]) -> Any:
    """Return an array or tensor with as many rows as there are nodes (or graphs)."""
    out: Any
    if values is None or isinstance(values, Tensor):
        out = values
    else:
        out = host(values, what)
        if out.dtype.kind in "cOSUV":
            raise TypeError(f"Graph: {what} must be numbers, got {out.dtype}.")
        finite(out, what)
    if out is not None and (out.ndim == 0 or out.shape[0] not in lengths):
        wanted = " or ".join(str(n) for n in dict.fromkeys(lengths))
        raise ValueError(f"Graph: {what} has a wrong number of rows, got shape {out.shape}; expected {wanted} rows.")
    return out


def parts(batch: Any, ptr: Any, num_nodes: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return batch (N,) and ptr (graphs + 1,), of which one gives the other."""
    ends = None if ptr is None else _ptr(ptr, num_nodes)
    if batch is None:
        return (None, None) if ends is None else (frozen(np.repeat(np.arange(len(ends) - 1), np.diff(ends))), ends)
    own = whole(batch, "batch")
    if own.shape != (num_nodes,):
        raise ValueError(
            f"Graph: batch has a wrong shape, got {own.shape}; expected ({num_nodes},), one graph for each node."
        )
    steps = np.diff(own, prepend=0)
    if steps.min(initial=0) < 0:
        at = int(np.argmin(steps >= 0))
        before = f" after {own[at - 1]}" if at else ""
        raise ValueError(
            f"Graph: batch must be sorted and not negative, got {own[at]} at batch[{at}]{before}. Put the nodes of each graph "
            "together, as with graph.subgraph(np.argsort(batch, kind='stable')) before the batch is set."
        )
    total = int(own[-1]) + 1 if len(own) else 0
    if total > max(num_nodes, _MOST_GRAPHS):
        raise ValueError(
            f"Graph: batch names too many graphs, got {own[-1]} for {num_nodes} nodes; expected numbers from 0 on, one a graph. "
            "Number them anew, as with np.unique(batch, return_inverse=True)[1]."
        )
    if ends is None:
        ends = frozen(np.searchsorted(own, np.arange(total + 1)))
    elif not np.array_equal(own, np.repeat(np.arange(len(ends) - 1), np.diff(ends))):
        raise ValueError("Graph: batch and ptr say different things; give one of them.")
    return frozen(own), ends


def _ptr(ptr: Any, num_nodes: int) -> np.ndarray:
    out = whole(ptr, "ptr")
    if out.ndim != 1 or not len(out) or out[0] != 0 or out[-1] != num_nodes or (np.diff(out) < 0).any():
        raise ValueError(
            f"Graph: ptr must rise from 0 to the {num_nodes} nodes, one more number than there are graphs, got "
            f"{np.array2string(out, threshold=8)}."
        )
    return frozen(out)


def length(rows: Any) -> int | None:
    """Return the number of rows; None of nothing, or of a single number."""
    return None if rows is None or np.ndim(rows) == 0 else len(rows)


def last(ptr: Any) -> int | None:
    """Return the number of nodes that ptr ends with."""
    return None if ptr is None or np.size(ptr) == 0 else int(np.asarray(ptr).reshape(-1)[-1])


def number(weight: Any) -> float:
    """Return a finite number."""
    try:
        out = float(weight)
    except (TypeError, ValueError):
        raise TypeError(f"Graph: weight must be a number, got {weight!r}.") from None
    finite(np.array([out]), "weight")
    return out


def named(arrays: dict[str, Any], taken: type, nodes: int) -> dict[str, Any]:
    """Return arrays of nodes; none may hide what a graph has anyway."""
    for name in arrays:
        if hasattr(taken, name) or name in taken.__annotations__:
            raise ValueError(
                f"Graph: an array of nodes cannot be named {name!r}, as graphs have that already. Use another name."
            )
    return {name: rows(values, name, (nodes,)) for name, values in arrays.items() if values is not None}
