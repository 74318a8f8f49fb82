"""Words of Keras 1 and 2: each has today's meaning and a warning that names today's word, or an error that says what to write."""

import importlib
import inspect
import pathlib
import sys
import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import backend as K
from autonet import layers as L
from autonet import legacy
from autonet.common.signatures import taken
from autonet.common.words import (
    ANY_LAYER,
    KEYWORDS,
    MODULES,
    NAMES,
    Advice,
    Foreign,
    LegacyWarning,
    Made,
    Part,
    of_class,
)
from autonet.errors import SignatureError
from tests.common.test_lines import PACKAGES, public

X = np.arange(12.0, dtype=np.float32).reshape(3, 4) - 5
A, B = keras.Input((3,)), keras.Input((3,))


@pytest.fixture(autouse=True)
def forgotten():
    """Old modules as if nobody had imported them yet."""
    for name in MODULES:
        sys.modules.pop(name, None)
        package, _, word = name.rpartition(".")
        if package in sys.modules:
            vars(sys.modules[package]).pop(word, None)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def quietly(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LegacyWarning)
        return f()


# Keywords

CLASSES = {name: thing for package in PACKAGES for name, thing in public(package) if isinstance(thing, type)}
PLACES = sorted((owner, word) for owner, words in KEYWORDS.items() for word in words)


def owners(owner):
    """What a row of the table is about: classes, each with its constructor's words, or one function."""
    if "." in owner:
        return [keras.Tensor if owner.startswith("Tensor.") else keras.Sequential]
    return [c for c in CLASSES.values() if owner in (k.__name__ for k in c.__mro__)] or [getattr(keras.utils, owner)]


@pytest.mark.parametrize(("owner", "word"), PLACES)
def test_a_row_names_an_argument_of_today_and_none_of_its_own(owner, word):
    entry = KEYWORDS[owner][word]
    found = []
    for thing in owners(owner):
        f = getattr(thing, owner.rpartition(".")[2]) if "." in owner else thing
        names = taken(f.__init__, f) if isinstance(f, type) else taken(f)
        found.append(word not in names and (type(entry) not in (str, Part) or str(entry) in names))
    assert any(found), f"{owner}: {word} is an argument today, or {entry} is none"


CALLS = [  # an old call, and what it is today
    (lambda: L.Dense(output_dim=3, init="uniform", bias=False), lambda: L.Dense(3, None, False, "uniform")),
    (
        lambda: L.Dense(3, W_regularizer="l2", b_constraint="non_neg"),
        lambda: L.Dense(3, kernel_regularizer="l2", bias_constraint="non_neg"),
    ),
    (lambda: L.Convolution2D(32, 3, 3), lambda: L.Conv2D(32, (3, 3))),
    (
        lambda: L.Convolution2D(8, 5, 3, border_mode="same", subsample=(2, 2)),
        lambda: L.Conv2D(8, (5, 3), (2, 2), "same"),
    ),
    (
        lambda: L.Convolution2D(8, nb_row=5, nb_col=3, dim_ordering="th"),
        lambda: L.Conv2D(8, (5, 3), data_format="channels_first"),
    ),
    (lambda: L.Convolution3D(8, 1, 2, 3), lambda: L.Conv3D(8, (1, 2, 3))),
    (lambda: L.SeparableConvolution2D(8, 2, 3), lambda: L.SeparableConv2D(8, (2, 3))),
    (lambda: L.Convolution1D(nb_filter=8, filter_length=3, subsample_length=2), lambda: L.Conv1D(8, 3, 2)),
    (
        lambda: L.LSTM(
            output_dim=3,
            inner_init="ones",
            inner_activation="relu",
            forget_bias_init="zero",
            dropout_W=0.1,
            consume_less="gpu",
        ),
        lambda: L.LSTM(
            3, recurrent_initializer="ones", recurrent_activation="relu", unit_forget_bias=False, dropout=0.1
        ),
    ),
    (
        lambda: L.ConvLSTM2D(nb_filter=3, nb_row=2, nb_col=1, border_mode="same"),
        lambda: L.ConvLSTM2D(3, (2, 1), padding="same"),
    ),
    (lambda: L.MaxPooling2D(border_mode="same", dim_ordering="tf"), lambda: L.MaxPooling2D(padding="same")),
    (lambda: L.MaxPooling1D(pool_length=3, stride=2), lambda: L.MaxPooling1D(3, 2)),
    (lambda: L.GlobalMaxPooling2D(dim_ordering="th"), lambda: L.GlobalMaxPooling2D("channels_first")),
    (lambda: L.ZeroPadding2D((1, 1), dim_ordering="th"), lambda: L.ZeroPadding2D((1, 1), "channels_first")),
    (lambda: L.UpSampling1D(length=3), lambda: L.UpSampling1D(3)),
    (lambda: L.BatchNormalization(mode=0, beta_init="ones"), lambda: L.BatchNormalization(beta_initializer="ones")),
    (lambda: L.Embedding(3, 2, init="ones"), lambda: L.Embedding(3, 2, "ones")),
    (lambda: L.Dropout(p=0.3), lambda: L.Dropout(0.3)),
    (lambda: L.SpatialDropout1D(p=0.3), lambda: L.SpatialDropout1D(0.3)),
    (lambda: L.GaussianNoise(sigma=0.3), lambda: L.GaussianNoise(0.3)),
    (lambda: L.TimeDistributedDense(3), lambda: L.Dense(3)),
    (lambda: keras.constraints.maxnorm(m=3), lambda: keras.constraints.MaxNorm(3)),
    (lambda: keras.regularizers.l1l2(0.02), lambda: keras.regularizers.L1L2(0.02, 0.01)),
    (lambda: keras.regularizers.l2(l=0.02), lambda: keras.regularizers.L2(0.02)),
    (lambda: keras.optimizers.adam(lr=0.1), lambda: keras.optimizers.Adam(0.1)),
    (
        lambda: keras.optimizers.sgd(lr=0.1, decay=0.5, momentum=0.9, nesterov=True),
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5), 0.9, True),
    ),
]


@pytest.mark.parametrize(("old", "today"), CALLS)
def test_old_calls_make_todays_objects(old, today):
    with pytest.warns(LegacyWarning) as caught:
        made = old()
    assert all(w.filename == __file__ for w in caught)
    config, expected = made.get_config(), today().get_config()
    config.pop("name", None), expected.pop("name", None)
    assert type(made) is type(today()) and config == expected


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda: L.Convolution2D(32, 3, 3, "uniform"), r"kernel_size=\(3, 3\), and what follows by its name"),
        (lambda: L.Dense(3, weights=[X]), "set_weights"),
        (lambda: L.BatchNormalization(mode=1), "LayerNormalization"),
        (lambda: L.MaxPooling2D(dim_ordering="x"), "data_format='channels_last'"),
        (lambda: L.LSTM(3, forget_bias_init="uniform"), "unit_forget_bias"),
        (lambda: L.Dense(output_dim=3, units=3), "both units=... and its older name output_dim=...: keep the first"),
        (lambda: L.Convolution2D(3, 2, nb_row=2), "twice|multiple|both"),
        (lambda: L.merge([A, B], mode="cos"), "layers.Dot"),
        (lambda: keras.callbacks.ModelCheckpoint("m.keras", period=5), r"save_freq=5 \* steps_per_epoch"),
        (lambda: keras.Sequential().fit(show_accuracy=True), r'metrics=\["accuracy"\] in compile'),
        (lambda: keras.Sequential().fit_generator(iter([]), 7), "Write fit.generator, steps_per_epoch="),
        (lambda: keras.Sequential().fit_generator(iter([]), samples_per_epoch=7), "the number of batches"),
        (lambda: keras.Sequential().compile("sgd", "mse", ["accuracy"]), "write metrics="),
        (lambda: keras.optimizers.SGD(0.1, 0.9, 1e-6), "nesterov to be True or False"),
        (lambda: keras.optimizers.Adam(0.1, 0.9, 0.9, 1e-8, 1e-4), "amsgrad to be True or False"),
    ],
)
def test_what_has_no_such_meaning_today_is_refused(call, advice):
    with pytest.raises(ValueError, match=advice):
        quietly(call)


@pytest.mark.parametrize("word", ANY_LAYER)
def test_words_of_every_layer(word):
    with pytest.raises(SignatureError, match=ANY_LAYER[word][:20].replace("(", ".").replace(")", ".")):
        L.Dense(3, **{word: 1})


def test_names_of_convolutions_are_todays_layers():
    for name, today in (
        ("Convolution2D", L.Conv2D),
        ("Convolution3D", L.Conv3D),
        ("SeparableConvolution2D", L.SeparableConv2D),
    ):
        old = getattr(L, name)
        assert issubclass(old, today) and isinstance(today(3, 2), old)
        assert inspect.signature(old).parameters.keys() == inspect.signature(today).parameters.keys() | {"self"}

    class Mine(L.Convolution2D):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = L.Convolution2D(3, (2, 2), 2)
        assert type(layer) is L.Conv2D and layer.strides == (2, 2)
        assert type(Mine(3, 2)) is Mine and not isinstance(layer, Mine)
    assert quietly(lambda: Mine(3, 2, 1)).kernel_size == (2, 1)


# Names

WAYS = [(package, name) for package, names in NAMES.items() for name in names if not isinstance(names[name], Foreign)]


@pytest.mark.parametrize(("package", "name"), WAYS)
def test_a_name_warns_and_is_todays_or_says_what_to_write(package, name):
    home = keras.Sequential() if package == "Model" else importlib.import_module(package)
    entry = NAMES[package][name]
    if isinstance(entry, Advice):
        with pytest.raises(AttributeError, match="has no attribute .*Keras 1's or 2's word") as told:
            getattr(home, name)
        assert str(told.value).endswith(f"{entry}.")
        return
    with pytest.warns(LegacyWarning, match="write ") as caught:
        value = getattr(home, name)
    assert caught[0].filename == __file__ and len(caught) == 1
    if not isinstance(entry, Made):
        module, _, attribute = entry.rpartition(":")
        assert value == getattr(importlib.import_module(module) if module else home, attribute)
    assert name not in dir(type(home) if package == "Model" else home) or inspect.ismodule(getattr(home, name, None))


BACKEND = {  # where the defaults or the meaning were others: an old call and its value, by NumPy
    "argmax": (lambda: K.argmax(X), X.argmax(-1)),
    "argmin": (lambda: K.argmin(X, 0), X.argmin(0)),
    "concatenate": (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
    "cumsum": (lambda: K.cumsum(X), X.cumsum(0)),
    "cumprod": (lambda: K.cumprod(X, axis=1), X.cumprod(1)),
    "expand_dims": (lambda: K.expand_dims(X), X[..., None]),
    "gather": (lambda: K.gather(X, [2, 0]), X[[2, 0]]),
    "sqrt": (lambda: K.sqrt(X), np.sqrt(np.maximum(X, 0))),
    "batch_flatten": (lambda: K.batch_flatten(X[:, None]), X),
    "hard_sigmoid": (lambda: K.hard_sigmoid(X), np.clip(0.2 * X + 0.5, 0, 1)),
    "permute_dimensions": (lambda: K.permute_dimensions(X, (1, 0)), X.T),
    "pow": (lambda: K.pow(X, 2), X**2),
    "reverse": (lambda: K.reverse(X, 1), X[:, ::-1]),
    "repeat_elements": (lambda: K.repeat_elements(X, 2, 1), X.repeat(2, 1)),
    "get_value": (lambda: K.get_value(K.variable(X)), X),
    "set_value": (lambda: [v := K.variable(X), K.set_value(v, X + 1)][0], X + 1),
    "mean": (lambda: K.mean(X, axis=-1, keepdims=True), X.mean(-1, keepdims=True)),
    "dot": (lambda: K.dot(X, X.T), X @ X.T),
    "int_shape": (lambda: K.int_shape(A)[1:], (3,)),
    "image_dim_ordering": (lambda: ["th", "tf"].index(K.image_dim_ordering()), 1),
}


@pytest.mark.parametrize("name", BACKEND)
def test_functions_of_the_back_end(name):
    call, value = BACKEND[name]
    np.testing.assert_allclose(quietly(call), value, rtol=1e-5)


@pytest.mark.parametrize("name", [n for n, e in NAMES["autonet.backend"].items() if e == f"autonet.ops:{n}"])
def test_functions_of_the_same_name_take_what_they_took(name):
    first = list(inspect.signature(getattr(keras.ops, name)).parameters.values())
    assert all(p.default in (None, False, -1, 0, 1.0, 1, 2.0, "float32", p.empty) for p in first), first


def test_merge_is_todays_functions():
    for mode, today in (
        ("sum", L.add),
        ("concat", L.concatenate),
        ("mul", L.multiply),
        ("ave", L.average),
        ("max", L.maximum),
    ):
        old = keras.Model([A, B], quietly(lambda mode=mode: L.merge([A, B], mode=mode)))
        x = [X[:, :3], X[:, 1:]]
        np.testing.assert_array_equal(old(x), keras.Model([A, B], today([A, B]))(x))


def test_an_old_script_trains():
    model = quietly(lambda: keras.models.Sequential([L.Dense(output_dim=2, input_dim=3, activation="softmax")]))
    model.compile(loss="categorical_crossentropy", optimizer="sgd")
    x, y = np.ones((8, 3), "float32"), np.eye(2, dtype="float32")[[0, 1] * 4]
    with pytest.warns(LegacyWarning, match="write epochs"):
        history = model.fit(x, y, nb_epoch=2, verbose=0)
    assert len(history.history["loss"]) == 2
    quietly(lambda: model.fit_generator(iter([(x, y)] * 4), steps_per_epoch=2, nb_epoch=2, workers=3, verbose=0))
    np.testing.assert_array_equal(quietly(lambda: model.predict_proba(x, verbose=0)), model.predict(x, verbose=0))
    graph = quietly(lambda: keras.Model(input=A, output=L.Dense(1)(A)))
    assert graph.output_shape == (None, 1)


# Modules


@pytest.mark.parametrize("name", MODULES)
def test_every_old_module_can_be_imported_quietly(name):
    module = importlib.import_module(name)
    assert set(dir(module)) == {n for n in dir(importlib.import_module(MODULES[name])) if not n.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_old_modules_are_attributes_that_give_todays_objects(name):
    thing = keras
    for step in name.split(".")[1:]:
        thing = importlib.import_module(name) if name == "autonet.layers.merge" else getattr(thing, step)
    word = next(n for n in dir(thing) if n[0].isupper())
    with pytest.warns(LegacyWarning, match=f"write `from {MODULES[name]} import {word}`") as caught:
        value = getattr(thing, word)
    assert value is getattr(importlib.import_module(MODULES[name]), word)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_the_second_address_of_padding_is_todays():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from autonet.preprocessing.sequence import pad_sequences
    assert pad_sequences is keras.utils.pad_sequences


def test_layers_from_their_old_places():
    with pytest.warns(LegacyWarning, match=r"`from autonet\.layers import Dense`"):
        from autonet.layers.core import Dense
    with pytest.warns(LegacyWarning, match=r"`from autonet\.layers import Convolution2D`"):
        from autonet.layers.convolutional import Convolution2D
    assert Dense is L.Dense and Convolution2D is L.Convolution2D


def test_star_imports():
    names: dict = {}
    with pytest.warns(LegacyWarning):
        exec("from autonet.utils.np_utils import *", names)
    assert names["to_categorical"] is keras.utils.to_categorical


def test_a_rate_that_is_set_by_its_old_name():
    for optimizer in (keras.optimizers.SGD(0.1), keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))):
        with pytest.warns(LegacyWarning, match="write optimizer.learning_rate"):
            optimizer.lr = 0.5
        with pytest.warns(LegacyWarning, match="write optimizer.learning_rate"):
            assert float(optimizer.lr) == float(optimizer.learning_rate) == 0.5


def test_names_that_never_were():
    with pytest.raises(ImportError, match="nothing_such"):
        from autonet.utils.np_utils import nothing_such  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("autonet.layers.nothing_such")
    for package in NAMES:
        with pytest.raises(AttributeError, match="has no attribute 'nothing_such'|'nothing_such'"):
            home = {"Model": keras.Sequential(), "Tensor": keras.Tensor}.get(package) or importlib.import_module(
                package
            )
            getattr(home, f"nothing_{'such'}")


PACKAGES = [
    f"autonet.{name}"
    for name in "applications callbacks constraints datasets initializers layers linalg losses metrics models ops optimizers "
    "preprocessing preprocessing.image random regularizers saving tuner utils".split()
]


@pytest.mark.parametrize("package", PACKAGES)
def test_names_like_one_that_is_there(package):
    home = importlib.import_module(package)
    word = max(getattr(home, "__all__", vars(home)), key=len)
    with pytest.raises(AttributeError, match=rf"^{package} has no attribute '{word}z'\. Did you mean '{word}'"):
        getattr(home, f"{word}z")
    with pytest.raises(AttributeError, match="has no attribute '_x'$"):
        _ = home._x


def test_old_modules_hide_no_real_ones():
    root = pathlib.Path(keras.__file__).parent.parent
    for name in MODULES:
        path = root.joinpath(*name.split("."))
        assert not path.with_suffix(".py").exists() and not path.exists(), f"{name} exists: its old name is never used"


def test_one_finder_is_enough():
    before = list(sys.meta_path)
    legacy.install()
    assert sys.meta_path == before


def test_the_warning_is_shown_to_users():
    assert issubclass(LegacyWarning, FutureWarning) and legacy.LegacyWarning is LegacyWarning
    assert of_class(L.Dense, ["units"])["output_dim"] == "units"
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert not any(f[0] == "ignore" and issubclass(LegacyWarning, f[2]) for f in warnings.filters)
