"""A table of one's own: columns of all kinds in, a model with its preparation inside out, and its answers for new rows."""

import csv
import io
import re

import numpy as np
import pytest

import autonet as keras
from autonet.cli import main

TRAIN = ["--epochs", "15", "--layers", "16", "--quiet"]


@pytest.fixture
def rows(rng):
    """Passengers: numbers, categories, gaps, a number of the row, a constant, and names."""
    n = 300
    age, city = rng.integers(18, 80, n), rng.choice(["Köln", "Oslo", "Rome, Italy"], n)
    fare = 10 + age * 0.5 + 20 * (city == "Oslo") + rng.normal(size=n)
    kind = np.where(city == "Oslo", "north", np.where(age > 50, "old/other", "young"))
    heading = ["PassengerId", "age", "city", "always", "name", "fare", "kind"]
    cells = [[i, age[i], city[i], 7, f"person {i}", f"{fare[i]:.3f}", kind[i]] for i in range(n)]
    for i in range(0, n, 20):
        cells[i][1], cells[i + 1][2] = "", "NA"
    return [heading, *[[str(cell) for cell in row] for row in cells]]


def write(path, rows, separator=","):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def without(rows, *names):
    keep = [i for i, name in enumerate(rows[0]) if name not in names]
    return [[row[i] for i in keep] for row in rows]


def predict(capsys, *arguments):
    capsys.readouterr()
    assert main(["predict", *map(str, arguments)]) == 0
    return list(csv.reader(io.StringIO(capsys.readouterr().out)))


def test_classes_from_columns_of_all_kinds(tmp_path, monkeypatch, capsys, rows):
    monkeypatch.chdir(tmp_path)
    write("mine.csv", rows)
    assert main(["mine.csv", "--drop", "fare", "--save", "m.keras", *TRAIN]) == 0
    out = capsys.readouterr().out
    assert "2 inputs, 3 classes" in out
    assert "the 2 columns make 4 features" in out
    assert "column PassengerId: left out, it numbers the rows" in out
    assert "column always: left out, it is always 7" in out
    assert "column name: left out, its texts differ in nearly every row" in out
    assert "column age: 15 missing values, filled with the median" in out
    assert "column city: 15 missing values, filled with the most frequent" in out
    assert float(re.search(r"^test +\S+ +([\d.]+) %$", out, re.MULTILINE)[1]) > 85

    answers = predict(capsys, "m.keras", "mine.csv")
    assert answers[0] == ["kind", "p(north)", "p(old/other)", "p(young)"]
    assert np.mean([a[0] == row[-1] for a, row in zip(answers[1:], rows[1:], strict=True)]) > 0.85
    assert np.allclose(np.array([row[1:] for row in answers[1:]], float).sum(1), 1, atol=1e-4)
    shuffled = [row[::-1] for row in without(rows, "kind", "always", "name")]
    write("new.csv", shuffled, ";")
    assert predict(capsys, "m.keras", "new.csv") == answers
    write("one.csv", [["city", "age"], ["Atlantis", ""]])
    assert len(predict(capsys, "m.keras", "one.csv")) == 2

    write("less.csv", without(rows, "age"))
    assert main(["predict", "m.keras", "less.csv"]) == 2
    assert re.search(r"less\.csv lacks a column that m\.keras reads\. Unknown column: 'age'", capsys.readouterr().err)
    write("bad.csv", [["age", "city"], ["1", "Oslo"], ["old", "Oslo"]])
    assert main(["predict", "m.keras", "bad.csv"]) == 2
    assert "bad.csv, line 3, column age: 'old' is not a finite number" in capsys.readouterr().err

    model = keras.models.load_model("m.keras")  # a model like any other
    found = model.predict({"age": np.array([30.0, np.nan]), "city": np.array(["Oslo", "Köln"])}, verbose=0)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(
        ["north", "old/other", "young"], (2,)
    )


def test_numbers_to_predict(tmp_path, monkeypatch, capsys, rows):
    monkeypatch.chdir(tmp_path)
    write("mine.csv", rows)
    options = ["--target", "fare", "--learning-rate", "0.02", "--save", "m.keras"]
    assert main(["mine.csv", *options, *TRAIN]) == 0
    out = capsys.readouterr().out
    assert "numbers of fare" in out and re.search(r"loss +mean absolute error +R2$", out, re.MULTILINE)
    error, r2 = map(float, re.search(r"^test +\S+ +(\S+) +(\S+)$", out, re.MULTILINE).groups())
    assert error < 6 and r2 > 0.7
    answers = predict(capsys, "m.keras", "mine.csv")
    assert answers[0] == ["fare"]
    found = np.array(answers[1:], float)[:, 0]
    truth = np.array([row[5] for row in rows[1:]], float)
    assert np.mean(np.abs(found - truth)) < 6
    with open("autonet-run/history.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert 0 < float(last["val_mean_absolute_error"]) < 20


def test_large_numbers_keep_their_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("mine.csv", [["time", "late"], *[[str(1_600_000_000 + i), "yes" if i > 50 else "no"] for i in range(100)]])
    assert main(["mine.csv", "--save", "m.keras", "--learning-rate", "0.02", *TRAIN]) == 0
    answers = predict(capsys, "m.keras", "mine.csv")[1:]
    assert np.mean([answer[0] == ("yes" if i > 50 else "no") for i, answer in enumerate(answers)]) > 0.9


def test_many_categories(tmp_path, monkeypatch, capsys, rng):
    monkeypatch.chdir(tmp_path)
    city = [f"city {min(int(x), 400)}" for x in rng.exponential(80, 2000)]
    write("mine.csv", [["city", "kind"], *[[c, "far" if int(c[5:]) > 60 else "near"] for c in city]])
    assert main(["mine.csv", "--save", "m.keras", "--epochs", "5", "--layers", "8", "--quiet"]) == 0
    assert re.search(r"column city: \d+ rare categories of \d+ count as one", capsys.readouterr().out)
    assert len(predict(capsys, "m.keras", "mine.csv")) == 2001


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,0\n", "1 rows are too few|all labels are 0"),
        ("a,b\n" + "1,0\n1,1\n" * 10, "no column says anything of the label: column a: left out, it is always 1"),
        ("id,b\n" + "".join(f"{i},{i % 2}\n" for i in range(30)), None),
        ("when,b\n" + "2020-01-01,0\n2020-01-02,1\n" * 10, "column when: dates"),
        ("a,b\n" + ",0\n,1\n" * 10, "column a: left out, it is empty"),
        ("a,c,b\n" + "1,7,0\n1,7,1\n" * 10, "no column says anything of the label"),
        ("a,b\n" + "1e300,0\n2,1\n" * 10, "Column a holds numbers too large"),
        ("a,b\n" + "1,5.5\n2,5.5\n" * 10, "hardly differ"),
    ],
)
def test_poor_tables_get_one_line_or_a_result(tmp_path, monkeypatch, capsys, text, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(text)
    code = main(["mine.csv", "--epochs", "1", "--layers", "4", "--quiet"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err and captured.err.count("\n") <= 1
    assert code == (0 if told is None else 2), captured
    assert re.search(told or "", captured.err)


def test_a_model_of_something_else(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]).save("m.keras")
    write("new.csv", [["a", "b"], ["1", "2"]])
    assert main(["predict", "m.keras", "new.csv"]) == 2
    assert "m.keras is no model of a table" in capsys.readouterr().err
    assert main(["predict", "--help"]) == 0
    assert "predict MODEL FILE" in capsys.readouterr().out


def test_what_is_filled_or_unknown_is_told(tmp_path, monkeypatch, capsys, rows):
    monkeypatch.chdir(tmp_path)
    write("mine.csv", rows)
    assert main(["mine.csv", "--drop", "fare", "--save", "m.keras", *TRAIN]) == 0
    new = [row[:] for row in rows[:9]]
    for row, (age, city) in zip(new[1:], [("", "Lima"), ("", "Oslo"), ("30", "")] + [("30", "Oslo")] * 5, strict=True):
        row[1:3] = age, city
    write("new.csv", new)
    capsys.readouterr()
    assert main(["predict", "m.keras", "new.csv"]) == 0
    answer = capsys.readouterr()
    assert len(answer.out.splitlines()) == 9
    assert answer.err.splitlines() == [
        "column age: 2 missing values, filled as in training",
        "column city: 1 missing values, filled as in training",
        "column city: 1 values that are no categories of the training, such as Lima",
    ]
    assert main(["predict", "new.csv", "m.keras"]) == 2
    assert "predict expects the model first, then the file: predict m.keras new.csv." in capsys.readouterr().err


def test_the_model_takes_a_table_in_python(tmp_path, monkeypatch, capsys, rows):
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    write("mine.csv", rows)
    assert main(["mine.csv", "--drop", "fare", "--save", "m.keras", *TRAIN]) == 0
    answers = predict(capsys, "m.keras", "mine.csv")
    model = keras.models.load_model("m.keras")
    table = pandas.read_csv("mine.csv").fillna({"city": ""})
    for found in (model.predict(table, verbose=0), model(table)):
        chances = np.stack([np.ravel(np.asarray(v)) for v in found.values()], axis=1)
        np.testing.assert_allclose(chances, [[float(p) for p in row[1:]] for row in answers[1:]], atol=1e-5)
