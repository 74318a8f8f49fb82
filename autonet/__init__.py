"""autonet: neural networks with NumPy alone, under the API that Keras users know.

    import autonet as keras

    model = keras.Sequential([keras.layers.Dense(10, activation="softmax")])

Every package is an attribute (`autonet.layers`, `autonet.ops`, ...), loaded when it is first used.
"""

from importlib import import_module as _import_module
from sys import modules as _modules

from autonet import legacy as _legacy
from autonet import ops as ops  # gives Tensor its operators

__version__ = "0.1.0"

_PACKAGES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "gradients",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
)
_HOMES = {
    "Tensor": "core",
    "Variable": "core",
    "no_grad": "core",
    "jit": "compiler",
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
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Model": "models",
    "Sequential": "models",
}
__all__ = [*_HOMES, *_PACKAGES, "version"]

_legacy.install()


def version() -> str:
    """The version of autonet, such as "0.1.0"."""
    return __version__


def __getattr__(name: str):
    if name in _HOMES:
        value = getattr(_import_module(f"autonet.{_HOMES[name]}"), name)
    elif name in _PACKAGES:
        value = _import_module(f"autonet.{name}")
    else:
        raise AttributeError(f"autonet has no attribute {name!r}", name=name, obj=_modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
