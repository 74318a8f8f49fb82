"""Layers for data do what Keras's do: values recorded by tests/golden/record_preprocessing.py."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from autonet import layers
from autonet.core import convert_to_tensor

with np.load(Path(__file__).parents[2] / "golden" / "preprocessing.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))


def recorded(i):
    return {k.split("/")[1]: v for k, v in GOLDEN.items() if k.startswith(f"{i}/")}


@pytest.mark.parametrize("i", range(len(FACTS["cases"])), ids=[f"{i}-{c[0]}" for i, c in enumerate(FACTS["cases"])])
def test_values(i):
    name, config, shape = FACTS["cases"][i]
    found = recorded(i)
    layer = getattr(layers, name)(**config)
    if "data" in found:
        layer.adapt(found["data"])
    drawn = {k.removeprefix("drawn_"): convert_to_tensor(v) for k, v in found.items() if k.startswith("drawn_")}
    if drawn:
        what = (drawn["top"], drawn["left"]) if "top" in drawn else drawn.get("alone", drawn)
        y = layer.transform_images(convert_to_tensor(found["x"]), what)
        assert layer(found["x"]).shape == y.shape
        if "labels" in found:
            mixed = layer.transform_labels(convert_to_tensor(found["labels"]), what)
            np.testing.assert_allclose(mixed, found["mixed"], rtol=1e-5, atol=1e-6)
    else:
        y = layer(found["x"])
    assert y.dtype == found["y"].dtype
    np.testing.assert_allclose(y, found["y"], rtol=2e-5, atol=2e-3 if drawn else 2e-5)
    if found["x"].ndim != 3 or not hasattr(layer, "transform_images"):
        assert list(layer.compute_output_shape((None, *found["x"].shape[1:]))) == shape


@pytest.mark.parametrize("name", FACTS["public"])
def test_arguments(name):
    facts = FACTS["public"][name]
    cls = getattr(layers, name)
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.VAR_KEYWORD]
    received = [[p.name, None if p.default is p.empty else [p.default]] for p in parameters]
    known = len(facts["arguments"])
    assert json.loads(json.dumps(received[:known])) == facts["arguments"]
    assert all(default == [None] for _, default in received[known:])  # our own, which change nothing by default
    if facts["config"] is None:
        return
    config = json.loads(json.dumps(cls(**facts["given"], name="given").get_config()))
    assert config == facts["config"]
    assert json.loads(json.dumps(cls.from_config(config).get_config())) == facts["config"]
