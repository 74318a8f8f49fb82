"""What a user writes, with every public package in it, as type checkers and editors read it.

`# Tensor` behind `reveal_type(...)`: what both mypy and pyright say of it, and what there is when the script runs.
`# error`: what both refuse. No other line may trouble them.
"""

from collections.abc import Callable, Iterator
from typing import Any, reveal_type

import numpy as np

import autonet as keras
from autonet import Tensor, Variable, layers, ops

rng = np.random.default_rng(1)
x = rng.normal(size=(32, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int64")
labels = keras.utils.to_categorical(y, num_classes=2)
reveal_type(labels)  # ndarray

# Sequential

shown: list[str] = []
model = keras.Sequential(
    [
        keras.Input(shape=(4,)),
        layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
        layers.Dropout(0.1, seed=1),
        layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=1)),
    ],
    name="stack",
)
reveal_type(model)  # Sequential
rate = keras.optimizers.schedules.ExponentialDecay(1e-2, decay_steps=100, decay_rate=0.9)
reveal_type(rate)  # ExponentialDecay
optimizer = keras.optimizers.Adam(learning_rate=rate, clipnorm=1.0)
reveal_type(optimizer)  # Adam
model.compile(
    optimizer=optimizer,
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    metrics=["accuracy", keras.metrics.AUC(name="auc")],
)
stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
history = model.fit(
    x,
    labels,
    batch_size=8,
    epochs=2,
    validation_split=0.25,
    callbacks=[stopping],
    verbose=0,
    class_weight={0: 1.0, 1: 2.0},
)
reveal_type(history)  # History
reveal_type(history.history)  # dict[str, list[float]]
reveal_type(history.epoch)  # list[int]
reveal_type(model.predict(x, verbose=0))  # ndarray
classes = model.predict(x, verbose=0).argmax(axis=1)
reveal_type(model.evaluate(x, labels, verbose=0, return_dict=True))  # dict[str, float]
evaluated = model.evaluate(x, labels, verbose=0)
reveal_type(evaluated)  # Any
loss, accuracy, auc = evaluated
reveal_type(model.train_on_batch(x, labels, return_dict=True))  # dict[str, float]
reveal_type(model(x))  # Tensor
reveal_type(model(x, training=True))  # Tensor
reveal_type(model.layers)  # list[Layer]
reveal_type(model.layers[0])  # Layer
reveal_type(model.weights)  # list[Variable]
reveal_type(model.count_params())  # int
reveal_type(model.to_json())  # str
reveal_type(model.get_weights())  # list[ndarray]
reveal_type(model.get_config())  # dict[str, Any]
reveal_type(keras.models.clone_model(model))  # Sequential
model.summary(print_fn=shown.append)

# Model[Tensor]

entry = keras.Input((4,), name="entry")
reveal_type(entry)  # KerasTensor
hidden = layers.BatchNormalization()(layers.Dense(6, activation=keras.activations.gelu)(entry))
joined = layers.Concatenate()([hidden, entry]) + ops.sum(hidden, axis=-1, keepdims=True)
functional = keras.Model(inputs=entry, outputs=layers.Dense(1)(joined))
reveal_type(functional)  # Model[Tensor]
functional.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError()], jit_compile=False)
reveal_type(functional(x))  # Tensor
reveal_type(functional.predict(x, verbose=0))  # ndarray
reveal_type(functional.fit(x, y, verbose=0))  # History
two = keras.Model([entry], {"a": layers.Dense(1)(hidden), "b": hidden})
reveal_type(two)  # Model[object]
for name, array in two.predict(x, verbose=0).items():
    assert isinstance(name, str) and array.shape[0] == 32


# Subclassed


class Twice(layers.Layer):
    """A layer of one's own."""

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int, ...]) -> None:
        """The kernel."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(3.0),
            name="kernel",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """The map."""
        return 2 * ops.matmul(inputs, self.kernel)


class Classifier(keras.Model):
    """A model of one's own, with a step of its own."""

    def __init__(self, units: int):
        super().__init__()
        self.twice = Twice(units, name="twice")
        self.head = layers.Dense(2)
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The map."""
        return self.head(ops.relu(self.twice(inputs)))

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One batch."""
        features, targets = data

        def loss_of(weights: list[Variable]) -> Tensor:
            del weights
            return self.compute_loss(features, targets, self(features, training=True))

        value, gradients = keras.value_and_grad(loss_of)(self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.tracker.update_state(value)
        return {"loss": self.tracker.result()}


class Halves(layers.Layer):
    """A layer with two results."""

    def call(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Both halves."""
        return inputs[:, :2], inputs[:, 2:]


class Custom(keras.Model):
    """A model given by its ends, with a step of its own."""

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One batch."""
        return super().train_step(data)


custom = Custom(entry, layers.Dense(1)(hidden))
reveal_type(custom)  # Custom
custom.compile(loss=lambda y_true, y_pred: ops.mean((y_true - y_pred) ** 2))
reveal_type(custom.fit(x, y, verbose=0))  # History
reveal_type(Twice(2)(entry))  # Tensor
left_half, right_half = Halves()(entry)
reveal_type(left_half)  # Tensor
parts = keras.Model(entry, [left_half, right_half])
first_half, second_half = parts.predict(x, verbose=0)
assert first_half.shape == second_half.shape
twice = Twice(3)
reveal_type(twice(ops.ones((2, 4))))  # Tensor
reveal_type(twice.kernel)  # Variable
reveal_type(twice.units)  # int
classifier = Classifier(3)
classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
reveal_type(classifier)  # Classifier
reveal_type(classifier.fit(x, y, epochs=1, verbose=0))  # History
reveal_type(classifier(ops.convert_to_tensor(x)))  # Tensor


class Recorder(keras.callbacks.Callback):
    """A callback of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the loss."""
        self.losses.append((logs or {}).get("loss", 0.0))


class Spread(keras.losses.Loss):
    """A loss of one's own."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number per sample."""
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Share(keras.metrics.Metric):
    """A metric of one's own."""

    def __init__(self, name: str | None = None):
        super().__init__(name=name)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Take in a batch."""
        self.total.assign_add(ops.mean(ops.cast(y_pred > 0, "float32")))

    def result(self) -> Tensor:
        """The number."""
        return self.total / 1


class Batches(keras.utils.PyDataset):
    """Data of one's own."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return x[8 * index : 8 * index + 8], y[8 * index : 8 * index + 8]


def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches without end."""
    while True:
        yield x[:8], y[:8]


recorder = Recorder()
slower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9**epoch)
teller = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: shown.append(f"{epoch}: {logs['loss']}"))
own = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
own.compile(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), Spread(), metrics=[Share(name="share")])
reveal_type(own.fit(Batches(), epochs=1, callbacks=[recorder, slower, teller], verbose=0))  # History
reveal_type(own.fit(endless(), steps_per_epoch=2, validation_data=(x, y), verbose=0))  # History
reveal_type(Spread()(y, x[:, 0]))  # Tensor
reveal_type(own.predict(Batches(), verbose=0))  # ndarray

# Layers

reveal_type(layers.Dense(3))  # Dense
reveal_type(layers.Dense(3)(x))  # Tensor
reveal_type(layers.Conv2D(2, (3, 3), padding="same")(ops.ones((1, 8, 8, 1))))  # Tensor
reveal_type(layers.MaxPooling2D()(ops.ones((1, 8, 8, 1))))  # Tensor
reveal_type(layers.Flatten()(ops.ones((1, 8, 8, 1))))  # Tensor
reveal_type(layers.Embedding(10, 4, mask_zero=True)(np.array([[1, 2, 0]])))  # Tensor
reveal_type(layers.Dropout(0.5)(x, training=True))  # Tensor
reveal_type(layers.LayerNormalization()(x))  # Tensor
reveal_type(layers.MultiHeadAttention(2, 4)(ops.ones((1, 3, 8)), ops.ones((1, 3, 8))))  # Tensor
reveal_type(layers.Bidirectional(layers.LSTM(3)))  # Bidirectional
reveal_type(layers.LSTM(3)(ops.ones((1, 5, 2))))  # Tensor
reveal_type(layers.add([ops.ones((2,)), ops.ones((2,))]))  # Tensor
texts = layers.TextVectorization(max_tokens=20, output_mode="int", output_sequence_length=4)
texts.adapt(["a b c", "b c d"])
reveal_type(texts.get_vocabulary())  # list[str]
reveal_type(texts(["a b"]))  # Tensor
reveal_type(layers.IntegerLookup(vocabulary=[1, 2])(np.array([1])))  # Tensor
scale = layers.Normalization()
scale.adapt(x)
reveal_type(scale(x))  # Tensor
reveal_type(layers.Rescaling(1 / 255)(x))  # Tensor
reveal_type(layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot")(np.array([[1, 2]])))  # Tensor

# Losses, metrics, optimizers, initializers, regularizers, constraints, activations

reveal_type(keras.losses.MeanSquaredError()(x, x))  # Tensor
reveal_type(keras.losses.mean_squared_error(x, x))  # Tensor
reveal_type(keras.losses.get("mse"))  # Any
metric = keras.metrics.SparseCategoricalAccuracy()
metric.update_state(y, labels, sample_weight=np.ones(32))
reveal_type(metric.result())  # Tensor
reveal_type(metric(y, labels))  # Tensor
metric.reset_state()
reveal_type(keras.metrics.binary_accuracy(labels, labels))  # Tensor
reveal_type(keras.optimizers.get("adam"))  # Optimizer | None
reveal_type(optimizer.iterations)  # Tensor
reveal_type(optimizer.get_config())  # dict[str, Any]
reveal_type(rate(3))  # Tensor
reveal_type(keras.initializers.HeNormal(seed=1)((2, 3)))  # Tensor
reveal_type(keras.regularizers.L1L2(l1=0.1, l2=0.1)(ops.ones((2,))))  # Tensor
reveal_type(keras.constraints.NonNeg()(ops.ones((2,))))  # Tensor
reveal_type(keras.activations.relu(x))  # Tensor

# Operations and Tensors

t = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
reveal_type(t)  # Tensor
reveal_type(ops.sum(t))  # Tensor
reveal_type(ops.matmul(t, t))  # Tensor
reveal_type(ops.reshape(t, (-1,)))  # Tensor
reveal_type(ops.concatenate([t, t], axis=0))  # Tensor
reveal_type(ops.split(t, 2))  # list[Tensor]
reveal_type(ops.top_k(t, k=1))  # tuple[Tensor, Tensor]
reveal_type(ops.nn.softmax(t))  # Tensor
reveal_type(ops.linalg.inv(t))  # Tensor
reveal_type(ops.numpy.mean(t))  # Tensor
reveal_type(ops.image.resize(np.ones((1, 4, 4, 3)), (2, 2)))  # Tensor
reveal_type(ops.shape(t))  # tuple[int, ...]
reveal_type(ops.convert_to_numpy(t))  # ndarray
reveal_type(t + 1)  # Tensor
reveal_type(1 - t)  # Tensor
reveal_type(t @ t)  # Tensor
reveal_type(-(t**2) / 3.0)  # Tensor
reveal_type(t > 0)  # Tensor
reveal_type(t == t)  # Tensor
reveal_type(t[0])  # Tensor
reveal_type(t[:, None, ..., 0])  # Tensor
reveal_type(t.shape)  # tuple[int, ...]
reveal_type(t.numpy())  # ndarray
reveal_type(t.sum(axis=0))  # Tensor
reveal_type(t.T)  # Tensor
reveal_type(float(t[0, 0]))  # float
reveal_type(list(t))  # list[Tensor]
v = Variable(np.ones(3), trainable=True, name="v")
reveal_type(v)  # Variable
reveal_type(v + t[0, 0])  # Tensor
reveal_type(v.assign(np.zeros(3)))  # Variable
reveal_type(v.value)  # Tensor
with keras.no_grad():
    v.assign_add(np.ones(3))

# Derivatives and jit


def cube(a: Tensor) -> Tensor:
    """One number."""
    return ops.sum(a**3)


def scaled(a: Tensor, factor: float = 1.0, *, shift: int = 0) -> Tensor:
    """As many numbers as come in."""
    return a * factor + shift


reveal_type(keras.grad(cube)(t))  # Tensor
value, gradient = keras.value_and_grad(cube)(t)
reveal_type(value)  # Tensor
reveal_type(gradient)  # Tensor
reveal_type(keras.jacobian(scaled)(t))  # Tensor
reveal_type(keras.hessian(cube)(t))  # Tensor
reveal_type(keras.hvp(cube, (t,), (t,)))  # Tensor
quick = keras.jit(scaled)
reveal_type(quick(t, 2.0, shift=1))  # Tensor
reveal_type(keras.jit(static_argnums=1)(scaled)(t, 2.0))  # Tensor
quick.clear()
keras.check_gradients(cube, t)
reveal_type(keras.stop_gradient(t))  # Tensor


@keras.jit
def decorated(a: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Two results."""
    return a * times, a


@keras.custom_gradient
def rounded(a: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """A derivative of its own."""

    def pullback(g: Tensor) -> Tensor:
        return g

    return ops.round(a), pullback


reveal_type(decorated(t, 2))  # tuple[Tensor, Tensor]
reveal_type(rounded(t))  # Tensor

# Chance, data, tools, settings

reveal_type(keras.random.normal((2, 3), seed=1))  # Tensor
generator = keras.random.SeedGenerator(1)
reveal_type(generator)  # SeedGenerator
reveal_type(keras.random.uniform((2,), seed=generator))  # Tensor
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
reveal_type(x_train)  # ndarray
reveal_type(keras.utils.pad_sequences([[1], [2, 3]], maxlen=4))  # ndarray
reveal_type(keras.preprocessing.sequence.pad_sequences([[1], [2, 3]]))  # ndarray
keras.utils.set_random_seed(1)
left, right = keras.utils.split_dataset(x, left_size=0.5)
reveal_type(keras.utils.normalize(x))  # ndarray
reveal_type(keras.config.floatx())  # str
keras.config.set_epsilon(1e-7)
reveal_type(keras.backend.image_data_format())  # str
reveal_type(keras.tree.map_structure(abs, {"a": 1}))  # Any
reveal_type(keras.tree.flatten({"a": 1}))  # list[Any]
reveal_type(keras.version())  # str


@keras.saving.register_keras_serializable("script")
class Registered(Twice):
    """A layer that files may name."""


reveal_type(Registered(2))  # Registered
config = keras.saving.serialize_keras_object(layers.Dense(2))
reveal_type(keras.models.model_from_json(model.to_json()))  # Model[object]
try:
    ops.matmul(t, ops.ones((3, 3)))
except keras.errors.ShapeError as error:
    reveal_type(error)  # ShapeError


def files(path: str) -> keras.Model:
    """What goes to disk and comes back."""
    model.save(path)
    model.save_weights(path + ".weights")
    restored = keras.models.load_model(path)
    restored.load_weights(path + ".weights")
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_best_only=True)
    restored.fit(x, labels, callbacks=[checkpoint, keras.callbacks.CSVLogger(path + ".csv")])
    return restored


def wrong() -> None:
    """What type checkers are to refuse; it is never run."""
    print(keras.nonsense)  # error
    keras.layers.Dnse(3)  # error
    keras.losses.MeanSquaredEror()  # error
    keras.optimizers.Adm()  # error
    keras.metrics.Acuracy()  # error
    keras.callbacks.EarlyStoping()  # error
    keras.utils.to_categorial(y)  # error
    keras.random.nromal((2,))  # error
    keras.initializers.Hellnormal()  # error
    print(keras.datasets.minst)  # error
    ops.smu(t)  # error
    ops.nn.sofmax(t)  # error
    keras.layers.Dense("3")  # error
    keras.layers.Dense(3, activatoin="relu")  # error
    keras.layers.Dropout("half")  # error
    keras.layers.Conv2D(3)  # error
    keras.layers.LSTM(units=None)  # error
    keras.layers.Embedding(10)  # error
    keras.optimizers.Adam(lr_rate=0.1)  # error
    keras.optimizers.Adam(beta_1="0.9")  # error
    keras.callbacks.EarlyStopping(patience="3")  # error
    keras.losses.Huber(delta="1")  # error
    keras.metrics.AUC(num_thresholds="many")  # error
    model.fit(x, y, epoch=3)  # error
    model.fit(x, y, epochs="3")  # error
    model.fit(3.0, y)  # error
    model.compile(optimiser="adam")  # error
    model.compile("adam", "mse", metric=["mae"])  # error
    model.compile(optimizer=3)  # error
    model.predict(x, batchsize=3)  # error
    model.evaluat(x, y)  # error
    print(model.predict(x, verbose=0).nonsense)  # error
    print(model.fit(x, y).histroy)  # error
    keras.Sequential(layers.Dense(3))  # error
    keras.Sequential([3])  # error
    model.add(3)  # error
    keras.Input(shpe=(3,))  # error
    keras.Input(shape=3)  # error
    ops.sum(t, axs=0)  # error
    ops.sum("t")  # error
    ops.reshape(t, "flat")  # error
    t + "1"  # error
    t.smu()  # error
    v.asign(1.0)  # error
    quick("t")  # error
    quick(t, factr=2.0)  # error
    decorated(t)  # error
    keras.grad(3)  # error
    keras.random.normal("shape")  # error
    keras.config.set_floatx(16)  # error
    keras.utils.to_categorical(y, num_classes="2")  # error
    keras.utils.set_random_seed("1")  # error
    keras.activations.relu("x")  # error
    keras.losses.mean_squared_error(x)  # error
