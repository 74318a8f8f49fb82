"""What the READMEs show comes true."""

import pathlib
import re

import numpy as np
import pytest

import autonet
from autonet.compiler.passes.redundancy import eliminate_dead_code
from autonet.compiler.passes.verify import verify
from autonet.core import PRIMITIVES
from tests.compiler.programs import captured

ROOT = pathlib.Path(__file__).parent.parent
PAGES = ("README.md", "benchmarks/README.md", "notebooks/README.md", "notebooks/keras.md", "tests/golden/README.md")
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
TEXT = TEXTS["README.md"]
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(autouse=True)
def no_more_primitives():
    """A primitive that an example makes is forgotten."""
    before = set(PRIMITIVES)
    yield
    for name in set(PRIMITIVES) - before:
        del PRIMITIVES[name]


def run(script):
    names: dict = {}
    exec(script, names)
    return names


def example(name):
    """What the README's example that defines `name` leaves."""
    (script,) = [s for s in SCRIPTS if re.search(rf"^(def|class) {name}\b", s, re.MULTILINE)]
    return run(script)[name]


def digits():
    (x, y), _ = autonet.datasets.digits.load_data()
    return x.reshape(-1, 64) / 16, y


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: re.sub(r"\W+", "-", script.strip()[-30:]))
def test_a_script_runs(script, capsys):
    names = run(script)
    if "accuracy" in names:
        assert names["accuracy"] > 0.9


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    folder = (ROOT / page).parent
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", TEXTS[page]):
        assert (folder / path).exists(), path
    for path in re.findall(r"(?<![\w/.])(?:autonet|tests|benchmarks|notebooks|\.ci)/[\w./]*\w(?![\w*])", TEXTS[page]):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`([\w/]+\.(?:py|json|npz|ipynb))`", TEXTS[page]):
        assert (folder / name).exists() or (ROOT / name).exists(), name


def test_each_benchmark_is_named():
    text = TEXTS["benchmarks/README.md"]
    assert [p.name for p in sorted((ROOT / "benchmarks").glob("*.py")) if p.name not in text] == []


def test_its_ten_line_examples_are_about_ten_lines():
    script, gradients, own, *changes = [len(script.splitlines()) for script in SCRIPTS]
    assert script <= 12 and gradients <= 12 and own <= 24
    assert max(changes) <= 30


def test_a_step_of_ones_own_is_compiled():
    model = run(SCRIPTS[2])["model"]
    model.compile("adam", autonet.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(*digits(), epochs=15, verbose=0)  # a warning would be an error
    assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
    assert model.explain_step().plan.kind in ("native", "numpy")


def test_the_contributors_layer_and_optimizer_train_and_come_back_from_their_configurations():
    gate, optimizer = example("ContextGate")("he_normal"), example("Signum")(0.01, beta=0.8)
    for thing in (gate, optimizer):
        assert type(thing).from_config(thing.get_config()).get_config() == thing.get_config()
    model = autonet.Sequential([gate, autonet.layers.Dense(10, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    history = model.fit(*digits(), epochs=5, verbose=0)
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert model.explain_step().plan.kind in ("native", "numpy")


def test_the_contributors_operation_has_derivatives_of_every_order():
    logit = example("logit")
    x = np.array([0.2, 0.5, 0.9])
    second = autonet.hessian(lambda x: autonet.ops.sum(logit(x)))(x)
    np.testing.assert_allclose(np.diag(second), 1 / (1 - x) ** 2 - 1 / x**2, rtol=1e-12)


def test_the_contributors_pass_does_what_it_says():
    program, _ = captured(lambda x: autonet.ops.negative(autonet.ops.negative(x)) + 1.0, np.ones(3))
    made = eliminate_dead_code(verify(example("cancel_negations")(program), "cancel_negations"))
    assert [i.op for i in made.instructions] == ["add"]


def test_names_that_its_table_lists_exist():
    table = TEXT.split("## What exists")[1].split("##")[0]
    for packages, content in re.findall(r"^\| (`.*?`) \| (.*) \|$", table, re.MULTILINE):
        homes = [autonet if p == "autonet" else getattr(autonet, p) for p in re.findall(r"`(\w+)`", packages)]
        for name in re.findall(r"`(\w+)`", content):
            assert any(hasattr(home, name) for home in homes), name


def test_names_in_the_table_of_differences_exist():
    rows = re.findall(r"^\| (.*?) \| .* \|$", TEXTS["notebooks/keras.md"], re.MULTILINE)[2:]
    assert len(rows) > 20
    packages = [autonet, *(getattr(autonet, name) for name in autonet._PACKAGES)]
    for row in rows:
        for path in re.findall(r"`(\w[\w.]*)(?:\([^`]*\))?`", row.split(";")[0]):
            thing = autonet
            for step in path.split("."):
                thing = getattr(thing, step, None)
            found = thing is not None or any(hasattr(p, path) for p in packages)
            assert found or not (path[0].isupper() or "." in path), path


@pytest.mark.parametrize("page", PAGES)
def test_nothing_was_left_to_be_filled_in(page):
    assert not re.search(r"^(FIGURES|CHANGES|EXISTS|MAIN-JOB-OUTPUT|TODO|TBD)$", TEXTS[page], re.MULTILINE)
