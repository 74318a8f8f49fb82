"""Training on any number of ranks ends in the same bits, which are those of one process but for rounding."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.distribution import job

pytestmark = pytest.mark.extra("mpi")
HERE = pathlib.Path(__file__).parent
RANKS = (1, 2, 3, 4)
ALIKE = {"AUTONET_NATIVE": "0", "AUTONET_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # on every rank


def mpiexec():
    beside = pathlib.Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def run(ranks, *arguments, check=True, **environment):
    """`job.py` on so many ranks, 0 for a process without MPI. Returns: the finished process."""
    command = [sys.executable, str(HERE / "job.py"), *map(str, arguments)]
    command = [mpiexec(), "-n", str(ranks), *command] if ranks else command
    env = {**os.environ, **ALIKE, "PYTHONPATH": str(HERE.parent.parent), **environment}
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert not check or found.returncode == 0, found.stdout + found.stderr
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What trainings end in, by number of ranks; 0: without a distribution; -2: two ranks that add in MPI's order."""
    folder = tmp_path_factory.mktemp("bits")
    run(0, "bits", folder / "0.npz", "plain", folder / "1.npz")
    run(2, "bits", folder / "-2.npz", "fast", folder / "2.npz")
    for ranks in RANKS[2:]:
        run(ranks, "bits", folder / f"{ranks}.npz")
    return {n: dict(np.load(folder / f"{n}.npz")) for n in (0, -2, *RANKS)}


@pytest.mark.parametrize("name", job.MODELS)
def test_the_bits_do_not_depend_on_the_number_of_ranks(results, name):
    keys = [k for k in results[1] if k.startswith(f"{name}/")]
    assert len(keys) > 6
    for ranks in RANKS[1:]:
        different = [k for k in keys if results[ranks][k].tobytes() != results[1][k].tobytes()]
        assert different == [], ranks


@pytest.mark.parametrize("ranks", [1, -2], ids=["reproducible", "fast"])
@pytest.mark.parametrize("name", [n for n in job.MODELS if n not in job.CHANCE])
def test_the_batch_is_that_of_one_process(results, name, ranks):
    """Weights, masks and penalties count as in the whole batch."""
    same_but_for_rounding(results, name, ranks)


def test_synchronized_moments_are_those_of_one_process(results):
    same_but_for_rounding(results, "synchronized", -2)


def same_but_for_rounding(results, name, ranks):
    for key, expected in results[0].items():
        if key.startswith(f"{name}/"):
            np.testing.assert_allclose(results[ranks][key], expected, rtol=2e-4, atol=1e-5, err_msg=key)
