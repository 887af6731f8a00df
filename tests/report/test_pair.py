import numpy as np
import pytest

from nnff.errors import DataError
from nnff.report.pair import SHOWN_AT_ONCE, pair_table


def test_features_that_differ_come_first_largest_in_the_metric_on_top(certificate):
    pair = pair_table(certificate())
    # Scaled: B 1/1, age 1/10, income .003/20000; score is equal.
    assert [row.name for row in pair.top] == ["B", "age", "income"]
    assert [row.measure.value for row in pair.top] == pytest.approx([1.0, 0.1, 1.5e-7], rel=1e-6)
    assert [row.share for row in pair.top] == pytest.approx([1.0, 0.1, 1.5e-7], rel=1e-6)
    assert [row.name for row in pair.equal] == ["score"]
    assert [row.sensitive for row in pair.top] == [True, False, False]
    assert pair.measure == "scaled"


def test_values_are_those_of_the_witness(certificate, witness):
    made = witness()
    pair = pair_table(certificate())
    rows = {row.name: row for row in (*pair.top, *pair.rest, *pair.equal)}
    for k, name in enumerate(made.feature_names):
        assert (rows[name].first.value, rows[name].second.value) == (made.x1[k], made.x2[k])
    assert [output.value for output in pair.outputs] == [10.125, 14.0625, 3.9375]


def test_without_a_scale_rows_are_sorted_by_their_range(certificate):
    made = certificate()
    metric = made.metric.model_copy(update={"scale": [1.0] * 4})
    domain = made.domain.model_copy(
        update={"lower": [0.0, 49999.0, 0.0, 0.0], "upper": [100.0, 50001.0, 0.0, 1.0]}
    )
    pair = pair_table(certificate(metric=metric, domain=domain))
    assert pair.measure == "of range"
    assert [row.name for row in pair.top] == ["B", "age", "income"]
    assert [row.measure.value for row in pair.top] == pytest.approx([1.0, 0.01, 0.0015])


def test_a_negative_scale_is_a_scale(certificate):
    made = certificate()
    metric = made.metric.model_copy(update={"scale": [-10.0, -20000.0, -0.5, -1.0]})
    assert [row.name for row in pair_table(certificate(metric=metric)).top] == ["B", "age", "income"]


def test_many_features_are_folded_and_none_is_lost(wide):
    pair = pair_table(wide(200))
    assert len(pair.top) == SHOWN_AT_ONCE
    assert [len(pair.rest), len(pair.equal)] == [199 - SHOWN_AT_ONCE, 1]
    sizes = [abs(row.difference.value) for row in (*pair.top, *pair.rest)]
    assert sizes == sorted(sizes, reverse=True)
    assert {row.name for row in (*pair.top, *pair.rest, *pair.equal)} == {f"feature_{k}" for k in range(200)}


def test_no_witness_no_table(certificate):
    assert pair_table(certificate(witness=None)) is None


def test_an_identical_pair_has_no_feature_that_differs(certificate, witness):
    pair = pair_table(certificate(witness=witness(x2=[40.0, 50000.0, 0.25, 0.0], output2=10.125)))
    assert pair.top == ()
    assert len(pair.equal) == 4


def test_the_largest_floats_do_not_overflow(certificate, witness):
    pair = pair_table(certificate(witness=witness(x1=[-1e308, 0, 0, 0], x2=[1e308, 1, 0, 0])))
    assert [row.name for row in pair.top] == ["age", "income"]
    assert all(np.isfinite(row.share) for row in pair.top)


def test_lists_that_do_not_fit_are_refused(certificate, witness):
    with pytest.raises(DataError, match="4 features but its worst pair has 4 names and 3 and 4 values"):
        pair_table(certificate(witness=witness(x1=[1.0, 2.0, 3.0])))
