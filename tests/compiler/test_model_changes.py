"""What may change while a model trains, what cannot be captured, and what is left behind."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import autonet
from autonet import Model, Sequential, callbacks, initializers, layers, losses, ops, optimizers, regularizers
from tests.compiler.models import (
    CLASSES,
    MODELS,
    ROWS,
    assert_equal,
    data,
    history_of,
    state_of,
    trained,
)
from tests.compiler.programs import assert_same_bits, needs_compiler

L = layers


# What changes between steps


def change_rate(model, epoch):
    model.optimizer.learning_rate = 0.1 / (epoch + 1)


def freeze(model, epoch):
    model.layers[0].trainable = epoch % 3 == 0


def freeze_a_weight(model, epoch):
    model.layers[-1].kernel.trainable = epoch % 2 == 0


def set_weights(model, epoch):
    if epoch % 4 == 0:
        model.set_weights([w * np.float32(0.5) for w in model.get_weights()])


def assign(model, epoch):
    model.layers[0].bias.assign_add(0.1)


def swap(model, epoch):
    a, b = model.layers[0].bias, model.layers[1].gamma
    old = a.value
    a.assign(b)
    b.assign(old)


def change_layer(model, epoch):
    model.layers[3].rate = 0.5 if epoch % 2 else 0.25


def change_activation(model, epoch):
    model.layers[2].activation = ops.tanh if epoch % 2 else ops.relu


def change_clipping(model, epoch):
    model.optimizer.clipnorm = 0.1 * (epoch % 3 + 1)


def change_regularizer(model, epoch):
    model.layers[0].kernel.regularizer = regularizers.L2(0.1) if epoch % 2 else None


def change_inside_regularizer(model, epoch):
    model.layers[0].kernel.regularizer.l2 = 0.01 * epoch


def change_loss(model, epoch):
    model.loss.label_smoothing = 0.1 * (epoch % 2)


def new_variable(model, epoch):
    if epoch == 3:
        model.layers[0].kernel = autonet.Variable(model.layers[0].kernel.numpy() * 2, name="another")


def interleave(model, epoch):
    x, y = data(5)
    y = np.eye(3, dtype=np.float32)[y]
    model.evaluate(x, y, batch_size=4 + epoch % 3, verbose=0)
    model.predict(x[: 3 + epoch % 4], verbose=0)
    model.predict_on_batch(x[:2])
    model.train_on_batch(x[:5], y[:5])
    model(x[:3])


def eager_in_between(model, epoch):
    model.run_eagerly = epoch % 3 == 1


CHANGES = [
    *(change_rate, freeze, freeze_a_weight, set_weights, assign, swap, change_layer, change_activation),
    *(change_clipping, change_regularizer, change_loss, interleave),
]


@pytest.mark.parametrize("change", CHANGES, ids=[f.__name__ for f in CHANGES])
def test_what_changes_between_epochs_changes_as_in_eager_runs(change, numpy_only):
    build, xy, _ = MODELS["normalized"]
    xy = xy[0], np.eye(3, dtype=np.float32)[xy[1]]
    models = []
    for way in ({}, {"run_eagerly": True}):
        loss = losses.CategoricalCrossentropy(from_logits=True)
        models.append(trained(build, xy, loss, 12, change, **way))
    assert_equal(*models, xy)


def test_numbers_inside_losses_and_regularizers_may_change(numpy_only):
    build = lambda: Sequential([L.Dense(4, kernel_regularizer=regularizers.L2(0.5)), L.Dense(1)])
    x, y = data(5)[0], data(1, seed=3)[0]

    def act(model, epoch):
        change_inside_regularizer(model, epoch)
        model.loss.delta = 0.2 * (epoch + 1)

    models = [trained(build, (x, y), losses.Huber(0.1), 8, act, metrics=[], **w) for w in ({}, {"run_eagerly": True})]
    assert_equal(*models, (x, y))


def test_eager_and_captured_steps_mix(numpy_only):
    build, xy, loss = MODELS["normalized"]
    assert_equal(trained(build, xy, loss, 9, eager_in_between), trained(build, xy, loss, 9, run_eagerly=True), xy)


def test_compiling_anew_starts_from_the_new_options(numpy_only):
    build, xy, loss = MODELS["mlp"]
    models = []
    for eager in (False, True):
        model = trained(build, xy, loss, 3, run_eagerly=eager)
        model.compile(optimizers.Adam(0.01), "mse", run_eagerly=eager)
        model.fit(xy[0], np.eye(3, dtype=np.float32)[xy[1]], batch_size=8, epochs=3, verbose=0)
        models.append(model)
    assert_same_bits(*[state_of(m) for m in models])


def test_other_batch_sizes_and_data_layouts(numpy_only):
    build, (x, y), loss = MODELS["mlp"]
    models = []
    for eager in (False, True):
        model = trained(build, (x, y), loss, 2, run_eagerly=eager)
        for size, layout in ((5, np.asfortranarray(x)), (30, x[::-1]), (7, np.repeat(x, 2, axis=1)[:, ::2]), (1, x)):
            model.fit(layout, y, batch_size=size, epochs=1, verbose=0, shuffle=size != 7)
        models.append(model)
    assert_same_bits(*[state_of(m) for m in models])


def test_shuffling_in_batches_and_weights(numpy_only):
    build, (x, y), loss = MODELS["mlp"]
    states = []
    for eager in (False, True):
        model = trained(build, (x, y), loss, 2, run_eagerly=eager)
        options = {"batch_size": 8, "epochs": 3, "verbose": 0}
        model.fit(x, y, shuffle="batch", **options)
        model.fit(x, y, sample_weight=np.linspace(0, 2, ROWS), **options)
        model.fit(x, y, class_weight={0: 2.0, 1: 0.5}, validation_split=0.2, **options)
        states.append(state_of(model))
    assert_same_bits(*states)


@needs_compiler
def test_several_steps_in_a_row_are_the_steps_one_by_one():
    build, (x, y), loss = MODELS["normalized"]
    x, y = np.tile(x, (20, 1)), np.tile(y, 20)

    def fit(watched):
        autonet.utils.set_random_seed(2)
        model = build()
        model.compile("adam", loss, metrics=["accuracy"])
        seen = []
        see = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
        model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[see] if watched else None)
        return model, seen

    (one, seen), (many, _) = fit(True), fit(False)
    assert len(seen) == 3 * -(-len(x) // 16)
    assert_same_bits(state_of(many), state_of(one))
    assert history_of(many) == history_of(one)


# Options


def test_run_eagerly_and_jit_compile():
    build, xy, loss = MODELS["mlp"]
    for options, kinds in (
        ({"run_eagerly": True}, {None}),
        ({"jit_compile": False}, {None}),
        ({"jit_compile": "auto"}, {"native", "numpy"}),
        ({"jit_compile": True}, {"native", "numpy"}),
    ):
        model = trained(build, xy, loss, 1, **options)
        entry = model._functions["train"].compiled.last
        assert (None if entry is None else entry.plan.kind) in kinds


def test_native_code_switched_off(numpy_only):
    model = trained(*MODELS["mlp"], 1)
    assert model._functions["train"].compiled.last.plan.kind == "numpy"
    assert "def make" in str(model.explain_step())


# What cannot be captured


class Branching(Model):
    """A model whose Python depends on values."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x):
        y = self.dense(x)
        return y * 2 if ops.mean(y) > 0 else y  # the line to be named


class Counting(Model):
    """A model that counts its calls in Python."""

    def __init__(self):
        super().__init__()
        self.dense, self.calls = L.Dense(3), 0

    def call(self, x):
        self.calls += 1
        return self.dense(x) * (1.0 if self.calls % 2 else 0.5)


@pytest.mark.parametrize(
    "build, told", [(Branching, "the line to be named"), (Counting, "changes its attribute 'calls'")]
)
def test_a_model_that_cannot_be_captured_runs_eagerly_and_says_so_once(build, told, numpy_only):
    xy, loss = MODELS["mlp"][1:]
    with pytest.warns(UserWarning) as caught:
        model = trained(build, xy, loss, 4)
    found = [str(w.message) for w in caught]
    assert len(found) == 1 and told in found[0] and "Two ways out" in found[0]
    slow = trained(build, xy, loss, 4, run_eagerly=True)
    assert_same_bits(state_of(model), state_of(slow))
    assert history_of(model) == history_of(slow)


class Remembering(Model):
    """A model that keeps what it computed in an attribute: a result, and no condition of its step."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x):
        self.hidden = self.dense(x)
        return self.hidden * 2.0


def test_attributes_that_hold_results_do_not_capture_anew(numpy_only):
    xy, loss = MODELS["mlp"][1:]
    model = trained(Remembering, xy, loss, 2)
    first = [id(e) for e in model._functions["train"].compiled.entries.values()]
    for _ in range(3):
        model.fit(*xy, batch_size=8, verbose=0)
        model.evaluate(*xy, batch_size=8, verbose=0)
    assert [id(e) for e in model._functions["train"].compiled.entries.values()] == first


def test_nothing_is_captured_anew_without_a_reason(numpy_only):
    for name in ("normalized", "lstm", "convnet", "attention", "subclass"):
        build, xy, loss = MODELS[name]
        model = trained(build, xy, loss, 2, optimizer="adam")
        known = {w: [id(e) for e in f.compiled.entries.values()] for w, f in model._functions.items()}
        for _ in range(2):
            model.fit(*xy, batch_size=8, epochs=2, verbose=0)
            model.evaluate(*xy, batch_size=8, verbose=0)
            model.optimizer.learning_rate = 0.5
            model.set_weights(model.get_weights())
        for which, ids in known.items():
            assert [id(e) for e in model._functions[which].compiled.entries.values()] == ids, (name, which)


def test_plans_are_bounded(numpy_only):
    model = trained(*MODELS["mlp"], 1)
    x = MODELS["mlp"][1][0]
    for n in range(1, len(x)):
        model.predict_on_batch(x[:n])
    assert len(model._functions["predict"].compiled.entries) == 1


# Memory


def bytes_in_arrays():
    """What NumPy holds for the elements of arrays, as far as tracemalloc has seen it come."""
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
    return sum(s.size for s in ours.statistics("filename"))


def test_models_that_are_dropped_leave_nothing_behind(numpy_only):
    x, y = data(5)

    def made_and_dropped():
        model = Sequential(
            [L.Input((5,)), L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(3)]
        )
        model.compile("adam", CLASSES, metrics=["accuracy"])
        for _ in range(2):
            model.train_on_batch(x, y)
        model.predict_on_batch(x)
        return weakref.ref(model), weakref.ref(model._functions["train"].compiled.last.plan)

    for _ in range(3):
        made_and_dropped()
    gc.collect()
    gc.disable()
    try:
        assert all(r() is None for r in made_and_dropped())  # without the garbage collector's help
        tracemalloc.start()
        for _ in range(3):
            made_and_dropped()
        arrays, objects = bytes_in_arrays(), len(gc.get_objects())
        for _ in range(10):
            made_and_dropped()
        assert bytes_in_arrays() - arrays < 300 and len(gc.get_objects()) - objects < 10
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.slow
def test_a_thousand_models(numpy_only):
    x, y = data(5)
    seen = []
    tracemalloc.start()
    try:
        for n in range(1000):
            model = Sequential([L.Dense(4, activation="relu"), L.Dense(3)])
            model.compile("adam", CLASSES)
            model.fit(x, y, verbose=0)
            if n in (499, 999):
                del model
                gc.collect()
                seen.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert seen[1] - seen[0] < 1_500_000  # Python's table of names may double once


def test_memory_is_flat_over_many_steps(numpy_only):
    model = trained(*MODELS["normalized"], 2, optimizer="adam")
    x, y = MODELS["normalized"][1]
    gc.collect()
    tracemalloc.start()
    try:
        model.fit(x, y, batch_size=8, epochs=20, verbose=0)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            model.fit(x, y, batch_size=8, epochs=60, verbose=0)
        assert tracemalloc.get_traced_memory()[0] - before < 30_000
    finally:
        tracemalloc.stop()


def test_initializers_draw_once(numpy_only):
    # weights made inside the first step belong to no program
    autonet.utils.set_random_seed(4)
    model = trained(
        lambda: Sequential([L.Dense(4, kernel_initializer=initializers.HeNormal()), L.Dense(3)]), *MODELS["mlp"][1:], 2
    )
    program = model._functions["train"].compiled.last.program
    assert not any(i.op.startswith("random") for i in program.instructions)
