"""Products of matrices and their sums: rows of the gradient table, NumPy's answers, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, ops
from autonet.core.primitive import PRIMITIVES
from autonet.errors import ShapeError
from tests.ops.cases import Case, reals

PAIRS = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((2, 3), (3, 0)),
    ((0, 2, 3), (3, 4)),
    ((4, 0, 3), (3, 2)),
    ((2, 3), (0, 3, 4)),
    ((2, 0), (4, 0, 3)),
    ((1, 1), (1, 1)),
]

CASES = {
    "matmul": Case(reals(), reals(), shapes=PAIRS, numpy=np.matmul),
    "matrix_transpose": Case(reals(min_dims=2), numpy=np.matrix_transpose),
    "dot": Case(
        reals(), reals(), op=ops.dot, shapes=[*PAIRS[:5], ((), (2, 3)), ((2, 3), ()), ((2, 3), (4, 3, 2))], numpy=np.dot
    ),
    "inner": Case(
        reals(),
        reals(),
        op=ops.inner,
        shapes=[((3,), (3,)), ((2, 3), (4, 3)), ((), (2,)), ((2, 3), (3,))],
        numpy=np.inner,
    ),
    "outer": Case(
        reals(), reals(), op=ops.outer, shapes=[((2,), (3,)), ((2, 2), (3,)), ((), (2,)), ((0,), (2,))], numpy=np.outer
    ),
    "vdot": Case(
        reals(), reals(), op=ops.vdot, shapes=[((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (6,)), ((), ())], numpy=np.vdot
    ),
    "tensordot": [
        Case(
            reals(),
            reals(),
            op=ops.tensordot,
            shapes=[((2, 3, 4), (3, 4, 5)), ((3, 4), (3, 4)), ((2, 0, 4), (0, 4, 5))],
            numpy=np.tensordot,
        ),
        Case(
            reals(),
            reals(),
            op=ops.tensordot,
            shapes=[((2, 3), (3, 2))],
            numpy=np.tensordot,
            settings=[{"axes": 1}, {"axes": 0}, {"axes": ((0,), (1,))}, {"axes": (1, 0)}, {"axes": ((-1, 0), (0, -1))}],
        ),
    ],
    "trace": Case(
        reals(),
        op=ops.trace,
        shapes=[((3, 3),), ((2, 4, 3),)],
        numpy=np.trace,
        settings=[{}, {"offset": 1}, {"offset": -1, "axis1": -1, "axis2": 0}],
    ),
}

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ik", (2, 3), (4, 3)),
    ("ji,jk->ki", (3, 2), (3, 4)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,ij->", (2, 3), (2, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("ij,j->i", (2, 3), (3,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bij,jk->bik", (5, 2, 3), (3, 4)),
    ("abc,cde->abde", (2, 3, 4), (4, 2, 3)),
    ("btnh,bsnh->bnts", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("bnts,bsnh->btnh", (2, 2, 3, 5), (2, 5, 2, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4)),
    ("...ij,jk->...ik", (4, 5, 2, 3), (3, 4)),
    ("...i,...i", (4, 2, 3), (3,)),
    ("i...,i...->...", (3, 2), (3, 1)),
    ("...j,jk", (2, 5, 3), (3, 4)),
    ("ij->ji", (2, 3)),
    ("ij", (2, 3)),
    ("ba", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->ji", (3, 3, 2)),
    ("iii->i", (3, 3, 3)),
    ("ijij->ij", (2, 3, 2, 3)),
    ("ii...->i...", (3, 3, 2)),
    ("ii,ij->j", (3, 3), (3, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,jk,ki", (2, 3), (3, 4), (4, 2)),
    ("i,j,k->kji", (2,), (3,), (4,)),
    ("ij,j,i->", (2, 3), (3,), (2,)),
    ("ijk,jl,lk,i->", (2, 3, 4), (3, 2), (2, 4), (2,)),
    ("ab,cd,ef,ac->bdef", (2, 3), (4, 2), (2, 2), (2, 4)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,ij->ij", (2, 1), (1, 3)),
    ("ij,k->i", (2, 3), (4,)),
    ("ij,jk->ik", (2, 0), (0, 4)),
    ("ij,jk->ik", (0, 3), (3, 4)),
    (",->", (), ()),
    (",i->i", (), (3,)),
    (" i j , j k -> i k ", (2, 3), (3, 4)),
]

CASES["einsum"] = [
    Case(
        *[reals()] * len(shapes),
        op=lambda *xs, s=subscripts: ops.einsum(s, *xs),
        shapes=[tuple(shapes)],
        numpy=lambda *xs, s=subscripts: np.einsum(s, *xs),
    )
    for subscripts, *shapes in EINSUMS
]


@given(st.data())
def test_any_einsum_is_numpys(data):
    """Drawn operands, labels and results; lengths of one broadcast."""
    letters = "abcd"
    lengths = dict(zip(letters, data.draw(st.permutations([1, 2, 3, 2])), strict=True))
    terms = data.draw(st.lists(st.text(letters, max_size=3), min_size=1, max_size=4))
    known = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(known)))[: data.draw(st.integers(0, len(known)))]
    subscripts = f"{','.join(terms)}->{output}"
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    xs = [rng.standard_normal([lengths[c] for c in term]) for term in terms]
    np.testing.assert_allclose(ops.einsum(subscripts, *xs), np.einsum(subscripts, *xs), atol=1e-12)


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk->ik", [(2, 3)]),
        ("ij->ik", [(2, 3)]),
        ("ij->iij", [(2, 3)]),
        ("ij,jk->ik", [(2, 3), (4, 2)]),
        ("i", [(2, 3)]),
        ("ijk", [(2, 3)]),
        ("i1->i", [(2, 3)]),
        ("...i->i", [(2, 3)]),
        ("......", [(2, 3)]),
        ("...i,...i->...", [(2, 3), (4, 3)]),
    ],
)
def test_einsums_that_cannot_be_are_refused(subscripts, shapes):
    with pytest.raises(ShapeError, match="einsum cannot read"):
        ops.einsum(subscripts, *[np.ones(s) for s in shapes])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))),
        lambda: ops.matmul(2.0, np.ones((2, 3))),
        lambda: ops.tensordot(np.ones((2, 3)), np.ones((2, 3)), axes=1),
        lambda: ops.tensordot(np.ones((2, 3)), np.ones((2, 3)), axes=((2,), (0,))),
        lambda: ops.tensordot(np.ones((2, 3)), np.ones((2, 3)), axes=5),
        lambda: ops.vdot(np.ones(2), np.ones(3)),
    ],
)
def test_misfits_are_refused(wrong):
    with pytest.raises(ShapeError):
        wrong()


def test_the_kernels_gradient_is_one_product(monkeypatch):
    """A 2-D kernel that multiplies a stack never sees a stack of products that are summed afterwards."""
    seen = []
    body = PRIMITIVES["matmul"].body
    monkeypatch.setattr(PRIMITIVES["matmul"], "body", lambda x1, x2: seen.append((x1.shape, x2.shape)) or body(x1, x2))
    x, w = np.ones((5, 4, 3)), np.ones((3, 2))
    gradients.grad(lambda x, w: ops.sum(ops.matmul(x, w)), (0, 1))(x, w)
    assert seen == [((5, 4, 3), (3, 2)), ((5, 4, 2), (2, 3)), ((3, 20), (20, 2))]


@pytest.mark.parametrize("dtype, result", [("int8", "int32"), ("uint8", "int32"), ("int32", "int32"), ("bool", "bool")])
def test_products_of_integers(dtype, result):
    x = np.full((1, 100), 100 if dtype != "bool" else 1).astype(dtype)
    y = ops.matmul(x, x.T)
    assert y.dtype == result
    assert y.item() == (1_000_000 if dtype != "bool" else True)


def test_mixed_dtypes_meet_as_in_keras():
    assert ops.matmul(np.ones((1, 2), np.int32), np.ones((2, 1), np.float32)).dtype == "float32"
    assert ops.matmul(np.ones((1, 2), np.float64), np.ones((2, 1), np.float32)).dtype == "float64"
