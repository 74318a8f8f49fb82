"""The benchmarks still run: each for a moment."""

import importlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.compiler.programs import needs_compiler

FOLDER = pathlib.Path(__file__).parent.parent.parent / "benchmarks"
SCRIPTS = ("eager", "first_step", "training", "chapter", "imports", "texts", "kinds", "roofline", "growth", "searching")
SCRIPTS += ("trust/kills", "trust/fuzz", "trust/soak")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """As for a script in that folder, and forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=FOLDER.parent,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_explains_itself(script):
    answer = run(str(FOLDER / f"{script}.py"), "--help")
    assert answer.returncode == 0, answer.stderr
    assert f"python benchmarks/{script}.py" in answer.stdout


@pytest.mark.parametrize("task", ["sigmoid", "mlp", "convnet", "lstm", "transformer"])
@pytest.mark.parametrize("name", ["autonet", "autonet numpy", "autonet eager"])
def test_every_workload_of_ours_trains(name, task, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "1")  # and put back as it was, whatever `make` does
    workloads = importlib.import_module("workloads")
    first, _ = workloads.MAKERS[name](task)
    first()


@needs_compiler
def test_a_step_is_divided_into_parts():
    info, _ = importlib.import_module("training").make("parts", "sigmoid")
    assert {"products", "update", "pointwise"} <= set(info["parts"])
    assert all(0 <= part < 1 for part in info["parts"].values())
    assert info["parts"]["products"] < 20 * info["step"]  # in seconds, both


def test_products_are_those_of_a_step():
    workloads = importlib.import_module("workloads")
    first, epoch = workloads.make_products("sigmoid")
    first()
    assert callable(epoch)
    with pytest.raises(importlib.import_module("harness").Unsuitable):
        workloads.make_products("convnet")


@pytest.mark.parametrize("task", ["x + w", "tanh(x @ w * v + v)"])
def test_eager_blocks_give_microseconds(task):
    _, block = importlib.import_module("eager").make("autonet", task)
    assert 0.1 < block() < 1000


def test_the_network_on_mnist_is_the_books():
    chapter = importlib.import_module("chapter")
    model = chapter.Sigmoid(3, 97.92, hidden=100, penalty=5.0).network(1000)
    assert [w.shape for w in model.weights] == [(784, 100), (100,), (100, 10), (10,)]
    kernel, bias = model.get_weights()[:2]
    assert np.std(kernel) == pytest.approx(1, rel=0.05)
    assert 0.5 < np.std(bias) < 1.6
    assert float(model.losses[0]) == pytest.approx(5.0 * np.sum(kernel**2) / (2 * 1000), rel=1e-4)


def test_the_chapter_prints_every_row(monkeypatch, capsys):
    chapter = importlib.import_module("chapter")
    images = np.random.default_rng(0).random((24, 28, 28, 1), dtype="float32")
    labels = np.eye(10, dtype="float32")[np.arange(24) % 10]
    monkeypatch.setattr(chapter, "load", lambda: ((images, labels), (images, labels)))
    monkeypatch.setenv("AUTONET_NATIVE", "0")  # nothing to compile for a step or two
    chapter.main(["--epochs", "1", "--seeds", "1", "--images", "20"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    figures = [row for row in rows if not row[0].startswith("| table")]
    assert [row[0].removeprefix("| ") for row in figures] == [str(row) for row in chapter.ROWS]
    assert all(0 <= float(row[2]) <= 100 and row[2] == row[3] == row[4] for row in figures)


def test_candidates_work_in_turn_and_missing_ones_are_named(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(FOLDER)!r})\n"
        "from harness import serve, worker_arguments\n"
        "def make(name, task):\n"
        "    if name == 'absent':\n"
        "        import no_such_library\n"
        "    if name == 'broken':\n"
        "        raise RuntimeError('it broke')\n"
        "    print('noise')\n"
        "    values = iter([9, 1, 2, 3])\n"
        "    return {'name': name}, lambda: next(values)\n"
        "serve(*worker_arguments(sys.argv[1:])[:2], make)\n"
    )
    harness = importlib.import_module("harness")
    harness.PAUSE = 0.0
    results = harness.compare(str(script), ["a", "absent", "broken"], "task", lambda name: sys.executable, 3, 1)
    assert results["a"]["median"] == 2
    assert results["a"]["peak_mb"] > 1
    assert results["absent"]["problem"] == "no_such_library is not installed"
    assert results["broken"]["problem"] == "RuntimeError: it broke"
