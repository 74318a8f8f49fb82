"""Arrays and Variables, matched by name: what was loaded, what was missing, what was not expected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from autonet.common.lines import warn
from autonet.errors import DataError, ShapeError
from autonet.variable import Variable

Specs = Mapping[str, tuple[tuple[int, ...], np.dtype]]


@dataclass
class LoadReport:
    """What became of the names in a file and in a model.

    Attributes:
        loaded: names whose values were taken.
        missing: names of the model that the file does not have.
        unexpected: names of the file that the model does not have.
        mismatched: names of both whose shapes or dtypes differ, with both.
    """

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    @property
    def misfits(self) -> list[str]:
        """An older name of `mismatched`."""
        return self.mismatched

    def __str__(self) -> str:
        parts = [("loaded", self.loaded), ("missing", self.missing), ("unexpected", self.unexpected)]
        details = "; ".join(f"{what}: {listed(names)}" for what, names in parts)
        return f"{details}; of another shape or dtype: {listed(self.mismatched)}" if self.mismatched else details


def listed(names: list[str]) -> str:
    """The first names of a list, as text."""
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown or "none"


def load(
    variables: Mapping[str, Variable],
    specs: Specs,
    read: Callable[[str], np.ndarray],
    source: str,
    skip_mismatch: bool = False,
    advice: str = "Build the model as it was saved, or take what fits with skip_mismatch=True.",
) -> LoadReport:
    """Give Variables the arrays of their names: all of them, or, where anything differs, none and an error.

    Args:
        variables: by name.
        specs: shape and dtype of each array there is.
        read: gives an array; called only when all fit.
        source: where the arrays come from, for messages.
        skip_mismatch: take what fits and warn of the rest.
        advice: what to do, for messages.

    Raises: DataError that lists missing and unexpected names and dtypes; ShapeError for shapes.
    """
    report = LoadReport(
        missing=[name for name in variables if name not in specs],
        unexpected=[name for name in specs if name not in variables],
    )
    fitting, shapes = [], False
    for name in [name for name in variables if name in specs]:
        own, (shape, dtype) = variables[name], specs[name]
        if own.shape != shape:
            shapes = True
            report.mismatched.append(f"{name} ({list(own.shape)} here, {list(shape)} there)")
        elif own.dtype != dtype and not own.dtype.kind == dtype.kind == "f":
            report.mismatched.append(f"{name} ({own.dtype} here, {dtype} there)")
        else:
            fitting.append(name)
    if report.missing or report.unexpected or report.mismatched:
        if not skip_mismatch:
            kind = ShapeError if shapes and not (report.missing or report.unexpected) else DataError
            raise kind(
                f"{source} does not fit the model. {str(report)[:1].upper()}{str(report)[1:]}. Nothing was changed. "
                f"{advice}"
            )
        warn(f"{source}: {report}.")
    arrays = {name: read(name) for name in fitting}
    for name, array in arrays.items():
        if variables[name].name == "iteration" and array.size and array.min() < 0:
            raise DataError(f"{source}: {name} counts steps, and stands at {array.min()}. The file is damaged.")
    for name, array in arrays.items():
        variables[name].assign(array)
    report.loaded = fitting
    return report


def assign(variables: dict[str, Variable], arrays: dict[str, np.ndarray], source: str, advice: str) -> LoadReport:
    """`load` from arrays at hand."""
    specs = {k: (a.shape, a.dtype) for k, a in arrays.items()}
    return load(variables, specs, arrays.__getitem__, source, advice=advice)
