"""CSVLogger and ProgbarLogger."""

import csv
import os
import sys
import time

import pytest

from autonet.callbacks import CallbackList, CSVLogger, History, LambdaCallback, ProgbarLogger
from autonet.callbacks.reports import curves
from autonet.errors import DataError

from .models import Counter, fit


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_a_line_for_each_epoch(tmp_path):
    path = tmp_path / "new" / "log.csv"
    fit([CSVLogger(path)], [{"loss": 0.1, "acc": 1.0}, {"loss": 1 / 3, "acc": 0.5, "val_loss": 2.0, "val_acc": 0.0}])
    assert rows(path) == [
        ["epoch", "acc", "loss", "val_acc", "val_loss"],
        ["0", "1.0", "0.1", "NA", "NA"],
        ["1", "0.5", str(1 / 3), "0.0", "2.0"],
    ]


def test_the_file_is_complete_after_every_epoch(tmp_path):
    path = tmp_path / "log.csv"

    def check(epoch, logs):
        assert len(rows(path)) == epoch + 2

    fit([CSVLogger(path, separator=";"), LambdaCallback(on_epoch_end=check)], [{"loss": 1.0}] * 3)
    assert rows(path, ";")[1] == ["0", "1.0", "NA"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_said_with_the_file(tmp_path):
    path = tmp_path / "log.csv"
    path.symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"CSVLogger cannot write epoch 1 to .*log.csv.* \(No space left on device\)"):
        fit([CSVLogger(path)], [{"loss": 1.0}])


def test_append_goes_on_with_the_columns_that_are_there(tmp_path):
    path = tmp_path / "log.csv"
    fit([CSVLogger(path)], [{"loss": 1.0, "val_loss": 2.0}])
    logger = CSVLogger(path, append=True)
    fit([logger], [{"val_loss": 4.0, "loss": 3.0}])
    with pytest.warns(UserWarning, match="no column for acc"):
        fit([logger], [{"loss": 5.0, "acc": 1.0}, {"loss": 6.0, "acc": 1.0}])
    assert rows(path) == [
        ["epoch", "loss", "val_loss"],
        ["0", "1.0", "2.0"],
        ["0", "3.0", "4.0"],
        ["0", "5.0", "NA"],
        ["1", "6.0", "NA"],
    ]
    fit([CSVLogger(path)], [{"loss": 7.0}])
    assert len(rows(path)) == 2


def test_append_after_a_line_that_was_cut_and_to_an_empty_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n0,1")
    fit([CSVLogger(path, append=True)], [{"loss": 2.0}])
    assert rows(path) == [["epoch", "loss"], ["0", "1"], ["0", "2.0"]]
    for text in ("epoch,loss", ""):
        path.write_text(text)
        fit([CSVLogger(path, append=True)], [{"loss": 2.0}])
        assert rows(path)[-1][:2] == ["0", "2.0"] and rows(path)[0][:2] == ["epoch", "loss"]


def test_append_after_a_row_that_is_not_whole(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,val_loss\n0,1.0,2.0\n1,0.")
    with pytest.warns(UserWarning, match=r"was cut off, '1,0\.', and is removed"):
        fit([CSVLogger(path, append=True)], [{"loss": 2.0}])
    assert rows(path)[1:] == [["0", "1.0", "2.0"], ["0", "2.0", "NA"]]
    path.write_text("epo")
    fit([CSVLogger(path, append=True)], [{"loss": 2.0}])
    assert rows(path) == [["epoch", "loss", "val_loss"], ["0", "2.0", "NA"]]


def test_append_refuses_a_file_of_another_kind(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n0,1\n")
    with pytest.raises(DataError, match="separator ';'"):
        fit([CSVLogger(path, separator=";", append=True)], [{"loss": 2.0}])
    assert path.read_text() == "epoch,loss\n0,1\n"


def test_values_that_are_arrays(tmp_path):
    import numpy as np

    path = tmp_path / "log.csv"
    fit([CSVLogger(path)], [{"loss": np.float32(0.5), "parts": np.array([1.0, 2.0]), "val_loss": 1}])
    assert rows(path) == [["epoch", "loss", "parts", "val_loss"], ["0", "0.5", "[1.0, 2.0]", "1"]]


# ProgbarLogger. How a bar is drawn is tested with utils.progress.


def test_one_line_for_each_epoch(capsys):
    fit([], [{"loss": 1.0}, {"loss": 0.25, "val_loss": 0.5}], steps=7, verbose=2, evaluate=True)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Epoch 1/2 - 7/7 - ") and first.endswith("loss: 1.0000")
    assert second.startswith("Epoch 2/2 - 7/7 - ") and second.endswith("loss: 0.2500 - val_loss: 0.5000")


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_plain_lines_where_nothing_can_be_redrawn(verbose, capsys):
    fit([], [{"loss": 1.0}] * 2, steps=1000, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "1000/1000" in lines[1] and "\r" not in "".join(lines)


def test_values_are_shown_as_they_are_not_averaged(capsys):
    many = CallbackList(add_progbar=True, model=Counter(), epochs=1, steps=None, verbose=1)
    many.on_train_begin()
    many.on_epoch_begin(0)
    assert many.due == 0  # the number of steps is unknown: each is counted
    for batch in range(5):
        many.on_train_batch_end(batch, {"loss": float(batch)})
    many.on_epoch_end(0, {"loss": 9.0})
    many.on_train_end()
    assert capsys.readouterr().out.endswith("loss: 9.0000\n")


def test_between_drawings_nobody_is_called():
    calls = []

    class Spy(ProgbarLogger):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)
            super().on_train_batch_end(batch, logs)

    many = CallbackList([Spy()], model=Counter(), epochs=1, steps=10**9, verbose=1)
    many.on_train_begin()
    many.on_epoch_begin(0)
    stop = time.perf_counter() + 0.05
    batch = -1
    while time.perf_counter() < stop:
        batch += 1
        many.on_train_batch_end(batch, lambda: {"loss": 1.0})
    assert batch > 1000 and len(calls) < batch / 20
    assert many.due > batch


def test_silence_means_that_nobody_looks():
    for verbose in (0, 2):
        many = CallbackList([ProgbarLogger()], model=Counter(), epochs=1, steps=5, verbose=verbose)
        many.on_train_begin()
        many.on_epoch_begin(0)
        assert many.due == sys.maxsize


def test_evaluate_and_predict_report_themselves(capsys):
    for kind in ("test", "predict"):
        many = CallbackList([ProgbarLogger()], model=Counter(), epochs=1, steps=3, verbose=2)
        getattr(many, f"on_{kind}_begin")()
        for batch in range(3):
            getattr(many, f"on_{kind}_batch_end")(batch, {"loss": 1.0, "outputs": object()})
        getattr(many, f"on_{kind}_end")({"loss": 1.0})
    test, predict = capsys.readouterr().out.splitlines()
    assert test.startswith("3/3") and "loss: 1.0000" in test
    assert predict.startswith("3/3") and "loss" not in predict and "outputs" not in predict


def test_an_interrupted_epoch_leaves_no_open_bar():
    logger = ProgbarLogger()
    many = CallbackList([logger], model=Counter(), epochs=1, steps=3, verbose=1)
    many.on_train_begin()
    many.on_epoch_begin(0)
    many.on_train_batch_end(0, {"loss": 1.0})
    many.on_train_end()
    assert logger._bar is None


def history_of(epochs):
    history = History()
    history.on_train_begin()
    for n in range(epochs):
        history.on_epoch_end(n, {"loss": 1 / (n + 1), **({"val_<b>": n} if n else {})})
    return history


@pytest.mark.parametrize("epochs", [0, 1, 2, 10, 11, 400])
def test_history_reads_well(epochs):
    history = history_of(epochs)
    lines = repr(history).splitlines()
    assert len(lines) == min(epochs + 1, 12) if epochs else lines == ["<History of no epochs>"]
    if epochs:
        assert lines[1].split()[:2] == ["1", "1.0000"] and lines[-1].split()[0] == str(epochs)
    assert "<b>" not in history._repr_html_()


@pytest.mark.extra("plot")
def test_history_draws_itself():
    drawn = history_of(5)._repr_html_()
    assert drawn.startswith("<svg") and "<table>" in drawn
    assert "<svg" not in history_of(1)._repr_html_()


def test_rarer_values_stand_beside_their_epochs():
    history = History()
    for n in range(6):
        history.on_epoch_end(n, {"loss": 1.0, **({"val_loss": 0.1 * n} if n % 2 else {})})
    assert history.history["val_loss"] == [0.1, 0.1 * 3, 0.5]
    rows = [line.split() for line in repr(history).splitlines()[1:]]
    assert [row[2:] for row in rows] == [[], ["0.1000"], [], ["0.3000"], [], ["0.5000"]]


@pytest.mark.extra("plot")
def test_curves_stand_over_their_epochs():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [5.0]}
    (axes,) = curves(history, ["loss"], {"val_loss": [1]}).axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3], [2]]
