"""A run of the C compiler is announced to who waits for it: once for a step, in its own thread, and not when nothing runs."""

import io
import threading

import numpy as np
import pytest

import autonet
from autonet import layers
from autonet.compiler.account import announce, announcing
from autonet.compiler.c.runtime import toolchain


def test_only_who_listens_is_told():
    told = []
    announce()
    with announcing(lambda: told.append(1)):
        announce()
        with announcing(lambda: told.append(2)):
            announce()
        other = threading.Thread(target=announce)
        other.start()
        other.join()
    announce()
    assert told == [1, 2]


@pytest.mark.parametrize("verbose", [0, 1])
def test_the_bar_says_that_a_step_is_compiled(verbose, monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    if toolchain.find() is None:
        return  # nothing is compiled here
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "cache"))
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    m = autonet.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(1)])
    m.compile("sgd", "mse")
    x = np.ones((64, 2), "float32")
    m.fit(x, x[:, :1], verbose=verbose)
    assert ("compiling]" in out.getvalue()) == bool(verbose)
    before = len(out.getvalue())
    m.fit(x, x[:, :1], verbose=verbose)
    assert "compiling" not in out.getvalue()[before:]
