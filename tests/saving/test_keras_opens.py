"""Real Keras opens what autonet writes; see tests/golden/check_keras_opens.py, which can be run by hand as well."""

import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).parents[2]
pytestmark = [pytest.mark.extra("bench"), pytest.mark.extra("keras")]
NAMES = ["mlp", "convnet", "recurrent", "transformer", "inputs", "states", "attention", "pictures", "subclassed"]


@pytest.fixture(scope="module")
def differences():
    """Largest difference of predictions by model, found in a process of its own: Keras brings a whole framework along."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(TOP)}
    script = TOP / "tests" / "golden" / "check_keras_opens.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_keras_predicts_the_same(name, differences):
    assert float(differences[name]) < 1e-5
