"""What tests of the compiler may ask for."""

import pytest


@pytest.fixture
def numpy_only(monkeypatch):
    """Plans by NumPy alone."""
    monkeypatch.setenv("AUTONET_NATIVE", "0")
