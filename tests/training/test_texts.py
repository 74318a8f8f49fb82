"""A model with layers for texts inside is the same model on texts vectorized before: to the bit, and compiled."""

import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops
from autonet.compiler.texts import MOST

N = 46  # a ragged last batch with 8 rows in each
WORDS = [f"w{i}" for i in range(12)]


def drawn(seed=0, n=N):
    """Texts of a few words, cities, and numbers."""
    rng = np.random.default_rng(seed)
    texts = np.array([" ".join(rng.choice(WORDS, rng.integers(1, 7))) for _ in range(n)], object)
    cities = rng.choice(["Rome", "Oslo", "Lima"], (n, 1))
    return texts, cities, rng.standard_normal((n, 3)).astype("float32"), rng.integers(0, 9, (n, 1))


TEXTS, CITIES, NUMBERS, AGES = drawn()
TARGETS = (NUMBERS[:, :1] > 0).astype("float32")


def words(**options):
    layer = layers.TextVectorization(max_tokens=10, **options)
    layer.adapt(TEXTS)
    return layer


def places():
    return layers.StringLookup(vocabulary=["Rome", "Oslo"], output_mode="one_hot")


def stacked(inside):
    read = words(output_sequence_length=4)
    body = [layers.Embedding(10, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    return keras.Sequential([read] * inside + body), TEXTS, lambda x: read(x).numpy()


def bagged(mode):
    def make(inside):
        read = words(output_mode=mode)
        model = keras.Sequential([read] * inside + [layers.Dense(3, activation="relu"), layers.Dense(1)])
        return model, TEXTS, lambda x: read(x).numpy()

    return make


def hashed(inside):
    read = layers.Hashing(5, output_mode="one_hot")
    return keras.Sequential([read] * inside + [layers.Dense(1)]), CITIES, lambda x: read(x).numpy()


def functional(inside):
    """Texts, a category and numbers; the category with one axis less than its Input says."""
    read, find = words(output_mode="count"), places()
    x = [TEXTS, CITIES[:, 0], NUMBERS]
    if inside:
        inputs = [keras.Input((), dtype="string"), keras.Input((1,), dtype="string"), keras.Input((3,))]
        parts = [read(inputs[0]), find(inputs[1]), inputs[2]]
    else:
        inputs = parts = [keras.Input((read.vocabulary_size(),)), keras.Input((3,)), keras.Input((3,))]
    y = layers.Dense(1)(layers.Dropout(0.3)(layers.Concatenate()(parts)))
    return keras.Model(inputs, y), x, lambda x: [read(x[0]).numpy(), find(x[1]).numpy(), x[2]]


def nested(inside):
    """A model of texts inside another, by names."""
    read = words(output_mode="tf_idf")
    first = [keras.Input((), dtype="string"), read] if inside else [keras.Input((read.vocabulary_size(),))]
    inner = keras.Sequential([*first, layers.Dense(4, activation="tanh")])
    text = (
        keras.Input((), dtype="string", name="text") if inside else keras.Input((read.vocabulary_size(),), name="text")
    )
    inputs = {"text": text, "numbers": keras.Input((3,), name="numbers")}
    y = layers.Dense(1)(layers.Concatenate()([inner(inputs["text"]), inputs["numbers"]]))
    return (
        keras.Model(inputs, y),
        {"text": TEXTS, "numbers": NUMBERS},
        lambda x: {"text": read(x["text"]).numpy(), "numbers": x["numbers"]},
    )


class Reader(keras.Model):
    """A subclass that cuts its texts."""

    def __init__(self, inside):
        super().__init__()
        self.read = places() if inside else (lambda x: x)
        self.end = layers.Dense(1)

    def call(self, x):
        return self.end(ops.concatenate([self.read(x[0][:, 0]), self.read(x[0][:, 1:]), x[1]], axis=-1))


def subclassed(inside):
    find = places()
    pairs = np.concatenate([CITIES, CITIES[::-1]], 1)
    if inside:
        return Reader(True), (pairs, NUMBERS), None

    class Plain(Reader):
        def call(self, x):
            return self.end(ops.concatenate(list(x), axis=-1))

    read = lambda x: (find(x[0][:, 0]).numpy(), find(x[0][:, 1:]).numpy(), x[1])
    return Plain(False), (pairs, NUMBERS), read


def crossed(inside):
    """A category together with a number that is sorted into bins inside."""
    cross, sort = layers.HashedCrossing(6, output_mode="one_hot"), layers.Discretization([2.0, 5.0])
    x = [CITIES, AGES]
    if inside:
        inputs = [keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")]
        return keras.Model(inputs, layers.Dense(1)(cross([inputs[0], sort(inputs[1])]))), x, None
    inputs = keras.Input((6,))
    return keras.Model(inputs, layers.Dense(1)(inputs)), x, lambda x: cross([x[0], sort(x[1])]).numpy()


FAMILY = {
    "stacked": stacked,
    **{mode: bagged(mode) for mode in ("multi_hot", "count", "tf_idf")},
    **{f.__name__: f for f in (hashed, functional, nested, subclassed, crossed)},
}


def cut(x, at):
    return (
        {k: v[at] for k, v in x.items()}
        if isinstance(x, dict)
        else type(x)(v[at] for v in x)
        if isinstance(x, (list, tuple))
        else x[at]
    )


class Batches(keras.utils.PyDataset):
    """The data eight rows at a time."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return -(-N // 8)

    def __getitem__(self, i):
        at = slice(8 * i, 8 * i + 8)
        return cut(self.x, at), TARGETS[at]


def life(make, inside, generator=False, **options):
    """Everything that training, evaluation and prediction tell."""
    keras.utils.set_random_seed(3)
    model, x, before = make(inside)
    if not inside:
        x = before(x)
    model.compile("adam", "mse", metrics=["mae"], **options)
    if generator:
        losses = model.fit(Batches(x), epochs=4, shuffle=False, verbose=0).history
    else:
        losses = model.fit(x, TARGETS, 8, 4, 0, validation_data=(x, TARGETS)).history
    found = [np.array(v) for v in losses.values()] + model.get_weights()
    found += [model.evaluate(x, TARGETS, verbose=0) for _ in range(2)]
    found += [model.predict(x, 16, verbose=0) for _ in range(2)]
    if "run_eagerly" not in options:
        for which in ("train", "test", "predict"):
            model.explain_step(which)  # an error where there is no plan
    return found


@pytest.mark.parametrize("make", FAMILY.values(), ids=list(FAMILY))
def test_as_if_vectorized_before(make, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    for generator in (False, True):
        for a, b in zip(life(make, True, generator), life(make, False, generator), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [stacked, functional])
def test_as_if_vectorized_before_in_native_code(make, monkeypatch):
    """Up to rounding: which runs are worth a plan is another question with texts."""
    monkeypatch.setenv("AUTONET_NATIVE", "1")
    for generator in (False, True):
        for a, b in zip(life(make, True, generator), life(make, False, generator), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [stacked, functional, subclassed])
def test_as_eagerly(make, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    for a, b in zip(life(make, True), life(make, True, run_eagerly=True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_texts_are_read_once_for_all_epochs(monkeypatch):
    """Where what they become is small; not in the first step and a ragged last one."""
    model, x, _ = stacked(True)
    rows = []
    call = layers.TextVectorization.call
    monkeypatch.setattr(
        layers.TextVectorization, "call", lambda self, texts: rows.append(len(texts)) or call(self, texts)
    )
    model.compile("sgd", "mse")
    model.fit(x, TARGETS, 8, 5, 0)
    assert rows.count(N) == 1 and sum(rows) <= N + 5 * (8 + N % 8) + 8
    monkeypatch.setattr("autonet.compiler.texts.MOST", 10)
    rows.clear()
    model.fit(x, TARGETS, 8, 2, 0)
    assert MOST > 10 and max(rows) == 8 and sum(rows) == 2 * N


def test_rows_of_other_lengths():
    """Each length has a plan, up to some; the bits are those of the eager run, whichever runs."""

    def trained(**options):
        keras.utils.set_random_seed(3)
        read = words()
        model = keras.Sequential([read, layers.Embedding(10, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)])
        model.compile("adam", "mse", **options)
        model.fit(texts, targets, 2, 2, 0)
        return [*model.get_weights(), model.evaluate(texts, targets, verbose=0)]

    rng = np.random.default_rng(0)
    texts = np.array([" ".join(rng.choice(WORDS, n)) for n in range(1, 41)], object)
    targets = rng.standard_normal((40, 1))
    with pytest.warns(UserWarning, match="output_sequence_length"):
        compiled = trained()
    for a, b in zip(compiled, trained(run_eagerly=True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_words_learned_anew():
    """A layer that learns between two calls is asked again, and a model with other words is recorded again."""
    read = words(output_sequence_length=4)
    model = keras.Sequential([read, layers.Embedding(10, 4), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = [model.predict(TEXTS, verbose=0) for _ in range(2)][1]
    model.fit(TEXTS, TARGETS, 8, 1, 0)
    read.set_vocabulary(WORDS[:6])
    after = [model.predict(TEXTS, verbose=0) for _ in range(2)][1]
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(
        after, keras.Sequential(model.layers[1:]).predict(read(TEXTS).numpy(), verbose=0), rtol=1e-5
    )


LOOKS = {
    "a ufunc": lambda x: (x == "Rome").astype("float32"),
    "a method": lambda x: np.array([[len(t) for t in row] for row in x.tolist()], "float32"),
    "an array": lambda x: np.char.str_len(np.asarray(x, str)).astype("float32"),
    "one text": lambda x: float(x[0, 0] == "Rome") * ops.ones((x.shape[0], 1)),
    "a walk": lambda x: np.array([[float(t == "Rome") for t in row] for row in x], "float32"),
    "an operator": lambda x: np.array([["Rome" in row] for row in x], "float32"),
    "printing": lambda x: len(str(x[:1])) * ops.ones((x.shape[0], 1)),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_whoever_looks_at_texts_runs_eagerly_and_is_told_once(look):
    class Looking(keras.Model):
        def __init__(self):
            super().__init__()
            self.end = layers.Dense(1)

        def call(self, x):
            return self.end(ops.convert_to_tensor(look(x)))

    def trained(**options):
        keras.utils.set_random_seed(3)
        model = Looking()
        model.compile("sgd", "mse", **options)
        return [model.fit(CITIES, TARGETS, 8, 2, 0).history["loss"], model.predict(CITIES, verbose=0)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = trained()
    assert [("looks at texts" in str(w.message)) for w in caught] == [True] * 2  # training and prediction
    for a, b in zip(found, trained(run_eagerly=True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_with_weights_is_no_reading():
    """A layer for texts that has weights trains: it is not run ahead."""

    class Weighing(layers.TextVectorization):
        def build(self, input_shape):
            self.scale = self.add_weight((1,), "ones", dtype="float32", name="scale")

        def call(self, inputs):
            return super().call(inputs) * self.scale

    read = Weighing(output_mode="count", vocabulary=WORDS)
    read.build((None,))
    model = keras.Sequential([read, layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="operation by operation"):
        model.fit(TEXTS, TARGETS, 8, 2, 0)
    assert read.scale.numpy() != 1


def test_jit_takes_texts():
    read = words(output_mode="count")
    f = keras.jit(lambda texts, scale: read(texts) * scale)
    for seed, scale in ((1, 2.0), (2, 3.0), (3, 4.0)):
        texts = drawn(seed)[0]
        np.testing.assert_array_equal(f(texts, scale), read(texts).numpy() * scale)
    f.explain()
    with pytest.raises(TypeError, match="looks at texts"):
        keras.jit(lambda texts: read(np.char.lower(texts)))(TEXTS.astype(str))
