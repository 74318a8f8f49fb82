"""Floor 6: models as files for others, which run without Python: C (".c")."""

from pathlib import Path

from autonet.common.types import PathLike
from autonet.errors import ArgumentError
from autonet.layers import Layer

FORMATS = {"c": ".c"}


def export(model: Layer, filepath: PathLike, format: str | None = None) -> None:
    """Write what `model` predicts as a program that runs without Python.

    ".c": one C99 file, weights inside, and a header beside it; no heap, no library but libm. For "m.c":

        void m_predict(const float *x, float *y);               one row
        void m_predict_rows(long n, const float *x, float *y);  n rows

    Several inputs and outputs are x1, x2, ..., y1, y2, ...; the header says their types and shapes. All lengths but the
    batch's must be known. Sums are taken in the order of their terms, so results are close to predict's, not the same bits.

    Args:
        model: with inputs of known shapes.
        filepath: its ending names the format, unless `format` does.
        format: "c".

    Raises: ArgumentError for another format, for an operation that the format does not have, for a model that draws
        random numbers or assigns Variables as it predicts; NotBuiltError for a model without known inputs.

    >>> import tempfile, pathlib
    >>> from autonet import layers, models
    >>> model = models.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(model, f"{folder}/m.c")
    ...     sorted(p.name for p in pathlib.Path(folder).iterdir())
    ['m.c', 'm.h']
    """
    path = Path(filepath)
    chosen = path.suffix if format is None else FORMATS.get(format)
    if chosen not in FORMATS.values() or path.suffix != chosen:
        raise ArgumentError(
            f"export expects a file that ends with {' or '.join(FORMATS.values())}, and the format of that name or none; "
            f"received {path.name!r} and format={format!r}."
        )
    from autonet.export import c

    c.export(model, path)
