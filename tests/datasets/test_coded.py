"""Data sets whose columns are coded: their cards, their groups, and files that are not there or not right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnff.datasets import load_dataset
from nnff.errors import DataError

CARDS = Path(__file__).parents[2] / "data"
GERMAN = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1\n"
ADULT = (
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, "
    "2174, 0, 40, United-States, <=50K\n"
)
ADULT_TEST = "|1x3 Cross validator\n" + ADULT.replace("<=50K", ">50K.").replace(" Male", " Female")


def _check_card(dataset):
    card = (CARDS / f"{dataset.name}.md").read_text()
    ranges = re.findall(r"^\| ([\w-]+) \|.*\| ([\d.]+) to ([\d.]+) \|$", card, re.MULTILINE)
    grouped = {column for group in dataset.one_hot for column in group}
    plain = [name for name in dataset.feature_names if name not in grouped]
    assert [name for name, _, _ in ranges] == [*plain, dataset.target_name]
    table = dataset.X.assign(**{dataset.target_name: dataset.target})
    for name, low, high in ranges:
        assert (float(low), float(high)) == (table[name].min(), table[name].max()), name
    for group in dataset.one_hot:
        name = group[0].partition("=")[0]
        assert re.search(rf"\b{name} \({len(group)}\b", card), name
        assert (dataset.X[list(group)].sum(axis=1) == 1).all()
    for name in dataset.integer:
        assert (dataset.X[name] == dataset.X[name].round()).all()
    assert set(dataset.sensitive_features) <= set(dataset.feature_names)
    assert set(dataset.units) == {*plain, dataset.target_name}


def test_diabetes():
    dataset = load_dataset("diabetes")
    assert dataset.X.shape == (442, 10)
    _check_card(dataset)


@pytest.mark.parametrize(("name", "shape"), [("german", (1000, 56)), ("adult", (45222, 46))])
def test_files(data_home, name, shape):
    dataset = load_dataset(name)
    assert dataset.X.shape == shape
    _check_card(dataset)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with one row of each data set."""
    for folder, file, text in (
        ("german", "german.data", GERMAN),
        ("adult", "adult.data", ADULT + ADULT.replace("State-gov", "?")),
        ("adult", "adult.test", ADULT_TEST),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).write_text(text)
    monkeypatch.setenv("NNFF_DATA_HOME", str(tmp_path))
    return tmp_path


def test_a_row_of_german(home):
    dataset = load_dataset("german")
    row = dataset.X.iloc[0]
    assert dataset.target.tolist() == [1.0]
    assert (row["duration"], row["amount"], row["age"], row["male"], row["telephone"]) == (6, 1169, 67, 1, 1)
    on = {name for group in dataset.one_hot for name in group if row[name] == 1}
    assert {"checking=overdrawn", "history=critical", "purpose=radio or television", "job=skilled"} <= on
    assert len(on) == len(dataset.one_hot)


def test_rows_of_adult(home):
    dataset = load_dataset("adult")
    # The row with an unknown workclass is left out.
    assert dataset.target.tolist() == [0.0, 1.0]
    assert dataset.X["male"].tolist() == [1.0, 0.0]
    assert dataset.X["race=White"].tolist() == [1.0, 1.0]
    assert dataset.X["capital-gain"].tolist() == [2174.0, 2174.0]


@pytest.mark.parametrize("name", ["german", "adult"])
def test_without_the_variable(name, monkeypatch):
    monkeypatch.delenv("NNFF_DATA_HOME", raising=False)
    with pytest.raises(DataError, match="does not ship with nnff; set NNFF_DATA_HOME"):
        load_dataset(name)


def test_without_the_file(home):
    (home / "adult" / "adult.test").unlink()
    with pytest.raises(DataError, match=r"there is no file .*adult\.test"):
        load_dataset("adult")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        (GERMAN.replace(" 1\n", "\n"), "line 1 .* has 20 fields instead of 21"),
        (GERMAN.replace("A11 ", "A19 "), "row 1, column A1: the value 'A19' is not known"),
        (GERMAN + GERMAN.replace("1169", "much"), "row 2, column A5: the value 'much' is not known"),
        (GERMAN.replace("A93", "A99"), "column A9: the value 'A99' is not known"),
    ],
)
def test_a_file_that_is_not_as_published(home, text, message):
    (home / "german" / "german.data").write_text(text)
    with pytest.raises(DataError, match=message):
        load_dataset("german")
