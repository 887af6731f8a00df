"""The weighted l_p metric: its parameters, its rows and bounds, and the conformance kit on every kind."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import SimilarityError
from nnff.similarity import EPSILON_TOLERANCE, Relation, metric, weights_from_ranking, within
from nnff.testing.metrics import MetricConformance
from nnff.testing.rows import MatrixRows
from nnff_metrics.weighted_lp import WeightedLp

POWERS = st.sampled_from([1, 1.01, 1.5, 2, 3, 7.5, 40, "inf"])
NAMES = ("age", "income", "sex", "years")
BOSTON = tuple("CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT".split())  # noqa: SIM905
RANKED = "RM LSTAT INDUS NOX CRIM AGE DIS TAX PTRATIO ZN RAD CHAS".split()  # noqa: SIM905
FIRST_MODEL = (.28967165, -.00571129, .54370172, -1.6018582, -.30212816, .41453689, .69039547, -1.52664053,
               .19561402, -1.11727328, -1.07267271, -.70423767, -1.00198178)  # fmt: skip
SECOND_MODEL = (1.04279199, 1.46830472, 1.09590334, 1.09480639, 2.28170549, -1.06148196, .10097893, .48551476,
                2.56282473, .5596913, -1.25358298, .37576072, 1.87801127)  # fmt: skip


class TestKitL1(MetricConformance):
    metric = WeightedLp(1, [1.0, 0.5, 0.0, 2.0])
    sharpness = 1e-6


class TestKitL2(MetricConformance):
    metric = WeightedLp(2, {"income": 0.01, "years": 30.0}, free=["sex"])
    feature_names = NAMES
    sharpness = 1e-6


class TestKitL2Fine(MetricConformance):
    metric = WeightedLp("2", [1.0, 3.0, 0.2], looseness=1e-6)
    sharpness = 1e-6


class TestKitL2OfOneFeature(MetricConformance):
    metric = WeightedLp(2, [0.0, 2.0])
    sharpness = 1e-6


class TestKitL3(MetricConformance):
    metric = WeightedLp(3, [1.0, 0.5, 0.0, 2.0])
    sharpness = 1e-6


class TestKitNearL1(MetricConformance):
    metric = WeightedLp(1.1, [1.0, 30.0, 0.2], looseness=1e-4)
    sharpness = 1e-6


class TestKitL20(MetricConformance):
    metric = WeightedLp(20.5, [1.0, 1e-3])
    sharpness = 1e-6


class TestKitLinf(MetricConformance):
    metric = WeightedLp("inf", [1.0, 0.5, 0.0, 2.0])
    sharpness = 1e-6


class TestKitAllFree(MetricConformance):
    metric = WeightedLp(2, [0.0, 0.0])


@pytest.mark.parametrize(
    ("p", "expected"),
    [(1, 2 * 3 + 0.5 * 4), (2, math.sqrt(2 * 9 + 0.5 * 16)), ("inf", 6.0), (math.inf, 6.0)],
)
def test_weights_stand_inside_the_root(p, expected):
    made = WeightedLp(p, [2.0, 0.5, 0.0]).bind(("a", "b", "c"))
    assert made.distance(np.array([1.0, 0, 9]), np.array([-2.0, 4, 0])) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_distances_neither_vanish_nor_overflow(size):
    made = WeightedLp(2).bind(("a", "b"))
    assert made.distance(np.zeros(2), np.array([3.0, 4.0]) * size) == pytest.approx(5 * size)


def test_names_indices_and_defaults():
    by_name = WeightedLp(1, {"years": 3, "income": 0.5}, free=["sex"]).bind(NAMES)
    assert by_name.parameters["weights"] == [1.0, 0.5, 0.0, 3.0]
    assert WeightedLp(1, [1, 0.5, 7, 3], free=2).bind(NAMES) == by_name
    assert WeightedLp(1, [1, 0.5, 0, 3], free=()).bind(NAMES) == by_name
    assert WeightedLp().bind(NAMES).parameters["weights"] == [1.0] * 4
    assert WeightedLp(free=np.array([1, 3])).bind(NAMES).parameters["weights"] == [1.0, 0.0, 1.0, 0.0]
    assert WeightedLp(free="sex") == WeightedLp(free=["sex"])


def test_parameters_are_json_before_and_after_binding():
    for made in (WeightedLp("inf"), WeightedLp(2, {"age": 2}, free=["sex"]), WeightedLp(1, [1.0, 2.0])):
        assert WeightedLp(**json.loads(json.dumps(made.parameters))) == made
    assert WeightedLp(math.inf).parameters["p"] == "inf"
    assert WeightedLp(2.0).parameters == WeightedLp(2).parameters


def test_it_is_found_by_name():
    made = metric("weighted-lp", p=1, weights={"age": 2.0}, free=["sex"])
    assert isinstance(made, WeightedLp)
    assert made == WeightedLp(1, {"age": 2.0}, ["sex"])
    assert made != WeightedLp(1, {"age": 2.5}, ["sex"])


def test_exact_and_outer():
    assert WeightedLp(1).bind(NAMES).relation is Relation.EXACT
    assert WeightedLp("inf").bind(NAMES).relation is Relation.EXACT
    assert WeightedLp(2, free=[0, 1, 2]).bind(NAMES).relation is Relation.EXACT
    outer = WeightedLp(2).bind(tuple(f"x{i}" for i in range(13)))
    assert outer.relation is Relation.OUTER
    assert outer.looseness == pytest.approx(3.0e-4, rel=0.01)
    # Free features do not enter the ball.
    assert (
        WeightedLp(2, free=range(8)).bind(tuple("abcdefghijklm")).looseness
        == WeightedLp(2).bind(tuple("abcde")).looseness
    )
    assert WeightedLp(2, looseness=1e-6).bind(NAMES).looseness <= 1e-6


def test_a_smaller_ball_of_movable_features_is_no_looser_than_reported():
    # Thirteen features ask for fewer steps per cone when only two of them can move.
    made = WeightedLp(2).bind(tuple("abcdefghijklm"))
    radius = np.zeros(13)
    radius[[2, 7]] = 5.0
    rows = MatrixRows(-radius, radius)
    made.encode(rows, rows.difference, 1.0)
    angles = np.linspace(0, math.pi, 33)
    directions = np.zeros((33, 13))
    directions[:, 2], directions[:, 7] = np.cos(angles), np.sin(angles)
    points = rows.maximise(directions)[1]
    assert np.linalg.norm(points, axis=1).max() <= (1 + made.looseness) * (1 + 1e-8)


@given(st.sampled_from([1, 2, "inf"]), st.integers(1, 6), st.floats(1e-6, 1e4), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_the_rows_hold_the_ball_in_exact_arithmetic(p, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    theta = rng.choice([0.0, 1.0, 2 / 90, rng.uniform(0.01, 10)], size=n)
    made = WeightedLp(p, theta, looseness=1e-2).bind(tuple(f"x{i}" for i in range(n)))
    lower, upper = -rng.uniform(0, 3, n) * epsilon, rng.uniform(0, 3, n) * epsilon
    lower[rng.random(n) < 0.2] = 0.0
    rows = MatrixRows(lower, upper)
    made.encode(rows, rows.difference, epsilon)
    best = made.maximise(rng.normal(size=(5, n)), epsilon, np.tile(lower, (5, 1)), np.tile(upper, (5, 1)))
    power = 2 if p == 2 else 1
    for d in best:
        for _ in range(1000):
            terms = [
                Fraction(float(t)) * abs(Fraction(float(x))) ** power for t, x in zip(theta, d, strict=True)
            ]
            if (max(terms) if p == "inf" else sum(terms)) <= Fraction(epsilon) ** power:
                break
            d = d * (1 - 2e-16)  # noqa: PLW2901
        assert rows.holds_exactly(d)


@pytest.mark.parametrize(("weight", "expected"), [(FIRST_MODEL, 42.77379), (SECOND_MODEL, 43.30674)])
def test_the_founding_models(boston, weight, expected):
    # The certified value of 5 + 45 sigmoid(w z + b) is 45 tanh(D / 4), D the largest w . d.
    scaled = (boston - boston.mean(axis=0)) / boston.std(axis=0)
    made = WeightedLp(2, weights_from_ranking(RANKED, BOSTON)).bind(BOSTON)
    box = scaled.max(axis=0) - scaled.min(axis=0)
    largest = made.difference_bound(np.array([weight]), 0.3, box)[0]
    assert 45 * math.tanh(largest / 4) == pytest.approx(expected, abs=1e-5)
    best = made.maximise(np.array([weight]), 0.3, -box[None], box[None])[0]
    assert best @ weight == pytest.approx(largest, rel=1e-12)
    assert within(made.distance(np.zeros(13), best), 0.3)


def test_the_founding_experiment_has_1092_similar_pairs(boston):
    scaled = (boston - boston.mean(axis=0)) / boston.std(axis=0)
    made = WeightedLp(2, weights_from_ranking(RANKED, BOSTON)).bind(BOSTON)
    first, second = np.triu_indices(len(scaled), 1)
    assert int((made.distance(scaled[first], scaled[second]) <= 0.3).sum()) == 1092


@given(POWERS, st.integers(1, 6), st.floats(0, 1e3), st.integers(0, 2**32 - 1))
def test_maximisers_are_similar_and_in_the_box(p, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    made = WeightedLp(p, rng.choice([0.0, 1.0, 3.7, 1e-6], size=n)).bind(tuple(f"x{i}" for i in range(n)))
    lower, upper = -rng.uniform(0, 2, (9, n)), rng.choice([0.0, 0.1, 50.0], (9, n))
    gradient = rng.normal(size=(9, n)) * rng.choice([0.0, 1.0, 1e6], size=n)
    found = made.maximise(gradient, epsilon, lower, upper)
    assert (found >= lower).all()
    assert (found <= upper).all()
    assert (made.distance(np.zeros(n), found) <= epsilon * (1 + EPSILON_TOLERANCE)).all()
    assert ((found * gradient).sum(axis=1) >= 0).all()


@pytest.mark.parametrize("p", [0, 0.999, 0.5, -1, math.nan, "two", None, True, "-inf"])
def test_unsupported_p(p):
    with pytest.raises(SimilarityError, match=r"it must be a number of at least 1, or 'inf'"):
        WeightedLp(p)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, -1e-300])
def test_senseless_weights(bad):
    with pytest.raises(
        SimilarityError, match=r"the weight of feature 1 is .*finite number that is not negative"
    ):
        WeightedLp(2, [1.0, bad])
    with pytest.raises(SimilarityError, match=r"the weight of feature 'age' is"):
        WeightedLp(2, {"age": bad})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["a", "b"], "a weight is not a number"),
        ({"age": "heavy"}, "the weight of feature 'age' is 'heavy'"),
        ({"age": None}, "the weight of feature 'age' is None"),
        ({8: 1.0}, "8 is not a name"),
        ([[1.0], [2.0]], r"one number per feature, got an array of shape \(2, 1\)"),
        ([], r"one number per feature, got an array of shape \(0,\)"),
        (2.0, r"one number per feature, got an array of shape \(\)"),
    ],
)
def test_weights_of_the_wrong_kind(weights, message):
    with pytest.raises(SimilarityError, match=message):
        WeightedLp(2, weights)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": [1.0, 2.0]}, "the metric has 2 weights for 4 features"),
        ({"weights": {"incone": 1.0}}, "did you mean 'income'"),
        ({"free": ["sexx"]}, "'free', there is no feature 'sexx'; did you mean 'sex'"),
        ({"free": [4]}, "there is no feature 4; indices go from 0 to 3"),
        ({"free": [-1]}, "there is no feature -1"),
        ({"free": ["age"], "weights": {"age": 2.0}}, "'age' is free and has a weight"),
    ],
)
def test_parameters_that_do_not_fit_the_features(parameters, message):
    made = WeightedLp(2, **parameters)
    with pytest.raises(SimilarityError, match=message):
        made.bind(NAMES)


@pytest.mark.parametrize("free", [[1.5], [None], [["age"]]])
def test_free_features_of_the_wrong_kind(free):
    with pytest.raises(SimilarityError, match="a free feature is given by name or by zero-based index"):
        WeightedLp(2, free=free)


@pytest.mark.parametrize("epsilon", [-1.0, math.inf, math.nan])
def test_senseless_radii(epsilon):
    made = WeightedLp(1).bind(("a",))
    rows = MatrixRows([-1], [1])
    with pytest.raises(SimilarityError, match="epsilon is"):
        made.encode(rows, rows.difference, epsilon)
    with pytest.raises(SimilarityError, match="epsilon is"):
        made.difference_bound(np.ones((1, 1)), epsilon, np.ones(1))


def test_an_unbound_metric_says_so():
    with pytest.raises(SimilarityError, match="is not bound to features yet"):
        WeightedLp(1).distance(np.zeros(2), np.ones(2))
