"""Settings of the whole process under Keras's names: the default float, the fuzz factor, where images keep channels."""

from autonet.core.dtypes import epsilon as epsilon
from autonet.core.dtypes import floatx as floatx
from autonet.core.dtypes import set_epsilon as set_epsilon
from autonet.core.dtypes import set_floatx as set_floatx
from autonet.ops.windows import image_data_format as image_data_format
from autonet.ops.windows import set_image_data_format as set_image_data_format


def backend() -> str:
    """What does the arithmetic: always "numpy"."""
    return "numpy"
