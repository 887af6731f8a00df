"""Parameters that are given by feature: names and indices, checked and resolved."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from nnff.domain import feature_indices
from nnff.errors import DomainError, SimilarityError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["checked_features", "feature_index"]


def feature_index(feature: int | str, names: tuple[str, ...], parameter: str) -> int:
    """Return the index of a feature that a parameter of a metric names.

    Raises
    ------
    SimilarityError
        If there is no such feature; the nearest is suggested.
    """
    try:
        return feature_indices([feature], names)[0]
    except DomainError as error:
        raise SimilarityError(f"in the metric's parameter {parameter!r}, {error}") from error


def checked_features(chosen: Sequence[int | str] | int | str, what: str) -> tuple[int | str, ...]:
    """Return one or more names and indices as a tuple.

    Raises
    ------
    SimilarityError
        If one is neither; `what` says what it is.
    """
    features: list[int | str] = []
    for feature in [chosen] if isinstance(chosen, str | int) else chosen:
        try:
            features.append(feature if isinstance(feature, str) else operator.index(feature))
        except TypeError:
            raise SimilarityError(
                f"{what} is given by name or by zero-based index, got {feature!r}"
            ) from None
    return tuple(features)
