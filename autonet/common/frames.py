"""The one door for tables and their columns: pandas, polars and pyarrow objects, known by what they can do, as arrays.

None of these packages is imported. A table has named columns; a column has values of one type, some of them perhaps missing.
Indices are not looked at: rows stay in their order.
"""

from __future__ import annotations

import functools
from numbers import Integral, Number
from typing import Any

import numpy as np

from autonet.common.complex_numbers import ADVICE, holds_complex
from autonet.errors import DataError


def is_frame(x: Any) -> bool:
    """Whether `x` is a table or a column of one."""
    cls: Any = type(x)
    return _kind(cls) is not None


@functools.lru_cache(maxsize=1024)
def _kind(cls: Any) -> str | None:
    """ "table", "column" or "lazy" by the methods of a class, so that nothing of an object is computed; None for others."""
    has = functools.partial(hasattr, cls)
    if has("columns") and (has("column_names") or has("get_columns") or (has("items") and has("isna"))):
        return "table"
    if has("columns") and has("collect"):
        return "lazy"
    if has("to_numpy") and ((has("isna") and has("dtype")) or (has("is_null") and (has("dtype") or has("type")))):
        return "column"
    return None


def plain(x: Any, name: str = "The data") -> Any:
    """A table or column as an array; everything else as it is."""
    return frame_array(x, name) if is_frame(x) else x


def columns_of(x: Any, names: Any) -> Any:
    """A table as a dictionary of its columns of these names; everything else as it is."""
    cls: Any = type(x)
    if _kind(cls) != "table":
        return x
    return {name: column for name, column in _columns(x) if name in names}


def names_of(x: Any) -> list[Any]:
    """The names of a table's columns; none of what is no table."""
    cls: Any = type(x)
    return [name for name, _ in _columns(x)] if _kind(cls) == "table" else []


def as_texts(array: np.ndarray) -> np.ndarray:
    """An array of str objects as one of NumPy's texts; others as they are."""
    objects = array.dtype == object and array.size and all(isinstance(v, str) for v in array.flat)
    return array.astype(str) if objects else array


def frame_array(x: Any, name: str, float_dtype: Any = None) -> np.ndarray:
    """A table or column as an array of numbers, or of texts (str objects).

    Args:
        x: a table, or a column of one.
        name: what it is called in messages.
        float_dtype: of a table's floats; by default what its columns have in common.

    Returns: shape (rows, columns), or (rows,) of a column. It shares memory where the columns lie in one block.

    Raises: DataError that names column and row, for missing values in columns that can hold them (a NaN among floats is a
        number), for dates, for texts beside numbers, and for whatever else is no number.
    """
    cls: Any = type(x)
    kind = _kind(cls)
    if kind == "lazy":
        raise DataError(f"{name} is a lazy table, whose rows are not there yet: call its collect() first.")
    if kind == "column":
        return _column(x, name, getattr(x, "name", None))
    columns = _columns(x)
    if not columns:
        raise DataError(f"{name} is a table without columns: look at what selected them.")
    dtypes = {getattr(column, "dtype", None) for _, column in columns}
    if len(dtypes) == 1 and _is_numeric(dtypes.pop()):
        return x.to_numpy()  # without a copy, if it is one block
    parts = [_column(column, name, label, alone=False) for label, column in columns]
    texts = [part.dtype.kind == "O" for part in parts]
    if any(texts):
        if not all(texts):
            label = columns[texts.index(True)][0]
            raise DataError(
                f"{name}, column {label!r} holds texts, such as {parts[texts.index(True)][0]!r}, beside columns of numbers. "
                "Turn it into numbers first (pandas.get_dummies makes a column for each text, layers.StringLookup "
                "numbers), or give a model with an input for each column a dictionary of columns."
            )
        common = out_dtype = np.dtype(object)
    else:
        common = np.result_type(*parts)
        out_dtype = np.dtype(float_dtype) if float_dtype is not None and common.kind == "f" else common
    array = np.empty((len(x), len(parts)), out_dtype)
    for i, part in enumerate(parts):
        array[:, i] = part.astype(common, copy=False)
    return array


def _columns(table: Any) -> list[tuple[Any, Any]]:
    """Names and columns, in order; names may repeat."""
    if hasattr(table, "column_names"):
        return list(zip(table.column_names, table.columns, strict=True))
    if hasattr(table, "get_columns"):
        return [(column.name, column) for column in table.get_columns()]
    return list(table.items())


def _is_numeric(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _column(column: Any, name: str, label: Any, alone: bool = True) -> np.ndarray:
    """The values of a column: numbers, or texts as objects."""
    if _is_numeric(getattr(column, "dtype", None)):
        return column.to_numpy()
    where = name if label in (None, "") else f"{name}, column {label!r}"
    nullable = hasattr(column, "isna")  # pandas's word
    missing = np.asarray(column.isna() if nullable else column.is_null(), bool)
    array = column.to_numpy() if nullable else np.asarray(column)
    if array.dtype.kind in "UT":
        array = array.astype(object)
    dated = array.dtype.kind in "mM"
    if dated or (array.dtype == object and any(_is_date(v) for v in _first(array, ~missing))):
        raise DataError(
            f"{where} holds dates or times ({array.dtype if dated else type(_first(array, ~missing)[0]).__name__}), and "
            "models take numbers. Make some of them first, such as the year, the day of the year, or the days since the "
            "first of them; or leave the column out."
        )
    if missing.any():
        row = int(np.argmax(missing))
        value = "''" if isinstance(next(iter(_first(array, ~missing)), None), str) else "0"
        fill = f"{'fillna' if nullable else 'fill_null'}({value})"
        raise DataError(
            f"{where}, {_row(column, row)}: the value is missing ({int(missing.sum())} of {len(missing)} are). Fill it, "
            f"as with {fill}, or leave such rows out."
        )
    if holds_complex(array):
        raise DataError(f"{where} holds complex numbers. {ADVICE}")
    if array.dtype == object:
        array = _objects(array, column, where)
    if array.dtype.kind not in "biufO" or (array.ndim > 1 and not alone):
        raise DataError(
            f"{where} holds elements of type {array.dtype}, shape {array.shape[1:]}; expected numbers or texts."
        )
    return array


def place_of(x: Any, row: int, column: int | None) -> str:
    """A place of a table, of a column (column None), or of an array (x None), in words."""
    if x is None:
        return f"row {row}" if column is None else f"column {column}, row {row}"
    cls: Any = type(x)
    if _kind(cls) == "column":
        label = getattr(x, "name", None)
        return f"{'' if label in (None, '') else f'column {label!r}, '}{_row(x, row)}"
    label, values = _columns(x)[column or 0]
    return f"column {label!r}, {_row(values, row)}"


def _first(array: np.ndarray, there: np.ndarray) -> list[Any]:
    """The first value that is there, in a list; an empty one if there is none."""
    return array[there][:1].tolist() if array.ndim == 1 else []


def _is_date(value: Any) -> bool:
    return any(hasattr(value, mark) for mark in ("strftime", "isoformat", "total_seconds"))


def _row(column: Any, row: int) -> str:
    """A row by its place, and by its name in the index if that is another."""
    label = column.index[row] if hasattr(column, "index") and hasattr(column, "iloc") else row
    return f"row {row}" if type(label) is int or label == row else f"row {row} (index {label!r})"


def _objects(array: np.ndarray, column: Any, where: str) -> np.ndarray:
    """Python objects as numbers, or as they are if all are texts."""
    kinds = set(map(type, array.flat))
    if not kinds:
        return array.astype(np.float64)
    if all(issubclass(k, (str, bytes)) for k in kinds):
        return array
    if all(issubclass(k, (bool, np.bool_)) for k in kinds):
        return array.astype(bool)
    if all(issubclass(k, (Number, np.bool_)) for k in kinds):
        whole = all(issubclass(k, (Integral, np.bool_)) for k in kinds)
        try:
            return array.astype(np.int64 if whole else np.float64)
        except (TypeError, OverflowError):  # more than 64 bits; no float
            pass
    numeric = [isinstance(v, (Number, np.bool_)) for v in array.flat]
    odd = numeric.index(False) if not all(numeric) else 0
    texts = isinstance(array.flat[0], str)
    if texts:
        odd = next((i for i, v in enumerate(array.flat) if not isinstance(v, str)), 0)
    value = array.flat[odd]
    advice = (
        "Stack its rows into an array of their own"
        if hasattr(value, "__len__") and not isinstance(value, str)
        else "Mend it"
    )
    raise DataError(
        f"{where}, {_row(column, odd)}: {type(value).__name__} {str(value)[:60]!r} among {'texts' if texts else 'numbers'}; "
        f"a column holds numbers, or texts, of one kind. {advice}, or convert the column first."
    )
