"""Random programs at length, in short; with sanitizers where somebody waits for it."""

import shutil
import subprocess
import sys

import pytest

from tests.compiler import many_programs
from tests.compiler.programs import needs_compiler


@needs_compiler
def test_programs_give_the_same_three_ways(capsys):
    assert all(far < 1e-4 for far in many_programs.found(range(5), level=3, native=True, numpy=True))
    assert not capsys.readouterr().out  # of what was not compiled in one go


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="gcc's sanitizers on Linux")
@pytest.mark.parametrize("kind", list(many_programs.BUILT))
def test_sanitizers_have_nothing_to_report(kind, tmp_path):
    line = [
        sys.executable,
        "-m",
        "tests.compiler.many_programs",
        "--sanitize",
        kind,
        "--count",
        "20",
        "--cache",
        tmp_path / "cache",
    ]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 random programs" in done.stdout
