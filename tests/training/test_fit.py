"""Every argument of fit, and what it returns."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DataError, NotBuiltError
from autonet.legacy import LegacyWarning


def column(n):
    return np.arange(n, dtype="float32")[:, None]


class Pairs(keras.utils.PyDataset):
    """Five batches of two rows: (i, i)."""

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return column(10)[2 * i : 2 * i + 2], column(10)[2 * i : 2 * i + 2]


def pairs(n=5):
    for i in range(n):
        yield column(2 * n)[2 * i : 2 * i + 2], column(2 * n)[2 * i : 2 * i + 2]


BATCHES = [0.5, 2.5, 4.5, 6.5, 8.5]  # the losses of these five


def logged(history):
    """What a History holds besides the learning rate."""
    return {name: v for name, v in getattr(history, "history", history).items() if name != "learning_rate"}


# Data


def test_arrays(teller, losses, way):
    seen = losses(2)
    history = teller(**way).fit(
        column(10), column(10), batch_size=2, shuffle=False, epochs=2, verbose=0, callbacks=seen
    )
    assert seen.epochs == [BATCHES] * 2
    assert logged(history) == {"loss": [4.5, 4.5]} and history.epoch == [0, 1]


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffle(shuffle, teller, losses, way):
    seen = losses(2)
    teller(**way).fit(column(10), column(10), batch_size=2, shuffle=shuffle, epochs=3, verbose=0, callbacks=seen)
    assert len({tuple(epoch) for epoch in seen.epochs}) > 1
    if shuffle == "batch":
        assert all(sorted(epoch) == BATCHES for epoch in seen.epochs)


def test_a_generator_that_ends_ends_training(teller, losses):
    seen = losses(2)
    with pytest.warns(UserWarning, match="ended with epoch 1 of 3"):
        history = teller().fit(pairs(), epochs=3, verbose=0, callbacks=seen)
    assert seen.epochs == [BATCHES] and history.epoch == [0]


def test_a_generator_that_ends_within_an_epoch(teller, losses):
    seen = losses(2)
    model = teller()
    with pytest.warns(UserWarning, match="ended after 2 of 3"):
        history = model.fit(pairs(), steps_per_epoch=3, epochs=9, verbose=0, callbacks=seen)
    assert seen.epochs == [BATCHES[:3], BATCHES[3:]] and history.epoch == [0, 1] and model.stop_training


def test_an_endless_generator(teller, losses):
    def endless():
        while True:
            yield from pairs()

    seen = losses(2)
    teller().fit(endless(), steps_per_epoch=3, epochs=3, verbose=0, callbacks=seen)
    assert seen.epochs == [BATCHES[:3], [*BATCHES[3:], 0.5], BATCHES[1:4]]


@pytest.mark.parametrize("steps", [3, 7])
def test_steps_per_epoch_goes_round_and_round(steps, teller, losses, way):
    for arguments in [(column(10), column(10)), (Pairs(),)]:
        seen = losses(2)
        model = teller(**way)
        model.fit(*arguments, batch_size=2, steps_per_epoch=steps, epochs=2, shuffle=False, verbose=0, callbacks=seen)
        assert seen.epochs[0] + seen.epochs[1] == (BATCHES * 3)[: 2 * steps]
        assert [len(epoch) for epoch in seen.epochs] == [steps, steps]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_dataset(workers, teller, losses):
    seen = losses(2)
    teller().fit(Pairs(workers=workers), epochs=3, verbose=0, callbacks=seen)
    assert all(sorted(epoch) == BATCHES for epoch in seen.epochs) and len(set(map(tuple, seen.epochs))) > 1
    seen = losses(2)
    teller().fit(Pairs(workers=workers), shuffle=False, verbose=0, callbacks=seen)
    assert seen.epochs == [BATCHES]


def test_an_error_in_a_dataset_comes_out(teller):
    class Broken(Pairs):
        def __getitem__(self, i):
            if i == 3:
                raise RuntimeError("broken batch")
            return super().__getitem__(i)

    model = teller()
    for workers in (1, 3):
        with pytest.raises(RuntimeError, match="broken batch"):
            model.fit(Broken(workers=workers), shuffle=False, verbose=0)
    assert model.fit(Pairs(), verbose=0).history["loss"] == [4.5]


def test_dictionaries_and_lists_of_inputs_and_outputs(way):
    def made():
        keras.utils.set_random_seed(0)
        a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
        joined = keras.layers.Concatenate()([a, b])
        model = keras.Model([a, b], [keras.layers.Dense(1, name="p")(joined), keras.layers.Dense(2, name="q")(joined)])
        model.compile("sgd", "mse", **way)
        return model

    x, y = {"a": np.ones((6, 2)), "b": np.ones((6, 3))}, {"p": np.ones((6, 1)), "q": np.ones((6, 2))}
    found = []
    for xs in (x, list(x.values()), tuple(x.values())):
        for ys in (y, list(y.values()), tuple(y.values())):
            found.append(made().fit(xs, ys, batch_size=4, epochs=2, verbose=0, validation_split=1 / 3).history)
    assert all(history == found[0] for history in found)


def test_lists_of_numbers(teller):
    assert teller().fit([[0], [1], [2]], [0, 1, 5], verbose=0).history["loss"] == [2.0]
    assert teller().fit([0.0, 1.0, 2.0], [0, 1, 5], verbose=0).history["loss"] == [2.0]


def test_targets_of_one_axis(linear, xy):
    x, y = xy
    flat = linear().fit(x, y[:, 0], epochs=2, verbose=0).history
    assert flat == linear().fit(x, y, epochs=2, verbose=0).history


def test_bytes_and_integers(linear):
    x = np.random.default_rng(0).integers(0, 255, (20, 4))
    expected = linear().fit(x.astype("float32"), x[:, 0] * 1.0, verbose=0).history["loss"]
    for kind in ("uint8", "int32", "int64"):
        assert linear().fit(x.astype(kind), x[:, 0], verbose=0).history["loss"] == pytest.approx(expected)


def test_double_precision(way, xy):
    x, y = (a.astype("float64") + 1e-10 for a in xy)
    model = keras.Sequential([keras.layers.Dense(3, dtype="float64"), keras.layers.Dense(1, dtype="float64")])
    model.compile("adam", "mse", metrics=["mae"], **way)
    model.fit(x, y, epochs=2, verbose=0)
    assert {v.dtype.name for v in model.weights} == {"float64"}
    assert model.predict(x, verbose=0).dtype == "float64"
    assert not np.array_equal(model.predict(x, verbose=0), model.predict(x - 1e-10, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ((None,), ArgumentError, "x is None"),
        ((np.ones((0, 1)), np.ones((0, 1))), DataError, "no rows"),
        ((np.ones((3, 1)), np.ones((4, 1))), DataError, "x: 3, y: 4"),
        ((np.ones((3, 1)),), ArgumentError, "needs targets"),
        ((iter([]),), DataError, "before the first batch"),
        ((Pairs(), column(10)), ArgumentError, "y cannot be given beside"),
        ((3.0, 2.0), DataError, "single value"),
    ],
)
def test_data_that_cannot_be_used(arguments, error, told, teller):
    with pytest.raises(error, match=told):
        teller().fit(*arguments, verbose=0)


def test_before_compile():
    with pytest.raises(NotBuiltError, match=r"Call compile\(\) first"):
        keras.Sequential([keras.layers.Dense(1)]).fit(column(3), column(3))


# Weights


def test_sample_weights(teller, way):
    x, y = column(4), column(4)
    weights = np.array([0, 1, 2, 0.5])
    for given in (weights, weights[:, None], weights.tolist(), weights.astype("float32")):
        history = (
            teller(weighted_metrics=["mae"], metrics=["mae"], **way).fit(x, y, sample_weight=given, verbose=0).history
        )
        assert history["loss"] == [6.5 / 4] and history["mae"] == [1.5]
        assert history["weighted_mae"] == pytest.approx([6.5 / 3.5])


def test_class_weights(teller, way):
    x = y = column(4) > 1
    model = teller(weighted_metrics=["mae"], **way)
    history = model.fit(x, y * 1.0, class_weight={1: 3.0}, validation_data=(x, y * 1.0), verbose=0).history
    assert logged(history) == {"loss": [1.5], "mae": [0.75], "val_loss": [0.5], "val_mae": [0.5]}
    both = model.fit(x, y, class_weight={1: 3.0}, sample_weight=[1.0, 1.0, 0.0, 2.0], verbose=0).history
    assert both["loss"] == [1.5]
    stream = model.fit(((x, y) for _ in range(2)), class_weight={1: 3.0}, verbose=0).history
    assert stream["loss"] == [1.5]


def test_sample_weights_from_a_generator(teller):
    batches = ((column(4), column(4), np.array([0.0, 1.0, 2.0, 0.5])) for _ in range(3))
    assert teller().fit(batches, verbose=0).history["loss"] == [6.5 / 4]


# Validation


def test_validation_split_takes_the_last_rows(teller, way):
    history = teller(**way).fit(column(10), column(10), validation_split=0.2, epochs=2, verbose=0).history
    assert logged(history) == {"loss": [3.5] * 2, "val_loss": [8.5] * 2}
    weighted = teller(**way).fit(
        column(10), column(10), validation_split=0.2, sample_weight=np.arange(10.0) == 9, verbose=0
    )
    assert logged(weighted) == {"loss": [0.0], "val_loss": [4.5]}


@pytest.mark.parametrize(
    "held_out",
    [
        lambda: (column(4), column(4)),
        lambda: [column(4), column(4)],
        lambda: (column(4).tolist(), [0, 1, 2, 3]),
        lambda: (column(4), column(4), np.ones(4)),
        lambda: ((column(4)[i : i + 1], column(4)[i : i + 1]) for i in range(4)),
        lambda: [(column(4), column(4))].__iter__(),
    ],
)
def test_validation_data(held_out, teller):
    history = teller().fit(column(10), column(10), validation_data=held_out(), epochs=3, verbose=0).history
    assert logged(history) == {"loss": [4.5] * 3, "val_loss": [1.5] * 3}


def test_validation_by_a_dataset(teller):
    assert teller().fit(column(4), column(4), validation_data=Pairs(), verbose=0).history["val_loss"] == [4.5]


def test_validation_steps_and_batch_size(teller, way):
    options = dict(validation_data=(column(10), column(10)), epochs=2, verbose=0)
    history = teller(**way).fit(column(4), column(4), validation_steps=2, validation_batch_size=3, **options).history
    assert history["val_loss"] == [2.5] * 2  # the same first six rows each time
    history = teller(**way).fit(column(4), column(4), validation_steps=2, batch_size=2, **options).history
    assert history["val_loss"] == [1.5] * 2

    def endless():
        while True:
            yield from pairs()

    options["validation_data"] = endless()
    history = teller(**way).fit(column(4), column(4), validation_steps=2, **options).history
    assert history["val_loss"] == [1.5, 5.5]


@pytest.mark.parametrize(("freq", "expected"), [(1, 6), (4, 1), ([2, 5], 2), ((6,), 1), ({1, 2, 3}, 3), (7, 0)])
def test_validation_freq(freq, expected, teller):
    held_out = column(4), column(4)
    model = teller()
    history = model.fit(
        column(4), column(4), validation_data=held_out, validation_freq=freq, epochs=6, verbose=0
    ).history
    assert len(history["loss"]) == 6 and len(history.get("val_loss", [])) == expected


def test_validation_leaves_the_metrics_of_training_alone(teller, way):
    history = teller(metrics=["mae"], **way).fit(
        column(4), column(4), validation_data=(column(4), column(4) + 10), epochs=2, verbose=0
    )
    assert logged(history) == {"loss": [1.5] * 2, "mae": [1.5] * 2, "val_loss": [11.5] * 2, "val_mae": [11.5] * 2}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (dict(validation_split=1.5), "between 0 and 1"),
        (dict(validation_split=-0.1), "between 0 and 1"),
        (dict(validation_split=0.99), "one part empty"),
        (dict(validation_data=(column(3),) * 4), "4 parts"),
        (dict(validation_data=(column(3), column(3)), validation_freq=0), "validation_freq expects"),
        (dict(validation_data=(column(3), column(3)), validation_freq="never"), "validation_freq expects"),
        (dict(validation_data=(column(3), column(3)), validation_steps=0), "number of steps"),
        (dict(validation_data=(column(3), column(3)), validation_batch_size=-1), "batch_size expects"),
        (dict(epochs=-1), "epochs to be a whole number"),
        (dict(epochs=1.5), "epochs to be a whole number"),
        (dict(initial_epoch="3"), "initial_epoch to be a whole number"),
        (dict(batch_size=0), "batch_size expects"),
        (dict(steps_per_epoch=0), "number of steps"),
        (dict(shuffle="rows"), "shuffle expects"),
        (dict(verbose=3), "verbose expects"),
        (dict(class_weight="balanced"), "class_weight expects"),
        (dict(callbacks=[keras.callbacks.History]), "callbacks expects"),
        (dict(callbacks=[print]), "callbacks expects"),
    ],
)
def test_arguments_out_of_their_range(options, told, teller):
    model = teller()
    with pytest.raises((ArgumentError, DataError), match=told):
        model.fit(column(4), column(4), **{"verbose": 0, **options})
    assert logged(model.fit(column(4), column(4), verbose=0)) == {"loss": [1.5]}


def test_a_share_of_a_stream_cannot_be_held_out(teller):
    with pytest.raises(ArgumentError, match="pass validation_data"):
        teller().fit(Pairs(), validation_split=0.5, verbose=0)


# Epochs


def test_epochs_and_where_they_begin(teller, watch):
    model = teller()
    history = model.fit(column(4), column(4), initial_epoch=3, epochs=5, verbose=0, callbacks=watch)
    assert history.epoch == [3, 4]
    assert [args[0] for hook, *args in watch.seen if hook == "epoch_begin"] == [3, 4]
    assert int(model.optimizer.iterations) == 2


@pytest.mark.parametrize("options", [dict(epochs=0), dict(epochs=2, initial_epoch=2), dict(epochs=2, initial_epoch=5)])
def test_no_epoch_at_all(options, teller):
    history = teller().fit(column(4), column(4), verbose=0, **options)
    assert history.epoch == [] and history.history == {}


def test_a_second_fit_goes_on(linear, xy):
    one, two = linear(optimizer="adam"), linear(optimizer="adam")
    first = one.fit(*xy, epochs=2, shuffle=False, verbose=0)
    second = one.fit(*xy, epochs=3, initial_epoch=1, shuffle=False, verbose=0)
    whole = two.fit(*xy, epochs=4, shuffle=False, verbose=0)
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert one.history is second and int(one.optimizer.iterations) == 4
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_fit_uses_the_plans_of_the_first(xy, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    options = dict(validation_data=xy, verbose=0, batch_size=5)
    model.fit(*xy, epochs=3, **options)
    model.predict(xy[0], verbose=0)
    entries = {which: f.compiled.last for which, f in model._functions.items()}
    assert set(entries) == {"train", "test", "predict"}
    model.optimizer.learning_rate = 0.001
    model.fit(*xy, epochs=2, callbacks=keras.callbacks.ReduceLROnPlateau("loss", patience=0), **options)
    model.evaluate(*xy, batch_size=5, verbose=0)
    model.predict(xy[0], verbose=0)
    for which, function in model._functions.items():
        assert function.compiled.last is entries[which], which


# Callbacks and logs


def test_the_order_of_hooks_and_their_logs(teller, watch, way):
    model = teller(metrics=["mse"], **way)
    model.fit(
        column(4),
        column(4),
        batch_size=2,
        epochs=2,
        verbose=0,
        validation_data=(column(2), column(2)),
        callbacks=[watch],
    )
    own, both = ["loss", "mse"], ["loss", "mse", "val_loss", "val_mse"]
    epoch = [
        ("train_batch_begin", 0, []),
        ("train_batch_end", 0, own),
        ("train_batch_begin", 1, []),
        ("train_batch_end", 1, own),
        ("test_begin", []),
        ("test_batch_begin", 0, []),
        ("test_batch_end", 0, own),
        ("test_end", own),
    ]
    assert watch.seen == [
        ("train_begin", []),
        ("epoch_begin", 0, []),
        *epoch,
        ("epoch_end", 0, both),
        ("epoch_begin", 1, []),
        *epoch,
        ("epoch_end", 1, both),
        ("train_end", both),
    ]


def test_logs_are_python_numbers(teller, way):
    class Types(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            found.update(type(v) for v in logs.values())

        on_epoch_end = on_train_batch_end

    class Both(keras.metrics.Mean):
        def result(self):
            return keras.ops.stack([super().result()] * 2)

        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(y_true)

    found = set()
    model = teller(metrics=["mse", Both(name="both")], **way)
    history = model.fit(column(4), column(4), validation_split=0.5, verbose=0, callbacks=Types()).history
    assert found == {float, list} and history["val_both"] == [[2.5, 2.5]]


def test_what_a_callback_adds_is_kept(teller):
    class Adds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["lr"] = epoch * 0.5

    assert teller().fit(column(4), column(4), epochs=2, verbose=0, callbacks=[Adds()]).history["lr"] == [0.0, 0.5]


def test_params_and_model_of_callbacks(teller):
    class Asks(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.asked = dict(self.params), self.model

    asks, model = Asks(), teller()
    model.fit(column(10), column(10), batch_size=4, epochs=3, verbose=0, callbacks=asks)
    assert asks.asked == ({"epochs": 3, "steps": 3, "verbose": 0}, model)
    model.fit(pairs(), verbose=0, callbacks=asks)
    assert asks.asked[0]["steps"] is None


def test_a_list_of_callbacks_made_by_hand(teller, watch):
    history = keras.callbacks.History()
    model = teller()
    given = keras.callbacks.CallbackList([watch, history], model=model)
    assert model.fit(column(4), column(4), callbacks=given, verbose=0) is history
    assert logged(history) == {"loss": [1.5]} and watch.seen[0] == ("train_begin", [])


def test_stop_training_within_an_epoch(teller, watch, way):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    model = teller(**way)
    history = model.fit(
        column(10),
        column(10),
        batch_size=2,
        shuffle=False,
        epochs=9,
        validation_split=0.2,
        verbose=0,
        callbacks=[Stop(), watch],
    )
    assert logged(history) == {"loss": [1.5], "val_loss": [8.5]}
    assert [hook for hook, *_ in watch.seen][-3:] == ["test_end", "epoch_end", "train_end"]
    assert int(model.optimizer.iterations) == 2
    assert model.fit(column(10), column(10), verbose=0).epoch == [0]  # it is not stopped for good


def test_stop_evaluating(teller, way):
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = True

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = True

    model = teller(**way)
    for _ in range(2):
        assert model.evaluate(column(10), column(10), batch_size=2, verbose=0, callbacks=[Stop()]) == 0.5
        assert model.predict(column(10), batch_size=2, verbose=0, callbacks=[Stop()]).shape == (2, 1)
    assert model.evaluate(column(10), column(10), verbose=0) == 4.5
    assert model.predict(column(10), verbose=0).shape == (10, 1)


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto", True, False])
def test_verbose(verbose, teller, capsys):
    teller().fit(column(4), column(4), validation_split=0.5, epochs=2, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (0 if verbose in (0, False) else 2)
    for i, line in enumerate(lines):
        assert line.startswith(f"Epoch {i + 1}/2") and "loss: 0.5000" in line and "val_loss: 2.5000" in line


# Old words


def test_keras_1_words(teller):
    with pytest.warns(LegacyWarning, match="epochs=2 instead of nb_epoch"):
        history = teller().fit(column(4), column(4), nb_epoch=2, verbose=0)
    assert history.epoch == [0, 1]
