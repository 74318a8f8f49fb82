"""Heartbeats: a process that is gone is seen to be gone, one that lives to live."""

import os
import subprocess
import sys

import pytest

from autonet.tuner import heartbeat
from autonet.tuner.heartbeat import Heartbeat, Mutex

OTHER = """
import sys, time
from pathlib import Path
from autonet.tuner.heartbeat import Heartbeat
with Heartbeat(Path(sys.argv[1])) as beat:
    print(beat.name, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
def test_a_process_that_is_killed_is_gone_at_once(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        name = process.stdout.readline().strip()
        with Heartbeat(tmp_path) as beat:
            assert not beat.gone(name) and not beat.gone(beat.name)
            process.kill()
            process.wait()
            assert beat.gone(name)
            beat.forget(name)
            assert beat.gone(name)
    assert list(tmp_path.iterdir()) == []


def test_on_another_machine_the_time_of_the_last_beat_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "_machine", lambda: "there")
    with Heartbeat(tmp_path) as there:
        monkeypatch.setattr(heartbeat, "_machine", lambda: "here")
        with Heartbeat(tmp_path) as here:
            assert not here.gone(there.name)
            before = os.stat(tmp_path / here.name).st_mtime - heartbeat.GRACE
            os.utime(tmp_path / there.name, (before - 1, before - 1))
            assert here.gone(there.name) and not there.gone(here.name)
            os.utime(tmp_path / there.name)
            assert not here.gone(there.name)


def test_it_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    with Heartbeat(tmp_path) as beat:
        os.utime(tmp_path / beat.name, (1.0, 1.0))
        for _ in range(500):
            if os.stat(tmp_path / beat.name).st_mtime > 1:
                break
            beat._ended.wait(0.01)
        assert os.stat(tmp_path / beat.name).st_mtime > 1


def test_a_mutex_lets_one_in(tmp_path):
    import threading

    inside, most = [], []

    def enter():
        for _ in range(20):
            with Mutex(tmp_path / "turn"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 80
