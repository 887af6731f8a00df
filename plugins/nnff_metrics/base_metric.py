"""The metric on the outputs of an embedding: made from a table, and written as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import Metric, metric

__all__ = ["base_of", "base_table"]


def base_of(given: Metric | Mapping[str, Any] | str, size: int) -> Metric:
    """Return a base metric, bound to `size` outputs that are called phi0, phi1, ...

    Parameters
    ----------
    given
        The name of a metric plugin, a table with ``metric`` (default ``"weighted-lp"``) and the metric's
        parameters, beside it or in a table ``parameters``; or a metric.
    size
        Number of outputs of the embedding.

    Raises
    ------
    SimilarityError
        If it is none of these, does not fit, or is not a metric of differences.
    """
    if isinstance(given, Metric):
        made = given
    elif isinstance(given, str):
        made = metric(given)
    elif isinstance(given, Mapping):
        further = {key: value for key, value in given.items() if key not in {"metric", "parameters"}}
        further |= dict(given.get("parameters") or {})
        made = metric(str(given.get("metric", "weighted-lp")), **further)
    else:
        raise SimilarityError(
            f"the base metric is {given!r}; it must be a metric's name or a table such as "
            '{ metric = "weighted-lp", p = 1 }'
        )
    if not made.translation_invariant:
        raise SimilarityError(
            f"the base metric {made.name!r} is not one of differences; "
            "an embedding needs a base that depends on y - x alone"
        )
    bound = made.bind(tuple(f"phi{j}" for j in range(size)))
    if not np.isfinite(bound.distance(np.zeros((size, size)), np.eye(size))).all():
        raise SimilarityError(
            f"the base metric {made.name!r} asks for an exact match of an embedding's output; "
            "features can be matched exactly, by the metrics 'tolerance' and 'composite'"
        )
    return bound


def base_table(base: Metric) -> dict[str, Any]:
    """Return the table that makes a base metric again, plain JSON values."""
    return {"metric": base.name, "parameters": base.parameters}
