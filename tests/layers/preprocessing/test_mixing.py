"""Images that are erased in part, mixed with others, or go through layers chosen at random."""

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops
from autonet.errors import ArgumentError, DtypeError
from autonet.utils import expand

MIXING = [
    lambda **o: layers.MixUp(alpha=1.0, **o),
    lambda **o: layers.CutMix((1.0, 1.0), **o),
    lambda **o: layers.CutMix(data_format="channels_first", **o),
]


def numbered(n, shape=(6, 8, 1)):
    """Images that show their number in every pixel."""
    return np.broadcast_to(np.arange(n, dtype="float32").reshape(-1, *(1,) * len(shape)), (n, *shape)).copy()


@pytest.mark.parametrize("make", MIXING)
def test_labels_are_mixed_in_the_parts_of_the_pixels(make):
    """Of images that show their number, the mean is what their mixed one-hot rows say it is."""
    shape = (1, 6, 8) if make().data_format == "channels_first" else (6, 8, 1)
    x = numbered(12, shape)
    for labels in (np.eye(12, dtype="float32"), np.eye(12, dtype="int64"), np.eye(12, dtype=bool)):
        out = make(seed=3)({"images": x, "labels": labels})
        mixed = out["labels"].numpy()
        np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(mixed @ np.arange(12), out["images"].numpy().mean((1, 2, 3)), rtol=1e-4, atol=1e-4)
        assert (np.count_nonzero(mixed > 1e-6, axis=1) <= 2).all() and not np.array_equal(mixed, labels)
    numbers = np.arange(12, dtype="float32")  # of a regression
    out = make(seed=3)({"images": x, "labels": numbers})
    np.testing.assert_allclose(out["labels"], out["images"].numpy().mean((1, 2, 3)), rtol=1e-4, atol=1e-4)
    same = make()({"images": x, "labels": np.eye(12)}, training=False)
    np.testing.assert_array_equal(same["labels"], np.eye(12))
    np.testing.assert_array_equal(same["images"], x)


@pytest.mark.parametrize("make", MIXING)
@pytest.mark.parametrize("labels", [np.arange(4), np.arange(4)[:, None], np.arange(4, dtype="uint8")])
def test_class_numbers_cannot_be_mixed(make, labels):
    x = numbered(4, (1, 6, 8) if make().data_format == "channels_first" else (6, 8, 1))
    with pytest.raises(DtypeError, match=r"class numbers cannot be.*utils.to_categorical"):
        make()({"images": x, "labels": labels})
    with pytest.raises(DtypeError, match=r"class numbers cannot be.*utils.to_categorical"):
        expand(x, labels, make())


def test_expanded_rows_have_mixed_labels():
    x, y = expand(numbered(10), np.eye(10, dtype="uint8"), [layers.RandomFlip(), layers.MixUp(1.0, seed=1)], times=2)
    np.testing.assert_array_equal(y[:10], np.eye(10))
    np.testing.assert_allclose(y @ np.arange(10), x.mean((1, 2, 3)), rtol=1e-4, atol=1e-4)
    with pytest.raises(ArgumentError, match="one array of one-hot rows"):
        expand(numbered(10), None, layers.MixUp())


def test_erased_rectangles_have_the_parts_that_were_asked_for():
    x = np.full((400, 40, 50, 1), -1.0, "float32")
    layer = layers.RandomErasing((0.5, 0.5), scale=(0.25, 0.25), fill_value=7.0, value_range=(-1, 9), seed=1)
    erased = layer(x).numpy()[..., 0] == 7
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    assert 0.4 < (rows > 0).mean() < 0.6
    assert set(rows) <= {0, 20, 21} and set(columns) <= {0, 25, 26}
    np.testing.assert_array_equal(erased.sum((1, 2)), rows * columns)  # one rectangle
    noise = layers.RandomErasing((1, 1), (1, 1))(np.full((2, 9, 9, 1), 100.0)).numpy()
    assert noise.min() == 0 and noise.max() > 150 and len(np.unique(noise)) > 50
    three = layers.RandomErasing((1, 1), (1, 1), fill_value=[1, 2, 300])(np.zeros((1, 4, 4, 3)))
    np.testing.assert_array_equal(three[0, 1, 1], [1, 2, 255])
    first = layers.RandomErasing((1, 1), (1, 1), fill_value=[1, 2, 3], data_format="channels_first")(
        np.zeros((3, 4, 4))
    )
    np.testing.assert_array_equal(first[:, 1, 1], [1, 2, 3])
    with pytest.raises(ArgumentError, match="fill_value"):
        layers.RandomErasing(fill_value=[1, 2])


def test_rand_augment_does_what_its_choices_do(rng):
    x = rng.uniform(0, 255, (3, 6, 6, 3)).astype("float32")
    mask = rng.integers(0, 5, (3, 6, 6, 1))
    layer = layers.RandAugment(num_ops=2, seed=5)
    found = set()
    for _ in range(12):
        drawn = layer.get_random_transformation(x)
        chosen = drawn["layer_idxes"].numpy().tolist()
        expected, moved = ops.convert_to_tensor(x), ops.convert_to_tensor(mask)
        for i in chosen:
            expected = layer._choices[i].transform_images(expected, drawn["transforms"][i])
            moved = layer._choices[i].transform_segmentation_masks(moved, drawn["transforms"][i])
        np.testing.assert_array_equal(layer.transform_images(x, drawn), expected)
        np.testing.assert_array_equal(layer.transform_segmentation_masks(mask, drawn), moved)
        found |= set(chosen)
    assert len(found) > 6
    np.testing.assert_array_equal(layers.RandAugment(num_ops=0)(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    with pytest.raises(ArgumentError, match="num_ops"):
        layers.RandAugment(num_ops=-1)


def test_augmix_mixes_what_its_chains_make(rng):
    """As the formula says, with weights that are parts of one; masks of floats alike, class numbers never."""
    x = rng.uniform(0, 255, (3, 6, 6, 3)).astype("float32")
    mask = rng.uniform(0, 1, (3, 6, 6, 2)).astype("float32")
    layer = layers.AugMix(num_chains=2, chain_depth=3, seed=5)
    depths = set()
    for _ in range(12):
        drawn = layer.get_random_transformation(x)
        expected, moved, kept = 0.0, 0.0, float(drawn["weight_sample"])
        for k, weight in enumerate(drawn["chain_mixing_weights"].numpy()):
            y, m = ops.convert_to_tensor(x), ops.convert_to_tensor(mask)
            chosen = [i for i in drawn["layer_idxes"].numpy()[k].tolist() if i < 11]
            for place, i in enumerate(chosen):  # what is left empty stands last
                y = layer._choices[i].transform_images(y, drawn["chain_transforms"][k][place][i])
                m = layer._choices[i].transform_segmentation_masks(m, drawn["chain_transforms"][k][place][i])
            depths.add(len(chosen))
            expected, moved = expected + weight * y, moved + weight * m
        expected = np.clip(kept * x + (1 - kept) * expected.numpy(), 0, 255)
        np.testing.assert_allclose(layer.transform_images(x, drawn), expected, rtol=1e-4, atol=1e-3)
        moved = kept * mask + (1 - kept) * moved.numpy()
        np.testing.assert_allclose(layer.transform_segmentation_masks(mask, drawn), moved, rtol=1e-4, atol=1e-5)
    assert depths == {1, 2, 3}
    np.testing.assert_allclose(layers.AugMix(chain_depth=0)(x), x, rtol=1e-5)
    np.testing.assert_array_equal(layer(x, training=False), x)
    grey = x[..., :1]
    assert layers.AugMix(all_ops=False, chain_depth=5)(grey).shape == grey.shape  # no way needs colours
    with pytest.raises(DtypeError, match="one-hot"):
        layer({"images": x, "segmentation_masks": (mask * 9).astype("uint8")})


@pytest.mark.parametrize("alpha", [1e-4, 0.3, 1.0, 30.0])
def test_augmix_weights_are_of_dirichlet(alpha):
    """Of n, mean 1 / n, variance (n - 1) / (n^2 (n alpha + 1)), for alphas at which gamma draws are all 0, too."""
    n = 20
    layer = layers.AugMix(num_chains=n, chain_depth=0, alpha=alpha, seed=1)
    drawn = [layer.get_random_transformation(np.zeros((1, 2, 2, 3))) for _ in range(80)]
    weights = np.array([d["chain_mixing_weights"].numpy() for d in drawn])
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights.mean(0), 1 / n, atol=0.08)
    np.testing.assert_allclose(weights.var(), (n - 1) / (n**2 * (n * alpha + 1)), rtol=0.15)
    kept = np.array([float(d["weight_sample"]) for d in drawn])
    np.testing.assert_allclose(kept.var(), 1 / (4 * (2 * alpha + 1)), rtol=0.4)


@pytest.mark.parametrize(
    "options",
    [
        {"num_chains": 0},
        {"chain_depth": -1},
        {"chain_depth": 1.5},
        {"alpha": 0},
        {"factor": 2},
        {"interpolation": "area"},
    ],
)
def test_what_augmix_cannot_do(options):
    with pytest.raises(ArgumentError, match=f"AugMix .*expects {next(iter(options))}"):
        layers.AugMix(**options)


def test_histograms_of_tiles(rng):
    """One tile without a limit spreads values as the formula says; a low limit keeps the curve straight."""
    x = np.floor(255 * rng.uniform(0, 1, (2, 16, 16, 2)) ** 2).astype("float32")
    kind = layers.ContrastLimitedAdaptiveHistogramEqualization
    y = kind(clip_limit=0, tile_grid_size=(1, 1))(x).numpy()
    plane = x[1, :, :, 0]
    below = (plane.reshape(-1) <= plane[..., None]).sum(-1)
    first = (plane == 0).sum()
    np.testing.assert_allclose(y[1, :, :, 0], 255 * (below - first) / (256 - first), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(kind(clip_limit=1e-6, tile_grid_size=(4, 2))(x), x, atol=0.1)
    np.testing.assert_allclose(kind((0, 1))(x / 255 + 1e-4).numpy(), kind()(x + 0.03).numpy() / 255, atol=1e-5)
    np.testing.assert_array_equal(kind()(x, training=False), kind()(x))
    np.testing.assert_allclose(kind()(x[0]), kind()(x)[0], rtol=1e-6)
    for options in ({"clip_limit": -1}, {"clip_limit": "low"}, {"tile_grid_size": 8}, {"tile_grid_size": (0, 8)}):
        with pytest.raises(ArgumentError, match=next(iter(options))):
            kind(**options)


def test_equal_histograms(rng):
    """Every channel of every image by itself, as the formula says; what has one value stays."""
    x = (255 * rng.uniform(0, 1, (2, 16, 16, 2)) ** 2).astype("float32")
    y = layers.Equalization()(x).numpy()
    plane = np.floor(x[1, :, :, 0])
    below = (plane.reshape(-1) <= plane[..., None]).sum(-1)
    np.testing.assert_array_equal(y[1, :, :, 0], np.round(255 * (below - below.min()) / (256 - below.min())))
    np.testing.assert_array_equal(layers.Equalization()(x[0]), y[0])
    scaled = layers.Equalization((0, 1))(x / 255).numpy()
    np.testing.assert_allclose(scaled, y / 255, atol=0.05)
    np.testing.assert_array_equal(layers.Equalization()(x, training=False), x)
    flat = np.full((1, 4, 4, 1), 7.25, "float32")
    np.testing.assert_array_equal(layers.Equalization()(flat), flat)
    with pytest.raises(ArgumentError, match="bins"):
        layers.Equalization(bins=1)


def test_colours_in_full_and_in_grey(rng):
    x = rng.uniform(0, 255, (4, 3, 3, 3)).astype("float32")
    grey = layers.RandomSaturation((0.0, 0.0))(x).numpy()
    np.testing.assert_allclose(grey, np.repeat(x.max(-1, keepdims=True), 3, -1), rtol=1e-5)
    np.testing.assert_allclose(layers.RandomSaturation((0.5, 0.5))(x), x, rtol=1e-3, atol=1e-2)
    full = layers.RandomSaturation((1.0, 1.0))(x).numpy()
    assert np.all(full.min(-1) < 1e-2) and full.min() >= -1e-3 and full.max() <= 255.001
    dull = layers.RandomColorDegeneration((1.0, 1.0))(x).numpy()
    np.testing.assert_allclose(dull, dull[..., :1] + np.zeros(3), rtol=1e-5)
    np.testing.assert_array_equal(layers.RandomColorJitter()(x), x)
    jitter = layers.RandomColorJitter((0, 255), (0.1, 0.1), None, (0.5, 0.5), 0.0)(x).numpy()
    np.testing.assert_allclose(jitter, np.minimum(x + 25.5, 255), rtol=1e-3, atol=1e-2)


def test_sharpness_and_blur(rng):
    x = rng.uniform(50, 200, (2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(layers.RandomSharpness((0.5, 0.5))(x), x, rtol=1e-5)
    spread = [np.std(layers.RandomSharpness((f, f), (-999, 999))(x).numpy()[:, 1:-1, 1:-1]) for f in (0.0, 0.5, 1.0)]
    assert spread[0] < spread[1] < spread[2]
    blurred = layers.RandomGaussianBlur((1, 1), 5, (0.8, 0.8))(x)
    np.testing.assert_allclose(blurred, ops.image.gaussian_blur(x, (5, 5), (0.8, 0.8)), rtol=1e-4)
    for size in (4, 0, (3, 5, 7), 2.5):
        with pytest.raises(ArgumentError, match="kernel_size"):
            layers.RandomGaussianBlur(kernel_size=size)


@pytest.mark.parametrize("layer", [layers.MixUp, layers.CutMix])
def test_fit_warns_where_labels_stay_as_they_are(layer):
    x, y = np.ones((4, 6, 6, 1), "float32"), np.eye(4, dtype="float32")
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.Sequential([layer(seed=1)]), layers.Flatten(), layers.Dense(4)]
    )
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=f"{layer.__name__} .* mixes images but not their labels"):
        model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
