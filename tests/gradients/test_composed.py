"""Transforms of transforms, in both orders, and jit at each place: eager values bit for bit, by plans, without a record."""

import itertools

import numpy as np
import pytest

from autonet import Tensor, Variable, jit, ops
from autonet.common.trees import flatten
from autonet.gradients import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

X = np.array([0.3, -0.7, 1.1], np.float32)
V = np.array([1.0, -2.0, 0.5], np.float32)


def base(x):
    return ops.sum(ops.sin(x) * ops.exp(x * 0.5)) + ops.prod(x)


def total(*tensors):
    return sum(ops.sum(t * (k + 1)) for k, t in enumerate(tensors))


TRANSFORMS = {  # of a function from a vector to a number, again such a function
    "grad": lambda f: lambda x: total(grad(f)(x) * V),
    "value_and_grad": lambda f: lambda x: total(*value_and_grad(f)(x)),
    "jacobian": lambda f: lambda x: total(jacobian(lambda x: ops.stack([f(x), f(x * V)]))(x) * V),
    "hessian": lambda f: lambda x: total(hessian(f)(x) * V),
    "hvp": lambda f: lambda x: total(hvp(f, (x,), (V,)) * V),
    "vjp": lambda f: lambda x: total(vjp(f, x)[1](2.0)[0] * V),
    "jvp": lambda f: lambda x: total(*jvp(f, (x,), (V,))),
}
PAIRS = list(itertools.product(TRANSFORMS, TRANSFORMS))


@pytest.mark.parametrize("outer, inner", PAIRS)
def test_pairs_of_transforms(outer, inner):
    outer, inner = TRANSFORMS[outer], TRANSFORMS[inner]

    def plan(f):
        return jit(f, native=False)

    eager = outer(inner(base))(X)
    assert eager._node is None
    whole = plan(outer(inner(base)))
    for f in (outer(plan(inner(base))), outer(inner(plan(base))), whole, whole):
        result = f(X)
        assert result._node is None and result.numpy().tobytes() == eager.numpy().tobytes()
    assert whole.account.hits == 1 and not whole.ways.eager


@pytest.mark.parametrize("outer, inner", PAIRS)
def test_pairs_are_tracked_where_something_outside_is(outer, inner):
    outer, inner = TRANSFORMS[outer], TRANSFORMS[inner]
    w = Variable(np.float32(1.5))
    result = outer(inner(lambda x: base(x) * w))(X)
    result.backward()  # it is linear in w
    np.testing.assert_allclose(w.grad.numpy(), result.numpy() / 1.5, rtol=1e-4)
    tracked = outer(inner(base))(Tensor(X, requires_grad=True))
    assert tracked._node is not None


@pytest.mark.parametrize("inner", TRANSFORMS)
def test_a_loss_with_derivatives_inside_gives_untracked_gradients_of_its_weights(inner):
    """What physics-informed networks do: the inner transform is taken at an argument of the outer's that is none of its own."""
    weights = [np.eye(3, dtype=np.float32), np.ones(3, np.float32)]

    def loss(weights, x):
        return TRANSFORMS[inner](lambda x: ops.sum(ops.tanh(x @ weights[0]) * weights[1]))(x)

    eager = value_and_grad(loss)(weights, X)
    compiled = jit(value_and_grad(loss), native=False)
    for result in (eager, compiled(weights, X), compiled(weights, X)):
        for ours, theirs in zip(flatten(result), flatten(eager), strict=True):
            assert ours._node is None and ours.numpy().tobytes() == theirs.numpy().tobytes()
    assert compiled.account.hits == 1
