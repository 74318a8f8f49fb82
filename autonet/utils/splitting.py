"""Data in parts: for training, validation and tests."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from autonet.common.frames import columns_of, frame_array, is_frame, names_of, plain
from autonet.common.lines import warn
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Data, TensorLike
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError, unknown
from autonet.random.seeds import checked_seed, fresh_seed


def split(
    *data: Data,
    parts: Sequence[float | None] | None = None,
    stratify: bool | str | TensorLike = False,
    shuffle: bool = True,
    seed: int | None = 0,
) -> tuple[Any, ...]:
    """Rows of arrays that belong together, in parts: none twice, none left out, the same ones whenever it is called.

    Args:
        data: arrays of one length n (Tensors, tables, lists of numbers or texts; nests of them; None stays None).
        parts: how large each part is, also as the last argument without its name: percentages with the sum 100, shares with
            the sum 1, or numbers of rows with the sum n; with one None among them, which takes the rest, the others are
            numbers of rows. Default: (80, 20).
        stratify: True: each class has the same share of every part, to the nearest row, and is in every part where there are
            enough rows (a warning says where not). The classes are the second argument of data (x, y, sample_weight), or
            the only one: class numbers, names, or one-hot rows. Or the classes themselves, shape (n,), where they are
            none of the data; or the name of a table's column that holds them.
        shuffle: draw the rows at random. False: in their order, the first part from the front (of each class).
        seed: of that draw, which nothing else influences; None for another one each time that `utils.set_random_seed` repeats.

    Returns: a tuple of parts, each a tuple like `data`, or like the only one of data. Arrays are copies; tables stay tables,
        Tensors become arrays.

    Raises: ArgumentError for parts that do not fit; ShapeError for unequal lengths; DataError for labels that are no classes.

    >>> x, y = np.arange(200), np.arange(200) % 2
    >>> train, validation, test = split(x, y, parts=(98, 1, 1), stratify=True, seed=1)
    >>> [len(x) for x, y in (train, validation, test)], sorted(test[1].tolist())
    ([196, 2, 2], [0, 1])
    """
    if parts is None and len(data) > 1 and _is_parts(data[-1]):
        data, parts = data[:-1], data[-1]  # type: ignore[assignment]
    trees = [_to_arrays(part) for part in data]
    n = _length(trees)
    sizes = _sizes((80, 20) if parts is None else parts, n)
    start = fresh_seed() if seed is None else checked_seed(seed)
    order = np.random.default_rng(start).permutation(n) if shuffle else np.arange(n)
    if stratify is False:
        rows = np.split(order, np.cumsum(sizes)[:-1])
    else:
        labels = data[min(1, len(data) - 1)] if stratify is True else _column(data, stratify)
        rows = _stratified(order, _classes(labels, n), sizes)
    pieces = tuple([tuple([_take(tree, at) for tree in trees]) for at in rows])
    return pieces if len(trees) > 1 else tuple([piece[0] for piece in pieces])


# What is split


def _to_arrays(tree: Any) -> Any:
    """Arrays, tables and None in nests; lists of numbers or texts as arrays."""
    if isinstance(tree, Mapping):
        return {key: _to_arrays(branch) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        branches = [_to_arrays(branch) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    if isinstance(tree, list):
        return [_to_arrays(branch) for branch in tree] if any(map(_is_branch, tree)) else _row_array(tree)
    if is_frame(tree) and not hasattr(tree, "__len__"):
        frame_array(tree, "data")  # a lazy table: says what to do
    if tree is None or is_frame(tree) or isinstance(tree, np.ndarray):
        return tree
    return tree if hasattr(tree, "toarray") else np.asarray(tree)


def _is_branch(x: Any) -> bool:
    """Whether an entry of a list is an array of its own, rather than a row."""
    return x is None or isinstance(x, (Mapping, tuple)) or is_frame(x) or bool(getattr(x, "ndim", 0))


def _row_array(rows: list[Any]) -> np.ndarray:
    """The rows as an array of numbers, or of objects if they are texts, or lists of several lengths."""
    try:
        array = np.asarray(rows)
        if array.dtype.kind not in "US":
            return array
    except ValueError:  # several lengths
        pass
    return np.fromiter(rows, object, len(rows))


def _length(trees: list[Any]) -> int:
    leaves = [leaf for leaf in flatten(trees) if leaf is not None]
    if not leaves or not all(
        len(leaf.shape) if hasattr(leaf, "shape") else hasattr(leaf, "__len__") for leaf in leaves
    ):
        raise DataError(
            "utils.split expects arrays, alone or in nests, as in split(x, y, parts=(80, 20)); received none."
        )
    lengths = [leaf.shape[0] if hasattr(leaf, "shape") else len(leaf) for leaf in leaves]
    if len(set(lengths)) > 1:
        raise ShapeError(f"utils.split expects arrays of one length; received lengths {lengths}.")
    return lengths[0]


def _take(tree: Any, rows: np.ndarray) -> Any:
    def take(leaf: Any) -> Any:
        if leaf is None:
            return None
        return leaf.take(rows) if is_frame(leaf) and hasattr(leaf, "take") else leaf[rows]

    return map_structure(take, tree)


# How large the parts are


def _is_parts(x: Any) -> bool:
    """Whether an argument says how large parts are: a tuple of numbers is no data, whose lists are lists."""
    return isinstance(x, tuple) and bool(x) and all(size is None or _is_number(size) for size in x)


def _is_number(x: Any) -> bool:
    return isinstance(x, Real) and not isinstance(x, bool)


def _sizes(parts: Any, n: int) -> np.ndarray:
    """Rows of each part."""
    sizes = list(parts) if isinstance(parts, (tuple, list, np.ndarray)) else [parts]
    good = all(size is None or (_is_number(size) and size > 0) for size in sizes)
    if len(sizes) < 2 or not good or sizes.count(None) > 1:
        raise ArgumentError(
            f"utils.split expects parts to be two numbers above 0 or more, one perhaps None for the rest; received {parts!r}."
        )
    total = sum(size for size in sizes if size is not None)
    whole = all(size is None or size == int(size) for size in sizes)
    if None in sizes and whole and total < n:
        return np.array([n - total if size is None else size for size in sizes], np.int64)
    if None in sizes or not (total in (n, 100) or abs(total - 1) < 1e-6):
        rest = (
            "numbers of rows that leave some for None"
            if None in sizes
            else f"sum to 100 (percent), 1 or {n} (all rows)"
        )
        raise ArgumentError(
            f"utils.split of {n} rows expects parts that {'are ' if None in sizes else ''}{rest}; received {parts!r}, "
            f"whose sum is {total:g}."
        )
    exact = np.array(sizes, np.float64) * (n / total)
    counts = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")  # the largest remainders take what is left
    counts[largest[: n - counts.sum()]] += 1
    if not counts.all():
        raise ArgumentError(
            f"utils.split would leave a part without rows: {counts.tolist()} of {n}. Change parts={tuple(sizes)}."
        )
    return counts


# Strata


def _column(data: Sequence[Any], stratify: Any) -> Any:
    """The column of a table that a name stands for; what is no name is the classes themselves."""
    if not isinstance(stratify, str):
        return stratify
    for table in data:
        if stratify in names_of(table):
            return columns_of(table, [stratify])[stratify]
    names = [name for table in data for name in names_of(table)]
    if not names:
        raise ArgumentError(
            f"utils.split takes a column's name as stratify where it splits a table; received {stratify!r}. Pass the class "
            "of each row, an array."
        )
    raise unknown("column to stratify by", stratify, names)


def _classes(labels: Any, n: int) -> np.ndarray:
    """The class of each row: a number, or a text, shape (n,).

    Raises: DataError if there are none.
    """
    if isinstance(labels, Tensor):
        labels = labels.numpy()
    if isinstance(labels, (Mapping, tuple)) or (isinstance(labels, list) and any(map(_is_branch, labels))):
        raise DataError(
            "utils.split cannot tell classes from a nest: pass stratify= an array with the class of each row."
        )
    array = frame_array(labels, "stratify") if is_frame(labels) else np.asarray(labels)
    if array.shape[:1] != (n,):
        raise ShapeError(f"utils.split of {n} rows expects as many classes; received shape {array.shape}.")
    found = class_numbers(array)
    if found is None:
        raise DataError(
            f"utils.split expects classes to stratify by: whole numbers or names of shape (n,), or one-hot rows; received "
            f"shape {array.shape}, dtype {array.dtype}. Pass stratify= an array with the class of each row, such as "
            "np.digitize(y, np.quantile(y, [0.25, 0.5, 0.75])) of a quantity."
        )
    return found


def class_numbers(y: np.ndarray) -> np.ndarray | None:
    """The classes that labels stand for, shape (n,): themselves, or the places of the ones in one-hot rows.

    None where they stand for no classes: fractions, rows with several ones or with none, more axes.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf":
        one_hot = np.all((y == 0) | (y == 1)) and np.all(np.count_nonzero(y, axis=1) == 1)
        return np.argmax(y, axis=1) if one_hot else None
    if y.ndim != 1 or y.dtype.kind not in "biufOU":
        return None
    return None if y.dtype.kind == "f" and not np.all(y == np.floor(y)) else y


def _stratified(order: np.ndarray, labels: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """The rows of each part, in the order drawn."""
    values, numbers = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)
    table = _apportion(np.bincount(numbers), sizes)
    if not table.all():
        _tell_missing(values, table)
    by_class = order[np.argsort(numbers[order], kind="stable")]
    part = np.empty(len(order), np.int64)
    part[by_class] = np.repeat(np.tile(np.arange(len(sizes)), len(values)), table.ravel())
    return [order[part[order] == j] for j in range(len(sizes))]


def _apportion(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How many rows of each class (counts, (c,)) go to each part (sizes, (p,)): shape (c, p), whose sums are the two.

    Each number is within one of the exact share; then a class that is missing in a part changes places there with one that
    has several rows, as long as both can.
    """
    n = counts.sum()
    shares = counts[:, None] * sizes
    table = shares // n
    rests = shares % n
    needed = sizes - table.sum(axis=0)
    for c, left in enumerate((counts - table.sum(axis=1)).tolist()):  # largest need first always succeeds (Gale, Ryser)
        chosen = np.lexsort((-rests[c], -needed))[:left]
        table[c, chosen] += 1
        needed[chosen] -= 1
    for c, j in np.argwhere(table == 0).tolist():
        k, d = int(np.argmax(table[c])), int(np.argmax(table[:, j]))
        if table[c, j] == 0 and table[c, k] > 1 and table[d, j] > 1:
            table[[c, d], [j, k]] += 1
            table[[c, d], [k, j]] -= 1
    return table


def _tell_missing(values: np.ndarray, table: np.ndarray) -> None:
    classes, parts = np.nonzero(table == 0)
    first = f"class {values[classes[0]]} ({table[classes[0]].sum()} rows) is missing in part {parts[0] + 1}"
    warn(
        f"utils.split: {len(np.unique(classes))} of {len(values)} classes are not in all of the {table.shape[1]} parts, whose "
        f"sizes are {table.sum(axis=0).tolist()}; {first}. Make the small parts larger, or collect more rows of such classes."
    )


def split_dataset(
    dataset: Data,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Two parts of the rows of an array, or of a nested list, tuple or dict of arrays.

    Args:
        dataset: arrays with one common length n.
        left_size: rows of the left part: a share from 0 to 1 (float) or a number of rows (int). Default: the rest.
        right_size: the same for the right part.
        shuffle: draw the rows at random before the split.
        seed: of that draw; by default from `utils.set_random_seed`.
        preferred_backend: a hint without effect: the parts are arrays in any case.

    Returns: (left, right), structured like `dataset`.

    Raises: ArgumentError for sizes that do not fit; ShapeError for unequal lengths.

    >>> left, right = split_dataset({"x": np.arange(5), "y": np.arange(5) * 2}, left_size=0.6)
    >>> left["y"].tolist(), right["x"].tolist()
    ([0, 2, 4], [3, 4])
    """
    dataset = map_structure(lambda leaf: plain(leaf, "dataset"), dataset)
    leaves = flatten(dataset)
    if not all(hasattr(leaf, "__len__") for leaf in leaves):
        raise DataError("split_dataset expects arrays, alone or in a list, tuple or dict; received numbers.")
    lengths = {len(leaf) for leaf in leaves}
    if len(lengths) > 1:
        raise ShapeError(f"split_dataset expects arrays of one length; received lengths {sorted(lengths)}.")
    if not lengths or lengths == {0}:
        raise DataError("split_dataset received no rows.")
    n = lengths.pop()
    left, right = _rows("left_size", left_size, n), _rows("right_size", right_size, n)
    if left is None and right is None:
        raise ArgumentError("split_dataset needs left_size or right_size.")
    left = n - right if left is None and right is not None else left
    right = n - left if right is None and left is not None else right
    assert left is not None and right is not None
    if left + right > n:
        raise ArgumentError(f"split_dataset has {n} rows; received sizes for {left} + {right}.")
    if left == 0 or right == 0:
        raise ArgumentError(
            f"split_dataset would leave a part without rows: {left} and {right} of {n}. Change the sizes."
        )
    order = np.random.default_rng(fresh_seed() if seed is None else seed).permutation(n) if shuffle else np.arange(n)
    head, tail = order[:left], order[n - right :]
    return (
        map_structure(lambda leaf: np.asarray(leaf)[head], dataset),
        map_structure(lambda leaf: np.asarray(leaf)[tail], dataset),
    )


def _rows(name: str, size: float | int | None, n: int) -> int | None:
    """A share or a number of rows as a number of rows."""
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        if not 0 <= size <= 1:
            raise ArgumentError(f"split_dataset expects {name} from 0 to 1 as a share; received {size}.")
        return round(float(size) * n)
    if not 0 <= size <= n:
        raise ArgumentError(f"split_dataset expects {name} from 0 to {n} rows; received {size}.")
    return int(size)
