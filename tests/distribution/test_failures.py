"""A rank that fails ends the job, in seconds, and every rank says why."""

import time

import pytest

from tests.distribution.test_bits import run

pytestmark = pytest.mark.extra("mpi")
TOLD = {  # what befalls rank 1: what is said, and how often
    "raises": ("Rank 1 of 2 failed with ValueError: the disk of rank 1 is full. So this one, 0, ends too", 1),
    "ends": ("Rank 1 of 2 has ended its script. So this one, 0, ends too", 1),
    "stops": ("The ranks do not do the same: rank 0: add_up", 2),
    "hangs": ("has waited for 3 s: another rank hangs", 1),
    "dies": ("KILLED|signal 9|EXIT CODE: 9", 0),  # mpiexec's own words
}


LONGER = {"ends", "stops"}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] if k in LONGER else []) for k in TOLD])
def test_a_rank_that_fails_ends_the_job(kind):
    message, times = TOLD[kind]
    started = time.monotonic()
    found = run(2, "fail", kind, check=False)
    told = found.stdout + found.stderr
    assert found.returncode != 0 and "nothing happened" not in told
    assert any(words in told for words in message.split("|")), told
    assert told.count(message) >= times, told
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("to", ["one", "all"])
def test_ctrl_c_stops_all_ranks_after_the_same_step(to):
    found = run(2, "interrupted", to)
    assert "ALIKE True True" in found.stdout, found.stdout + found.stderr
