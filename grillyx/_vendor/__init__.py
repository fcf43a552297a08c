"""Kompute's Python module ``kp``, which the build hook puts here."""
