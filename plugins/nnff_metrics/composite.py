"""Different metrics on groups of features, combined by their maximum or their sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import PluginError, SimilarityError
from nnff.similarity import Metric, checked_epsilon, metric, row_unit
from nnff.values import ContentValue
from nnff_metrics.by_feature import checked_features, feature_index
from nnff_metrics.shared_budget import budget_bound, budget_steps

if TYPE_CHECKING:
    from nnff.similarity import RowWriter, Variable
    from nnff.values import FloatArray

__all__ = ["Composite", "Group"]

_ROUNDOFF = 2.0**-53
_OWN_KEYS = ("features", "metric", "match", "weight", "radius", "parameters")
_MATCHES = ("exact", "free")


@dataclass(frozen=True, eq=False)
class Group(ContentValue):
    """Some features and what counts between their values.

    Attributes
    ----------
    features
        Names or zero-based indices; indices once bound.
    measure
        The metric on these features alone; None where `match` says it all.
    weight
        Factor of its distance.
    match
        ``"metric"``, ``"exact"`` (the features must be equal) or ``"free"`` (they do not count).
    """

    features: tuple[int | str, ...]
    measure: Metric | None
    weight: float
    match: str


@dataclass(frozen=True, eq=False, init=False)
class Composite(ContentValue, Metric):
    """``d(x, y) = max over groups of weight_g d_g(x_g, y_g)``, or their sum, each group with its own metric.

    Within epsilon are pairs that are within ``epsilon / weight_g`` by each group's metric, equal in every
    group with ``match = "exact"`` (else the distance is infinite), and anything in groups with
    ``match = "free"``.  The ball is the product of the groups' balls: rows, bounds and maximisers are
    those of
    the groups, as exact as they are.  The looseness is the largest of theirs.

    Parameters
    ----------
    groups
        Tables with the keys ``features`` (names or zero-based indices) and either ``match`` or ``metric``,
        the name of a metric plugin (default ``"weighted-lp"``).  Further keys, or those of a table
        ``parameters``, are that metric's own.  ``weight`` multiplies its distance;
        ``radius``, instead, divides it.
    combine
        ``"max"`` or ``"sum"``.  In a sum the groups share epsilon: their metrics must be able to write their
        distances as rows (`Metric.encode_distance`: weighted l_p and Mahalanobis are).
    rest
        ``"exact"`` or ``"free"``: what holds for features that are in no group.  Without it there must be
        none.

    Raises
    ------
    SimilarityError
        If a group makes no sense.
    """

    name: ClassVar[str] = "composite"

    groups: tuple[Group, ...]
    rest: str | None
    combine: str

    def __init__(
        self,
        groups: Sequence[Mapping[str, Any] | Group],
        rest: str | None = None,
        combine: str = "max",
    ) -> None:
        put = object.__setattr__
        if isinstance(groups, str | Mapping) or not isinstance(groups, Sequence) or not groups:
            raise SimilarityError("groups is a list of tables, one at least, each with its features")
        put(self, "groups", tuple(_group(group, number) for number, group in enumerate(groups, 1)))
        if rest is not None and rest not in _MATCHES:
            raise SimilarityError(f"rest is {rest!r}; it must be 'exact' or 'free'")
        put(self, "rest", rest)
        if combine not in {"max", "sum"}:
            raise SimilarityError(f"combine is {combine!r}; it must be 'max' or 'sum'")
        put(self, "combine", combine)
        for group in self.groups if combine == "sum" else ():
            own = None if group.measure is None else type(group.measure).encode_distance
            if own is Metric.encode_distance:
                raise SimilarityError(
                    f"the metric {group.measure.name!r} cannot stand in a sum; "  # type: ignore[union-attr]
                    "weighted-lp and mahalanobis can, and with combine = 'max' any metric"
                )

    @property
    def parameters(self) -> dict[str, Any]:
        """The groups with their metrics' parameters, rest, and how they are combined."""
        return {
            "groups": [_described(group) for group in self.groups],
            "rest": self.rest,
            "combine": self.combine,
        }

    @property
    def looseness(self) -> float:
        """The largest looseness of a group."""
        return max(
            (group.measure.looseness for group in self.groups if group.measure is not None), default=0.0
        )

    def bind(self, feature_names: tuple[str, ...]) -> Composite:
        """Resolve names, bind each group's metric to its features, and give `rest` a group of its own."""
        owner: dict[int, int] = {}
        bound = []
        for number, group in enumerate(self.groups, 1):
            own = [feature_index(feature, feature_names, "groups") for feature in group.features]
            for index in own:
                if index in owner:
                    name = feature_names[index]
                    raise SimilarityError(
                        f"the feature {name!r} is in group {owner[index]} and in group {number}"
                    )
                owner[index] = number
            measure = group.measure
            if measure is not None:
                measure = measure.bind(tuple(feature_names[index] for index in own))
            bound.append(Group(tuple(own), measure, group.weight, group.match))
        left = [index for index in range(len(feature_names)) if index not in owner]
        if left and self.rest is None:
            raise SimilarityError(
                f"the features {', '.join(feature_names[index] for index in left)} are in no group; "
                "add them to one, or set rest to 'exact' or 'free'"
            )
        if left:
            bound.append(Group(tuple(left), None, 1.0, str(self.rest)))
        return type(self)(bound, combine=self.combine)

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the largest weighted distance of a group, or their sum; see `Metric.distance`."""
        first, second = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        result = np.zeros(first.shape[:-1])
        for group, own in self._parts():
            if group.measure is not None:
                part = group.weight * group.measure.distance(first[..., own], second[..., own])
            elif group.match == "exact":
                part = np.where((first[..., own] == second[..., own]).all(axis=-1), 0.0, np.inf)
            else:
                continue
            result = np.maximum(result, part) if self.combine == "max" else result + part
        return result

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write every group's ball, or the distances' sum; see `Metric.encode`."""
        radius = checked_epsilon(epsilon)
        shared = self.combine == "sum" and radius > 0
        unit, slack = row_unit(radius), 0.0
        total: list[tuple[float, Variable]] = []
        for group, own in self._parts():
            if group.measure is not None and shared:
                written = group.measure.encode_distance(
                    rows, [difference[i] for i in own], _radius(radius, group)
                )
                if written is None:
                    raise PluginError(f"the metric {group.measure.name!r} wrote no rows about its distance")
                total.extend((group.weight * coefficient / unit, v) for coefficient, v in written[0])
                slack += group.weight * written[1]
            elif group.measure is not None:
                group.measure.encode(rows, [difference[i] for i in own], _radius(radius, group))
            elif group.match == "exact":
                for i in own:
                    rows.row([(1.0, difference[i])], 0.0, 0.0)
        if total:
            # The forms may exceed the distances by 1e-12, and the coefficients are rounded.
            rows.row(total, -math.inf, (radius + slack) / unit * (1 + 4e-12))

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound linear forms by the groups' own bounds; see `Metric.difference_bound`.

        The ball of a maximum is the product of the groups' balls, and the bounds add up; for a sum see
        `nnff_metrics.shared_budget`.
        """
        forms, room = np.atleast_2d(weights), np.asarray(radius, dtype=np.float64)
        eps = checked_epsilon(epsilon)
        total = np.zeros(len(forms))
        if self.combine == "sum" and eps > 0:
            bounds, shares = [], []
            for group, own in self._parts():
                if group.measure is not None:
                    bounds.append(partial(_bound_of, group.measure, forms[:, own], room[own]))
                    shares.append(group.weight)
            if bounds:
                total += budget_bound(bounds, shares, eps)
        for group, own in self._parts():
            if group.measure is not None and (self.combine == "max" or eps == 0):
                total += group.measure.difference_bound(forms[:, own], _radius(eps, group), room[own])
            elif group.match == "free":
                total += np.abs(forms[:, own]) @ room[own]
        # Sums of numbers that are not negative: the roundings are relative.
        return np.asarray(total * (1 + (2 * forms.shape[1] + 8) * _ROUNDOFF))

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Maximise in every group for itself; in a sum, the best groups first; see `Metric.maximise`."""
        eps = checked_epsilon(epsilon)
        found = np.zeros_like(gradient, dtype=np.float64)
        steps, costs, gains, places = [], [], [], []
        for group, own in self._parts():
            g, low, high = gradient[:, own], lower[:, own], upper[:, own]
            if group.measure is not None:
                step = group.measure.maximise(g, eps / group.weight, low, high)
                found[:, own] = step
                length = group.weight * group.measure.distance(np.zeros_like(step), step)
                steps.append(step)
                costs.append(length / eps if eps > 0 else 0 * length)
                gains.append((step * g).sum(axis=1))
                places.append(own)
            elif group.match == "free":
                found[:, own] = np.where(g > 0, high, np.where(g < 0, low, 0.0))
        if self.combine == "sum" and len(steps) > 1:
            for own, step in zip(places, budget_steps(steps, costs, gains), strict=True):
                found[:, own] = step
        return found

    def _parts(self) -> list[tuple[Group, list[int]]]:
        parts = []
        for group in self.groups:
            own = [feature for feature in group.features if isinstance(feature, int)]
            if self.rest is not None or len(own) < len(group.features):
                raise SimilarityError(
                    f"the metric {self.name!r} is not bound to features yet; call bind(names)"
                )
            parts.append((group, own))
        return parts


def _bound_of(measure: Metric, forms: FloatArray, room: FloatArray, radius: float) -> FloatArray:
    return measure.difference_bound(forms, radius, room)


def _radius(epsilon: float, group: Group) -> float:
    """Return ``epsilon / weight``, rounded up by more than the product in `distance` rounds down."""
    return epsilon / group.weight * (1 + 4 * _ROUNDOFF)


def _group(given: Mapping[str, Any] | Group, number: int) -> Group:
    """Read one table.

    Raises
    ------
    SimilarityError
        One sentence that names the group.
    """
    if isinstance(given, Group):
        return given
    if not isinstance(given, Mapping):
        raise SimilarityError(f"group {number} is {given!r}; it must be a table with its features")
    if not given.get("features") and given.get("features") != 0:
        raise SimilarityError(f"group {number} has no features; list their names")
    features = checked_features(given["features"], f"a feature of group {number}")
    further = {key: value for key, value in given.items() if key not in _OWN_KEYS}
    further |= dict(given.get("parameters") or {})
    match = given.get("match")
    if match is not None:
        if match not in _MATCHES:
            raise SimilarityError(f"group {number} has the match {match!r}; it must be 'exact' or 'free'")
        extra = [key for key in given if key not in {"features", "match"}]
        if extra:
            raise SimilarityError(
                f"group {number} has a match and the key {extra[0]!r}; it can have only one"
            )
        return Group(features, None, 1.0, str(match))
    made = metric(str(given.get("metric", "weighted-lp")), **further)
    if not made.translation_invariant:
        raise SimilarityError(
            f"group {number} has the metric {made.name!r}, which is not one of differences; "
            "a group needs one that depends on y - x alone"
        )
    return Group(features, made, _weight(given, number), "metric")


def _weight(given: Mapping[str, Any], number: int) -> float:
    if "weight" in given and "radius" in given:
        raise SimilarityError(f"group {number} has a weight and a radius; one is 1 divided by the other")
    key = "radius" if "radius" in given else "weight"
    value = given.get(key, 1.0)
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not (usable and math.isfinite(value) and value > 0):
        raise SimilarityError(f"the {key} of group {number} is {value!r}; it must be a positive number")
    return float(value) if key == "weight" else 1.0 / float(value)


def _described(group: Group) -> dict[str, Any]:
    """Return the table that makes the group again."""
    if group.measure is None:
        return {"features": list(group.features), "match": group.match}
    return {
        "features": list(group.features),
        "metric": group.measure.name,
        "weight": group.weight,
        "parameters": group.measure.parameters,
    }
