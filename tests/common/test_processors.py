"""How many threads there are, from what the environment, the processors and control groups say, and `config.set_threads`."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from autonet import config, jit, ops
from autonet.common import processors
from autonet.compiler.c.runtime import blas, library
from autonet.errors import ArgumentError
from tests.compiler.c.runtime.support import own_products
from tests.compiler.programs import needs_compiler, same_bits


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    for name in processors.NAMES:
        monkeypatch.delenv(name, raising=False)
    found = blas.find()
    count = found.get_threads() if found is not None and found.get_threads is not None else None
    yield
    monkeypatch.undo()
    config.set_threads(None)
    if count is not None:
        library.tell_blas(count)


def groups(monkeypatch, tmp_path, membership, files):
    """A tree of control groups, of which this process is in one."""
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(processors, "GROUPS", tmp_path)
    read = processors.Path.read_text
    monkeypatch.setattr(
        processors.Path, "read_text", lambda p, *a: membership if str(p) == "/proc/self/cgroup" else read(p, *a)
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


@pytest.mark.parametrize(
    ("membership", "files", "count"),
    [
        ("0::/\n", {}, 16),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "250000 100000\n", "cpu.max": "max 100000\n"}, 3),
        ("0::/a\n", {"a/cpu.max": "50000 100000\n"}, 1),
        ("0::/a\n", {"a/cpu.max": "9000000 100000\n"}, 16),
        ("0::/a\n", {"a/cpu.max": "nonsense\n"}, 16),
        ("3:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "400000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 4),
        ("3:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 16),
        ("5:memory:/a\n1:cpuset:/a\n", {"cpu/a/cpu.cfs_quota_us": "100000\n"}, 16),
        ("0::/not/seen/from/here\n", {"cpu.max": "200000 100000\n"}, 2),
    ],
)
def test_control_groups(membership, files, count, monkeypatch, tmp_path):
    groups(monkeypatch, tmp_path, membership, files)
    assert processors.available() == count


def test_the_environment(monkeypatch):
    assert processors.asked() is None
    for count, name in enumerate(reversed(processors.NAMES), 3):
        monkeypatch.setenv(name, str(count))
        assert config.threads() == count
    for bad in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("AUTONET_THREADS", bad)
        with pytest.raises(ArgumentError, match=f"AUTONET_THREADS expects a whole number above 0; received '{bad}'"):
            config.threads()


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2"])
def test_what_is_no_number_of_threads(bad):
    with pytest.raises(ArgumentError, match="set_threads expects a whole number above 0, or None"):
        config.set_threads(bad)


def test_set_and_forgotten(monkeypatch):
    config.set_threads(3)
    monkeypatch.setenv("AUTONET_THREADS", "5")
    assert config.threads() == 3  # the last word
    found = blas.find()
    if found is not None and found.get_threads is not None and found.get_threads() > 1:
        assert found.get_threads() == 3
    config.set_threads(None)
    assert config.threads() == 5


@needs_compiler
def test_more_and_fewer_threads_while_plans_are_there():
    f = jit(lambda a, b: ops.sum(ops.tanh(a @ b), axis=0), native=True)
    a, b = np.random.default_rng(0).standard_normal((2, 300, 300)).astype(np.float32)
    found = []
    for count in (1, 4, 2, 8, 1, 3, 64, 1000, 2):
        config.set_threads(count)
        found += [f(a, b).numpy() for _ in range(5)]
    for x in found[1:]:
        assert same_bits(x, found[1]) if own_products() else np.allclose(x, found[1], rtol=1e-4, atol=1e-4)


PROGRAM = """
import os, time
import numpy as np
import autonet
from autonet import Sequential, layers

def model():
    autonet.utils.set_random_seed(0)
    m = Sequential([layers.Input((200,)), layers.Dense(300, activation="relu"), layers.Dense(10)])
    m.compile("adam", "mse")
    x, y = np.random.default_rng(0).standard_normal((256, 210)).astype(np.float32)[:, :200], np.ones((256, 10))
    m.fit(x, y, batch_size=64, epochs=2, verbose=0)
    return m, x, y
"""


def outcome(folder, code, **environment):
    (folder / "program.py").write_text(PROGRAM + textwrap.dedent(code))
    names = dict.fromkeys(processors.NAMES, "")
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), **names, **environment}
    command = [sys.executable, str(folder / "program.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_an_idle_process_uses_no_processor(tmp_path):
    (used,) = outcome(
        tmp_path,
        """
        m, x, y = model()
        time.sleep(0.5)  # whatever waited for more work gives up
        before = time.process_time()
        time.sleep(1)
        print(time.process_time() - before)
        """,
        AUTONET_THREADS="4",
    )
    assert float(used) < 0.1


def test_a_number_in_the_environment_counts_for_all(tmp_path):
    assert outcome(tmp_path, "print(autonet.config.threads())", AUTONET_THREADS="3") == ["3"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_of_a_process_that_has_trained(tmp_path):
    """Forked, and by multiprocessing's ways, each gets what the parent gets."""
    found = outcome(
        tmp_path,
        """
        import multiprocessing as mp

        def child(out):
            m, x, y = model()
            out.put(float(np.sum(m.predict(x, verbose=0), dtype=np.float64)))

        if __name__ == "__main__":
            m, x, y = model()
            print(float(np.sum(m.predict(x, verbose=0), dtype=np.float64)))
            for way in ("fork", "spawn"):
                context = mp.get_context(way)
                out = context.Queue()
                c = context.Process(target=child, args=(out,))
                c.start()
                print(out.get(timeout=200))
                c.join(60)
            pid = os.fork()
            if not pid:
                m.fit(x, y, batch_size=64, verbose=0)  # the parent's own plan goes on
                os._exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            m.fit(x, y, batch_size=64, verbose=0)
        """,
        AUTONET_THREADS="3",
    )
    assert found[1] == found[2] == found[0] and found[3] == "0"
