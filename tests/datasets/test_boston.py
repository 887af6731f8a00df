from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from nnff.datasets import load_dataset, read_csv

CARD = Path(__file__).parents[2] / "data" / "boston.md"


@pytest.fixture(scope="module")
def boston():
    return load_dataset("boston")


def test_shape_and_names(boston):
    assert boston.X.shape == (506, 13)
    assert " ".join(boston.feature_names) == "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT"
    assert boston.target_name == boston.target.name == "MEDV"
    assert boston.sensitive_features == ("B",)
    assert {*boston.units} == {*boston.feature_names, "MEDV"}
    assert np.isfinite(boston.rows()).all()


def test_first_row_is_in_the_named_columns(boston):
    first = boston.X.iloc[0]
    assert (first["CRIM"], first["PTRATIO"], first["B"], first["LSTAT"]) == (0.00632, 15.3, 396.9, 4.98)
    assert boston.target.iloc[0] == 24.0


def test_whole_columns_hold_whole_numbers(boston):
    for name in boston.integer:
        assert (boston.X[name] == boston.X[name].round()).all()


def test_the_card_states_the_ranges_of_the_data(boston):
    ranges = re.findall(r"^\| (\w+) \|.*\| ([\d.]+) to ([\d.]+) \|$", CARD.read_text(), re.MULTILINE)
    assert [name for name, _, _ in ranges] == [*boston.feature_names, "MEDV"]
    table = boston.X.assign(MEDV=boston.target)
    for name, low, high in ranges:
        assert (float(low), float(high)) == (table[name].min(), table[name].max())


def test_every_load_is_a_fresh_copy(boston):
    boston.X.iloc[0, 0] = -1.0
    assert load_dataset("boston").X.iloc[0, 0] == 0.00632
    boston.X.iloc[0, 0] = 0.00632


def test_the_same_as_the_original_file(boston):
    home = os.environ.get("NNFF_DATA_HOME")
    if not home or not (path := Path(home) / "boston" / "boston.csv").is_file():
        pytest.skip("needs boston/boston.csv of NNFF_DATA_HOME")
    other = read_csv(path, target="MEDV")
    assert (other.rows() == boston.rows()).all()
    assert other.target is not None
    assert (other.target.to_numpy() == boston.target.to_numpy()).all()
