"""SeedGenerator: its state counts draws, repeats from its seed, and is all that a draw depends on."""

import concurrent.futures
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import random
from autonet.compiler import Compiled
from autonet.core import no_grad
from autonet.errors import ArgumentError
from autonet.random import SeedGenerator
from autonet.random.seeds import apart, draw_state, fresh_seed, get_stream, global_generator, set_stream
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.utils import set_random_seed
from autonet.variable import Variable

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, n=st.integers(0, 5))
def test_counts_its_draws(seed, n):
    generator = SeedGenerator(seed)
    states = [generator.next().tolist() for _ in range(n)]
    assert states == [[seed, i] for i in range(n)]
    assert generator.state.numpy().tolist() == [seed, n]


def test_a_drawn_state_stays_what_it_was():
    generator = SeedGenerator(3)
    first = generator.next()
    generator.next()
    assert first.tolist() == [3, 0]


def test_state_is_a_variable_that_nobody_trains():
    generator = SeedGenerator(3, name="mine")
    assert isinstance(generator.state, Variable)
    assert (generator.state.dtype, generator.state.shape, generator.state.trainable) == ("uint32", (2,), False)
    assert generator.state.path == "mine/seed_generator_state"


def test_the_count_wraps_in_silence():
    generator = SeedGenerator(3)
    generator.state.assign(np.array([3, 2**32 - 1], np.uint32))
    generator.next()
    assert generator.next().tolist() == [3, 0]


def test_goes_on_where_its_state_was_put():
    """What saving a model stores of its generators is enough to go on."""
    generator, other = SeedGenerator(3), SeedGenerator(9)
    random.uniform((2,), seed=generator)
    other.state.assign(generator.state)
    np.testing.assert_array_equal(random.uniform((4,), seed=other), random.uniform((4,), seed=generator))


@given(a=seeds, b=seeds, order=st.permutations([0, 0, 0, 1, 1, 1]))
def test_generators_do_not_meet(a, b, order):
    """Whatever the order in which two generators are asked, each gives what it gives alone."""
    alone = [[random.uniform((3,), seed=g).tolist() for _ in range(3)] for g in (SeedGenerator(a), SeedGenerator(b))]
    generators, found = (SeedGenerator(a), SeedGenerator(b)), ([], [])
    for i in order:
        found[i].append(random.uniform((3,), seed=generators[i]).tolist())
    assert list(found) == alone


def test_a_number_repeats_a_generator_goes_on():
    a, b = (random.uniform((5,), seed=7).numpy() for _ in range(2))
    np.testing.assert_array_equal(a, b)
    generator = SeedGenerator(7)
    c, d = (random.uniform((5,), seed=generator).numpy() for _ in range(2))
    np.testing.assert_array_equal(a, c)
    assert not np.array_equal(c, d)


def test_without_a_seed_the_global_generator_goes_on():
    set_random_seed(5)
    a, b = random.uniform((5,)).numpy(), random.uniform((5,)).numpy()
    assert not np.array_equal(a, b)
    assert global_generator().state.numpy().tolist() == [5, 2]
    set_random_seed(5)
    np.testing.assert_array_equal(random.uniform((5,)), a)


def test_unseeded_generators_differ_and_repeat():
    def run():
        set_random_seed(5)
        return [SeedGenerator().next().tolist() for _ in range(3)], fresh_seed()

    states, following = run()
    assert len({tuple(s) for s in states}) == 3
    assert run() == (states, following)


def test_a_state_drawn_before_can_be_drawn_from_again():
    state = SeedGenerator(2).next()
    np.testing.assert_array_equal(random.normal((3,), seed=state), random.normal((3,), seed=2))
    assert draw_state(state).dtype == "uint32"


@pytest.mark.parametrize("seed, stored", [(None, None), (4, 4)])
def test_configuration_comes_back(seed, stored):
    generator = SeedGenerator(seed, name="mine")
    config = json.loads(json.dumps(serialize_keras_object(generator)))
    assert config == {
        "module": "keras.random",
        "class_name": "SeedGenerator",
        "config": {"seed": stored, "name": "mine"},
        "registered_name": None,
    }
    again = deserialize_keras_object(config)
    assert isinstance(again, SeedGenerator)
    assert np.array_equal(again.state.numpy(), generator.state.numpy()) is (seed is not None)


def test_a_copy_goes_on_by_itself():
    generator = SeedGenerator(4)
    generator.next()
    again = pickle.loads(pickle.dumps(generator))
    assert again.next().tolist() == generator.next().tolist() == [4, 1]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "a", True, [1]])
def test_what_is_no_seed(seed):
    for use in (SeedGenerator, lambda s: random.uniform((2,), seed=s), set_random_seed):
        with pytest.raises(ArgumentError, match="A seed is an integer from 0 to 2\\*\\*32 - 1"):
            use(seed)


def test_integers_of_numpy_are_seeds():
    assert SeedGenerator(np.int64(3)).next().tolist() == [3, 0]


def test_unknown_argument():
    with pytest.raises(ArgumentError, match="no argument 'colour'"):
        SeedGenerator(3, colour="red")


def test_replayed_draws_go_on_like_eager_ones():
    """A captured step advances the state; its replays draw what eager calls draw."""
    results = []
    for wrapped in (lambda f: f, lambda f: Compiled(f, native=False)):
        generator = SeedGenerator(8)
        f = wrapped(lambda generator=generator: random.normal((4,), 1.0, 2.0, seed=generator))
        with no_grad():
            results.append(([f().numpy() for _ in range(4)], generator.state.numpy()))
    (eager, state), (captured, replayed) = results
    np.testing.assert_array_equal(captured, eager)
    np.testing.assert_array_equal(replayed, state)
    assert state.tolist() == [8, 4]


def some_draws():
    found = [fresh_seed(), random.uniform((3,)).tolist(), SeedGenerator().state.tolist(), get_stream()]
    set_random_seed(8)
    return [*found, fresh_seed(), random.normal((2,)).tolist()]


@given(seed=seeds)
def test_chance_apart_depends_on_its_seed_alone_and_leaves_that_outside_alone(seed):
    set_random_seed(5)
    expected = fresh_seed(), random.uniform((2,)).tolist()
    set_random_seed(5)
    with apart(seed):
        first = some_draws()
        with apart(0):
            fresh_seed()
        stream = get_stream()
        later = fresh_seed()
        set_stream(stream)
        assert fresh_seed() == later
    assert (fresh_seed(), random.uniform((2,)).tolist()) == expected
    with apart(seed):
        assert some_draws() == first


def test_threads_apart_do_not_disturb_each_other():
    def draw(seed):
        with apart(seed):
            return [[fresh_seed(), random.uniform((2,)).tolist()] for _ in range(50)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, range(8)))
    assert together == [draw(seed) for seed in range(8)]
