"""What the README shows comes true."""

import pathlib
import re

import pytest

import autonet

README = pathlib.Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.split("\n", 1)[0])
def test_a_script_runs(script, capsys):
    names: dict = {}
    exec(script, names)
    if "accuracy" in names:
        assert names["accuracy"] > 0.9


def test_files_that_it_names_exist():
    for path in re.findall(r"(?:benchmarks|notebooks|\.ci)/[\w.]+", TEXT):
        assert (README.parent / path).exists(), path


def test_its_ten_line_examples_are_about_ten_lines():
    script, gradients, own = [len(script.splitlines()) for script in SCRIPTS]
    assert script <= 12 and gradients <= 12 and own <= 24


def test_a_step_of_ones_own_is_compiled():
    names: dict = {}
    exec(SCRIPTS[2], names)
    model = names["model"]
    model.compile("adam", autonet.losses.SparseCategoricalCrossentropy(from_logits=True))
    (x, y), _ = autonet.datasets.digits.load_data()
    history = model.fit(x.reshape(-1, 64) / 16, y, epochs=15, verbose=0)  # a warning would be an error
    assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
    assert model.explain_step().plan.kind in ("native", "numpy")


def test_names_that_its_table_lists_exist():
    table = TEXT.split("## What exists")[1].split("##")[0].split("<!--")[0]  # the rest is test_namespaces.py's
    for packages, content in re.findall(r"^\| (`.*?`) \| (.*) \|$", table, re.MULTILINE):
        homes = [autonet if p == "autonet" else getattr(autonet, p) for p in re.findall(r"`(\w+)`", packages)]
        for name in re.findall(r"`(\w+)`", content):
            assert any(hasattr(home, name) for home in homes), name


def test_nothing_was_left_to_be_filled_in():
    assert not re.search(r"^(FIGURES|MAIN-JOB-OUTPUT|TODO|TBD)$", TEXT, re.MULTILINE)
