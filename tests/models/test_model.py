"""Model as a base class: what is inside, how it is built, what it keeps."""

import copy
import pickle

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DtypeError, NotBuiltError, ShapeError

X = np.random.default_rng(0).standard_normal((12, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


class Blocks(keras.Model):
    """Layers in a list, in a dictionary, and alone."""

    def __init__(self, depth=2, **common):
        super().__init__(**common)
        self.blocks = [keras.layers.Dense(3, name=f"block_{i}") for i in range(depth)]
        self.heads = {"out": keras.layers.Dense(1, name="head")}
        self.norm = keras.layers.BatchNormalization(name="norm")

    def call(self, x, training=None):
        for block in self.blocks:
            x = keras.ops.tanh(block(x))
        return self.heads["out"](self.norm(x, training=training))


@pytest.fixture(params=["eager", "captured"])
def way(request, monkeypatch):
    """Arguments of compile() for a way to run steps."""
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    return {"run_eagerly": request.param == "eager"}


def test_layers_wherever_they_are_kept():
    model = Blocks()
    assert [layer.name for layer in model.layers] == ["block_0", "block_1", "head", "norm"]
    assert model.weights == [] and not model.built
    model(X)
    assert model.built and len(model.weights) == 10 and len(model.trainable_weights) == 8
    assert model.count_params() == 4 * 3 + 3 + 3 * 3 + 3 + 3 + 1 + 4 * 3
    assert model.weights[0].path.endswith("/block_0/kernel")


def test_a_layer_that_is_appended_counts(way):
    model = Blocks()
    model.compile("sgd", "mse", **way)
    model.fit(X, Y, verbose=0)
    model.blocks.append(keras.layers.Dense(3, name="block_2"))
    assert [layer.name for layer in model.layers][:3] == ["block_0", "block_1", "block_2"]
    before = model.predict(X, verbose=0)
    assert len(model.weights) == 12
    model.compile("sgd", "mse", **way)
    weight = model.blocks[2].kernel.numpy()
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(weight, model.blocks[2].kernel.numpy())
    assert before.shape == (12, 1)


def test_get_layer():
    model = Blocks()
    assert model.get_layer("norm") is model.norm
    assert model.get_layer(index=1) is model.blocks[1] and model.get_layer(index=-1) is model.norm
    with pytest.raises(ArgumentError, match="either name or index"):
        model.get_layer()
    with pytest.raises(ArgumentError, match="either name or index"):
        model.get_layer("norm", 1)
    with pytest.raises(ArgumentError, match="there is no index 7"):
        model.get_layer(index=7)
    with pytest.raises(ArgumentError, match="Did you mean 'block_1' or 'block_0'"):
        model.get_layer("block_9")


def test_weights_go_out_and_in():
    one, two = Blocks(), Blocks()
    one(X), two(X)
    two.set_weights(one.get_weights())
    np.testing.assert_array_equal(one(X), two(X))
    taken = one.get_weights()
    taken[0][:] = 7
    assert not (one.weights[0].numpy() == 7).any()
    before = two.get_weights()
    with pytest.raises(ArgumentError, match="has 10 weights; set_weights received 9"):
        two.set_weights(before[1:])
    with pytest.raises(ShapeError, match="received"):
        two.set_weights([*before[:-1], np.zeros(9)])
    for a, b in zip(before, two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_set_weights_reaches_compiled_steps(way):
    model = Blocks()
    model.compile("adam", "mse", **way)
    for _ in range(3):
        model.fit(X, Y, verbose=0)
        model.predict(X, verbose=0)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert (model.predict(X, verbose=0) == 0).all()
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(Y.mean())


def test_a_model_is_a_layer(way):
    inner = Blocks(name="inner")
    model = keras.Sequential([keras.layers.Dense(4), inner, keras.layers.Dense(1)])
    model.compile("sgd", "mse", **way)
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    assert len(model.weights) == 14 and inner.built
    moving = inner.norm.moving_mean.numpy()
    assert (moving != 0).any()
    inner.trainable = False
    assert len(model.trainable_weights) == 4
    before = inner.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    for a, b in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_inner_model_may_be_trained_by_itself(way):
    inner = Blocks()
    model = keras.Sequential([inner])
    for m in (inner, model):
        m.compile("sgd", "mse", metrics=["mae"], **way)
    inner.fit(X, Y, verbose=0)
    history = model.fit(X, Y, verbose=0).history
    assert list(history) == ["loss", "mae", "learning_rate"]
    np.testing.assert_array_equal(inner.predict(X, verbose=0), model.predict(X, verbose=0))


def test_switching_to_eager_and_back():
    model = Blocks()
    model.compile("sgd", "mse")
    runs = []
    model.heads["out"].call, usual = (lambda x, **kwargs: runs.append(1) or usual(x)), model.heads["out"].call
    counts = []
    for eager in (False, True, False):
        model.run_eagerly = eager
        runs.clear()
        model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
        counts.append(len(runs))
    assert counts[1] == 6 and counts[0] < 6 and counts[2] <= 1


def test_jit_compile_false_is_eager():
    model = Blocks()
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(X, Y, verbose=0)
    with pytest.raises(NotBuiltError):
        model.explain_step()


def test_explaining_a_step(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    model = Blocks()
    model.compile("sgd", "mse")
    with pytest.raises(NotBuiltError, match="no train step"):
        model.explain_step()
    model.fit(X, Y, batch_size=4, verbose=0)
    assert "matmul" in str(model.explain_step())
    with pytest.raises(NotBuiltError, match="no predict step"):
        model.explain_step("predict")


@pytest.mark.parametrize(
    "way_to_copy", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_a_copy_goes_its_own_way(way_to_copy, way):
    model = Blocks()
    model.compile("adam", "mse", metrics=["mae"], **way)
    model.fit(X, Y, verbose=0)
    twin = way_to_copy(model)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    before = model.get_weights()
    assert list(twin.fit(X, Y, epochs=2, shuffle=False, verbose=0).history) == ["loss", "mae", "learning_rate"]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_misuse_is_told():
    with pytest.raises(ArgumentError, match="inputs and outputs, or neither"):
        keras.Model([keras.layers.Dense(1)])
    with pytest.raises(NotImplementedError, match=r"has no call\(\)"):
        keras.Model()(X)
    with pytest.raises(DtypeError, match="expects arrays or Tensors"):
        Blocks()([1.0, 2.0])
    with pytest.raises(NotBuiltError, match="has no weights yet"):
        Blocks().count_params()
    with pytest.raises(TypeError, match="no argument 'learning_rate'"):
        Blocks().compile("sgd", "mse", learning_rate=1.0)


def test_the_training_argument():
    class Tells(keras.Model):
        def call(self, x, training=None):
            self.told = training
            return x

    model = Tells()
    model.compile("sgd", "mse", run_eagerly=True)
    model(X)
    assert model.told is None
    model(X, training=True)
    assert model.told is True
    model.predict(X, verbose=0)
    assert model.told is False
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(X, X, verbose=0)
    assert model.told is True
    model.evaluate(X, X, verbose=0)
    assert model.told is False


def test_a_call_without_the_training_argument(way):
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.drop = keras.layers.Dropout(0.5, seed=1)

        def call(self, x):
            return self.drop(x)

    model = Plain()
    model.compile("sgd", "mse", **way)
    assert (model.predict(X, verbose=0) == X).all()
    assert (np.asarray(model(X, training=True)) == 0).any()
    assert (np.asarray(model(X)) == X).all()


def test_double_precision(way):
    class Double(keras.Model):
        def __init__(self):
            super().__init__(dtype="float64")
            self.dense = keras.layers.Dense(2, dtype="float64")

        def call(self, x):
            return self.dense(x)

    model = Double()
    model.compile("adam", "mse", **way)
    model.fit(X, X[:, :2], verbose=0)
    assert model.predict(X, verbose=0).dtype == "float64" and model.weights[0].dtype == "float64"


def test_one_list_input_is_the_input(way):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", **way)
    model.fit([X], [Y], verbose=0)
    np.testing.assert_array_equal(model.predict([X], verbose=0), model.predict(X, verbose=0))


def test_building_from_a_shape(way):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
            self.norm = keras.layers.BatchNormalization()
            self.out = keras.layers.Dense(1)

        def call(self, x, training=None):
            return self.out(self.norm(self.inner(x, training=training)))

    net, other = Net(), Net()
    net.build((None, 4))
    assert net.built and [w.shape for w in net.trainable_weights] == [(4, 3), (3,), (3,), (3,), (3, 1), (1,)]
    assert not net.norm.moving_mean.numpy().any() and not net.losses
    other(np.zeros((2, 4)))
    other.set_weights(net.get_weights())
    x = np.random.default_rng(0).standard_normal((5, 4))
    np.testing.assert_array_equal(net.predict(x, verbose=0), other.predict(x, verbose=0))
    net.compile("sgd", "mse", **way)
    net.fit(x, x[:, :1], verbose=0)


def test_building_from_several_shapes():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.join, self.out = keras.layers.Concatenate(), keras.layers.Dense(1)

        def call(self, inputs):
            return self.out(self.join([inputs["a"], inputs["b"]]))

    two = Two()
    two.build({"a": (None, 2), "b": (None, 3)})
    assert two.out.kernel.shape == (5, 1)


def test_what_cannot_be_built_from_a_shape():
    class Looks(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(1)

        def call(self, x):
            return self.out(x @ np.linalg.inv(np.asarray(x)))

    with pytest.raises(NotBuiltError, match=r"cannot be built from the shape \(None, 4\) alone.* Call it on data"):
        Looks().build((None, 4))
    looks = Looks()
    assert looks(np.eye(4)).shape == (4, 1)

    class Builds(Looks):
        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight((input_shape[-1],), "ones")

        def call(self, x):
            return self.out(x * self.scale)

    builds = Builds()
    builds.build((None, 4))
    assert builds.built and builds.scale.shape == (4,)


class Faulty(keras.Model):
    """Its methods have a fault that has nothing to do with shapes."""

    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1)
        self.broken = True

    def call(self, x):
        if self.broken:
            raise OSError("the disk is gone")
        return self.out(x)

    def compute_output_shape(self, input_shape):
        raise OSError("the disk is gone")


@pytest.mark.parametrize(
    "use",
    [
        lambda model: Faulty().build((None, 4)),
        lambda model: keras.utils.plot_model(model, None),
        lambda model: keras.Sequential([model]).summary(print_fn=str),
    ],
    ids=["build", "plot_model", "summary"],
)
def test_a_fault_is_not_taken_for_a_need_of_data(use):
    model = Faulty()
    model.broken = False
    model(np.ones((2, 4)))
    model.broken = True
    with pytest.raises(OSError, match="the disk is gone"):
        use(model)
