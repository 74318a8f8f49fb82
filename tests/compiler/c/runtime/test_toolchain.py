"""Finding a compiler, and doing without."""

import ctypes
import os
import shlex
import subprocess
import sys
import time

import pytest

from autonet.compiler.c import runtime
from autonet.compiler.c.runtime import library, sources, toolchain

from .support import needs_compiler

REFUSING = "#!/bin/sh\nexit 1\n"
PICKY = """#!/bin/sh
for word in "$@"; do case $word in -fno-tree-pre|-march=native|-ffp-contract=*) exit 1;; esac; done
exec {compiler} "$@"
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses shell scripts")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No compiler on the PATH, none named, no wheel, an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AUTONET_CC", raising=False)
    monkeypatch.delenv("AUTONET_NATIVE", raising=False)
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    toolchain._found.cache_clear()
    yield tmp_path
    toolchain._found.cache_clear()


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_without_a_compiler_there_is_one_line(nowhere):
    assert toolchain.find() is None
    assert "pip install ziglang" in toolchain.why_none()
    assert "\n" not in toolchain.why_none()
    assert not runtime.available()
    with pytest.raises(runtime.CompilationError, match="No C compiler was found"):
        library.build("int x;")


def test_switched_off_says_nothing(nowhere, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    assert toolchain.find() is None
    assert toolchain.why_none() is None
    with pytest.raises(runtime.CompilationError, match="AUTONET_NATIVE=0"):
        library.build("int x;")


@posix
def test_a_named_compiler_that_does_not_work_is_named(nowhere, monkeypatch):
    monkeypatch.setenv("AUTONET_CC", script(nowhere / "broken", REFUSING))
    assert toolchain.find() is None
    assert "AUTONET_CC=" in toolchain.why_none()
    assert "broken" in toolchain.why_none()


HANGING = "#!/bin/sh\necho >> {log}\nsleep 60 & wait\n"  # the child would outlive a kill of the shell alone
JUNK = """#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -o) shift; echo junk > "$1";; esac; shift; done
"""
TRAIN = """
import autonet as keras, numpy as np
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
"""


@posix
def test_a_compiler_that_hangs_is_asked_once(nowhere, monkeypatch):
    log = nowhere / "log"
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr(toolchain, "PATIENCE", 0.3)
    monkeypatch.setenv("AUTONET_CC", script(nowhere / "hanging", HANGING.format(log=log)))
    start = time.monotonic()
    for _ in range(2):  # two processes
        toolchain._found.cache_clear()
        assert toolchain.find() is None
        assert "gave no answer within 0.3 s" in toolchain.why_none()
    assert time.monotonic() - start < 10
    assert log.read_text().count("\n") == 1
    monkeypatch.setattr(toolchain, "DAY", 0)
    toolchain._found.cache_clear()
    assert toolchain.find() is None
    assert log.read_text().count("\n") == 2


@posix
@pytest.mark.parametrize("text", [JUNK, REFUSING, "junk"], ids=["junk", "refusing", "no program"])
def test_steps_without_their_compiler_say_so(nowhere, monkeypatch, text):
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("AUTONET_CC", script(nowhere / "bad", text))
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True)
    assert done.stderr.count("NumPy alone") == 1


@needs_compiler
@posix
def test_a_runtime_that_cannot_be_loaded_is_told_and_made_once(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    compiler, calls = toolchain.find(), []
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    monkeypatch.setattr(toolchain.Compiler, "compile", lambda *_: calls.append(1) or b"junk")
    monkeypatch.setattr(library, "_failures", {})
    library._runtime.cache_clear()
    try:
        for _ in range(2):
            assert not runtime.available()
            assert "could not be loaded" in runtime.why_none()
    finally:
        library._runtime.cache_clear()
    assert len(calls) == 3  # the library, and beside it convolutions and loops
    assert not list((tmp_path / "cache").glob(f"{library.key_of(sources.library(), compiler, 'runtime')}*"))


@needs_compiler
@posix
def test_a_compiler_that_hangs_on_a_plan_is_not_tried_on_another(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    calls = []

    def hang(*_):
        calls.append(1)
        raise toolchain.NoAnswer("no answer")

    monkeypatch.setattr(toolchain.Compiler, "compile", hang)
    monkeypatch.setattr(library, "_failures", {})
    for text in ("int a;", "int b;"):
        with pytest.raises(runtime.CompilationError, match="no answer"):
            library.build(text)
    assert len(calls) == 1


@needs_compiler
@posix
def test_unknown_flags_are_left_out(monkeypatch, tmp_path):
    real = shlex.join(toolchain.find().command)
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTONET_CC", script(tmp_path / "picky", PICKY.format(compiler=real)))
    found = toolchain.find()
    assert "-O3" in found.flags
    assert not {"-fno-tree-pre", "-march=native", "-ffp-contract=off"} & set(found.arguments())
    assert len(found.compile("int x = 1;")) > 1000


@needs_compiler
def test_a_second_process_asks_the_compiler_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path))
    toolchain._found.cache_clear()
    first = toolchain.find()
    toolchain._found.cache_clear()
    monkeypatch.setattr(toolchain, "_probe", None)  # would fail if it were called
    assert toolchain.find() == first
    toolchain._found.cache_clear()


@needs_compiler
def test_errors_are_the_compilers_own():
    with pytest.raises(runtime.CompilationError, match="nonsense"):
        runtime.load("nonsense;")


@needs_compiler
def test_keys_depend_on_source_flags_and_kind(monkeypatch):
    compiler = toolchain.find()
    keys = {library.key_of(text, compiler, kind) for text in ("int a;", "int b;") for kind in ("plan", "runtime")}
    other = toolchain.Compiler(compiler.command, compiler.version + " ", compiler.flags, compiler.contract)
    keys.add(library.key_of("int a;", other, "plan"))
    monkeypatch.setattr(toolchain, "processor", lambda: "another")
    keys.add(library.key_of("int a;", compiler, "plan"))
    assert len(keys) == 6


PARTS = [  # what they begin with, and three that may be units of their own
    "int one(void); int other(void);\n",
    "AN_EXPORT int answer(void) { return 100 * one() + other(); }\n",
    "int one(void) { return 4; }\n",
    "int other(void) { return an != 0 && an_loops_of_all != 0; }\n",
]


@needs_compiler
@pytest.mark.parametrize(("count", "units"), [(1, 1), (2, 2), (3, 3), (8, 3)])
def test_a_source_is_compiled_in_as_many_units_as_there_are_processors(monkeypatch, tmp_path, count, units):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain.processors, "available", lambda: count)
    source = toolchain.NEXT.join(PARTS)
    assert len(toolchain.units(source)) == units
    assert runtime.load(source).function("answer", ctypes.c_int)() == 401


@needs_compiler
def test_a_unit_that_is_refused_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain.processors, "available", lambda: 4)
    with pytest.raises(runtime.CompilationError, match="nonsense"):
        runtime.load(toolchain.NEXT.join([*PARTS, "nonsense;\n"]))


@posix
def test_commands_end_together_and_are_waited_for_no_longer_than_they_take(tmp_path):
    begin = time.perf_counter()
    assert [code for code, _ in toolchain._ask([["sh", "-c", "exit 3"], ["sh", "-c", "exit 0"]], 20)] == [3, 0]
    with pytest.raises(toolchain.NoAnswer):
        toolchain._ask([["sh", "-c", f"sleep 1; echo > {tmp_path / 'late'}"], ["sh", "-c", "exit 0"]], 0.1)
    with pytest.raises(toolchain.CompilationError, match="could not be run"):
        toolchain._ask([["sh", "-c", f"sleep 1; echo > {tmp_path / 'late'}"], [str(tmp_path / "none")]], 20)
    assert time.perf_counter() - begin < 15
    time.sleep(1.5)
    assert not (tmp_path / "late").exists()


def test_sources_stand_alone():
    for text in (sources.header(), sources.library(), sources.images(), sources.loops(), sources.double()):
        assert '#include "' not in text
    assert "an_exp_f32" in sources.header()
    assert "an_bind" not in sources.library()


@needs_compiler
def test_a_fresh_process_with_a_warm_cache_runs_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path))
    code = (
        "import subprocess, sys, time; from autonet.compiler.c import runtime\n"
        "if sys.argv[1:]: subprocess.run = None\n"
        "start = time.perf_counter()\n"
        "runtime.load('AN_EXPORT void nothing(void *p) {}').entry('nothing', 0)()\n"
        "print(time.perf_counter() - start)"
    )
    seconds = []
    for arguments in ([], ["warm"], ["warm"], ["warm"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
    assert min(seconds[1:]) < 0.25
