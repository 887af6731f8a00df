"""Tolerances by feature: exact matches, free features, and what a linear network makes of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Domain, Layer, Network, certify
from nnff.config import load_config
from nnff.errors import SimilarityError
from nnff.similarity import EPSILON_TOLERANCE, Relation, metric
from nnff.testing.metrics import MetricConformance
from nnff.testing.rows import MatrixRows
from nnff_metrics.tolerance import Tolerance

NAMES = ("age", "income", "sex", "postcode")


class TestKit(MetricConformance):
    metric = Tolerance({"age": 2.0, "income": 500.0, "sex": "inf"}, others=0)
    feature_names = NAMES
    sharpness = 1e-9


class TestKitAllMatch(MetricConformance):
    metric = Tolerance([0.0, 0.0])


class TestKitAllFree(MetricConformance):
    metric = Tolerance([math.inf])


def test_the_distance_is_what_it_says():
    made = Tolerance({"age": 2.0, "income": 500.0, "sex": "inf"}, others=0).bind(NAMES)
    x = np.zeros(4)
    assert made.distance(x, np.array([3.0, -500.0, 1.0, 0.0])) == 1.5
    assert made.distance(x, np.array([0.0, 0.0, 1.0, 0.0])) == 0.0
    assert made.distance(x, np.array([0.0, 0.0, 0.0, 1e-300])) == math.inf
    assert made.relation is Relation.EXACT


@given(st.integers(1, 6), st.sampled_from([0.0, 1e-9, 0.3, 1.0, 1e6]), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_similar_pairs_are_feasible_and_no_others(n, epsilon, seed):
    rng = np.random.default_rng(seed)
    each = rng.choice([0.0, 0.1, 3.0, 1 / 3, math.inf], n)
    made = Tolerance(each).bind(tuple(f"x{i}" for i in range(n)))
    box = rng.uniform(0, 3, n) * max(epsilon, 1e-3)
    rows = MatrixRows(-box, box)
    made.encode(rows, rows.difference, epsilon)
    bound = made.difference_bound(np.eye(n), epsilon, box)
    for d in rng.uniform(-1, 1, (40, n)) * np.where(rng.random((40, n)) < 0.5, box, bound):
        d = np.clip(d, -box, box)  # noqa: PLW2901
        if made.distance(np.zeros(n), d) <= epsilon * (1 + EPSILON_TOLERANCE):
            wider = MatrixRows(-box, box)
            made.encode(wider, wider.difference, epsilon * (1 + 2 * EPSILON_TOLERANCE))
            assert wider.holds_exactly(d)
            assert (np.abs(d) <= bound * (1 + 2e-9)).all()
        elif rows.holds_exactly(d):
            assert made.distance(np.zeros(n), d) <= epsilon * (1 + 1e-12)


def test_a_linear_network_gives_the_dual_norm():
    weight = np.array([3.0, -0.01, 2.0, 50.0])
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([18, 0, 0, 1], [90, 1e5, 1, 99], feature_names=NAMES)
    made = Tolerance({"age": 2.0, "income": 500.0, "sex": math.inf}, others=0)
    certificate = certify(network, domain, made, 0.5, gap=1e-6)
    expected = 3 * 1 + 0.01 * 250 + 2
    assert certificate.delta_upper == pytest.approx(expected, rel=1e-6)
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-6)
    assert certificate.witness.x1[3] == certificate.witness.x2[3]
    assert json.loads(certificate.model_dump_json())["metric"]["parameters"]["tolerances"][2] == "inf"


def test_parameters_from_a_config_file(tmp_path):
    path = tmp_path / "nnff.toml"
    path.write_text(
        '[similarity]\nmetric = "tolerance"\nepsilon = 1.0\nothers = 0\n'
        'tolerances = { age = 2.0, income = "inf" }\n'
    )
    config = load_config(path, environment={})
    made = metric(config.similarity.metric, **config.metric_parameters)
    assert made == Tolerance({"age": 2.0, "income": math.inf}, others=0.0)
    assert made.bind(NAMES).parameters["tolerances"] == [2.0, "inf", 0.0, 0.0]


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        (
            {"tolerances": {"age": -1}},
            "the tolerance of 'age' is -1; it must be a number that is not negative",
        ),
        ({"tolerances": [1.0, "wide"]}, "the tolerance of 1 is 'wide'"),
        ({"tolerances": {"age": math.nan}}, "the tolerance of 'age' is nan"),
        ({"tolerances": "age"}, "numbers by feature name, or one per feature"),
        ({"tolerances": 3.0}, "numbers by feature name, or one per feature"),
        ({"tolerances": {"age": 1}, "others": True}, "the tolerance of 'others' is True"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    with pytest.raises(SimilarityError, match=part):
        Tolerance(**parameters)


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"tolerances": {"agee": 1.0}, "others": 0}, "did you mean 'age'"),
        ({"tolerances": {"age": 1.0}}, "there is no tolerance for income, sex, postcode"),
        ({"tolerances": [1.0]}, "1 tolerances for 4 features"),
    ],
)
def test_what_does_not_fit_the_features_is_refused(parameters, part):
    with pytest.raises(SimilarityError, match=part):
        Tolerance(**parameters).bind(NAMES)


def test_an_unbound_metric_says_so():
    with pytest.raises(SimilarityError, match="is not bound to features yet"):
        Tolerance({"age": 1.0}).distance(np.zeros(4), np.ones(4))
