"""Rescaling, Normalization, Discretization, CategoryEncoding."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import config, gradients, layers, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, DtypeError, NotBuiltError, ShapeError
from autonet.models import Sequential
from autonet.saving import load_model
from autonet.utils import PyDataset
from tests.ops.cases import Case, integers, made, reals

SMALL = {"shapes": [((2, 3),), ((4,),), ((2, 1, 2),), ((0, 3),)]}
MODES = [{"depth": 4, "mode": mode} for mode in ("one_hot", "multi_hot", "count")]
CASES = {
    "category_encoding": [
        Case(integers(0, 4), **SMALL, settings=MODES, zero=True),
        Case(made(lambda s, rng: rng.integers(-1, 4, s), smooth=False, dtype="int32"), **SMALL, zero=True,
             settings=[{**mode, "gaps": True} for mode in MODES]),
    ],
    "category_weights": Case(
        integers(0, 3), reals(), shapes=[((2, 3), (2, 3)), ((4,), (4,)), ((0, 2), (0, 2))], settings={"depth": 3}
    ),
}  # fmt: skip


class Batches(PyDataset):
    def __init__(self, x, size):
        super().__init__()
        self.x, self.size = x, size

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, i):
        return self.x[i * self.size : (i + 1) * self.size]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_normalization_learns_the_same_in_batches(seed, size):
    x = np.random.default_rng(seed).normal(3, 2, (9, 4)).astype("float32")
    for axis in (-1, None, (0, 1) if size == 5 else 1):
        whole = layers.Normalization(axis=axis)
        whole.adapt(x)
        if axis == (0, 1):
            continue
        parts = [x[i : i + size] for i in range(0, 9, size)]
        for data in (Batches(x, size), iter(parts), parts, [(part, None) for part in parts], [x], x.tolist(), list(x)):
            other = layers.Normalization(axis=axis)
            other.adapt(data)
            np.testing.assert_allclose(other.mean, whole.mean, rtol=1e-6)
            np.testing.assert_allclose(other.variance, whole.variance, rtol=1e-5)
        axes = None if axis is None else 0
        np.testing.assert_allclose(np.ravel(whole.mean), np.ravel(x.mean(axes)), rtol=1e-5)
        np.testing.assert_allclose(np.std(whole(x).numpy(), axis=axes), 1, rtol=1e-4)


def test_normalization_there_and_back(rng):
    x = rng.normal(size=(5, 3)).astype("float32")
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    there.adapt(x)
    back.adapt(x)
    np.testing.assert_allclose(back(there(x)), x, rtol=1e-4, atol=1e-6)
    there.adapt(2 * x)  # learning anew forgets
    np.testing.assert_allclose(there.mean.numpy()[0], 2 * x.mean(0), rtol=1e-5)
    assert [w.name for w in there.weights] == ["mean", "variance", "count"]
    assert not there.trainable_weights


def test_normalization_learns_between_steps(rng):
    """A model that has run reads what its layer learned afterwards."""
    x = rng.normal(5, 3, (8, 2)).astype("float32")
    model = Sequential([layers.Input((2,)), layers.Normalization()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    model.layers[0].adapt(x)
    np.testing.assert_allclose(model.predict(x, verbose=0), (x - x.mean(0)) / x.std(0), rtol=1e-4)


def test_normalization_refuses():
    with pytest.raises(ArgumentError, match="together"):
        layers.Normalization(mean=1.0)
    with pytest.raises(ArgumentError, match="nothing to adapt"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="from -2 to 1"):
        layers.Normalization(axis=2).build((None, 3))
    with pytest.raises(ShapeError, match="must know the length"):
        layers.Normalization(axis=0).build((None, 3))
    with pytest.raises(ShapeError, match="for each place"):
        layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 1.0]).build((None, 3))
    with pytest.raises(DataError, match="no data"):
        layers.Normalization().adapt(iter([]))
    for nothing in ([], np.ones((0, 3))):
        with pytest.raises(ArgumentError, match="no numbers"):
            layers.Normalization().adapt(nothing)
    with pytest.raises(DtypeError, match="batches that are arrays"):
        layers.Normalization().adapt(iter([42]))
    for other in (3, 1):
        with pytest.raises(ShapeError, match="those of the first"):
            layers.Normalization().adapt([np.ones((4, 2)), np.ones((4, other))])


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(6, 60))
def test_discretization_makes_bins_of_equal_numbers(seed, bins, n):
    x = np.random.default_rng(seed).permutation(n).astype("float32")
    layer = layers.Discretization(num_bins=bins)
    layer.adapt(x)
    counts = np.bincount(layer(x).numpy(), minlength=bins)
    assert len(counts) == bins and counts.max() - counts.min() <= 2
    again = layers.Discretization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(x), layer(x))


def test_discretization_reads_so_many_batches():
    endless = ([n % 7.0, 1.0] for n in itertools.count())
    layer = layers.Discretization(num_bins=3)
    layer.adapt(endless, steps=4)
    assert next(endless) == [4.0, 1.0]
    whole = layers.Discretization(num_bins=3)
    whole.adapt([0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 1.0])
    assert layer.bin_boundaries == whole.bin_boundaries


def test_rescaling_by_channel_wherever_it_stands(rng):
    x = rng.normal(size=(2, 4, 5, 3)).astype("float32")
    layer = layers.Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, 0.0])
    y = layer(x).numpy()
    config.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(layer(np.moveaxis(x, -1, 1)), np.moveaxis(y, -1, 1))
        np.testing.assert_array_equal(layer(np.moveaxis(x[0], -1, 0)), np.moveaxis(y[0], -1, 0))
    finally:
        config.set_image_data_format("channels_last")


def test_discretization_as_keras_documents_it():
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    assert layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])(x).tolist() == [[0, 2, 3, 1], [1, 3, 2, 1]]
    layer = layers.Discretization(num_bins=4, epsilon=0.01)
    layer.adapt(x)
    assert layer(x).tolist() == [[0, 2, 3, 2], [1, 3, 3, 1]]
    layer.adapt(x[:1] * 10)
    assert layer([-20.0]).tolist() == [0] and layer.bin_boundaries[0] == -15.0


def test_discretization_refuses():
    with pytest.raises(ArgumentError, match="received neither"):
        layers.Discretization()
    with pytest.raises(ArgumentError, match="received both"):
        layers.Discretization([0.0], 2)
    with pytest.raises(ArgumentError, match="ascending"):
        layers.Discretization([1.0, 0.0])
    with pytest.raises(ArgumentError, match="'multi_hot'"):
        layers.Discretization([1.0], output_mode="bits")
    with pytest.raises(ArgumentError, match="dense"):
        layers.Discretization([1.0], output_mode="count", sparse=True)
    with pytest.raises(NotBuiltError, match="adapt"):
        layers.Discretization(num_bins=3)(np.ones(2))
    with pytest.raises(ArgumentError, match="num_bins to adapt"):
        layers.Discretization([1.0]).adapt(np.ones(2))


def test_counts_weighed(rng):
    x, w = np.array([[0, 1], [0, 0], [1, 2], [3, 1]]), np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    layer = layers.CategoryEncoding(4, output_mode="count")
    expected = [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0], [0, 0.2, 0, 0.4]]
    np.testing.assert_allclose(layer(x, count_weights=w), expected, rtol=1e-6)
    slope = gradients.grad(lambda w: ops.sum(layer(x, count_weights=w)[:, 1]))(w)
    np.testing.assert_array_equal(slope, x == 1)


def test_category_encoding_refuses():
    for bad in ([[0, 4]], [[-1, 0]], [[0.5, 1.0]]):
        with pytest.raises(DataError, match="Categories"):
            layers.CategoryEncoding(4)(bad)
    with pytest.raises(ArgumentError, match="IntegerLookup"):
        layers.CategoryEncoding()
    with pytest.raises(ArgumentError, match="'count' only"):
        layers.CategoryEncoding(3)([[0, 1]], count_weights=np.ones((1, 2)))
    with pytest.raises(ShapeError, match="count_weights"):
        layers.CategoryEncoding(3, output_mode="count")([[0, 1]], count_weights=np.ones(2))


def test_rescaling():
    assert layers.Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], "uint8")).tolist() == [[-1.0, 1.0]]
    assert layers.Rescaling(2, dtype="float64")([1.5]).dtype == "float64"
    given = layers.Rescaling(np.array([1.0, 2.0]))
    assert given.get_config()["scale"] == [1.0, 2.0]


KINDS = [list, tuple, np.array, np.float32, lambda v: Tensor(np.array(v)), lambda v: [np.float64(x) for x in v]]


@pytest.mark.parametrize("kind", KINDS, ids=["list", "tuple", "array", "float32", "tensor", "numbers"])
@pytest.mark.parametrize("make", [
    lambda v: layers.Normalization(mean=v, variance=v), lambda v: layers.Rescaling(v, v), lambda v: layers.Discretization(bin_boundaries=v),
], ids=["Normalization", "Rescaling", "Discretization"])  # fmt: skip
def test_every_kind_of_numbers_is_saved(make, kind, tmp_path):
    """Built with numbers in any form, saved, loaded, saved again: the same results and the same bytes."""
    x = np.float32([[0.5, 1.0, 9.0]])
    model = Sequential([layers.Input((3,)), make(kind([0.5, 1.0, 2.0]))])
    first, second = tmp_path / "a.keras", tmp_path / "b.keras"
    model.save(first)
    loaded = load_model(first)
    np.testing.assert_array_equal(loaded(x), model(x))
    loaded.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert (
        loaded.layers[-1].get_config()
        == type(loaded.layers[-1]).from_config(loaded.layers[-1].get_config()).get_config()
    )
