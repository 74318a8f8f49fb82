import io
import sys
import time

import pytest

from autonet.utils import progress
from autonet.utils.progress import Progbar, format_seconds, format_value


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_one_plain_line(capsys):
    bar = Progbar(3)
    for step in range(3):
        bar.update(step + 1, [("loss", step)])
    out = capsys.readouterr().out
    assert out.startswith("3/3 - 0s - ")
    assert out.endswith("/step - loss: 1.0000\n")
    assert "\r" not in out and "\x1b" not in out


def test_a_long_loop_in_a_pipe_reports_now_and_then(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.02)
    stream = io.StringIO()
    bar = Progbar(6, stream=stream)
    for step in range(6):
        time.sleep(0.015)
        bar.update(step + 1)
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 6
    assert lines[-1].startswith("6/6")


def test_a_terminal_gets_a_bar_drawn_at_most_ten_times_a_second():
    stream = Terminal()
    bar = Progbar(10**6, stream=stream, title="Epoch 1/2")
    start, step = time.perf_counter(), 0
    while time.perf_counter() - start < 30 and stream.getvalue().count("loss=0.5") < 4:
        step += 1
        bar.update(step, {"loss": 0.5})
    bar.update(step, finalize=True)
    drawings = stream.getvalue().count("loss=0.5")
    assert 4 <= drawings <= 3 + 10 * (time.perf_counter() - start)
    assert "Epoch 1/2" in stream.getvalue()
    assert stream.getvalue().endswith("\n")


def test_a_slow_step_is_drawn_when_it_is_done_and_the_last_always():
    stream = Terminal()
    bar = Progbar(3, stream=stream)
    time.sleep(0.11)
    bar.update(1)
    assert "1/3" in stream.getvalue()
    bar.update(2)
    assert "2/3" not in stream.getvalue()
    bar.update(3)
    assert "3/3" in stream.getvalue()


def test_a_loop_that_is_soon_over_leaves_one_line():
    stream = Terminal()
    bar = Progbar(2, stream=stream, title="Epoch 7/9")
    bar.update(1)
    bar.update(2, {"loss": 0.5})
    assert stream.getvalue().startswith("Epoch 7/9 - 2/2 - 0s - ")
    assert stream.getvalue().count("\n") == 1 and "\r" not in stream.getvalue()


def test_due_lets_the_caller_skip_reports():
    bar = Progbar(10**7, stream=Terminal())
    calls = 0
    for step in range(1, 200_001):
        if step >= bar.due:
            bar.update(step)
            calls += 1
    assert calls < 2_000


def test_an_update_costs_little():
    """It asks the clock, and almost never does more."""
    bar = Progbar(10**7, stream=Terminal())
    calls = 0

    def counted(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(counted)
    try:
        for step in range(1, 20_001):
            bar.update(step)
    finally:
        sys.setprofile(None)
    assert calls < 3 * 20_000


def test_silent_and_one_line(capsys):
    for verbose in (0, 2):
        bar = Progbar(2, verbose=verbose)
        bar.update(1)
        assert capsys.readouterr().out == ""
        bar.update(2, [("loss", 1.0)])
    assert capsys.readouterr().out.count("\n") == 1


def test_values_are_averaged_over_steps_unless_they_are_stateful(capsys):
    bar = Progbar(4, stateful_metrics=["accuracy"])
    bar.update(1, [("loss", 1.0), ("accuracy", 0.1)])
    bar.update(4, [("loss", 3.0), ("accuracy", 0.9)])
    assert capsys.readouterr().out.endswith("loss: 2.5000 - accuracy: 0.9000\n")
    bar = Progbar(2, stateless_metrics=["loss"])
    bar.add(1, [("loss", 1.0), ("accuracy", 0.1)])
    bar.add(1, [("loss", 3.0), ("accuracy", 0.9)])
    assert bar.seen_so_far == 2
    assert capsys.readouterr().out.endswith("loss: 2.0000 - accuracy: 0.9000\n")


def test_an_unknown_number_of_steps(capsys):
    bar = Progbar(None, unit_name="batch")
    bar.update(5)
    assert capsys.readouterr().out == ""
    bar.update(7, finalize=True)
    assert capsys.readouterr().out.startswith("7/? - 0s - ")


def test_nothing_is_said_after_the_end(capsys):
    bar = Progbar(1)
    bar.update(1)
    bar.update(1)
    bar.close()
    assert capsys.readouterr().out.count("\n") == 1


def test_no_thread_watches_the_bar():
    import threading

    before = threading.active_count()
    bar = Progbar(2, stream=Terminal())
    time.sleep(0.11)
    bar.update(1)
    assert threading.active_count() == before
    bar.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (0, "0.0000"), (1e-5, "1.0000e-05"), (2.5e7, "2.5000e+07"), (float("nan"), "nan"), ("x", "x")],
)
def test_values_in_few_characters(value, text):
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2e-5, "20us"), (0.02, "20ms"), (3.2, "3s"), (59.7, "1m00s"), (185, "3m05s"), (7620, "2h07m")]
)
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


class Full(io.StringIO):
    def flush(self):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_no_reason_to_stop():
    bar = Progbar(2, verbose=2, stream=Full())
    with pytest.warns(UserWarning, match=r"Progress cannot be written \(No space left on device\)"):
        bar.update(2)
    assert bar.seen_so_far == 2


def test_a_program_without_standard_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    for verbose in (1, 2):
        bar = Progbar(2, verbose=verbose)
        bar.update(1)
        bar.update(2)
        assert bar.seen_so_far == 2


def test_a_note_stands_until_values_do():
    stream = Terminal()
    bar = Progbar(3, stream=stream, title="Epoch 1/2")
    bar.note("compiling")
    assert "Epoch 1/2" in stream.getvalue() and "compiling]" in stream.getvalue()
    time.sleep(0.11)
    bar.update(1, {"loss": 0.5})
    assert "compiling" not in stream.getvalue().rpartition("\r")[2] and "loss=0.5" in stream.getvalue()
    bar.update(3, {"loss": 0.5})
    assert stream.getvalue().endswith("\n") and "compiling" not in stream.getvalue().rpartition("\r")[2]
    pipe = io.StringIO()
    for silent in (
        Progbar(3, stream=pipe),
        Progbar(3, stream=pipe, verbose=0),
        Progbar(3, stream=Terminal(), verbose=2),
    ):
        silent.note("compiling")
    assert pipe.getvalue() == ""
