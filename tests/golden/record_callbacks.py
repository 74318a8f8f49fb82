"""Writes callbacks.json: when Keras's EarlyStopping stops and its ReduceLROnPlateau steps down, for tests/callbacks.

    KERAS_BACKEND=jax python tests/golden/record_callbacks.py

Each case feeds a sequence of monitored values to a callback on a model whose one weight counts the epochs.
"""

import itertools
import json
import random
import warnings
from pathlib import Path

import keras
import numpy as np


class Counter:
    """What a callback sees of a model."""

    metrics = ()

    def __init__(self):
        self.stop_training = False
        self.weight = 0.0
        self.optimizer = keras.optimizers.SGD(1.0)

    def get_weights(self):
        return [np.array(self.weight)]

    def set_weights(self, weights):
        self.weight = float(weights[0])


def run(callback, values):
    """Let `callback` see `values`; returns what there is to compare."""
    model = Counter()
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.on_train_begin({})
    rates = []
    for epoch, value in enumerate(values):
        model.weight += 1
        logs = {} if value is None else {"val_loss": float(value)}
        callback.on_epoch_end(epoch, logs)
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end({})
    result = {"rates": rates, "weight": model.weight, "wait": callback.wait}
    if hasattr(callback, "stopped_epoch"):
        best = None if callback.best is None else float(callback.best)
        result |= {"stopped": callback.stopped_epoch, "best_epoch": callback.best_epoch, "best": best}
    return result


def main():
    warnings.simplefilter("ignore")
    random.seed(0)
    cases = []
    sequences = [[round(random.choice([1.0, 1.0, 2.0, 0.5]) * random.random(), 1) for _ in range(12)] for _ in range(4)]
    sequences += [[5.0 - i for i in range(5)], [float("nan")] * 4, [3.0, None, 2.0, None, 2.5, 2.6, 2.7], [1.0] * 6]
    stopping = {
        "patience": [0, 1, 3],
        "min_delta": [0, 0.15],
        "mode": ["auto", "max"],
        "baseline": [None, 0.4],
        "restore_best_weights": [False, True],
        "start_from_epoch": [0, 2],
    }
    plateau = {
        "patience": [1, 2],
        "factor": [0.5],
        "mode": ["auto", "max"],
        "min_delta": [1e-4, 0.15],
        "cooldown": [0, 2],
        "min_lr": [0.0, 0.2],
    }
    for name, table in (("EarlyStopping", stopping), ("ReduceLROnPlateau", plateau)):
        for values in sequences:
            for choice in itertools.product(*table.values()):
                options = dict(zip(table, choice, strict=True))
                cases.append([name, options, values, run(getattr(keras.callbacks, name)(**options), values)])
    path = Path(__file__).parent / "callbacks.json"
    lines = ",\n".join(json.dumps(case) for case in random.sample(cases, 150))
    path.write_text(f'{{"keras": "{keras.__version__}", "cases": [\n{lines}\n]}}\n')
    print(len(cases), "cases, 150 kept")


if __name__ == "__main__":
    main()
