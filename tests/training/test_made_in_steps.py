"""What a step makes as it runs (layers, weights, slots, metrics, generators, flags): compiled trains as eagerly, to the bit."""

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops, random
from autonet.errors import ArgumentError
from autonet.variable import Variable

X = np.random.default_rng(0).standard_normal((48, 4)).astype("float32")
Y = (X @ np.float32([[1], [-2], [0.5], [0]]) > 0).astype("float32")


def mse(y, p):
    return ops.mean(ops.square(y - p))


class Custom(keras.Model):
    """A model without call, whose step trains whatever it is made of on `self.error(x, y)`."""

    def __init__(self):
        super().__init__()
        keras.utils.set_random_seed(3)
        self.make()

    def make(self):
        pass

    def error(self, x, y):
        return mse(y, self.map(x))

    def move(self, gradients):
        self.optimizer.apply(gradients, self.trainable_variables)

    def train_step(self, data):
        x, y, _ = data if len(data) == 3 else (*data, None)
        loss, gradients = keras.value_and_grad(lambda _: self.error(x, y))(self.trainable_variables)
        self.move(gradients)
        return {"loss": loss}

    def test_step(self, data):
        x, y, _ = data if len(data) == 3 else (*data, None)
        return {"loss": self.error(x, y)}

    def predict_step(self, data):
        return self.map(data[0] if isinstance(data, tuple) else data)


class LazySequential(Custom):
    def make(self):
        self.map = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)])


class MadeInTheStep(Custom):
    net = None

    def map(self, x):
        if self.net is None:
            self.net = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(1)])
        return self.net(x)


class Pairs(LazySequential):
    def move(self, gradients):
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))


class Minimize(LazySequential):
    def train_step(self, data):
        x, y = data[:2]
        return {"loss": self.optimizer.minimize(lambda: self.error(x, y), self.trainable_variables)}


class Backward(LazySequential):
    def train_step(self, data):
        loss = self.error(*data[:2])
        loss.backward()
        weights = self.trainable_variables
        gradients = [v.grad for v in weights]
        for v in weights:
            v.grad = None
        self.optimizer.apply(gradients, weights)
        return {"loss": loss}


class OwnWeights(Custom):
    w = None

    def map(self, x):
        if self.w is None:
            self.w = Variable(np.zeros((x.shape[1], 1), "float32"))
            self.b = Variable(lambda shape, dtype: random.uniform(shape, dtype=dtype), shape=(1,))
        return x @ self.w + self.b


class FromTheData(OwnWeights):
    """Its first weights are computed from the first batch."""

    def map(self, x):
        if self.w is None:
            self.w = Variable(ops.reshape(ops.mean(x, axis=0), (-1, 1)).numpy())
        return x @ self.w


class Metrics(LazySequential):
    seen = None

    def train_step(self, data):
        logs = super().train_step(data)
        if self.seen is None:
            self.seen = keras.metrics.Mean(name="seen")
        self.seen.update_state(logs["loss"])
        return {**logs, "seen": self.seen.result()}


class Generators(LazySequential):
    noise = None

    def map_(self, x):
        if self.noise is None:
            self.noise = keras.random.SeedGenerator(5)
        return x + 0.1 * random.normal(x.shape, seed=self.noise) + 0.1 * random.normal(x.shape)

    def error(self, x, y):
        return super().error(self.map_(x), y)


class GrowingList(Custom):
    """One more layer in each of the first steps, each of them with an optimizer of its own."""

    def make(self):
        self.stack, self.movers = [], []

    def map(self, x):
        for layer in self.stack:
            x = ops.tanh(layer(x))
        return ops.sum(x, axis=1, keepdims=True)

    def train_step(self, data):
        x, y = data[:2]
        if len(self.stack) < 4:
            self.stack.append(layers.Dense(4))
            self.stack[-1].build((None, 4))
            self.movers.append(keras.optimizers.Adam(0.05))
        loss, gradients = keras.value_and_grad(lambda _: self.error(x, y))([s.trainable_variables for s in self.stack])
        for mover, g, layer in zip(self.movers, gradients, self.stack, strict=True):
            mover.apply(g, layer.trainable_variables)
        return {"loss": loss}


class Flags(LazySequential):
    """Its first step differs from the others, by attributes of several kinds."""

    first, mode, parts = True, None, ()

    def error(self, x, y):
        loss = super().error(x, y)
        if self.first:
            self.first = False
            loss = loss * 3
        if self.mode is None:
            self.mode = "later"
            loss = loss + 1
        if len(self.parts) < 2:
            self.parts = [*self.parts, "part"]
            loss = loss * (2 + len(self.parts))
        return loss


class Freezes(Custom):
    """A layer is frozen by the first step."""

    def make(self):
        self.hidden, self.top = layers.Dense(4), layers.Dense(1)

    def map(self, x):
        return self.top(self.hidden(x))

    def train_step(self, data):
        logs = super().train_step(data)
        self.hidden.trainable = False
        return logs

    def move(self, gradients):
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        super().move(gradients)


class Counts(LazySequential):
    """What it does before it fails for want of weights must not happen twice."""

    def make(self):
        super().make()
        self.steps = Variable(np.float32(0), trainable=False)

    def train_step(self, data):
        self.steps.assign_add(1.0)
        return {**super().train_step(data), "steps": self.steps.value}


class TwoNets(Custom):
    """Two nets that play against each other, each with its optimizer, both built by their first use."""

    def make(self):
        self.judge = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(1)])
        self.forger = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])
        self.second = keras.optimizers.Adam(0.01)

    def map(self, x):
        return self.judge(self.forger(x))

    def train_step(self, data):
        x = data[0]
        real, forged = ops.ones((x.shape[0], 1)), ops.zeros((x.shape[0], 1))

        def judge_error(_):
            lies = ops.stop_gradient(self.forger(random.normal(x.shape)))
            return mse(real, self.judge(x)) + mse(forged, self.judge(lies))

        def forger_error(_):
            return mse(real, self.judge(self.forger(random.normal(x.shape))))

        loss, g = keras.value_and_grad(judge_error)(self.judge.trainable_variables)
        self.optimizer.apply_gradients(zip(g, self.judge.trainable_variables, strict=True))
        other, g = keras.value_and_grad(forger_error)(self.forger.trainable_variables)
        self.second.apply_gradients(zip(g, self.forger.trainable_variables, strict=True))
        return {"loss": loss, "forger": other}


def family(kind):
    return [k for child in kind.__subclasses__() for k in (child, *family(child))]


def trained(build, **way):
    model = build()
    model.compile(keras.optimizers.Adam(0.02), **way)
    history = model.fit(X, Y, batch_size=8, epochs=4, verbose=0).history
    tested = model.evaluate(X, Y, batch_size=8, verbose=0)
    return model, history, tested, [w.numpy() for w in model.weights], model.predict(X, verbose=0)


@pytest.mark.parametrize("build", family(Custom))
def test_compiled_steps_know_what_they_made(build, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    model, *ours = trained(build)
    _, *theirs = trained(build, run_eagerly=True)
    assert ours[0] == theirs[0] and ours[1] == theirs[1]
    for a, b in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours[3], theirs[3])
    assert min(ours[0]["loss"][1:]) < ours[0]["loss"][0]  # it learns
    assert all(f.compiled.entries for f in model._functions.values())  # and is compiled


def test_a_step_that_makes_something_every_time_runs_eagerly_and_says_so_once(monkeypatch):
    class Throwaway(LazySequential):
        def error(self, x, y):
            total = Variable(np.zeros((), "float32"), trainable=False)
            total.assign_add(ops.stop_gradient(super().error(x, y)))
            return super().error(x, y) + total

    monkeypatch.setenv("AUTONET_NATIVE", "0")
    with pytest.warns(UserWarning, match="makes Variables in every run") as caught:
        model, *ours = trained(Throwaway)
    _, *theirs = trained(Throwaway, run_eagerly=True)
    assert len(caught) == 1 and ours[0] == theirs[0]
    assert not model._functions["train"].compiled.entries


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_that_lacks_weights_for_good_says_so(eagerly):
    class Bare(Custom):
        def error(self, x, y):
            return mse(y, x)

    class Wrong(LazySequential):
        def error(self, x, y):
            super().error(x, y)
            raise ArgumentError("This is another error.")

    for build, told in ((Bare, "nothing to differentiate with respect to"), (Wrong, "another error")):
        with pytest.raises(ArgumentError, match=told):
            trained(build, run_eagerly=eagerly)


def test_metrics_of_the_usual_step_do_not_keep_its_first_run_from_a_plan():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae", "accuracy"])
    model.train_on_batch(X, Y)
    assert [e.plan is not None for e in model._functions["train"].compiled.entries.values()] == [True]


class Counted(layers.Layer):
    runs = 0

    def call(self, x):
        Counted.runs += 1
        return x


@pytest.mark.parametrize("metrics", [None, ["mae"], ["accuracy", "mse"]])
def test_a_first_step_runs_once(metrics):
    inputs = keras.Input((4,))
    hidden = Counted()(layers.Dense(2)(inputs))
    for model in (
        keras.Sequential([keras.Input((4,)), layers.Dense(1), Counted()]),
        keras.Model(inputs, layers.Dense(1)(hidden)),
        keras.Model(inputs, [layers.Dense(1, name="a")(hidden), layers.Dense(1, name="b")(hidden)]),
    ):
        several = len(model.outputs) > 1
        model.compile("adam", ["mse", "mae"] if several else "mse", metrics=[metrics] * 2 if several else metrics)
        Counted.runs = 0
        model.fit(X, [Y, Y] if several else Y, batch_size=len(X), verbose=0)
        assert Counted.runs == 1


def test_a_compiled_model_may_predict_first():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["accuracy"])
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)
    assert "accuracy" in model.evaluate(np.ones((4, 3)), np.ones((4, 2)), verbose=0, return_dict=True)
