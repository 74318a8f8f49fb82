"""The proofs of trust in short: their figures are what they have to be."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks" / "trust"

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="they count and kill as Linux does")


def figures(script, *arguments):
    """What a script prints, each number by the words that follow it."""
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, FOLDER / f"{script}.py", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {
        words.strip(): float(number.replace(",", ""))
        for number, words in re.findall(r"([\d.,]*\d) ([a-z ]+)", done.stdout)
    }


@linux
@pytest.mark.parametrize("seed", [9, 30])
def test_killed_trainings_end_in_the_same_bits(seed):
    found = figures("kills", "--kills", "3", "--seed", str(seed))
    assert found["kills"] >= 3
    assert found["differing bits"] == found["unreadable files"] == found["left over"] == 0


@linux
def test_changed_files_make_documented_errors():
    found = figures("fuzz", "--inputs", "580", "--seed", "1")
    assert found["inputs into"] > 500 and found["faults of"] == 0
    assert min(found["read"], found["refused"]) > 100
