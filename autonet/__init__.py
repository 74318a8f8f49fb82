"""autonet: neural networks with NumPy alone, under the API that Keras users know.

    import autonet as keras

    model = keras.Sequential([keras.layers.Dense(10, activation="softmax")])

Every package is an attribute (`autonet.layers`, `autonet.ops`, ...), loaded when it is first used.
"""

import os as _os
import sys as _sys
import typing as _typing
import warnings as _warnings
from importlib import import_module as _import_module

if "numpy" not in _sys.modules:
    # its OpenBLAS reads this as it is loaded: threads wait 2^16 ticks for work, then leave their cores
    _os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")

from numpy.exceptions import ComplexWarning as _ComplexWarning

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet import ops as ops  # gives Tensor its operators
from autonet.common.allocation import keep_freed_memory as _keep_freed_memory
from autonet.core import large as _large
from autonet.variable import Variable as _Variable

if _typing.TYPE_CHECKING:  # what `__getattr__` finds, for editors and type checkers
    from autonet import activations as activations
    from autonet import applications as applications
    from autonet import backend as backend
    from autonet import callbacks as callbacks
    from autonet import config as config
    from autonet import constraints as constraints
    from autonet import datasets as datasets
    from autonet import distribution as distribution
    from autonet import dtype_policies as dtype_policies
    from autonet import errors as errors
    from autonet import gradients as gradients
    from autonet import initializers as initializers
    from autonet import layers as layers
    from autonet import legacy as legacy
    from autonet import linalg as linalg
    from autonet import losses as losses
    from autonet import metrics as metrics
    from autonet import mixed_precision as mixed_precision
    from autonet import models as models
    from autonet import optimizers as optimizers
    from autonet import preprocessing as preprocessing
    from autonet import random as random
    from autonet import regularizers as regularizers
    from autonet import saving as saving
    from autonet import tree as tree
    from autonet import tuner as tuner
    from autonet import utils as utils
    from autonet import wrappers as wrappers
    from autonet.compiler.jit import jit as jit
    from autonet.core import Tensor as Tensor
    from autonet.core import no_grad as no_grad
    from autonet.dtype_policies import DTypePolicy as DTypePolicy
    from autonet.dtype_policies import FloatDTypePolicy as FloatDTypePolicy
    from autonet.exporting import export as export
    from autonet.gradients import check_gradients as check_gradients
    from autonet.gradients import custom_gradient as custom_gradient
    from autonet.gradients import grad as grad
    from autonet.gradients import hessian as hessian
    from autonet.gradients import hvp as hvp
    from autonet.gradients import jacobian as jacobian
    from autonet.gradients import jvp as jvp
    from autonet.gradients import value_and_grad as value_and_grad
    from autonet.gradients import vjp as vjp
    from autonet.initializers import Initializer as Initializer
    from autonet.layers import Input as Input
    from autonet.layers import InputSpec as InputSpec
    from autonet.layers import Layer as Layer
    from autonet.layers.symbolic import KerasTensor as KerasTensor
    from autonet.layers.symbolic import Operation as Operation
    from autonet.losses import Loss as Loss
    from autonet.metrics import Metric as Metric
    from autonet.models import Function as Function
    from autonet.models import Model as Model
    from autonet.models import Sequential as Sequential
    from autonet.ops import stop_gradient as stop_gradient
    from autonet.optimizers import Optimizer as Optimizer
    from autonet.regularizers import Regularizer as Regularizer
    from autonet.stateless import StatelessScope as StatelessScope
    from autonet.variable import Variable as Variable
    from autonet.variable import name_scope as name_scope

# What overflows or is not a number is seen in the results, as in a captured step; config.debug_nans() names its operation.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"autonet\.(compiler|core|ops)\.")
_warnings.filterwarnings(
    "error", category=_ComplexWarning, module=r"autonet\."
)  # a RuntimeWarning too: half a number is lost

_keep_freed_memory()
_large.load = lambda: _import_module("autonet.compiler.large")
if _os.environ.get("AUTONET_DISTRIBUTION"):
    from autonet.distribution.parallel import join as _join

    _join(_os.environ["AUTONET_DISTRIBUTION"])
if _os.environ.get("AUTONET_THREADS"):  # counts for NumPy's own work too
    from autonet.common.processors import threads as _threads
    from autonet.compiler.c.runtime.library import tell_blas as _tell_blas

    _tell_blas(_threads())

__version__ = "0.1.0"
__docformat__ = "google"

_PACKAGES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distribution",
    "dtype_policies",
    "errors",
    "gradients",
    "initializers",
    "layers",
    "legacy",
    "linalg",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "tuner",
    "utils",
    "wrappers",
)
_HOMES = {
    "Tensor": "core",
    "Variable": "variable",
    "no_grad": "core",
    "jit": "compiler",
    "export": "exporting",
    "check_gradients": "gradients",
    "custom_gradient": "gradients",
    "grad": "gradients",
    "hessian": "gradients",
    "hvp": "gradients",
    "jacobian": "gradients",
    "jvp": "gradients",
    "stop_gradient": "ops",
    "value_and_grad": "gradients",
    "vjp": "gradients",
    "Initializer": "initializers",
    "Regularizer": "regularizers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "layers.symbolic",
    "Operation": "layers.symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "StatelessScope": "stateless",
    "name_scope": "variable",
    "Function": "models",
    "Model": "models",
    "Sequential": "models",
}
__all__ = [*_HOMES, *_PACKAGES, "version"]

_legacy.install()
_Variable._initializer_named = staticmethod(lambda name: _import_module("autonet.initializers").get(name))
_lazy.show("autonet.ops.image", {"elastic_transform": "autonet.random.elastic"})
_lazy.show("autonet.utils", {"expand": "autonet.layers.preprocessing.expansion"})
_lazy.show("autonet.utils", {"plot_graph": "autonet.pictures", "plot_model": "autonet.pictures"})


def version() -> str:
    """The version of autonet, such as "0.1.0"."""
    return __version__


if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> _typing.Any:
        if name in _HOMES:
            value = getattr(_import_module(f"autonet.{_HOMES[name]}"), name)
        elif name in _PACKAGES:
            value = _import_module(f"autonet.{name}")
        else:
            value = _legacy.find("autonet", name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
