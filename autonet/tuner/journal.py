"""Journal: the outcomes of a search in a file that survives whatever ends the process.

A line of JSON for each outcome, flushed to the disk before the search goes on; the first line says which search it is. A
last line that was being written when the process was killed is dropped.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from autonet.errors import DataError
from autonet.random.seeds import fresh_seed
from autonet.saving.plain import loads
from autonet.tuner.heartbeat import lock
from autonet.tuner.space import Space
from autonet.tuner.trial import Outcome
from autonet.utils.files import append

KIND = "autonet.tuner 1"
_START = json.dumps({"journal": KIND})[:-1]  # with which every journal begins


class Journal:
    """The journal of a search, open for more.

    Args:
        path: of the file; it and its folder are made if need be.
        header: what makes the search, as plain values by name. A "seed" of None takes that of the file, or a fresh one.
        space: of the search.

    Attributes:
        header: that of the file: the given one, or that of the search which goes on.
        outcomes: those that the file held, by number and epochs.

    Raises: DataError for the journal of another search, one that another process has open, and a damaged file.
    """

    def __init__(self, path: str | os.PathLike[str], header: dict[str, Any], space: Space):
        self.path = Path(path)
        self.header = header
        self.outcomes: dict[tuple[int, int | None], Outcome] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab+", buffering=0)  # closed by close()
        try:
            self._lock()
            lines = self._lines()
            if lines:
                self._check(lines[0])
                for n, line in enumerate(lines[1:], 2):
                    outcome = read(line, f"{self.path}, line {n},", space)
                    self.outcomes[outcome.number, outcome.epochs] = outcome
            else:
                if header.get("seed") is None:
                    self.header = {**header, "seed": fresh_seed()}
                self._append({"journal": KIND, **self.header})
        except BaseException:
            self.close()
            raise

    def add(self, outcome: Outcome) -> None:
        """Write an outcome down: when this returns, it is on the disk."""
        self._append(written(outcome))
        self.outcomes[outcome.number, outcome.epochs] = outcome

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, facts: dict[str, Any]) -> None:
        append(self._file, json.dumps(facts, ensure_ascii=False, allow_nan=False).encode() + b"\n", flush=True)

    def _lock(self) -> None:
        """One process at a time, where systems know how."""
        if lock(self._file) is False:
            raise DataError(
                f"{self.path} is the journal of a search that is running now. Wait for its end, or use another journal."
            )

    def _lines(self) -> list[dict[str, Any]]:
        """The whole lines; what stands behind them is cut off."""
        self._file.seek(0)
        text = self._file.read()
        if text and not text.startswith(_START.encode()[: len(text)]):
            raise DataError(f"{self.path} is no journal of a search. Give another path, or remove it.")
        whole = text.rfind(b"\n") + 1
        pieces = text[:whole].splitlines()
        found = []
        for n, piece in enumerate(pieces, 1):
            try:
                found.append(loads(piece, f"{self.path}, line {n},"))
            except DataError:
                if n < len(pieces):
                    raise
                whole -= len(piece) + 1  # the last: a write that did not reach the disk whole
        if whole < len(text):
            self._file.truncate(whole)
        return found

    def _check(self, found: Any) -> None:
        if not isinstance(found, dict) or found.get("journal") != KIND:
            raise DataError(
                f"{self.path} is the journal of another version of autonet. Give another path, or remove it."
            )
        self.header = agreed(found, self.header, self.path)


def agreed(found: Any, header: dict[str, Any], path: Path) -> dict[str, Any]:
    """The header of a search that goes on in a file whose own is `found`: with its seed, where none is asked for.

    Raises: DataError where that is another search.
    """
    ours = json.loads(json.dumps(header))
    if ours.get("seed") is None and isinstance(found.get("seed"), int):
        ours["seed"] = found["seed"]
    for name, value in ours.items():
        if found.get(name) != value:
            raise DataError(
                f"{path} is the journal of another search: its {name} is {_short(found.get(name), value)}, that of this "
                f"one {_short(value, found.get(name))}. Give another path, or remove it."
            )
    return {**header, "seed": ours.get("seed")}


def written(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON's plain values."""
    return {**vars(outcome), "score": _written(outcome.score), "reports": [_written(r) for r in outcome.reports]}


def read(line: Any, where: str, space: Space) -> Outcome:
    """The outcome that `written` made plain.

    Raises: DataError for what is none.
    """
    try:
        line = {**line, "score": float(line["score"]), "reports": tuple(map(float, line["reports"]))}
        outcome = Outcome(**{**line, "parameters": space.read(line["parameters"], where)})
        if type(outcome.number) is int and (outcome.epochs is None or type(outcome.epochs) is int):
            return outcome
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
    raise DataError(f"{where} is no outcome of a trial: {str(line)[:200]}. Give another path, or remove it.")


def _written(score: float) -> float | str:
    """JSON has no words for NaN and infinities: they are written as texts."""
    return score if math.isfinite(score) else str(score)


def _short(value: Any, other: Any) -> str:
    """A value for a message; of two dictionaries, where they differ."""
    if isinstance(value, dict) and isinstance(other, dict):
        value = {k: v for k, v in value.items() if other.get(k, other) != v}
    return str(value)[:300]
