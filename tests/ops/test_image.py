"""Images: derivatives, laws (identities, inverses, sums that stay), one image like a batch of one, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import check_gradients, gradients, jit, ops, utils
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.ops import image
from autonet.ops.image.resizing import INTERPOLATIONS
from autonet.ops.image.sampling import _starts, grid_sample, sampled
from tests.ops.cases import Case, made, reals

IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0]
MODES = ["constant", "nearest", "wrap", "mirror", "reflect"]


def _between(shape, rng):
    return rng.integers(-5, 9, shape) + rng.uniform(0.1, 0.4, shape)  # between pixels, and halves of them


CASES = {
    "grid_sample": [
        Case(
            reals(),
            made(_between),
            made(_between),
            shapes=[
                ((2, 3, 4, 1), (2, 2, 1), (2, 1, 3)),
                ((1, 3, 2, 2), (1, 2, 2), (1, 2, 2)),
                ((2, 1, 1, 1), (1, 1), (2,)),
                ((3, 2, 3, 1), (3, 2, 1), (2, 2)),
            ],
            settings=[{"order": order, "fill_mode": m, "fill_value": 0.7} for m in MODES],
        )
        for order in (1, 0)
    ],
    "grid_coordinates": Case(made(_between), shapes=[((2, 3),)], numpy=lambda p: p),
}


@pytest.fixture
def pictures(rng):
    return rng.uniform(0.1, 0.9, (2, 5, 6, 3))


UNCHANGING = {
    "resize": lambda x, f: image.resize(x, (4, 8), data_format=f),
    "resize, cut": lambda x, f: image.resize(x, (4, 4), "bicubic", crop_to_aspect_ratio=True, data_format=f),
    "affine": lambda x, f: image.affine_transform(x, [0.9, 0.2, 0.3, -0.1, 1.2, 0.4, 0, 0], data_format=f),
    "perspective": lambda x, f: image.perspective_transform(
        x, [[0, 0], [0, 4], [5, 0], [5, 4]], [[0.3, 0.1], [0.2, 4.4], [5.5, -0.5], [4.4, 3.3]], data_format=f
    ),
    "elastic": lambda x, f: image.elastic_transform(x, sigma=1.5, seed=7, data_format=f),
    "patches": lambda x, f: image.extract_patches(x, 2, 1, padding="same", data_format=f),
    "padding": lambda x, f: image.pad_images(x, 1, 0, target_height=8, target_width=7, data_format=f),
    "cropping": lambda x, f: image.crop_images(x, 1, 2, 1, 1, data_format=f),
    "grey": lambda x, f: image.rgb_to_grayscale(x, data_format=f),
    "hsv": lambda x, f: image.rgb_to_hsv(x, data_format=f),
    "rgb": lambda x, f: image.hsv_to_rgb(x, data_format=f),
    "blur": lambda x, f: image.gaussian_blur(x, (3, 5), (1.0, 0.7), data_format=f),
}


@pytest.mark.parametrize("name", UNCHANGING)
def test_channels_first_and_single_images_give_the_same(name, pictures):
    f = UNCHANGING[name]
    expected = np.asarray(f(pictures, "channels_last"))
    np.testing.assert_allclose(
        np.moveaxis(np.asarray(f(np.moveaxis(pictures, -1, 1), "channels_first")), 1, -1), expected
    )
    if name != "elastic":
        np.testing.assert_allclose(f(pictures[0], "channels_last"), expected[0])


@pytest.mark.parametrize("name", UNCHANGING)
def test_derivatives(name, pictures):
    check_gradients(lambda x: ops.sum(ops.sin(3 * UNCHANGING[name](x, None))), pictures[:1], order=1)


@pytest.mark.parametrize("name", UNCHANGING)
def test_captured_equals_eager(name, pictures):
    f = jit(lambda x: UNCHANGING[name](x, None))
    x = pictures.astype("float32")
    for y in (x, x[::-1].copy(), x):
        np.testing.assert_array_equal(f(y), UNCHANGING[name](y, None))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("antialias", [False, True])
def test_resizing_keeps_what_is_the_same_everywhere(interpolation, antialias):
    for size in ((3, 2), (9, 11), (5, 6)):
        y = image.resize(np.full((5, 6, 1), 0.7), size, interpolation, antialias=antialias)
        np.testing.assert_allclose(y, np.full((*size, 1), 0.7))


def test_antialiasing_counts_every_pixel(rng):
    x = rng.random((8, 8, 1))
    y = image.resize(x, (2, 2), antialias=True)
    assert np.all(np.asarray(gradients.grad(lambda x: ops.sum(image.resize(x, (2, 2), antialias=True)))(x)) > 0)
    assert ops.mean(y).item() == pytest.approx(x.mean(), abs=0.1)


def test_integers_are_rounded_and_kept_in_range():
    x = np.array([[[0], [255]]], "uint8")
    y = image.resize(x, (1, 8), "bicubic")
    assert y.dtype == "uint8" and y.numpy().min() == 0 and y.numpy().max() == 255
    assert image.resize(np.array([[[True], [False]]]), (1, 4)).dtype == bool


@given(st.integers(0, 2**32 - 1), st.sampled_from(MODES), st.sampled_from([0, 1]))
def test_coordinates_of_the_array_give_the_array(seed, mode, order):
    x = np.random.default_rng(seed).standard_normal((3, 4))
    np.testing.assert_allclose(image.map_coordinates(x, np.indices(x.shape).astype(float), order, mode), x)


@pytest.mark.parametrize(
    ("mode", "padding"), [("nearest", "edge"), ("wrap", "wrap"), ("mirror", "reflect"), ("reflect", "symmetric")]
)
def test_what_lies_outside(mode, padding):
    x = np.arange(4.0)
    places = np.arange(-3.0, 7.0)
    np.testing.assert_array_equal(image.map_coordinates(x, places[None], 1, mode), np.pad(x, 3, padding))
    y = image.map_coordinates(x, places[None], 0, "constant", 9.0)
    np.testing.assert_array_equal(y, np.pad(x, 3, constant_values=9.0))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1])
def test_sampling_is_its_composition_compiled_or_not(mode, order, rng):
    """Places of lines and columns, and of each pixel; near and far; channels first; NaN and infinite ones."""
    how = {"order": order, "fill_mode": mode, "fill_value": 0.25}
    grey, colored = (rng.standard_normal(s).astype("float32") for s in ((2, 5, 7, 1), (3, 4, 3, 6)))
    cases = [
        (grey, (2, 4, 1), (2, 1, 300)),
        (np.moveaxis(colored, 1, -1), (3, 3, 6), (3, 3, 6)),
        (grey, (4, 9), (1, 9)),
        (grey[:, :1, :1], (2, 3, 3), (1, 3, 3)),
    ]
    drawn = []
    for x, *shapes in cases:
        rows, columns = (rng.uniform(-9, 15, shape).astype("float32") for shape in shapes)
        rows.flat[:3] = 0.0, -1.0, 2.5
        columns.flat[:8] = np.nan, np.inf, -np.inf, 1e5, -0.5, 0.5, -2.0, 6.0
        drawn += [x, rows, columns]

    def f(*xs):
        return [grid_sample(*xs[k : k + 3], **how) for k in range(0, len(xs), 3)]

    with np.errstate(invalid="ignore"):
        eager = f(*drawn)
        for (x, rows, columns), y in zip([drawn[k : k + 3] for k in range(0, len(drawn), 3)], eager, strict=True):
            table = ops.reshape(x, (-1, x.shape[-1]))
            places = ops.array(rows), ops.array(columns)
            composed = sampled(table, _starts(x.shape), places, x.shape[1:3], *how.values())
            np.testing.assert_allclose(y, composed, rtol=1e-5, atol=1e-5)
        fast = jit(f)
        fast(*drawn)
        for one, other in zip(fast(*drawn), eager, strict=True):
            np.testing.assert_array_equal(one, other)


def test_derivative_along_the_coordinates(rng):
    places = np.array([[0.3, 1.6, 2.4], [1.2, 0.7, 2.9]])
    check_gradients(lambda x, p: ops.sum(image.map_coordinates(x, p, 1) ** 2), rng.standard_normal((4, 4)), places)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transforms(interpolation, pictures):
    same = image.affine_transform(pictures, IDENTITY, interpolation)
    np.testing.assert_allclose(same, pictures)
    moved = image.affine_transform(pictures, [1, 0, 2, 0, 1, -1, 0, 0], interpolation)  # left by two, down by one
    np.testing.assert_allclose(np.asarray(moved)[:, 1:, :-2], pictures[:, :-1, 2:])
    assert not np.asarray(moved)[:, 0].any() and not np.asarray(moved)[:, :, -2:].any()
    each = image.affine_transform(pictures, [IDENTITY, [-1, 0, 5, 0, 1, 0, 0, 0]], interpolation)
    np.testing.assert_allclose(each, [pictures[0], pictures[1][:, ::-1]], atol=1e-12)


def test_perspective_that_is_none(pictures):
    corners = np.array([[0, 0], [0, 4], [5, 0], [5, 4]], float)
    np.testing.assert_allclose(image.perspective_transform(pictures, corners, corners), pictures, atol=1e-6)
    shifted = image.perspective_transform(pictures, corners, corners + [1, 0])
    np.testing.assert_allclose(np.asarray(shifted)[:, :, 1:], pictures[:, :, :-1], atol=1e-6)


def test_elastic_transforms_repeat(pictures):
    utils.set_random_seed(3)
    first = image.elastic_transform(pictures, sigma=2.0)
    second = image.elastic_transform(pictures, sigma=2.0)
    utils.set_random_seed(3)
    np.testing.assert_array_equal(image.elastic_transform(pictures, sigma=2.0), first)
    assert np.any(np.asarray(first) != np.asarray(second))
    np.testing.assert_allclose(image.elastic_transform(pictures, alpha=0.0), pictures)


def test_colours_and_back(pictures):
    np.testing.assert_allclose(image.hsv_to_rgb(image.rgb_to_hsv(pictures)), pictures, atol=1e-12)
    assert image.rgb_to_hsv(np.array([[[0.5, 0.5, 0.5]]])).tolist() == [[[0.0, 0.0, 0.5]]]
    assert np.all(np.isfinite(gradients.grad(lambda x: ops.sum(image.rgb_to_hsv(x)))(np.zeros((1, 1, 3)))))


def test_blur_keeps_the_sum_inside():
    x = np.zeros((9, 9, 1))
    x[4, 4] = 1
    y = np.asarray(image.gaussian_blur(x, (5, 3), (1.0, 2.0)))[..., 0]
    assert y.sum() == pytest.approx(1)
    assert np.count_nonzero(y.sum(1)) == 5 and np.count_nonzero(y.sum(0)) == 3
    np.testing.assert_allclose(np.outer(y.sum(1), y.sum(0)), y, atol=1e-12)


def test_similarity(pictures, rng):
    assert image.ssim(pictures, pictures, filter_size=3).tolist() == pytest.approx([1.0, 1.0])
    noisy = pictures + rng.normal(0, 0.3, pictures.shape)
    assert image.ssim(pictures[0], noisy[0], filter_size=3).item() < 0.9
    check_gradients(lambda x, y: ops.sum(image.ssim(x, y, filter_size=3)), pictures[:1], noisy[:1], order=1)


def test_edges():
    x = np.tile(np.arange(5.0)[None, None, :, None], (1, 4, 1, 1))
    y = np.asarray(image.sobel_edges(x))
    assert y.shape == (1, 4, 5, 1, 2)
    assert not y[0, 1:3, :, 0, 0].any() and (y[0, 1:3, 1:4, 0, 1] == 8).all()


def test_scale_and_translate(rng):
    x = rng.standard_normal((4, 6, 2))
    same = image.scale_and_translate(x, x.shape, [1.0, 1.0], [0.0, 0.0], (0, 1), "cubic")
    np.testing.assert_allclose(same, x)
    resized = image.scale_and_translate(x, (8, 3, 2), [2.0, 0.5], [0.0, 0.0], (0, 1), "linear", antialias=False)
    np.testing.assert_allclose(resized, image.resize(x, (8, 3)))


@pytest.mark.parametrize(
    ("f", "error", "says"),
    [
        (lambda x: image.resize(x, 3), ArgumentError, "height, width"),
        (lambda x: image.resize(x, (3, 3), "linear"), ArgumentError, "bilinear"),
        (lambda x: image.resize(x[0, 0], (3, 3)), ShapeError, "expand_dims"),
        (lambda x: image.resize(x, (3, 3), fill_mode="wrap"), ArgumentError, "constant"),
        (lambda x: image.resize(x, (3, 3), "nearest", False, True, True), ArgumentError, "not both"),
        (lambda x: image.affine_transform(x, np.zeros((3, 8))), ShapeError, r"\(2, 8\)"),
        (lambda x: image.affine_transform(x, IDENTITY, "bicubic"), ArgumentError, "bilinear"),
        (lambda x: image.affine_transform(x, IDENTITY, fill_mode="edge"), ArgumentError, "reflect"),
        (lambda x: image.map_coordinates(x, np.zeros((3, 2)), 1), ShapeError, "one row for each axis"),
        (lambda x: image.map_coordinates(x, np.zeros((4, 2)), 3), ArgumentError, "order 0"),
        (lambda x: image.perspective_transform(x, np.zeros((4, 2)), np.zeros((3, 2))), ShapeError, "one shape"),
        (lambda x: image.pad_images(x, 1, 1), ArgumentError, "exactly two"),
        (lambda x: image.pad_images(x, 1, 1, target_height=2, target_width=9), ArgumentError, "at least 0"),
        (lambda x: image.crop_images(x, 4, 1, 4, 1), ArgumentError, "leave nothing"),
        (lambda x: image.rgb_to_hsv(x.astype(int)), DtypeError, "divide by 255"),
        (lambda x: image.rgb_to_grayscale(x[..., :2]), ShapeError, "3 channels"),
        (lambda x: image.gaussian_blur(x, 3), ArgumentError, "two numbers"),
        (lambda x: image.sobel_edges(x[0]), ShapeError, "batch"),
        (lambda x: image.ssim(x, x), ShapeError, "filter_size"),
        (lambda x: image.ssim(x, x[:1]), ShapeError, "one shape"),
        (lambda x: image.scale_and_translate(x, x.shape, [1.0], [0.0], (1,), "nearest"), ArgumentError, "method"),
        (
            lambda x: image.scale_and_translate(x, (1, 5, 6, 3), [1.0], [0.0], (1,), "linear"),
            ShapeError,
            "cannot become",
        ),
    ],
)
def test_errors(f, error, says, pictures):
    with pytest.raises(error, match=says):
        f(pictures)
