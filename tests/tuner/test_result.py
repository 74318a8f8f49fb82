"""Result: a table that fits, pictures on the scales of the parameters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import tuner
from autonet.errors import ArgumentError
from autonet.tuner.trial import Outcome
from tests.tuner.objectives import SPACE, failing, smooth


@given(
    trials=st.integers(1, 40),
    dimensions=st.integers(1, 12),
    length=st.integers(1, 40),
    failed=st.booleans(),
    mode=st.sampled_from(["min", "max"]),
)
def test_the_table_fits_80_columns_and_is_sorted(trials, dimensions, length, failed, mode):
    space = tuner.Space(**{f"{'p' * length}{k}": tuner.Log(1e-4, 1e4) for k in range(dimensions)})
    task = tuner.Task(space, trials, 1, mode)
    outcomes = [
        Outcome(
            n,
            task.order(n).parameters,
            math.nan if failed and n == 0 else math.sin(n),
            error="E: " + "x y " * 100 if failed and n == 0 else None,
        )
        for n in range(trials)
    ]
    result = tuner.Result(space, mode, 1, outcomes)
    lines = repr(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert ("failed, first trial 0" in repr(result)) == failed
    scores = [float(line.split()[1]) for line in lines[2:] if line.split()[0].isdigit() and "failed" not in line]
    known = [s for s in scores if s == s]
    assert known == sorted(known, reverse=mode == "max")
    assert [o.score != o.score for o in result.trials] == sorted(o.score != o.score for o in result.trials)


def test_the_table_as_it_is():
    space = tuner.Space(rate=tuner.Log(1e-4, 1e-1), kind=tuner.Choice(["relu", (64, 32)]))
    outcomes = [
        Outcome(0, {"rate": 0.01, "kind": "relu"}, 0.875, 1),
        Outcome(1, {"rate": 0.002, "kind": (64, 32)}, 0.5, 1),
    ]
    outcomes.append(Outcome(0, {"rate": 0.01, "kind": "relu"}, 0.9375, 3))
    assert repr(tuner.Result(space, "max", 1, outcomes)).splitlines() == [
        "2 trials, best first (larger scores are better)",
        "trial   score  epochs   rate      kind",
        "    0  0.9375       3   0.01      relu",
        "    1     0.5       1  0.002  (64, 32)",
    ]
    assert tuner.Result(space, "max", 1, outcomes).best == outcomes[2]


def test_rows_are_plain():
    rows = tuner.search(failing, SPACE, trials=3, seed=1, verbose=0).rows()
    assert [r["trial"] for r in rows] == [0, 1, 2]
    assert rows[0].keys() == {"trial", "score", "rate", "units", "kind", "epochs", "seconds", "error"}
    assert rows[1]["error"].startswith("ZeroDivisionError")


def test_without_trials():
    result = tuner.Result(SPACE, "max", 1, [])
    assert repr(result) == "<Result of no trials>"
    with pytest.raises(ArgumentError):
        _ = result.best


@pytest.mark.extra("plot")
@pytest.mark.parametrize("method", ["random", "halving"])
def test_pictures(method):
    space = tuner.Space(
        **SPACE.scales,
        drop=tuner.Uniform(0, 0.5),
        momentum=tuner.OneMinus(0.9, 0.999),
        wide=tuner.Integer(16, 512, log=True),
    )
    result = tuner.search(failing if method == "random" else smooth, space, method, 9, seed=1, verbose=0)
    figure = result.plot()
    figure.canvas.draw()
    panels = [a for a in figure.axes if a.get_visible()]
    assert [a.get_xlabel() for a in panels] == list(space.scales)
    scored = [o for o in result.trials if o.score == o.score]
    for axes, (name, scale) in zip(panels, space.scales.items(), strict=True):
        points, best = axes.lines
        assert list(points.get_ydata()) == [o.score for o in scored]
        assert list(points.get_xdata()) == [scale.position(o.parameters[name]) for o in scored]
        assert best.get_ydata()[0] == result.best.score
    figure = result.plot_parallel()
    figure.canvas.draw()
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(space.scales) + 1]
    assert len(lines) == len(scored)
    ends = [line.get_ydata()[-1] for line in lines]
    assert (min(ends), max(ends)) == (0, 1) and ends[-1] == 1


@pytest.mark.extra("plot")
def test_nothing_is_drawn_of_nothing():
    result = tuner.Result(SPACE, "max", 1, [])
    for draw in (result.plot, result.plot_parallel):
        with pytest.raises(ArgumentError, match="nothing to draw"):
            draw()
