"""MNIST: 70,000 handwritten digits, 28 x 28 pixels (LeCun, Cortes, Burges, 1998)."""

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets.files import find, read_npz

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
CONTENT = "arrays x_train, y_train, x_test, y_test in one .npz"
SHAPES = {"x_train": (None, 28, 28), "y_train": (None,), "x_test": (None, 28, 28), "y_test": (None,)}


@filters_traceback
def load_data(path: str = "mnist.npz") -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits in their original order.

    Args:
        path: name of the file in the folder of data sets, or an absolute path.

    Returns: `(x_train, y_train), (x_test, y_test)`: grey values 0 to 255, shapes (60000, 28, 28) and (10000, 28, 28),
        labels 0 to 9, shapes (60000,) and (10000,), all uint8.

    Raises: DataError if the file is damaged, or neither there nor to be downloaded.

    Source: http://yann.lecun.com/exdb/mnist/
    """
    arrays = read_npz(find(path, URL, SHA256, CONTENT), SHAPES)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
