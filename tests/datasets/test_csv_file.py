from __future__ import annotations

import pytest

from nnff.datasets import read_csv
from nnff.errors import DataError

PEOPLE = "age,sex,income\n30,0,1.5\n41,1,2\n 52 , 1 ,2.5e0\n"


def written(tmp_path, text):
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def test_inputs_and_target_apart(tmp_path):
    data = read_csv(written(tmp_path, PEOPLE), target="income", sensitive_features=["sex"])
    assert data.feature_names == ("age", "sex")
    assert data.rows().tolist() == [[30, 0], [41, 1], [52, 1]]
    assert data.target is not None
    assert data.target.tolist() == [1.5, 2, 2.5]
    assert data.target_name == "income"
    assert data.sensitive_features == ("sex",)
    assert data.name == "people"


def test_columns_are_chosen_and_ordered(tmp_path):
    data = read_csv(written(tmp_path, PEOPLE), target="income", features=["sex", "age"])
    assert data.rows().tolist() == [[0, 30], [1, 41], [1, 52]]


def test_a_column_that_is_no_input_may_hold_words(tmp_path):
    path = written(tmp_path, "name,age,sex\nAnn,30,f\nBob,40,m\n")
    data = read_csv(path, features=["age"], sensitive_features=["sex"])
    assert data.rows().tolist() == [[30], [40]]
    assert data.target is None


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    assert read_csv(written(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")).feature_names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("empty",)),
        ("a,b\n", ("no rows",)),
        ("a,a\n1,2\n", ("two columns", "'a'")),
        ("a,\n1,2\n", ("column 2", "no name")),
        ("a,b\n1,2\n3,\n", ("row 2", "'b'", "missing")),
        ("a,b\n1,NaN\n", ("row 1", "'b'", "missing", "NaN")),
        ("a,b\n1,2\n3\n", ("row 2", "'b'", "missing")),
        ("a,b\n1,2\nx,3\n", ("row 2", "'a'", "'x'", "encode")),
        ("a,b\n1,inf\n", ("row 1", "'b'", "inf")),
        ("a,b\n1,1e999\n", ("row 1", "'b'", "1e999")),
        ("a,b\n1,2,3\n", ("cannot be read", "line 2")),
        (b"a,b\n\xff,2\n", ("cannot be read",)),
    ],
)
def test_bad_files_give_one_sentence(tmp_path, text, parts):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for part in parts:
        assert part in message


def test_columns_that_are_not_there(tmp_path):
    path = written(tmp_path, PEOPLE)
    with pytest.raises(DataError, match="no column 'incom'; did you mean 'income'"):
        read_csv(path, target="incom")
    with pytest.raises(DataError, match="no column 'colour'; it has age, sex, income"):
        read_csv(path, features=["colour"])
    with pytest.raises(DataError, match="both the target and an input"):
        read_csv(path, target="age", features=["age"])
    with pytest.raises(DataError, match="no input columns"):
        read_csv(written(tmp_path, "y\n1\n"), target="y")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="there is no data file"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_csv(tmp_path)
