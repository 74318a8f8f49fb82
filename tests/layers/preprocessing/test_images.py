"""Resizing, cropping, and what is drawn for images; values against Keras's are in test_against_keras.py."""

import inspect
import re
import warnings

import numpy as np
import pytest

from autonet import layers, ops
from autonet.errors import ArgumentError, ShapeError
from autonet.models import Sequential

MOVING = [
    layers.RandomFlip,
    lambda **o: layers.RandomRotation(0.5, **o),
    lambda **o: layers.RandomTranslation(0.5, 0.5, **o),
    lambda **o: layers.RandomZoom(0.5, **o),
    lambda **o: layers.RandomCrop(3, 2, **o),
    lambda **o: layers.RandomShear(0.5, 0.3, **o),
    lambda **o: layers.RandomPerspective((0.5, 0.5), 0.6, **o),
    lambda **o: layers.RandomElasticTransform((0.5, 0.5), **o),
    lambda **o: layers.RandomElasticTransform((1, 1), alpha=9.0, sigma=2.0, **o),
]
COLORING = [
    lambda **o: layers.RandomContrast(0.5, **o),
    lambda **o: layers.RandomBrightness(0.5, **o),
    lambda **o: layers.Solarization(0.5, 0.5, **o),
    lambda **o: layers.RandomInvert((0.5, 0.5), **o),
    lambda **o: layers.RandomPosterization(4, **o),
    lambda **o: layers.RandomSharpness((0.2, 0.9), **o),
    lambda **o: layers.RandomGaussianBlur((0.5, 0.5), **o),
    lambda **o: layers.RandomErasing((0.5, 0.5), (0.3, 0.6), fill_value=5.0, **o),
]
random_layer = pytest.mark.parametrize("make", MOVING + COLORING)


def images(rng, *shape):
    return rng.uniform(0, 255, shape).astype("float32")


@random_layer
def test_one_image_and_channels_first(make, rng):
    """An image alone is a batch of one without its axis; channels may come first."""
    x = images(rng, 4, 5, 2)
    alone, batch = make(seed=7)(x), make(seed=7)(x[None])
    np.testing.assert_allclose(alone, batch[0], rtol=1e-5)
    first = make(seed=7, data_format="channels_first")(np.moveaxis(x, -1, 0))
    np.testing.assert_allclose(np.moveaxis(first.numpy(), 0, -1), alone, rtol=1e-5, atol=1e-3)
    with pytest.raises(ShapeError, match="three axes"):
        make()(x[0])


@pytest.mark.parametrize("make", MOVING)
def test_masks_move_as_images_do(make, rng):
    """To the nearest pixel, keeping their dtype; labels stay."""
    mask = rng.integers(0, 9, (3, 5, 6, 1)).astype("uint8")
    data = {"images": images(rng, 3, 5, 6, 2), "segmentation_masks": mask, "labels": np.arange(3)}
    layer = make(seed=3)
    y = layer(data)
    assert y["segmentation_masks"].dtype == "uint8" and y["labels"].tolist() == [0, 1, 2]
    assert np.isin(y["segmentation_masks"].numpy(), mask).all()
    nearest = make(seed=3, **({"interpolation": "nearest"} if hasattr(layer, "interpolation") else {}))
    np.testing.assert_array_equal(nearest(mask), y["segmentation_masks"])
    with pytest.raises(ArgumentError, match="'images'"):
        layer({"labels": np.arange(3)})
    with pytest.raises(ArgumentError, match="received 'boxes'"):
        layer({**data, "boxes": np.zeros((3, 4))})


@pytest.mark.parametrize("make", COLORING)
def test_masks_keep_their_colors(make, rng):
    mask = rng.integers(0, 9, (3, 5, 6, 1))
    y = make()({"images": images(rng, 3, 5, 6, 2), "segmentation_masks": mask})
    np.testing.assert_array_equal(y["segmentation_masks"], mask)


def test_flips_come_half_of_the_time():
    x = np.tile(np.array([[[0.0], [1.0]]], "float32"), (2000, 1, 1, 1))
    y = layers.RandomFlip("horizontal", seed=1)(x).numpy()
    assert 0.45 < y[:, 0, 0, 0].mean() < 0.55
    assert np.all(y.sum(axis=2) == 1)


@pytest.mark.parametrize(
    ("layer", "name", "low", "high"),
    [
        (layers.RandomRotation(0.2, seed=1), "angle", -72, 72),
        (layers.RandomRotation((0.1, 0.3), seed=1), "angle", 36, 108),
        (layers.RandomTranslation((0.1, 0.2), (-0.5, -0.25), seed=1), "translations", (-5, 1), (-2.5, 2)),
        (layers.RandomZoom((-0.5, -0.2), seed=1), "height_zoom", 0.5, 0.8),
        (layers.RandomShear(0.2, (0.1, 0.3), seed=1), "shear_factor", (-0.2, -0.3), (0.2, 0.3)),
        (layers.RandomContrast((0.3, 0.6), seed=1), "contrast_factor", 0.7, 1.6),
        (layers.RandomBrightness(0.1, (0, 1), seed=1), "rgb_delta", -0.1, 0.1),
        (layers.RandomHue((0.2, 0.6), seed=1), "factor", -0.3, 0.3),
        (layers.Solarization((0.1, 0.3), seed=1), "additions", 25.5, 76.5),
        (layers.RandomPosterization((2, 6), seed=1), "shift_factor", 2, 6),
    ],
)
def test_ranges(layer, name, low, high):
    drawn = layer.get_random_transformation(np.zeros((500, 10, 10, 1)))[name].numpy()
    drawn = drawn.reshape(500, -1)
    assert np.all(drawn >= low) and np.all(drawn <= high)
    span = np.subtract(high, low)
    assert np.all(drawn.min(0) < low + 0.05 * span) and np.all(drawn.max(0) > high - 0.05 * span)


def test_directions():
    """Factors above 0 turn anticlockwise, shift down and right, and shrink."""
    x = np.zeros((1, 5, 5, 1), "float32")
    x[0, 2, 4] = 1  # right of the middle
    assert layers.RandomRotation((0.25, 0.25))(x).numpy()[0, 0, 2, 0] == pytest.approx(1, abs=1e-5)
    assert layers.RandomTranslation((0.2, 0.2), (-0.4, -0.4), fill_mode="constant")(x).numpy()[0, 3, 2, 0] == 1
    assert layers.RandomZoom((1.0, 1.0), fill_mode="constant")(x).numpy()[0, 2, 3, 0] == 1


def test_crops_lie_everywhere_and_the_same_for_a_batch():
    x = np.arange(4 * 4, dtype="float32").reshape(1, 4, 4, 1) + np.zeros((3, 1, 1, 1), "float32")
    layer = layers.RandomCrop(2, 3, seed=0)
    corners = {float(layer(x).numpy()[0, 0, 0, 0]) for _ in range(60)}
    assert corners == {0.0, 1.0, 4.0, 5.0, 8.0, 9.0}
    y = layer(x).numpy()
    assert np.all(y == y[:1])
    resized = ops.image.resize(x, (2, 3), crop_to_aspect_ratio=True)
    np.testing.assert_array_equal(layer(x, training=False), resized)
    assert layer(x[:, :1]).shape == (3, 2, 3, 1)  # too small to cut


def test_in_a_model():
    """Drawn anew in each captured step of training, and left out of evaluation."""
    rng = np.random.default_rng(0)
    x, y = images(rng, 32, 6, 6, 1) / 255, rng.integers(0, 2, 32)
    model = Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomContrast(0.2, value_range=(0, 1)),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    generators = [v.numpy() for v in model.variables if v.name == "seed_generator_state"]
    assert [state[1] for state in generators] == [8, 8, 8]


def test_dtypes_of_pixels(rng):
    x = rng.integers(0, 256, (2, 4, 4, 3)).astype("uint8")
    assert layers.Resizing(2, 2)(x).dtype == "uint8"
    assert layers.CenterCrop(2, 2)(x).dtype == "float32"
    for make in MOVING + COLORING:
        for training in (True, False):
            assert make()(x, training=training).dtype == "float32"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), "'vertical'"),
        (lambda: layers.RandomRotation(2.0), "factor"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "'wrap'"),
        (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), "'nearest'"),
        (lambda: layers.RandomTranslation(0.1, "far"), "width_factor"),
        (lambda: layers.RandomZoom((-1, 0)), "nothing is left"),
        (lambda: layers.RandomShear(1.5), "x_factor"),
        (lambda: layers.RandomPerspective(scale=2.0), "scale"),
        (lambda: layers.RandomPerspective((-0.5, 0.5)), "from 0 to 1"),
        (lambda: layers.RandomElasticTransform(scale=(0.5, 2.0)), "scale"),
        (lambda: layers.RandomElasticTransform(alpha=34), "both None"),
        (lambda: layers.RandomElasticTransform(alpha=34, sigma=0), "both None"),
        (lambda: layers.RandomElasticTransform(value_range=255), "value_range"),
        (lambda: layers.RandomContrast(-0.1), "from 0 to 1"),
        (lambda: layers.RandomBrightness(0.1, value_range=(1, 0)), "the smaller first"),
        (lambda: layers.RandomCrop(0, 2), "height of at least 1"),
        (lambda: layers.Resizing(2, 2, interpolation="cubic"), "'bicubic'"),
        (lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "not both"),
        (lambda: layers.CenterCrop(2, 2, data_format="channels"), "channels_first"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_negatives_come_as_often_as_was_asked(rng):
    x = np.full((2000, 1, 1, 1), -1, "float32")
    y = layers.RandomInvert((0.25, 0.25), value_range=(-2, 4), seed=1)(x).numpy()
    assert set(np.unique(y)) == {-1.0, 3.0}
    assert 0.2 < (y == 3).mean() < 0.3
    twice = layers.RandomInvert((1.0, 1.0), value_range=(-2, 4))
    x = rng.uniform(-2, 4, (3, 2, 2, 1)).astype("float32")
    np.testing.assert_allclose(twice(twice(x)), x, rtol=1e-5, atol=1e-6)


def test_colours_of_images_come_or_go(rng):
    """A hue turned there and back is the same; all grey is grey; full contrast has both ends; 8 bits change nothing."""
    x = images(rng, 2, 3, 4, 3)
    hue = layers.RandomHue(1.0, seed=1)
    drawn = hue.get_random_transformation(x)
    back = hue.transform_images(hue.transform_images(x, drawn), {"factor": -drawn["factor"]})
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-2)
    grey = layers.RandomGrayscale(1.0)(x).numpy()
    np.testing.assert_array_equal(grey, grey[..., :1] + np.zeros(3, "float32"))
    y = layers.AutoContrast((10, 20))(x).numpy()
    np.testing.assert_allclose([y.min((1, 2)), y.max((1, 2))], [np.full((2, 3), 10), np.full((2, 3), 20)], rtol=1e-5)
    np.testing.assert_array_equal(layers.AutoContrast()(np.full((1, 2, 2, 1), 7.0)), np.full((1, 2, 2, 1), 7.0))
    whole = np.floor(x)
    np.testing.assert_array_equal(layers.RandomPosterization((8, 8))(whole), whole)


@pytest.mark.parametrize(
    "call",
    [
        lambda: layers.Solarization(addition_factor=2.0),
        lambda: layers.RandomInvert(-0.1),
        lambda: layers.RandomGrayscale(1.5),
        lambda: layers.RandomPosterization(9),
        lambda: layers.RandomPosterization(2.5),
        lambda: layers.RandomHue((0.1, 1.2)),
        lambda: layers.RandomSaturation(1.5),
        lambda: layers.RandomSharpness(-0.1),
        lambda: layers.RandomColorDegeneration("full"),
        lambda: layers.RandomColorJitter(brightness_factor=2.0),
        lambda: layers.RandomGaussianBlur((0.5, 1.5)),
        lambda: layers.CutMix(2.0),
        lambda: layers.RandAugment(factor=-0.5),
    ],
)
def test_what_colours_cannot_do(call):
    with pytest.raises(ArgumentError, match="expects .*factor"):
        call()


def test_shear_and_perspective_do_nothing_where_nothing_is_drawn(rng):
    x = images(rng, 3, 5, 6, 2)
    for layer in (layers.RandomShear(), layers.RandomPerspective(0.0), layers.RandomPerspective((1, 1), scale=0.0)):
        np.testing.assert_allclose(layer(x), x, rtol=1e-4, atol=1e-3)
    for layer in (layers.RandomElasticTransform(0.0), layers.RandomElasticTransform((1, 1), 0.0)):
        np.testing.assert_allclose(layer(x), x, rtol=1e-4, atol=1e-3)


def test_perspectives_come_as_often_as_was_asked(rng):
    x = images(rng, 1000, 3, 3, 1)
    for make in (layers.RandomPerspective, layers.RandomElasticTransform):
        moved = make((0.3, 0.3), (0.9, 0.9) if make is layers.RandomElasticTransform else 0.9, seed=2)(x).numpy() != x
        assert 0.25 < moved.any((1, 2, 3)).mean() < 0.35


def test_an_elastic_field_moves_as_far_as_the_paper_says_and_is_smooth():
    """Noise of deviation s smoothed by a Gaussian in two directions has s / (2 sqrt(pi) sigma); here s = 1 / sqrt(3)."""
    layer = layers.RandomElasticTransform((1, 1), alpha=34.0, sigma=4.0, seed=1)
    moves = layer.get_random_transformation(np.zeros((200, 48, 48, 1)))["moves"].numpy()[..., 16:32, 16:32]
    assert abs(moves.mean()) < 0.1
    np.testing.assert_allclose(moves.std(), 34 / np.sqrt(3) / (2 * np.sqrt(np.pi) * 4), rtol=0.05)
    step = np.diff(moves, axis=-1).std() / moves.std()  # neighbours correlate by exp(-1 / (4 sigma^2))
    np.testing.assert_allclose(step, np.sqrt(2 - 2 * np.exp(-1 / 64)), rtol=0.05)


def test_values_outside_the_range_are_cut_from_images_not_from_masks():
    x = np.full((1, 4, 4, 1), 300.0, "float32")
    out = layers.RandomElasticTransform((1, 1))({"images": x, "segmentation_masks": x})
    assert np.all(out["images"].numpy() == 255) and np.all(out["segmentation_masks"].numpy() == 300)


KINDS = {c for c in vars(layers).values() if isinstance(c, type) and "value_range" in inspect.signature(c).parameters}
RANGED = sorted(KINDS - {layers.AutoContrast}, key=lambda kind: kind.__name__)  # which takes images of any range
STRONG = {
    "RandomErasing": {"fill_value": 0.5},
    "RandomColorJitter": {"contrast_factor": 0.1},
}  # no noise, no brightness


def ranged(kind, value_range, **more):
    """A layer that changes every image."""
    needed = {"RandomPosterization": (3, 3), "RandomErasing": (1, 1)}.get(kind.__name__, (0.3, 0.3))
    factor = {"factor": needed} if "factor" in inspect.signature(kind).parameters else {}
    seed = {"seed": 1} if "seed" in inspect.signature(kind).parameters else {}
    if kind is layers.Solarization:
        factor = {"addition_factor": 0.2, "threshold_factor": 0.3}
    return kind(value_range=value_range, **factor, **seed, **more)


@pytest.mark.parametrize(
    ("kind", "more"),
    [*((kind, {}) for kind in RANGED), *((getattr(layers, name), more) for name, more in STRONG.items())],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_images_that_have_another_range_are_told_once(kind, more, rng):
    """A layer warns of images from 0 to 1 in a range to 255 if that, and not only what is cut off, changes its result."""
    x = rng.uniform(0.4, 0.6, (2, 8, 8, 3)).astype("float32")
    layer, right = ranged(kind, (0, 255), **more), ranged(kind, (0, 1), **more)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        y = layer(x).numpy()
        layer(x)
        layer(x, training=False)
    matters = not np.allclose(y, right(x).numpy(), rtol=1e-3, atol=1e-3)
    assert len(told) == matters, [str(w.message) for w in told]
    assert not told or f"{kind.__name__} '{layer.name}' has value_range=(0, 255)" in str(told[0].message)
    assert not told or str(told[0].message).endswith("value_range=(0, 1).")


@pytest.mark.parametrize("kind", RANGED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("low", "high", "better"), [(0, 255, (0, 255)), (-1, 1, (-1, 1)), (-3, 2.5, (-3.0, 2.5))])
def test_images_far_outside_of_the_range_are_told(kind, low, high, better, rng):
    x = rng.uniform(low, high, (2, 8, 8, 3)).astype("float32")
    x[0, 0, 0, :2] = low, high
    with pytest.warns(UserWarning, match=re.escape(f"{better}.")):
        ranged(kind, (0, 1))({"images": x}, training=False)
    ranged(kind, better)(x)
    ranged(kind, (0, 1))(np.full((2, 8, 8, 3), 7.0))  # one value says nothing


def test_a_range_is_looked_at_in_fit_as_well(rng):
    x = images(rng, 8, 6, 6, 1)
    model = Sequential([layers.Input((6, 6, 1)), layers.RandomBrightness(0.2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="value_range") as told:
        model.fit(x / 255, np.zeros(8), epochs=3, batch_size=4, verbose=0)
    assert len(told) == 1
