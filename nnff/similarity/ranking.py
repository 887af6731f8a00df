"""Weights of a metric from a ranking of the features by importance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnff.domain import feature_indices
from nnff.errors import DomainError, SimilarityError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["weights_from_ranking"]


def weights_from_ranking(ranked: Iterable[int | str], feature_names: Iterable[str]) -> dict[str, float]:
    """Return one weight per feature, falling linearly with the rank.

    With k ranked features the one of rank r (1 is the most important) weighs
    ``(k + 2 - r) / sum(j for j = 2..k+1)``, so that the weights sum to 1 and the last one
    still counts: 12 features get 13/90, 12/90, ..., 2/90.  A feature that is not ranked weighs 0,
    which makes it free: two people who differ in nothing else are at distance 0.

    Parameters
    ----------
    ranked
        Names or zero-based indices, most important first.
    feature_names
        All features, in the order of the columns.

    Returns
    -------
    Weights by feature name, in the order of `feature_names`.

    Raises
    ------
    SimilarityError
        If a ranked feature does not exist (the nearest is suggested) or is ranked twice, or none is ranked.

    Examples
    --------
    >>> weights_from_ranking(["income", "age"], ["age", "income", "sex"])
    {'age': 0.4, 'income': 0.6, 'sex': 0.0}
    """
    names = tuple(feature_names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SimilarityError(f"two features are called {twice!r}; weights by name need different names")
    try:
        order = feature_indices([ranked] if isinstance(ranked, str) else ranked, names)
    except DomainError as error:
        raise SimilarityError(f"in the ranking, {error}") from error
    if not order:
        raise SimilarityError("the ranking is empty; every pair of inputs would count as similar")
    for index in order:
        if order.count(index) > 1:
            raise SimilarityError(f"the feature {names[index]!r} is ranked twice")
    k = len(order)
    # The sum of 2..k+1.  Whole numbers up to the one division: each weight is the nearest double.
    total = k * (k + 3) // 2
    weights = dict.fromkeys(names, 0.0)
    for rank, index in enumerate(order, start=1):
        weights[names[index]] = (k + 2 - rank) / total
    return weights
