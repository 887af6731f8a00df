"""Questions about the trained networks: which pairs of homes are similar, by which metric.

On Boston housing B is free (weight 0) as in the founding paper, so that every answer
includes what the sensitive attribute alone can do, and the other features weigh by their rank.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nnff.bench import Instance, Question
from nnff.domain import Domain
from nnff.errors import UnknownNameError
from nnff.similarity import metric
from nnff_suites.founding import boston_rows, founding_columns, founding_weights, rank_metric
from nnff_suites.reference import reference
from nnff_suites.trained import Trained, boston_covariance_inverse, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.similarity import Metric

__all__ = [
    "METRICS",
    "boston_metric",
    "boston_question",
    "friedman_instance",
    "friedman_question",
    "trained_instance",
    "whole_number_instance",
    "whole_number_question",
]

METRICS = ("l_1", "l_2", "l_inf", "mahalanobis")

_FRIEDMAN_FREE = 4
"""The fifth input: it enters the target as 5 x5, the least of the five that do."""

_WHOLE = ("CHAS", "RAD", "AGE")


def boston_metric(label: str) -> Metric:
    """Return a metric on standardised Boston features in which B is free.

    All four are of the same size: the weights of l_1 and l_2 sum to 1, l_inf has the largest weight 1, and
    Mahalanobis has mean square 1 over the data, so one epsilon means much the same in each.

    Raises
    ------
    UnknownNameError
        If the label is not one of `METRICS`.
    """
    weights = founding_weights()
    match label:
        case "l_1":
            return metric("weighted-lp", p=1, weights=weights)
        case "l_2":
            return rank_metric()
        case "l_inf":
            return metric("weighted-lp", p="inf", weights=weights / weights.max())
        case "mahalanobis":
            return metric("mahalanobis", matrix=boston_covariance_inverse())
    raise UnknownNameError("metric of the Boston suites", label, METRICS)


def boston_question(trained: Trained, label: str, epsilon: float) -> Question:
    """Ask about all similar pairs in the box of the data; CHAS is 0 or 1."""
    rows = boston_rows()
    domain = Domain.from_data(rows, integer=("CHAS",), feature_names=founding_columns())
    return Question(load(trained), domain, boston_metric(label), epsilon, data=rows)


def whole_number_question(trained: Trained, label: str, epsilon: float) -> Question:
    """Ask about homes that differ in whole numbers alone: CHAS, RAD and AGE, all else at its median.

    2 * 24 * 98 points, so that every pair can be tried.
    """
    rows = boston_rows()
    columns = founding_columns()
    whole = np.array([name in _WHOLE for name in columns])
    median = np.median(rows, axis=0)
    domain = Domain.from_box(
        np.where(whole, rows.min(axis=0), median),
        np.where(whole, rows.max(axis=0), median),
        integer=_WHOLE,
        feature_names=columns,
    )
    return Question(load(trained), domain, boston_metric(label), epsilon)


def friedman_question(trained: Trained, epsilon: float) -> Question:
    """Ask about all pairs in [0, 1]^n by an unweighted l_2 metric on standardised inputs, x5 free."""
    weights = np.ones(trained.inputs)
    weights[_FRIEDMAN_FREE] = 0.0
    network = load(trained)
    domain = Domain.from_box(
        np.zeros(trained.inputs), np.ones(trained.inputs), feature_names=network.feature_names
    )
    return Question(network, domain, metric("weighted-lp", p=2, weights=weights), epsilon)


def trained_instance(
    trained: Trained,
    label: str,
    epsilon: float,
    factors: Mapping[str, str | float] | None = None,
    *,
    delta: float | None = None,
) -> Instance:
    """Return the instance of `boston_question`, named after what it asks."""
    task = "above-" if trained.task == "above" else ""
    name = f"{task}{trained.activation}-{trained.width}x{trained.depth}-{label}-eps-{epsilon:g}"
    return Instance(
        name=name if delta is None else f"{name}-delta-{delta:g}",
        build=partial(boston_question, trained, label, epsilon),
        epsilon=epsilon,
        metric=label,
        factors=MappingProxyType(dict(factors or {})),
        delta=delta,
        known=reference(name),
    )


def whole_number_instance(
    trained: Trained, label: str, epsilon: float, factors: Mapping[str, str | float] | None = None
) -> Instance:
    """Return the instance of `whole_number_question`."""
    name = f"whole-{trained.activation}-{trained.width}x{trained.depth}-{label}-eps-{epsilon:g}"
    return Instance(
        name=name,
        build=partial(whole_number_question, trained, label, epsilon),
        epsilon=epsilon,
        metric=label,
        factors=MappingProxyType(dict(factors or {})),
        known=reference(name),
    )


def friedman_instance(
    trained: Trained, epsilon: float, factors: Mapping[str, str | float] | None = None
) -> Instance:
    """Return the instance of `friedman_question`."""
    return Instance(
        name=f"friedman-{trained.activation}-{trained.width}x{trained.depth}-n-{trained.inputs}-eps-{epsilon:g}",
        build=partial(friedman_question, trained, epsilon),
        epsilon=epsilon,
        metric="l_2",
        factors=MappingProxyType(dict(factors or {})),
    )
