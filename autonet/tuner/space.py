"""Space: the parameters that are searched, each with its scale."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from autonet.errors import ArgumentError, DataError
from autonet.tuner.scales import Scale, zoom


class Space:
    """Parameters by name, each with a scale.

    >>> from autonet.tuner import Choice, Log
    >>> space = Space(rate=Log(1e-4, 1e-1), activation=Choice(["relu", "tanh"]))
    >>> space.at([0.0, 0.9])
    {'rate': 0.0001, 'activation': 'tanh'}

    Raises: ArgumentError for what is no scale.
    """

    def __init__(self, **scales: Scale):
        if not scales:
            raise ArgumentError("Space expects at least one parameter, as in Space(rate=tuner.Log(1e-4, 1e-1)).")
        for name, scale in scales.items():
            if not isinstance(scale, Scale):
                raise ArgumentError(
                    f"Space expects a scale for {name!r}: Uniform, Log, OneMinus, Integer or Choice; received {scale!r}. For one "
                    f"value write {name}=Choice([value])."
                )
        self.scales: dict[str, Scale] = dict(scales)

    def at(self, positions: Iterable[float]) -> dict[str, Any]:
        """The parameters at positions from 0 to 1, one for each."""
        return {name: scale.at(float(p)) for (name, scale), p in zip(self.scales.items(), positions, strict=True)}

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Parameters, drawn independently, each uniformly on its scale."""
        return self.at(rng.random(len(self.scales)))

    def positions(self, parameters: Mapping[str, Any]) -> list[float]:
        """The positions of parameters on their scales."""
        return [scale.position(parameters[name]) for name, scale in self.scales.items()]

    def contains(self, parameters: Mapping[str, Any]) -> bool:
        """Whether these are its parameters, each on its scale."""
        return parameters.keys() == self.scales.keys() and all(
            s.contains(parameters[n]) for n, s in self.scales.items()
        )

    def zoom(self, best: list[dict[str, Any]], shrink: float) -> Self:
        """The part of the space around some parameters: see `scales.zoom`."""
        columns = zip(*map(self.positions, best), strict=True)
        return type(self)(**{n: zoom(s, c, shrink) for (n, s), c in zip(self.scales.items(), columns, strict=True)})

    def read(self, parameters: object, where: str) -> dict[str, Any]:
        """Parameters as a journal has them.

        Raises: DataError for others than this space's.
        """
        if not isinstance(parameters, dict) or not self.contains(parameters):
            raise DataError(
                f"{where} has the parameters {str(parameters)[:200]}, which are not of this space: {self!r}."
            )
        return {name: scale.read(parameters[name]) for name, scale in self.scales.items()}

    def describe(self) -> dict[str, Any]:
        """Names to scales, as plain values."""
        return {name: scale.describe() for name, scale in self.scales.items()}

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{name}={scale!r}' for name, scale in self.scales.items())})"
