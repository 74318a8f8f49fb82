"""What the tests of distribution run under `mpiexec`: every model of a table is trained, and what came out is written down.

mpiexec -n 2 python tests/distribution/job.py bits results.npz
"""

import os
import signal
import sys
import time

import numpy as np

import autonet as keras
from autonet import distribution, layers
from autonet.common.trees import flatten

RNG = np.random.default_rng(5)
X = RNG.normal(size=(50, 6)).astype("float32")
IMAGES = RNG.normal(size=(38, 6, 6, 2)).astype("float32")
WORDS = RNG.integers(0, 9, (45, 7))
CLASSES = RNG.integers(0, 3, 50)
WEIGHTS = RNG.random(50).astype("float32")


def dense():
    """Weights, clipping, a penalty, and a last batch that is short."""
    inner = layers.Dense(12, "relu", kernel_regularizer="l2", activity_regularizer="l1")
    model = keras.Sequential([inner, layers.Dense(3, "softmax")])
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.5)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["mse"][:0])
    return model, (X, CLASSES), dict(batch_size=16, sample_weight=WEIGHTS, validation_split=0.2)


def convolution():
    """Statistics of blocks; two rows in the last batch, for eight blocks."""
    model = keras.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()])
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True), "mse", metrics=["mae"])
    return model, (IMAGES, X[:38, :1]), dict(batch_size=12, class_weight=None)


def dropout():
    model = keras.Sequential([layers.GaussianNoise(0.1), layers.Dense(8, "tanh"), layers.Dropout(0.4), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    model.compile(keras.optimizers.RMSprop(0.01, gradient_accumulation_steps=2), loss)
    return model, (X, CLASSES), dict(batch_size=20, class_weight={0: 1.0, 1: 2.0, 2: 0.5})


def recurrent():
    """Masks, whose counts differ from block to block, in the loss and in a metric."""
    model = keras.Sequential([layers.Embedding(9, 5, mask_zero=True), layers.GRU(6, return_sequences=True)])
    model.add(layers.Dense(4, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, (WORDS, WORDS % 4), dict(batch_size=15)


def outputs():
    """Two outputs, whose losses count weights in their own ways; one row in the last batch, for two ranks."""
    given = keras.Input((6,))
    hidden = layers.Dense(7, "relu")(given)
    model = keras.Model(given, [layers.Dense(1, name="a")(hidden), layers.Dense(3, "softmax", name="b")(hidden)])
    losses = [keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"), "sparse_categorical_crossentropy"]
    model.compile("adam", losses, loss_weights=[0.3, 2.0], metrics=[["mae"], ["accuracy"]])
    return model, (X, [X[:, :1], CLASSES]), dict(batch_size=49, sample_weight=[WEIGHTS, WEIGHTS[::-1].copy()])


class Uneven(keras.utils.PyDataset):
    """Batches of many sizes."""

    def __len__(self):
        return 3

    def __getitem__(self, number):
        rows = slice(*((0, 16), (16, 19), (19, 50))[number])
        return X[rows], X[rows, :1]


def data_set():
    """Batches of other sizes, which every rank is given whole."""
    model = keras.Sequential([layers.Dense(5, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, (Uneven(), None), {}


def synchronized():
    """Moments of the whole batch, where ranks add as they go."""
    fast = distribution.distribution() is not None and not distribution.distribution().reproducible
    model = keras.Sequential(
        [layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(synchronized=fast), layers.ReLU()]
    )
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    return model, (IMAGES, X[:38, :1]), dict(batch_size=15)


MODELS = {f.__name__: f for f in (dense, convolution, dropout, recurrent, outputs, data_set, synchronized)}
CHANCE = ("dropout", "convolution", "synchronized")  # whose draws or statistics are those of blocks


def train(name):
    """Weights and logs after training a model."""
    keras.utils.set_random_seed(11)
    model, (x, y), arguments = MODELS[name]()
    history = model.fit(x, y, epochs=2, verbose=0, **arguments).history
    found = {f"{name}/weight/{n}": v.numpy() for n, v in enumerate([*model.variables, *model.optimizer.variables])}
    found |= {f"{name}/log/{k}": np.array(v) for k, v in history.items()}
    if y is not None:
        logs = model.evaluate(x, y, batch_size=21, verbose=0, return_dict=True)
        found |= {f"{name}/evaluate/{k}": np.array(v) for k, v in logs.items()}
        predicted = flatten(model.predict(x, batch_size=8, verbose=0))
        found |= {f"{name}/predict/{n}": a for n, a in enumerate(predicted)}
    return found


def bits(*places):
    """Train all models, and write what came out to a file; with "plain" or "fast" after it, to another one in that way."""
    for path, way in zip(places[::2], [*places[1::2], ""], strict=True):
        chosen = None if way == "plain" else distribution.DataParallel(reproducible=way != "fast")
        if distribution.size() > 2:  # these small models' sums in slices and pieces, as large ones' are
            from autonet.distribution.annexes import mpi
            from autonet.training import distributed

            mpi.SMALL, mpi.BUCKET, distributed.GROUP = 8, 50, 30
            chosen.group.local_size = 1  # as on several machines: gradients set out early
        distribution.set_distribution(chosen)
        found = {}
        for name in MODELS:
            found |= train(name)
        if chosen is not None:
            digests = chosen.group.gather({k: v.tobytes() for k, v in found.items()})
            assert all(d == digests[0] for d in digests), "ranks differ"
        if distribution.rank() == 0:
            np.savez(path, **found)


class Trouble(keras.callbacks.Callback):
    """What befalls rank 1 in the second epoch."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def on_train_batch_end(self, batch, logs=None):
        if distribution.rank() != 1 or self.model.optimizer.iterations < 4:
            return
        if self.kind == "raises":
            raise ValueError("the disk of rank 1 is full")
        if self.kind == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "ends":
            sys.exit(0)
        if self.kind == "stops":
            self.model.stop_training = True
        if self.kind == "hangs":
            time.sleep(1000)


def fail(kind):
    distribution.set_distribution(distribution.DataParallel(timeout=3))
    model, (x, y), arguments = dense()
    model.fit(x, y, epochs=50, verbose=0, callbacks=[Trouble(kind)], **arguments)
    print("nothing happened")


class CtrlC(keras.callbacks.Callback):
    """What a terminal sends, to rank 0 or to all."""

    def __init__(self, to):
        super().__init__()
        self.to = to

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 5 and (self.to == "all" or distribution.rank() == 0):
            os.kill(os.getpid(), signal.SIGINT)


def interrupted(to):
    """The ranks stop after the same step, and the script goes on."""
    distribution.set_distribution(distribution.DataParallel(timeout=20))
    model, (x, y), arguments = dense()
    model.fit(x, y, epochs=1000, verbose=0, callbacks=[CtrlC(to)], **arguments)
    steps = distribution.distribution().group.gather(int(model.optimizer.iterations))
    told = len(set(steps)) == 1 and steps[0] < 10, np.isfinite(model.evaluate(x, y, verbose=0)).all()
    if distribution.rank() == 0:
        print("ALIKE", *told)
    model.fit(x, y, epochs=1, verbose=0, **arguments)


class StopsAt(keras.callbacks.Callback):
    """Ends the process after some updates, as kill -9 does."""

    steers = False

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == self.steps:
            os.kill(os.getpid(), signal.SIGKILL)

    def get_state(self):
        return {}, {}


def resume(path, folder, steps):
    """A training with a backup after every second step, killed after so many updates."""
    distribution.set_distribution(distribution.DataParallel())
    keras.utils.set_random_seed(11)
    model, (x, y), arguments = dropout()
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=2)
    stopping = keras.callbacks.EarlyStopping("loss", patience=9)
    saving = keras.callbacks.ModelCheckpoint(f"{folder}/best.keras", "loss", save_best_only=True)
    callbacks = [backup, StopsAt(int(steps)), stopping, saving, keras.callbacks.CSVLogger(f"{folder}/log.csv")]
    history = model.fit(x, y, epochs=4, verbose=2, callbacks=callbacks, **arguments).history
    if distribution.rank() == 0:
        np.savez(path, *[v.numpy() for v in model.variables], log=history["loss"])
        assert keras.models.load_model(f"{folder}/best.keras").built


def unchanged():
    """A script that knows nothing of ranks, without a seed; what it prints is rank 0's."""
    rng = np.random.RandomState(np.random.randint(1000))  # alike on all ranks
    x, y = rng.rand(40, 3), rng.rand(40, 1)
    model = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    first, *_ = [model.train_on_batch(x, y) for _ in range(3)]
    logs = model.fit(x, y, epochs=2, verbose=2, validation_split=0.25).history
    print("RESULT", first, logs["val_loss"][-1])
    digests = distribution.distribution().group.gather([v.numpy().tobytes() for v in model.variables])
    assert all(d == digests[0] for d in digests)


def other_data():
    """Each rank makes data of its own."""
    distribution.set_distribution(distribution.DataParallel())
    model, (x, y), arguments = dense()
    model.fit(x + distribution.rank(), y, verbose=0, **arguments)


class Counting(layers.Layer):
    """How many rows this process has seen."""

    seen = 0

    def call(self, x):
        Counting.seen += x.shape[0]
        return x


class Drawing(layers.Layer):
    """Noise in inference, too."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, x):
        return x + keras.random.uniform(x.shape, seed=self.seed_generator)


class Mine(keras.callbacks.Callback):
    """Hears of batches."""


def predictions():
    """By case, one line: the rows that each rank runs for a prediction, and whether each has what it has alone."""
    chosen, rank = distribution.DataParallel(), distribution.rank()
    names = np.array(["a", "b", "c"])[CLASSES]
    for case, rows, arguments in [
        ("shared", X, {}),
        ("a part", X, {"steps": 4}),
        ("few", X[:16], {}),
        ("draws", X, {}),
        ("heard", X, {"callbacks": [Mine()]}),
        ("other rows", X + rank, {}),
        ("other weights", X, {}),
        ("made", None, {}),
        ("texts", names, {}),
    ]:
        keras.utils.set_random_seed(2)
        inner = [Drawing()] if case == "draws" else []
        if case == "texts":
            inner = [
                keras.Input((), dtype="string"),
                layers.StringLookup(vocabulary=["a", "b", "c"]),
                layers.Reshape((1,)),
            ]
        model = keras.Sequential([*inner, Counting(), layers.Dense(3)])
        model.run_eagerly = True
        found = []
        for distributed in (None, chosen):
            distribution.set_distribution(distributed)
            source = Uneven() if rows is None else rows
            model.predict_on_batch(X[:4] if case != "texts" else names[:4])
            if case == "draws":
                model.layers[0].seed_generator.state.assign([3, 0])
            if case == "other weights":
                model.layers[-1].bias.assign([rank, 0.0, 1.0])
            Counting.seen = 0
            given = {} if rows is None else {"batch_size": 8}
            found.append(model.predict(source, verbose=0, **given, **arguments))
        told = chosen.group.gather((Counting.seen, found[0].tobytes() == found[1].tobytes()))
        if rank == 0:
            print(f"{case}: {', '.join(str(seen) for seen, _ in told)}; {all(same for _, same in told)}")


class Failing(layers.Layer):
    fails = False

    def call(self, x):
        if Failing.fails:
            raise ValueError("this batch is no good")
        return x


def recovers():
    """A step that fails on every rank, after which training goes on."""
    distribution.set_distribution(distribution.DataParallel())
    model = keras.Sequential([Failing(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    for Failing.fails in (False, True, False):
        try:
            model.fit(X, X[:, :1], verbose=0)
        except ValueError:
            continue
    found = distribution.distribution().group.gather(None)
    if distribution.rank() == 0:  # lines of two processes may run into each other
        print("RESULT", found)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
