"""California housing: 20,640 districts of the census of 1990, and the median value of their houses (Pace, Barry, 1997)."""

from autonet.common.lines import filters_traceback
from autonet.datasets import housing
from autonet.datasets.files import find
from autonet.errors import unknown

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/california_housing.npz"
SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SMALL = 600  # rows of the small version


@filters_traceback
def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> housing.Split:
    """The districts in an order drawn from `seed`, the same as Keras's.

    Args:
        version: "large", or "small": the first 600 rows of the file.
        path: name of the file in the folder of data sets, or an absolute path.
        test_split: the share for testing, from 0 to below 1: the last rows.
        seed: of the order.

    Returns: `(x_train, y_train), (x_test, y_test)`: eight features (median income, age of houses, rooms and bedrooms per
        household, population, inhabitants per household, latitude, longitude), shapes (16512, 8) and (4128, 8), and
        values in dollars, shapes (16512,) and (4128,), with the file's dtypes.

    Raises: DataError if the file is damaged, or neither there nor to be downloaded.

    Source: https://doi.org/10.1016/S0167-7152(96)00140-X
    """
    housing.check_share(test_split)
    if version not in ("small", "large"):
        raise unknown("version", version, ("small", "large"))
    x, y = housing.read(find(path, URL, SHA256, housing.CONTENT), 8)
    n = SMALL if version == "small" else len(x)
    return housing.split(x[:n], y[:n], test_split, seed)
