"""More layers do what Keras's do: values recorded by tests/golden/record_layers_more.py."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from autonet import layers, ops
from autonet.core import Tensor

with np.load(Path(__file__).parents[1] / "golden" / "layers_more.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))
CASES = FACTS["cases"]


def arrays(i):
    """The arrays of case `i` by name."""
    layout = CASES[i]["layout"]
    sizes = [int(np.prod(shape)) for _, shape in layout]
    parts = np.split(GOLDEN[str(i)], np.cumsum(sizes)[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(layout, parts, strict=True)}


def make(kind, config, **more):
    if "layer" in config:
        inner, settings = config["layer"]
        config = {**config, "layer": getattr(layers, inner)(**settings, name="inner")}
    return getattr(layers, kind)(**config, **more)


def close(received, expected):
    """To the rounding of sums as large as the largest of them."""
    np.testing.assert_allclose(received, expected, rtol=2e-5, atol=2e-5 * max(1, np.abs(expected).max(initial=0)))


def numbered(found, word):
    """The arrays called word0, word1, ..."""
    return [found[f"{word}{i}"] for i in range(len(found)) if f"{word}{i}" in found]


@pytest.mark.parametrize("i", range(len(CASES)), ids=[f"{i}-{c['layer']}" for i, c in enumerate(CASES)])
def test_values_and_slopes(i):
    case, expected = CASES[i], arrays(i)
    layer = make(case["layer"], case["config"])
    xs = [Tensor(x, requires_grad=True) for x in numbered(expected, "x")]
    given = [xs] if case["how"] == "list" else xs
    unknown = [(None, *x.shape[1:]) for x in xs]
    masks = {
        name: [Tensor(m.astype(bool)) for m in numbered(expected, name)]
        if isinstance(shape[0], list)
        else Tensor(expected[name].astype(bool))
        for name, shape in case["masks"].items()
    }
    options = {**masks, **case["call"]}
    layer(*given, **options)  # builds
    foretold = layer.compute_output_shape(*([unknown] if case["how"] == "list" else unknown))
    if case["layer"] != "EinsumDense":  # for which Keras leaves known lengths out, or exchanges them
        assert list(foretold) == case["output_shape"]
    before = numbered(expected, "before")
    assert [w.shape for w in layer.weights] == [w.shape for w in before]
    layer.set_weights(before)
    ys = layer(*given, **options)
    ys = ys if isinstance(ys, tuple) else (ys,)
    for y, wanted in zip(ys, numbered(expected, "y"), strict=True):
        close(y, wanted)
    if "loss" in expected:
        close(layer.losses[0], expected["loss"])
    for w, wanted in zip(layer.weights, numbered(expected, "after"), strict=False):
        close(w, wanted)
    if not case["slopes"]:
        return
    sum(ops.sum(y * np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)) for y in ys).backward()
    for x, wanted in zip(xs, numbered(expected, "x_slope"), strict=True):
        close(x.grad if x.grad is not None else np.zeros(x.shape), wanted)
    for w, wanted in zip(layer.trainable_variables, numbered(expected, "slope"), strict=True):
        close(w.grad if w.grad is not None else np.zeros(w.shape), wanted)


def plain(default):
    """A default with (1, 1) and 1 made the same: both mean one for each axis."""
    if isinstance(default, (list, tuple)):
        parts = [plain(v) for v in default]
        return parts[0] if all(p == parts[0] for p in parts) else parts
    return default


@pytest.mark.parametrize("name", FACTS["public"])
def test_arguments(name):
    facts = FACTS["public"][name]
    cls = getattr(layers, name)
    parameters = [
        p for p in inspect.signature(cls).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.KEYWORD_ONLY)
    ]
    received = [[p.name, None if p.default is p.empty else [plain(p.default)]] for p in parameters]
    assert received == [[n, None if d is None else [plain(d[0])]] for n, d in facts["arguments"]]
    config = make(name, facts["given"], name="given").get_config()
    assert json.loads(json.dumps(config)) == facts["config"]
    assert json.loads(json.dumps(cls.from_config(config).get_config())) == facts["config"]
