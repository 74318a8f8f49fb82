"""Folder: where the trials of a search keep what they need to go on, and the best its weights."""

import shutil
import tempfile
import weakref
from pathlib import Path


class Folder:
    """A folder of folders, one for each trial.

    Args:
        path: where it is; None for a temporary one, which goes when this object does.
    """

    def __init__(self, path: str | None):
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="autonet-search-"))
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        else:
            self.path = Path(path)

    def of(self, number: int) -> Path:
        """The folder of trial `number`, which that makes if it needs one."""
        return self.path / f"{number:06d}"

    def keep(self, numbers: set[int]) -> None:
        """Remove those of all other trials."""
        for found in self.path.glob("[0-9]" * 6) if self.path.is_dir() else ():
            if int(found.name) not in numbers:
                shutil.rmtree(found)

    def remove(self, numbers: set[int]) -> None:
        """Remove those of some trials; others may be under way in other processes."""
        for number in numbers:
            shutil.rmtree(self.of(number), ignore_errors=True)
