"""Fair comparisons: each candidate in a process of its own, blocks of work in turn, medians with their spread.

A script calls `compare` with its own path; for each candidate that starts the script again as a worker, which calls
`serve`. While one candidate works, the others sleep, so that no thread pool disturbs another's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 0.15  # seconds between two candidates: spinning threads of the last one go to sleep


class Unsuitable(Exception):
    """The candidate cannot do this task."""


class Candidate:
    """A worker process that does blocks of work when asked."""

    def __init__(self, script: str, name: str, task: str, python: str, threads: int):
        self.name = name
        self.values: list[float] = []
        count = str(threads)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "OMP_NUM_THREADS": count,
            "OPENBLAS_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "KERAS_BACKEND": "jax",
        }
        if name.startswith("autonet"):  # as it is where autonet is imported before NumPy
            environment.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")
        self.process = subprocess.Popen(
            [python, script, "--worker", name, "--task", task, "--threads", count],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.info = self._answer()

    def _answer(self) -> dict:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        last = self.process.stderr.read().strip().splitlines()[-1:]
        return {"problem": last[0] if last else "no answer"}

    def work(self) -> float:
        """One block: its figure."""
        assert self.process.stdin is not None
        self.process.stdin.write("block\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "problem" in answer:
            raise RuntimeError(f"{self.name}: {answer['problem']}")
        self.values.append(answer["value"])
        return answer["value"]

    def close(self) -> dict:
        """End the worker; its last words."""
        assert self.process.stdin is not None
        last: dict = {}
        if self.process.poll() is None and "problem" not in self.info:
            self.process.stdin.write("end\n")
            self.process.stdin.flush()
            last = self._answer()
        self.process.stdin.close()
        self.process.wait(timeout=60)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return last


def serve(name: str, task: str, make: Callable[[str, str], tuple[dict, Callable[[], float]]]) -> None:
    """The worker's side: build, then a block for each line that comes in. Libraries may print; only answers get out."""
    import resource

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    try:
        start = time.perf_counter()
        info, block = make(name, task)
        say(**{"set_up": time.perf_counter() - start, **info})
    except ModuleNotFoundError as problem:
        say(problem=f"{problem.name} is not installed")
        return
    except Unsuitable as problem:
        say(problem=str(problem))
        return
    for line in sys.stdin:
        if line.strip() == "end":
            break
        say(value=block())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(peak_mb=peak if sys.platform != "darwin" else peak / 1024)


def compare(
    script: str, names: list[str], task: str, pythons: Callable[[str], str], rounds: int, threads: int
) -> dict[str, dict]:
    """Median, spread, set-up and memory of each candidate that can run; the others' reasons."""
    candidates: list[Candidate] = []
    results: dict[str, dict] = {}
    try:
        for name in names:
            candidate = Candidate(script, name, task, pythons(name), threads)
            if "problem" in candidate.info:
                results[name] = {"problem": candidate.info["problem"]}
                candidate.close()
            else:
                candidates.append(candidate)
            time.sleep(PAUSE)
        for turn in range(rounds + 1):
            for candidate in candidates if turn % 2 else reversed(candidates):
                candidate.work()
                time.sleep(PAUSE)
        for candidate in candidates:
            values = candidate.values[1:]  # the first block is warm-up
            low, *_, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0], values[0])
            results[candidate.name] = {
                "median": statistics.median(values),
                "low": low,
                "high": high,
                **candidate.info,
                **candidate.close(),
            }
    finally:
        for candidate in candidates:
            if candidate.process.poll() is None:
                candidate.process.kill()
                candidate.process.wait()
    return results


def worker_arguments(argv: list[str]) -> tuple[str, str, int] | None:
    """(name, task, threads) if this process was started as a worker."""
    if "--worker" not in argv:
        return None
    value = {argv[i]: argv[i + 1] for i in range(0, len(argv) - 1, 2)}
    return value["--worker"], value["--task"], int(value["--threads"])


def machine() -> str:
    """One line that says where the figures come from."""
    import platform

    import numpy

    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        models = [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {numpy.__version__}"
