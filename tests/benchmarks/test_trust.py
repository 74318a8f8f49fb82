"""The proofs of trust in short: their figures are what they have to be."""

import collections
import os
import pathlib
import re
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks" / "trust"

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="they count and kill as Linux does")


def figures(script, *arguments):
    """What a script prints: the sum of the numbers that the same words follow."""
    few = {"OPENBLAS_NUM_THREADS": "1", "AUTONET_NATIVE": "0"}  # nothing to compile for a few steps
    environment = {**os.environ, **few, "PYTHONPATH": str(FOLDER.parents[1])}
    done = subprocess.run(
        [sys.executable, FOLDER / f"{script}.py", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = collections.Counter()
    for number, words in re.findall(r"([\d.,]*\d) ([a-z ]+)", done.stdout):
        found[words.strip()] += float(number.replace(",", ""))
    return found


@linux
def test_killed_trainings_end_in_the_same_bits():
    found = figures("kills", "--kills", "4", "--seed", "30")
    assert found["kills"] >= 4
    assert found["differing bits"] == found["unreadable files"] == found["left over"] == 0


@linux
def test_changed_files_make_documented_errors():
    found = figures("fuzz", "--inputs", "580", "--seed", "1")
    assert found["inputs into"] > 500 and found["faults of"] == 0
    assert min(found["read"], found["refused"]) > 100


@linux
def test_long_use_in_short():
    found = figures("soak", "--scale", "0.001")
    assert {
        "steps on ragged batches",
        "models made and dropped",
        "forks while threads train",
        "spawned",
    } <= found.keys()
    assert found["results differ"] == 0
