"""Tracebacks show the user's line last, and at most two frames of the package."""

import importlib
import inspect
import itertools
import pathlib
import sys
import traceback
import types
import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.common import lines

PACKAGE = str(pathlib.Path(keras.__file__).parent)
X = np.zeros((3, 2))


class Broken(L.Layer):
    def call(self, x):
        return keras.ops.matmul(x, np.zeros((7, 3)))


class Raising(L.Layer):
    def call(self, x):
        raise KeyError("the user's own")


def compiled(*layers):
    model = keras.Sequential([*layers])
    model.compile("sgd", "mse")
    return model


ENTRANCES = {
    "fit": lambda: compiled(L.Dense(2)).fit(X, X[:2], verbose=0),
    "fit of a layer": lambda: compiled(L.Dense(2), Broken()).fit(X, X, verbose=0),
    "fit of a layer that raises": lambda: compiled(L.Dense(2), Raising()).fit(X, X, verbose=0),
    "evaluate": lambda: compiled(L.Dense(2)).evaluate(X, X[:2], verbose=0),
    "predict": lambda: compiled(L.Dense(2), Broken()).predict(X, verbose=0),
    "compile": lambda: keras.Sequential().compile("nothing", "mse"),
    "train_on_batch": lambda: compiled(L.Dense(2)).train_on_batch(X, X[:2]),
    "a layer": lambda: Broken()(X),
    "a constructor": lambda: L.Dense(-1),
    "a stack": lambda: keras.Sequential([L.Input((3,)), L.Conv2D(2, 3)]),
    "add": lambda: keras.Sequential().add(3),
    "a graph": lambda: L.Conv2D(2, 3)(keras.Input((3,))),
    "an operation": lambda: keras.ops.matmul(X, X),
    "an operator": lambda: keras.Tensor(X) @ X,
    "an operator of numbers": lambda: keras.Tensor(X) + keras.Tensor(X[:2]),
    "an operator of other dtypes": lambda: keras.Tensor(X) + keras.Tensor(X[:2], "float32"),
    "an operator reflected": lambda: [[0.0] * 2] @ keras.Tensor(X),
    "an operator of NumPy": lambda: X @ keras.Tensor(X),
    "a function of NumPy": lambda: np.matmul(keras.Tensor(X), X),
    "a primitive of one operand": lambda: keras.ops.squeeze(keras.Tensor(X), axis=0),
    "a primitive of a Variable": lambda: keras.ops.multiply(keras.Variable(X), keras.Tensor(X[:2])),
    "a primitive of an array": lambda: keras.ops.multiply(X, X[:2]),
    "a composed operation": lambda: keras.ops.conv(X, X),
    "a method": lambda: keras.Tensor(X).mean(axis=7),
    "a loss": lambda: keras.losses.mean_squared_error(X, X[:2]),
    "a loss of a class": lambda: keras.losses.Huber()(X, X[:2]),
    "a metric": lambda: keras.metrics.MeanSquaredError().update_state(X, X[:2]),
    "an optimizer": lambda: keras.optimizers.Adam().apply([X], [keras.Variable(X[:2])]),
    "a constructor's base": lambda: keras.optimizers.Adam(clipnorm=-1),
    "a draw": lambda: keras.random.normal((2, -3)),
    "jit": lambda: keras.jit(lambda x: keras.ops.matmul(x, x))(X),
    "grad": lambda: keras.grad(lambda x: keras.ops.matmul(x, x))(X),
    "jacobian": lambda: keras.jacobian(lambda x: keras.ops.matmul(x, x))(X),
    "vjp": lambda: keras.vjp(lambda x: keras.ops.matmul(x, x), X),
    "check_gradients": lambda: keras.check_gradients(lambda x: keras.ops.matmul(x, x), X),
    "load_model": lambda: keras.models.load_model("nowhere.keras"),
}


@pytest.mark.parametrize("name", ENTRANCES)
def test_the_users_line_stands_out(name):
    with pytest.raises((keras.errors.AutonetError, KeyError)) as told:
        ENTRANCES[name]()
    frames = [frame.filename for frame in traceback.extract_tb(told.tb)]
    ours = [frame for frame in frames if frame.startswith((PACKAGE, "<autonet"))]
    assert len(ours) <= 2
    assert all(frame in ours or frame == __file__ for frame in frames)
    assert frames[-1] == __file__
    assert told.value.__cause__ is None


def test_a_fault_of_the_package_shows_where(monkeypatch):
    monkeypatch.setattr("autonet.training.loop.Position", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError) as told:
        compiled(L.Dense(2)).fit(X, X, verbose=0)
    assert len(traceback.extract_tb(told.tb)) > 1


@pytest.mark.parametrize("name", ["fit", "a composed operation", "a loss", "a constructor's base"])
def test_it_can_be_switched_off(name):
    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(keras.errors.AutonetError) as told:
            ENTRANCES[name]()
        assert len(told.traceback) > 4 and not keras.config.is_traceback_filtering_enabled()
    finally:
        keras.config.enable_traceback_filtering()
    assert keras.config.is_traceback_filtering_enabled()


# All public callables

PACKAGES = (
    *("activations", "callbacks", "constraints", "gradients", "initializers", "layers", "losses", "metrics", "models"),
    *("ops", "ops.image", "optimizers", "optimizers.schedules", "random", "regularizers", "saving", "tree", "utils"),
)
WRONG = [None, "nonsense", -1, np.zeros((2, 3), np.float32), np.zeros((4, 5, 2)), [[1], [2, 3]], {"a": object()}, (7,)]
ELSEWHERE = (
    "get_file",
    "set_random_seed",
    "plot_model",
    "plot_graph",
    "clear_session",
    "fold",
    "unfold",
    "save",
    "export",
)


def calls(f):
    """Mistaken arguments for a function of any signature: all of them, and one beside proper ones."""
    parameters = [p for p in inspect.signature(f).parameters.values() if p.kind in (0, 1, 3)]
    asked = [p for p in parameters if p.default is p.empty and p.kind != 3]
    proper = [np.zeros((2, 3), np.float32)] * len(asked)
    for wrong in WRONG:
        yield [wrong] * len(asked), {}
        for i in range(len(asked)):
            yield [*proper[:i], wrong, *proper[i + 1 :]], {}
    for p in parameters:
        if p.default is not p.empty:
            yield from ((given, {p.name: wrong}) for wrong in WRONG[:3] for given in (proper, [2] * len(asked)))


def public(package):
    """Functions and classes of a package that are its own, by name."""
    module = importlib.import_module(f"autonet.{package}")
    for name in dir(module):
        thing = getattr(module, name)
        if name[0] != "_" and callable(thing) and not name.startswith(ELSEWHERE):
            home = thing.__module__ if hasattr(thing, "__module__") else ""
            if f"{home}.".startswith(f"autonet.{package.split('.')[0]}.") and not (
                isinstance(thing, type) and issubclass(thing, BaseException)
            ):
                yield name, thing


def methods(thing):
    """Public methods of an instance, if the class makes one from nothing or from a number."""
    for given in ([], [2]):
        try:
            made = thing(*given)
        except Exception:
            continue
        for name in ["__call__", *dir(thing)]:
            method = getattr(thing, name, None)
            if inspect.isfunction(method) and not name.startswith((*ELSEWHERE, "on_", "call")):
                if name[0] != "_" or name == "__call__":
                    yield name, getattr(made, name)
        return


def too_long(name, f, most):
    """Calls of f whose errors show more than two of the package's frames."""
    for given, named in itertools.islice(calls(f), most):
        try:
            f(*given, **named)
        except Exception as error:
            frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
            ours = [frame for frame in frames if frame.startswith((PACKAGE, "<autonet"))]
            if len(ours) > 2:
                yield f"{name}: {frames} {error}"


@pytest.mark.parametrize("package", PACKAGES)
def test_errors_of_all_public_callables_are_short(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = []
        for name, thing in public(package):
            found += too_long(name, thing, 40)
            if isinstance(thing, type):
                for method, f in methods(thing):
                    found += too_long(f"{name}.{method}", f, 8)
    assert not found, (len(found), found[:20])


@pytest.mark.parametrize("kind", [keras.Tensor, keras.Variable, keras.KerasTensor])
def test_errors_of_tensors_are_short(kind):
    tensor = kind((2, 3)) if kind is keras.KerasTensor else kind(X)
    found = [*too_long(kind.__name__, kind, 40)]
    for name in dir(tensor):
        f = getattr(type(tensor), name, None)
        if callable(f) and (name[0] != "_" or name in vars(keras.common.types.Operators)):
            found += too_long(name, getattr(tensor, name), 40)
    assert not found, (len(found), found[:20])


CLASSES = {
    name: thing
    for package in PACKAGES
    for name, thing in public(package)
    if isinstance(thing, type) and name not in ("CallbackList", "Config")  # which take any
}


@pytest.mark.parametrize("name", CLASSES)
def test_errors_of_constructors_end_at_the_users_line(name):
    with pytest.raises(
        (TypeError, keras.errors.AutonetError), match=f"no_such_argument|{CLASSES[name].__name__}"
    ) as told:
        CLASSES[name](no_such_argument=1)
    assert traceback.extract_tb(told.tb)[-1].filename == __file__


def test_lines_of_a_notebook_are_named_by_their_cell(monkeypatch):
    names = {"ipykernel_1/123.py": ("Cell", "In[3]")}
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(format_code_name=names.get))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert lines.shown(("ipykernel_1/123.py", 12)) == "Cell In[3], line 12"
    assert lines.shown(("script.py", 12)) == "script.py:12"
