"""BatchLoss: each batch's own loss; TrainingEvaluation: what `evaluate` gives at the end of each epoch."""

import numpy as np
import pytest

import autonet as keras
from autonet import layers
from autonet.callbacks.state import give_back
from autonet.errors import ArgumentError, DataError

DRAWS = np.random.default_rng(2)
X = DRAWS.standard_normal((50, 6)).astype("float32")
Y = DRAWS.integers(0, 3, 50)


def made():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [layers.Dense(8, "relu"), layers.Dropout(0.3), layers.BatchNormalization(), layers.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize("every", [1, 3, 4])
@pytest.mark.parametrize("rows", [50, 47])
def test_losses_are_those_of_the_batches(every, rows):
    noted = keras.callbacks.BatchLoss(every)
    model = made()
    history = model.fit(
        X[:rows], Y[:rows], batch_size=10, epochs=3, shuffle=False, verbose=0, callbacks=[noted]
    ).history
    other, losses = made(), []
    for _ in range(3):
        for n in range(0, rows, 10):
            losses.append(other.train_on_batch(X[n : min(n + 10, rows)], Y[n : min(n + 10, rows)])[0])
    assert noted.steps == list(range(0, 15, every))
    np.testing.assert_allclose(noted.losses, losses[::every], rtol=1e-5)
    if every == 1:
        weights = [10] * 4 + [rows - 40]
        np.testing.assert_allclose(
            history["loss"], np.average(np.reshape(noted.losses, (3, 5)), axis=1, weights=weights), rtol=1e-5
        )
    model.fit(X, Y, batch_size=10, verbose=0, callbacks=[noted])
    assert noted.steps == list(range(0, 5, every))


def test_training_goes_on_to_the_same_bits():
    callbacks = [keras.callbacks.BatchLoss(), keras.callbacks.TrainingEvaluation()]
    plain = made()
    plain.fit(X, Y, batch_size=10, epochs=3, verbose=0, validation_split=0.2)
    watched = made()
    history = watched.fit(X, Y, batch_size=10, epochs=3, verbose=0, validation_split=0.2, callbacks=callbacks).history
    np.testing.assert_equal(watched.get_weights(), plain.get_weights())
    assert history["val_loss"] == plain.history.history["val_loss"]


def test_a_resumed_training_has_all_losses(tmp_path):
    def train(folder, stop=None):
        class Stop(keras.callbacks.Callback):
            steers = False

            def on_epoch_begin(self, epoch, logs=None):
                if epoch == stop:
                    raise RuntimeError

        noted = keras.callbacks.BatchLoss(2)
        made().fit(
            X,
            Y,
            batch_size=10,
            epochs=4,
            verbose=0,
            callbacks=[noted, Stop(), keras.callbacks.BackupAndRestore(folder)],
        )
        return noted

    whole = train(tmp_path / "a")
    with pytest.raises(RuntimeError):
        train(tmp_path / "b", 2)
    resumed = train(tmp_path / "b")
    assert resumed.losses == whole.losses and resumed.steps == whole.steps == list(range(0, 20, 2))
    with pytest.raises(DataError, match="no state of a BatchLoss"):
        give_back(whole, {"losses": 3}, {})


class Rows(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return 5

    def __getitem__(self, n):
        return X[10 * n : 10 * n + 10], Y[10 * n : 10 * n + 10]


class Evaluated(keras.callbacks.Callback):
    """What `evaluate` gives with the weights of each epoch's end."""

    def on_train_begin(self, logs=None):
        self.found = []

    def on_epoch_end(self, epoch, logs=None):
        twin = made()
        twin.build((None, 6))
        twin.set_weights(self.model.get_weights())
        self.found.append(twin.evaluate(X, Y, batch_size=10, verbose=0, return_dict=True))


@pytest.mark.parametrize("data", [(X, Y), (Rows(),)], ids=["arrays", "data set"])
def test_training_is_evaluated_with_the_weights_of_the_end(data):
    seen = Evaluated()
    options = {"batch_size": 10} if len(data) > 1 else {}
    history = (
        made()
        .fit(*data, epochs=3, verbose=0, callbacks=[keras.callbacks.TrainingEvaluation(), seen], **options)
        .history
    )
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[name], [logs[name] for logs in seen.found], rtol=1e-5)
    assert list(history) == ["accuracy", "loss", "learning_rate"] or list(history) == [
        "loss",
        "accuracy",
        "learning_rate",
    ]


def test_training_may_be_evaluated_now_and_then():
    seen = Evaluated()
    every = keras.callbacks.TrainingEvaluation(every=2)
    loss = made().fit(X, Y, batch_size=10, epochs=5, verbose=0, callbacks=[every, seen]).history["loss"]
    means = made().fit(X, Y, batch_size=10, epochs=5, verbose=0).history["loss"]
    assert [loss[n] for n in (0, 2)] == [means[n] for n in (0, 2)]
    np.testing.assert_allclose([loss[n] for n in (1, 3, 4)], [seen.found[n]["loss"] for n in (1, 3, 4)], rtol=1e-5)


def test_a_generator_cannot_be_evaluated():
    batches = ((X[:10], Y[:10]) for _ in range(5))
    with pytest.raises(ArgumentError, match="walks the training data again"):
        made().fit(batches, verbose=0, callbacks=[keras.callbacks.TrainingEvaluation()])


@pytest.mark.parametrize("kind", ["BatchLoss", "TrainingEvaluation"])
@pytest.mark.parametrize("every", [0, 1.5, True, "2"])
def test_wrong_arguments_are_named(kind, every):
    with pytest.raises(ArgumentError, match=f"{kind} expects every"):
        getattr(keras.callbacks, kind)(every)


def test_the_learning_rate_is_in_every_history():
    """That in force in the epoch; of a schedule, what it gives at the end; the logs of others do not hold it."""

    class Names(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert "learning_rate" not in logs

    model = made()
    assert (
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[Names()]).history["learning_rate"] == [pytest.approx(0.1)] * 2
    )
    model.optimizer.learning_rate = 0.05
    assert model.fit(X, Y, verbose=0).history["learning_rate"] == [pytest.approx(0.05)]
    halved = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=9.0)
    rates = model.fit(X, Y, epochs=4, verbose=0, callbacks=[halved]).history["learning_rate"]
    assert rates == pytest.approx([0.05, 0.05, 0.025, 0.0125])
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 1.0)
    model.compile(keras.optimizers.SGD(schedule), model.loss)
    assert model.fit(X, Y, batch_size=10, epochs=2, verbose=0).history["learning_rate"] == pytest.approx(
        [0.1 / 6, 0.1 / 11]
    )
