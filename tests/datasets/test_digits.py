import os

import numpy as np
import pytest

from autonet.datasets import digits
from autonet.datasets.files import read_npz
from autonet.utils.files import home


def test_shapes_and_values():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8) and x_test.shape == (359, 8, 8)
    assert y_train.shape == (1438,) and y_test.shape == (359,)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert x_train.min() == 0 and x_train.max() == 16
    assert x_train.flags.c_contiguous and x_test.flags.c_contiguous


def test_one_in_five_of_each_digit_is_held_out():
    (_, y_train), (_, y_test) = digits.load_data()
    train, test = np.bincount(y_train), np.bincount(y_test)
    assert (train + test).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.all(np.abs(test / (train + test) - 0.2) < 0.01)


def test_the_split_is_always_the_same_and_loses_nothing():
    first, second = digits.load_data(), digits.load_data()
    assert all(np.array_equal(a, b) for p, q in zip(first, second, strict=True) for a, b in zip(p, q, strict=True))
    with np.load(digits.FILE) as content:
        whole = content["x"]
    parts = np.concatenate([first[0][0], first[1][0]])
    assert sorted(map(bytes, parts)) == sorted(map(bytes, whole))
    # the third "0" in the file is the first picture that is held out
    assert np.array_equal(first[1][0][first[1][1] == 0][0], whole[np.flatnonzero(content_labels() == 0)[2]])


def content_labels():
    with np.load(digits.FILE) as content:
        return content["y"]


def test_arrays_are_the_callers_own():
    (x, _), _ = digits.load_data()
    x[:] = 99
    assert digits.load_data()[0][0].max() == 16


def test_the_file_is_small_and_credited():
    assert os.path.getsize(digits.FILE) <= 45_000
    assert "CC BY 4.0" in digits.__doc__ and "Alpaydin" in digits.__doc__


@pytest.mark.real_data("digits.npz")
def test_the_bundled_pictures_are_the_original_ones():
    shapes = {"x": (1797, 8, 8), "y": (1797,)}
    ours, original = read_npz(digits.FILE, shapes), read_npz(home() / "datasets" / "digits.npz", shapes)
    assert all(np.array_equal(ours[name], original[name]) for name in shapes)
