"""Every call of a compiled function either runs a plan, or is recorded, or says why not: one scenario for each reason."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import autonet
from autonet import Tensor, Variable, jit, no_grad, ops
from autonet.compiler import ways
from autonet.compiler.jit import Compiled
from autonet.compiler.ways import REASONS
from autonet.errors import NotBuiltError
from autonet.gradients import grad
from autonet.training.rehearsal import Rehearsal

X = np.arange(3.0, dtype=np.float32)


def watched():
    f = jit(lambda x: x * 2, native=False)
    with autonet.config.debug_nans():
        f(X)
    return f


def nested():
    f = jit(lambda x: x * 2, native=False)
    jit(lambda x: f(x) + 1, native=False)(X)
    return f


def rehearsed():
    f = jit(lambda x: x * 2, native=False)
    with Rehearsal():
        f(X)
    return f


def tracked():
    f = jit(lambda x: ops.sum(x * 2), native=False)
    grad(f)(X)
    return f


def tracked_by_a_variable():
    w = Variable(X)
    f = jit(lambda x: ops.sum(x * w), native=False)
    f(X)
    grad(lambda w: f(X))(w)
    return f


def closure():
    outside = Tensor(X, requires_grad=True)
    f = jit(lambda x: x * outside, native=False)
    f(X), f(X)
    return f


def foreign():
    f = jit(lambda x, strange: x * len(strange), native=False)
    f(X, np.zeros(2, "datetime64[s]"))
    return f


def lengths():
    read = autonet.layers.TextVectorization(standardize=None)
    read.adapt(np.array([["a b c d e f g h i j k l"]]))
    f = Compiled(lambda texts: ops.sum(read(texts)), strict=False, native=False)
    f.account.ahead = 1000  # plans for all lengths would pay
    for n in range(1, 13):
        f(np.array([" ".join("abcdefghijkl"[:n])]))
    return f


def shapes():
    f = jit(lambda x: x * 2, native=False)
    for n in range(60):
        f(np.zeros(n + 1, np.float32))
    return f


def changed():
    layer = autonet.layers.Activation("relu")
    f = jit(lambda x: layer(x), native=False)
    for n in range(60):
        layer.activation = autonet.activations.get(("relu", "tanh")[n % 2])
        f(X)
    return f


def unsettled():
    f = jit(lambda x: x * Variable(X), native=False)
    for _ in range(30):
        f(X)
    return f


def obstacle():
    f = Compiled(lambda x: x if x.numpy()[0] == 0 else x * 2, strict=False, native=False)
    f(X), f(X)
    return f


SCENARIOS = {
    **{f.__name__: f for f in (watched, nested, rehearsed, tracked, closure, foreign)},
    **{f.__name__: f for f in (lengths, shapes, changed, unsettled, obstacle)},
}


def test_there_is_a_scenario_for_every_reason_and_a_reason_for_every_way():
    assert SCENARIOS.keys() == REASONS.keys()
    source = Path(autonet.__file__).with_name("compiler").joinpath("jit.py").read_text()
    given = {
        name
        for call in re.findall(r"(?:_eagerly\(|_take\(|took\(|useless else)(.*)", source)
        for name in re.findall(r'"(\w+)"', call)
    }
    assert given == REASONS.keys()


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_told_and_where_something_can_be_done_warned_of_once(reason, monkeypatch):
    monkeypatch.setattr(ways, "PATIENCE", 8)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        f = SCENARIOS[reason]()
    assert f.ways.eager[reason]
    assert len(told) == (REASONS[reason].advice is not None)
    assert all("operation by operation" in str(one.message) for one in told)
    try:
        text = str(f.explain())
    except NotBuiltError as error:
        text = str(error)
    assert REASONS[reason].why in text


def test_a_derivative_around_a_function_with_trained_variables_runs_it_as_it_is():
    assert tracked_by_a_variable().ways.eager == {"tracked": 1}


def test_functions_that_run_their_plans_say_nothing():
    w = Variable(X)
    f = jit(grad(lambda x: ops.sum(x * w)), native=False)
    for _ in range(3):
        f(X)
    with no_grad():
        f(X)
    facts = dict(f.explain().facts)
    assert "operation by operation" not in facts["calls"] and "the last call" not in facts
    assert facts["calls"].startswith("2 by a plan")


def test_explain_tells_when_its_plan_is_not_used():
    f = jit(lambda x: ops.sum(x * x), native=False)
    f(X), f(X)
    grad(f)(X)
    assert "not by this plan" in str(f.explain())
    f(X)
    assert "not by this plan" not in str(f.explain())


def test_explain_names_what_steps_out_of_native_code():
    f = jit(lambda x: ops.sum(ops.sort(ops.exp(x)) + ops.sort(x)))
    f(X)
    explanation = f.explain()
    if explanation.plan.kind == "native":
        assert dict(explanation.facts)["run by NumPy inside a native plan"] == "2: 2 sort"
        assert [i.op for i in explanation.plan.stepped_out] == ["sort", "sort"]
