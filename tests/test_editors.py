"""What editors and type checkers know of a user's script: tests/editors/script.py says it line by line."""

import json
import pathlib
import re
import runpy
import subprocess
import sys
import typing

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "editors" / "script.py"
LINES = SCRIPT.read_text(encoding="utf-8").splitlines()
REVEALED = {n: m[1] for n, line in enumerate(LINES, 1) if (m := re.search(r"reveal_type\(.*\)  # (.+)$", line))}
WRONG = {n for n, line in enumerate(LINES, 1) if line.endswith("  # error")}


def simple(shown):
    """A type as the script writes it: no modules, and an array of whatever shape and dtype is an ndarray."""
    shown = re.sub(r"\b(?:\w+\.)+(?=\w)", "", shown)
    while (shorter := re.sub(r"ndarray\[(?:[^\[\]]|\[[^\[\]]*\])*\]", "ndarray", shown)) != shown:
        shown = shorter
    return shown.replace("NDArray[Any]", "ndarray")


def mypy(folder):
    """Line to messages, of errors and of what is revealed."""
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    command += ["--output=json", "--config-file=", f"--cache-dir={folder}", SCRIPT.name]
    answer = run(command, folder)
    for found in map(json.loads, answer.splitlines()):
        shown = re.fullmatch(r'Revealed type is "(.*)"', found["message"])
        yield found["line"], shown and shown[1], found["message"]


def pyright(folder):
    """The same."""
    settings = {"include": [SCRIPT.name], "typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--project", str(folder), "--pythonpath", sys.executable]
    answer = run([*command, "--outputjson"], folder)
    for found in json.loads(answer)["generalDiagnostics"]:
        shown = re.fullmatch(r'Type of ".*" is "(.*)"', found["message"], re.DOTALL)
        yield found["range"]["start"]["line"] + 1, shown and shown[1], found["message"]


def run(command, folder):
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    answer = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    assert answer.returncode in (0, 1), answer.stdout + answer.stderr
    return answer.stdout


def environment():
    import os

    return {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}


@pytest.mark.extra("dev")
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_type_checkers_know_a_users_script(checker, tmp_path):
    assert len(REVEALED) > 100 and len(WRONG) > 40
    revealed, wrong, troubled = {}, set(), []
    for line, shown, message in checker(tmp_path):
        if shown is not None:
            revealed[line] = simple(shown)
        elif line in WRONG:
            wrong.add(line)
        else:
            troubled.append(f"{line}: {LINES[line - 1].strip()}  -> {message}")
    said = [f"{n}: {LINES[n - 1].strip()}  -> {revealed.get(n)}" for n, t in REVEALED.items() if revealed.get(n) != t]
    passed = [f"{n}: {LINES[n - 1].strip()}  -> no error" for n in sorted(WRONG - wrong)]
    problems = "\n".join(troubled + said + passed)
    assert not problems, problems


def test_the_script_runs_and_says_the_truth(monkeypatch):
    """What type checkers are told of a value is what the value is."""
    told = []

    def reveal(value):
        expected = REVEALED[sys._getframe(1).f_lineno]
        names = [c.__name__ for c in type(value).__mro__]
        names += ["Tensor"] if "KerasTensor" in names else []  # a placeholder counts as the Tensor that it stands for
        if expected != "Any" and re.match(r"\w+", expected)[0] not in names:
            told.append(f"{LINES[sys._getframe(1).f_lineno - 1]}  -> {type(value).__name__}")
        return value

    monkeypatch.setattr(typing, "reveal_type", reveal)
    runpy.run_path(str(SCRIPT))
    assert "\n".join(told) == ""


COMPLETED = {  # what was typed so far: what is offered
    "keras.Sequ": "Sequential",
    "keras.layers.Den": "Dense",
    "keras.losses.MeanSq": "MeanSquaredError",
    "keras.optimizers.Ada": "Adam",
    "keras.ops.logsum": "logsumexp",
    "keras.utils.to_cat": "to_categorical",
    "keras.datasets.mn": "mnist",
    "keras.datasets.mnist.load": "load_data",
    "model = keras.Sequential([keras.layers.Dense(3)])\nmodel.fi": "fit",
    "model = keras.Sequential([keras.layers.Dense(3)])\nmodel.fit(x, y).hist": "history",
    "inputs = keras.Input((3,))\nkeras.Model(inputs, keras.layers.Dense(3)(inputs)).pred": "predict",
    "keras.layers.Dense(3).add_w": "add_weight",
    "keras.ops.ones((3,)).sh": "shape",
    "keras.optimizers.Adam(learn": "learning_rate=",
}


@pytest.mark.extra("dev")
@pytest.mark.parametrize("typed", COMPLETED)
def test_editors_complete(typed):
    import jedi

    project = jedi.Project(ROOT, sys_path=[str(ROOT), *sys.path])
    script = jedi.Script(f"import autonet as keras\n{typed}", project=project)
    assert COMPLETED[typed] in [found.name_with_symbols for found in script.complete()]
