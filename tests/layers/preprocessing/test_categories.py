"""What layers for categories and text keep to, from one table: shapes, dtypes, configuration, capture, saving."""

import json
from typing import Any, NamedTuple

import numpy as np
import pytest

from autonet import layers
from autonet.compiler import Compiled
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.serialization import deserialize_keras_object, serialize_keras_object

NUMBERS = [[3, 1, 7], [1, 0, 3]]
WORDS = [["a", "d", "zebra"], ["b", "d", ""]]
TEXTS = [["A man, a plan"], ["a canal: Panama!"]]
VOCABULARY = ["a", "b", "c", "d"]


class Case(NamedTuple):
    name: str
    config: dict
    x: Any  # what it is called with
    shape: tuple  # of the result
    dtype: str  # of the result
    text: bool = False  # whether it reads text, outside of captured steps


CASES = [
    Case("CategoryEncoding", {"num_tokens": 8}, NUMBERS, (2, 8), "float32"),
    Case("CategoryEncoding", {"num_tokens": 8, "output_mode": "one_hot"}, NUMBERS, (2, 3, 8), "float32"),
    Case("Discretization", {"bin_boundaries": [1.0, 3.0]}, NUMBERS, (2, 3), "int32"),
    Case(
        "Discretization", {"bin_boundaries": [1.0, 3.0], "output_mode": "count"}, [[0.5, 2.0, 3.0]], (1, 3), "float32"
    ),
    Case("Hashing", {"num_bins": 5}, NUMBERS, (2, 3), "int64"),
    Case("Hashing", {"num_bins": 5, "mask_value": 3, "output_mode": "multi_hot"}, NUMBERS, (2, 5), "float32"),
    Case("Hashing", {"num_bins": 5, "salt": [1, 2]}, WORDS, (2, 3), "int64", text=True),
    Case("HashedCrossing", {"num_bins": 5}, [["a", "b"], [1, 2]], (2,), "int64", text=True),
    Case(
        "HashedCrossing",
        {"num_bins": 5, "output_mode": "one_hot"},
        [["a", "b"], ["c", "d"]],
        (2, 5),
        "float32",
        text=True,
    ),
    Case("IntegerLookup", {"vocabulary": [1, 3, 5]}, NUMBERS, (2, 3), "int64"),
    Case("IntegerLookup", {"vocabulary": [1, 3], "num_oov_indices": 3, "mask_token": 0}, NUMBERS, (2, 3), "int64"),
    Case("IntegerLookup", {"vocabulary": [0, 1, 3, 7], "num_oov_indices": 0}, NUMBERS, (2, 3), "int64"),
    Case(
        "IntegerLookup",
        {"vocabulary": [1, 3], "mask_token": 0, "output_mode": "count", "max_tokens": 6, "pad_to_max_tokens": True},
        NUMBERS,
        (2, 6),
        "float32",
    ),
    Case("IntegerLookup", {"vocabulary": [10, 30], "invert": True}, [[0, 1], [2, 9]], (2, 2), "int64"),
    Case("StringLookup", {"vocabulary": VOCABULARY}, WORDS, (2, 3), "int64", text=True),
    Case(
        "StringLookup", {"vocabulary": VOCABULARY, "num_oov_indices": 3, "salt": 7}, WORDS, (2, 3), "int64", text=True
    ),
    Case(
        "StringLookup",
        {"vocabulary": VOCABULARY, "mask_token": "", "output_mode": "tf_idf", "idf_weights": [1.0, 2.0, 3.0, 4.0]},
        WORDS,
        (2, 5),
        "float32",
        text=True,
    ),
    Case("TextVectorization", {"vocabulary": ["a", "man"]}, TEXTS, (2, 4), "int64", text=True),
    Case(
        "TextVectorization",
        {"vocabulary": ["a", "man"], "output_sequence_length": 2},
        TEXTS,
        (2, 2),
        "int64",
        text=True,
    ),
    Case(
        "TextVectorization",
        {"vocabulary": ["a", "a man"], "ngrams": 2, "output_mode": "count", "max_tokens": 5, "pad_to_max_tokens": True},
        TEXTS,
        (2, 5),
        "float32",
        text=True,
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c.name}" for i, c in enumerate(CASES)])


def make(case, **more):
    return getattr(layers, case.name)(**case.config, **more)


@every
def test_shapes_and_dtypes(case):
    layer = make(case)
    y = layer(case.x)
    assert isinstance(y, Tensor) and (y.shape, y.dtype) == (case.shape, case.dtype)
    assert not y.requires_grad and not layer.weights
    shape = [np.shape(part) for part in case.x] if case.name == "HashedCrossing" else np.shape(case.x)
    foretold = layer.compute_output_shape(shape)
    assert all(n in (None, m) for n, m in zip(foretold, y.shape, strict=True))
    assert type(layer).__doc__


@every
def test_configuration_comes_back(case):
    layer = make(case, name="mine", trainable=False)
    stored = json.loads(json.dumps(serialize_keras_object(layer)))
    assert (stored["module"], stored["class_name"]) == ("keras.layers", case.name)
    again = deserialize_keras_object(stored)
    assert type(again) is type(layer) and again.name == "mine"
    assert json.loads(json.dumps(serialize_keras_object(again))) == stored
    np.testing.assert_array_equal(again(case.x), layer(case.x))


@every
def test_captured_equals_eager(case):
    """Numbers are looked up in captured steps, texts ahead of them; arrays that the step does not receive are constants."""
    layer = make(case)
    expected = layer(case.x)
    x = [np.array(part) for part in case.x] if case.name == "HashedCrossing" else np.array(case.x)
    for f, args in ((Compiled(lambda x: layer(x), native=False), (x,)), (Compiled(lambda: layer(x), native=False), ())):
        for _ in range(3):
            np.testing.assert_array_equal(f(*args), expected)
        f.explain()


@every
def test_in_a_functional_model(case):
    """The placeholder of the result has the shape and dtype of the result; the model gives what the layer gives."""
    layer = make(case)
    parts = case.x if case.name == "HashedCrossing" else [case.x]
    arrays = [np.array(part) for part in parts]
    inputs = [layers.Input(a.shape[1:], dtype="string" if a.dtype.kind == "U" else a.dtype.name) for a in arrays]
    output = layer(inputs if case.name == "HashedCrossing" else inputs[0])
    assert output.dtype == case.dtype and len(output.shape) == len(case.shape)
    assert all(n in (None, m) for n, m in zip(output.shape, case.shape, strict=True))


@every
def test_unknown_argument(case):
    with pytest.raises(ArgumentError, match=f"{case.name} has no argument 'colour'"):
        make(case, colour="red")
