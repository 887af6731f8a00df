"""The conformance kit for metrics: good metrics pass, and each kind of mistake is caught by its check."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from nnff.errors import PluginError, SimilarityError, UnknownNameError
from nnff.network import Layer, Network
from nnff.similarity import Metric, Relation
from nnff.testing import Status, all_ok
from nnff.testing.metrics import MetricConformance, check_metric, metric_demands
from nnff_metrics.network_embedding import NetworkEmbedding
from nnff_metrics.tolerance import Tolerance
from nnff_metrics.weighted_lp import WeightedLp

frozen = dataclass(frozen=True, eq=False, init=False)


@dataclass(frozen=True)
class Years(Metric):
    """What a third party may write: the difference in one feature, the others free."""

    feature: str
    features: tuple[str, ...] = ()
    name: ClassVar[str] = "years"

    @property
    def parameters(self):
        return {"feature": self.feature}

    def bind(self, feature_names):
        if self.feature not in feature_names or self.features not in {(), feature_names}:
            raise SimilarityError(f"{self.feature!r} is not one of these features")
        return Years(self.feature, feature_names)

    @property
    def column(self):
        return self.features.index(self.feature)

    def distance(self, x, y):
        return np.abs(y - x)[..., self.column]

    def encode(self, rows, difference, epsilon):
        rows.row([(1.0, difference[self.column])], -epsilon, epsilon)

    def difference_bound(self, weights, epsilon, radius):
        room = radius.copy()
        room[self.column] = min(room[self.column], epsilon)
        return np.abs(weights) @ room * (1 + 1e-14)

    def maximise(self, gradient, epsilon, lower, upper):
        best = np.where(gradient > 0, upper, np.where(gradient < 0, lower, 0.0))
        best[:, self.column] = np.clip(best[:, self.column], -epsilon, epsilon)
        return best


class TestAThirdPartysMetric(MetricConformance):
    metric = Years("age")
    feature_names = ("income", "age", "debt")
    sharpness = 1e-9


class TestAKnownFailure(MetricConformance):
    expected_failures: ClassVar = {"translation": "ages count double after 60"}

    def make_metric(self):
        return Aging("inf")


# --- one mistake each, in a metric that is otherwise right ---


@frozen
class MissingCorner(WeightedLp):
    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon)
        total = epsilon * sum(1 / theta for theta in self.weights)
        rows.row([(1.0, d) for d in difference], -math.inf, total * (1 - 1e-3))


@frozen
class SmallBall(WeightedLp):
    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon * (1 - 1e-3))


@frozen
class LargeBall(WeightedLp):
    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon * (1 + 2e-3))


@frozen
class NeverZero(WeightedLp):
    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, max(epsilon, 1e-5))


@frozen
class BoundingBox(WeightedLp):
    def encode(self, rows, difference, epsilon):
        for theta, d in zip(self.weights, difference, strict=True):
            rows.row([(1.0, d)], -epsilon / math.sqrt(theta), epsilon / math.sqrt(theta))


@frozen
class FixedAtZero(WeightedLp):
    """Forgets that the ball is two-sided."""

    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon)
        rows.row([(1.0, difference[-1])], 0.0, math.inf)


@frozen
class OpenAuxiliary(WeightedLp):
    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon)
        rows.variable(0.0, math.inf)


@frozen
class Moody(WeightedLp):
    _calls: ClassVar = itertools.count()

    def encode(self, rows, difference, epsilon):
        super().encode(rows, difference, epsilon * (1 + 1e-9 * next(self._calls)))


@frozen
class ShortBound(WeightedLp):
    def difference_bound(self, weights, epsilon, radius):
        return super().difference_bound(weights, epsilon, radius) * (1 - 1e-3)


@frozen
class BoundOfTheWrongNorm(WeightedLp):
    """The dual of l_2 is l_2, not l_inf."""

    def difference_bound(self, weights, epsilon, radius):
        best = epsilon * np.max(np.abs(weights) / np.sqrt(self.weights), axis=1)
        return np.minimum(best, np.abs(weights) @ radius)


@frozen
class BoundWithoutBox(WeightedLp):
    def difference_bound(self, weights, epsilon, radius):
        return super().difference_bound(weights, epsilon, np.full_like(radius, 1e9))


@frozen
class BoundIsTheBox(WeightedLp):
    def difference_bound(self, weights, epsilon, radius):
        return np.abs(weights) @ radius


@frozen
class BoundOfNothing(WeightedLp):
    def difference_bound(self, weights, epsilon, radius):
        return np.full(len(weights), np.nan)


@frozen
class Overshooting(WeightedLp):
    def maximise(self, gradient, epsilon, lower, upper):
        best = super().maximise(gradient, epsilon * 1.01, lower, upper)
        return np.clip(best, lower, upper)


@frozen
class OutOfTheBox(WeightedLp):
    def maximise(self, gradient, epsilon, lower, upper):
        return super().maximise(gradient, epsilon, np.minimum(lower, -1e-3), np.maximum(upper, 1e-3))


@frozen
class Lazy(WeightedLp):
    def maximise(self, gradient, epsilon, lower, upper):
        return np.zeros_like(gradient)


@frozen
class Downhill(WeightedLp):
    def maximise(self, gradient, epsilon, lower, upper):
        return super().maximise(-gradient, epsilon, lower, upper)


@frozen
class UnknownLooseness(WeightedLp):
    looseness = math.inf


@frozen
class CallsItselfExact(WeightedLp):
    relation = Relation.EXACT


@frozen
class Aging(WeightedLp):
    """Farther apart where both first features are large."""

    def distance(self, x, y):
        return super().distance(x, y) * (1 + (np.minimum(x, y)[..., 0] > 1))


@frozen
class OneWay(WeightedLp):
    def distance(self, x, y):
        ahead = (x > y) & (y > 1)
        return super().distance(x, y) * (1 + 1e-6 * ahead[..., 0])


@frozen
class NeverTheSame(WeightedLp):
    def distance(self, x, y):
        return np.maximum(super().distance(x, y), 1e-300)


@frozen
class OnePairAtATime(WeightedLp):
    def distance(self, x, y):
        return np.atleast_1d(super().distance(x, y))


@frozen
class MixesRows(WeightedLp):
    def distance(self, x, y):
        found = super().distance(x, y)
        return found if found.ndim < 2 else found.mean(axis=0) * np.ones_like(found)


@frozen
class TakesAnySize(WeightedLp):
    def bind(self, feature_names):
        return self if isinstance(self.weights, np.ndarray) else super().bind(feature_names)


@frozen
class NotJson(WeightedLp):
    @property
    def parameters(self):
        return {**super().parameters, "weights": np.ones(3)}


@frozen
class ForgetsWeights(WeightedLp):
    @property
    def parameters(self):
        return {"p": super().parameters["p"]}


class Mutable(WeightedLp):
    """A subclass without the decorator: new attributes can be set."""


@frozen
class EqualToAll(WeightedLp):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


# The mistake, what makes it show (p and weights), and the checks that must fail, no others.
MISTAKES = [
    (MissingCorner, "inf", {"encode_holds_the_ball"}),
    (SmallBall, 1, {"encode_holds_the_ball"}),
    (SmallBall, 2, {"encode_holds_the_ball"}),
    (FixedAtZero, "inf", {"encode_holds_the_ball"}),
    (LargeBall, 1, {"encode_is_no_looser", "difference_bound_covers_the_rows"}),
    (LargeBall, 2, {"encode_is_no_looser", "difference_bound_covers_the_rows"}),
    (NeverZero, "inf", {"encode_is_no_looser", "difference_bound_covers_the_rows"}),
    (BoundingBox, 2, {"encode_is_no_looser", "difference_bound_covers_the_rows"}),
    (Moody, 1, {"encode_repeats"}),
    (ShortBound, 1, {"difference_bound_holds", "difference_bound_covers_the_rows"}),
    (BoundOfTheWrongNorm, 2, {"difference_bound_holds", "difference_bound_covers_the_rows"}),
    (BoundWithoutBox, 2, {"difference_bound_holds"}),
    (BoundIsTheBox, 2, {"difference_bound_is_sharp"}),
    (BoundOfNothing, 2, {"difference_bound_holds", "difference_bound_covers_the_rows"}),
    (Overshooting, 1, {"maximise_is_feasible"}),
    (OutOfTheBox, 1, {"maximise_is_feasible"}),
    (Lazy, 1, {"maximise_gets_somewhere"}),
    (Downhill, 1, {"maximise_gets_somewhere"}),
    (UnknownLooseness, 1, {"looseness_declared", "difference_bound_covers_the_rows", "encode_is_no_looser"}),
    (CallsItselfExact, 2, {"looseness_declared"}),
    (Aging, "inf", {"translation"}),
    (OneWay, "inf", {"distance_axioms", "translation"}),
    (OnePairAtATime, 1, {"distance_shapes"}),
    (MixesRows, 1, {"distance_shapes"}),
    (TakesAnySize, 1, {"bind"}),
    (NotJson, 1, {"parameters_rebuild"}),
    (ForgetsWeights, 1, {"parameters_rebuild"}),
    (Mutable, 1, {"value"}),
    (EqualToAll, 1, {"value"}),
]


@cache
def outcomes(kind, p):
    # Sharpness is claimed only by the one metric whose mistake is not to have it.
    sharpness = 1e-2 if kind is BoundIsTheBox else None
    return check_metric(kind(p, [1.0, 0.5, 2.0]), ("a", "b", "c"), sharpness=sharpness)


@frozen
class FromTheOrigin(NetworkEmbedding):
    def maximise_at(self, place, gradient, epsilon, lower, upper):
        return super().maximise(gradient, epsilon, lower, upper)

    def maximise(self, gradient, epsilon, lower, upper):
        return super().maximise_at(np.zeros_like(gradient), gradient, epsilon, lower, upper)


@frozen
class OtherBase(NetworkEmbedding):
    @property
    def base(self):
        return WeightedLp("inf").bind(("phi0", "phi1"))


@frozen
class CallsItselfInvariant(NetworkEmbedding):
    translation_invariant = True


@pytest.mark.parametrize(
    ("kind", "checks"),
    [
        (NetworkEmbedding, set()),
        (FromTheOrigin, {"maximise_at_is_feasible"}),
        (OtherBase, {"embedding"}),
        (CallsItselfInvariant, {"translation", "encode_is_no_looser"}),
    ],
)
def test_a_mistake_of_a_metric_of_places_is_caught_by_its_check(kind, checks):
    rng = np.random.default_rng(0)
    phi = Network((Layer(rng.normal(size=(2, 2)), rng.normal(size=2), "tanh"),))
    found = check_metric(kind(phi, base={"p": 1}))
    assert {outcome.name for outcome in found if outcome.status is Status.FAILED} == checks


def test_a_metric_that_mistakes_an_exact_match_is_caught():
    class Forgets(Tolerance):
        def encode(self, rows, difference, epsilon):
            Tolerance([1.0, 1.0]).encode(rows, difference, epsilon)

    class Claims(Tolerance):
        def difference_bound(self, weights, epsilon, radius):
            return super().difference_bound(weights, epsilon, radius * [1.0, 0.0])

    for kind, tolerances, check in (
        (Forgets, [1.0, 0.0], "encode_is_no_looser"),
        (Claims, [1.0, 1.0], "difference_bound_holds"),
    ):
        failed = {outcome.name for outcome in check_metric(kind(tolerances)) if not outcome.status.ok}
        assert check in failed


@pytest.mark.parametrize(
    ("kind", "p", "checks"), MISTAKES, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_mistake_is_caught_by_its_check(kind, p, checks):
    failed = {outcome.name for outcome in outcomes(kind, p) if outcome.status is Status.FAILED}
    assert failed == checks
    assert not all_ok(outcomes(kind, p))


def test_a_metric_with_open_auxiliary_variables_is_refused_wherever_it_writes():
    found = {outcome.name: outcome for outcome in outcomes(OpenAuxiliary, 1)}
    assert found["encode_holds_the_ball"].status is Status.FAILED
    assert "they must be finite and not empty" in found["encode_holds_the_ball"].detail


def test_a_distance_that_is_never_zero():
    failed = {outcome.name for outcome in outcomes(NeverTheSame, 1) if not outcome.status.ok}
    assert "distance_axioms" in failed


def test_the_message_shows_a_case():
    [outcome] = check_metric(SmallBall("inf", [1.0, 0.5]), only=["encode_holds_the_ball"])
    assert "is cut off: the rows end at 0.999 of it (epsilon 0.001, wide box; d = [" in outcome.detail


def test_every_check_runs_and_good_metrics_pass_all():
    found = check_metric(WeightedLp(1), sharpness=1e-6)
    assert [outcome.name for outcome in found] == list(metric_demands())
    assert {outcome.status for outcome in found} == {Status.PASSED}


def test_other_seeds_pass_too():
    for seed in (1, 2):
        assert all_ok(check_metric(WeightedLp(2, [1.0, 0.2, 0.0]), seed=seed, sharpness=1e-6))


def test_expected_failures_are_strict():
    known = {"translation": "ages count double after 60", "bind": "was never tried"}
    found = {
        outcome.name: outcome.status
        for outcome in check_metric(Aging("inf"), expected_failures=known, only=["translation", "bind"])
    }
    assert found == {"translation": Status.EXPECTED_FAILURE, "bind": Status.UNEXPECTED_PASS}


def test_unknown_checks():
    with pytest.raises(UnknownNameError, match="did you mean 'bind'"):
        check_metric(WeightedLp(1), only=["bnd"])
    with pytest.raises(UnknownNameError, match="did you mean 'translation'"):
        check_metric(WeightedLp(1), expected_failures={"translaton": "a typo"})


def test_the_number_of_features_is_found():
    assert all_ok(check_metric(WeightedLp(1, np.arange(7.0)), only=["bind", "distance_shapes"]))


def test_a_metric_that_needs_names_says_so():
    with pytest.raises(
        SimilarityError, match=r"give the features' names \('age' is not one of these features\)"
    ):
        check_metric(Years("age"))


def test_what_is_no_metric():
    with pytest.raises(PluginError, match=r"is not a nnff\.similarity\.Metric"):
        check_metric(object())


def test_a_metric_of_places_skips_what_depends_on_differences():
    @frozen
    class Local(WeightedLp):
        translation_invariant = False

    found = {
        outcome.name: outcome.status
        for outcome in check_metric(Local(1), only=["translation", "encode_is_no_looser"])
    }
    assert set(found.values()) == {Status.SKIPPED}


def test_a_test_class_without_a_metric_says_what_is_missing():
    class Empty(MetricConformance):
        pass

    with pytest.raises(NotImplementedError, match="Empty must set metric or define make_metric"):
        Empty().test_bind()
