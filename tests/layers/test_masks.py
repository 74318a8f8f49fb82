"""Layers do on masked sequences what Keras's do: values recorded by tests/golden/record_masks.py."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import autonet
from autonet import layers
from autonet.core import Tensor
from autonet.layers.base import Layer
from tests.layers.masked import CASES, run

with np.load(Path(__file__).parents[1] / "golden" / "masks.npz") as file:
    GOLDEN = dict(file)
ELSEWHERE = {  # no layers of sequences; ConvLSTM, which in Keras on JAX refuses masks; Pipeline: its layers' own affair
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "InputLayer", "SpatialDropout2D", "SpatialDropout3D"),
    "Pipeline",
}


def knows_masks(kind):
    """Whether a class of layers uses masks, or passes them on."""
    own = [c for c in kind.__mro__ if c.__module__.startswith("autonet.") and c is not Layer and issubclass(c, Layer)]
    takes = any("mask" in name for name in inspect.signature(kind.call).parameters)
    passes = kind.compute_mask is not Layer.compute_mask or any("supports_masking" in inspect.getsource(c) for c in own)
    return takes or passes


def test_every_layer_that_knows_masks_has_a_case():
    kinds = {c for n in dir(layers) if isinstance(c := getattr(layers, n), type) and issubclass(c, Layer)}
    known = {c.__name__ for c in kinds if knows_masks(c)}
    assert known - ELSEWHERE == known & {name.split()[0] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_agrees_with_keras(name):
    found = run(name, layers, Tensor, lambda y: getattr(y, "_mask", None), lambda f: autonet.grad(f, argnums=(0, 1)))
    expected = {k.removeprefix(f"{name}/"): a for k, a in GOLDEN.items() if k.startswith(f"{name}/")}
    # for weights that come along, Keras keeps a mask that is none of theirs: the value's
    assert set(found) == set(expected) - ({"mask1"} if "scores" in name else set())
    for key in found:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-5, err_msg=key)
