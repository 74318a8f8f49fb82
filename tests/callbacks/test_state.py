"""States of callbacks in backups: a damaged one is refused, or harmless."""

import contextlib

import numpy as np
import pytest

import autonet as keras
from autonet import callbacks
from autonet.callbacks.state import give_back
from autonet.errors import AutonetError, DataError

ARGUMENTS = {
    "CSVLogger": lambda folder: [folder / "log.csv"],
    "EarlyStopping": lambda folder: ["loss"],
    "LearningRateScheduler": lambda folder: [lambda epoch, rate: 0.9 * rate],
    "ModelCheckpoint": lambda folder: [folder / "best.keras", "loss"],
    "ReduceLROnPlateau": lambda folder: ["loss"],
    "SwapEMAWeights": lambda folder: [True],
}
ALONE = {"BackupAndRestore", "CallbackList", "MonitorCallback", "TensorBoard"}  # not one of a list; without its extra
REMEMBERING = [n for n, c in vars(callbacks).items() if isinstance(c, type) and n not in ALONE]
ODD = [None, "word", -3, 10**400, 0.5, [1], {"a": 1}, [["a"]]]


@pytest.mark.parametrize("name", REMEMBERING)
def test_a_damaged_state_is_refused_or_gone_on_from(name, tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, "tanh"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01, use_ema=True), "mse")
    x = np.random.default_rng(0).standard_normal((12, 3)).astype("float32")

    def made():
        return getattr(callbacks, name)(*ARGUMENTS.get(name, lambda folder: [])(tmp_path))

    def train(callback):
        model.optimizer.learning_rate = 0.01
        model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, callbacks=[callback])

    first = made()
    train(first)
    plain, arrays = first.get_state()
    damaged = [{k: v for k, v in plain.items() if k != key} for key in plain]
    damaged += [{**plain, key: odd} for key in plain for odd in ODD]
    for state, held in [*[(state, arrays) for state in damaged], ({}, {}), (plain, {}), (plain, {"a": np.zeros(2)})]:
        second = made()
        with contextlib.suppress(AutonetError):
            give_back(second, state, held)
            train(second)


def test_what_is_wrong_is_said():
    with pytest.raises(DataError, match=r"no state of a BatchLoss: KeyError\('losses'\)"):
        give_back(callbacks.BatchLoss(), {}, {})
