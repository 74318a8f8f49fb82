import numpy as np
import pytest

from autonet.cli.tables import read
from autonet.errors import DataError


def write(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def columns(examples):
    return {name: examples.table.cells(name) for name in examples.names}


def test_a_csv_with_a_heading_and_text_labels(tmp_path):
    path = write(tmp_path, "length,width,kind\n1.5,2,cat\n3,4,dog\n5,6,cat\n")
    examples = read(path)
    assert columns(examples) == {"length": ["1.5", "3", "5"], "width": ["2", "4", "6"]}
    assert examples.classes == ["cat", "dog"]
    assert examples.y.tolist() == [0, 1, 0]
    assert examples.test is None


@pytest.mark.parametrize("target", ["admit", "1"])
def test_the_label_may_be_any_column(tmp_path, target):
    path = write(tmp_path, "admit,gre,gpa\n0,380,3.6\n1,660,3.7\n")
    examples = read(path, target)
    assert examples.names == ["gre", "gpa"] and examples.target == "admit"
    assert examples.classes == ["0", "1"] and examples.doubtful
    assert read(path, target, drop=["gre"]).names == ["gpa"]


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (["u", "v", "u"], None, ["u", "v"]),
        (["0", "1.0", "1"], None, ["0", "1"]),
        (["True", "False", "True"], None, ["False", "True"]),
        (["0.5", "1.5", "0.5"], None, None),
        (["0.5", "1.5", "0.5", "0.5"], "classification", ["0.5", "1.5"]),
        (["0", "1", "1"], "regression", None),
        ([str(i) for i in range(50)], None, None),
        ([str(i) for i in range(10)], None, None),
        ([str(i % 10) for i in range(50)], None, [str(i) for i in range(10)]),
        ([str(i % 25) for i in range(50)], "classification", [str(i) for i in range(25)]),
    ],
)
def test_labels_are_classes_or_numbers(tmp_path, labels, task, classes):
    path = write(tmp_path, "a,b\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    found = read(path, task=task)
    if classes is None:
        assert found.classes is None and found.y.tolist() == [float(label) for label in labels]
    else:
        assert sorted(found.classes) == sorted(classes)


def test_no_heading_other_separators_spaces_and_empty_lines(tmp_path):
    path = write(tmp_path, "\ufeff1; 2; -3\n\n4;5;7\n;;\n")
    examples = read(path)
    assert columns(examples) == {"1": ["1", "4"], "2": ["2", "5"]}
    assert examples.classes == ["-3", "7"]
    path = write(tmp_path, 'a\tb\n1\t"x\ty"\n2\tz\n')
    assert read(path).classes == ["x\ty", "z"]
    path = write(tmp_path, '"a,b";c\n"1,5";x\n"2,25";y\n')
    assert read(path).table.numbers("a,b").tolist() == [1.5, 2.25]
    assert read(write(tmp_path, 'a,b\r\n"one, two",x\r\n"say ""so""",y\r\n')).table.cells("a") == [
        "one, two",
        'say "so"',
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "table.csv"
    path.write_bytes("größe,ort\n1,Köln\n2,Rom\n".encode(encoding))
    examples = read(path)
    assert examples.names == ["größe"] and examples.classes == ["Köln", "Rom"]


@pytest.mark.parametrize(
    "dates",
    [
        ["2020-01-03", "2020-1-4"],
        ["3.1.2020", "04.01.20"],
        ["1/3/2020", "NA"],
        ["2020-01-03 12:30:00", "2020-01-03T12:30"],
        ["12:30", "12:31:05"],
        ["3 March 2020", "4 Mar 2020"],
        ["Mar 3, 2020", "Apr 4, 2020"],
    ],
)
def test_dates_are_refused_by_name(tmp_path, dates):
    path = write(tmp_path, "when;a;b\n" + "".join(f"{date};1;{i}\n" for i, date in enumerate(dates)))
    with pytest.raises(DataError, match="column when: dates .* --drop 'when'"):
        read(path).table.is_numeric("when")
    with pytest.raises(DataError, match="column when: dates"):
        read(path, "when")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1", "2", "abc"], "line 4, column a: 'abc' is not a finite number"),
        (["1", "inf", "2"], "line 3, column a: 'inf'"),
        (["1,000", "2,500", "3"], "line 2, column a: '1,000'"),
        (["$10", "$12.50", "$7"], r"line 2, column a: '\$10'"),
        (["10%", "20 %", "x"], "line 2, column a: '10%'"),
        (["1_0", "2", "3"], "line 2, column a: '1_0'"),
    ],
)
def test_numbers_that_are_none_are_refused_by_line(tmp_path, cells, told):
    path = write(tmp_path, "a,b\n" + "".join(f'"{cell}",{i % 2}\n' for i, cell in enumerate(cells)))
    with pytest.raises(DataError, match=told):
        read(path).table.is_numeric("a")


def test_what_is_a_number_and_what_is_missing(tmp_path):
    path = write(tmp_path, "a,b,c\n1e3,x,1\n,NA,0\n?,y,1\n-.5,null,0\n")
    table = read(path).table
    assert table.is_numeric("a") and not table.is_numeric("b")
    assert np.array_equal(table.numbers("a"), [1000, np.nan, np.nan, -0.5], equal_nan=True)
    assert table.texts("b").tolist() == ["x", "", "y", ""]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", None, "is empty"),
        ("a,b\n", None, "has a heading and no rows"),
        ("a\n1\n", None, "has one column"),
        ("a,b\n1,2\n1\n", None, "line 3: 1 columns; the first line has 2"),
        ("a,b,a\n1,2,3\n", None, "the heading has 'a' more than once"),
        ("a,b\n1,0\n1,\n", None, r"line 3: the label \(column b\) is missing"),
        ("a,b\n1,0\n1,0\n", None, "all labels are 0; a classifier needs at least two classes"),
        ("a,b\n" + "".join(f"0,x{i}\n" for i in range(50)), None, "take 50 different values in 50 rows"),
        ("a,b\n1,0\n2,1\n", "c", r"Unknown column: 'c'. .*"),
        ("a,b\n1,0\n2,1\n", "3", "Unknown column: '3'"),
        ('a,b\n1,"0\n', None, "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said_with_its_line(tmp_path, text, target, message):
    with pytest.raises(DataError, match=message):
        read(write(tmp_path, text), target)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00\x01,\n\x80")
    with pytest.raises(DataError, match="damaged or cannot be read"):
        read(path)


def test_an_npz_with_x_and_y(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.arange(12).reshape(3, 2, 2), y=np.array([[5], [7], [5]]))
    examples = read(path)
    assert examples.x.shape == (3, 2, 2)
    assert examples.classes == ["5", "7"]
    assert examples.y.tolist() == [0, 1, 0]


def test_an_npz_with_its_own_test_part(tmp_path):
    path = tmp_path / "mine.npz"
    x, y = np.arange(8.0).reshape(4, 2), np.array(["a", "b", "a", "b"])
    np.savez(path, x_train=x, y_train=y, x_test=x[:1], y_test=np.array(["b"]))
    examples = read(path)
    assert examples.test is not None
    assert examples.test[0].tolist() == [[0, 1]]
    assert examples.test[1].tolist() == [1]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, "has no arrays x and y, nor x_train and y_train; it holds a"),
        ({"x": [[1], [2]], "y": [0, 1, 2]}, r"x has 2 rows, its labels have shape \(3,\)"),
        ({"x": [[1], [2]], "y": [[0, 1], [1, 0]]}, r"labels have shape \(2, 2\); expected one label for each row"),
        ({"x": [[1.0], [np.inf]], "y": [0, 1]}, "x holds a value that is not finite in row 1"),
        ({"x": [["a"], ["b"]], "y": [0, 1]}, "x has dtype <U1"),
        ({"x": [[1.0], [2.0]], "y": [0.0, np.nan]}, "labels that are not finite"),
        ({"x": [[1.0], [2.0]], "y": [1j, 2j]}, "labels have dtype complex128"),
        (
            {"x_train": [[1], [2]], "y_train": [0, 1], "x_test": [[1, 2]], "y_test": [0]},
            r"rows of x_train have shape \(1,\)",
        ),
        ({"x": np.array([None, None]), "y": [0, 1]}, "damaged or cannot be read"),
    ],
)
def test_what_is_wrong_with_an_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "mine.npz", **{name: np.asarray(a) for name, a in arrays.items()})
    with pytest.raises(DataError, match=message):
        read(tmp_path / "mine.npz")


def test_a_damaged_npz(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="damaged or cannot be read"):
        read(tmp_path / "mine.npz")
