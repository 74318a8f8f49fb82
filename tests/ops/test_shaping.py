"""The same numbers arranged otherwise: rows of the gradient table, and edges."""

import itertools

import numpy as np
import pytest

from autonet import gradients, ops
from autonet.errors import ShapeError
from tests.ops.cases import Case, axes, reals

BLOCKS = [((2, 3, 4),), ((2, 0, 4),)]


def permutations(shape):
    return [{"axes": axes} for axes in (None, *itertools.permutations(range(len(shape))))]


def new_axes(shape):
    n = len(shape)
    return [{"axis": a} for a in [*range(-n - 1, n + 1), (0, -1), (0, 1)]]


def old_axes(shape):
    ones = [i for i, n in enumerate(shape) if n == 1]
    return [
        {"axis": None},
        *[{"axis": i} for i in ones],
        *[{"axis": i - len(shape)} for i in ones],
        {"axis": tuple(ones)},
    ]


CASES = {
    "reshape": [
        Case(
            reals(),
            shapes=[((2, 3, 4),)],
            settings=[{"newshape": s} for s in [(24,), (4, -1), (6, 4), (1, 2, 12)]],
            numpy=lambda x, newshape: x.reshape(newshape),
        ),
        Case(reals(), shapes=[((),), ((1,),)], settings=[{"newshape": s} for s in [(), (1, 1), -1]]),
        Case(reals(), shapes=[((0, 3),)], settings={"newshape": (3, 0, 2)}),
    ],
    "transpose": Case(reals(), settings=permutations, numpy=np.transpose),
    "expand_dims": Case(reals(), settings=new_axes, numpy=np.expand_dims),
    "squeeze": Case(reals(max_side=2), settings=old_axes, numpy=np.squeeze),
    "_join": [
        Case(
            reals(),
            shapes=[((2, 3), (1, 3)), ((2, 3), (0, 3), (4, 3)), ((2, 3),)],
            settings={"axis": 0},
            numpy=lambda *xs, axis: np.concatenate(xs, axis),
        ),
        Case(
            reals(),
            shapes=[((2, 3, 1), (2, 3, 2)), ((0, 2), (0, 1))],
            settings={"axis": -1},
            numpy=lambda *xs, axis: np.concatenate(xs, axis),
        ),
    ],
    "_part": Case(
        reals(),
        shapes=BLOCKS,
        settings=[
            {"start": 0, "stop": 1, "axis": 0},
            {"start": 1, "stop": 3, "axis": -1},
            {"start": 2, "stop": 2, "axis": 2},
        ],
    ),
    "_within": Case(
        reals(),
        shapes=BLOCKS,
        settings=[
            {"start": 0, "length": 2, "axis": 0},
            {"start": 1, "length": 6, "axis": -1},
            {"start": 2, "length": 5, "axis": 1},
        ],
    ),
    "_split": Case(
        reals(),
        shapes=BLOCKS,
        settings=[{"bounds": (1,), "axis": 0}, {"bounds": (1, 3), "axis": -1}, {"bounds": (), "axis": 1}],
        numpy=lambda x, bounds, axis: tuple(np.split(x, bounds, axis)),
    ),
    "flip": Case(reals(), settings=axes("axis", tuples=True, none=True), numpy=np.flip),
    "roll": [
        Case(reals(), settings=[{"shift": 2, "axis": None}, {"shift": -1, "axis": None}], numpy=np.roll),
        Case(
            reals(),
            shapes=BLOCKS,
            settings=[{"shift": 5, "axis": 1}, {"shift": (1, -1), "axis": (1, -1)}],
            numpy=np.roll,
        ),
    ],
    "_pad": Case(
        reals(),
        shapes=[((2, 3),), ((0, 3),)],
        settings=[{"widths": ((1, 2), (0, 3))}, {"widths": ((0, 0), (0, 0))}],
        numpy=lambda x, widths: np.pad(x, widths),
    ),
    "_crop": Case(
        reals(),
        shapes=[((4, 5),)],
        settings=[{"starts": (1, 0), "lengths": (2, 5)}, {"starts": (3, 4), "lengths": (0, 1)}],
    ),
    "diagonal": [
        Case(
            reals(),
            shapes=[((3, 4),), ((3, 4, 2),), ((0, 2),)],
            settings=[{}, {"offset": 1}, {"offset": -2}],
            numpy=np.diagonal,
        ),
        Case(
            reals(),
            shapes=[((2, 3, 4),)],
            settings=[{"axis1": -1, "axis2": 0}, {"axis1": 1, "axis2": 2, "offset": 1}],
            numpy=np.diagonal,
        ),
    ],
    "_on_diagonal": [
        Case(
            reals(),
            shapes=[((2,),)],
            settings=[{"offset": k, "axis1": 0, "axis2": 1, "shape": (3, 3)} for k in (1, -1)],
        ),
        Case(reals(), shapes=[((4, 2),)], settings={"offset": 0, "axis1": -1, "axis2": 0, "shape": (2, 4, 3)}),
    ],
    # composites
    "tile": Case(
        reals(max_dims=2),
        op=ops.tile,
        settings=[{"repeats": r} for r in [2, (3,), (2, 1), (1, 2, 2), (0, 1)]],
        numpy=lambda x, repeats: np.tile(x, repeats),
    ),
    "repeat": [
        Case(reals(), op=ops.repeat, settings=[{"repeats": 3}, {"repeats": 0}], numpy=np.repeat),
        Case(
            reals(),
            op=ops.repeat,
            shapes=[((2, 3),)],
            settings=[{"repeats": (2, 0, 1), "axis": 1}, {"repeats": 2, "axis": -1}],
            numpy=np.repeat,
        ),
    ],
    "pad": Case(
        reals(),
        op=ops.pad,
        shapes=[((2, 3),)],
        settings=[
            {"pad_width": 1},
            {"pad_width": (1, 2), "mode": "edge"},
            {"pad_width": ((0, 1), (2, 2)), "mode": "reflect"},
            {"pad_width": ((0, 1), (2, 0)), "constant_values": 5},
        ],
        numpy=np.pad,
    ),
    "swapaxes": Case(reals(), op=ops.swapaxes, shapes=BLOCKS, settings={"axis1": 0, "axis2": -1}, numpy=np.swapaxes),
    "moveaxis": Case(
        reals(),
        op=ops.moveaxis,
        shapes=BLOCKS,
        settings=[{"source": 0, "destination": -1}, {"source": (0, 1), "destination": (-1, 0)}],
        numpy=np.moveaxis,
    ),
    "tril": Case(
        reals(),
        op=ops.tril,
        shapes=[((3, 4),), ((2, 3, 3),), ((0, 2),)],
        settings=[{}, {"k": 1}, {"k": -1}],
        numpy=np.tril,
    ),
    "triu": Case(
        reals(),
        op=ops.triu,
        shapes=[((3, 4),), ((2, 3, 3),), ((0, 2),)],
        settings=[{}, {"k": 1}, {"k": -1}],
        numpy=np.triu,
    ),
    "diag": Case(
        reals(), op=ops.diag, shapes=[((3,),), ((3, 4),), ((0,),)], settings=[{}, {"k": 1}, {"k": -1}], numpy=np.diag
    ),
    "stack": Case(
        reals(),
        op=lambda a, b, axis: ops.stack([a, b], axis),
        shapes=[((2, 3), (2, 3)), ((), ())],
        settings=[{"axis": 0}, {"axis": -1}],
        numpy=lambda a, b, axis: np.stack([a, b], axis),
    ),
    "hstack": Case(
        reals(),
        op=lambda a, b: ops.hstack([a, b]),
        shapes=[((2, 3), (2, 1)), ((), ()), ((2,), (0,))],
        numpy=lambda a, b: np.hstack([a, b]),
    ),
    "vstack": Case(
        reals(),
        op=lambda a, b: ops.vstack([a, b]),
        shapes=[((2, 3), (1, 3)), ((2,), (2,))],
        numpy=lambda a, b: np.vstack([a, b]),
    ),
    "unstack": Case(
        reals(), op=lambda x: tuple(ops.unstack(x, axis=1)), shapes=[((2, 3),)], numpy=lambda x: tuple(x.T)
    ),
}


def test_concatenate_and_split_undo_each_other(rng):
    x = rng.standard_normal((4, 6))
    parts = ops.split(x, 3, axis=1)
    assert [p.shape for p in parts] == [(4, 2)] * 3
    np.testing.assert_array_equal(ops.concatenate(parts, axis=1), x)
    np.testing.assert_array_equal(ops.concatenate(ops.split(x, [1, 5], axis=1), axis=1), x)


def test_only_the_used_part_of_a_split_gets_a_gradient():
    g = gradients.grad(lambda x: ops.sum(ops.split(x, 3)[1] ** 2))(np.arange(6.0))
    assert g.tolist() == [0, 0, 4, 6, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 2))]),
        lambda: ops.concatenate([]),
        lambda: ops.split(np.ones(5), 2),
        lambda: ops.reshape(np.ones(5), (2, 3)),
        lambda: ops.reshape(np.ones(6), (-2, 3)),  # which NumPy takes for -1
        lambda: ops.reshape(np.ones(6), -6),
        lambda: ops.convert_to_tensor(np.ones(6)).reshape(2, -3),
        lambda: np.reshape(ops.convert_to_tensor(np.ones(6)), (-3, 2)),
        lambda: ops.squeeze(np.ones((2, 3)), 0),
        lambda: ops.transpose(np.ones((2, 3)), (0, 0)),
        lambda: ops.broadcast_to(np.ones(3), (2, 2)),
        lambda: ops.tril(np.ones(3)),
        lambda: ops.diag(np.ones((1, 1, 1))),
        lambda: ops.unstack(np.ones((2, 3)), 4),
    ],
)
def test_misfits_are_refused(wrong):
    with pytest.raises(ShapeError):
        wrong()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.swapaxes(x, 0, 3),
        lambda x: ops.moveaxis(x, 3, 0),
        lambda x: ops.moveaxis(x, (0, -3), (0, 1)),
        lambda x: ops.median(x, axis=3),
        lambda x: ops.quantile(x, 0.5, axis=(0, -4)),
        lambda x: ops.nanmedian(x, axis=(1, 1)),
        lambda x: ops.diff(x, axis=-4),
        lambda x: ops.unique(x, axis=3),
    ],
)
def test_axes_that_are_not_there_are_refused(call):
    with pytest.raises(ShapeError, match=r"expects axes from -3 to 2, none twice"):
        call(np.ones((2, 3, 4)))


def test_triangles_of_booleans_stay_booleans():
    np.testing.assert_array_equal(ops.tril(np.ones((2, 2), bool)), [[True, False], [True, True]])
    assert ops.triu(np.ones((2, 2), bool)).dtype == "bool"
