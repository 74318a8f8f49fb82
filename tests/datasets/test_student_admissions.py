import pytest

from autonet.datasets import student_admissions
from autonet.errors import DataError

GOOD = "admit,gre,gpa,rank\n0,380,3.61,3\r\n1,800,4,1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def test_columns_and_labels(folder):
    (folder / "student_admissions.csv").write_text(GOOD)
    x, y = student_admissions.load_data()
    assert {name: column.tolist() for name, column in x.items()} == {
        "gre": [380, 800],
        "gpa": [3.61, 4.0],
        "rank": [3, 1],
    }
    assert y.tolist() == [0, 1]
    assert [column.dtype.kind for column in (*x.values(), y)] == ["i", "f", "i", "i"]


def test_a_missing_file_is_one_error_that_says_what_to_put_where(folder):
    with pytest.raises(DataError) as caught:
        student_admissions.load_data()
    for part in ("student_admissions.csv", str(folder), "no address is known", "admit,gre,gpa,rank", "AUTONET_HOME"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "admit,gre,gpa,rank\n",
        GOOD.replace("gpa,rank", "rank,gpa"),
        GOOD.replace(",4,1", ",4"),
        GOOD.replace("380", "good"),
        GOOD.replace("380", ""),
        GOOD.replace("1,800", "2,800"),
        GOOD.replace("3.61", "nan"),
        "\0\xff",
    ],
)
def test_a_file_that_is_damaged_or_something_else_is_named(folder, content):
    (folder / "student_admissions.csv").write_text(content, encoding="latin-1", newline="")
    with pytest.raises(DataError, match=r"student_admissions\.csv.* Put the whole file in its place"):
        student_admissions.load_data()


@pytest.mark.real_data("student_admissions.csv")
def test_the_real_students():
    x, y = student_admissions.load_data()
    assert len(y) == 400 and y.sum() == 127
    assert {name: (column.min(), column.max()) for name, column in x.items()} == {
        "gre": (220, 800),
        "gpa": (2.26, 4.0),
        "rank": (1, 4),
    }
