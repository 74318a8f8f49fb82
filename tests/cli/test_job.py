import csv
import os
import re

import numpy as np
import pytest

from autonet.cli import main

from .test_options import run


def read_history(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_main_job_as_a_program(tmp_path):
    """Real digits: at least 97 % on the held-out fifth, in less than 10 s of a processor, with a table and each epoch's numbers."""
    before = os.times()
    answer = run(cwd=tmp_path)
    after = os.times()
    assert (answer.returncode, answer.stderr) == (0, "")
    out = answer.stdout
    assert "1,222 training, 216 validation, 359 test rows, 64 inputs, 10 classes" in out
    accuracy = float(re.search(r"^test +\S+ +([\d.]+) %$", out, re.MULTILINE)[1])
    assert accuracy >= 97.0
    epochs = re.search(r"^(\d+) of 60 epochs in [\d.]+ s", out, re.MULTILINE)[1]
    # other processes may have the processors at the same time
    assert after.children_user + after.children_system - before.children_user - before.children_system < 10
    rows = read_history(tmp_path / "autonet-run")
    assert len(rows) == int(epochs)
    assert set(rows[0]) >= {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}


def test_the_same_seed_gives_the_same_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        assert main(["--epochs", "2", "--layers", "16", "--output", folder, "--seed", "5"]) == 0
    assert main(["--epochs", "2", "--layers", "16", "--output", "c", "--seed", "6"]) == 0
    a, b, c = ((tmp_path / folder / "history.csv").read_text() for folder in "abc")
    assert a == b != c


def test_the_rate_decays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--epochs", "3", "--layers", "none", "--learning-rate", "0.01", "--decay", "1", "--quiet"]) == 0
    assert "training" in capsys.readouterr().out


@pytest.mark.extra("plot")
def test_curves_are_drawn_where_matplotlib_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--epochs", "2", "--layers", "8", "--output", "run"]) == 0
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "curves.png" in capsys.readouterr().out


def test_curves_are_left_out_where_it_is_not(tmp_path, monkeypatch, capsys):
    from autonet.cli import report

    monkeypatch.setattr(report, "installed", lambda name: False)
    monkeypatch.chdir(tmp_path)
    assert main(["--epochs", "1", "--layers", "8", "--no-batch-normalization", "--dropout", "0", "--l2", "0"]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.png"))


def test_a_table_of_ones_own(tmp_path, monkeypatch, capsys, rng):
    x = rng.standard_normal((300, 3)) * [1, 100, 1e-3] + [0, 500, 0]
    kind = np.where(x[:, 0] + (x[:, 1] - 500) / 100 > 0, "up", "down")
    lines = ["height,weight,dust,kind", *(",".join([*map(str, row), k]) for row, k in zip(x, kind, strict=True))]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    assert main(["mine.csv", "--target", "kind", "--layers", "16", "--optimizer", "sgd", "--learning-rate", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "204 training, 36 validation, 60 test rows, 3 inputs, 2 classes" in out
    assert float(re.search(r"^test +\S+ +([\d.]+) %$", out, re.MULTILINE)[1]) > 85


def test_an_npz_with_columns_that_never_change(tmp_path, monkeypatch, capsys, rng):
    x = np.zeros((80, 4, 4))
    y = rng.integers(0, 2, 80)
    x[:, 1, 1] = y
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    monkeypatch.chdir(tmp_path)
    assert main(["mine.npz", "--layers", "8", "--epochs", "20", "--learning-rate", "0.05"]) == 0
    assert re.search(r"^test +\S+ +100.0 %$", capsys.readouterr().out, re.MULTILINE)


def test_a_class_with_too_few_rows_is_named(tmp_path, monkeypatch, capsys):
    rows = [f"{i},{'common' if i else 'rare'}" for i in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    codes = {main(["mine.csv", "--epochs", "1", "--seed", str(seed)]) for seed in range(12)}
    assert codes == {0, 2}
    assert "Class rare has too few rows" in capsys.readouterr().err


def test_a_rate_that_is_far_too_high_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with np.errstate(all="ignore"):
        options = ["--optimizer", "sgd", "--learning-rate", "1000", "--epochs", "2", "--layers", "32,32"]
        assert main([*options, "--no-batch-normalization", "--activation", "linear", "--l2", "1000"]) == 0
    assert "lower --learning-rate" in capsys.readouterr().out


@pytest.mark.real_data("student_admissions.csv")
def test_real_admissions(tmp_path, monkeypatch, capsys):
    from autonet.utils.files import home

    path = home() / "datasets" / "student_admissions.csv"
    monkeypatch.chdir(tmp_path)
    assert main([str(path.resolve()), "--target", "admit", "--layers", "16", "--epochs", "10"]) == 0
    assert "3 inputs, 2 classes" in capsys.readouterr().out
