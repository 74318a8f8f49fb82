"""C99 of a model: compiled with every warning an error, under sanitizers, and compared with predict."""

import ctypes
import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from autonet import Variable, export, jit, layers, models, ops, random, tree
from autonet.compiler.c.runtime import library, toolchain
from autonet.errors import ArgumentError, AutonetError, NotBuiltError
from autonet.layers import InputSpec

pytestmark = pytest.mark.skipif(not library.available(), reason="no C compiler here")

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
SANITIZERS = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def sequential(shape, *parts, dtype="float32"):
    return models.Sequential([layers.Input(shape, dtype=dtype), *parts])


def attention():
    x = layers.Input((6, 8))
    return models.Model(x, layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))


def two():
    a, b = layers.Input((4,), name="a"), layers.Input((3,), name="b")
    joined = layers.Concatenate()([a, layers.Dense(4)(b)])
    return models.Model([a, b], [layers.Dense(2, "softmax")(joined), ops.max(joined, axis=-1)])


def self_attention():
    x = layers.Input((40, 8))
    return models.Model(x, layers.Attention()([x, x]))


MODELS = {
    "classifier": lambda: sequential(
        (64,), layers.Dense(32, "relu"), layers.BatchNormalization(), layers.Dense(10, "softmax")
    ),
    "images": lambda: sequential(
        (9, 9, 3),
        layers.Conv2D(4, 3, activation="gelu", padding="same"),
        layers.MaxPooling2D(3, 2, padding="same"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Dropout(0.5),
        layers.AveragePooling2D(2, padding="same"),
        layers.Conv2D(8, 2, groups=2, dilation_rate=2, padding="same"),
        layers.GlobalAveragePooling2D(),
    ),
    "transposed": lambda: sequential(
        (5, 5, 3),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.ZeroPadding2D(),
        layers.UpSampling2D(2),
        layers.Permute((3, 1, 2)),
        layers.Flatten(),
    ),
    "sequence": lambda: sequential(
        (12, 3),
        layers.Conv1D(4, 3, strides=2, padding="causal"),
        layers.LayerNormalization(),
        layers.GlobalMaxPooling1D(),
    ),
    "lstm": lambda: sequential((6, 4), layers.LSTM(4, return_sequences=True), layers.GRU(3)),
    "gru": lambda: sequential((6, 4), layers.GRU(3, reset_after=False, return_sequences=True)),
    "both ways": lambda: sequential((6, 4), layers.Bidirectional(layers.SimpleRNN(4))),
    "masked": lambda: sequential((6,), layers.Embedding(10, 4, mask_zero=True), layers.LSTM(3), dtype="int32"),
    "attention": attention,
    "two": two,
    "functions": lambda: sequential(
        (40,),
        *[layers.Dense(9, activation) for activation in "tanh sigmoid elu selu silu mish softplus exponential".split()],
        layers.Dense(300, "log_softmax"),
        layers.Dense(200, "softmax"),
        layers.Dense(1),
    ),
    "normalizations": lambda: sequential(
        (9, 60),
        layers.LayerNormalization(axis=(1, 2)),
        layers.RMSNormalization(),
        layers.GroupNormalization(6),
        layers.LayerNormalization(axis=1),
        layers.GlobalAveragePooling1D(),
    ),
    "wide": lambda: sequential(
        (12, 12, 8),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2DTranspose(8, 3, strides=2, padding="same"),
        layers.SeparableConv2D(12, 3, strides=2),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(3, "gelu"),
    ),
    "self-attention": self_attention,
}


def filled(name):
    """A model with drawn weights, and five rows for it."""
    rng = np.random.default_rng(7)
    model = MODELS[name]()
    for w in model.weights:
        w.assign(rng.uniform(0.1, 1, w.shape) if "variance" in w.path else rng.normal(0, 0.5, w.shape))
    rows = []
    for v in model.inputs:
        whole = str(v.dtype).startswith("int")
        rows.append(
            rng.integers(0, 9, (5, *v.shape[1:])).astype(str(v.dtype))
            if whole
            else rng.standard_normal((5, *v.shape[1:]), "float32")
        )
    return model, rows


def compiled(source, target, *flags):
    command = [*toolchain.find().command, *STRICT, *flags, str(source), "-o", str(target), "-lm"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert not made.returncode, made.stderr


def called(path, name, arrays, results):
    function = getattr(ctypes.CDLL(str(path)), f"{name}_predict_rows")
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, *results)]
    function(ctypes.c_long(len(arrays[0])), *pointers)


@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_predict(name, tmp_path):
    model, rows = filled(name)
    model.export(tmp_path / "m.c")
    compiled(tmp_path / "m.c", tmp_path / "m.so", "-O2", "-shared", "-fPIC")
    wanted = model.predict(rows if len(rows) > 1 else rows[0], verbose=0)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    results = [np.full_like(y, np.nan) for y in wanted]
    called(tmp_path / "m.so", "m", rows, results)
    for y, z in zip(results, wanted, strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)


def compare(folder):
    """In a process whose plans are of plain C: every model's rows, one by one, against a plan's."""
    for name in MODELS:
        model, rows = filled(name)
        model.export(folder / "m.c")
        compiled(folder / "m.c", folder / f"{len(name)}{name[:3]}.so", "-O2", "-shared", "-fPIC")
        for _ in range(2):  # the first call is what is recorded
            wanted = model.predict(rows if len(rows) > 1 else rows[0], verbose=0)
        wanted = wanted if isinstance(wanted, list) else [wanted]
        results = [np.full_like(y, np.nan) for y in wanted]
        called(folder / f"{len(name)}{name[:3]}.so", "m", rows, results)
        if not all(y.tobytes() == z.tobytes() for y, z in zip(results, wanted, strict=True)):
            print(name, "differs by", [np.abs(y - z).max() for y, z in zip(results, wanted, strict=True)])
    print("compared", len(MODELS))


def test_same_bits_as_a_plan_of_plain_c(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "AUTONET_INSTRUCTIONS": "plain", "AUTONET_NATIVE": "1"}
    code = f"import pathlib; from {__name__} import compare; compare(pathlib.Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split("\n")[0] == f"compared {len(MODELS)}", done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="sanitizers are tried where all compilers have them")
@pytest.mark.parametrize("name", ["images", "masked", "two", "attention", "gru", "functions", "normalizations"])
def test_under_sanitizers(name, tmp_path):
    """With inputs and results of just their sizes, and numbers far out."""
    model, _ = filled(name)
    model.export(tmp_path / "m.c")
    lines = ["#include <stdlib.h>", '#include "m.h"', "int main(void) {"]
    names = []
    for letter, values in (("x", model.inputs), ("y", model.outputs)):
        for k, v in enumerate(values):
            whole = str(v.dtype).startswith("int")
            n = 3 * int(np.prod(v.shape[1:]))
            kind, number = ("int32_t", "k % 13 - 3") if whole else ("float", "(float)(k % 7) * 1e3f - 3e3f")
            names.append(f"{letter}{k}")
            lines.append(f"{kind} *{names[-1]} = malloc({n} * sizeof({kind}));")
            lines.append(f"for (int k = 0; k < {n}; k++) {names[-1]}[k] = {number};")
    lines += [f"m_predict_rows(3, {', '.join(names)});", *[f"free({n});" for n in names], "return 0; }"]
    (tmp_path / "main.c").write_text("\n".join(lines))
    compiled(tmp_path / "m.c", tmp_path / "m", *SANITIZERS, str(tmp_path / "main.c"))
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    ran = subprocess.run([tmp_path / "m"], capture_output=True, text=True, env=environment)
    assert not ran.returncode, ran.stderr


def test_digits_below_100_kb(tmp_path):
    model = sequential((64,), layers.Dense(32, "relu"), layers.Dense(10, "softmax"))
    model.export(tmp_path / "digits.c")
    assert (tmp_path / "digits.c").stat().st_size < 100_000
    assert "void digits_predict(const float *x, float *y);" in (tmp_path / "digits.h").read_text()


@pytest.mark.parametrize("jitted", [False, True])
def test_functions_too(jitted, rng, tmp_path):
    w = Variable(rng.standard_normal((4, 3)).astype("float32"), name="w")
    f = lambda a, b: {"s": ops.tanh(a @ w) + b, "m": ops.mean(a, axis=0)}
    f = jit(f) if jitted else f
    export(f, tmp_path / "f.c", [InputSpec(shape=(2, 4)), InputSpec(shape=(3,))])
    assert "void f_call(const float *x1, const float *x2, float *y1, float *y2);" in (tmp_path / "f.h").read_text()
    compiled(tmp_path / "f.c", tmp_path / "f.so", "-shared", "-fPIC")
    a, b = rng.standard_normal((2, 4)).astype("float32"), rng.standard_normal(3).astype("float32")
    found = [np.zeros(4, "float32"), np.zeros((2, 3), "float32")]
    arrays = [x.ctypes.data_as(ctypes.c_void_p) for x in (a, b, *found)]
    ctypes.CDLL(str(tmp_path / "f.so")).f_call(*arrays)
    for y, z in zip(found, tree.flatten(f(ops.convert_to_tensor(a), ops.convert_to_tensor(b))), strict=True):
        np.testing.assert_allclose(y, np.asarray(z), rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="lengths are known"):
        export(f, tmp_path / "g.c", [InputSpec(shape=(None, 4)), InputSpec(shape=(3,))])
    with pytest.raises(ArgumentError, match=r"ends with \.c"):
        export(f, tmp_path / "g.h", [InputSpec(shape=(2, 4)), InputSpec(shape=(3,))], format="c")
    with pytest.raises(ArgumentError, match="only computes"):
        export(lambda x: x + random.normal((2,)), tmp_path / "g.c", [InputSpec(shape=(2,))])


def test_a_file_goes_with_its_own_header_only(tmp_path):
    """Of two exports, whoever is killed between the files may leave one of each."""
    for n in (3, 4):
        sequential((n,), layers.Dense(2)).export(tmp_path / "m.c")
        (tmp_path / "m.h").rename(tmp_path / f"{n}.h")
    for n in (3, 4):
        (tmp_path / "m.h").write_bytes((tmp_path / f"{n}.h").read_bytes())
        command = [*toolchain.find().command, *STRICT, "-c", str(tmp_path / "m.c"), "-o", str(tmp_path / "m.o")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) == (n == 4)
        assert ("the header is of another export" in done.stderr) == (n == 3)


@pytest.mark.parametrize("function, fails", [("fsync", 1), ("fsync", 2), ("replace", 1)])
def test_a_fault_of_the_disk_leaves_the_earlier_pair(function, fails, tmp_path, monkeypatch):
    sequential((3,), layers.Dense(2)).export(tmp_path / "m.c")
    old = {path: path.read_bytes() for path in tmp_path.iterdir()}
    real, left = getattr(os, function), iter(range(fails - 1))

    def faulty(*args):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args)

    monkeypatch.setattr(os, function, faulty)
    with pytest.raises(OSError, match=r"No space left on device: .*m\.[ch]"):
        sequential((4,), layers.Dense(2)).export(tmp_path / "m.c")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_lookup_outside_its_table_gives_nan(tmp_path):
    model = sequential((2,), layers.Embedding(4, 1), dtype="int32")
    model.export(tmp_path / "m.c")
    compiled(tmp_path / "m.c", tmp_path / "m.so", "-shared", "-fPIC")
    y = np.zeros((1, 2, 1), "float32")
    called(tmp_path / "m.so", "m", [np.array([[3, 4]], "int32")], [y])
    assert np.isfinite(y[0, 0, 0]) and np.isnan(y[0, 1, 0])


def test_what_cannot_be_exported(tmp_path):
    target = tmp_path / "m.c"
    dense = lambda *shape: sequential(shape, layers.Dense(2))
    with pytest.raises(ArgumentError, match="end with"):
        dense(3).export(tmp_path / "m.cpp")
    with pytest.raises(ArgumentError, match="lengths are known"):
        dense(None, 3).export(target)
    with pytest.raises(NotBuiltError, match="knows the shapes"):
        models.Sequential([layers.Dense(2)]).export(target)
    with pytest.raises(AutonetError, match="sort"):
        x = layers.Input((3,))
        models.Model(x, ops.sort(x)).export(target)
    assert not list(tmp_path.iterdir())
