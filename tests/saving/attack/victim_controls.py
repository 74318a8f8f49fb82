"""The controls in victim.py, and what must be said of each."""

NAMES = {
    "nothing": None,
    "import": "ModuleNotFoundError",
    "exec": "event compile",
    "system": "event os.system",
    "second": "event open",
    "other": "event open",
    "socket": "event",
    "write": "event open",
    "memory": "MiB of memory",
    "sleep": "killed: by signal 14",
    "crash": "killed: by signal 11",
    "error": "other: IndexError",
    "setting": "changed ['float64'",
    "seed": "changed",
    "leak": "event open",
}
