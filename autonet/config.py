"""Settings of the whole process under Keras's names: the default float, the fuzz factor, where images keep channels.

What training shows, and where it ends early, for a first look: `disable_interactive_logging`, `set_max_epochs`,
`set_max_steps_per_epoch`. Dtypes of layers: `set_dtype_policy`.

Beside Keras's: `set_debug_nans` and the context `debug_nans`, under which the first operation that makes a NaN or Inf is an
error; `set_threads` and `threads`, how many threads compute.
"""

from autonet import lazy as _lazy
from autonet.common.dtypes import epsilon as epsilon
from autonet.common.dtypes import floatx as floatx
from autonet.common.dtypes import set_epsilon as set_epsilon
from autonet.common.dtypes import set_floatx as set_floatx
from autonet.common.lines import disable_traceback_filtering as disable_traceback_filtering
from autonet.common.lines import enable_traceback_filtering as enable_traceback_filtering
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.lines import is_traceback_filtering_enabled as is_traceback_filtering_enabled
from autonet.common.processors import threads as threads
from autonet.common.switches import disable_flash_attention as disable_flash_attention
from autonet.common.switches import disable_interactive_logging as disable_interactive_logging
from autonet.common.switches import enable_flash_attention as enable_flash_attention
from autonet.common.switches import enable_interactive_logging as enable_interactive_logging
from autonet.common.switches import enable_unsafe_deserialization as enable_unsafe_deserialization
from autonet.common.switches import is_flash_attention_enabled as is_flash_attention_enabled
from autonet.common.switches import is_interactive_logging_enabled as is_interactive_logging_enabled
from autonet.common.switches import is_nnx_enabled as is_nnx_enabled
from autonet.common.switches import max_epochs as max_epochs
from autonet.common.switches import max_steps_per_epoch as max_steps_per_epoch
from autonet.common.switches import set_max_epochs as set_max_epochs
from autonet.common.switches import set_max_steps_per_epoch as set_max_steps_per_epoch
from autonet.compiler.c.runtime.library import set_threads as set_threads
from autonet.dtype_policies import dtype_policy as dtype_policy
from autonet.dtype_policies import set_dtype_policy as set_dtype_policy
from autonet.errors import ArgumentError as _ArgumentError
from autonet.ops.sliding_windows import image_data_format as image_data_format
from autonet.ops.sliding_windows import set_image_data_format as set_image_data_format
from autonet.training.nonfinite import debug_nans as debug_nans
from autonet.training.nonfinite import is_debug_nans_enabled as is_debug_nans_enabled
from autonet.training.nonfinite import set_debug_nans as set_debug_nans


def backend() -> str:
    """What does the arithmetic: always "numpy"."""
    return "numpy"


def set_backend(backend: str) -> None:
    """Take "numpy", which it is anyway.

    Raises: ArgumentError for any other.
    """
    if backend != "numpy":
        raise _ArgumentError(f"autonet computes with NumPy; received set_backend({backend!r}). Leave that line out.")


_filter_tracebacks(__name__)

_lazy.publish(__name__)
