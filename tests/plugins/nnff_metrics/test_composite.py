"""Metrics on groups of features: the groups' own rows and bounds, exact matches and free features."""

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
from nnff_metrics.composite import Composite

NAMES = ("age", "income", "tenure", "sex", "postcode")
GROUPS = [
    {"features": ["income", "age"], "p": 2, "weights": {"income": 4.0}, "weight": 0.5},
    {"features": [2], "metric": "weighted-lp", "p": 1, "radius": 3.0},
    {"features": ["sex"], "match": "free"},
    {"features": ["postcode"], "match": "exact"},
]


class TestKit(MetricConformance):
    metric = Composite(GROUPS)
    feature_names = NAMES
    sharpness = 1e-6


class TestKitExact(MetricConformance):
    metric = Composite(
        [{"features": [0, 2], "p": 1}, {"features": [1], "metric": "tolerance", "tolerances": [2.0]}],
        rest="exact",
    )
    sharpness = 1e-6


class TestKitOfMahalanobis(MetricConformance):
    metric = Composite(
        [{"features": [3, 0], "metric": "mahalanobis", "matrix": [[2.0, 1.0], [1.0, 0.5]]}], rest="free"
    )


class TestKitSum(MetricConformance):
    metric = Composite(GROUPS, combine="sum")
    feature_names = NAMES


class TestKitNothingCounts(MetricConformance):
    metric = Composite([{"features": [0, 1], "match": "free"}])


def test_the_distance_is_the_largest_of_the_groups():
    made = Composite(GROUPS).bind(NAMES)
    x = np.zeros(5)
    assert made.distance(x, np.array([3.0, 2.0, 6.0, 9.0, 0.0])) == pytest.approx(
        max(0.5 * math.sqrt(9 + 4 * 4), 6.0 / 3.0)
    )
    assert made.distance(x, np.array([0.0, 0.0, 0.0, 0.0, 1.0])) == math.inf
    assert made.distance(x, np.array([0.0, 0.0, 0.0, 1.0, 0.0])) == 0
    assert made.relation is Relation.OUTER
    assert made.looseness == metric("weighted-lp").bind(("a", "b")).looseness


def test_in_a_sum_the_groups_share_epsilon():
    made = Composite(GROUPS, combine="sum").bind(NAMES)
    x = np.zeros(5)
    assert made.distance(x, np.array([3.0, 2.0, 6.0, 9.0, 0.0])) == pytest.approx(2.5 + 2.0)
    assert made.distance(x, np.array([0.0, 0.0, 0.0, 0.0, 1.0])) == math.inf
    weight = np.array([3.0, -1.0, 2.0, 0.5, 50.0])
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([-9.0] * 5, [9.0] * 5, feature_names=NAMES)
    certificate = certify(network, domain, Composite(GROUPS, combine="sum"), 0.5, gap=1e-3)
    # All of epsilon goes where it pays most: 1 in (age, 2 income) gains 3.04, 1.5 in tenure 3.
    expected = max(math.hypot(3.0, 1.0 / 2), 2.0 * 1.5) + 0.5 * 18
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-5)
    assert expected * (1 - 1e-12) <= certificate.delta_upper <= expected * (1 + 1e-3)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-5, 0.3, 20.0]))
@settings(max_examples=12, deadline=None)
def test_similar_pairs_of_a_sum_are_feasible_and_feasible_ones_similar(seed, epsilon):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 2))
    made = Composite(
        [
            {"features": [0, 1], "p": rng.choice([1.0, 2.0, 2.5]), "weight": float(rng.uniform(0.5, 2))},
            {"features": [2, 3], "metric": "mahalanobis", "matrix": root @ root.T},
        ],
        combine="sum",
    ).bind(tuple("abcd"))
    box = rng.uniform(0.1, 3, 4) * epsilon
    rows = MatrixRows(-box, box)
    made.encode(rows, rows.difference, epsilon * (1 + 2 * EPSILON_TOLERANCE))
    forms = rng.normal(size=(12, 4))
    wide = np.tile(box, (12, 1))
    best = made.maximise(forms, epsilon, -wide, wide)
    inner = rng.uniform(-1, 1, (60, 4)) * box
    inner = inner[made.distance(np.zeros(4), inner) <= epsilon]
    assert (made.distance(np.zeros(4), best) <= epsilon * (1 + EPSILON_TOLERANCE)).all()
    similar = np.concatenate([best, inner])
    assert (rows.reach(similar) >= 1 - 1e-7).all()
    bound = made.difference_bound(forms, epsilon, box)
    assert (np.abs(similar @ forms.T).max(axis=0) <= bound * (1 + 1e-12)).all()
    maxima, points = rows.maximise(forms)
    far = made.distance(np.zeros(4), points).max()
    assert far <= epsilon * (1 + made.looseness) * (1 + 1e-6)
    assert (maxima <= bound * (1 + made.looseness) * (1 + 1e-6)).all()


def test_names_of_a_group_are_resolved_in_the_order_of_the_group():
    bound = Composite([{"features": ["income", "age"], "weights": {"income": 4.0}}], rest="free").bind(NAMES)
    assert bound.parameters["groups"][0]["features"] == [1, 0]
    assert bound.parameters["groups"][0]["parameters"]["weights"] == [4.0, 1.0]
    assert bound.parameters["groups"][1] == {"features": [2, 3, 4], "match": "free"}
    assert bound.parameters["rest"] is None


def test_a_linear_network_gives_the_sum_of_the_dual_norms():
    weight = np.array([3.0, -1.0, 2.0, 7.0, 50.0])
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([-9.0] * 5, [9.0] * 5, feature_names=NAMES)
    certificate = certify(network, domain, Composite(GROUPS), 0.5, gap=1e-4)
    # Ball of radius 1 in (age, 2 income), 1.5 in tenure, sex free, postcode equal.
    expected = math.hypot(3.0, 1.0 / 2) + 2.0 * 1.5 + 7.0 * 18
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-6)
    assert expected * (1 - 1e-12) <= certificate.delta_upper <= expected * (1 + 1e-3)
    assert certificate.witness.x1[4] == certificate.witness.x2[4]


def test_no_similar_pair_of_a_sigmoid_network_exceeds_the_bound():
    rng = np.random.default_rng(3)
    network = Network(
        (Layer(rng.normal(size=(4, 5)), rng.normal(size=4), "sigmoid"), Layer(rng.normal(size=(1, 4)), [0.0]))
    )
    domain = Domain.from_box([-1.0] * 5, [1.0] * 5, integer=["sex"], feature_names=NAMES)
    made = Composite(GROUPS).bind(NAMES)
    certificate = certify(network, domain, made, 0.2, gap=0.05, time_limit=15)
    first = domain.sample(20000, rng)
    second = domain.nearest(first + rng.uniform(-0.6, 0.6, first.shape))
    second[:, 4], second[:, 3] = first[:, 4], rng.choice([-1.0, 0.0, 1.0], len(first))
    similar = made.distance(first, second) <= 0.2
    assert similar.sum() > 1000
    gaps = np.abs(network.predict(second) - network.predict(first))[similar]
    assert gaps.max() <= certificate.delta_upper
    assert certificate.delta_lower >= gaps.max() * 0.95


def test_parameters_from_a_config_file(tmp_path):
    path = tmp_path / "nnff.toml"
    path.write_text(
        '[similarity]\nmetric = "composite"\nepsilon = 1.0\nrest = "exact"\ngroups = [\n'
        '  { features = ["age", "income"], metric = "weighted-lp", p = 2 },\n'
        '  { features = ["sex"], match = "free" },\n]\n'
    )
    config = load_config(path, environment={})
    made = metric(config.similarity.metric, **config.metric_parameters)
    assert made == Composite(
        [{"features": ["age", "income"]}, {"features": ["sex"], "match": "free"}], rest="exact"
    )
    assert Composite(**json.loads(json.dumps(made.parameters))) == made
    assert json.dumps(config.to_record())


@pytest.mark.parametrize(
    ("groups", "part"),
    [
        ([], "a list of tables, one at least"),
        ({"features": [0]}, "a list of tables"),
        (["age"], "group 1 is 'age'; it must be a table"),
        ([{"metric": "weighted-lp"}], "group 1 has no features"),
        ([{"features": ["age"], "match": "same"}], "has the match 'same'; it must be 'exact' or 'free'"),
        ([{"features": ["age"], "match": "exact", "p": 2}], "a match and the key 'p'"),
        ([{"features": ["age"], "weight": 0}], "the weight of group 1 is 0"),
        ([{"features": ["age"], "radius": math.inf}], "the radius of group 1 is inf"),
        ([{"features": ["age"], "weight": 1, "radius": 1}], "a weight and a radius"),
        ([{"features": ["age"], "q": 2}], "has no parameter 'q'"),
        ([{"features": [1.5]}], "a feature of group 1 is given by name or by zero-based index"),
    ],
)
def test_groups_that_make_no_sense(groups, part):
    with pytest.raises(SimilarityError, match=part):
        Composite(groups)


@pytest.mark.parametrize(
    ("groups", "rest", "part"),
    [
        ([{"features": ["agee"]}], "free", "did you mean 'age'"),
        ([{"features": ["age"]}, {"features": [0]}], "free", "'age' is in group 1 and in group 2"),
        ([{"features": ["age"]}], None, "income, tenure, sex, postcode are in no group"),
        ([{"features": ["age"], "weights": [1.0, 2.0]}], "free", "2 weights for 1 features"),
    ],
)
def test_groups_that_do_not_fit_the_features(groups, rest, part):
    with pytest.raises(SimilarityError, match=part):
        Composite(groups, rest).bind(NAMES)


def test_senseless_rest_and_unbound():
    with pytest.raises(SimilarityError, match="rest is 'ignore'; it must be 'exact' or 'free'"):
        Composite([{"features": ["age"]}], rest="ignore")
    with pytest.raises(SimilarityError, match="combine is 'mean'; it must be 'max' or 'sum'"):
        Composite([{"features": ["age"]}], combine="mean")
    with pytest.raises(SimilarityError, match="'tolerance' cannot stand in a sum"):
        Composite([{"features": ["age"], "metric": "tolerance", "tolerances": [1.0]}], combine="sum")
    with pytest.raises(SimilarityError, match="is not bound to features yet"):
        Composite([{"features": ["age"]}], rest="free").distance(np.zeros(1), np.ones(1))
