"""The table of facts: of primitives alone, all of them in it, and what it says is so."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops  # noqa: F401  # whose primitives are in the table
from autonet.compiler.c import plan  # noqa: F401  # which enters the kernels of both back ends
from autonet.compiler.explain import table
from autonet.compiler.facts import FACTS
from autonet.compiler.passes.rows import UPDATE_ROWS
from autonet.core import PRIMITIVES
from tests.compiler.programs import assert_same_bits, captured
from tests.ops.test_gradients import ROWS


def test_facts_are_of_primitives_and_say_something():
    assert sorted(set(FACTS) - set(PRIMITIVES)) == [UPDATE_ROWS.name]  # which a pass makes
    silent = [n for n, f in FACTS.items() if not any(getattr(f, slot) for slot in f.__slots__)]
    assert silent == []


def test_every_primitive_is_in_the_table_once_and_none_is_left_open():
    head, *rows = [line.rsplit(None, 2) for line in table().splitlines()]
    assert [row[0].split(None, 1)[0] for row in rows] == sorted(PRIMITIVES)
    assert {row[1] for row in rows} == {"out", "view", "body"}
    assert {row[2] for row in rows} == {"fused", "kernel", "composition", "view", "NumPy"}
    assert head[1:] == ["NumPy", "C"]


def test_a_ufunc_has_a_kernel_and_a_view_none():
    assert [n for n, f in FACTS.items() if f.ufunc is not None and f.numpy_kernel is None] == []
    assert [n for n, f in FACTS.items() if f.view and (f.numpy_kernel or f.c_kernel or f.pointwise)] == []


def applications(case, data):
    """The instructions of the case's primitive in a drawn call, and the arrays of their operands and results."""
    call = data.draw(case.calls())
    arrays = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        program, _ = captured(call.f, *call.xs)
    for v, x in zip(program.inputs, call.xs, strict=True):
        arrays[v] = np.asarray(x)
    for i in program.instructions:
        given_arrays = [arrays.get(v, v.source) for v in i.operands]
        with np.errstate(all="ignore"):
            made = i.primitive.body(*given_arrays, **i.settings)
        made = made if isinstance(made, tuple) else (made,)
        arrays.update(zip(i.results, made, strict=True))
        yield i, given_arrays, made


@pytest.mark.parametrize("name", sorted(n for n, f in FACTS.items() if f.ufunc is not None and n in ROWS))
@given(data=st.data())
def test_the_body_is_the_ufunc(name, data):
    for i, xs, made in applications(ROWS[name], data):
        if i.op == name:
            with np.errstate(all="ignore"):
                assert_same_bits([FACTS[name].ufunc(*xs)], list(made), name)


@pytest.mark.parametrize("name", sorted(n for n, f in FACTS.items() if f.view and n in ROWS))
@given(data=st.data())
def test_a_view_moves_no_element_of_an_array_in_order(name, data):
    for i, xs, made in applications(ROWS[name], data):
        if i.op == name and name != "reshape" and all(np.ndim(x) and x.flags.c_contiguous for x in xs):
            assert all(np.may_share_memory(y, xs[0]) for y in made if np.size(y) and np.ndim(y))
