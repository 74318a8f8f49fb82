"""A model in one ".keras" file: the parts that Keras 3 writes, and one more, which Keras does not look at.

    autonet.json      SHA-256 of every other part; where each array stands, by name; what Keras's parts do not say:
                      the shapes that layers were built for, the weights that optimizers have
    metadata.json     versions
    config.json       the configuration of the model
    model.weights.h5  arrays, in the groups where Keras keeps them; in the group "autonet" those that Keras has no place for

The zip is of the canonical form of `container`: every flipped bit, and everything cut off or added, is noticed.
"""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from autonet.saving.archive import FORMAT
from autonet.saving.container import ArchiveError, Parts, digest, write_parts
from autonet.saving.hdf5 import HDF5File, encode
from autonet.saving.keras_zip import CONFIG, METADATA, WEIGHTS
from autonet.saving.plain import dumps, loads

OWN, VERSION = "autonet.json", 2  # 1 is the format of `archive`
KERAS_VERSION = "3.15.1"  # whose files these were compared with
_KEYS = {"format", "version", "sha256", "description", "arrays", "int64"}


def write_model(
    path: str | os.PathLike[str],
    config: Any,
    description: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    places: Mapping[str, str],
    attributes: Mapping[str, Mapping[str, str]],
    wider: list[str],
) -> None:
    """Write a model in place of `path`, atomically.

    Args:
        config: the model's configuration.
        description: what else is to be said.
        arrays: by their paths in the part of weights.
        places: name to path.
        attributes: of groups in the part of weights.
        wider: names of the arrays that are int64 here and int32 there.
    """
    parts = {
        METADATA: dumps({"keras_version": KERAS_VERSION, "written_by": "autonet"}, indent=None),
        CONFIG: dumps(config, indent=None),
        WEIGHTS: encode(arrays, attributes),
    }
    own = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": {name: digest(content) for name, content in parts.items()},
        "description": description,
        "arrays": places,
        "int64": wider,
    }
    write_parts(path, {OWN: dumps(own, indent=None), **parts})


class ModelFile:
    """A file that `write_model` wrote, opened for reading; attributes as `Archive` has them.

    Raises: ArchiveError for anything else.
    """

    def __init__(self, file: BinaryIO, path: str):
        self.path, self.kind = path, "model"
        parts = Parts(file, path)
        if parts.names != [OWN, METADATA, CONFIG, WEIGHTS]:
            raise self._wrong(
                f"it holds {str(parts.names)[:200]}, where {[OWN, METADATA, CONFIG, WEIGHTS]} are expected"
            )
        own = loads(parts.read(OWN), f"{path}: {OWN}")
        if not isinstance(own, dict) or set(own) != _KEYS:
            raise self._wrong(f"its {OWN} is not that of a model")
        if own["format"] != FORMAT or own["version"] != VERSION:
            raise self._wrong(
                f"it has format {own['format']!r}, version {own['version']!r}; those up to {VERSION} are read"
            )
        if own["sha256"] != {name: parts.digest(name) for name in (METADATA, CONFIG, WEIGHTS)}:
            raise self._wrong("a part of it does not have the hash that was written down")
        config, described = loads(parts.read(CONFIG), f"{path}: {CONFIG}"), own["description"]
        if not isinstance(described, dict) or "model" in described:
            raise self._wrong(f"its {OWN} describes no model")
        self.config = {"model": config, **described}
        self._weights = HDF5File(file, path, *parts.place(WEIGHTS))
        table, wider = own["arrays"], own["int64"]
        if not isinstance(table, dict) or not isinstance(wider, list) or not all(isinstance(x, str) for x in wider):
            raise self._wrong("its table of arrays is not one")
        wider = set(wider)
        if not wider <= set(table):
            raise self._wrong("its table of arrays is not one")
        self._places = {name: self._place(name, path, name in wider) for name, path in table.items()}
        if len({place[:2] for place in self._places.values()}) < len(self._places):
            raise self._wrong("two of its arrays stand at one place")

    def _place(self, name: str, path: Any, is_wider: bool) -> tuple[str, str, np.dtype]:
        """Group and name of an array in the part of weights, and its dtype here."""
        group, _, number = path.rpartition("/") if isinstance(path, str) else ("", "", "")
        _, dtype = self._weights.groups.get(group, {}).get(number, (None, None))
        if dtype is None or (is_wider and dtype.name != "int32"):
            raise self._wrong(f"the array {name[:200]!r} is not where it should be, or of another dtype")
        return group, number, np.dtype("int64") if is_wider else dtype

    def _wrong(self, what: str) -> ArchiveError:
        return ArchiveError(f"{self.path}: {what}. Take another copy of it, or write it again.")

    @property
    def specs(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and dtype of every array, without reading it."""
        groups = self._weights.groups
        return {name: (groups[group][n][0], dtype) for name, (group, n, dtype) in self._places.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self._weights.nbytes

    def array(self, name: str) -> np.ndarray:
        """An array."""
        group, number, dtype = self._places[name]
        return self._weights.array(group, number).astype(dtype, copy=False)
