import os
import subprocess
import sys

import numpy as np
import pytest

from autonet.cli import main


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "autonet", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_lists_the_options(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    for word in ("DATA", "--layers", "--epochs", "--batch-size", "--optimizer", "--learning-rate", "--decay", "--seed"):
        assert word in out
    for word in ("digits", "mnist", ".npz", ".csv", "--output", "--task", "--save", "--drop", " run ", " predict "):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "argument --epochs: expected a whole number from 1, received '0'"),
        (["--epochs", "two"], "argument --epochs: expected a whole number from 1, received 'two'"),
        (["--layers", "64,-1"], "argument --layers: expected sizes such as 128,64, or none, received '-1'"),
        (["--layers", "64,"], "argument --layers: expected sizes"),
        (["--learning-rate", "nan"], "argument --learning-rate: expected a number above 0"),
        (["--decay", "-1"], "argument --decay: expected a number from 0"),
        (["--dropout", "1"], "argument --dropout: expected a share from 0 to 0.99"),
        (["--test", "0"], "argument --test: expected a share above 0"),
        (["--seed", "-3"], "argument --seed: expected a whole number"),
        (["--epoch", "3"], "unrecognized arguments: --epoch"),
        (["--nope"], "unrecognized arguments: --nope"),
        (["a.csv", "b.csv"], "unrecognized arguments: b.csv"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    err = capsys.readouterr().err
    assert left.value.code == 2
    assert err.count("\n") == 1
    assert err.startswith(f"python -m autonet: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digit"], "Unknown data set: 'digit'. Did you mean 'digits'?"),
        (["nowhere.csv"], "nowhere.csv: there is no such file."),
        (["notes.txt"], "notes.txt: expected an .npz or .csv file."),
        (["--optimizer", "adm"], "adm"),
        (["--activation", "rleu"], "rleu"),
        (["--target", "x"], "--target chooses a column of a .csv file; digits has its own labels."),
        (["bad.csv"], "bad.csv, line 4, column a: 'x' is not a finite number."),
        (["iris"], "Unknown data set: 'iris'. Known: digits, fashion_mnist, mnist."),
        (["--drop", "x"], "--drop chooses a column of a .csv file; digits has its own labels."),
        (["--save", "m.keras"], "--save keeps the model of a .csv file; digits has its own labels."),
        (["bad.csv", "--save", "m.h5"], "--save expects a name that ends in .keras; received 'm.h5'."),
        (["bad.csv", "--save", "no/m.keras"], "--save: there is no folder no."),
        (["bad.csv", "--drop", "c"], "Unknown column: 'c'"),
        (["--task", "regression"], "--task regression predicts numbers; digits has classes."),
        (["predict", "m.keras"], "predict expects a model and a file; received 1 arguments."),
        (["predict", "m.keras", "bad.csv"], "m.keras: there is no such file."),
        (["predict", "junk.npz", "bad.csv"], "junk.npz"),
        (["few.csv"], "2 rows are too few to set 0.2 of them aside for test."),
        (["--output", "notes.txt/run"], "--output: the folder notes.txt/run cannot be made"),
        ([""], "DATA is empty: name a file, or one of digits"),
        (["huge.npz"], "Input 2 holds numbers too large to be squared."),
        (["junk.npz"], "junk.npz is damaged or cannot be read (it is no .npz archive of arrays)."),
        (["--activation", "glu"], "--activation: glu does not map each unit by itself."),
        (["--activation", "threshold"], "--activation: threshold does not map each unit by itself."),
        (["--optimizer", "LossScaleOptimizer"], "--optimizer: LossScaleOptimizer needs more than a learning rate."),
    ],
)
def test_bad_data_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "bad.csv").write_text("a,b\n" + "1,1\n2,0\nx,1\n" + "3,0\n4,1\n" * 9)
    (tmp_path / "few.csv").write_text("a,b\n1,0\n2,1\n")
    (tmp_path / "junk.npz").write_bytes(b"words")
    np.savez(tmp_path / "huge.npz", x=[[1.0, i * 1e300] for i in range(40)], y=np.arange(40) % 2)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert "Traceback" not in captured.err + captured.out


def test_a_folder_that_cannot_be_written_to_is_said_before_training(tmp_path, monkeypatch, capsys):
    def full(dir):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert main(["--output", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("cannot be written to (No space left on device).\n")


def test_layers_that_do_not_fit_into_memory(tmp_path, monkeypatch, capsys):
    def build(*arguments):
        raise MemoryError("Unable to allocate 1 EiB")

    monkeypatch.setattr("autonet.cli.job.build", build)
    assert main(["--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(
        "python -m autonet: there is not enough memory (Unable to allocate 1 EiB)."
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_report_that_nobody_can_read_is_no_traceback(tmp_path):
    command = [sys.executable, "-m", "autonet", "--epochs", "1", "--layers", "8"]
    options = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}}
    with open("/dev/full", "w") as full:
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, **options)
    assert answer.returncode == 2
    assert answer.stderr == "python -m autonet: the report cannot be written (No space left on device).\n"
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, **options)
    os.close(writer)
    assert (answer.returncode, answer.stderr) == (1, "")


def test_as_a_program(tmp_path):
    answer = run("--version", cwd=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("autonet 0.")
    answer = run("nowhere.npz", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "python -m autonet: nowhere.npz: there is no such file.\n"
