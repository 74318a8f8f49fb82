"""Subclasses that replace a step, the loss or the metrics: run eagerly, captured, and as machine code."""

import numpy as np
import pytest

import autonet as keras
from autonet import ops
from autonet.errors import ArgumentError, NotBuiltError

X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


@pytest.fixture(params=["eager", "captured", "native"])
def way(request, monkeypatch):
    """Arguments of compile() for one way to run steps."""
    monkeypatch.setenv("AUTONET_NATIVE", str(int(request.param == "native")))
    return {"run_eagerly": request.param == "eager"}


class Linear(keras.Model):
    def __init__(self):
        super().__init__()
        keras.utils.set_random_seed(1)
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def backward(loss, variables):
    """Gradients, without leaving them at the variables."""
    loss.backward()
    found = [v.grad for v in variables]
    for v in variables:
        v.grad = None
    return found


def fitted(model, way, *data, **options):
    model.compile(**{"optimizer": keras.optimizers.Adam(0.01), "loss": "mse", **way, **options})
    history = model.fit(*(data or (X, Y)), batch_size=8, epochs=3, shuffle=False, verbose=0).history
    return history, model.get_weights()


def same(a, b):
    assert list(a[0]) == list(b[0])
    for name in a[0]:
        assert a[0][name] == pytest.approx(b[0][name], rel=1e-4)
    for u, v in zip(a[1], b[1], strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-3, atol=1e-5)


def test_a_train_step_of_ones_own(way):
    class Own(Linear):
        def train_step(self, data):
            x, y = data
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            variables = self.trainable_variables
            self.optimizer.apply(backward(loss, variables), variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss, sample_weight=x.shape[0])
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    own = fitted(Own(), way, metrics=["mae"])
    same(own, fitted(Linear(), {"run_eagerly": True}, metrics=["mae"]))


def test_steps_around_the_usual_ones(way):
    class Around(Linear):
        def train_step(self, data):
            x, y, weight = data
            logs = super().train_step((x * 2, y, weight))
            return {**logs, "twice": logs["loss"] * 2}

        def test_step(self, data):
            logs = super().test_step(data)
            return {**logs, "thrice": logs["loss"] * 3}

        def predict_step(self, data):
            return super().predict_step(data) * 0 + 7

    model = Around()
    weights = np.arange(20.0)
    model.compile("sgd", "mse", weighted_metrics=["mae"], **way)
    history = model.fit(X, Y, sample_weight=weights, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    plain = Linear()
    plain.compile("sgd", "mse", weighted_metrics=["mae"], run_eagerly=True)
    expected = plain.fit(X * 2, Y, sample_weight=weights, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert history["twice"] == pytest.approx([2 * v for v in history["loss"]], rel=1e-5)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(found) == ["loss", "mae", "thrice"] and found["thrice"] == pytest.approx(3 * found["loss"], rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(list(found.values()))
    assert (model.predict(X, verbose=0) == 7).all()
    assert list(model.train_on_batch(X, Y, sample_weight=weights, return_dict=True)) == ["loss", "mae", "twice"]


@pytest.mark.parametrize("arguments", ["all", "old", "rest"])
def test_a_loss_of_ones_own(arguments, way):
    def mean(y, y_pred):
        return ops.mean((y - y_pred) ** 2)

    class All(Linear):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert x.shape[1] == 4
            return mean(y, y_pred)

    class Old(Linear):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return mean(y, y_pred)

    class Rest(Linear):
        def compute_loss(self, **kwargs):
            assert isinstance(kwargs["training"], bool)
            return mean(kwargs["y"], kwargs["y_pred"])

    own = fitted({"all": All, "old": Old, "rest": Rest}[arguments](), way, loss=None)
    same(own, fitted(Linear(), {"run_eagerly": True}))


def test_a_loss_on_top_of_the_usual_one(way):
    class More(Linear):
        def compute_loss(self, *args, **kwargs):
            return super().compute_loss(*args, **kwargs) * 2 + 1

    model = More()
    model.compile("sgd", "mse", metrics=["mse"], **way)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(2 * found["mse"] + 1, rel=1e-5)


def test_metrics_of_ones_own(way):
    class Own(Linear):
        def __init__(self):
            super().__init__()
            self.answer = keras.metrics.Mean(name="answer")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.answer.update_state(y_pred)
            results["named"] = self.answer.result()
            return results

    model = Own()
    model.compile("sgd", "mse", metrics=["mae"], **way)
    history = model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y), verbose=0).history
    own = ["loss", "mae", "answer", "named"]
    assert list(history) == [*own, *[f"val_{name}" for name in own], "learning_rate"]
    assert history["val_named"][-1] == pytest.approx(model.predict(X, verbose=0).mean(), rel=1e-4)


def test_a_model_without_a_call(way):
    """As in the usual example of a variational autoencoder: metrics overridden, data is x itself."""

    class Coder(keras.Model):
        def __init__(self):
            super().__init__()
            keras.utils.set_random_seed(2)
            self.encoder = keras.Sequential([keras.layers.Dense(4)])
            self.decoder = keras.Sequential([keras.layers.Dense(4)])
            self.tracker = keras.metrics.Mean(name="total")
            self.noise = keras.random.SeedGenerator(3)

        @property
        def metrics(self):
            return [self.tracker]

        def train_step(self, data):
            code = self.encoder(data)
            mean, log_variance = code[:, :2], code[:, 2:]
            z = mean + ops.exp(0.5 * log_variance) * keras.random.normal(mean.shape, seed=self.noise)
            loss = ops.mean(ops.sum((self.decoder(z) - data) ** 2, axis=-1))
            loss = loss - 0.5 * ops.mean(1 + log_variance - mean**2 - ops.exp(log_variance))
            variables = self.trainable_variables
            self.optimizer.apply(backward(loss, variables), variables)
            self.tracker.update_state(loss)
            return {"total": self.tracker.result()}

    own = fitted(Coder(), way, X)
    same(own, fitted(Coder(), {"run_eagerly": True}, X))
    assert len(own[1]) == 4 and own[0]["total"][-1] < own[0]["total"][0]


def test_two_optimizers(way):
    """As in the usual example of an adversarial network."""

    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            keras.utils.set_random_seed(2)
            self.g = keras.Sequential([keras.layers.Dense(4)])
            self.d = keras.Sequential([keras.layers.Dense(1)])
            self.noise = keras.random.SeedGenerator(3)

        def compile(self, g_optimizer, d_optimizer, optimizer=None, **kwargs):
            super().compile(**kwargs)
            self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer

        def train_step(self, real):
            loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
            n = real.shape[0]
            z = keras.random.normal((n, 3), seed=self.noise)
            d_loss = loss_of(ops.ones((n, 1)), self.d(real)) + loss_of(
                ops.zeros((n, 1)), self.d(keras.stop_gradient(self.g(z)))
            )
            weights = self.d.trainable_variables
            self.d_optimizer.apply(backward(d_loss, weights), weights)
            g_loss = loss_of(ops.ones((n, 1)), self.d(self.g(z)))
            g_loss.backward()
            weights = self.g.trainable_variables
            self.g_optimizer.apply([w.grad for w in weights], weights)
            for w in self.trainable_variables:
                w.grad = None
            return {"d": d_loss, "g": g_loss}

    def run(way):
        return fitted(Pair(), way, X, g_optimizer=keras.optimizers.Adam(0.01), d_optimizer=keras.optimizers.Adam(0.01))

    same(run(way), run({"run_eagerly": True}))


def test_a_step_must_return_a_dictionary():
    class Wrong(Linear):
        def train_step(self, data):
            return ops.ones(())

    model = Wrong()
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ArgumentError, match="return a dictionary"):
        model.fit(X, Y, verbose=0)


def test_a_step_that_looks_at_values_runs_eagerly_and_says_so():
    class Looks(Linear):
        def train_step(self, data):
            logs = super().train_step(data)
            if float(logs["loss"]) > 1e9:
                raise RuntimeError
            return logs

    model = Looks()
    with pytest.warns(UserWarning, match="runs operation by operation"):
        own = fitted(model, {})
    same(own, fitted(Linear(), {"run_eagerly": True}))


def test_training_decides_what_layers_do(way):
    class Tells(keras.layers.Layer):
        def call(self, x, training=None):
            return x * 0 + (2.0 if training else 1.0)

    model = keras.Sequential([Tells(), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mae", **way)
    zeros, ones = np.zeros((4, 1), "float32"), np.ones((4, 1), "float32")
    assert model.fit(ones, zeros, verbose=0).history["loss"] == [2.0]
    assert model.evaluate(ones, zeros, verbose=0) == 1.0
    assert (model.predict(ones, verbose=0) == 1.0).all()


def test_a_frozen_part_stays(way):
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **way)
    model.fit(X, Y, verbose=0)
    for layer in model.layers[:2]:
        layer.trainable = False
    before = [layer.get_weights() for layer in model.layers]
    model.fit(X, Y, epochs=2, verbose=0)
    after = [layer.get_weights() for layer in model.layers]
    for a, b in zip(before[0] + before[1], after[0] + after[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(before[2][0], after[2][0])


class WithoutCall(keras.Model):
    """A model as that of an autoencoder or a GAN: parts and a train_step, no map of its own."""

    def __init__(self, known=True, **common):
        super().__init__(**common)
        self.net = keras.Sequential([*([keras.Input((2,))] if known else []), keras.layers.Dense(1)])

    def train_step(self, data):
        x, y = data
        self.net(x)
        weights = self.net.trainable_variables
        loss, slopes = keras.value_and_grad(lambda w: ops.mean((self.net(x) - y) ** 2))(weights)
        self.optimizer.apply(slopes, weights)
        return {"loss": loss}


@pytest.mark.parametrize("name", ["w.weights", "w.weights.h5"])
@pytest.mark.parametrize("known", [True, False])
def test_a_fitted_model_without_call_is_saved_and_loaded(known, name, tmp_path):
    x, y = np.ones((8, 2)), np.ones((8, 1))
    model, other = WithoutCall(known), WithoutCall(known)
    model.compile("sgd")
    if not known:
        for use in (lambda: model.save_weights(tmp_path / "none.weights"), model.count_params):
            with pytest.raises(NotBuiltError, match="no weights yet"):
                use()
    model.fit(x, y, verbose=0)
    assert model.built and model.count_params() == 3
    model.summary(print_fn=lambda text: None)
    model.save_weights(tmp_path / name)
    other = WithoutCall(known)
    if not known:
        with pytest.raises(NotBuiltError, match="build its layers, or fit it"):
            other.load_weights(tmp_path / name)
        other.compile("sgd")
        other.fit(x, y, verbose=0)
    other.load_weights(tmp_path / name)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects={"WithoutCall": WithoutCall})
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    loaded.fit(x, y, verbose=0)
