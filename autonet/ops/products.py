"""Products and their sums: matmul, dot, tensordot, einsum and their relatives.

All are made of `matmul` on views, so that transposes reach BLAS as flags; the gradient of a 2-D matrix that multiplies
a stack is one 2-D product, not a stack of products that is summed afterwards.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.calls import convert
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.half_precision import accumulates
from autonet.ops.pointwise import multiply
from autonet.ops.reduction import sum as total
from autonet.ops.shaping import diagonal, expand_dims, reshape, squeeze, transpose


@primitive(accumulates=True)
def matmul(x1, x2):
    """Matrix product over the last axis of `x1` and the last but one of `x2`, with NumPy's rules.

    Stacks of matrices broadcast; a vector on the left is a row, on the right a column, and its axis disappears.

    Shapes: (..., m, k) and (..., k, n) give (..., m, n).

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    if x1.ndim == 2 == x2.ndim and x1.dtype.char in "fd" and len(x1) > 1 < x2.shape[1]:
        if x1.flags.forc and x2.flags.forc:  # the same call of BLAS, to the bit, in half the time for small matrices
            return x1.dot(x2)
    if x1.dtype.itemsize == 1 and x1.dtype.kind in "iu":  # sums of products do not fit into 8 bits
        x1, x2 = x1.astype(np.int32), x2.astype(np.int32)
    if x2.ndim == 2 < x1.ndim and x1.flags.c_contiguous:
        rows = math.prod(x1.shape[:-1])
        return _product(x1.reshape(rows, x1.shape[-1]), x2).reshape(*x1.shape[:-1], x2.shape[-1])
    return _product(x1, x2)


@np.errstate(all="ignore")  # BLAS works on whole vectors, and what stands beyond the operands may raise a flag
def _product(x1, x2):
    return np.matmul(x1, x2)


def _matmul_left(g, x2, x1_shape):
    if x2.ndim == len(x1_shape) == 2:
        return matmul(g, matrix_transpose(x2))
    return _left_of_stacks(_tensor(g), _tensor(x2), x1_shape)


def _left_of_stacks(g, x2, x1_shape):
    if x2.ndim == 1:
        return expand_dims(g, -1) * x2
    if len(x1_shape) == 1:
        return matmul(x2, g) if x2.ndim == 2 else squeeze(matmul(x2, expand_dims(g, -1)), -1)
    if len(x1_shape) == 2 < x2.ndim:  # one product over the stack and the columns together
        m, k = x1_shape
        others = math.prod(x2.shape[:-2]) * x2.shape[-1]
        g = reshape(_last_but_one_first(g), (m, others))
        return matmul(g, matrix_transpose(reshape(_last_but_one_first(x2), (k, others))))
    return matmul(g, matrix_transpose(x2))


def _matmul_right(g, x1, x2_shape):
    if x1.ndim == len(x2_shape) == 2:
        return matmul(matrix_transpose(x1), g)
    return _right_of_stacks(_tensor(g), _tensor(x1), x2_shape)


def _right_of_stacks(g, x1, x2_shape):
    if x1.ndim == 1:
        return x1 * g if len(x2_shape) == 1 else expand_dims(x1, -1) * expand_dims(g, -2)
    if len(x2_shape) == 1:  # the stack is rows of one matrix
        rows = math.prod(x1.shape[:-1])
        return matmul(_reshaped(g, (rows,)), _reshaped(x1, (rows, x1.shape[-1])))
    if len(x2_shape) == 2 < x1.ndim:
        rows = math.prod(x1.shape[:-1])
        x1 = reshape(x1, (rows, x1.shape[-1]))
        return matmul(matrix_transpose(x1), reshape(g, (rows, x2_shape[1])))
    return matmul(matrix_transpose(x1), g)


def _tensor(x):
    """A Tensor for a rule that was given an array: over its memory, since a copy may be laid out in another way, and products
    of that end in other bits."""
    return wrap(x) if isinstance(x, np.ndarray) else x


def _last_but_one_first(x):
    return transpose(x, (x.ndim - 2, *range(x.ndim - 2), x.ndim - 1))


@primitive
def matrix_transpose(x):
    """Each matrix of a stack transposed."""
    return x.swapaxes(-1, -2)


matrix_transpose.vjp(x=lambda g: matrix_transpose(g))
matmul.vjp(x1=_matmul_left, x2=_matmul_right)
matmul.on_arrays()


@accumulates()
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of products over the last axis of `x1` and the last but one of `x2`; a number multiplies.

    Unlike `matmul`, stacks do not broadcast: (a, m, k) with (b, k, n) gives (a, m, b, n).
    """
    x1, x2 = convert(multiply, (x1, x2))
    if not x1.ndim or not x2.ndim:
        return multiply(x1, x2)
    if x2.ndim <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=((x1.ndim - 1,), (x2.ndim - 2,)))


@accumulates()
def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence = 2) -> Tensor:
    """Sum of products over the given axes; the remaining ones of `x1` come first, those of `x2` last.

    `axes`: a number n (the last n of `x1` with the first n of `x2`), or a pair of axes or of lists of axes.
    """
    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    if isinstance(axes, (int, np.integer)):
        n = int(axes)
        if n < 0:
            raise ArgumentError(f"tensordot expects axes of at least 0, or a pair of axes; received {n}.")
        pairs: tuple = (tuple(range(x1.ndim - n, x1.ndim)), tuple(range(n)))
    else:
        pairs = tuple([(a,) if isinstance(a, (int, np.integer)) else tuple(a) for a in axes])
    try:
        left, right = ([a if a >= 0 else a + x.ndim for a in ax] for x, ax in zip((x1, x2), pairs, strict=True))
        fits = [x1.shape[a] for a in left] == [x2.shape[a] for a in right] and all(a >= 0 for a in left)
    except (IndexError, ValueError):
        fits = False
    if not fits:
        raise ShapeError(
            f"tensordot expects axes of equal lengths; received axes={axes!r} of shapes {x1.shape} and {x2.shape}."
        )
    free1 = [a for a in range(x1.ndim) if a not in left]
    free2 = [a for a in range(x2.ndim) if a not in right]
    shape1, shape2 = [x1.shape[a] for a in free1], [x2.shape[a] for a in free2]
    inside = math.prod([x1.shape[a] for a in left])
    rows = _reordered(x1, (*free1, *left), (math.prod(shape1), inside))
    columns = _reordered(x2, (*right, *free2), (inside, math.prod(shape2)))
    return _reshaped(matmul(rows, columns), (*shape1, *shape2))


def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Every product of an element of `x1` with one of `x2`, both flattened: shape (x1.size, x2.size)."""
    x1, x2 = convert(multiply, (x1, x2))
    return multiply(_reshaped(x1, (x1.size, 1)), _reshaped(x2, (1, x2.size)))


@accumulates()
def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of products over the last axes of both; a number multiplies."""
    x1, x2 = convert(multiply, (x1, x2))
    if not x1.ndim or not x2.ndim:
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=((x1.ndim - 1,), (x2.ndim - 1,)))


@accumulates()
def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of all products of corresponding elements, both flattened."""
    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    return matmul(_reshaped(x1, (x1.size,)), _reshaped(x2, (x2.size,)))


def _reordered(x: Tensor, order: Sequence[int], shape: tuple) -> Tensor:
    """Transposed, then reshaped; neither where nothing would change."""
    if tuple(order) != tuple(range(x.ndim)):
        x = transpose(x, tuple(order))
    return _reshaped(x, shape)


def _reshaped(x: Tensor, shape: tuple) -> Tensor:
    return x if x.shape == shape else reshape(x, shape)


@accumulates()
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of the diagonal over `axis1` and `axis2`."""
    return total(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), axis=-1)


# Einstein's sums, as products of matrices


@accumulates()
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Sum of products over the labels that the result does not carry.

    A label that stands twice in one operand takes its diagonal, `...` the axes that have no label (they broadcast).
    Without `->` the result carries the labels that occur once, in alphabetical order.

    >>> einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    xs = [convert_to_tensor(x) for x in operands]
    inputs, output = _subscripts(subscripts, tuple([x.shape for x in xs]))
    terms = [_diagonals(x, labels) for x, labels in zip(xs, inputs, strict=True)]
    if len(terms) > 2:
        order = _contraction_order(tuple([c for _, c in terms]), output, tuple([x.shape for x, _ in terms]))
    else:
        order = ((0, 1),) * (len(terms) - 1)
    for pair in order:
        i, j = pair
        (x1, labels1), (x2, labels2) = terms[i], terms[j]
        terms = [term for n, term in enumerate(terms) if n not in pair]
        wanted = output if not terms else "".join(labels for _, labels in terms) + output
        terms.append(_pair(x1, labels1, x2, labels2, wanted, final=not terms))
    x, labels = terms[0]
    x, labels = _sum_out(x, labels, output)
    return x if labels == output else transpose(x, tuple([labels.index(c) for c in output]))


@functools.lru_cache(512)
def _subscripts(subscripts: str, shapes: tuple) -> tuple[tuple[str, ...], str]:
    """Labels of each operand and of the result, `...` spelled out with labels of their own; checked."""

    def wrong(why: str) -> ShapeError:
        return ShapeError(f"einsum cannot read {subscripts!r} for shapes {', '.join(map(str, shapes))}: {why}.")

    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise wrong(f"it names {len(inputs)} operands, and there are {len(shapes)}")
    for part in [*inputs, output]:
        letters = part.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise wrong(f"{part!r} holds something other than letters and one '...'")
    extra = [len(shape) - len(part.replace("...", "")) for part, shape in zip(inputs, shapes, strict=True)]
    for part, n, shape in zip(inputs, extra, shapes, strict=True):
        if n < 0 or (n > 0 and "..." not in part):
            raise wrong(f"{part!r} does not have as many labels as shape {shape} has axes")
    most = max([*extra, 0])
    dots = "".join(chr(0x100 + i) for i in range(most))  # labels that no user can write
    full = tuple([part.replace("...", dots[most - n :]) for part, n in zip(inputs, extra, strict=True)])
    if arrow:
        if "..." not in output and most:
            raise wrong("the result must carry '...' too")
        output = output.replace("...", dots)
    else:
        output = dots + "".join(sorted(c for c in set(left) - set(",.") if left.count(c) == 1))
    if len(set(output)) != len(output):
        raise wrong("the result carries a label twice")
    known: dict[str, int] = {}
    for labels, shape in zip(full, shapes, strict=True):
        for c, n in zip(labels, shape, strict=True):
            if known.setdefault(c, n) == 1:
                known[c] = n
            elif n not in (1, known[c]):
                raise wrong(f"axes of one label have lengths {known[c]} and {n}")
    for c in output:
        if c not in known:
            raise wrong(f"the result carries {c!r}, which no operand has")
    return full, output


@functools.lru_cache(512)
def _contraction_order(inputs: tuple, output: str, shapes: tuple) -> tuple:
    """Pairs of terms to multiply, by NumPy's greedy search; the product goes to the end of the list."""
    numbers = {c: n for n, c in enumerate(sorted(set("".join(inputs))))}
    interleaved: list = []
    for shape, labels in zip(shapes, inputs, strict=True):
        interleaved += [np.broadcast_to(np.float32(0), shape), [numbers[c] for c in labels]]
    path = np.einsum_path(*interleaved, [numbers[c] for c in output], optimize="greedy")[0]
    pairs = []
    count = len(inputs)
    for group in path[1:]:
        rest = sorted(group)
        while len(rest) > 1:  # NumPy may take three or more at once
            i, j, *rest = rest
            pairs.append((i, j))
            count -= 1
            rest = [k - (k > i) - (k > j) for k in rest] + ([count - 1] if rest else [])
    return tuple(pairs)


def _diagonals(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """Each label once: where one stands twice, the diagonal (a length of one broadcasts)."""
    if len(set(labels)) == len(labels):
        return x, labels
    for c in sorted(set(labels)):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            rest = labels[:i] + labels[i + 1 : j] + labels[j + 1 :]
            if x.shape[i] != x.shape[j]:  # one of them is 1
                k = i if x.shape[i] == 1 else j
                x, labels = squeeze(x, k), labels[:k] + labels[k + 1 :]
            else:
                x, labels = diagonal(x, 0, i, j), rest + c
    return x, labels


def _sum_out(x: Tensor, labels: str, wanted: str) -> tuple[Tensor, str]:
    """Sum over the labels that are not wanted."""
    gone = tuple([i for i, c in enumerate(labels) if c not in wanted])
    if gone:
        x, labels = total(x, axis=gone), "".join(c for c in labels if c in wanted)
    return x, labels


def _pair(x1: Tensor, labels1: str, x2: Tensor, labels2: str, wanted: str, final: bool) -> tuple[Tensor, str]:
    """The product of two terms, summed over the labels that both have and nobody wants."""
    for c in labels1:  # a length of one broadcasts against the other's
        if c in labels2 and x1.shape[labels1.index(c)] != x2.shape[labels2.index(c)]:
            if x1.shape[labels1.index(c)] == 1:
                x1, labels1 = squeeze(x1, labels1.index(c)), labels1.replace(c, "")
            else:
                x2, labels2 = squeeze(x2, labels2.index(c)), labels2.replace(c, "")
    x1, labels1 = _sum_out(x1, labels1, labels2 + wanted)
    x2, labels2 = _sum_out(x2, labels2, labels1 + wanted)
    inside = [c for c in labels1 if c in labels2 and c not in wanted]
    stack = [c for c in labels1 if c in labels2 and c in wanted]
    free1 = [c for c in labels1 if c not in labels2]
    free2 = [c for c in labels2 if c not in labels1]
    if final:  # in the order of the result, where that saves a transposition
        stack.sort(key=wanted.index)
        free1.sort(key=wanted.index)
        free2.sort(key=wanted.index)
    if not inside:  # nothing to sum: align the axes and multiply
        order = list(wanted) if final else [*stack, *free1, *free2]
        return multiply(_aligned(x1, labels1, order), _aligned(x2, labels2, order)), "".join(order)
    lengths = dict(zip(labels1 + labels2, x1.shape + x2.shape, strict=True))

    def shape(*groups: list) -> tuple:
        return tuple([lengths[c] for c in stack] + [math.prod([lengths[c] for c in group]) for group in groups])

    if labels2[: len(inside)] == labels1[len(labels1) - len(inside) :] and not stack:
        inside = list(labels2[: len(inside)])  # already next to each other
    rows = _reordered(x1, [labels1.index(c) for c in (*stack, *free1, *inside)], shape(free1, inside))
    columns = _reordered(x2, [labels2.index(c) for c in (*stack, *inside, *free2)], shape(inside, free2))
    order = [*stack, *free1, *free2]
    return _reshaped(matmul(rows, columns), tuple([lengths[c] for c in order])), "".join(order)


def _aligned(x: Tensor, labels: str, order: list) -> Tensor:
    """`x` with its axes in this order and axes of length one for the labels that it lacks."""
    own = [c for c in order if c in labels]
    if own != list(labels):
        x = transpose(x, tuple([labels.index(c) for c in own]))
    missing = tuple([i for i, c in enumerate(order) if c not in labels])
    return expand_dims(x, missing) if missing else x
