"""Settings of the whole process under Keras's names: the default float, the fuzz factor, where images keep channels.

Beside Keras's: `set_debug_nans` and the context `debug_nans`, under which the first operation that makes a NaN or Inf is an
error; `set_threads` and `threads`, how many threads compute.
"""

from autonet.common.dtypes import epsilon as epsilon
from autonet.common.dtypes import floatx as floatx
from autonet.common.dtypes import set_epsilon as set_epsilon
from autonet.common.dtypes import set_floatx as set_floatx
from autonet.common.lines import disable_traceback_filtering as disable_traceback_filtering
from autonet.common.lines import enable_traceback_filtering as enable_traceback_filtering
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.lines import is_traceback_filtering_enabled as is_traceback_filtering_enabled
from autonet.compiler.c.runtime.library import set_threads as set_threads
from autonet.compiler.c.runtime.library import threads as threads
from autonet.ops.sliding_windows import image_data_format as image_data_format
from autonet.ops.sliding_windows import set_image_data_format as set_image_data_format
from autonet.training.nonfinite import debug_nans as debug_nans
from autonet.training.nonfinite import is_debug_nans_enabled as is_debug_nans_enabled
from autonet.training.nonfinite import set_debug_nans as set_debug_nans


def backend() -> str:
    """What does the arithmetic: always "numpy"."""
    return "numpy"


_filter_tracebacks(__name__)
