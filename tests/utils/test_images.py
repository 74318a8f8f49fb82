"""load_img, img_to_array, array_to_img, save_img."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import utils
from autonet.errors import ArgumentError, DataError, ShapeError

pytestmark = pytest.mark.extra("images")


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3, 4]), st.booleans(), st.integers(0, 99))
def test_a_picture_comes_back(height, width, channels, first, seed):
    x = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype("float32")
    order = "channels_first" if first else None
    x = x.transpose(2, 0, 1) if first else x
    file = io.BytesIO()
    utils.save_img(file, x, order, "png", scale=False)
    image = utils.load_img(file, {1: "grayscale", 3: "rgb", 4: "rgba"}[channels])
    again = utils.img_to_array(image, order)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, x)
    np.testing.assert_array_equal(utils.img_to_array(image, order, "uint8"), x)


def test_scaled_to_all_shades():
    x = np.array([[[-2.0], [0.0]], [[1.0], [2.0]]])
    assert utils.img_to_array(utils.array_to_img(x))[:, :, 0].tolist() == [[0, 127], [191, 255]]
    assert utils.img_to_array(utils.array_to_img(np.full((2, 2, 3), 7.0))).max() == 0
    deep = np.array([[[0.0], [70000.0]]])
    assert utils.img_to_array(utils.array_to_img(deep, scale=False)).ravel().tolist() == [0, 70000]


def test_loaded_in_another_size_and_mode(tmp_path):
    x = np.zeros((4, 8, 3), "uint8")
    x[:, 2:6] = 200  # the middle square
    utils.save_img(tmp_path / "x.png", x, scale=False)
    assert utils.load_img(str(tmp_path / "x.png"), target_size=(2, 6)).size == (6, 2)
    assert utils.img_to_array(utils.load_img(tmp_path / "x.png", "grayscale")).shape == (4, 8, 1)
    for how in ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"):
        square = utils.load_img(tmp_path / "x.png", "rgb", (2, 2), how, keep_aspect_ratio=True)
        assert square.size == (2, 2) and np.asarray(square).min() >= (
            200 if how in ("nearest", "box") else 150
        )  # blurred
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        utils.save_img(tmp_path / "x.jpg", np.ones((2, 2, 4)))
    assert utils.load_img(tmp_path / "x.jpg").mode == "RGB"
    utils.save_img(tmp_path / "y", utils.load_img(tmp_path / "x.png"), file_format="jpg")


def test_refusals(tmp_path):
    for call, error, told in (
        (lambda: utils.load_img("x", "gray"), ArgumentError, "grayscale"),
        (lambda: utils.load_img("x", target_size=3), ArgumentError, "height, width"),
        (lambda: utils.load_img("x", interpolation="cubic"), ArgumentError, "bicubic"),
        (lambda: utils.img_to_array(np.zeros(3)), ShapeError, "two or three"),
        (lambda: utils.array_to_img(np.zeros((2, 2))), ShapeError, "three axes"),
        (lambda: utils.array_to_img(np.zeros((2, 2, 2))), ShapeError, "channels"),
        (lambda: utils.array_to_img(np.full((2, 2, 3), np.nan)), DataError, "finite"),
        (lambda: utils.array_to_img(np.full((2, 2, 3), 300.0), scale=False), DataError, "0 to 255"),
        (lambda: utils.load_img(tmp_path / "none.png"), FileNotFoundError, "none.png"),
    ):
        with pytest.raises(error, match=told):
            call()
