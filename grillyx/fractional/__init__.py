"""Fractional-order neurons: voltages that remember their whole past, and solvers for fractional equations."""
