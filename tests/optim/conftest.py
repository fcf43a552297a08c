import pytest


@pytest.fixture(autouse=True)
def in_poisoned_memory(poisoned: None) -> None:
    """Every test here runs in memory that was full of NaN."""
