"""Ctrl-C, sent for real to a training process."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from autonet.training.interrupt import Interrupt

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
import autonet as keras

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).random((5000, 20), dtype="float32")
y = x.sum(axis=1, keepdims=True)
model = keras.Sequential([keras.layers.Dense(30, activation="tanh", input_shape=(20,)), keras.layers.Dense(1)])
model.compile("adam", "mse", run_eagerly={eager})
threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
history = model.fit(x, y, batch_size=10, epochs=100000, verbose=0)
assert {eager} or len(history.history["loss"]) >= 1
steps = int(model.optimizer.iterations)
assert steps > 0
before = model.evaluate(x, y, verbose=0)
assert np.isfinite(before)
model.fit(x, y, batch_size=10, epochs=1, verbose=0)
assert int(model.optimizer.iterations) == steps + 500
assert model.evaluate(x, y, verbose=0) < max(2 * before, 0.1)    # near its end a training goes up and down
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("usable")
"""


@pytest.mark.parametrize("eager", [False, True])
def test_fit_returns_what_it_has_and_the_model_goes_on(eager):
    script = textwrap.dedent(SCRIPT).format(eager=eager)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("usable\n")


def test_a_step_is_not_cut_in_two():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        with interrupt.step:
            os.kill(os.getpid(), signal.SIGINT)
            done.append("first half")
            done.append("second half")
        done.append("never")
    assert done == ["first half", "second half"]


def test_a_second_one_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt, interrupt.step:
        os.kill(os.getpid(), signal.SIGINT)
        done.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        done.append("never")
    assert done == ["after the first"]


def test_between_steps_it_comes_at_once_and_the_old_handler_comes_back():
    with pytest.raises(KeyboardInterrupt), Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_stays_in_charge():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *a: seen.append(a))
    try:
        with Interrupt() as interrupt, interrupt.step:
            os.kill(os.getpid(), signal.SIGINT)
        assert len(seen) == 1
    finally:
        signal.signal(signal.SIGINT, before)


class Ranks:
    """What a Communicator says of Ctrl-C, of two ranks."""

    def __init__(self):
        self.asked_to_stop = self.told = False

    def exchange(self):
        self.told = self.told or self.asked_to_stop

    def agreed_to_stop(self):
        told, self.told = self.told, False
        self.asked_to_stop = self.asked_to_stop and not told
        return told


def test_ranks_stop_after_the_step_in_which_all_know():
    ranks, steps = Ranks(), []
    with pytest.raises(KeyboardInterrupt), Interrupt(ranks) as interrupt:
        for step in range(9):
            with interrupt.step:
                steps.append(step)
                if step == 2:
                    ranks.exchange()
                    signal.raise_signal(signal.SIGINT)
                ranks.exchange() if step == 3 else None
    assert steps == [0, 1, 2, 3] and not ranks.asked_to_stop


@pytest.mark.parametrize("known", [False, True])
def test_ctrl_c_after_the_last_exchange_stops_no_later_training(known):
    ranks = Ranks()
    raised = False
    try:
        with Interrupt(ranks):
            signal.raise_signal(signal.SIGINT)
            if known:  # outside of a step, as where metrics are gathered
                ranks.exchange()
    except KeyboardInterrupt:
        raised = True
    assert raised is not known  # where nobody else knows, this rank's end tells them
    assert not ranks.asked_to_stop and not ranks.told
    with Interrupt(ranks) as interrupt, interrupt.step:
        ranks.exchange()
