"""Floor 2: differentiable mathematics, named and called as in `keras.ops`.

A primitive stands with its derivative beside it; what needs none of its own is composed of primitives. Rooms that most
programs never enter are loaded when one of their names is first used.
"""

from importlib import import_module as _import_module

from autonet import lazy as _lazy
from autonet.ops import operators as _operators  # noqa: F401  # gives Tensor its operators
from autonet.ops.abstract import make_symbolic as _make_symbolic
from autonet.ops.adaptive import adaptive_average_pool as adaptive_average_pool
from autonet.ops.adaptive import adaptive_max_pool as adaptive_max_pool
from autonet.ops.attention import dot_product_attention as dot_product_attention
from autonet.ops.comparison import bitwise_and as bitwise_and
from autonet.ops.comparison import bitwise_invert as bitwise_invert
from autonet.ops.comparison import bitwise_left_shift as bitwise_left_shift
from autonet.ops.comparison import bitwise_not as bitwise_not
from autonet.ops.comparison import bitwise_or as bitwise_or
from autonet.ops.comparison import bitwise_right_shift as bitwise_right_shift
from autonet.ops.comparison import bitwise_xor as bitwise_xor
from autonet.ops.comparison import ceil as ceil
from autonet.ops.comparison import equal as equal
from autonet.ops.comparison import floor as floor
from autonet.ops.comparison import floor_divide as floor_divide
from autonet.ops.comparison import greater as greater
from autonet.ops.comparison import greater_equal as greater_equal
from autonet.ops.comparison import isclose as isclose
from autonet.ops.comparison import isfinite as isfinite
from autonet.ops.comparison import isinf as isinf
from autonet.ops.comparison import isnan as isnan
from autonet.ops.comparison import left_shift as left_shift
from autonet.ops.comparison import less as less
from autonet.ops.comparison import less_equal as less_equal
from autonet.ops.comparison import logical_and as logical_and
from autonet.ops.comparison import logical_not as logical_not
from autonet.ops.comparison import logical_or as logical_or
from autonet.ops.comparison import logical_xor as logical_xor
from autonet.ops.comparison import not_equal as not_equal
from autonet.ops.comparison import right_shift as right_shift
from autonet.ops.comparison import round as round
from autonet.ops.comparison import sign as sign
from autonet.ops.comparison import signbit as signbit
from autonet.ops.comparison import trunc as trunc
from autonet.ops.convolution import conv as conv
from autonet.ops.convolution import conv_transpose as conv_transpose
from autonet.ops.convolution import depthwise_conv as depthwise_conv
from autonet.ops.convolution import separable_conv as separable_conv
from autonet.ops.creation import arange as arange
from autonet.ops.creation import array as array
from autonet.ops.creation import cast as cast
from autonet.ops.creation import convert_to_numpy as convert_to_numpy
from autonet.ops.creation import convert_to_tensor as convert_to_tensor
from autonet.ops.creation import empty as empty
from autonet.ops.creation import eye as eye
from autonet.ops.creation import full as full
from autonet.ops.creation import full_like as full_like
from autonet.ops.creation import identity as identity
from autonet.ops.creation import is_tensor as is_tensor
from autonet.ops.creation import linspace as linspace
from autonet.ops.creation import logspace as logspace
from autonet.ops.creation import ndim as ndim
from autonet.ops.creation import one_hot as one_hot
from autonet.ops.creation import ones as ones
from autonet.ops.creation import ones_like as ones_like
from autonet.ops.creation import shape as shape
from autonet.ops.creation import size as size
from autonet.ops.creation import tri as tri
from autonet.ops.creation import zeros as zeros
from autonet.ops.creation import zeros_like as zeros_like
from autonet.ops.crossentropy import binary_crossentropy as binary_crossentropy
from autonet.ops.crossentropy import categorical_crossentropy as categorical_crossentropy
from autonet.ops.crossentropy import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from autonet.ops.identity import detach as stop_gradient  # noqa: F401
from autonet.ops.indexing import nonzero as nonzero
from autonet.ops.indexing import scatter as scatter
from autonet.ops.indexing import scatter_update as scatter_update
from autonet.ops.indexing import slice as slice
from autonet.ops.indexing import slice_update as slice_update
from autonet.ops.indexing import take as take
from autonet.ops.indexing import take_along_axis as take_along_axis
from autonet.ops.linalg import cholesky as cholesky
from autonet.ops.linalg import cholesky_inverse as cholesky_inverse
from autonet.ops.linalg import eigh as eigh
from autonet.ops.linalg import lstsq as lstsq
from autonet.ops.linalg import lu_factor as lu_factor
from autonet.ops.linalg import matrix_rank as matrix_rank
from autonet.ops.linalg import norm as norm
from autonet.ops.linalg import pinv as pinv
from autonet.ops.linalg import qr as qr
from autonet.ops.linalg import svd as svd
from autonet.ops.nn import celu as celu
from autonet.ops.nn import elu as elu
from autonet.ops.nn import gelu as gelu
from autonet.ops.nn import glu as glu
from autonet.ops.nn import hard_shrink as hard_shrink
from autonet.ops.nn import hard_sigmoid as hard_sigmoid
from autonet.ops.nn import hard_silu as hard_silu
from autonet.ops.nn import hard_swish as hard_swish
from autonet.ops.nn import hard_tanh as hard_tanh
from autonet.ops.nn import leaky_relu as leaky_relu
from autonet.ops.nn import log_sigmoid as log_sigmoid
from autonet.ops.nn import log_softmax as log_softmax
from autonet.ops.nn import multi_hot as multi_hot
from autonet.ops.nn import relu as relu
from autonet.ops.nn import relu6 as relu6
from autonet.ops.nn import selu as selu
from autonet.ops.nn import sigmoid as sigmoid
from autonet.ops.nn import silu as silu
from autonet.ops.nn import soft_shrink as soft_shrink
from autonet.ops.nn import softmax as softmax
from autonet.ops.nn import softplus as softplus
from autonet.ops.nn import softsign as softsign
from autonet.ops.nn import sparse_plus as sparse_plus
from autonet.ops.nn import sparse_sigmoid as sparse_sigmoid
from autonet.ops.nn import sparsemax as sparsemax
from autonet.ops.nn import squareplus as squareplus
from autonet.ops.nn import swish as swish
from autonet.ops.nn import tanh_shrink as tanh_shrink
from autonet.ops.nn import threshold as threshold
from autonet.ops.normalization import batch_normalization as batch_normalization
from autonet.ops.normalization import batch_normalize as batch_normalize
from autonet.ops.normalization import layer_normalization as layer_normalization
from autonet.ops.normalization import moments as moments
from autonet.ops.normalization import normalize as normalize
from autonet.ops.normalization import rms_normalization as rms_normalization
from autonet.ops.padding import pad as pad
from autonet.ops.pointwise import abs as abs
from autonet.ops.pointwise import absolute as absolute
from autonet.ops.pointwise import add as add
from autonet.ops.pointwise import cbrt as cbrt
from autonet.ops.pointwise import clip as clip
from autonet.ops.pointwise import divide as divide
from autonet.ops.pointwise import exp as exp
from autonet.ops.pointwise import exp2 as exp2
from autonet.ops.pointwise import expm1 as expm1
from autonet.ops.pointwise import hypot as hypot
from autonet.ops.pointwise import log as log
from autonet.ops.pointwise import log1p as log1p
from autonet.ops.pointwise import log2 as log2
from autonet.ops.pointwise import log10 as log10
from autonet.ops.pointwise import logaddexp as logaddexp
from autonet.ops.pointwise import maximum as maximum
from autonet.ops.pointwise import minimum as minimum
from autonet.ops.pointwise import mod as mod
from autonet.ops.pointwise import multiply as multiply
from autonet.ops.pointwise import nan_to_num as nan_to_num
from autonet.ops.pointwise import negative as negative
from autonet.ops.pointwise import power as power
from autonet.ops.pointwise import reciprocal as reciprocal
from autonet.ops.pointwise import rsqrt as rsqrt
from autonet.ops.pointwise import sqrt as sqrt
from autonet.ops.pointwise import square as square
from autonet.ops.pointwise import subtract as subtract
from autonet.ops.pointwise import true_divide as true_divide
from autonet.ops.pointwise import where as where
from autonet.ops.pooling import average_pool as average_pool
from autonet.ops.pooling import max_pool as max_pool
from autonet.ops.products import dot as dot
from autonet.ops.products import einsum as einsum
from autonet.ops.products import inner as inner
from autonet.ops.products import matmul as matmul
from autonet.ops.products import outer as outer
from autonet.ops.products import tensordot as tensordot
from autonet.ops.products import trace as trace
from autonet.ops.products import vdot as vdot
from autonet.ops.reduction import all as all
from autonet.ops.reduction import amax as amax
from autonet.ops.reduction import amin as amin
from autonet.ops.reduction import any as any
from autonet.ops.reduction import argmax as argmax
from autonet.ops.reduction import argmin as argmin
from autonet.ops.reduction import average as average
from autonet.ops.reduction import count_nonzero as count_nonzero
from autonet.ops.reduction import cumprod as cumprod
from autonet.ops.reduction import cumsum as cumsum
from autonet.ops.reduction import logsumexp as logsumexp
from autonet.ops.reduction import max as max
from autonet.ops.reduction import mean as mean
from autonet.ops.reduction import median as median
from autonet.ops.reduction import min as min
from autonet.ops.reduction import prod as prod
from autonet.ops.reduction import ptp as ptp
from autonet.ops.reduction import quantile as quantile
from autonet.ops.reduction import std as std
from autonet.ops.reduction import sum as sum
from autonet.ops.reduction import var as var
from autonet.ops.shaping import broadcast_to as broadcast_to
from autonet.ops.shaping import concatenate as concatenate
from autonet.ops.shaping import diag as diag
from autonet.ops.shaping import diagonal as diagonal
from autonet.ops.shaping import expand_dims as expand_dims
from autonet.ops.shaping import flip as flip
from autonet.ops.shaping import hstack as hstack
from autonet.ops.shaping import moveaxis as moveaxis
from autonet.ops.shaping import ravel as ravel
from autonet.ops.shaping import repeat as repeat
from autonet.ops.shaping import reshape as reshape
from autonet.ops.shaping import roll as roll
from autonet.ops.shaping import split as split
from autonet.ops.shaping import squeeze as squeeze
from autonet.ops.shaping import stack as stack
from autonet.ops.shaping import swapaxes as swapaxes
from autonet.ops.shaping import tile as tile
from autonet.ops.shaping import transpose as transpose
from autonet.ops.shaping import tril as tril
from autonet.ops.shaping import triu as triu
from autonet.ops.shaping import unstack as unstack
from autonet.ops.shaping import vstack as vstack
from autonet.ops.solving import det as det
from autonet.ops.solving import inv as inv
from autonet.ops.solving import logdet as logdet
from autonet.ops.solving import slogdet as slogdet
from autonet.ops.solving import solve as solve
from autonet.ops.solving import solve_triangular as solve_triangular
from autonet.ops.sorting import argpartition as argpartition
from autonet.ops.sorting import argsort as argsort
from autonet.ops.sorting import in_top_k as in_top_k
from autonet.ops.sorting import searchsorted as searchsorted
from autonet.ops.sorting import sort as sort
from autonet.ops.sorting import top_k as top_k
from autonet.ops.sorting import top_k_indices as top_k_indices
from autonet.ops.special import digamma as digamma
from autonet.ops.special import erf as erf
from autonet.ops.special import erfc as erfc
from autonet.ops.special import erfinv as erfinv
from autonet.ops.special import lgamma as lgamma
from autonet.ops.special import polygamma as polygamma
from autonet.ops.trigonometry import arccos as arccos
from autonet.ops.trigonometry import arccosh as arccosh
from autonet.ops.trigonometry import arcsin as arcsin
from autonet.ops.trigonometry import arcsinh as arcsinh
from autonet.ops.trigonometry import arctan as arctan
from autonet.ops.trigonometry import arctan2 as arctan2
from autonet.ops.trigonometry import arctanh as arctanh
from autonet.ops.trigonometry import cos as cos
from autonet.ops.trigonometry import cosh as cosh
from autonet.ops.trigonometry import deg2rad as deg2rad
from autonet.ops.trigonometry import rad2deg as rad2deg
from autonet.ops.trigonometry import sin as sin
from autonet.ops.trigonometry import sinh as sinh
from autonet.ops.trigonometry import tan as tan
from autonet.ops.trigonometry import tanh as tanh

_make_symbolic(globals())

_LATER = {  # rooms and the names that they have for others
    "composed_shaping": """append array_split depth_to_space diagflat dsplit dstack empty_like fliplr flipud geomspace get_item
        hsplit meshgrid rearrange rot90 space_to_depth vander vsplit""",
    "control": "associative_scan cond fori_loop map scan switch vectorize vectorized_map while_loop",
    "ctc": "ctc_loss",
    "decoding": "ctc_decode",
    "miscellaneous": """allclose angle conj conjugate copy divide_no_nan dtype fabs fmax fmin fmod gcd heaviside i0 imag
        isneginf isposinf isreal lcm ldexp logaddexp2 nextafter real saturate_cast sinc unravel_index view""",
    "fourier": "bartlett blackman fft fft2 hamming hanning ifft2 irfft istft kaiser rfft stft",
    "image": "",
    "numpy": "",
    "patches": "extract_sequences fold unfold",
    "segments": """bincount digitize histogram isin segment_max segment_min segment_prod segment_sum unique""",
    "statistics": """cdist corrcoef correlate cross diff kron nanargmax nanargmin nancumprod nancumsum nanmax nanmean
        nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar percentile psnr select trapezoid""",
}
_HOMES = {
    "custom_gradient": "autonet.gradients",
    "jvp": "autonet.gradients",
    **{name: f"autonet.ops.{room}" for room, names in _LATER.items() for name in names.split()},
}


def __getattr__(name: str):
    if name in _HOMES:
        found = {name: getattr(_import_module(_HOMES[name]), name)}
        _make_symbolic(found)
        value = found[name]
    elif name in _LATER:
        value = _import_module(f"autonet.ops.{name}")
    else:
        from autonet.legacy import find

        return find(__name__, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "image", "numpy"})


_lazy.publish(__name__, "image")
