"""The gallery: every notebook runs from top to bottom and keeps its claim; what is stored is whole (extra `notebook`)."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.extra("notebook")

NOTEBOOKS = pathlib.Path(__file__).parent.parent.parent / "notebooks"
EVERY = sorted(NOTEBOOKS.glob("*.ipynb"))
NUMBERED = [path for path in EVERY if path.name[0].isdigit()]
DATA = {
    "mnist.load_data": "mnist.npz",
    "imdb.load_texts": "imdb_train.jsonl.xz",
    "admissions.load_data": "student_admissions.csv",
}


def needs(path):
    """The notebook, marked with the data that it reads."""
    text = path.read_text(encoding="utf-8")
    files = [file for word, file in DATA.items() if word in text]
    return pytest.param(path, id=path.stem, marks=[pytest.mark.real_data(*files)] if files else [])


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def tags(cell):
    return cell["metadata"].get("tags", [])


@pytest.mark.parametrize("path", [needs(path) for path in EVERY])
def test_a_notebook_runs_at_its_small_setting_and_its_claim_holds(path, tmp_path):
    answer = subprocess.run(
        [sys.executable, NOTEBOOKS / "run.py", path.stem, "--small"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_what_it_gave(path):
    cells = cells_of(path)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert 10 <= len(cells) <= 25
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert path.stat().st_size < 400_000
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])
    assert "assert " in "".join(code[-1]["source"])
    assert len("".join(text for o in code[-1]["outputs"] for text in o["text"]).strip().splitlines()) == 1
    assert sum("thumbnail" in tags(cell) for cell in cells) == 1
    assert (NOTEBOOKS / "thumbnails" / f"{path.stem}.png").is_file()


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_its_setting_is_the_first_thing_in_it(path):
    code = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]
    assert tags(code[0]) == ["parameters"]
    assert re.fullmatch(r"small = False  # .*", "".join(code[0]["source"]))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_outputs_hold_no_paths_and_no_warnings(path):
    for cell in cells_of(path):
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr"
            text = json.dumps({k: v for k, v in output.get("data", output).items() if not k.startswith("image/")})
            assert not re.search(rf"/(?:home|root|tmp|usr|Users)/|{re.escape(os.getcwd())}", text), text[:200]


def test_the_gallery_is_what_the_notebooks_say():
    spec = importlib.util.spec_from_file_location("run", NOTEBOOKS / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    page = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    assert run.BEGIN + run.gallery() + run.END in page
