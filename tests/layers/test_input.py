"""Input and InputLayer: shapes, dtypes, and their errors."""

import numpy as np
import pytest

from autonet import Sequential, layers
from autonet.errors import ArgumentError


@pytest.mark.parametrize("options, shape", [
    ({"shape": (3,)}, (None, 3)),
    ({"shape": [3, None]}, (None, 3, None)),
    ({"shape": ()}, (None,)),
    ({"shape": (3,), "batch_size": 4}, (4, 3)),
    ({"batch_shape": (2, 3)}, (2, 3)),
    ({"batch_shape": (None, np.int64(3))}, (None, 3)),
])  # fmt: skip
def test_shapes(options, shape):
    assert layers.Input(**options).shape == shape
    assert layers.InputLayer(**options).batch_shape == shape


def test_names_and_dtypes():
    made = layers.Input((3,), dtype="int32", name="words")
    assert (made.name, made.dtype) == ("words", "int32")
    assert all(part in repr(made) for part in ("words", "(None, 3)", "int32"))


@pytest.mark.parametrize("options, advice", [
    ({}, "shape=.28, 28., or batch_shape; received none"),
    ({"shape": (3,), "batch_shape": (2, 3)}, "received both"),
    ({"batch_shape": (2, 3), "batch_size": 2}, "in batch_shape alone"),
    ({"shape": 3}, r"One axis of 3 is written \(3,\)"),
    ({"shape": (3.5,)}, "tuple of lengths"),
    ({"shape": (-1,)}, "tuple of lengths"),
    ({"shape": (3,), "sparse": True}, "dense arrays here; received sparse=True"),
])  # fmt: skip
def test_misfits(options, advice):
    with pytest.raises(ArgumentError, match=advice):
        layers.Input(**options)


def test_at_the_head_of_a_model():
    model = Sequential([layers.Input((3,)), layers.Dense(2)])
    assert model.built and model.input_shape == (None, 3) and model.output_shape == (None, 2)
    again = Sequential.from_config(model.get_config())
    assert again.built and again.input_shape == (None, 3)


@pytest.mark.parametrize("options", [{"input_shape": (3,)}, {"input_dim": 3}, {"batch_input_shape": (None, 3)}])
def test_shape_given_to_the_first_layer(options):
    model = Sequential([layers.Dense(2, **options)])
    assert model.built and model.input_shape == (None, 3)
