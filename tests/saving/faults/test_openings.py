"""Files are written through `atomic_write`, or by the few that say here how they are whole."""

import ast
import pathlib

import autonet

ROOT = pathlib.Path(autonet.__file__).parent
KNOWN = {  # where else files are opened for writing, or written, and why that may be
    "utils/files.py": "atomic_write itself",
    "compiler/c/runtime/cache.py": "its own kind of atomic writing, without a flushed folder",
    "compiler/c/runtime/toolchain.py": "in a temporary folder",
    "tuner/journal.py": "`append`: all of a line or nothing",
    "callbacks/reports.py": "`append`, and a log that begins empty",
    "cli/command.py": "/dev/null",
    "distribution/parallel.py": "/dev/null",
    "tuner/heartbeat.py": "files that are locked, and empty",
    "tuner/annexes/study.py": "Optuna's journal, whose half-written last line is cut off",
}


def writes(tree):
    """Lines that open a file for writing, or write one by its path, outside a `with atomic_write`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
        modes = [m for m in modes if isinstance(m, str) and set(m) <= set("wabx+t") and set(m) & set("wax+")]
        if name in ("open", "fdopen", "FileIO") and modes or name in ("write_text", "write_bytes"):
            yield node.lineno


def test_only_known_files_are_written_otherwise():
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        if lines := list(writes(ast.parse(path.read_text(encoding="utf-8")))):
            found[str(path.relative_to(ROOT))] = lines
    assert found.keys() <= KNOWN.keys(), (
        "write through autonet.utils.files.atomic_write, or say in KNOWN how else files stay whole"
    )
