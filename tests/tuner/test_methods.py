"""Methods: grids cover, coarse to fine shrinks, halving's arithmetic, draws by number."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import tuner
from autonet.errors import ArgumentError
from autonet.tuner.trial import Outcome, rank

SPACE = tuner.Space(rate=tuner.Log(1e-4, 1e-1), units=tuner.Integer(1, 4), kind=tuner.Choice(["a", "b"]))
counts = st.integers(1, 60)


def task(trials, **more):
    return tuner.Task(SPACE, trials, **{"seed": 5, "mode": "max", **more})


def walk(method, task, score):
    """All rounds, as lists of orders, with scores by a function of the order."""
    rounds, seen = method.rounds(task), []
    orders = next(rounds)
    while True:
        seen.append(orders)
        try:
            orders = rounds.send([Outcome(o.number, o.parameters, score(o), o.epochs) for o in orders])
        except StopIteration:
            return seen


@given(trials=counts, seed=st.integers(0, 2**32 - 1))
def test_random_draws_by_the_number_of_the_trial(trials, seed):
    (orders,) = walk(tuner.Random(), task(trials, seed=seed), lambda o: 0.0)
    (more,) = walk(tuner.Random(), task(trials + 3, seed=seed, workers=2), lambda o: 1.0)
    assert more[:trials] == orders and [o.number for o in more] == list(range(trials + 3))
    assert len({o.seed for o in more}) == len(more) == len({o.parameters["rate"] for o in more})
    assert all(SPACE.contains(o.parameters) for o in more)


@pytest.mark.parametrize("points", [1, 2, 3, {"rate": 5, "units": 2}])
def test_a_grid_is_every_combination_once(points):
    method = tuner.Grid(points)
    (orders,) = walk(method, task(None), lambda o: 0.0)
    made = [tuple(o.parameters.values()) for o in orders]
    assert sorted(made) == sorted(itertools.product(*method.values(SPACE)))
    assert len(set(made)) == len(made)
    assert {m[2] for m in made} == {"a", "b"}


@given(trials=st.integers(2, 60))
def test_a_grid_is_the_largest_that_the_number_allows(trials):
    (orders,) = walk(tuner.Grid(), task(trials), lambda o: 0.0)
    points = len({o.parameters["rate"] for o in orders})
    assert len(orders) <= trials
    assert math.prod(map(len, tuner.Grid(points + 1).values(SPACE))) > trials


def test_a_grid_that_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match="smallest grid over this space has 2"):
        next(tuner.Grid().rounds(task(1)))
    with pytest.raises(ArgumentError, match="has 12 trials here; received trials=5"):
        next(
            tuner.Grid(2).rounds(
                tuner.Task(tuner.Space(a=tuner.Uniform(0, 1), b=tuner.Choice([*"abcdef"])), 5, 0, "max")
            )
        )
    with pytest.raises(ArgumentError, match="its size"):
        next(tuner.Grid().rounds(task(None)))
    with pytest.raises(ArgumentError, match="Use its names"):
        next(tuner.Grid({"rat": 3}).rounds(task(None)))


@pytest.mark.parametrize("mode", ["max", "min"])
def test_coarse_to_fine_closes_in(mode):
    sign = 1 if mode == "max" else -1
    target = 0.003

    def score(o):
        return -sign * (abs(math.log(o.parameters["rate"] / target)) + (o.parameters["kind"] == "a"))

    method = tuner.CoarseToFine(steps=4, keep=2, shrink=0.5)
    rounds = walk(method, task(42, mode=mode), score)
    assert [len(r) for r in rounds] == [11, 11, 10, 10]
    assert [o.number for r in rounds for o in r] == list(range(42))
    spans, centres = [], []
    for orders in rounds:
        positions = [SPACE.scales["rate"].position(o.parameters["rate"]) for o in orders]
        spans.append(max(positions) - min(positions))
        centres.append(sum(positions) / len(positions))
    for k, span in enumerate(spans):
        assert span <= 0.5**k + 1e-9
    assert abs(centres[-1] - SPACE.scales["rate"].position(target)) < 0.15
    assert {o.parameters["kind"] for o in rounds[-1]} == {"b"}
    assert all(SPACE.contains(o.parameters) for r in rounds for o in r)


def test_coarse_to_fine_stays_where_nothing_has_a_score():
    rounds = walk(tuner.CoarseToFine(), task(30), lambda o: math.nan)
    positions = [SPACE.scales["rate"].position(o.parameters["rate"]) for o in rounds[-1]]
    assert max(positions) - min(positions) > 0.5


def test_a_grid_of_choices_needs_no_size():
    choices = {"a": tuner.Choice([1, 2, 3]), "b": tuner.Choice(["x", "y"])}
    result = tuner.search(lambda trial: trial.parameters["a"], choices, "grid", seed=1, verbose=0)
    found = [tuple(o.parameters.values()) for o in result.outcomes]
    assert found == list(itertools.product([1, 2, 3], ["x", "y"]))
    with pytest.raises(ArgumentError, match="needs to know its size"):
        tuner.search(lambda trial: 0.0, {**choices, "c": tuner.Log(0.1, 1)}, "grid", seed=1, verbose=0)


@given(trials=counts, factor=st.integers(2, 5), first=st.integers(1, 4), last=st.none() | st.integers(4, 50))
def test_halving_in_numbers(trials, factor, first, last):
    method = tuner.Halving(factor, first, last)
    rungs = method.rungs(trials)
    numbers, epochs = zip(*rungs, strict=True)
    assert numbers[0] == trials and epochs[0] == first
    assert numbers[-1] == 1 or epochs[-1] == last
    for (n, e), (m, f) in itertools.pairwise(rungs):
        assert m == max(n // factor, 1) and f == min(e * factor, last or math.inf) and f > e
    rounds = walk(method, task(trials), lambda o: math.sin(o.number * 7.0))
    assert [(len(r), r[0].epochs) for r in rounds] == rungs
    trained = {}
    for orders in rounds:
        for o in orders:
            trained[o.number] = max(trained.get(o.number, 0), o.epochs)
    assert sum(trained.values()) == method.cost(trials)
    assert all(n * e <= trials * first for n, e in rungs if n > 1)


def test_all_rungs_cost_alike():
    assert tuner.Halving(3).rungs(27) == [(27, 1), (9, 3), (3, 9), (1, 27)]
    assert tuner.Halving(2).rungs(8) == [(8, 1), (4, 2), (2, 4), (1, 8)]
    assert tuner.Halving(3).rungs(27, 5) == [(27, 1), (9, 3), (3, 5)]
    assert tuner.Halving(3).cost(27) == 27 + 9 * 2 + 3 * 6 + 18


@pytest.mark.parametrize("mode", ["max", "min"])
def test_halving_lets_the_best_go_on(mode):
    sign = 1 if mode == "max" else -1
    rounds = walk(tuner.Halving(2), task(8, mode=mode), lambda o: sign * o.number if o.number != 7 else math.nan)
    assert [[o.number for o in r] for r in rounds] == [[*range(8)], [6, 5, 4, 3], [6, 5], [6]]
    for orders in rounds[1:]:
        for o in orders:
            before = rounds[0][o.number]
            assert (o.parameters, o.seed) == (before.parameters, before.seed)


def test_halving_ends_where_nothing_has_a_score():
    assert len(walk(tuner.Halving(2), task(8), lambda o: math.nan)) == 1


def test_nan_is_worst_and_the_earlier_of_equal_ones_is_better():
    scores = [math.nan, 1.0, -math.inf, 3.0, 3.0, math.inf]
    outcomes = [Outcome(n, {}, s) for n, s in enumerate(scores)]
    assert [o.number for o in rank(outcomes, "max")] == [5, 3, 4, 1, 2, 0]
    assert [o.number for o in rank(outcomes, "min")] == [2, 1, 3, 4, 5, 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: tuner.Grid(0),
        lambda: tuner.Grid({"rate": 1.5}),
        lambda: tuner.CoarseToFine(steps=0),
        lambda: tuner.CoarseToFine(keep=True),
        lambda: tuner.CoarseToFine(shrink=1),
        lambda: tuner.Halving(1),
        lambda: tuner.Halving(3, 0),
        lambda: tuner.Halving(3, 4, 2),
        lambda: next(tuner.Random().rounds(task(None))),
        lambda: next(tuner.Halving().rounds(task(None))),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
