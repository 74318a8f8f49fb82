import os
import threading
import time

import pytest

from autonet.common.locks import in_turn, lock, turns


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_finds_it_open():
    held, go = lock(), threading.Event()

    def hold():
        with held:
            taken.set()
            go.wait()

    taken = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    child = os.fork()
    if not child:
        os._exit(0 if held.acquire(timeout=5) else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
        assert not held.acquire(blocking=False)
    finally:
        go.set()
        thread.join()


NONE: frozenset[str] = frozenset()
A, B = frozenset("a"), frozenset("b")


class Worker(threading.Thread):
    """A turn in a thread of its own, that lasts until it is told to end."""

    def __init__(self, uses, changes):
        super().__init__(daemon=True)
        self.turn, self.begun, self.told = (uses, changes), threading.Event(), threading.Event()
        before = len(turns)
        self.start()
        while len(turns) == before:  # so that turns are in a known order
            time.sleep(0.001)

    def run(self):
        in_turn(*self.turn, lambda: (self.begun.set(), self.told.wait(60)))

    def end(self):
        self.told.set()
        self.join(60)
        assert not self.is_alive()


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        ((A, NONE), (A, NONE), False),
        ((A, A), (A, NONE), True),
        ((A, NONE), (A, A), True),
        ((A, A), (A, A), True),
        ((A, A), (B, B), False),
        ((A | B, B), (A, NONE), False),
        ((A | B, B), (A, A), True),
    ],
)
def test_a_turn_waits_for_earlier_ones_that_change_what_it_uses(first, second, waits):
    one = Worker(*first)
    other = Worker(*second)
    assert one.begun.wait(60)
    assert other.begun.wait(0.05 if waits else 60) is not waits
    one.end()
    assert other.begun.wait(60)
    other.end()
    assert not turns


def test_who_comes_first_goes_first():
    one, other = Worker(A, A), Worker(A, A)
    last = Worker(A, NONE)
    one.end()
    assert other.begun.wait(60) and not last.begun.wait(0.05)
    other.end()
    assert last.begun.wait(60)
    last.end()


def test_turns_inside_of_a_turn_wait_for_nobody():
    waiting = []

    def inside():
        waiting.append(Worker(A, A))
        return in_turn(A, A, lambda: 3)

    assert in_turn(A, A, inside) == 3
    assert waiting[0].begun.wait(60)
    waiting[0].end()


def test_a_turn_ends_with_an_error_too():
    with pytest.raises(ZeroDivisionError):
        in_turn(A, A, lambda: 1 / 0)
    assert not turns


def test_a_turn_that_was_interrupted_at_its_very_end_is_over():
    turns[threading.Lock()] = 0, A, A
    assert in_turn(A, A, lambda: 3) == 3 and not turns


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_turns_of_the_parent_are_none_of_a_child():
    one = Worker(A, A)
    child = os.fork()
    if not child:
        os._exit(in_turn(A, A, lambda: 0))
    assert os.waitpid(child, 0)[1] == 0
    one.end()
