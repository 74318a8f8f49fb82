"""What every test stands on: all cores, sealed global state, modest hypothesis, real data only where it is.

Warnings are errors (pyproject.toml). Whatever a test does to the default float, epsilon, NumPy's error state or
anyone's generator is undone after it.
"""

import functools
import importlib.util
import os
import pathlib
import random as python_random
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from autonet.common import dtypes
from autonet.core.state import state

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background; tests send Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

# "modest" repeats: the same examples each time. HYPOTHESIS_PROFILE=search draws others each time, and many.
_USUAL = settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
settings.register_profile("modest", _USUAL, max_examples=12, derandomize=True)
settings.register_profile("search", _USUAL, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "modest"))

TESTS = pathlib.Path(__file__).parent
BY_NUMPY = {"callbacks", "cli", "mistakes", "models", "optimizers", "options", "saving", "training", "tuner"}
NEEDED = ("mnist.npz",)
EXTRAS = {  # what each optional extra brings
    "bench": ("jax", "keras"),
    "dev": ("build", "jedi", "mypy", "pyright", "sacrebleu", "setuptools"),
    "docs": ("pdoc",),
    "images": ("PIL",),
    "keras": ("h5py",),
    "mpi": ("mpi4py",),
    "notebook": ("nbformat", "nbclient", "ipykernel", "matplotlib"),
    "onnx": ("onnx", "onnxruntime"),
    "plot": ("matplotlib",),
    "sklearn": ("sklearn",),
    "tensorboard": ("tensorboardX",),
    "tune": ("optuna", "cmaes", "scipy"),
}


@functools.cache
def _installed(extra: str) -> bool:
    return all(importlib.util.find_spec(name) for name in EXTRAS[extra])


def _data_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("AUTONET_HOME", pathlib.Path.home() / ".autonet")) / "datasets"


def _cores() -> int:
    """How many processors this process may keep busy: those it is bound to, or its control group's share of them."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = pathlib.Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(bound, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or no limit: "max"
        return bound


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Whole folders run in a process for each core where pytest-xdist is installed; `-n 0` has them run in one.

    In one anyway: single files and tests, what -k or --lf choose, and what can be seen in one only: --pdb, -s, --collect-only.
    """
    chosen = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput") or chosen.numprocesses is not None:
        return
    seen = chosen.keyword or chosen.usepdb or chosen.trace or chosen.capture == "no" or chosen.collectonly
    folders = all(os.path.isdir(argument) for argument in config.args)
    if folders and not seen and not getattr(chosen, "lf", False) and _cores() > 1:
        chosen.numprocesses, chosen.dist = _cores(), "worksteal"
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when the processes import NumPy
        os.environ.setdefault("PYTHONHASHSEED", "0")  # names of tests have to be the same in all of them


def pytest_collection_modifyitems(config, items):
    """Leave out tests whose extra is not installed, and skip those of real data where a file that they name is absent.

    @pytest.mark.extra("keras"), @pytest.mark.real_data("mnist.npz")
    """
    apart = [item for item in items if not all(_installed(m.args[0]) for m in item.iter_markers("extra"))]
    if apart:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in set(apart)]
    for item in items:
        marker = item.get_closest_marker("real_data")
        if marker is None:
            continue
        for name in marker.args or NEEDED:
            if not (_data_folder() / name).exists():
                item.add_marker(pytest.mark.skip(reason=f"{name} is not in {_data_folder()}; set AUTONET_HOME"))


@pytest.fixture(autouse=True)
def sealed():
    """Each test starts from the defaults and leaves them behind."""
    from autonet.utils import set_random_seed

    floats, epsilon = dtypes.floatx(), dtypes.epsilon()
    numpy_state, python_state = np.random.get_state(), python_random.getstate()
    set_random_seed(1)
    with np.errstate():
        yield
    problems = []
    if not state.recording:
        state.recording = True
        problems.append("left recording switched off")
    if state.observer is not None:
        state.observer = None
        problems.append("left a capture open")
    dtypes.set_floatx(floats)
    dtypes.set_epsilon(epsilon)
    np.random.set_state(numpy_state)
    python_random.setstate(python_state)
    assert not problems, f"the test {' and '.join(problems)}"


@pytest.fixture(autouse=True)
def plans(request, monkeypatch):
    """By NumPy alone where tests ask what a training does, not how its steps are computed: a run of a compiler takes long.

    Tests that are about machine code all the same say so there: AUTONET_NATIVE=1. Set outside, it has all of them run as users
    do, with a compiler, which .ci/run asks for too.
    """
    if "AUTONET_NATIVE" not in os.environ and request.path.relative_to(TESTS).parts[0] in BY_NUMPY:
        monkeypatch.setenv("AUTONET_NATIVE", "0")


@pytest.fixture
def rng():
    """A generator of numbers that repeats."""
    return np.random.default_rng(20240229)
