import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers, ops
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.layers.preprocessing import expansion
from autonet.layers.preprocessing.augmentation import RandomImageLayer
from autonet.models import Sequential
from autonet.utils import expand


def moving():
    return [layers.RandomTranslation(0.3, 0.3, seed=1), layers.RandomRotation(0.1, seed=2)]


@given(st.integers(1, 9), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_originals_come_first_and_then_copy_after_copy(n, times, seed):
    x = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 1)).astype("uint8")
    before = x.copy()
    brighter = layers.RandomBrightness((0.2, 0.2))  # the same for all: 51 are added
    rows, labels = expand(x, {"a": np.arange(n), "b": [None]}, brighter, times, seed=seed)
    assert rows.dtype == x.dtype and len(rows) == (1 + times) * n
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(rows[:n], x)
    wanted = np.minimum(x.astype(int) + 51, 255)
    for k in range(1, times + 1):
        np.testing.assert_array_equal(rows[k * n : (k + 1) * n], wanted)
    assert labels["a"].tolist() == list(range(n)) * (1 + times) and labels["b"] == [None]


def test_a_seed_alone_decides_and_leaves_the_generators_where_they_were(rng, monkeypatch):
    monkeypatch.setattr(expansion, "BATCH", 4)  # a ragged last one
    x = rng.uniform(0, 255, (10, 5, 5, 1)).astype("float32")
    chain = moving()
    first, _ = expand(x, None, chain, 2, seed=7)
    assert [layer.generator.state.numpy().tolist() for layer in chain] == [[1, 0], [2, 0]]
    chain[0](x)
    np.testing.assert_array_equal(expand(x, None, chain, 2, seed=7)[0], first)
    assert not np.array_equal(expand(x, None, chain, 2, seed=8)[0][10:], first[10:])
    going_on = [expand(x, None, chain, 1)[0] for _ in range(2)]
    assert not np.array_equal(*going_on)
    assert not np.array_equal(first[10:20], first[20:30])


def test_pipelines_models_and_layers_that_know_nothing_of_images(rng):
    x = rng.uniform(0, 255, (6, 5, 5, 1)).astype("float32")
    wanted = expand(x, None, moving(), 1)[0]
    np.testing.assert_allclose(expand(x, None, layers.Pipeline(moving()), 1)[0], wanted, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(expand(x, None, Sequential(moving()), 1)[0], wanted, rtol=1e-5, atol=1e-3)
    table = rng.normal(size=(6, 3))
    rows, _ = expand(ops.convert_to_tensor(table), None, layers.GaussianNoise(0.1, seed=1), 3)
    assert rows.shape == (24, 3) and rows.dtype == table.dtype
    assert 0 < np.abs(rows[6:] - np.tile(table, (3, 1))).max() < 1


def test_refusals(rng):
    x = rng.uniform(0, 255, (6, 5, 5, 1))
    with pytest.raises(ShapeError, match=r"received shape \(6, 5, 5\). Grey ones have one channel"):
        expand(x[..., 0], None, layers.RandomFlip())
    with pytest.raises(ShapeError, match="keep the shape of rows"):
        expand(x, None, layers.RandomCrop(3, 3))
    with pytest.raises(ShapeError, match="a label for each of 6 rows"):
        expand(x, np.arange(5), layers.RandomFlip())
    with pytest.raises(ArgumentError, match="times"):
        expand(x, None, layers.RandomFlip(), -1)
    with pytest.raises(ArgumentError, match="a list of layers"):
        expand(x, None, np.flip)
    with pytest.raises(ArgumentError, match="at least one layer"):
        expand(x, None, [])
    with pytest.raises(ArgumentError, match="at least one layer"):
        expand(x, None, layers.Pipeline([]))
    with pytest.raises(ShapeError, match="one number"):
        expand(3.0, None, layers.RandomFlip())


RANDOM = sorted(
    (c for c in map(vars(layers).get, dir(layers)) if isinstance(c, type) and issubclass(c, RandomImageLayer)),
    key=lambda c: c.__name__,
)
NEEDS = {
    "RandomCrop": (5, 5),
    **dict.fromkeys(("RandomTranslation", "RandomZoom"), (0.1, 0.1)),
    **dict.fromkeys(("RandomBrightness", "RandomContrast", "RandomRotation", "RandomHue", "RandomSaturation"), (0.1,)),
    **dict.fromkeys(("RandomSharpness", "RandomColorDegeneration"), (0.1,)),
    "RandomPosterization": (4,),
}


@pytest.mark.parametrize("layer", RANDOM, ids=lambda c: c.__name__)
def test_no_rows_stay_no_rows(layer, rng):
    made = layer(*NEEDS.get(layer.__name__, ()))
    x, labels = np.zeros((0, 5, 5, 3), "float32"), np.zeros((0, 2), "float32")
    assert made(x, training=True).shape == x.shape
    assert made({"images": x, "labels": labels}, training=True)["labels"].shape == labels.shape
    rows, y = expand(x, labels, made, times=2)
    assert rows.shape == x.shape and y.shape == labels.shape


@pytest.mark.parametrize("layer", ["GaussianNoise", "GaussianDropout", "AlphaDropout"])
def test_a_layer_that_refuses_whole_numbers_is_named(layer):
    with pytest.raises(DtypeError, match=r"'its_name'.*expects a float dtype; received uint8"):
        expand(np.ones((4, 3), "uint8"), None, getattr(layers, layer)(0.5, name="its_name"))
