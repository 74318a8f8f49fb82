"""What changes without a word between calls of fit, evaluate and predict: a compiled model is the eager one all the same."""

import argparse
import collections
import functools
import gc
import types
import weakref

import numpy as np
import pytest

import autonet
from autonet import layers, ops, optimizers
from autonet.compiler import account, unannounced, ways

SCALE = 1.0
TABLE = {"scale": 1.0}


class Settings:
    scale = 1.0

    def __init__(self):
        self.own = 1.0


class Scaled:
    def __init__(self):
        self.scale = 1.0

    def __call__(self, x):
        return x * self.scale


def by_global(x):
    return x * SCALE * TABLE["scale"]


def through(x):
    return by_global(x) * Settings.scale


def enclosed():
    scale = 1.0

    def f(x):
        return x * scale

    def change(new):
        nonlocal scale
        scale = new

    f.change = change
    return f


def with_default(x, scales=[1.0]):  # noqa: B006
    return x * scales[0]


class Own(layers.Layer):
    """Holds numbers in every way."""

    factor = 1.0
    factors = [1.0]

    def __init__(self):
        super().__init__()
        self.listed, self.nested, self.members = [1.0], {"a": ([1.0], {"b": [1.0]})}, {"plus"}
        self.queue, self.array, self.wide = collections.deque([1.0]), np.ones(3, "float32"), np.ones((3, 300_000))
        self.space, self.parsed, self.settings = types.SimpleNamespace(x=1.0), argparse.Namespace(x=1.0), [Settings()]
        self.partial, self.called, self.enclosed = functools.partial(ops.multiply, x2=1.0), Scaled(), enclosed()
        self.weights_of_branches = [self.add_weight((3,), "ones") for _ in range(2)]
        self._hidden = types.SimpleNamespace(x=1.0)

    @property
    def shown(self):
        return self._hidden.x

    @staticmethod
    def static(x):
        return x

    def method(self, x):
        return x

    def call(self, x):
        for k in (self.listed[0], self.nested["a"][0][0], self.nested["a"][1]["b"][0], self.queue[0], self.shown):
            x = x * k
        x = x * self.array * self.wide[:, 0].astype("float32") * self.space.x * self.parsed.x * self.settings[0].own
        x = self.called(self.partial(self.enclosed(through(with_default(x))))) * self.factor * self.factors[0]
        x = self.method(self.static(x)) * (1.0 if "plus" in self.members else -1.0)
        return functools.reduce(ops.multiply, self.weights_of_branches, x)


CHANGES = {  # of a layer, or of what it uses
    "list": lambda own: own.listed.__setitem__(0, 3.0),
    "nested list": lambda own: own.nested["a"][0].__setitem__(0, 3.0),
    "nested dictionary": lambda own: own.nested["a"][1].update(b=[3.0]),
    "set": lambda own: own.members.clear(),
    "queue": lambda own: own.queue.append(own.queue.popleft() * 3),
    "array": lambda own: own.array.__imul__(3),
    "large array": lambda own: own.wide.__imul__(3),
    "namespace": lambda own: setattr(own.space, "x", 3.0),
    "arguments": lambda own: setattr(own.parsed, "x", 3.0),
    "object in a list": lambda own: setattr(own.settings[0], "own", 3.0),
    "keyword of a partial": lambda own: own.partial.keywords.update(x2=3.0),
    "callable object": lambda own: setattr(own.called, "scale", 3.0),
    "closure": lambda own: own.enclosed.change(3.0),
    "default": lambda own: with_default.__defaults__[0].__setitem__(0, 3.0),
    "list of weights": lambda own: own.weights_of_branches.append(own.weights_of_branches[0]),
    "behind a property": lambda own: setattr(own._hidden, "x", 3.0),
}
PATCHES = {  # what is put back
    "global number": lambda patch: patch.setitem(globals(), "SCALE", 3.0),
    "global dictionary": lambda patch: patch.setitem(TABLE, "scale", 3.0),
    "class as a namespace": lambda patch: patch.setattr(Settings, "scale", 3.0),
    "attribute of the class": lambda patch: patch.setattr(Own, "factor", 3.0),
    "list of the class": lambda patch: Own.factors.__setitem__(0, 3.0),
    "method": lambda patch: patch.setattr(Own, "method", lambda self, x: x * 3.0),
    "static method": lambda patch: patch.setattr(Own, "static", staticmethod(lambda x: x * 3.0)),
    "function that a function calls": lambda patch: patch.setitem(globals(), "by_global", lambda x: x * 3.0),
}


X = np.array([[0.5, -1.0, 2.0]], "float32")
ASK = {
    "predict": lambda model: model.predict(X, verbose=0),
    "predict_on_batch": lambda model: model.predict_on_batch(X),
    "evaluate": lambda model: model.evaluate(X, X, verbose=0),
    "fit": lambda model: model.fit(X, X, verbose=0).history["loss"],
    "train_on_batch": lambda model: model.train_on_batch(X, X),
}


def asked(model):
    """What every way of asking gives, from the same weights: by plans, and step by step."""
    found = []
    for eagerly in (False, True):
        model.set_weights([np.full(w.shape, 0.5) for w in model.get_weights()])
        model.run_eagerly = eagerly
        found.append([np.asarray(ask(model)) for ask in ASK.values()])
    model.run_eagerly = False
    return found


@pytest.fixture
def plain(monkeypatch, numpy_only):
    """What a test changes of the classes and functions here is put back."""
    monkeypatch.setattr(Own, "factors", [1.0])
    monkeypatch.setattr(with_default, "__defaults__", ([1.0],))
    return monkeypatch


def compiled(own, loss="mse", **options):
    model = autonet.Sequential([own])
    model.compile(optimizers.SGD(0.01), loss, **options)
    for ask in ASK.values():
        ask(model), ask(model)
    return model


def captures(model):
    return [id(e) for f in model._functions.values() for e in f.compiled.entries.values()]


@pytest.mark.parametrize("change", [*CHANGES, *PATCHES])
def test_what_changes_in_place_is_seen(change, plain):
    own = Own()
    model = compiled(own)
    assert len(captures(model)) == 3
    before, _ = asked(model)
    CHANGES[change](own) if change in CHANGES else PATCHES[change](plain)
    found, expected = asked(model)
    for a, b, c in zip(found, expected, before, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_what_stays_is_captured_once(plain):
    model = compiled(Own())
    for _ in range(2):  # the optimizer was built meanwhile
        first = captures(model)
        Own().called.scale = 2.0  # of others
        for ask in ASK.values():
            ask(model)
    assert captures(model) == first


def relative(y_true, y_pred):
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1) * SCALE


PARTS = {  # of the package, whose containers may be changed; how, and what a model makes of it
    "cells": (
        lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.GRUCell(3)])),
        lambda rnn: rnn.cell.cells.pop(),
    ),
    "arguments": (
        lambda: layers.Lambda(lambda x, k: x[:, 0] * k, arguments={"k": 1.0}),
        lambda own: own.arguments.update(k=3.0),
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_what_parts_of_the_package_hold(part, plain):
    make, change = PARTS[part]
    found = []
    for eagerly in (False, True):
        autonet.utils.set_random_seed(0)
        own = make()
        model = autonet.Sequential([layers.Reshape((1, 3)), own])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        for _ in range(2):
            first = model.predict(X, verbose=0)
        change(own)
        found.append(model.predict(X, verbose=0))
        assert (first != found[-1]).any()
    np.testing.assert_array_equal(*found)


def test_of_metrics_too(plain):
    found = []
    for eagerly in (False, True):
        plain.setitem(globals(), "SCALE", 1.0)
        model = autonet.Sequential([layers.Identity()])
        model.compile("sgd", "mse", metrics=[relative], run_eagerly=eagerly)
        for _ in range(2):
            first = model.evaluate(X, 2 * X, verbose=0)
        plain.setitem(globals(), "SCALE", 3.0)
        found.append(model.evaluate(X, 2 * X, verbose=0))
        assert first != found[-1]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "loss", [relative, lambda a, b: relative(a, b), functools.partial(relative), {"own": relative}, [relative]]
)
def test_of_losses_too(loss, plain):
    own = Own()
    own.name = "own"
    model = compiled(own, loss)
    plain.setitem(globals(), "SCALE", 3.0)
    found, expected = asked(model)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"])
def test_what_callbacks_change_is_seen(hook, plain):
    class Anneal(autonet.callbacks.Callback):
        pass

    def change(self, number, logs=None):
        self.model.layers[0].listed[0] += 1.0

    setattr(Anneal, hook, change)
    histories = []
    for eagerly in (False, True):
        model = compiled(Own(), run_eagerly=eagerly)
        model.set_weights([np.full(3, 0.5)] * 2)
        data = np.tile(X, (4, 1))
        fitted = model.fit(data, data, batch_size=2, epochs=3, verbose=0, callbacks=[Anneal()])
        histories.append(fitted.history["loss"])
    assert histories[0] == histories[1]


def test_nothing_is_kept_alive(plain):
    def made():
        own = Own()
        model = compiled(own)
        own.listed.append(lambda: model)
        model.predict(X, verbose=0)
        return weakref.ref(own)

    ref = made()
    gc.collect()
    assert ref() is None


def test_large_containers_are_looked_at_in_places(plain):
    own = Own()
    own.words, own.table = [str(k) for k in range(30_000)], {k: [] for k in range(30_000)}
    model = compiled(own)
    assert len(model._watch.places) < 2 * unannounced.MOST
    assert max(len(held) for _, held in model._watch.places) < 2 * unannounced.MOST
    for _ in range(2):  # the optimizer was built meanwhile
        first = captures(model)
        model.predict(X, verbose=0)
    assert captures(model) == first
    own.words.append("more")
    model.predict(X, verbose=0)
    assert captures(model) != first


def test_of_the_packages_own_nothing_is_looked_at():
    model = autonet.Sequential([layers.Dense(3, activation="relu", kernel_regularizer="l2"), layers.Dropout(0.1)])
    model.compile("adam", "mse")
    model.fit(X, X, verbose=0)
    assert all(type(thing) is dict and not thing for thing, _ in model._watch.places)  # arguments of the loss


@pytest.mark.parametrize("a, b", [(0.0, -0.0), (1, True), (1, 1.0), ("1", 1), (None, False)])
def test_numbers_that_are_equal_and_differ(a, b):
    assert unannounced.plain(a) != unannounced.plain(b) and unannounced.plain(a) == unannounced.plain(a)


def test_what_changes_before_every_step_is_said_and_costs_no_plan_each(monkeypatch):
    monkeypatch.setattr(ways, "PATIENCE", 20)
    state = {"scale": 1.0}
    model = autonet.Sequential([layers.Lambda(lambda x: x * state["scale"]), layers.Dense(1)])
    model.compile("sgd", "mse")

    class Changes(autonet.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            state["scale"] *= 0.99

    x = np.ones((40, 2), "float32")
    with pytest.warns(UserWarning, match="changes again and again"):
        model.fit(x, x[:, :1], batch_size=1, epochs=2, verbose=0, callbacks=[Changes()])
    assert model._step_function("train").compiled.ways.recorded <= account.RENEWED + 3
