"""The proofs of trust in short: their figures are what they have to be."""

import ast
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


def readings(tree):
    """Calls that open a file for reading, or read one by its path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            words = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
            writes = any(isinstance(w, str) and set(w) <= set("wabxr+t") and set(w) & set("wax") for w in words)
            if name in ("read_text", "read_bytes", "ZipFile", "memmap", "fromfile") or (name == "open" and not writes):
                yield node


READ = {  # modules that read files, and the readers of benchmarks/trust/readers.py that they are, or why they are none
    "applications/imagenet_utils.py": "classes",
    "callbacks/checkpoint.py": "a backup is copied",
    "callbacks/reports.py": "log",
    "cli/command.py": "/dev/null",
    "cli/csvfile.py": "table",
    "common/processors.py": "the system's own files",
    "compiler/c/runtime/cache.py": "kernels",
    "compiler/c/runtime/sources.py": "the package's own files",
    "compiler/c/runtime/toolchain.py": "what the compiler has just made",
    "datasets/cifar.py": "pictures",
    "datasets/fashion_mnist.py": "IDX",
    "datasets/files.py": "npz",
    "datasets/imdb.py": "reviews",
    "datasets/student_admissions.py": "admissions",
    "datasets/words.py": "word index",
    "layers/preprocessing/vocabulary.py": "vocabulary",
    "saving/archive.py": "archive",
    "saving/keras_zip.py": "model of Keras",
    "saving/models.py": "model",
    "tuner/annexes/study.py": "Optuna's own journal",
    "tuner/heartbeat.py": "files without content",
    "tuner/journal.py": "journal",
    "utils/disk.py": "rows of an array",
    "utils/files.py": "check sums, and what the standard library unpacks",
    "utils/folders.py": "texts are taken as they are",
    "utils/images.py": "Pillow's errors are its own",
}


def test_whoever_reads_files_is_tried():
    root = FOLDER.parents[1] / "autonet"
    found = {
        p.relative_to(root).as_posix() for p in root.rglob("*.py") if any(readings(ast.parse(p.read_text("utf-8"))))
    }
    assert found <= READ.keys(), "make it a reader in benchmarks/trust/readers.py, or say in READ why it is none"
