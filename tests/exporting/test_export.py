"""What is exported computes the same under onnxruntime, for batches of any size and by the model's names."""

import sys

import numpy as np
import pytest

import autonet
from autonet import Input, Model, Sequential, layers, ops
from autonet.errors import ArgumentError
from autonet.layers import InputSpec

needs_onnx = pytest.mark.extra("onnx")


def run(path, *arrays):
    """Names of inputs and outputs of a file, and its results."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    inputs, outputs = [x.name for x in session.get_inputs()], [x.name for x in session.get_outputs()]
    return inputs, outputs, session.run(None, dict(zip(inputs, arrays, strict=True)))


def check(f, path, arrays, sizes=(1, 2, 7)):
    """Names, where the file's results are those of `f`, which takes as many Tensors."""
    for n in sizes:
        some = [a[:n] for a in arrays]
        inputs, outputs, found = run(path, *some)
        wanted = autonet.tree.flatten(f(*some))
        for a, b in zip(found, wanted, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5, atol=1e-5)
    return inputs, outputs


def drawn(rng, *shape):
    return rng.standard_normal((7, *shape)).astype(np.float32)


def transformer():
    x = Input((6, 8), name="tokens")
    h = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(h))
    return Model(x, layers.RMSNormalization(name="out")(y + h))


STACKS = {
    "dense": ((4,), [layers.Dense(5, activation="relu"), layers.Dense(3, activation="softmax")]),
    "activations": (
        (4,),
        [layers.Dense(6, activation=a) for a in "elu selu gelu silu softplus leaky_relu mish log_softmax".split()],
    ),
    "images": (
        (8, 8, 3),
        [
            layers.Rescaling(0.5),
            layers.Conv2D(4, 3, padding="same", activation="gelu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Conv2D(4, 3, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="log_softmax"),
        ],
    ),
    "convolutions": (
        (9, 9, 4),
        [
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.AveragePooling2D(2, padding="same"),
            layers.SeparableConv2D(6, 3, padding="same"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            layers.Conv2D(8, 3, groups=2, dilation_rate=2),
            layers.UpSampling2D(),
            layers.ZeroPadding2D(),
            layers.Cropping2D(((1, 0), (0, 2))),
            layers.GroupNormalization(2),
            layers.Flatten(),
            layers.Dense(2),
        ],
    ),
    "volumes": ((5, 5, 5, 2), [layers.Conv3D(3, 2), layers.MaxPooling3D(2, padding="same"), layers.Reshape((-1,))]),
    "sequences": (
        (9, 4),
        [
            layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
            layers.MaxPooling1D(2),
            layers.LSTM(5, return_sequences=True),
            layers.SimpleRNN(4, return_sequences=True, go_backwards=True),
            layers.TimeDistributed(layers.Dense(3)),
            layers.Bidirectional(layers.GRU(3)),
            layers.Dense(2),
        ],
    ),
    "reset": ((3, 4), [layers.GRU(3, reset_after=False)]),
}


@needs_onnx
@pytest.mark.parametrize("name", STACKS)
def test_stacks(name, rng, tmp_path):
    shape, stack = STACKS[name]
    model = Sequential([Input(shape, name="x"), *stack])
    for w in model.weights:  # moving averages and offsets too
        w.assign(np.abs(rng.standard_normal(w.shape)) * 0.5)
    model.export(tmp_path / "m.onnx")
    assert check(model, tmp_path / "m.onnx", [drawn(rng, *shape)]) == (["x"], model.output_names)


@needs_onnx
def test_words_with_masks(rng, tmp_path):
    model = Sequential([Input((5,), dtype="int32"), layers.Embedding(7, 6, mask_zero=True), layers.LSTM(3)])
    model.export(tmp_path / "m.onnx")
    check(model, tmp_path / "m.onnx", [rng.integers(0, 7, (7, 5)).astype(np.int32)])


@needs_onnx
def test_a_transformer(rng, tmp_path):
    model = transformer()
    model.export(tmp_path / "m.onnx")
    assert check(model, tmp_path / "m.onnx", [drawn(rng, 6, 8)]) == (["tokens"], ["out"])


@needs_onnx
def test_several_inputs_and_outputs(rng, tmp_path):
    a, b = Input((4,), name="a"), Input((4,), name="b")
    outputs = [layers.Dense(2, name="p")(layers.Concatenate()([a, b])), layers.Dense(3, name="q")(a * b)]
    model = Model([a, b], outputs)
    model.export(tmp_path / "m.onnx")
    ends = check(lambda *x: model(list(x)), tmp_path / "m.onnx", [drawn(rng, 4), drawn(rng, 4)])
    assert ends == (["a", "b"], ["p", "q"])
    Model(a, {"u": a[:, 0], "v": a[:, ::-2]}).export(tmp_path / "m.onnx")
    x = drawn(rng, 4)
    inputs, outputs, found = run(tmp_path / "m.onnx", x)
    assert (inputs, outputs) == (["a"], ["u", "v"])
    np.testing.assert_array_equal(found[1], x[:, ::-2])


class Own(Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, signal, other=None):
        return self.dense(signal) if other is None else self.dense(signal) + other


@needs_onnx
def test_a_model_of_ones_own(rng, tmp_path):
    model = Own()
    with pytest.raises(ArgumentError, match="does not tell its inputs"):
        model.export(tmp_path / "m.onnx")
    model.export(tmp_path / "m.onnx", input_signature=[InputSpec(shape=(None, 4)), InputSpec(shape=(None, 3))])
    ends = check(model, tmp_path / "m.onnx", [drawn(rng, 4), drawn(rng, 3)])
    assert ends == (["signal", "other"], ["output"])
    model = Own()
    model.build((None, 4))
    model.export(tmp_path / "m.onnx")
    check(model, tmp_path / "m.onnx", [drawn(rng, 4)])


FUNCTIONS = {
    "arithmetic": lambda x, y: ops.sqrt(ops.abs(x * y - 2.0)) / (1.0 + ops.square(y)) + ops.maximum(x, y) ** 2,
    "exponentials": lambda x, y: ops.log1p(ops.exp(x)) + ops.expm1(y) + ops.erf(x) + ops.rsqrt(1 + y * y) + ops.logaddexp(x, y),
    "angles": lambda x, y: ops.sin(x) + ops.cos(y) + ops.tanh(x) + ops.arctan(y) + ops.sinh(x) + ops.arcsinh(y),
    "rounding": lambda x, y: ops.floor(x) + ops.ceil(y) + ops.round(x) + ops.trunc(y) + ops.sign(x) + ops.round(y, 2),
    "remainders": lambda x, y: ops.mod(x, 0.7) + ops.floor_divide(y, -0.3),
    "choices": lambda x, y: ops.where(ops.logical_and(x > y, x < 1), x, ops.clip(y, -0.5, 0.5)),
    "tests": lambda x, y: ops.logical_or(ops.isfinite(x), ops.not_equal(x, y)),
    "reductions": lambda x, y: ops.sum(x, axis=1) + ops.mean(y, axis=(1,)) + ops.max(x, axis=-1) + ops.prod(y, axis=1),
    "norms": lambda x, y: ops.logsumexp(x, axis=1) + ops.norm(y, axis=1) + ops.std(x, axis=1) + ops.var(y, axis=1),
    "over the batch": lambda x, y: ops.sum(x) + ops.max(y, axis=0),
    "places": lambda x, y: (ops.argmax(x, axis=1), ops.argmin(y, axis=1), ops.argsort(x), ops.top_k(y, 2)),
    "order": lambda x, y: (ops.sort(x), ops.flip(y, axis=1), ops.roll(x, 2, axis=1), ops.cumsum(y, axis=1)),
    "shapes": lambda x, y: ops.concatenate([ops.reshape(x, (-1, 2, 3)), ops.transpose(ops.reshape(y, (-1, 3, 2)), (0, 2, 1))], 1),
    "more rows": lambda x, y: ops.reshape(ops.stack([x, y], axis=1), (-1, 3)),
    "parts": lambda x, y: (ops.split(x, 3, axis=1), y[:, 1:-1], y[:, None, 2], y[..., -1], ops.expand_dims(x, 0)),
    "frames": lambda x, y: ops.pad(x, ((0, 0), (1, 2))) + ops.repeat(y[:, :1], 9, axis=1) + ops.tile(y[:, :3], (1, 3)),
    "repeated": lambda x, y: x + ops.zeros_like(y) + ops.ones((6,)) + ops.broadcast_to(y[:, :1], x.shape),
    "look-ups": lambda x, y: (ops.take(x, [2, 0, -1], axis=1), ops.take_along_axis(x, ops.argsort(y), axis=1), x[:, [1, 3]]),
    "classes": lambda x, y: ops.one_hot(ops.argmax(x, axis=1), 6) * ops.softmax(y) + ops.log_softmax(x),
    "products": lambda x, y: ops.matmul(ops.expand_dims(x, -1), ops.expand_dims(y, 1)) + ops.einsum("bi,bj->bij", y, x),
    "casts": lambda x, y: (ops.cast(x, "int32") % 3, ops.cast(y > 0, "float32") * x, ops.any(x > 1, axis=1), ops.all(y < 1, 1)),
    "bins": lambda x, y: ops.searchsorted(np.float32([-1, 0, 1]), x) + ops.searchsorted(np.float32([-1, 0, 1]), y, "right"),
}  # fmt: skip


@needs_onnx
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("jitted", [False, True])
def test_functions(name, jitted, rng, tmp_path):
    f = autonet.jit(FUNCTIONS[name]) if jitted else FUNCTIONS[name]
    autonet.export(f, tmp_path / "f.onnx", [InputSpec(shape=(None, 6)), InputSpec(shape=(None, 6))])
    inputs, _ = check(lambda *x: f(*map(ops.convert_to_tensor, x)), tmp_path / "f.onnx", [drawn(rng, 6), drawn(rng, 6)])
    assert inputs == ["x", "y"]


@needs_onnx
def test_names_and_trees_of_a_function(tmp_path):
    signature = [{"a": InputSpec(shape=(None, 2)), "b": InputSpec(shape=(2,), dtype="int32")}]
    autonet.export(lambda d: {"s": d["a"] + d["b"]}, tmp_path / "f.onnx", signature)
    inputs, outputs, (found,) = run(tmp_path / "f.onnx", np.ones((3, 2), np.float32), np.int32([1, 2]))
    assert (inputs, outputs, found.tolist()) == (["d_0", "d_1"], ["s"], [[2, 3]] * 3)
    autonet.export(lambda x: x, tmp_path / "f.onnx", np.ones(3), input_names=["in"], output_names=["out"])
    assert run(tmp_path / "f.onnx", np.arange(3.0))[:2] == (["in"], ["out"])


@needs_onnx
def test_weights_have_their_paths(tmp_path):
    import onnx

    model = Sequential([Input((4,)), layers.Dense(3, name="first")])
    model.export(tmp_path / "m.onnx")
    assert {x.name for x in onnx.load(tmp_path / "m.onnx").graph.initializer} == {w.path for w in model.weights}


def assigns(x):
    counter.assign(counter + 1)
    return x


counter = autonet.Variable(0.0, name="counter")
REFUSED = {
    "lgamma": lambda x: ops.lgamma(x),
    "fixed one": lambda x: x / x.shape[0],
    "a shape": lambda x: ops.matmul(x, ops.transpose(x)) + ops.eye(x.shape[0]),
    "counter": assigns,
    "returns Tensors": lambda x: 3,
    "looks at the value": lambda x: x if x[0, 0] > 0 else -x,
}


@needs_onnx
@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused_by_name(words, tmp_path):
    with pytest.raises(autonet.errors.AutonetError, match="depends on the batch" if "a " in words else words):
        autonet.export(REFUSED[words], tmp_path / "f.onnx", [InputSpec(shape=(None, 3))])
    assert not (tmp_path / "f.onnx").exists()


@needs_onnx
def test_signatures_are_checked(tmp_path):
    with pytest.raises(ArgumentError, match="leaves the first axis free"):
        Sequential([Input((None, 4)), layers.LSTM(2)]).export(tmp_path / "m.onnx")
    with pytest.raises(ArgumentError, match="format"):
        transformer().export(tmp_path / "m.onnx", format="tf_saved_model")
    with pytest.raises(ArgumentError, match="opset"):
        transformer().export(tmp_path / "m.onnx", opset=3)
    with pytest.raises(ArgumentError, match="different output_names"):
        autonet.export(lambda x: x, tmp_path / "f.onnx", np.ones(3), output_names=["a", "b"])
    with pytest.raises(ArgumentError, match="has a shape"):
        autonet.export(lambda x: x, tmp_path / "f.onnx", [3])


def test_without_onnx_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ArgumentError, match=r"pip install onnx \(the extra 'onnx'\)"):
        autonet.export(lambda x: x, tmp_path / "f.onnx", np.ones(3))
