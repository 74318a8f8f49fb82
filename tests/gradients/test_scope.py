"""Numbers that leave the record while a function is differentiated: a zero that they cause is an error."""

import copy
import importlib
import inspect
import pickle

import numpy as np
import pytest

import autonet
from autonet import Tensor, Variable, grad, layers, ops
from autonet.compiler.capture import CaptureError
from autonet.errors import GradientError
from autonet.models import Model

X, Y = np.ones((2, 2), "float32"), np.ones((2, 1), "float32")


def number(result):
    """One number of whatever a method returned."""
    if isinstance(result, autonet.callbacks.History):
        result = result.history["loss"]
    result = getattr(result, "batch_losses", result)  # of `lr_find`
    while isinstance(result, (list, tuple, dict)):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    return ops.sum(ops.convert_to_tensor(result))


def model():
    m = autonet.Sequential([autonet.Input((2,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    return m


def loop_methods():
    """Public methods that run steps on data: they take x, and give numbers."""
    for name, method in inspect.getmembers(Model, inspect.isfunction):
        parameters = inspect.signature(method).parameters
        if not name.startswith("_") and "x" in parameters and "y_pred" not in parameters:
            yield name, {k: v for k, v in (("y", Y), ("verbose", 0)) if k in parameters}


METHODS = dict(loop_methods())


def test_the_methods_are_found():
    assert {"fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("rows", [2, 70])
def test_gradients_do_not_pass_the_loop(name, rows):
    m = model()
    x, options = np.ones((rows, 2), "float32"), dict(METHODS[name])
    if "y" in options:
        options["y"] = np.ones((rows, 1), "float32")
    with pytest.raises(GradientError, match=r"left the record at .*test_scope.*the model itself, model\(x\)"):
        grad(lambda z: number(getattr(m, name)(z, **options)))(x)
    with pytest.raises(GradientError, match=r"left the record at .*test_scope.*the model itself, model\(x\)"):
        grad(lambda w: number(getattr(m, name)(x, **options)))(m.trainable_variables)
    getattr(m, name)(x, **options)  # as ever
    if name != "predict_on_batch" and name != "predict":
        return
    with pytest.raises(CaptureError):
        autonet.jit(lambda z: number(getattr(m, name)(z)))(x)


def ways_out_of_a_tensor():
    """Methods of Tensor without arguments that give something other than Tensors."""
    tensor = Tensor([[2.0]])
    for name, method in inspect.getmembers(Tensor, callable):
        special = ("__float__", "__array__", "__complex__", "__reduce__")
        if name.startswith("_") and name not in special:
            continue
        try:
            result = method(tensor)
        except (TypeError, GradientError, autonet.errors.AutonetError):
            continue
        if name == "__reduce__" or isinstance(number(result) if result is not None else None, Tensor):
            if not isinstance(result, Tensor) and result is not None:
                yield name


@pytest.mark.parametrize("name", list(ways_out_of_a_tensor()))
def test_gradients_do_not_pass_a_way_out_of_a_tensor(name):
    def f(t):
        result = getattr(t, name)()
        return number(result[1][0] if name == "__reduce__" else result)

    for value in (np.float32([[2.0]]), Variable(np.float32([[2.0]]))):
        with pytest.raises(GradientError, match="left the record"):
            grad(f)(value)


OUT = {
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of elements": lambda z: np.array([z[0, 0], z[0, 1]]),
    "convert_to_numpy": ops.convert_to_numpy,
    "comprehension": lambda z: [float(v) for row in z for v in row],
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda z: pickle.loads(pickle.dumps(z)),
    "new leaf": lambda z: Tensor(z, requires_grad=True),
    "new Variable": Variable,
    "pad_sequences": lambda z: autonet.utils.pad_sequences(z, dtype="float32"),
    "adapt": lambda z: (lambda layer: (layer.adapt(z), layer(np.zeros((1, 2))))[1])(layers.Normalization()),
}


@pytest.mark.parametrize("name", OUT)
def test_gradients_do_not_pass_other_ways_out(name):
    refused(OUT[name])


@pytest.mark.extra("dev")
@pytest.mark.parametrize("table", ["DataFrame", "Series"])
def test_gradients_do_not_pass_through_pandas(table):
    pandas = importlib.import_module("pandas")
    refused(lambda z: getattr(pandas, table)(z if table == "DataFrame" else z[0]).to_numpy())


def refused(out):
    with pytest.raises(GradientError, match="left the record"):
        grad(lambda z: number(ops.convert_to_tensor(out(z)) * 1.0))(X)


def test_weights_that_were_taken_out_are_constants():
    m = model()
    for out in (Model.get_weights, lambda m: copy.deepcopy(m)(X)):
        with pytest.raises(GradientError, match="left the record"):
            grad(lambda w, out=out: number(out(m)))(m.trainable_variables)


def test_a_look_that_has_no_slope_is_none():
    assert grad(lambda z: 3.0 if z > 0 else z)(2.0).item() == 0.0
    assert grad(lambda z: ops.ones(()) * int(z))(2.0).item() == 0.0
