"""jit: signatures, plans kept, gradients."""

import weakref
from collections import namedtuple

import numpy as np
import pytest

import autonet
from autonet import gradients, ops
from autonet.compiler import account, jit
from autonet.compiler.capture import CaptureError
from autonet.core import Tensor, no_grad
from autonet.errors import ArgumentError, NotBuiltError
from autonet.variable import Variable
from tests.compiler.programs import Counted, X, both, numpy_jit, same_bits

# Signatures


def test_it_is_at_the_front_door():
    assert autonet.jit is jit and "jit" in autonet.__all__


def test_it_decorates_with_and_without_arguments():
    @jit
    def f(x):
        """Twice x."""
        return x * 2

    @jit(static_argnames="n", native=False)
    def g(x, n):
        return x * n

    assert (f.__name__, f.__doc__) == ("f", "Twice x.")
    for _ in range(3):
        assert f(X).numpy().tolist() == (X * 2).tolist() and g(X, n=3).shape == (3, 4)


def test_shapes_dtypes_and_structure_belong_to_the_signature():
    f = Counted(lambda tree: ops.sum(tree["a"] * 2.0) + ops.sum(tree["b"][0]))
    g = numpy_jit(f)
    for runs, tree in enumerate(
        [
            {"a": X, "b": [X]},
            {"a": X[:2], "b": [X]},
            {"a": X.astype("float64"), "b": [X]},
            {"a": X, "b": (X,)},
            {"a": X, "b": [X], "c": None},
        ],
        1,
    ):
        values = [g(tree).item() for _ in range(3)]
        assert f.runs == runs and values == [values[0]] * 3


def test_a_plan_for_a_second_shape_does_not_disturb_the_first():
    f = numpy_jit(lambda x: ops.softmax(x @ ops.transpose(x)))
    small, large = X[:2] * 2, X
    before = [f(x).numpy() for x in (small, small, large, large)]
    after = [f(x).numpy() for x in (small, large)]
    assert same_bits(before[1], after[0]) and same_bits(before[3], after[1])


def test_named_tuples_keywords_and_defaults():
    Pair = namedtuple("Pair", "a b")

    @numpy_jit
    def f(p, scale=1.0, *, shift):
        return Pair(p.a * scale, p.b + shift)

    for _ in range(3):
        y = f(Pair(X, X), shift=1.0)
        assert type(y) is Pair and y.b.numpy().tolist() == (X + 1).tolist()
        assert f(Pair(X, X), 2.0, shift=0.0).a.numpy().tolist() == (X * 2).tolist()


def test_the_order_of_keywords_and_dictionaries_does_not_mix_them_up():
    f = numpy_jit(lambda *, a, b: a["x"] - b["y"] * a["z"])
    for _ in range(2):
        assert f(a={"x": 1.0, "z": 2.0}, b={"y": 4.0}).item() == -7
        assert f(b={"y": 5.0}, a={"z": 3.0, "x": 1.0}).item() == -14


def test_numbers_are_not_part_of_the_signature_and_take_the_dtype_they_meet():
    f = Counted(lambda x, rate: x * rate + 1)
    g = numpy_jit(f)
    for x in (X, X.astype("float64"), np.arange(3, dtype="uint8")):
        for rate in (0.1, 1 / 3, 0.2):
            ours, theirs = g(x, rate), f.f(Tensor(x), rate)
            assert ours.dtype == theirs.dtype and same_bits(ours.numpy(), theirs.numpy())
    assert f.runs == 3
    f = Counted(lambda x, n: ops.maximum(x, n))
    g = numpy_jit(f)
    for n in (3, 4, 2**40, 2**40 + 1, 5):
        for x in (np.int8(1), np.int64(7), X):
            if n < 100 or np.asarray(x).dtype.itemsize > 1:
                assert same_bits(g(x, n).numpy(), f.f(Tensor(x), n).numpy())
    assert g(1, 2).dtype == "int32" and g(1.0, 2).dtype == "float32" and g(1, 2**40).dtype == "int64"


def test_numbers_pass_through_layers_lists_and_gradients():
    f = jit(lambda a, b: (a, [b], ops.sum([a, b]), ops.exp(a), gradients.grad(lambda x: x * x)(a)), native=False)
    for a, b in ((1.0, 2.0), (3.0, 0.5)):
        out = f(a, b)
        assert all(t.dtype == "float32" for t in autonet.common.trees.flatten(out))
        assert [float(v) for v in (out[0], out[1][0], out[2], out[4])] == [a, b, a + b, 2 * a]


def test_booleans_texts_and_none_are_static():
    f = Counted(lambda x, flag, how, rest: x * 2 if flag and how == "double" and rest is None else x)
    g = numpy_jit(f)
    for _ in range(2):
        assert g(X, True, "double", None).numpy()[0, 0] == -4
        assert g(X, False, "double", None).numpy()[0, 0] == -2
        assert g(X, True, "single", None).numpy()[0, 0] == -2
    assert f.runs == 3


@pytest.mark.parametrize("options", [{"static_argnums": 1}, {"static_argnums": -1}, {"static_argnames": "n"}])
def test_static_arguments_by_position_and_by_name(options):
    f = Counted(lambda x, n: sum([x * (k + 1) for k in range(n)]))
    f.__signature__ = None
    g = numpy_jit(f.f, **options)
    for n in (1, 2, 1):
        for call in (lambda n=n: g(X, n), lambda n=n: g(X, n=n), lambda n=n: g(n=n, x=X)):
            assert call().numpy().tolist() == (X * (n * (n + 1) / 2)).tolist()


def test_static_arguments_that_f_does_not_have_are_refused():
    with pytest.raises(ArgumentError, match="names argument 2"):
        jit(lambda x, n: x, static_argnums=2)
    with pytest.raises(ArgumentError, match="names 'm'"):
        jit(lambda x, n: x, static_argnames="m")


def test_static_numbers_of_one_value_but_other_kinds_are_told_apart():
    f = numpy_jit(
        lambda x, k: x * (2.0 if isinstance(k, bool) else 3.0 if isinstance(k, int) else 4.0), static_argnums=1
    )
    for _ in range(2):
        assert [f(1.0, k).item() for k in (True, 1, 1.0)] == [2.0, 3.0, 4.0]
    f = numpy_jit(lambda x, k: x * np.copysign(1.0, k), static_argnums=1)
    assert [f(1.0, k).item() for k in (0.0, -0.0, 0.0, -0.0)] == [1.0, -1.0, 1.0, -1.0]
    f = Counted(lambda x, k: x)
    g = numpy_jit(f, static_argnums=1)
    for _ in range(3):
        g(1.0, float("nan"))
    assert f.runs == 1


def test_objects_are_told_apart_by_identity_for_as_long_as_their_plans_live():
    class Config:
        def __init__(self, scale):
            self.scale = scale

    f = Counted(lambda x, c: x * c.scale)
    g = numpy_jit(f)
    for scale in range(30):  # the address of a config that is gone may be taken by the next
        assert g(1.0, Config(float(scale))).item() == scale


def test_methods_have_plans_for_each_object():
    class Model:
        def __init__(self, scale):
            self.scale = scale
            self.w = Variable(np.zeros(2, np.float32))

        @jit
        def step(self, x):
            """Move on."""
            self.w.assign_add(x * self.scale)

    one, two = Model(1.0), Model(10.0)
    for _ in range(3):
        for m in (one, two):
            m.step(np.ones(2, np.float32))
    assert (one.w.numpy()[0], two.w.numpy()[0], Model.step.__doc__) == (3.0, 30.0, "Move on.")
    assert len(Model.step.entries) == 2
    gone = weakref.ref(one)
    del one, m
    assert gone() is None and len(Model.step.entries) == 1


def test_layers_and_optimizers_may_be_arguments():
    layer = autonet.layers.Dense(3, activation="relu")
    layer.build((None, 4))
    optimizer = autonet.optimizers.SGD(0.1)
    optimizer.build(layer.trainable_variables)

    def step(layer, optimizer, x):
        def loss(kernel):
            return ops.sum(ops.square(layer.activation(x @ kernel)))

        optimizer.apply([gradients.grad(loss)(layer.kernel.value)], [layer.kernel])

    f = Counted(step)
    g, plain = numpy_jit(f), autonet.layers.Dense(3, activation="relu")
    plain.build((None, 4))
    plain.set_weights(layer.get_weights())
    other = autonet.optimizers.SGD(0.1)
    other.build(plain.trainable_variables)
    for k in range(6):
        if k == 3:
            optimizer.clipnorm = other.clipnorm = 0.1
        g(layer, optimizer, X)
        step(plain, other, Tensor(X))
        assert same_bits(layer.kernel.numpy(), plain.kernel.numpy())
    assert f.runs == 2  # again after the change


def test_settings_of_the_whole_package_may_change():
    f = numpy_jit(lambda x: ops.normalize(x) + autonet.config.epsilon())
    x = np.array([3e-4, 4e-4], np.float32)
    assert same_bits(f(x).numpy(), f(x).numpy())
    before = f(x).numpy()
    autonet.config.set_epsilon(1e-2)
    assert same_bits(f(x).numpy(), f.f(Tensor(x)).numpy()) and not same_bits(f(x).numpy(), before)
    g = numpy_jit(lambda x: x * 1.5)
    assert g(2).dtype == g(2).dtype == "float32"
    autonet.config.set_floatx("float64")
    assert g(2).dtype == g(2).dtype == "float64"


def test_one_array_given_twice():
    f = Counted(lambda x, y: x * 2 + y)
    g = numpy_jit(f)
    a, b = Tensor(X), Tensor(X + 1)
    for _ in range(2):
        assert same_bits(g(a, a).numpy(), X * 3) and same_bits(g(a, b).numpy(), X * 2 + (X + 1))
        assert same_bits(g(X, X).numpy(), X * 3) and same_bits(g(X, X + 1).numpy(), X * 2 + (X + 1))
    assert f.runs == 2


def test_any_layout_of_the_inputs(rng):
    x = rng.standard_normal((40, 60)).astype(np.float32)
    f = numpy_jit(lambda x: (ops.sum(x, axis=0), ops.mean(ops.exp(x))))
    for given in (x, x.T.copy().T, x[:, ::-1].copy()[:, ::-1], np.repeat(x, 2, axis=1)[:, ::2]):
        for _ in range(2):
            for ours, theirs in zip(f(given), f.f(Tensor(given)), strict=True):
                assert same_bits(ours.numpy(), theirs.numpy())
    broadcast = np.broadcast_to(x[:1], x.shape)
    assert same_bits(f(broadcast)[0].numpy(), np.sum(broadcast.copy(), axis=0))


@both
def test_numbers_of_another_byte_order(native):
    f = jit(lambda x: ops.exp(x) * 2, native=native)
    for _ in range(3):
        np.testing.assert_allclose(f(X.astype(">f4")).numpy(), np.exp(X) * 2, rtol=1e-6)
        assert f(X.astype(">f8")).dtype == np.dtype("float64")
    assert len(f.entries) == 2 and Tensor(X.astype(">f4")).dtype.isnative


def test_masks_and_logits_travel_with_tensors():
    f = Counted(lambda x: ops.where(x._mask, x, 0.0) if getattr(x, "_mask", None) is not None else x)
    g = numpy_jit(f)
    for shift in (0, 1):
        x = Tensor(X)
        x._mask = Tensor(X > shift)
        assert g(x).numpy().tolist() == np.where(X > shift, X, 0).tolist()
        assert g(Tensor(X)).numpy().tolist() == X.tolist()
    assert f.runs == 2

    def carries(x):
        y = ops.sigmoid(x)
        y._logits = "sigmoid", x * 1.0, None
        y._mask = x > 0
        return y

    g = numpy_jit(carries)
    for x in (X, X + 1, X):
        y = g(x)
        assert y._logits[0] == "sigmoid" and same_bits(y._logits[1].numpy(), x) and same_bits(y._mask.numpy(), x > 0)


def test_arrays_that_no_plan_takes_run_as_they_are():
    f = Counted(lambda strange, x: x * len(strange))
    g = numpy_jit(f)
    with pytest.warns(UserWarning, match="neither of numbers nor of texts") as told:
        for n in (1, 2, 2):
            assert g(np.zeros(n, "datetime64[s]"), 2.0) == 2.0 * n
    assert len(told) == 1
    assert f.runs == 3


# Plans


def test_plans_are_bounded_in_bytes_and_those_used_last_are_kept(monkeypatch):
    f = Counted(lambda x: x + 1)
    g = numpy_jit(f)
    for n in range(6):
        g(np.zeros(n + 1)), g(np.zeros(n + 1))
    assert f.runs == 6
    g(np.zeros(1))  # used again: the second one is now the oldest
    monkeypatch.setattr(account, "MEMORY", 6 * 4500)
    g(np.zeros(7))
    assert len(g.entries) == 6 and f.runs == 7
    g(np.zeros(1))
    assert f.runs == 7
    g(np.zeros(2)), g(np.zeros(2))
    assert f.runs == 8
    monkeypatch.setattr(account, "MEMORY", 0)
    g(np.zeros(8))
    assert len(g.entries) == account.LEAST


def test_clear_forgets_all_plans():
    f = Counted(lambda x: x + 1)
    g = numpy_jit(f)
    g(X), g(X)
    g.clear()
    assert not g.entries and f.runs == 1
    assert same_bits(g(X).numpy(), X + 1) and f.runs == 2


def test_explain_tells_of_the_last_plan():
    f = numpy_jit(lambda x: ops.sum(ops.exp(x)))
    looks = numpy_jit(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(CaptureError):
        looks(X)
    with pytest.raises(NotBuiltError, match="could not be captured"):
        looks.explain()
    with pytest.raises(NotBuiltError, match="call the function"):
        f.explain()
    f(X)
    text = str(f.explain())  # makes the plan if there is none yet
    assert "exp" in text and "sum" in text and "def make" in text and "numpy" in text
    html = f.explain()._repr_html_()
    assert "<table>" in html and "<pre>" in html


@both
def test_results_are_the_callers_own(native):
    w = Variable(X)
    f = jit(lambda x: (x * 2, x, ops.transpose(w), w.value, w.assign_add(x).value), native=native)
    with no_grad():
        kept = [[t.numpy() for t in f(X + k)] for k in range(4)]
        live = [f(X + k) for k in range(4)]
    for k, (arrays, tensors) in enumerate(zip(kept, live, strict=True)):
        assert same_bits(arrays[0], (X + k) * 2) and same_bits(tensors[0].numpy(), (X + k) * 2)
        assert same_bits(tensors[1].numpy(), X + k) and same_bits(arrays[2].T, arrays[3])
    for earlier, later in zip(live[:-1], live[1:], strict=True):
        assert same_bits(earlier[4].numpy(), later[3].numpy())


@both
def test_inputs_are_never_changed(native):
    x = X.copy()
    w = Variable(np.zeros_like(X))

    def f(a):
        w.assign(a)
        w.assign_add(1.0)
        return ops.relu(a) + 1

    g = jit(f, native=native)
    for k in range(3):
        x[0, 0] = k
        before = x.copy()
        with no_grad():
            g(x)
        assert same_bits(x, before) and same_bits(w.numpy(), before + 1)


# Gradients


def test_gradients_inside_and_outside():
    w = Variable(np.array([1.0, 2.0], np.float32))
    inside = numpy_jit(gradients.grad(lambda x: ops.sum(x * x * w)))
    outside = numpy_jit(lambda x: ops.sum(x * x * w))
    x = np.array([3.0, 4.0], np.float32)
    for _ in range(3):
        assert inside(x).numpy().tolist() == [6.0, 16.0]
        assert gradients.grad(outside)(x).numpy().tolist() == [6.0, 16.0]
        t = Tensor(x, requires_grad=True)
        outside(t).backward()
        assert t.grad.numpy().tolist() == [6.0, 16.0]


def test_a_plan_made_without_recording_does_not_cut_gradients_later():
    w = Variable(np.array([1.0, 2.0], np.float32))
    f = numpy_jit(lambda x: ops.sum(x * w))
    with no_grad():
        f(X[0, :2]), f(X[0, :2])
    for _ in range(2):
        w._node.grad = None
        f(np.array([3.0, 4.0], np.float32)).backward()
        assert w.grad.numpy().tolist() == [3.0, 4.0]
    w._node.grad = None
    with no_grad():
        assert f(X[0, :2])._node is None


def test_nested_functions_are_part_of_the_outer_one():
    inner = Counted(lambda x: ops.exp(x) * 2)
    f = numpy_jit(inner)
    outer = Counted(lambda x: f(x) + f(x * 2))
    g = numpy_jit(outer)
    for _ in range(3):
        assert same_bits(g(X).numpy(), outer.f(Tensor(X)).numpy())
    assert outer.runs == 1 and not f.entries or len(f.entries) == 1
