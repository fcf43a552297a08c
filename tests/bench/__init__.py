"""Benchmarks, run by ``./dev bench``: never part of the tests."""
