"""Weights from a ranking, as the founding paper has them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from nnff.errors import SimilarityError
from nnff.similarity import metric, weights_from_ranking

NAMES = ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT")
RANKED = ["RM", "LSTAT", "INDUS", "NOX", "CRIM", "AGE", "DIS", "TAX", "PTRATIO", "ZN", "RAD", "CHAS"]


def test_twelve_features_get_13_to_2_ninetieths():
    weights = weights_from_ranking(RANKED, NAMES)
    assert tuple(weights) == NAMES
    assert [weights[name] for name in RANKED] == [float(Fraction(j, 90)) for j in range(13, 1, -1)]
    assert weights["B"] == 0.0


@pytest.mark.parametrize("k", range(1, 14))
def test_weights_fall_and_sum_to_one(k):
    weights = weights_from_ranking(NAMES[:k], NAMES)
    ranked = [weights[name] for name in NAMES[:k]]
    assert ranked == sorted(ranked, reverse=True)
    assert len(set(ranked)) == k
    assert ranked[-1] > 0
    assert sum(weights.values()) == pytest.approx(1, rel=1e-14)


def test_indices_name_features_too():
    assert weights_from_ranking([2, 0], "abc") == weights_from_ranking(["c", "a"], "abc")


def test_the_weights_go_into_a_metric():
    made = metric("weighted-lp", weights=weights_from_ranking(RANKED, NAMES)).bind(NAMES)
    assert made.parameters["weights"][NAMES.index("RM")] == 13 / 90
    assert made.parameters["weights"][NAMES.index("B")] == 0


@pytest.mark.parametrize(
    ("ranked", "message"),
    [
        (["RM", "LSTATS"], "did you mean 'LSTAT'"),
        (["RM", 13], "there is no feature 13"),
        (["RM", "LSTAT", 5], "'RM' is ranked twice"),
        ([], "the ranking is empty"),
    ],
)
def test_rankings_that_make_no_sense(ranked, message):
    with pytest.raises(SimilarityError, match=message):
        weights_from_ranking(ranked, NAMES)


def test_features_of_the_same_name():
    with pytest.raises(SimilarityError, match="two features are called 'a'"):
        weights_from_ranking(["b"], ["a", "b", "a"])
