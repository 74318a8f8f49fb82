"""CIFAR-10: 60,000 coloured pictures, 32 x 32 pixels, in ten classes (Krizhevsky, 2009)."""

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets import cifar
from autonet.datasets.files import find

FILE = "cifar-10-python.tar.gz"
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
FOLDER = "cifar-10-batches-py"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@filters_traceback
def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The pictures in their original order; `CLASSES` names the labels.

    They are read from the original archive `cifar-10-python.tar.gz` in the folder of data sets.

    Returns: `(x_train, y_train), (x_test, y_test)`: red, green and blue from 0 to 255, shapes (50000, 32, 32, 3) and
        (10000, 32, 32, 3), labels 0 to 9, shapes (50000, 1) and (10000, 1), all uint8. Colours come before height and
        width where `config.image_data_format()` is "channels_first".

    Raises: DataError if the file is damaged, or neither there nor to be downloaded.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html
    """
    path = find(FILE, URL, SHA256, "the original archive, as it is")
    x_train, y_train = cifar.read(path, [f"{FOLDER}/data_batch_{i}" for i in range(1, 6)], "labels")
    x_test, y_test = cifar.read(path, [f"{FOLDER}/test_batch"], "labels")
    return (x_train, y_train.astype(np.uint8)), (x_test, y_test.astype(np.uint8))
