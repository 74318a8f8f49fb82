"""Floor 7: data sets by name, each a module with `load_data()`, or `load_texts()` for texts.

A data set is looked for in the folder `datasets` under AUTONET_HOME (default `~/.autonet`), then downloaded from its
public home if it has one. `digits` comes with the package.
"""

from autonet import lazy as _lazy
from autonet.datasets import boston_housing as boston_housing
from autonet.datasets import california_housing as california_housing
from autonet.datasets import cifar10 as cifar10
from autonet.datasets import cifar100 as cifar100
from autonet.datasets import digits as digits
from autonet.datasets import fashion_mnist as fashion_mnist
from autonet.datasets import imdb as imdb
from autonet.datasets import mnist as mnist
from autonet.datasets import reuters as reuters
from autonet.datasets import student_admissions as student_admissions

_lazy.publish(
    __name__,
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
    "student_admissions",
)
