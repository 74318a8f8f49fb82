"""The C of many plans, compiled in one run of the compiler: for tests of so many that starting it for each takes most of the time.

plans = Plans(level=3)
with plans.gathered():    # whatever asks for machine code does without, and leaves its source here
    ...
plans.compile()
with plans.loaded():      # and now gets it; what was not asked for before is compiled by itself
    ...
"""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from autonet.compiler.c.runtime import library, sources, toolchain

NAME = re.compile(r"\ban_\w+")


class Part:
    """What a plan takes its functions from: those of a library whose names end in the plan's number."""

    def __init__(self, whole: library.Library, number: int):
        self.whole, self.number = whole, number

    def entry(self, name: str, table: int, hold_gil: bool = False) -> Callable[[], None]:
        """As Library.entry."""
        return self.whole.entry(f"{name}_{self.number}", table, hold_gil)


class Plans:
    """Sources of plans, and the library that they become.

    Args:
        level: of optimization; plans have 3.

    `alone` counts the plans that were compiled by themselves.
    """

    def __init__(self, level: int = 3):
        self.level = level
        self.sources: dict[str, int] = {}
        self.whole: library.Library | None = None
        self.alone = 0

    def gathered(self) -> contextlib.AbstractContextManager[None]:
        """Inside it no plan is compiled, and the sources of all are kept."""

        def load(source: str, double: bool = False) -> library.Library:
            self.sources.setdefault(source, len(self.sources))
            raise toolchain.CompilationError("compiled later")

        return _in_place_of_load(load)

    def loaded(self) -> contextlib.AbstractContextManager[None]:
        """Inside it plans take their functions from the one library."""
        load = library.load

        def find(source: str, double: bool = False) -> library.Library | Part:
            if self.whole is not None and source in self.sources:
                return Part(self.whole, self.sources[source])
            self.alone += 1
            return load(source, double)

        return _in_place_of_load(find)

    def compile(self) -> None:
        """Make the library, of all sources with other names in each. Raises: CompilationError."""
        if not self.sources:
            return
        compiler, header = toolchain.find(), sources.header()
        assert compiler is not None, toolchain.why_none()
        flags = tuple([f"-O{self.level}" if flag == "-O3" else flag for flag in compiler.arguments()])
        known = _names(header, compiler)
        texts = [
            NAME.sub(lambda m, n=number: m[0] if m[0] in known else f"{m[0]}_{n}", source)
            for source, number in self.sources.items()
        ]
        made = toolchain._run(compiler.command, flags, (header + "\n".join(texts)).replace(toolchain.NEXT, ""), 3600.0)
        with tempfile.TemporaryDirectory(prefix="autonet-") as folder:
            path = Path(folder, "plans.so")
            path.write_bytes(made)
            self.whole = library.Library(path)
        self.whole.function("an_bind", None, library.ctypes.c_void_p)(library.services(double=True))


def _names(header: str, compiler: toolchain.Compiler) -> set[str]:
    """All names that the header has, also those that its macros make."""
    with tempfile.TemporaryDirectory(prefix="autonet-") as folder:
        path = Path(folder, "header.c")
        path.write_text(header, encoding="utf-8")
        code, _ = toolchain._ask([[*compiler.command, "-E", "-dD", "-o", f"{path}.i", str(path)]], 60.0)[0]
        assert not code
        return {*NAME.findall(header), *NAME.findall(Path(f"{path}.i").read_text(encoding="utf-8"))}


@contextlib.contextmanager
def _in_place_of_load(other: Callable) -> Iterator[None]:
    own, library.load = library.load, other
    try:
        yield
    finally:
        library.load = own
