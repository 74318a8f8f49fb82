"""What a callback sees of a model, and a loop that calls callbacks as fit does."""

import numpy as np

from autonet.callbacks import CallbackList
from autonet.optimizers import SGD


class Counter:
    """A model whose one weight counts epochs."""

    def __init__(self, metrics=()):
        self.stop_training = False
        self.weight = 0.0
        self.optimizer = SGD(1.0)
        self.metrics = list(metrics)
        self.history = None

    def get_weights(self):
        return [np.array(self.weight)]

    def set_weights(self, weights):
        self.weight = float(weights[0])


def fit(callbacks, epochs_of_logs, steps=3, verbose=0, model=None, batch_logs=None, evaluate=False):
    """Run as many epochs as there are logs, `steps` batches each; returns the model and the rates of each epoch.

    As a loop may, it runs batches in a row, unreported, where nobody looks.
    """
    model = model or Counter()
    callbacks = CallbackList(
        callbacks, add_history=True, add_progbar=verbose != 0, model=model, epochs=len(epochs_of_logs), steps=steps,
        verbose=verbose,
    )  # fmt: skip
    model.stop_training = False
    callbacks.on_train_begin()
    rates = []
    logs = None
    for epoch, given in enumerate(epochs_of_logs):
        callbacks.on_epoch_begin(epoch)
        logs = dict(given)
        model.weight += 1
        batch = 0
        while batch < steps and not model.stop_training:
            callbacks.on_train_batch_begin(batch)
            batch = min(max(batch, callbacks.due), steps - 1)
            callbacks.on_train_batch_end(batch, batch_logs or logs)
            batch += 1
        if evaluate:
            callbacks.on_test_begin()
            for batch in range(2):
                callbacks.on_test_batch_begin(batch)
                callbacks.on_test_batch_end(batch, logs)
            callbacks.on_test_end(logs)
        callbacks.on_epoch_end(epoch, logs)
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callbacks.on_train_end(logs)
    return model, rates
