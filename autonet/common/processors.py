"""How many threads compute: what was asked for, else the processors that this process may use."""

import math
import os
from pathlib import Path

from autonet.errors import ArgumentError

NAMES = ("AUTONET_THREADS", "AUTONET_NUM_THREADS", "OMP_NUM_THREADS")  # the first of these in the environment counts
GROUPS = Path("/sys/fs/cgroup")
chosen: int | None = None  # by config.set_threads


def threads() -> int:
    """How many threads compute, the caller's among them: as `set_threads` says, else the environment (AUTONET_THREADS,
    OMP_NUM_THREADS), else as many as the process may use processors."""
    return chosen or asked() or available()


def asked() -> int | None:
    """The number in the environment, None for none.

    Raises: ArgumentError where AUTONET_THREADS is not a whole number above 0; the names that others read too are passed
    over then.
    """
    for name in NAMES:
        value = os.environ.get(name, "").strip()
        if value.isdigit() and int(value) > 0:
            return int(value)
        if value and name == NAMES[0]:
            raise ArgumentError(f"AUTONET_THREADS expects a whole number above 0; received {value!r}.")
    return None


def available() -> int:
    """Processors of this process: those it may run on, or as many as its control group may use the time of."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _share()
    return count if share is None else max(1, min(count, math.ceil(share)))


def _share() -> float | None:
    """The processor time per time that control groups grant (Linux, versions 2 and 1), None without a limit."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    shares = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = GROUPS / "cpu" if controllers else GROUPS
        group = root / path.lstrip("/")
        while True:  # the tightest limit, of the group or of one around it
            shares += _limit(group)
            if group == root or root not in group.parents:
                break
            group = group.parent
    return min(shares, default=None)


def _limit(group: Path) -> list[float]:
    """A group's own limit, in a list; empty without one."""
    try:
        if (file := group / "cpu.max").exists():
            quota, period = file.read_text().split()
        else:
            quota, period = [(group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")]
        return [int(quota) / int(period)] if quota not in ("max", "-1") else []
    except (OSError, ValueError, ZeroDivisionError):
        return []
