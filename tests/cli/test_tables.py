import numpy as np
import pytest

from autonet.cli.tables import read
from autonet.errors import DataError


def write(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_a_heading_and_text_labels(tmp_path):
    path = write(tmp_path, "length,width,kind\n1.5,2,cat\n3,4,dog\n5,6,cat\n")
    examples = read(path)
    assert examples.x.tolist() == [[1.5, 2], [3, 4], [5, 6]]
    assert examples.classes == ["cat", "dog"]
    assert examples.y.tolist() == [0, 1, 0]
    assert examples.test is None


@pytest.mark.parametrize("target", ["admit", "1"])
def test_the_label_may_be_any_column(tmp_path, target):
    path = write(tmp_path, "admit,gre,gpa\n0,380,3.6\n1,660,3.7\n")
    examples = read(path, target)
    assert examples.x.tolist() == [[380, 3.6], [660, 3.7]]
    assert examples.classes == ["0", "1"]


def test_no_heading_other_separators_spaces_and_empty_lines(tmp_path):
    path = write(tmp_path, "\ufeff1; 2; -3\n\n4;5;7\n")
    examples = read(path)
    assert examples.x.tolist() == [[1, 2], [4, 5]]
    assert examples.classes == ["-3", "7"]
    path = write(tmp_path, 'a\tb\n1\t"x\ty"\n2\tz\n')
    assert read(path).classes == ["x\ty", "z"]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", None, "is empty"),
        ("a,b\n", None, "has a heading and no rows"),
        ("a\n1\n", None, "has one column"),
        ("a,b\n1,2\n1\n", None, "line 3: 1 columns; the first line has 2"),
        ("a,b\nx,2\n", None, "line 2, column a: 'x' is not a finite number"),
        ("a,b,c\n1,nan,0\n", None, "line 2, column b: 'nan' is not a finite number"),
        ("a,b,c\n0,1,\n", "a", "line 2, column c: '' is not a finite number"),
        ("a,b\n1,0\n1,\n", None, r"line 3: the label \(column b\) is missing"),
        ("a,b\n1,0\n1,0\n", None, "all labels are 0; a classifier needs at least two classes"),
        ("a,b\n1,0.5\n2,1.5\n", None, "the labels take 2 different values in 2 rows, such as 0.5, 1.5"),
        ("a,b\n" + "".join(f"0,{i}\n" for i in range(50)), None, "take 50 different values in 50 rows"),
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
