"""compute_loss and compute_metrics of one's own, and an optimizer used by hand."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(812)


class CustomModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = keras.losses.MeanSquaredError()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self.loss_fn(y, y_pred) + sum(self.losses)
        self.loss_tracker.update_state(loss)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.mae_metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric]


inputs = keras.Input((4,))
outputs = layers.Dense(1, kernel_regularizer="l2")(layers.Dense(8, activation="gelu")(inputs))
model = CustomModel(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.02))
history = model.fit(np.random.rand(40, 4), np.random.rand(40, 1), epochs=3, verbose=0).history
assert sorted(history) == ["learning_rate", "loss", "mae"] and history["loss"][-1] < history["loss"][0]

optimizer = keras.optimizers.SGD(0.1)
w = keras.Variable(np.ones((4, 1), "float32"))
optimizer.build([w])
optimizer.apply([ops.ones((4, 1))], [w])
print(float(ops.mean(w)))
