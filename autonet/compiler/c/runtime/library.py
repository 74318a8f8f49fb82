"""Loads compiled plans, and the runtime library that they share."""

import ctypes
import functools
import hashlib
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from autonet.common import processors
from autonet.common.processors import threads
from autonet.compiler.account import announce
from autonet.compiler.c.runtime import blas, cache, sources, toolchain
from autonet.errors import ArgumentError

_building: dict[str, threading.Lock] = {}
_guard = threading.Lock()
_loaded: "weakref.WeakValueDictionary[tuple[str, bool], Library]" = weakref.WeakValueDictionary()  # plans', by source
_failures: dict[object, str] = {}  # of sources (by key) and of compilers: none is tried twice in a process


class Library:
    """A loaded shared library. It is unloaded when it and all functions taken from it are gone, unless `keep`."""

    def __init__(self, path: Path, keep: bool = False):
        self.path = path
        self._handle = ctypes.CDLL(str(path))
        self._quick = ctypes.PyDLL(str(path))
        for loaded in () if keep else (self._handle, self._quick):
            weakref.finalize(loaded, _unload, loaded._handle).atexit = False

    def entry(self, name: str, table: int, hold_gil: bool = False) -> Callable[[], None]:
        """`void name(void *table)` as a function without arguments: 0.1 us per call.

        Other Python threads run meanwhile, unless `hold_gil`: worth it below some 20 us, where getting the lock back
        from a busy thread (up to 5 ms) would cost more than it gives.
        """
        function = (self._quick if hold_gil else self._handle)[name]  # a fresh object: its types are ours
        function.restype = None
        argument = ctypes.c_void_p(table)
        return functools.partial(function, argument)

    def function(self, name: str, result: type | None = None, *arguments: type) -> Callable:
        """Any function of the library, with ctypes types."""
        function = self._handle[name]
        function.restype, function.argtypes = result, arguments
        return function


def _unload(handle: int) -> None:
    import _ctypes  # where ctypes keeps the other half of what it does at loading

    close = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary", None)
    if close is not None:
        close(handle)


def key_of(source: str, compiler: toolchain.Compiler, kind: str) -> str:
    """Names everything that the compiled bytes depend on."""
    about = "\0".join(
        (kind, source, *compiler.command, compiler.version, *compiler.arguments(kind), toolchain.processor())
    )
    return f"{kind}-{hashlib.sha256(about.encode()).hexdigest()[:40]}"


def build(source: str, kind: str = "plan") -> Path:
    """The compiled library for `source`, from the cache or from the compiler.

    Raises: CompilationError if there is no compiler, or it refuses the source.
    """
    compiler = toolchain.find()
    if compiler is None:
        raise toolchain.CompilationError(toolchain.why_none() or "native code is switched off (AUTONET_NATIVE=0).")
    key = key_of(source, compiler, kind)
    with _guard:
        lock = _building.setdefault(key, threading.Lock())
    try:
        with lock:  # two threads that ask for the same source compile it once
            if (path := cache.find(key)) is not None:
                return path
            if (why := _failures.get(key) or _failures.get(compiler)) is not None:
                raise toolchain.CompilationError(why)
            announce()
            try:
                return cache.write(key, compiler.compile(source, kind))
            except toolchain.CompilationError as error:
                _failures[compiler if isinstance(error, toolchain.NoAnswer) else key] = str(error)
                raise
    finally:
        with _guard:
            _building.pop(key, None)


def _open(path: Path, keep: bool = False) -> Library:
    try:
        return Library(path, keep)
    except OSError as error:
        key = path.name.split(".")[0]
        cache.forget(key)
        _failures[key] = f"{path.name} could not be loaded: {error}"
        raise toolchain.CompilationError(_failures[key]) from error


def set_threads(count: int | None) -> None:
    """Let plans, operations on large arrays, and NumPy's BLAS where it can be told, use so many threads from now on.

    None: as many as at the start.

    Raises: ArgumentError unless that is a whole number above 0, or None.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise ArgumentError(f"set_threads expects a whole number above 0, or None for the default; received {count!r}.")
    with _runtime_lock:
        processors.chosen = count
        if _runtime.cache_info().currsize:
            _started.function("an_set_threads", None, ctypes.c_int64)(threads())
    tell_blas(threads())


def tell_blas(count: int) -> None:
    """Let NumPy's BLAS use so many threads, if it is one that can be told."""
    found = blas.find()
    if found is not None and found.set_threads is not None:
        found.set_threads(count)


_runtime_lock = threading.Lock()
_started: Library  # the runtime library, once it is there


@functools.cache
def _runtime() -> int:
    global _started
    for source, kind in ((sources.images(), "runtime"), (sources.loops(), "plan")):  # beside the rest, on other cores
        threading.Thread(target=_quietly, args=(build, source, kind), name="autonet-runtime", daemon=True).start()
    _started = library = _open(build(sources.library(), "runtime"), keep=True)
    loops = _open(build(sources.loops()), keep=True).function("an_start_loops", ctypes.c_void_p)()
    narrow = library.function("an_vector_bytes", ctypes.c_int64)() < 32 and toolchain.instructions() != "plain"
    if narrow and (found := blas.find()) is not None:
        library.function("an_use_blas", None, ctypes.c_void_p, ctypes.c_int64)(found.sgemm, found.ilp64)
    table = library.function("an_start", ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(threads(), loops)
    _open(build(sources.images(), "runtime"), keep=True).function("an_start_images", None, ctypes.c_void_p)(table)
    return table


@functools.cache
def _double() -> None:
    library = _open(build(sources.double(), "runtime"), keep=True)
    library.function("an_start_double", None, ctypes.c_void_p)(_runtime())


def services(double: bool = False) -> int:
    """The address of the runtime library's table of services (`an_services` in runtime/base.h). Builds it at first.

    With `double` the table has float64 products too.
    """
    with _runtime_lock:
        if double:
            _double()
        return _runtime()


def warm(double: bool = False) -> None:
    """Starts building the runtime library in the background, so that it is there when the first plan is."""
    if toolchain.find() is not None and not _runtime.cache_info().currsize:
        threading.Thread(target=_quietly, args=(services, double), name="autonet-runtime", daemon=True).start()


def _quietly(make: Callable[..., object], *args: object) -> None:
    try:
        make(*args)
    except toolchain.CompilationError:
        pass  # whoever needs it asks again, and is told


def load(source: str, double: bool = False) -> Library:
    """Compiles (or finds) a plan's source, with the runtime's header before it, and gives it the services.

    `double` says that the plan calls float64 products. Raises: CompilationError.
    """
    if (library := _loaded.get((source, double))) is not None:  # of a plan for other shapes
        return library
    warm(double)  # beside the plan, on another core
    library = _open(build(sources.header() + source))
    known = services(double)
    with _guard:
        if (other := _loaded.get((source, double))) is not None:  # another thread was faster
            return other
        library.function("an_bind", None, ctypes.c_void_p)(known)
        _loaded[source, double] = library
    return library


def available() -> bool:
    """Whether native plans can be made here at all: there is a compiler, and it builds the runtime."""
    return toolchain.find() is not None and _runtime_failure() is None


def _runtime_failure() -> str | None:
    try:
        services()
    except toolchain.CompilationError as error:
        return str(error)
    return None


def why_none() -> str | None:
    """The line to show when native plans cannot be made and nobody asked for that; None when all is well."""
    if toolchain.find() is None:
        return toolchain.why_none()
    if (failure := _runtime_failure()) is None:
        return None
    return f"Native code could not be made, so steps run on NumPy alone: correct, but slower. {failure}"
