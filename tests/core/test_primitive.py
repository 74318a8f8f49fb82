"""Primitive: how operands, settings and rules are bound, and what goes wrong clearly."""

import contextlib

import numpy as np
import pytest

from autonet import Tensor, Variable, gradients, jit, ops
from autonet.core import PRIMITIVES, primitive
from autonet.errors import ArgumentError, DtypeError, GradientError, ShapeError


@pytest.fixture
def define():
    """Makes primitives that are forgotten after the test."""
    made = []

    def make(body=None, **options):
        result = primitive(body, **options) if body is not None else None
        if result is None:
            return lambda f: remember(primitive(**options)(f))
        return remember(result)

    def remember(p):
        made.append(p.name)
        return p

    yield make
    for name in made:
        del PRIMITIVES[name]


def test_a_rule_receives_what_its_parameters_name(define):
    seen = {}

    @define
    def scaled(a, b, *, factor=2.0, axis=None):
        return a * b * factor

    def rule(g, y, a, b, a_shape, b_dtype, factor, axis):
        seen.update(g=g, y=y, a=a, b=b, a_shape=a_shape, b_dtype=b_dtype, factor=factor, axis=axis)
        return g * b * factor

    scaled.vjp(a=rule, b=None)
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    scaled(x, np.array([3.0, 4.0]), factor=10.0).backward([1.0, 1.0])
    assert x.grad.tolist() == [30.0, 40.0]
    assert (seen["a_shape"], seen["b_dtype"], seen["factor"], seen["axis"]) == ((2,), "float64", 10.0, None)
    assert seen["y"].tolist() == [30.0, 80.0] and seen["a"].tolist() == [1.0, 2.0]


def test_only_what_rules_name_is_kept(define):
    import weakref

    @define
    def shape_only(x):
        return x + 1

    shape_only.vjp(x=lambda g, x_shape: g)
    x = ops.exp(Tensor([1.0], requires_grad=True))
    array = weakref.ref(x)
    y = shape_only(x)
    del x
    assert array() is None
    assert y.requires_grad


def test_settings_by_name_and_by_position(define):
    @define
    def setting(x, *, axis, keep=False, names=()):
        return x * 1.0 if (axis, keep, names) == (1, True, (1, (2, 3))) else x * 0.0

    setting.vjp(x=lambda g: g)
    assert setting(1.0, axis=1, keep=True, names=[1, [2, 3]]).item() == 1.0
    assert setting(1.0, 1, True, [1, (2, 3)]).item() == 1.0
    assert setting(x=1.0, axis=np.int64(1), keep=True, names=(1, (2, 3))).item() == 1.0
    with pytest.raises(TypeError, match="axis"):
        setting(1.0)
    with pytest.raises(TypeError, match="no argument 'axes'"):
        setting(1.0, axis=1, axes=2)
    with pytest.raises(TypeError, match="missing"):
        setting(axis=1)
    with pytest.raises(TypeError):
        setting(1.0, 1, True, (), 5)
    with pytest.raises(TypeError, match="setting"):
        setting(1.0, axis=object())


def test_operands_meet_in_one_dtype_unless_kept(define):
    @define(keep=("index",))
    def promoted(a, b, index):
        assert a.dtype == b.dtype == np.float32 and index.dtype == np.int64
        return a + b

    promoted(np.ones(1, np.int32), np.ones(1, np.float32), np.ones(1, np.int64))

    @define(floating=True)
    def floats(a):
        assert a.dtype.kind == "f"
        return a

    assert floats([1, 2]).dtype == "float32"
    assert floats(np.ones(1, np.int64)).dtype == "float32"
    assert floats(np.ones(1, np.float16)).dtype == "float16"


def test_results_that_are_numbers_become_tensors(define):
    @define
    def number(x):
        return float(x.sum())

    assert isinstance(number([1.0, 2.0]), Tensor)


def test_many_results(define):
    @define
    def pair(x):
        return x * 2, (x * 10).astype(np.int64), x * x

    pair.vjp(x=lambda g, x, y: g[0] * 2 + g[2] * 2 * x + y[0] * 0)
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    double, whole, square = pair(x)
    assert not whole.requires_grad
    square.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [2.0, 4.0]
    (double.sum() + square.sum()).backward()
    assert x.grad.tolist() == [6.0, 10.0]


def test_joint_rules(define):
    @define
    def product(a, b):
        return a * b

    calls = []

    def rule(g, a, b):
        calls.append(1)
        return g * b, g * a

    product.joint_vjp(rule)
    a, b = gradients.grad(lambda a, b: product(a, b) * 1.0, (0, 1))(2.0, 3.0)
    assert (a.item(), b.item(), len(calls)) == (3.0, 2.0, 1)
    assert gradients.grad(product)(2.0, 3.0).item() == 3.0


def test_joint_rules_may_leave_operands_out(define):
    @define
    def only_first(a, b):
        return a * b

    only_first.joint_vjp(lambda g, b: (g * b, None))
    assert [g.item() for g in gradients.grad(only_first, (0, 1))(2.0, 3.0)] == [3.0, 0.0]


def test_variadic_rules(define):
    @define
    def summed(*xs, weight):
        return sum(x * (k + weight) for k, x in enumerate(xs))

    summed.vjp(xs=lambda g, i, xs_shapes, weight: g * (i + weight) * len(xs_shapes))
    assert [g.item() for g in gradients.grad(lambda *xs: summed(*xs, weight=1), (0, 2))(1.0, 1.0, 1.0)] == [3.0, 9.0]


def test_a_rule_may_return_what_broadcasts(define):
    @define
    def total(x):
        return np.sum(x)

    total.vjp(x=lambda g: g)  # of shape (), for an operand of any shape: not the engine's business to widen
    with pytest.raises(
        ShapeError, match=r"rule of total for its operand 'x' gave .* shape \(\); the operand has shape \(3,\)"
    ):
        gradients.grad(lambda x: total(x))(np.ones(3))

    @define
    def widened(x):
        return np.broadcast_to(x, (4, 3)).copy()

    widened.vjp(x=lambda g: g)
    assert gradients.grad(lambda x: widened(x).sum())(np.ones(3)).tolist() == [4.0, 4.0, 4.0]


SHAPES = [(3,), (2, 3), (1, 3), (2, 1), (1, 1, 3), ()]
COTANGENTS = [*SHAPES, (6,), (3, 2), (4,), (2, 2), (5, 2, 3), (5, 3, 2), (3, 1, 1), (5, 1, 1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_cotangent_fits_where_its_operand_broadcasts_to_it(define, shape):
    """Whoever walks: never is one of as many numbers but another shape taken for it."""

    @define
    def scaled(x):
        return x * 1.0

    received = ()
    scaled.vjp(x=lambda g: ops.ones(received))
    x = np.ones(shape)
    walks = {
        "backward": lambda: scaled(Tensor(x, requires_grad=True)).sum().backward(),
        "recorded": lambda: gradients.hessian(lambda v: scaled(v).sum() + (v * v).sum())(x),
        "one by one": lambda: gradients.jacobian(scaled)(x),
    }
    for received in COTANGENTS:
        fits = _broadcast(shape, received) == received
        for walk in walks.values():
            with contextlib.nullcontext() if fits else pytest.raises(ShapeError, match="gave a cotangent of shape"):
                walk()


def _broadcast(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def test_a_missing_rule_says_so_when_it_is_needed(define):
    @define
    def opaque(x, y):
        return x + y

    opaque.vjp(x=lambda g: g)
    assert gradients.grad(opaque)(1.0, 2.0).item() == 1.0
    with pytest.raises(GradientError, match=r"opaque.*'y'.*stop_gradient"):
        gradients.grad(opaque, 1)(1.0, 2.0)


def test_wrong_declarations_are_refused_where_they_are_made(define):
    @define
    def declared(x):
        return x

    with pytest.raises(ArgumentError, match="there is no 'z'"):
        declared.vjp(z=None)
    with pytest.raises(ArgumentError, match="already"):
        primitive(declared.body)
    declared.vjp(x=lambda g, nothing: g)
    with pytest.raises(ArgumentError, match="nothing"):
        gradients.grad(lambda x: declared(x))(1.0)


def test_errors_name_the_operation_and_its_shapes():
    with pytest.raises(ShapeError, match=r"add.*\(2,\), \(3,\)"):
        ops.add(np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match=r"sum.*axis=3"):
        ops.sum(np.ones(2), axis=3)


def test_every_primitive_has_a_docstring_and_declared_slopes():
    without = [p.name for p in PRIMITIVES.values() if p.__module__.startswith("autonet.") and not p.__doc__]
    assert without == []


def test_it_shows_its_signature():
    import inspect

    told = "(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> autonet.core.tensor.Tensor"
    assert str(inspect.signature(ops.sum)) == told
    assert ops.sum.__name__ == "sum"
    assert "Sum" in ops.sum.__doc__


def test_one_operand_with_settings_takes_every_spelling(define):
    @define
    def shifted(x, *, by=1.0, places=()):
        return x + by * len(places)

    shifted.vjp(x=lambda g: g)
    x = Tensor([1.0, 2.0], requires_grad=True)
    for y in (
        shifted(x, 2.0, [0, 1]),
        shifted(x, 2.0, places=(0, 1)),
        shifted(x, by=2.0, places=np.array([0, 1])),
        shifted(x=x, by=2.0, places=(0, 1)),
        shifted([1.0, 2.0], by=2.0, places=(0, 1)),
    ):
        assert y.tolist() == [5.0, 6.0]
    assert shifted(x).tolist() == [1.0, 2.0]
    shifted(x, places=[[0, (1,)]]).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="no argument 'to'"):
        shifted(x, to=2)
    with pytest.raises(TypeError, match="plain number"):
        shifted(x, by=object())
    with pytest.raises(TypeError, match="missing its operand"):
        shifted(by=2.0)
    with pytest.raises(ShapeError, match="reshape cannot take"):
        ops.reshape(x, (3,))


@pytest.mark.parametrize("keep", [(), ("settings",)])
def test_operands_and_settings_may_have_any_names(define, keep):
    """Also those that a call uses for itself."""

    @define
    def one(result):
        return result * 3.0

    @define
    def two(tensor, result, *, full=2.0, saved=0.0):
        return tensor * result * full + saved

    @define(keep=keep)
    def three(state, settings, operands, *, values=2.0):
        return state * settings * operands * values

    one.vjp(result=lambda g: g * 3.0)
    two.vjp(tensor=lambda g, result, full: g * result * full, result=lambda g, tensor, full: g * tensor * full)
    three.vjp(
        state=lambda g, settings, operands, values: g * settings * operands * values, settings=None, operands=None
    )
    x, y, z = (Tensor(np.array([k]), requires_grad=True) for k in (2.0, 3.0, 5.0))
    for result in (one(x), one(result=x)):
        assert gradients_of(result, x) == [3.0]
    for result in (two(x, y), two(x, result=y, full=2.0), two(saved=0.0, result=y, tensor=x)):
        assert result.item() == 12.0 and gradients_of(result, x, y) == [6.0, 4.0]
    for result in (three(x, y, z), three(x, operands=z, settings=y)):
        assert result.item() == 60.0 and gradients_of(result, x) == [30.0]
    assert not three(x.detach(), y, z).requires_grad, "all that is tracked has a derivative of zero"


def gradients_of(result, *xs):
    result.backward([1.0])
    found = [x.grad.item() for x in xs]
    for x in xs:
        x.grad = None
    return found


def test_wrong_calls_say_what_is_wrong(define):
    @define
    def scaled(x, *, by):
        return x * by

    for call, words in (
        (lambda: ops.add(1.0), r"add\(\) is missing its operand 'x2'"),
        (lambda: ops.add(x2=1.0), r"add\(\) is missing its operand 'x1'"),
        (lambda: ops.exp(), r"exp\(\) is missing its operand 'x'"),
        (lambda: ops.clip(1.0), r"clip\(\) is missing its operand 'x_min'"),
        (lambda: scaled(Tensor([1.0]), to=2.0), "scaled has no argument 'to'"),  # as many settings as it has
        (lambda: ops.sum(Tensor([1.0]), axes=0, keepdims=True), "sum has no argument 'axes'"),
        (lambda: ops.sum([1.0], x=[1.0]), "sum received 'x' twice"),
        (lambda: ops.sum([1.0], 0, axis=0), "sum received 'axis' twice"),
        (lambda: scaled(Tensor([1.0])), r"scaled\(x, \*, by\) is missing 'by'"),
        (lambda: scaled([1.0], 2.0, 3.0), r"scaled\(x, \*, by\) received 3 positional arguments"),
    ):
        with pytest.raises(TypeError, match=words):
            call()


def _assign(x):
    x[0] = 1


IN_PLACE = {
    "operator": lambda x: x.__iadd__(1),
    "item": _assign,
    "out": lambda x: np.add(x, 1, out=x),
    "method": lambda x: x.sort(),
    "fill": lambda x: x.fill(1),
    "copyto": lambda x: np.copyto(x, 1),
    "view": lambda x: x.reshape(-1).__imul__(2),
    "shuffle": lambda x: np.random.default_rng(0).shuffle(x),
    "put": lambda x: np.put(x, 0, 1),
}


@pytest.mark.parametrize("way", IN_PLACE)
def test_a_body_cannot_change_what_it_is_given(define, way):
    @define
    def inplace(x, y, *, k=1):
        IN_PLACE[way](x)
        return x * y

    def use(x):
        return inplace(x, x)

    array = np.array([2.0, 1.0])
    for x in (array, Tensor(array), Variable(array)):
        for f in (use, jit(use), gradients.grad(lambda x: use(x).sum())):
            with pytest.raises(ArgumentError, match=r"inplace changes an operand in place.*copy"):
                f(x)
        assert np.array(x).tolist() == [2.0, 1.0]
    assert array.flags.writeable


@pytest.mark.parametrize("wrong", [None, "text", [None, 1], (np.ones(2), None), {"a": 1}, 1j])
def test_a_body_returns_arrays(define, wrong):
    @define
    def odd(x):
        return wrong

    with pytest.raises(DtypeError, match="odd returns .*an array of numbers"):
        odd(np.ones(2))


def test_parameters_that_a_call_could_not_bind_are_refused():
    def default(x, a=2.0):
        return x * a

    def keywords(x, **settings):
        return x

    def both(a, *xs):
        return a

    for body, words in ((default, "'a' of default"), (keywords, "keywords takes"), (both, "both has both")):
        with pytest.raises(ArgumentError, match=words):
            primitive(body)
        assert body.__name__ not in PRIMITIVES


def test_a_rule_that_returns_nothing_is_no_zero(define):
    @define
    def forgetful(x):
        return x * 2

    forgetful.vjp(x=lambda g: None)
    with pytest.raises(GradientError, match="rule of forgetful for its operand 'x' returns nothing"):
        gradients.grad(forgetful)(1.0)


def test_bodies_of_the_package_run_as_they_are():
    """No view, no check: what costs time is for bodies from outside alone."""
    own = [p for p in PRIMITIVES.values() if p.__module__.startswith("autonet.")]
    assert len(own) > 150 and not any(hasattr(p.body, "unguarded") or p.open for p in own)
