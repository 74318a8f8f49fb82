"""What tests of training share: how a step runs, and a model whose loss tells which rows it saw."""

import numpy as np
import pytest

import autonet as keras


@pytest.fixture(params=["eager", "captured"])
def way(request, monkeypatch):
    """Arguments of compile() for a way to run steps; machine code has its own tests, and the laws."""
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    return {"run_eagerly": request.param == "eager"}


@pytest.fixture
def teller():
    """Makes models that predict 0 and learn nothing, so that the mean absolute error of a batch is its mean target."""

    def make(**compiling):
        model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
        model.compile(**{"optimizer": keras.optimizers.SGD(0.0), "loss": "mae", **compiling})
        return model

    return make


class Watch(keras.callbacks.Callback):
    """Keeps the order in which hooks are called, with the names in their logs."""

    def __init__(self):
        self.seen = []

    def _keep(self, hook, *args):
        self.seen.append((hook, *[sorted(a) if isinstance(a, dict) else a for a in args]))


for _hook in [name for name in dir(keras.callbacks.Callback) if name.startswith("on_") and "_batch_" in name[2:]]:
    if _hook not in ("on_batch_begin", "on_batch_end"):
        setattr(Watch, _hook, lambda self, batch, logs=None, hook=_hook: self._keep(hook[3:], batch, logs))
for _hook in ("on_epoch_begin", "on_epoch_end"):
    setattr(Watch, _hook, lambda self, epoch, logs=None, hook=_hook: self._keep(hook[3:], epoch, logs))
for _hook in ("train", "test", "predict"):
    for _moment in ("begin", "end"):
        setattr(Watch, f"on_{_hook}_{_moment}", lambda self, logs=None, h=f"{_hook}_{_moment}": self._keep(h, logs))


@pytest.fixture
def watch():
    """A callback that keeps what it is told."""
    return Watch()


class Losses(keras.callbacks.Callback):
    """Keeps each batch's own mean, from the running means that logs hold."""

    def __init__(self, size):
        self.size = size
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.total = 0.0
        self.rows = 0
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        rows = self.rows + self.size
        total = logs["loss"] * rows
        self.epochs[-1].append(round((total - self.total) / self.size, 3))
        self.total, self.rows = total, rows


@pytest.fixture
def losses():
    """Makes a callback that knows which batches came; all of one size."""
    return Losses


@pytest.fixture
def xy():
    """Twenty rows of four features, and a target that depends on them."""
    x = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
    return x, (x[:, :1] > 0).astype("float32")


@pytest.fixture
def linear(way):
    """Makes small models that learn."""

    def make(units=1, **compiling):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(units)])
        model.compile(**{"optimizer": "sgd", "loss": "mse", **way, **compiling})
        return model

    return make
