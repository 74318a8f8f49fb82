"""Fashion-MNIST: 70,000 pictures of clothes, 28 x 28 pixels, in ten classes (Xiao, Rasul, Vollgraf, 2017)."""

import gzip
import math
import os

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets.files import ADVICE, check_shape, damaged, find, read_bounded, read_npz
from autonet.datasets.mnist import SHAPES
from autonet.errors import DataError
from autonet.utils import files

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FOLDER = "fashion-mnist"
PARTS = {  # array: (file, its SHA-256)
    "y_train": ("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    "x_train": ("train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    "y_test": ("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    "x_test": ("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
}
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@filters_traceback
def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The pictures in their original order; `CLASSES` names the labels.

    They are read from `fashion_mnist.npz` in the folder of data sets (x_train, y_train, x_test, y_test) if that is
    there, else from the four original files in its subfolder `fashion-mnist`, which are downloaded when missing.

    Returns: `(x_train, y_train), (x_test, y_test)`: grey values 0 to 255, shapes (60000, 28, 28) and (10000, 28, 28),
        labels 0 to 9, shapes (60000,) and (10000,), all uint8.

    Raises: DataError if a file is damaged, or neither there nor to be downloaded.

    Source: https://arxiv.org/abs/1708.07747, https://github.com/zalandoresearch/fashion-mnist (MIT)
    """
    single = files.home() / "datasets" / "fashion_mnist.npz"
    if single.is_file():
        arrays = read_npz(single, SHAPES)
    else:
        arrays = {}
        for name, (file, sha256) in PARTS.items():
            path = find(f"{FOLDER}/{file}", URL + file, sha256, f"the four original files {file}, ...")
            arrays[name] = read_idx(path)
            check_shape(path, name, arrays[name], SHAPES[name])
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of bytes in a gzipped IDX file: two zeros, type 8, the number of axes, their lengths, the bytes."""
    with damaged(path):
        with gzip.open(path) as file:
            content = read_bounded(file, path)  # type: ignore[arg-type]
        axes = content[3] if len(content) > 3 else 0
        head = 4 + 4 * axes
        shape = tuple(np.frombuffer(content[4:head], ">u4").tolist())
        if content[:3] != b"\0\0\x08" or len(content) != head + math.prod(shape):
            raise DataError(f"{path} is no whole IDX file of bytes. {ADVICE}")
        return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()
