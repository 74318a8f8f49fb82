"""CIFAR-100: 60,000 coloured pictures, 32 x 32 pixels, in 100 classes of 20 groups (Krizhevsky, 2009)."""

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets import cifar
from autonet.datasets.files import find
from autonet.errors import unknown

FILE = "cifar-100-python.tar.gz"
URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
FOLDER = "cifar-100-python"


@filters_traceback
def load_data(label_mode: str = "fine") -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The pictures in their original order.

    They are read from the original archive `cifar-100-python.tar.gz` in the folder of data sets.

    Args:
        label_mode: "fine": labels are the classes, 0 to 99; "coarse": the groups, 0 to 19.

    Returns: `(x_train, y_train), (x_test, y_test)`: red, green and blue from 0 to 255, uint8, shapes (50000, 32, 32, 3)
        and (10000, 32, 32, 3), labels, int64, shapes (50000, 1) and (10000, 1). Colours come before height and width
        where `config.image_data_format()` is "channels_first".

    Raises: DataError if the file is damaged, or neither there nor to be downloaded.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html
    """
    if label_mode not in ("fine", "coarse"):
        raise unknown("label_mode", label_mode, ("fine", "coarse"))
    path = find(FILE, URL, SHA256, "the original archive, as it is")
    train, test = (cifar.read(path, [f"{FOLDER}/{part}"], f"{label_mode}_labels") for part in ("train", "test"))
    return train, test
