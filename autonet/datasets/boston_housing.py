"""Boston housing: 506 districts with 13 numbers each, and the median value of their houses (Harrison, Rubinfeld, 1978).

One of its columns was made from the share of Black inhabitants, on the assumption that prices rise with segregation; the
data are here for the programs that need them. `california_housing` does for others.
"""

from autonet.common.lines import filters_traceback
from autonet.datasets import housing
from autonet.datasets.files import find

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/boston_housing.npz"
SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


@filters_traceback
def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> housing.Split:
    """The districts in an order drawn from `seed`, the same as Keras's.

    Args:
        path: name of the file in the folder of data sets, or an absolute path.
        test_split: the share for testing, from 0 to below 1: the last rows.
        seed: of the order.

    Returns: `(x_train, y_train), (x_test, y_test)`: features, shapes (404, 13) and (102, 13), and values in 1,000 dollars,
        shapes (404,) and (102,), all float64.

    Raises: DataError if the file is damaged, or neither there nor to be downloaded.

    Source: https://doi.org/10.1016/0095-0696(78)90006-2
    """
    housing.check_share(test_split)
    x, y = housing.read(find(path, URL, SHA256, housing.CONTENT), 13)
    return housing.split(x, y, test_split, seed)
