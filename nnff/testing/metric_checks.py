"""What a similarity metric must do, one function per demand."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np

from nnff.domain import Domain
from nnff.errors import SimilarityError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.similarity import EPSILON_TOLERANCE, Metric, Relation
from nnff.testing.metric_subject import Ball, MetricSubject, check
from nnff.testing.outcome import SkipCheck

__all__ = ["LP_TOLERANCE"]

LP_TOLERANCE = 1e-6
"""Relative error that a linear program over the rows is granted."""

_ROUNDING = 1e-12


@check
def check_parameters_rebuild(subject: MetricSubject) -> None:
    """Give `parameters` as plain JSON that makes an equal metric."""
    metric = subject.metric
    assert isinstance(metric.name, str), f"the metric's name is {metric.name!r}, not a string"
    assert metric.name, "the metric's name is empty"
    text = json.dumps(metric.parameters, allow_nan=False)
    again = type(metric)(**json.loads(text)).bind(subject.names)
    assert again == metric, f"a metric made from {text} is not equal to the one that has these parameters"


@check
def check_value(subject: MetricSubject) -> None:
    """Be an immutable value: hashable, picklable, equal by content, usable in a `Problem`."""
    metric = subject.metric
    copy = pickle.loads(pickle.dumps(metric))  # noqa: S301 - our own bytes
    for other, how in ((copy, "its pickle"), (subject.unbound.bind(subject.names), "the same, bound again")):
        assert other == metric, f"the metric is not equal to {how}"
        assert hash(other) == hash(metric), f"the hash differs from that of {how}"
    assert metric != object(), "the metric is equal to any object"
    spoilt = pickle.loads(pickle.dumps(metric))  # noqa: S301 - our own bytes
    for attribute in [*getattr(metric, "__dict__", {}), "new_attribute"]:
        try:
            setattr(spoilt, attribute, None)
        except (AttributeError, TypeError):
            continue
        raise AssertionError(f"the attribute {attribute!r} can be set: parameters must never change")
    for attribute, value in getattr(metric, "__dict__", {}).items():
        writable = isinstance(value, np.ndarray) and value.flags.writeable
        assert not writable or attribute.startswith("_"), f"the array {attribute!r} can be written to"
    network = Network((Layer(np.ones((1, subject.n)), np.zeros(1)),))
    domain = Domain.from_box(np.zeros(subject.n), np.ones(subject.n), feature_names=subject.names)
    first, second = (Problem(network, domain, each, 0.5).fingerprint for each in (metric, copy))
    assert first == second, "two equal metrics give a problem two fingerprints"


@check
def check_bind(subject: MetricSubject) -> None:
    """Let `bind` change nothing the second time, and refuse another number of features."""
    metric, names = subject.metric, subject.names
    assert metric.bind(names) == metric, "binding a bound metric again gives another metric"
    too_many = tuple(f"feature {i}" for i in range(len(names) + 1))
    try:
        metric.bind(too_many)
    except SimilarityError:
        return
    raise AssertionError(f"a metric for {len(names)} features can be bound to {len(too_many)}")


@check
def check_distance_shapes(subject: MetricSubject) -> None:
    """Broadcast in `distance`: one value per pair of rows, the same as for each pair alone."""
    rng, distance, n = subject.rng("shapes"), subject.metric.distance, subject.n
    x, y = rng.normal(size=(3, 1, n)), rng.normal(size=(4, n))
    together = np.asarray(distance(x, y))
    assert together.shape == (3, 4), f"shapes (3, 1, n) and (4, n) give shape {together.shape}"
    single = np.asarray(distance(x[0, 0], y[0]))
    assert single.shape == (), f"two inputs of shape (n,) give shape {single.shape}, not ()"
    apart = [[float(distance(x[i, 0], y[j])) for j in range(4)] for i in range(3)]
    assert np.allclose(together, apart, rtol=1e-9, atol=0), (
        "distances of many pairs differ from those of each"
    )


@check
def check_distance_axioms(subject: MetricSubject) -> None:
    """Give distances that are numbers or infinite, not negative, symmetric, and 0 between equal inputs."""
    rng, distance = subject.rng("axioms"), subject.metric.distance
    x, y = rng.normal(scale=3, size=(2, 64, subject.n))
    forth, back = np.asarray(distance(x, y)), np.asarray(distance(y, x))
    assert not np.isnan(forth).any(), "a distance is nan"
    matched = subject.settled(x) - subject.settled(y)
    finite = np.asarray(distance(np.zeros_like(x), matched))
    assert np.isfinite(finite).all(), (
        f"a distance is {finite[~np.isfinite(finite)][0]}, "
        "although no feature differs that difference_bound always pins"
    )
    assert (forth >= 0).all(), f"a distance is negative: {forth.min()}"
    assert (np.asarray(distance(x, x)) == 0).all(), "equal inputs are at a distance that is not 0"
    assert np.allclose(forth, back, rtol=1e-9, atol=0), (
        "the distance from x to y differs from that from y to x"
    )


@check
def check_translation(subject: MetricSubject) -> None:
    """Depend on y - x only, if `translation_invariant` says so."""
    if not subject.metric.translation_invariant:
        raise SkipCheck("the metric does not call itself translation-invariant")
    rng, distance = subject.rng("translation"), subject.metric.distance
    # Multiples of 1/64: differences and shifts are exact.
    x, y, shift = np.round(rng.normal(scale=3, size=(3, 64, subject.n)) * 64) / 64
    here, there = np.asarray(distance(x, y)), np.asarray(distance(x + shift, y + shift))
    assert np.allclose(here, there, rtol=1e-9, atol=0), "shifting both inputs changes their distance"


@check
def check_looseness_declared(subject: MetricSubject) -> None:
    """Declare a finite looseness, which is 0 exactly if the relation is EXACT or an embedding is smooth."""
    loose, relation = subject.metric.looseness, subject.metric.relation
    assert isinstance(relation, Relation), f"the relation is {relation!r}"
    assert math.isfinite(loose), f"the looseness is {loose}: how much larger the rows are must be known"
    assert loose >= 0, f"the looseness is {loose}: rows smaller than the ball make certificates false"
    inner = subject.metric.embedding
    if inner is not None and any(layer.activation.smooth for layer in inner.layers):
        assert relation is Relation.OUTER, f"the embedding is smooth, and the relation is {relation}"
        return
    assert (loose == 0) == (relation is Relation.EXACT), f"the relation is {relation}, the looseness {loose}"


@check
def check_embedding(subject: MetricSubject) -> None:
    """Measure by a base metric of differences between the embedding's outputs, if there is an embedding."""
    metric, inner = subject.metric, subject.metric.embedding
    if inner is None:
        assert metric.base == metric, "a metric without an embedding has a base that is not itself"
        return
    assert inner.n_inputs == subject.n, f"the embedding takes {inner.n_inputs} inputs, not {subject.n}"
    assert metric.base.translation_invariant, "the base metric is not one of differences"
    x, y = subject.rng("embedding").normal(scale=2, size=(2, 64, subject.n))
    through = np.asarray(metric.base.distance(inner.forward(x), inner.forward(y)))
    assert np.allclose(through, metric.distance(x, y), rtol=1e-9, atol=0), (
        "the distance is not that of the base metric between the embedding's outputs"
    )
    assert metric.looseness == metric.base.looseness, "the looseness is not that of the base metric"


@check
def check_encode_repeats(subject: MetricSubject) -> None:
    """Write the same rows each time."""
    for ball in subject.balls:
        first, second = subject.write(ball), subject.write(ball)
        assert first.same_as(second), f"two encodings of one ball differ ({ball})"


@check
def check_encode_holds_the_ball(subject: MetricSubject) -> None:
    """Write rows that every difference in the ball satisfies, at every radius and in every box."""
    for ball in subject.balls:
        differences = subject.similar(ball, 5, subject.rng(f"similar {ball}"))
        share = subject.rows(ball).reach(differences)
        worst = int(share.argmin())
        assert share[worst] >= 1 - LP_TOLERANCE, (
            f"a difference at distance {subject.length(differences)[worst]:.9g} is cut off: "
            f"the rows end at {share[worst]:.9g} of it ({ball}; d = {_listed(differences[worst])})"
        )


@check
def check_encode_is_no_looser(subject: MetricSubject) -> None:
    """Write rows that no difference farther than ``epsilon (1 + looseness)`` satisfies."""
    if not subject.metric.translation_invariant:
        raise SkipCheck("the distance of a difference depends on the place")
    loose = subject.metric.looseness
    for ball in subject.balls:
        _, _, points = subject.maxima(ball)
        # What a solver's tolerance leaves of a feature that must match exactly is no difference.
        hair = np.abs(points) <= LP_TOLERANCE * ball.box
        reached = subject.length(np.where(hair, subject.settled(points), points))
        allowed = ball.epsilon * (1 + loose) * (1 + LP_TOLERANCE) + _resolution(subject, ball)
        worst = int(reached.argmax())
        assert reached[worst] <= allowed, (
            f"the rows admit a difference at distance {reached[worst]:.9g}, "
            f"which is not within a looseness of {loose:g} ({ball}; d = {_listed(points[worst])})"
        )


@check
def check_difference_bound_holds(subject: MetricSubject) -> None:
    """Bound every difference in ball and box, and never by more than the box alone does."""
    for ball in subject.balls:
        rng = subject.rng(f"bound {ball}")
        forms = subject.directions(6, rng)
        bound = _bounds(subject, forms, ball)
        box = np.abs(forms) @ ball.box
        beyond = bound > box * (1 + _ROUNDING)
        assert not beyond.any(), (
            f"the bound {_first(bound, beyond):.9g} exceeds {_first(box, beyond):.9g}, "
            f"which the box alone gives ({ball}; w = {_listed(forms[int(beyond.argmax())])})"
        )
        differences = subject.similar(ball, 12, rng)
        extreme = subject.extreme(forms, ball)
        values = np.abs(np.concatenate([differences, extreme]) @ forms.T).max(axis=0)
        below = values * (1 - _ROUNDING) > bound
        assert not below.any(), (
            f"|w . d| reaches {_first(values, below):.12g}, above the bound {_first(bound, below):.12g} "
            f"({ball}; w = {_listed(forms[int(below.argmax())])})"
        )


@check
def check_difference_bound_covers_the_rows(subject: MetricSubject) -> None:
    """Bound, for a linear network, what the rows admit: the ball times ``1 + looseness`` at most."""
    loose = subject.metric.looseness
    for ball in subject.balls:
        forms, maxima, _ = subject.maxima(ball)
        larger = Ball(ball.epsilon * (1 + loose), ball.box, ball.kind)
        bound = _bounds(subject, forms, larger) * (1 + LP_TOLERANCE)
        above = maxima > bound + 1e-9 * np.abs(forms) @ ball.box
        assert not above.any(), (
            f"w . d reaches {_first(maxima, above):.9g} over the rows, "
            f"above the bound {_first(bound, above):.9g} ({ball}; w = {_listed(forms[int(above.argmax())])})"
        )


@check
def check_difference_bound_is_sharp(subject: MetricSubject) -> None:
    """Bound a linear network by its maximum over the rows, if the metric is meant to be that good."""
    if subject.sharpness is None:
        raise SkipCheck("no sharpness is claimed")
    for ball in subject.balls:
        forms, maxima, _ = subject.maxima(ball)
        bound = _bounds(subject, forms, ball)
        above = bound > maxima * (1 + subject.sharpness) + 1e-9 * np.abs(forms) @ ball.box
        assert not above.any(), (
            f"the bound {_first(bound, above):.9g} is more than {subject.sharpness:g} above the maximum "
            f"{_first(maxima, above):.9g} ({ball}; w = {_listed(forms[int(above.argmax())])})"
        )


@check
def check_maximise_is_feasible(subject: MetricSubject) -> None:
    """Stay in the ball and in boxes of every shape when maximising."""
    for ball in subject.balls:
        rng = subject.rng(f"maximise {ball}")
        gradient = subject.directions(6, rng)
        gradient[0] = 0.0
        # Off centre, and one-sided in places, as boxes are for inputs at the edge of the domain.
        lower, upper = (rng.choice([0.0, 0.3, 1.0], size=gradient.shape) * ball.box for _ in range(2))
        lower = -lower
        found = np.asarray(subject.metric.maximise(gradient, ball.epsilon, lower, upper))
        assert found.shape == gradient.shape, f"the result has shape {found.shape}, not {gradient.shape}"
        inside = (found >= lower) & (found <= upper)
        assert inside.all(), f"a coordinate leaves its box: {float(found[~inside][0])!r} ({ball})"
        far = float(subject.length(found).max())
        limit = ball.epsilon * (1 + EPSILON_TOLERANCE)
        assert far <= limit, f"a result is at distance {far:.12g} ({ball})"


@check
def check_maximise_at_is_feasible(subject: MetricSubject) -> None:
    """Stay similar to the place and in the box when maximising from anywhere, for metrics of places."""
    if type(subject.metric).maximise_at is Metric.maximise_at:
        assert subject.metric.translation_invariant, "a metric of places must say how to maximise at a place"
        return
    for ball in subject.balls:
        rng = subject.rng(f"maximise at {ball}")
        gradient = subject.directions(4, rng)
        place = rng.normal(scale=2, size=gradient.shape)
        lower, upper = ball.box_rows(len(gradient))
        found = np.asarray(subject.metric.maximise_at(place, gradient, ball.epsilon, lower, upper))
        assert found.shape == gradient.shape, f"the result has shape {found.shape}, not {gradient.shape}"
        assert ((found >= lower) & (found <= upper)).all(), f"a result leaves the box ({ball})"
        far = float(np.asarray(subject.metric.distance(place, place + found)).max())
        limit = ball.epsilon * (1 + EPSILON_TOLERANCE)
        assert far <= limit, f"a result is at distance {far:.12g} from its place ({ball})"


@check
def check_maximise_gets_somewhere(subject: MetricSubject) -> None:
    """Gain at least a tenth, when maximising, of what the best single coordinate gains."""
    for ball in subject.balls:
        gradient = subject.directions(6, subject.rng(f"uphill {ball}"))
        found = np.asarray(subject.metric.maximise(gradient, ball.epsilon, *ball.box_rows(len(gradient))))
        gain = (found * gradient).sum(axis=1)
        # Either way along each coordinate: a metric of places may see the two differently.
        single = np.concatenate([np.diag(ball.box), -np.diag(ball.box)])
        axes = subject.shrunk(single, ball.epsilon)
        # Some multiple of the best single coordinate's gain is what anybody can reach.
        easy = (gradient @ axes.T).max(axis=1)
        # What a computed distance of 0 hides is no gain.
        short = gain < 0.1 * easy - 1e-12 * np.abs(gradient) @ ball.box
        assert not short.any(), (
            f"gradient . d is {_first(gain, short):.6g}; "
            f"moving one coordinate gives {_first(easy, short):.6g} "
            f"({ball}; gradient = {_listed(gradient[int(short.argmax())])})"
        )


def _bounds(subject: MetricSubject, forms: np.ndarray, ball: Ball) -> np.ndarray:
    bound = np.asarray(subject.metric.difference_bound(forms, ball.epsilon, ball.box))
    assert bound.shape == (len(forms),), f"bounds of {len(forms)} forms have shape {bound.shape}"
    assert np.isfinite(bound).all(), f"a bound is {bound[~np.isfinite(bound)][0]} ({ball})"
    return bound


def _resolution(subject: MetricSubject, ball: Ball) -> float:
    """Return the distance that a solver's tolerances can amount to: 1e-8 of the box's extent."""
    corners = subject.rng("corners").choice([-1.0, 1.0], size=(16, subject.n)) * ball.box
    return 1e-8 * float(subject.length(subject.settled(corners)).max())


def _first(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[int(where.argmax())])


def _listed(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"
