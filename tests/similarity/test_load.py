"""Making a metric by name: what is wrong with its parameters is said in one sentence."""

from __future__ import annotations

import pytest

from nnff.errors import SimilarityError, UnknownNameError
from nnff.similarity import Metric, metric


@pytest.mark.parametrize("parameters", [("weighted-lp", {"p": 1}), ("mahalanobis", {"matrix": [[1.0]]})])
def test_metrics_are_found_by_name(parameters):
    name, given = parameters
    made = metric(name, **given)
    assert isinstance(made, Metric)
    assert made.name == name


def test_an_unknown_metric():
    with pytest.raises(UnknownNameError, match="did you mean 'weighted-lp'"):
        metric("weighted-l2")


def test_an_unknown_parameter():
    with pytest.raises(SimilarityError, match="has no parameter 'wieghts'; did you mean 'weights'"):
        metric("weighted-lp", wieghts=[1.0])


def test_a_missing_parameter():
    with pytest.raises(SimilarityError, match="the metric 'mahalanobis' needs the parameter 'matrix'"):
        metric("mahalanobis")
