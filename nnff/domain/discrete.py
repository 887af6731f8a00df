"""Features with separate values: levels of ordinal features, groups of which exactly one is 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.domain.names import feature_indices
from nnff.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nnff.values import BoolArray, FloatArray

__all__ = [
    "Groups",
    "Levels",
    "checked_groups",
    "checked_levels",
    "named_groups",
    "named_levels",
    "settle_groups",
]

Groups = tuple[tuple[int, ...], ...]
"""Groups of features, each as ascending indices."""

Levels = tuple[tuple[int, tuple[float, ...]], ...]
"""Ordinal features: index and its levels, both ascending."""


def named_groups(groups: Iterable[Iterable[int | str]], names: tuple[str, ...]) -> Groups:
    """Resolve groups given by names or indices."""
    result = []
    for group in groups:
        if isinstance(group, str):
            raise DomainError(f"one-hot groups are lists of features, such as [[{group!r}, ...]]")
        result.append(tuple(feature_indices(group, names)))
    return tuple(result)


def named_levels(levels: Mapping[Any, Iterable[float]], names: tuple[str, ...]) -> Levels:
    """Resolve the levels of ordinal features given by name or index."""
    found = []
    for feature, values in levels.items():
        index = feature_indices([feature], names)[0]
        try:
            found.append((index, tuple(sorted({float(value) for value in values}))))
        except (TypeError, ValueError):
            raise DomainError(
                f"the levels of {names[index]} must be a list of numbers, got {values!r}"
            ) from None
    return tuple(sorted(found))


def checked_groups(groups: Any, names: tuple[str, ...]) -> Groups:
    """Return the groups in ascending order.

    Raises
    ------
    DomainError
        If a group has fewer than two members, or a feature occurs twice.
    """
    result = tuple(sorted(tuple(sorted(int(i) for i in group)) for group in groups))
    seen: set[int] = set()
    for group in result:
        for i in group:
            _check_index(i, names)
        if len(group) < 2:  # noqa: PLR2004 - a choice needs two
            members = ", ".join(names[i] for i in group) or "none"
            raise DomainError(f"a one-hot group needs at least two features, got {members}")
        for i in group:
            if i in seen:
                raise DomainError(f"feature {names[i]} occurs twice in the one-hot groups")
            seen.add(i)
    return result


def checked_levels(levels: Any, names: tuple[str, ...], taken: BoolArray) -> Levels:
    """Return the levels, without repetitions and in ascending order.

    Raises
    ------
    DomainError
        If a feature has no level, occurs twice, is integer or in a one-hot group (`taken`), or a level is not
        a finite number.
    """
    result = tuple(sorted((int(i), tuple(sorted({float(v) + 0.0 for v in values}))) for i, values in levels))
    for place, (index, values) in enumerate(result):
        _check_index(index, names)
        if place and result[place - 1][0] == index:
            raise DomainError(f"the levels of {names[index]} are given twice")
        if not values:
            raise DomainError(f"the list of levels of {names[index]} is empty")
        if not np.isfinite(values).all():
            raise DomainError(f"a level of {names[index]} is not a finite number")
        if taken[index]:
            raise DomainError(
                f"feature {names[index]} has levels and is integer or one-hot as well; choose one of them"
            )
    return result


def _check_index(index: int, names: tuple[str, ...]) -> None:
    if not 0 <= index < len(names):
        raise DomainError(f"there is no feature {index}; indices go from 0 to {len(names) - 1}")


def settle_groups(groups: Groups, lower: FloatArray, upper: FloatArray, names: tuple[str, ...]) -> None:
    """Tighten the bounds of one-hot groups in place: one that must be 1 makes the others 0.

    Raises
    ------
    DomainError
        If a member is not between 0 and 1, or the group can have no 1 or must have two.
    """
    for group in groups:
        for i in group:
            if lower[i] < 0 or upper[i] > 1:
                raise DomainError(
                    f"feature {names[i]} is in a one-hot group but ranges over [{lower[i]:g}, {upper[i]:g}]; "
                    "it must be 0 or 1"
                )
        able = [i for i in group if upper[i] >= 1]
        forced = [i for i in group if lower[i] >= 1]
        members = ", ".join(names[i] for i in group)
        if not able:
            raise DomainError(f"the domain is empty: none of the one-hot group {members} can be 1")
        if len(forced) > 1:
            raise DomainError(
                f"the domain is empty: {names[forced[0]]} and {names[forced[1]]} of a one-hot group "
                "must both be 1"
            )
        if forced:
            upper[[i for i in group if i != forced[0]]] = 0.0
        elif len(able) == 1:
            lower[able[0]] = 1.0
