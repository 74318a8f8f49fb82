"""The kinds are what they say in our library; the tables say what was measured."""

import importlib
import math
import pathlib
import sys

import numpy as np
import pytest

from tests.compiler.programs import needs_compiler

FOLDER = pathlib.Path(__file__).parent.parent.parent / "benchmarks"
FAMILIES = ("dense", "images", "sequences", "generative", "derivatives", "arrays")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """As for a script in that folder, on the NumPy plan, and forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    yield
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def script(name):
    return importlib.import_module(name)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_begins_with_a_finite_loss(family):
    """A functional model on two rows; a step by hand where the kind has one of its own."""
    import autonet

    networks, keras_net = script("networks"), script("networks.keras_net")
    assert set(FAMILIES) == set(networks.FAMILIES)
    for name, kind in script(f"networks.{family}").KINDS.items():
        if kind.custom:
            assert math.isfinite(networks.run("autonet numpy", kind, small=True).first()), name
            continue
        inputs, y = kind.data(np.random.default_rng(0), 2)
        model = keras_net.compiled(autonet, kind, keras_net.functional(autonet, kind.net, inputs))
        assert math.isfinite(model.evaluate(inputs[0] if len(inputs) == 1 else inputs, y, verbose=0)), name


def test_there_are_many_kinds_and_their_names_tell_them_apart():
    kinds = script("networks").kinds()
    assert len(kinds) >= 20
    assert len({kind.title for kind in kinds.values()}) == len(kinds)


@pytest.mark.parametrize("task", ["branches quick", "mlp_predict quick", "jacobian quick busy"])
def test_blocks_give_milliseconds(task):
    info, block = script("kinds").make("autonet numpy", task)
    assert 0.001 < block() < 60_000
    assert {"first_step", "loss"} <= set(info)


def results(**medians):
    return {
        name.replace("_", " "): {
            "median": ms, "low": ms, "high": ms, "first_step": 0.1, "peak_mb": 90, "loss": 2.0, "cold": 0.5
        }
        for name, ms in medians.items()
    }  # fmt: skip


def test_a_row_compares_with_the_fastest_peer_alone():
    kinds, networks = script("kinds"), script("networks")
    found = results(autonet=2.0, autonet_numpy=1.0, torch=6.0, jax=5.0)
    assert kinds.ratio(found) == 2.5
    assert kinds.ratio(found, "autonet numpy") == 5
    assert kinds.ratio(results(autonet=2.0)) is None
    kind = networks.base.Kind("a kind")
    cells = kinds.row(kind, found | {"keras": {"problem": "keras is not installed"}}, [*found, "keras"]).split(" | ")
    assert cells == ["| a kind", "2", "1", "6", "5", "", "2.50x", "0.50, 0.10 s", "90, 90 MB |"]


def test_remarks_name_what_is_wrong():
    kinds, networks = script("kinds"), script("networks")
    found = results(autonet=2.0, autonet_numpy=1.0, torch=6.0, jax=5.0)
    found["jax"]["loss"] = 2.1
    found["keras"] = {"problem": "keras is not installed"}
    lines = kinds.remarks(networks.base.Kind("a kind"), found)
    assert "keras: keras is not installed" in lines
    assert [line for line in lines if line.startswith("LOSS: jax")]
    assert [line for line in lines if line.startswith("SLOWER THAN NUMPY")]
    found["jax"]["loss"], found["autonet"]["median"] = 2.0, 0.5
    assert not [line for line in kinds.remarks(networks.base.Kind("a kind"), found) if line.isupper()]


def test_the_end_is_the_geometric_mean(capsys):
    script("kinds").close_table({"autonet": {"a": 4.0, "b": 0.25, "c": 8.0}})
    assert "2.00x" in (said := capsys.readouterr().out)
    assert "behind in 1: b 0.25x" in said


@needs_compiler
def test_limits_of_the_machine(monkeypatch):
    monkeypatch.delenv("AUTONET_NATIVE")
    roofline = script("roofline")
    monkeypatch.setattr(roofline, "SIZES", (2**16, 2**20))
    limits = roofline.Probe().limits(1, 0.01)
    assert limits.flops > 1e8
    assert all(b > 1e7 for b in limits.bandwidth)
    even = roofline.Limits(1e9, [1e9, 1e9])
    assert even.seconds(flops=2e9, moved=1e9, size=2**16) == pytest.approx(2)
    assert even.seconds(flops=1e9, moved=3e9, size=2**18) == pytest.approx(3)


@needs_compiler
def test_parts_are_counted_beside_their_limits(monkeypatch):
    monkeypatch.delenv("AUTONET_NATIVE")
    roofline = script("roofline")
    monkeypatch.setattr(roofline, "SIZES", (2**16, 2**20))
    _, model, fit, batch = roofline.kind("branches")
    step, parts, outside = roofline.examine(model, fit, batch, roofline.Limits(1e9, [1e9, 1e9]), seconds=0.01)
    found = {part: numbers for part, *numbers in parts}
    assert step > 0
    assert outside == "0"
    assert {"products", "update", "pointwise"} <= set(found)
    products = 64 * 2 * (64 * 128 + 64 * (128 + 192 + 256 + 320) + 384 * 10)  # of the forward pass
    _, least, flops, _ = found["products"]
    assert 2 * products < flops <= 3 * products
    assert least >= flops / 1e9


@pytest.mark.parametrize(
    ("name", "op", "flops"),
    [
        ("lstm", "lstm_scan", 2 * 32 * 80 * 64 * 256),
        ("lstm", "lstm_vjp", 4 * 32 * 80 * 64 * 256),
        ("transformer", "attend", 2 * 2 * 32 * 2 * 200 * 200 * 32),
        ("transformer", "attend_vjp", 5 * 2 * 32 * 2 * 200 * 200 * 32),
    ],
)
def test_products_inside_kernels_are_counted(name, op, flops):
    roofline = script("roofline")
    _, model, _, (x, y) = roofline.workload(name)
    model.fit(x, y, batch_size=len(x), verbose=0)
    plan = model._functions["train"].compiled.last.plan
    found = [roofline.counts(i, 1, 1) for i in plan.program.instructions if i.op == op]
    assert [f for f, _ in found] == [flops]


def test_growth_is_told_as_a_slope():
    growth = script("growth")
    points = (1, 2, 4, 8, 16)
    assert growth.slope(points, [3 * p for p in points]) == pytest.approx(1)
    assert growth.slope(points, [0.1] * 5) == pytest.approx(0)
    assert growth.slope(points, [1, 1, 4, 16, 64]) == pytest.approx(2)  # of the second half


@pytest.mark.parametrize("subject", ["layers", "vocabulary", "steps"])
def test_growth_prints_a_table(subject, capsys):
    growth = script("growth")
    growth.main([subject, "--quick"])
    said = capsys.readouterr().out
    assert f"| {growth.SUBJECTS[subject].unit} |" in said
    assert f"{subject}: slope" in said
