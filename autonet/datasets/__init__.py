"""Floor 7: data sets by name, each a module with `load_data()`.

A data set is looked for in the folder `datasets` under AUTONET_HOME (default `~/.autonet`), then downloaded from its
public home. `digits` comes with the package.
"""

from autonet.datasets import digits as digits
from autonet.datasets import fashion_mnist as fashion_mnist
from autonet.datasets import mnist as mnist
