"""Kernels: what of a plan's C is left when its sizes are parameters, and that no bit depends on it."""

import re

import numpy as np
import pytest

import autonet as keras
from autonet import ops
from autonet.compiler.c import parameters, plan
from autonet.compiler.c.runtime import cache, toolchain
from autonet.variable import Variable
from tests.compiler.numpy.test_plan import plain
from tests.compiler.programs import captured, native_plan, needs_compiler


@pytest.mark.parametrize(
    ("text", "left", "sizes", "numbers"),
    [
        ("k < 24; y[k * 24 + 7]", "k < n0_; y[k * n0_ + n1_]", [24, 7], []),
        ("t[24] p24 e24[256] an_exp_f32", "t[24] p24 e24[256] an_exp_f32", [], []),
        ("1.5f * 20e3f + x->f64", "1.5f * 20e3f + x->f64", [], []),
        ("a * ((float)0x1.8p+5)", "a * c0_", [], [48.0]),
        ("a * ((float)-0x1.99p-12) + ((double)0x1.8p+5)", "a * c0_ + c1_", [], [-float.fromhex("0x1.99p-12"), 48.0]),
        ("a * ((float)0x1.0000000000000p+0) * 4", "a * ((float)0x1.0000000000000p+0) * 4", [], []),
    ],
)
def test_sizes_and_numbers_are_taken_out(text, left, sizes, numbers):
    taken = parameters.Parameters()
    assert taken.extract(text).splitlines()[-1] == left
    assert (taken.sizes, taken.numbers) == (sizes, numbers)


def test_like_functions_are_one_kernel():
    made = parameters.Kernels()
    first = made.add(["const float *p7 = t[12], *p9 = t[13];", "for (int64_t j = 0; j < 20; j++) use(p7, p9);"])
    again = made.add(["const float *p1 = t[14], *p2 = t[10];", "for (int64_t j = 0; j < 30; j++) use(p1, p2);"])
    other = made.add(["const float *p1 = t[14], *p2 = t[14];", "for (int64_t j = 0; j < 30; j++) use(p1, p2);"])
    assert first[0] == again[0] != other[0]
    contexts, sizes, _ = made.arrays(np.arange(100, 120, dtype=np.uintp))
    assert list(contexts[[2, 3, 6, 7, 10]]) == [112, 113, 114, 110, 114]
    assert list(sizes[:3]) == [20, 30, 30]


def dense(n, width, classes):
    x, y = plain(n, 2 * width), np.arange(n) % classes
    v, w = Variable(plain(2 * width, width)), Variable(plain(width, classes))

    def step(x):
        loss = lambda v, w: ops.mean(ops.sparse_categorical_crossentropy(y, ops.relu(x @ v) @ w, from_logits=True))
        value, (gv, gw) = keras.value_and_grad(loss, argnums=(0, 1))(v, w)
        v.assign_sub(gv * (1.0 / n))
        w.assign_sub(gw * (1.0 / width))
        return value

    return step, x


def normalized(n, width, classes):
    scale = plain(width)
    return lambda x: ops.layer_normalization(ops.batch_normalize(x, scale, scale, axis=-1, epsilon=0.1)[0], axis=-1), (
        plain(n, width)
    )


def attention(n, width, classes):
    f = lambda x: ops.dot_product_attention(x, x, x)
    return f, plain(2, n, classes, width)


def images(n, width, classes):
    channels = 8 + classes  # so many that Winograd's sums pay for all
    kernel = plain(3, 3, channels, width)
    return lambda x: ops.max_pool(ops.conv(x, kernel, padding="same"), 2), plain(n, 9, 14, channels)


def recurrent(n, width, classes):
    keras.utils.set_random_seed(1)
    layer = keras.layers.LSTM(width)
    layer.build((n, classes, width))
    return lambda x: layer(x), plain(n, classes, width)


SHAPES = [(34, 24, 10), (30, 40, 6), (33, 50, 12)]  # of sizes that differ: where some are equal is another structure
MADE = {f.__name__: f for f in (dense, normalized, attention, images, recurrent)}


def run(make, *sizes):
    """The source of a plan, and the arrays that it gives."""
    program, _ = captured(*make(*sizes))
    made_plan = native_plan(program)
    return made_plan.source_c, made_plan.run([program_input.copy() for program_input in [make(*sizes)[1]]])


@needs_compiler
@pytest.mark.parametrize("make", MADE.values(), ids=list(MADE))
def test_shapes_share_their_source(make):
    sources = {run(make, n, width, classes)[0] for n, width, classes in SHAPES}
    assert len(sources) == 1


@needs_compiler
@pytest.mark.parametrize("make", MADE.values(), ids=list(MADE))
def test_no_bit_depends_on_what_the_compiler_knows(make, monkeypatch):
    source, found = run(make, 33, 37, 10)
    monkeypatch.setattr(parameters, "SMALL", 10**9)
    monkeypatch.setattr(parameters, "_NUMBER", re.compile("(?!)"))  # matches nothing
    monkeypatch.setattr(plan, "TABLES", ())
    fixed, expected = run(make, 33, 37, 10)
    assert fixed != source
    for a, b in zip(found, expected, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def trained(width):
    """Weights after a short training from a fixed seed."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.layers.Dense(width, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(plain(70, 20), np.arange(70) % 10, epochs=2, verbose=0)
    return [w.tobytes() for w in model.get_weights()]


@needs_compiler
def test_a_sweep_over_widths_compiles_once_and_keeps_its_bits(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    compiler, calls, real = toolchain.find(), [], toolchain.Compiler.compile
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    monkeypatch.setattr(toolchain.Compiler, "compile", lambda self, *a: calls.append(1) or real(self, *a))
    cold = {width: trained(width) for width in (7, 10, 20, 32, 50)}
    assert len(calls) == 1
    assert {width: trained(width) for width in cold} == cold
    cache.clear()
    assert trained(32) == cold[32]
