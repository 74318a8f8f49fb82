"""Small models train to what Keras trains them to: values recorded by tests/golden/record_small_models.py."""

import json
from pathlib import Path

import numpy as np
import pytest

import autonet
from tests.training.small_models import cases, run

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "small_models.json").read_text(encoding="utf-8"))["cases"]
# in Keras these count masked steps; here no metric does
COUNT_MASKED = {f"evaluate {name}" for name in ("AUC", "BinaryIoU", "weighted_BinaryIoU", "RootMeanSquaredError")}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_small_model_agrees_with_keras(name, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    found = run(autonet, cases(autonet)[name])
    assert found.keys() == GOLDEN[name].keys()
    for key in found.keys() - COUNT_MASKED:
        np.testing.assert_allclose(found[key], GOLDEN[name][key], rtol=2e-4, atol=2e-5, err_msg=key)
