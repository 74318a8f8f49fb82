"""Where chance comes from: SeedGenerator, and the global one for draws that name none.

A generator's state is two words, (seed, draws made). A draw is a function of the state alone, so a run repeats when its
seeds do, in any order in which independent generators are asked.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Self

import numpy as np

from autonet.common.signatures import no_argument
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError
from autonet.untrusted.faults import described
from autonet.variable import Variable

_LIMIT = 2**32
_ONE_DRAW = np.array([0, 1], np.uint32)
_names = itertools.count()


class SeedGenerator:
    """A source of random draws that go on from one call to the next, and repeat from the same seed.

    Args:
        seed: integer from 0 to 2**32 - 1; None takes one from the stream that `utils.set_random_seed` starts.
        name: prefix of the state's path.

    Raises: ArgumentError for another seed.

    >>> g = SeedGenerator(seed=7)
    >>> g.next(), g.next()
    (Tensor([7, 0], dtype=uint32), Tensor([7, 1], dtype=uint32))
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        if kwargs:
            raise no_argument("SeedGenerator", next(iter(kwargs)), ("seed", "name"))
        if name is None:
            number = next(_names)
            name = f"seed_generator_{number}" if number else "seed_generator"
        self.name = name
        self.seed = seed  # as given: a copy made from the configuration of an unseeded generator is unseeded
        start = fresh_seed() if seed is None else checked_seed(seed)
        self.state = Variable(np.array([start, 0], np.uint32), trainable=False, name="seed_generator_state")
        self.state.path = f"{name}/seed_generator_state"

    def next(self, ordered: bool = True) -> Tensor:
        """The state for one draw; the generator moves on to the next. (`ordered` is a hint without effect.)"""
        now = self.state.value
        self.state.assign_add(_ONE_DRAW)
        return now

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes another one."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one, from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<SeedGenerator name={self.name}, seed={self.seed}>"


def checked_seed(seed: Any) -> int:
    """`seed` if it is an integer that a generator can start from; ArgumentError otherwise."""
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < _LIMIT:
        return int(seed)
    raise ArgumentError(
        f"A seed is an integer from 0 to 2**32 - 1, or a SeedGenerator; received {seed!r} of type {type(seed).__name__}."
    )


class _Apart(threading.local):
    """What a thread has to itself inside `apart`; None outside."""

    fresh: Random | None = None
    generator: SeedGenerator | None = None


_fresh = Random()  # gives seeds to whoever was given none
_global: SeedGenerator | None = None
_apart = _Apart()


@contextmanager
def apart(seed: int) -> Iterator[None]:
    """Inside, this thread has a global generator and a stream of seeds of its own, which start from `seed`.

    What is drawn inside depends on the seed alone, whatever other threads draw meanwhile, and what is drawn after it is as
    if nothing had been drawn inside.
    """
    before = _apart.fresh, _apart.generator
    _apart.fresh, _apart.generator = Random(seed), SeedGenerator(seed, name="global_seed_generator")
    try:
        yield
    finally:
        _apart.fresh, _apart.generator = before


def _stream() -> Random:
    return _fresh if _apart.fresh is None else _apart.fresh


def fresh_seed() -> int:
    """The next seed for whatever was made without one; repeatable after `set_global_seed`."""
    return _stream().randrange(_LIMIT)


def global_generator() -> SeedGenerator:
    """The generator behind draws with `seed=None`."""
    global _global
    if _apart.generator is not None:
        return _apart.generator
    if _global is None:
        _global = SeedGenerator(name="global_seed_generator")
    return _global


def set_global_seed(seed: int) -> None:
    """Restart the global generator, and the stream of seeds for whatever is made without one."""
    seed = checked_seed(seed)
    generator = global_generator()  # made before the stream restarts: its own first seed comes from there
    _stream().seed(seed)
    generator.state.assign(np.array([seed, 0], np.uint32))


def get_stream() -> list[Any]:
    """Where the stream of seeds stands, as plain values."""
    version, words, rest = _stream().getstate()
    return [version, list(words), rest]


def set_stream(kept: Any) -> None:
    """Put the stream of seeds where `get_stream` found it.

    Raises: ArgumentError for anything else.
    """
    try:
        version, words, rest = kept
        good = len(words) == 625 and all(type(w) is int and 0 <= w < 2**32 for w in words) and words[-1] <= 624
        if not good or version != 3 or not (rest is None or type(rest) is float):
            raise ValueError("out of range")
        _stream().setstate((version, tuple(words), rest))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"This is no state of a stream of seeds: {error}.") from None


def draw_state(seed: int | SeedGenerator | None = None) -> Tensor:
    """The state for one draw from `seed`.

    A SeedGenerator moves on, an integer gives the same state every time, None asks the global generator.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_generator().next()
    if isinstance(seed, Tensor):  # a state that was drawn before
        return convert_to_tensor(seed, "uint32")
    return wrap(np.array([checked_seed(seed), 0], np.uint32))


def numpy_generator(generator: SeedGenerator) -> np.random.Generator:
    """NumPy's generator for draws that no program records, such as an order of rows; `generator` moves on by one draw."""
    state = generator.next().numpy()
    return np.random.Generator(np.random.Philox(key=int(state[0]), counter=[0, 0, 0, int(state[1])]))
