"""compile(steps_per_execution=n): callbacks hear of every n-th step, and nothing else changes."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError

X = np.random.default_rng(0).standard_normal((23, 3)).astype("float32")


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.told = []

    def on_train_batch_begin(self, batch, logs=None):
        self.told.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.told.append(("end", batch))


def trained(count, stream=False, looks=True):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Dense(4, activation="tanh"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"], steps_per_execution=count)
    seen = Seen()
    batches = [(X[i : i + 4], X[i : i + 4, :1]) for i in range(0, 23, 4)]
    endless = (batches[n % 6] for n in range(99))
    data = (
        {"x": endless, "steps_per_epoch": 6} if stream else {"x": X, "y": X[:, :1], "batch_size": 4, "shuffle": False}
    )
    history = model.fit(**data, epochs=2, verbose=0, callbacks=[seen] if looks else None)
    return seen.told, history.history, model.get_weights()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4, 100])
def test_callbacks_hear_of_every_nth_step(count, stream):
    told, history, weights = trained(count, stream)
    one_by_one, expected, same = trained(1, stream)
    assert len(one_by_one) == 2 * 2 * 6
    firsts = list(range(0, 6, count))
    epoch = [x for n in firsts for x in (("begin", n), ("end", min(n + count, 6) - 1))]
    assert told == epoch * 2
    assert history == expected
    assert all(np.array_equal(a, b) for a, b in zip(weights, same, strict=True))


@pytest.mark.parametrize("count", [0, -1, 1.5, True, None])
def test_what_is_no_number_of_steps_is_refused(count):
    with pytest.raises(ArgumentError, match="steps_per_execution"):
        keras.Sequential([keras.layers.Dense(1)]).compile("sgd", "mse", steps_per_execution=count)
