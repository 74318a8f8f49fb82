"""Star imports, a PyDataset, an endless generator, a schedule, a registered function, a callback of one's own."""

import math

import keras
import numpy as np
from keras import callbacks, constraints, initializers, losses, metrics, optimizers
from keras.layers import *
from keras.models import *
from keras.saving import register_keras_serializable
from keras.utils import PyDataset, set_random_seed

set_random_seed(3)


class Data(PyDataset):
    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = n

    def __len__(self):
        return math.ceil(self.n / 8)

    def __getitem__(self, i):
        return np.random.rand(8, 4), np.random.rand(8, 1)


@register_keras_serializable(package="scripts")
def double(x):
    return 2 * x


model = Sequential(
    [
        Input((4,)),
        Dense(
            5,
            activation=double,
            kernel_initializer=initializers.HeNormal(seed=1),
            kernel_constraint=constraints.MaxNorm(2.0),
        ),
        LeakyReLU(negative_slope=0.1),
        Lambda(lambda t: t * 2),
        Dense(1),
    ]
)
rate = optimizers.schedules.CosineDecay(1e-2, 100)
model.compile(
    optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0),
    losses.Huber(),
    metrics=[metrics.RootMeanSquaredError(), "mae"],
)


class Told(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, sorted(logs))


model.fit(Data(32, workers=2), epochs=2, verbose=0, callbacks=[Told(), callbacks.TerminateOnNaN()])


def endless():
    while True:
        yield np.random.rand(8, 4), np.random.rand(8, 1)


model.fit(endless(), steps_per_epoch=3, epochs=1, verbose=0)
print(keras.__version__.split(".")[0], model.count_params(), keras.config.floatx())
