"""What `help` and the reference tell: each parameter, formula, shapes, source, an example; and sections that stand apart."""

import ast
import inspect
import pathlib
import re

import pytest

from autonet import callbacks, initializers, layers, losses, metrics, models, optimizers, random, utils
from autonet.optimizers import schedules

BASES = {
    layers: layers.Layer,
    losses: losses.Loss,
    metrics: metrics.Metric,
    optimizers: optimizers.Optimizer,
    schedules: schedules.LearningRateSchedule,
    callbacks: callbacks.Callback,
}
COMMON = {"name", "dtype", "trainable"}  # what all objects have

# What a class need not have, by the reason

WITHOUT = {
    "example": {
        "a base that is nothing by itself": "MonitorCallback RandomInitializer Wrapper",
        "made by fit, and shows times": "ProgbarLogger",
        "needs an extra": "TensorBoard",
    },
    "formula": {
        "a base, or no map": "Layer Wrapper Metric Optimizer LearningRateSchedule LossFunctionWrapper "
        "MeanMetricWrapper Lambda",
        "made of others, which have theirs": "Bidirectional StackedRNNCells Pipeline RandAugment RandomColorJitter "
        "LossScaleOptimizer MultiOptimizer OptimizerMap",
        "moves numbers": "Concatenate Identity InputLayer Masking Permute RepeatVector Reshape CenterCrop RandomCrop "
        "RandomFlip RandomErasing MaxNumBoundingBoxes",
        "moves pixels, between which it interpolates": "Resizing RandomRotation RandomTranslation RandomZoom",
        "looks up, or hashes": "Hashing HashedCrossing IntegerLookup StringLookup TextVectorization",
    },
    "shapes": {"a base, or no map": "Layer Wrapper Loss Metric Lambda"},
    "source": {
        "a base, or not a method": "Optimizer LearningRateSchedule Loss LossFunctionWrapper Scaled RNN MultiOptimizer "
        "OptimizerMap FunctionSchedule ByEpoch",
        "older than the papers that use it": "Activation ActivityRegularization Softmax GaussianNoise UnitNormalization "
        "ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay MeanSquaredError MeanAbsoluteError "
        "MeanAbsolutePercentageError MeanSquaredLogarithmicError LogCosh Poisson CosineSimilarity Hinge SquaredHinge "
        "CategoricalHinge KLDivergence BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy",
    },
}
OF_PAPERS = (  # modules whose classes implement them
    r"optimizers\.\w+|losses\.\w+|layers\.(\w+\.)?(activation|attention|cells|conv_lstm|dropout|heads|mixing|"
    r"normalization|policies|recurrent|spectral)"
)

ROOT = pathlib.Path(__file__).parent.parent
ROOMS = [*BASES, models, utils, random, initializers]


def title(package):
    return package.__name__.partition(".")[2]


def classes(package):
    """The public classes of a package that are its own, each under one name."""
    home = package.__name__
    return {
        f"{title(package)}.{name}": thing
        for name, thing in sorted(vars(package).items())
        if isinstance(thing, type) and name == thing.__name__ and thing.__module__.startswith(home) and name[0] != "_"
    }


ALL = {name: thing for package in ROOMS for name, thing in classes(package).items()}
CLASSES = {
    name: ALL[name] for package, base in BASES.items() for name in classes(package) if issubclass(ALL[name], base)
}


def sections(doc):
    """The names that a docstring explains in its lists."""
    found = set()
    for block in re.finditer(r"^(?:Args|Attributes|Call arguments):\n((?:[ ].*\n|\n)*)", f"{doc}\n", re.MULTILINE):
        for line in re.finditer(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*):", block[1], re.MULTILINE):
            found |= {name.strip("* ") for name in line[1].split(",")}
    return found


def explained(cls, depth=2):
    """Names that the docstring explains or speaks of, those of its bases' lists, and of whatever else it names."""
    doc = inspect.getdoc(cls) or ""
    found = set(re.findall(r"\w+", doc))
    for base in cls.__mro__[1:] if isinstance(cls, type) else ():
        found |= sections(inspect.getdoc(base) or "") if base is not object else set()
    home = inspect.getmodule(cls)
    for name in re.findall(r"`(?:\w+\.)*(\w+)`", doc) if depth else ():
        other = getattr(home, name, None) or next((getattr(p, name) for p in BASES if hasattr(p, name)), None)
        found |= explained(other, depth - 1) if other is not None else set()
    return found


def parameters(cls):
    return [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in COMMON
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_are_explained(name):
    assert [p for p in parameters(CLASSES[name]) if p not in explained(CLASSES[name])] == []


# What stands in a docstring: the tables name those without, and no others

SHAPES = r"^Shapes: |\((?:n|\.\.\.),.*\) to \((?:n|\.\.\.),|, shape \("
FORMULA = (
    r"[\w)|\]] (?:=|<-|<=|\*|@|/|\+) [\w(\[|-]|\^|\|\w|\b(?:log|max|sqrt|exp)\(|\bsum (?:over|of) \w|"
    r"see `\w+` for the formula"
)


def prose(doc):
    """The text before the first example, without lists of arguments and short sections."""
    doc = re.sub(r"^>>> (.*\n?)*", "", doc, flags=re.MULTILINE)
    return re.sub(
        r"^(?:Args|Attributes|Call arguments|Shapes|Raises|Sources?):.*\n((?: .*)?\n)*", "", f"{doc}\n", flags=re.M
    )


def shown(name):
    """What the docstring of a class is to show, and whether it does."""
    doc, home = inspect.getdoc(ALL[name]), ALL[name].__module__.partition(".")[2]
    found = {"example": ">>> " in doc}
    if name in CLASSES and not name.startswith("callbacks."):
        found["formula"] = bool(re.search(FORMULA, prose(doc)))
    if name in CLASSES and name.startswith(("layers.", "losses.", "metrics.")):
        found["shapes"] = bool(re.search(SHAPES, doc, re.MULTILINE))
    if name in CLASSES and re.fullmatch(OF_PAPERS, home):
        linked = [inspect.getdoc(getattr(losses, function, None)) or "" for function in re.findall(r"see `(\w+)`", doc)]
        found["source"] = any(re.search(r"^Sources?: .*\d{4}", text, re.MULTILINE) for text in [doc, *linked])
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_class_shows_example_formula_shapes_source(name):
    found = shown(name)
    excused = {what for what in found for names in WITHOUT[what].values() if ALL[name].__name__ in names.split()}
    assert {what for what, there in found.items() if not there} == excused


# Sections stand apart: Markdown, which the reference is made with, joins lines that follow each other

SECTION = re.compile(
    r"(Args|Attributes|Call arguments|Returns|Raises|Yields|Shapes?|Sources?|Returns and raises):( |$)"
)


INSIDE = re.compile(rf"[.;)\"`] {SECTION.pattern}")


def run_together(doc):
    """Lines of a docstring that would be joined to what stands before them, or be taken for text."""
    found = []
    before, section, example = "", "", False
    first, *_ = doc.splitlines() or [""]
    for line in doc.splitlines():
        if not line.strip():
            section, example = "", False
        elif not example:
            if (SECTION.match(line) or line.startswith((">>> ", "- ", "* "))) and before.strip():
                found.append(line)  # no empty line before
            elif INSIDE.search(line) and not line.startswith(">>> "):
                found.append(line)  # a section that begins within a line
            elif re.match(r"\w+ +(=|<-) ", line) and line != first:
                found.append(line)  # a formula that is not indented
            elif line.startswith("    ") and before.strip() and not before.startswith(" ") and not section:
                found.append(line)  # a formula, or a table, right below text
            elif re.match(r"    [\w, ]+: ", line) and re.match("(Args|Attributes): ", section):
                found.append(line)  # a list whose heading goes on with text
            section = line if SECTION.match(line) else section
            example = line.startswith(">>> ")
        before = line
    return found


def test_what_runs_together():
    assert run_together("Text.\n\n    y = x\n\nReturns: x,\n    or y.\n\nRaises: z.\n\n>>> 1\n1\n>>> 2\n2") == []
    assert run_together("Text.\n\nReturns: x.\nRaises: y.\n>>> 1\n1") == ["Raises: y.", ">>> 1"]
    assert run_together("Text.\n    y = x\n\nz = x\n\nArgs: as there, and\n    a: b.") == [
        "    y = x",
        "z = x",
        "    a: b.",
    ]
    assert run_together("Text. Returns: x.\n\n>>> 1  # a. Returns: 1\n1") == ["Text. Returns: x."]


UNSHOWN = {"__pycache__", "compiler", "distribution"}  # the reference does not go into the last two


@pytest.mark.parametrize(
    "room", sorted({p.name for p in (ROOT / "autonet").iterdir() if p.is_dir() or p.suffix == ".py"} - UNSHOWN)
)
def test_sections_stand_apart(room):
    found = {}
    home = ROOT / "autonet" / room
    for path in sorted(home.rglob("*.py")) if home.is_dir() else [home]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                lines = run_together(ast.get_docstring(node) or "")
                if lines:
                    found[f"{path.name}: {getattr(node, 'name', 'module')}"] = lines
    assert found == {}
