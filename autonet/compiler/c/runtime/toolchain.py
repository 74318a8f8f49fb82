"""Finds a C compiler and turns source text into a shared library.

Tried in this order: the command in AUTONET_CC; `cc`, `gcc`, `clang` on the PATH; the compiler inside the `ziglang`
wheel (extra `native`). AUTONET_NATIVE=0 switches native code off. Flags are offered once to the compiler that is found,
and those that it does not know are left out; what was learned is kept in the cache folder, so that a second
process asks nothing. A compiler that gives no answer to that is not asked again before a day has passed.

Code is made for the widest instructions that the processor has, or for those that AUTONET_INSTRUCTIONS names
(`SETS`).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from autonet.common import processors
from autonet.common.extras import advice
from autonet.compiler.c.runtime import cache
from autonet.errors import ArgumentError

# -O3 vectorises loops of unknown length. No flag here lets the compiler reorder sums, drop NaN or flush denormal
# numbers: a plan's + - * / sqrt give NumPy's bits. Signals of floating-point exceptions and errno, which nobody reads,
# would keep loops from being vectorised.
COMMON = (
    *("-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing", "-fwrapv"),
    *("-fvisibility=hidden", "-g0", "-Werror=implicit-function-declaration", "-Werror=implicit-int"),
    *("-Werror=int-conversion", "-Werror=incompatible-pointer-types"),
)
# gcc: partial redundancy elimination and jump threading turn selects into jumps, and loops with jumps are not
# vectorised (of 40 random chains of 4 functions, 20 were with them, 40 without).
GCC = ("-fno-tree-pre", "-fno-thread-jumps")
CLANG = ("-fno-sanitize=undefined",)  # which zig switches on
# What AUTONET_INSTRUCTIONS may say: flags of the compiler, and what the processor must have, in NumPy's words.
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "native": (("-march=native",), ()),  # all that the processor has
    "avx512": (("-march=x86-64-v4",), ("AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL")),
    "avx2": (("-march=x86-64-v3",), ("AVX2", "FMA3", "F16C")),
    "baseline": ((), ()),  # all that the architecture promises: SSE2 on x86-64, NEON on arm64
    "plain": (("-DAN_PLAIN",), ()),  # that, without fused products or another library's: the sums that exported C takes
}
PLAN = ("-ffp-contract=off",)
RUNTIME = ("-O2", "-ffp-contract=fast")  # its vectors are written out, and are to be fused: -O3 only costs time
SHARED = ("-shared", "-fPIC") if sys.platform != "win32" else ("-shared",)
SECONDS = 120  # for a plan
PATIENCE = 10  # for a few lines
ZIG = 60  # for these, as zig compiles its C library when first asked
DAY = 86_400  # seconds
NEXT = "/* Here another unit may begin. */\n"  # after what all units begin with, and between the others
OFF = ("0", "false", "no", "off")
_PROBE = """\
#include <math.h>
#include <stdint.h>
__attribute__((visibility("default"))) float probe(float x) { return sqrtf(x); }
"""


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C, with the flags that it understands."""

    command: tuple[str, ...]
    version: str  # whatever it says about itself
    flags: tuple[str, ...]
    contract: bool  # whether it understands -ffp-contract

    def arguments(self, kind: str = "plan") -> tuple[str, ...]:
        """Flags for a plan, or for the runtime library."""
        fused = kind != "plan" and instructions() != "plain"
        return self.flags + ((RUNTIME if fused else PLAN) if self.contract else ())

    def compile(self, source: str, kind: str = "plan") -> bytes:
        """The shared library made from `source`.

        Raises: CompilationError with the compiler's own words.
        """
        return _run(self.command, self.arguments(kind), source)


class CompilationError(RuntimeError):
    """The compiler refused a source, or could not be run."""


class NoAnswer(CompilationError):
    """The compiler did not end in time."""


class _Process:
    """A command at work. What it started itself ends with it.

    Raises: CompilationError if it cannot be run.
    """

    def __init__(self, line: list[str]):
        self.command = line[0]
        self.said = tempfile.TemporaryFile()  # closed by `end`
        try:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, start_new_session=os.name == "posix"
            )
        except (OSError, ValueError) as error:
            self.said.close()
            raise CompilationError(f"{line[0]} could not be run: {error}") from error

    def answer(self, seconds: float) -> tuple[int, str]:
        """Its exit code and what it said. Raises: NoAnswer."""
        try:
            code = _wait(self.process, seconds)
        except subprocess.TimeoutExpired as error:
            raise NoAnswer(f"{self.command} gave no answer within {seconds:g} s.") from error
        self.said.seek(0)
        return code, self.said.read(4000).decode(errors="replace")

    def end(self) -> None:
        """End it, and those that it started, if it has not ended."""
        if self.process.poll() is None:
            try:
                if os.name == "posix":
                    os.killpg(self.process.pid, signal.SIGKILL)  # it leads a session of its own
                else:
                    self.process.kill()
            except OSError:
                pass  # it has just ended
            self.process.wait()
        self.said.close()


def _wait(process: subprocess.Popen, seconds: float) -> int:
    """The exit code, as soon as it is there: Popen.wait looks every 50 ms where it is given a time."""
    if hasattr(os, "pidfd_open") and process.poll() is None:
        try:
            ended = os.pidfd_open(process.pid)
        except OSError:  # no such call in this kernel
            return process.wait(seconds)
        try:
            select.select([ended], [], [], seconds)
        finally:
            os.close(ended)
        return process.wait(0.001)
    return process.wait(seconds)


def _ask(lines: list[list[str]], seconds: float) -> list[tuple[int, str]]:
    """Runs commands side by side; the exit code of each and what it said.

    Raises: CompilationError if one cannot be run; NoAnswer.
    """
    running: list[_Process] = []
    try:
        for line in lines:
            running.append(_Process(line))
        return [process.answer(seconds) for process in running]
    finally:  # Ctrl-C too
        for process in running:
            process.end()


def units(source: str) -> list[str]:
    """The texts that one source is compiled as, side by side, on as many processors as there are."""
    head, *parts = source.split(NEXT)
    count = min(len(parts), processors.available())
    if count < 2:
        return [source]
    return ["#define AN_OTHER_UNIT\n" * (k > 0) + head + "".join(parts[k::count]) for k in range(count)]


def _run(command: tuple[str, ...], flags: tuple[str, ...], source: str, seconds: float = SECONDS) -> bytes:
    with tempfile.TemporaryDirectory(prefix="autonet-") as folder:
        result = Path(folder, "plan.so")
        libraries = [] if sys.platform == "win32" else ["-lm", "-lpthread"]
        texts, lines = [], []
        for k, text in enumerate(units(source)):
            texts.append(Path(folder, f"plan{k}.c"))
            texts[k].write_text(text, encoding="utf-8")
            lines.append([*command, *flags, *SHARED[1:], "-c", "-o", str(texts[k].with_suffix(".o")), str(texts[k])])
        if len(texts) > 1:
            _check(command, _ask(lines, seconds))
            texts = [text.with_suffix(".o") for text in texts]
        link = [*command, *flags, *SHARED, "-o", str(result), *map(str, texts), *libraries]
        _check(command, _ask([link], seconds), result)
        return result.read_bytes()


def _check(command: tuple[str, ...], answers: list[tuple[int, str]], result: Path | None = None) -> None:
    for code, said in answers:
        if code or (result is not None and not result.exists()):
            raise CompilationError(f"{' '.join(command)} ended with code {code}:\n{said}")


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


def instructions() -> str:
    """Which of SETS code is made for.

    Raises: ArgumentError if AUTONET_INSTRUCTIONS names none of them, or one that this processor lacks.
    """
    name = os.environ.get("AUTONET_INSTRUCTIONS", "").strip().lower() or "native"
    if name not in SETS:
        raise ArgumentError(f"AUTONET_INSTRUCTIONS expects one of {', '.join(SETS)}; received {name!r}.")
    if missing := [feature for feature in SETS[name][1] if not features().get(feature)]:
        raise ArgumentError(
            f"AUTONET_INSTRUCTIONS={name!r} expects a processor that has it; this one lacks {', '.join(missing)}. "
            "Unset the variable to use all that it has."
        )
    return name


@functools.cache
def features() -> dict[str, bool]:
    """What the processor has, as NumPy found out when it was loaded."""
    umath = "numpy._core._multiarray_umath"
    return getattr(importlib.import_module(umath), "__cpu_features__", {})


@functools.cache
def processor() -> str:
    """What decides which instructions -march=native may use: libraries are never carried to another processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
        wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU implementer", "CPU part")
        return "\n".join(line for line in lines if line.split("\t")[0].split(":")[0].strip() in wanted)
    except OSError:
        known = " ".join(sorted(name for name, there in features().items() if there))
        return "|".join((platform.machine(), platform.processor(), platform.platform(), known))


def _identity(command: tuple[str, ...]) -> str | None:
    """Changes when the compiler, the processor or the instructions asked for do. None when there is no such command."""
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        real = os.path.realpath(path)
        about = os.stat(real)
    except OSError:
        return None
    flags = (*SETS[instructions()][0], *COMMON, *GCC, *CLANG)
    return "|".join((*command, real, str(about.st_size), str(about.st_mtime_ns), processor(), *flags))


def _works(made: bytes) -> bool:
    """Whether the library made from _PROBE can be loaded, and finds square roots."""
    with tempfile.TemporaryDirectory(prefix="autonet-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "probe.so")
        path.write_bytes(made)
        try:
            probe = ctypes.CDLL(str(path)).probe
        except (OSError, AttributeError):
            return False
        probe.restype, probe.argtypes = ctypes.c_float, (ctypes.c_float,)
        return probe(4.0) == 2.0


def _probe(command: tuple[str, ...]) -> Compiler:
    """Asks the compiler for its version and for the flags that it takes.

    Raises: CompilationError if it compiles nothing that can be loaded; NoAnswer.
    """

    patience = ZIG if "zig" in command[0] or "ziglang" in command else PATIENCE

    def takes(*flags: str) -> bool:
        try:
            return _works(_run(command, flags, _PROBE, patience))
        except NoAnswer:
            raise
        except CompilationError:
            return False

    name = instructions()
    common = SETS[name][0] + COMMON
    known = next((extra for extra in (GCC, CLANG, GCC + CLANG) if takes(*common, *extra, *PLAN)), None)
    if known is not None:
        flags, contract = common + known, True
    else:
        flags = tuple(flag for flag in common + GCC + CLANG if takes(flag)) if takes() else ()
        contract = takes(*flags, *PLAN)
        if not takes(*flags):
            raise CompilationError(f"{' '.join(command)} makes nothing that can be loaded.")
        if name != "native" and not set(SETS[name][0]) <= set(flags):  # asked for, so not to be left out
            raise CompilationError(f"{' '.join(command)} makes no code for AUTONET_INSTRUCTIONS={name!r}.")
    try:
        version = _ask([[*command, "--version"]], PATIENCE)[0][1]
    except CompilationError:
        version = ""
    return Compiler(command, version.strip(), flags, contract)


def _remembered(command: tuple[str, ...]) -> Compiler | str:
    """The compiler that a command is, or why it is none."""
    identity = _identity(command)
    if identity is None:
        return f"{command[0]} is no command."
    key = "compiler-" + hashlib.sha256(identity.encode()).hexdigest()[:32]
    if (stored := cache.read(key)) is not None:
        fields = json.loads(stored)
        if "refused" not in fields:
            return Compiler(command, fields["version"], tuple(fields["flags"]), fields["contract"])
        if 0 <= time.time() - fields["time"] < DAY:
            return fields["refused"]
        cache.forget(key)
    try:
        compiler = _probe(command)
    except NoAnswer as error:
        cache.write(key, json.dumps({"refused": str(error), "time": time.time()}).encode())
        return str(error)
    except CompilationError as error:
        return str(error)
    fields = {"version": compiler.version, "flags": compiler.flags, "contract": compiler.contract}
    cache.write(key, json.dumps(fields).encode())
    return compiler


@functools.cache
def _found(off: bool, named: str, path: str, wanted: str) -> tuple[Compiler | None, list[str]]:
    """The compiler to use, and why each command that comes before it is none."""
    del named, path, wanted  # in the key, so that a changed environment is looked at afresh
    reasons: list[str] = []
    for command in () if off else candidates():
        answer = _remembered(command)
        if isinstance(answer, Compiler):
            return answer, reasons
        reasons.append(answer)
    return None, reasons


def _look() -> tuple[Compiler | None, list[str]]:
    off = switched_off()
    return _found(off, os.environ.get("AUTONET_CC", ""), os.environ.get("PATH", ""), "" if off else instructions())


def find() -> Compiler | None:
    """The compiler to use, or None. Looks once per environment."""
    return _look()[0]


def why_none() -> str | None:
    """The line to show when `find` gives None and nobody asked for that; None when all is well."""
    if switched_off() or find() is not None:
        return None
    reasons = " ".join(_look()[1])
    if named := os.environ.get("AUTONET_CC", "").strip():
        return (
            f"AUTONET_CC={named!r} compiles nothing here, so steps run on NumPy alone: correct, but slower. {reasons}"
        )
    return (
        f"No C compiler was found, so steps run on NumPy alone: correct, but slower. {reasons + ' ' if reasons else ''}"
        f"A compiler comes with {advice('native')}; AUTONET_NATIVE=0 silences this line."
    )
