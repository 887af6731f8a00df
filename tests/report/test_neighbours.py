import numpy as np
import pandas as pd
import pytest

from nnff.errors import DataError
from nnff.report.neighbours import feature_rows, neighbourhood

NAMES = ("age", "income", "score", "B")
SCALE = np.array([10.0, 20000.0, 0.5, 1.0])


def test_the_nearest_rows_are_found_by_brute_force_too(certificate, frame):
    made, table = certificate(), frame()
    near = neighbourhood(made, table)
    for part, x in zip(near.inputs, (made.witness.x1, made.witness.x2), strict=True):
        distances = {
            label: float(
                np.sqrt(sum(((row[n] - v) / s) ** 2 for n, v, s in zip(NAMES, x, SCALE, strict=True)))
            )
            for label, row in table.iterrows()
        }
        expected = sorted(distances, key=distances.get)[:3]
        assert [n.label for n in part.nearest] == expected
        assert [n.distance.value for n in part.nearest] == pytest.approx([distances[k] for k in expected])
        values = {name: (own.value, row.value) for name, own, row in part.nearest[0].beside}
        for name, value in zip(NAMES, x, strict=True):
            assert values[name] == (value, table.loc[expected[0], name])


def test_the_typical_distance_is_the_median_of_nearest_different_rows(certificate, frame):
    table = frame(rows=40)
    near = neighbourhood(certificate(), pd.concat([table, table.iloc[:5]]))
    points = table[list(NAMES)].to_numpy() / SCALE
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    # Five rows occur twice; a copy is no neighbour.
    assert near.typical.value == pytest.approx(np.median(gaps.min(axis=1)))
    assert near.rows == 45


def test_a_pair_among_the_data_is_ordinary(certificate, frame):
    near = neighbourhood(certificate(), frame(rows=400))
    assert [part.level for part in near.inputs] == ["ordinary", "ordinary"]
    assert near.sentence == "Both inputs lie about as close to the data as its rows lie to each other."


def test_a_pair_far_from_the_data_is_called_so(certificate, frame, witness):
    made = certificate(witness=witness(x1=[400.0, 5e5, 9.0, 0.0], x2=[401.0, 5e5, 9.0, 1.0]))
    near = neighbourhood(made, frame())
    assert near.sentence == "This pair sits far from every row of the data."
    assert all(part.share == 0 and part.ratio > 10 for part in near.inputs)
    assert "of 60 rows looked at, none are as far from theirs" in near.inputs[0].note


def test_one_input_far_from_the_data(certificate, frame, witness):
    near = neighbourhood(certificate(witness=witness(x2=[41.0, 9e5, 0.25, 1.0])), frame(rows=400))
    assert near.sentence == "x\u2033 sits far from every row of the data."


def test_an_input_that_is_a_row(certificate, witness):
    rows = pd.DataFrame(
        [[40.0, 50000.0, 0.25, 0.0], [41.0, 50000.003, 0.25, 1.0], [0, 0, 0, 0]], columns=NAMES
    )
    near = neighbourhood(certificate(), rows)
    assert near.sentence == "Both inputs are rows of the data."
    assert near.inputs[0].note == "x\u2032 is itself a row of the data."


def test_rows_that_are_all_equal_tell_nothing_about_what_is_typical(certificate):
    near = neighbourhood(certificate(), pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 5, columns=NAMES))
    assert near.typical is None
    assert near.sentence == "The data has too few different rows to say what is typical."
    assert near.inputs[0].note.endswith("away from the nearest row.")


def test_raw_units_are_not_added_up(certificate, frame):
    made, table = certificate(), frame()
    raw = certificate(metric=made.metric.model_copy(update={"scale": [1.0] * 4}))
    near = neighbourhood(raw, table)
    deviation = table[list(NAMES)].std(ddof=0).to_numpy()
    gaps = np.linalg.norm((table[list(NAMES)].to_numpy() - made.witness.x1) / deviation, axis=1)
    assert near.inputs[0].nearest[0].distance.value == pytest.approx(gaps.min())
    assert near.unit == "standard deviations of the data"


def test_rows_with_missing_values_are_left_out_and_counted(certificate, frame):
    table = frame()
    table.iloc[3, table.columns.get_loc("age")] = np.nan
    table.iloc[4, table.columns.get_loc("score")] = np.inf
    # The target is not a feature: nothing is lost where only it is missing.
    table.iloc[5, table.columns.get_loc("target")] = np.nan
    near = neighbourhood(certificate(), table)
    assert [near.rows, near.left_out] == [58, 2]
    labels = {n.label for part in near.inputs for n in part.nearest}
    assert not labels & {"person 3", "person 4"}


def test_nothing_to_compare(certificate, frame):
    assert neighbourhood(certificate(witness=None), frame()) is None
    assert neighbourhood(certificate(), frame().iloc[:0]) is None


def test_more_rows_than_the_sample(certificate, frame):
    near = neighbourhood(certificate(), frame(rows=2000))
    assert near.rows == 2000
    assert near.inputs[0].sampled == 512


def test_integers_and_truth_values_are_numbers():
    table = pd.DataFrame({"a": [1, 2], "b": [True, False], "c": pd.array([1, None], dtype="Int64")})
    rows = feature_rows(table, ("c", "b", "a"))
    assert rows[0].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(rows[1, 0])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": [1]}), "no column 'b'"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "b"]), "several columns called 'b'"),
        (pd.DataFrame({"a": [1], "b": ["red"]}), "'b' holds a value that is not a number"),
    ],
)
def test_bad_frames_are_refused_in_one_sentence(table, message):
    with pytest.raises(DataError, match=message):
        feature_rows(table, ("a", "b"))
