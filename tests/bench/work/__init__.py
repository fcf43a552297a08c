"""The work that is measured: the same mathematics in grillyx, in NumPy, and in the peers that are installed."""

from tests.bench.work import convolutions, graphs, products, simple, spiking, training
from tests.bench.work.row import Row, Work

ROWS: list[Row] = [*simple.ROWS, *products.ROWS, *convolutions.ROWS, *graphs.ROWS, *spiking.ROWS, *training.ROWS]

__all__ = ["ROWS", "Row", "Work"]
