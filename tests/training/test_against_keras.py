"""Whole trainings come to what they come to with Keras: values recorded by tests/golden/record_training.py."""

from pathlib import Path

import numpy as np
import pytest

import autonet
from tests.training.trainings import TRAININGS, run

with np.load(Path(__file__).parents[1] / "golden" / "training.npz") as file:
    GOLDEN = dict(file)


@pytest.mark.parametrize("way", ["eager", "captured", "native"])
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_agrees_with_keras(name, way, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", str(int(way == "native")))
    found = run(autonet, name, run_eagerly=way == "eager")
    expected = {k.removeprefix(f"{name}/"): a for k, a in GOLDEN.items() if k.startswith(f"{name}/")}
    assert set(found) == set(expected)
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=2e-4, atol=2e-5, err_msg=key)
