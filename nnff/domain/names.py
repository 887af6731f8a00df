"""Choosing features by name or index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import DomainError, nearest_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["feature_indices"]


def feature_indices(chosen: Iterable[int | str] | str, names: tuple[str, ...]) -> list[int]:
    """Turn feature names or zero-based indices, or ``"all"``, into indices.

    Raises
    ------
    DomainError
        For a name that is not a feature (the nearest is suggested) or an index out of range.
    """
    if isinstance(chosen, str):
        if chosen == "all":
            return list(range(len(names)))
        chosen = [chosen]
    found = []
    for feature in chosen:
        if isinstance(feature, str):
            if feature not in names:
                near = nearest_name(feature, names)
                hint = f"did you mean {near!r}?" if near else f"the features are {', '.join(names)}"
                raise DomainError(f"there is no feature {feature!r}; {hint}")
            found.append(names.index(feature))
        elif isinstance(feature, (bool, np.bool_)):
            raise DomainError("features are chosen by names or zero-based indices, not by True and False")
        else:
            index = int(feature)
            if index != feature:
                raise DomainError(f"there is no feature {feature}; an index is a whole number")
            if not 0 <= index < len(names):
                raise DomainError(f"there is no feature {index}; indices go from 0 to {len(names) - 1}")
            found.append(index)
    return found
