"""Layers do what Keras's do: values recorded by tests/golden/record_layers.py."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from autonet import layers, ops
from autonet.core import Tensor

with np.load(Path(__file__).parents[1] / "golden" / "layers.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))


def arrays(i, layout):
    """The arrays of case `i` by name."""
    sizes = [int(np.prod(shape)) for _, shape in layout]
    parts = np.split(GOLDEN[str(i)], np.cumsum(sizes)[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(layout, parts, strict=True)}


def close(received, expected):
    np.testing.assert_allclose(received, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("i", range(len(FACTS["cases"])), ids=[f"{i}-{c[0]}" for i, c in enumerate(FACTS["cases"])])
def test_values_and_slopes(i):
    name, config, shape, training, masked, output_shape, layout = FACTS["cases"][i]
    expected = arrays(i, layout)
    layer = getattr(layers, name)(**config)
    assert list(layer.compute_output_shape((None, *shape[1:]))) == output_shape
    layer.build(tuple(shape))
    before = [expected[f"before{k}"] for k in range(len(layer.weights))]
    assert f"before{len(before)}" not in expected
    layer.set_weights(before)
    options = {"mask": expected["mask"].astype(bool)} if masked else {}
    y = layer(Tensor(expected["x"]), training=training, **options)
    close(y, expected["y"])

    layer.set_weights(before)
    x = Tensor(expected["x"], requires_grad=True)
    y = layer(x, training=training, **options)
    ops.sum(y * np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)).backward()
    close(x.grad, expected["x_slope"])
    for k, w in enumerate(layer.trainable_variables):
        close(w.grad, expected[f"slope{k}"])
    for k, w in enumerate(layer.non_trainable_weights):
        close(w, expected[f"after{k}"])


def plain(default):
    """A default with (1, 1) and 1 made the same: both mean one for each axis."""
    if isinstance(default, (list, tuple)) and len(set(default)) == 1:
        return default[0]
    return default


@pytest.mark.parametrize("name", FACTS["public"])
def test_arguments(name):
    facts = FACTS["public"][name]
    cls = getattr(layers, name)
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.VAR_KEYWORD]
    received = [[p.name, None if p.default is p.empty else [plain(p.default)]] for p in parameters]
    assert received == [[n, None if d is None else [plain(d[0])]] for n, d in facts["arguments"]]
    config = cls(**facts["given"], name="given").get_config()
    assert json.loads(json.dumps(config)) == facts["config"]
    assert json.loads(json.dumps(cls.from_config(config).get_config())) == facts["config"]
