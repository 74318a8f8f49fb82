"""The notebooks run from top to bottom (extra `notebook`)."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.extra("notebook")

NOTEBOOKS = pathlib.Path(__file__).parent.parent.parent / "notebooks"
RUN = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    """In an interpreter of its own: the warnings of notebook tools are not ours."""
    search = os.pathsep.join([str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    answer = subprocess.run(
        [sys.executable, "-c", RUN, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search, "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    if path.stem == "quickstart":
        right = re.search(r"([\d.]+) % of 359 digits", answer.stdout)
        assert right is not None, answer.stdout
        assert float(right[1]) > 95


def test_quickstart_has_ten_cells_without_stored_output():
    import json

    cells = json.loads((NOTEBOOKS / "quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    assert len(cells) == 10
    assert not any(cell.get("outputs") for cell in cells)
