"""Measuring, run by ``./dev bench``, and the report on a GPU, run by ``./dev gpu``. The tests only try the tools."""
