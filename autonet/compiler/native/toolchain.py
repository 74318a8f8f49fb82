"""Finds a C compiler and turns source text into a shared library.

Tried in this order: the command in AUTONET_CC; `cc`, `gcc`, `clang` on the PATH; the compiler inside the `ziglang`
wheel (extra `native`). AUTONET_NATIVE=0 switches native code off. Flags are offered once to the compiler that is found,
and those that it does not know are left out; what was learned is kept in the cache folder, so that a second
process asks nothing.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autonet.compiler.native import cache

# -O3 vectorises loops of unknown length. No flag here lets the compiler reorder sums, drop NaN or flush denormal
# numbers: a plan's + - * / sqrt give NumPy's bits. Signals of floating-point exceptions and errno, which nobody reads,
# would keep loops from being vectorised.
COMMON = (
    *("-O3", "-std=gnu11", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing", "-fwrapv"),
    *("-fvisibility=hidden", "-g0", "-Werror=implicit-function-declaration", "-Werror=implicit-int"),
    *("-Werror=int-conversion", "-Werror=incompatible-pointer-types"),
)
# gcc: partial redundancy elimination and jump threading turn selects into jumps, and loops with jumps are not
# vectorised (of 40 random chains of 4 functions, 20 were with them, 40 without).
GCC = ("-fno-tree-pre", "-fno-thread-jumps")
CLANG = ("-fno-sanitize=undefined",)  # which zig switches on
PLAN = ("-ffp-contract=off",)
RUNTIME = ("-O2", "-ffp-contract=fast")  # its vectors are written out, and are to be fused: -O3 only costs time
SHARED = ("-shared", "-fPIC") if sys.platform != "win32" else ("-shared",)
SECONDS = 120
OFF = ("0", "false", "no", "off")
_PROBE = "#include <math.h>\n#include <stdint.h>\nfloat probe(float x) { return sqrtf(x); }\n"


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C, with the flags that it understands."""

    command: tuple[str, ...]
    version: str  # whatever it says about itself
    flags: tuple[str, ...]
    contract: bool  # whether it understands -ffp-contract

    def arguments(self, kind: str = "plan") -> tuple[str, ...]:
        """Flags for a plan, or for the runtime library."""
        return self.flags + ((PLAN if kind == "plan" else RUNTIME) if self.contract else ())

    def compile(self, source: str, kind: str = "plan") -> bytes:
        """The shared library made from `source`.

        Raises: CompilationError with the compiler's own words.
        """
        return _run(self.command, self.arguments(kind), source)


class CompilationError(RuntimeError):
    """The compiler refused a source, or could not be run."""


def _run(command: tuple[str, ...], flags: tuple[str, ...], source: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="autonet-") as folder:
        text, result = Path(folder, "plan.c"), Path(folder, "plan.so")
        text.write_text(source, encoding="utf-8")
        libraries = () if sys.platform == "win32" else ("-lm", "-lpthread")
        line = [*command, *flags, *SHARED, "-o", str(result), str(text), *libraries]
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            raise CompilationError(f"{command[0]} could not be run: {error}") from error
        if done.returncode or not result.exists():
            raise CompilationError(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stderr[:4000]}")
        return result.read_bytes()


def switched_off() -> bool:
    """Whether AUTONET_NATIVE says no."""
    return os.environ.get("AUTONET_NATIVE", "").strip().lower() in OFF


def candidates() -> list[tuple[str, ...]]:
    """Commands worth trying, the most wanted first."""
    if named := os.environ.get("AUTONET_CC", "").strip():
        return [tuple(shlex.split(named, posix=os.name == "posix"))]
    found: list[tuple[str, ...]] = [(path,) for name in ("cc", "gcc", "clang") if (path := shutil.which(name))]
    spec = importlib.util.find_spec("ziglang")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        zig = Path(place, "zig.exe" if os.name == "nt" else "zig")
        found.append((str(zig), "cc") if zig.exists() else (sys.executable, "-m", "ziglang", "cc"))
    return found


@functools.cache
def processor() -> str:
    """What decides which instructions -march=native may use: libraries are never carried to another processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
        wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU implementer", "CPU part")
        return "\n".join(line for line in lines if line.split("\t")[0].split(":")[0].strip() in wanted)
    except OSError:
        return "|".join((platform.machine(), platform.processor(), platform.platform()))


def _identity(command: tuple[str, ...]) -> str | None:
    """Changes when the compiler or the processor does. None when there is no such command."""
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        real = os.path.realpath(path)
        about = os.stat(real)
    except OSError:
        return None
    return "|".join((*command, real, str(about.st_size), str(about.st_mtime_ns), processor(), *COMMON, *GCC, *CLANG))


def _probe(command: tuple[str, ...]) -> Compiler | None:
    """Asks the compiler for its version and for the flags that it takes."""

    def takes(*flags: str) -> bool:
        try:
            return bool(_run(command, flags, _PROBE))
        except CompilationError:
            return False

    known = next((extra for extra in (GCC, CLANG, GCC + CLANG) if takes(*COMMON, *extra, *PLAN)), None)
    if known is not None:
        flags, contract = COMMON + known, True
    elif not takes():
        return None
    else:
        flags = tuple(flag for flag in COMMON + GCC + CLANG if takes(flag))
        contract = takes(*flags, *PLAN)
        if not takes(*flags):
            return None
    try:
        asked = [*command, "--version"]
        version = subprocess.run(
            asked, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError):
        version = ""
    return Compiler(command, version.strip(), flags, contract)


def _remembered(command: tuple[str, ...]) -> Compiler | None:
    identity = _identity(command)
    if identity is None:
        return None
    key = "compiler-" + hashlib.sha256(identity.encode()).hexdigest()[:32]
    if (stored := cache.read(key)) is not None:
        fields = json.loads(stored)
        return Compiler(command, fields["version"], tuple(fields["flags"]), fields["contract"])
    compiler = _probe(command)
    if compiler is not None:
        fields = {"version": compiler.version, "flags": compiler.flags, "contract": compiler.contract}
        cache.write(key, json.dumps(fields).encode())
    return compiler


@functools.cache
def _found(off: bool, named: str, path: str) -> Compiler | None:
    del named, path  # in the key, so that a changed environment is looked at afresh
    return None if off else next((c for c in map(_remembered, candidates()) if c is not None), None)


def find() -> Compiler | None:
    """The compiler to use, or None. Looks once per environment."""
    return _found(switched_off(), os.environ.get("AUTONET_CC", ""), os.environ.get("PATH", ""))


def why_none() -> str | None:
    """The line to show when `find` gives None and nobody asked for that; None when all is well."""
    if switched_off() or find() is not None:
        return None
    if named := os.environ.get("AUTONET_CC", "").strip():
        return f"AUTONET_CC={named!r} compiles nothing here, so steps run on NumPy alone: correct, but slower."
    return (
        "No C compiler was found, so steps run on NumPy alone: correct, but slower. "
        "`pip install autonet[native]` brings a compiler; AUTONET_NATIVE=0 silences this line."
    )
