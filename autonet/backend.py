"""What Keras keeps public of its back end's settings and questions, under its names; in old scripts also the functions."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet.common.dtypes import as_dtype as _as_dtype
from autonet.common.dtypes import result_type as result_type
from autonet.common.dtypes import standardize_dtype as standardize_dtype
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.types import Dtype
from autonet.config import backend as backend
from autonet.config import epsilon as epsilon
from autonet.config import floatx as floatx
from autonet.config import image_data_format as image_data_format
from autonet.config import set_epsilon as set_epsilon
from autonet.config import set_floatx as set_floatx
from autonet.config import set_image_data_format as set_image_data_format
from autonet.utils.arrays import is_keras_tensor as is_keras_tensor
from autonet.utils.naming import clear_session as clear_session
from autonet.utils.naming import get_uid as get_uid


def is_float_dtype(dtype: Dtype) -> bool:
    """Whether numbers of this element type have fractions.

    >>> is_float_dtype("float16"), is_float_dtype("int32")
    (True, False)
    """
    return _as_dtype(dtype).kind == "f"


def is_int_dtype(dtype: Dtype) -> bool:
    """Whether numbers of this element type are whole; so are booleans.

    >>> is_int_dtype("uint8"), is_int_dtype("bool"), is_int_dtype("float32")
    (True, True, False)
    """
    return _as_dtype(dtype).kind in "biu"


_filter_tracebacks(__name__)

if not _TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = _legacy.names(__name__)

_lazy.publish(__name__)
