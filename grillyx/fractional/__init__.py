"""Fractional-order neurons: voltages that remember their whole past, and solvers for fractional equations."""

from grillyx.fractional._fdeint import fdeint
from grillyx.fractional._mittag_leffler import mittag_leffler
from grillyx.fractional._odeint import odeint
from grillyx.fractional._tables import Table, derivatives, table

__all__ = ["Table", "derivatives", "fdeint", "mittag_leffler", "odeint", "table"]
