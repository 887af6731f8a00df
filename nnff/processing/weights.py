"""Sample weights against bias: what is rare, or costs more, counts more.

All return one positive weight per row with mean 1, for the `sample_weight` of `fit`, and all are weights of
scikit-learn's `compute_sample_weight` with classes that follow from groups, numbers of rows, or costs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from nnff.errors import ConfigError, DataError
from nnff.processing.groups import cells_of, groups_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from nnff.values import FloatArray, IntArray

__all__ = ["cost_sensitive_weights", "effective_number_weights", "reweighing_weights"]


def reweighing_weights(y: npt.ArrayLike, sensitive_features: npt.ArrayLike, *, bins: int = 5) -> FloatArray:
    """Return ``P(s) P(y) / P(s, y)``: with these weights group and class are independent.

    F. Kamiran and T. Calders, Data preprocessing techniques for classification without
    discrimination, Knowledge and Information Systems 33, 2012.

    Parameters
    ----------
    y
        Classes, or a continuous target, which is cut into bins.
    sensitive_features
        The sensitive attribute, shape (rows,); continuous ones are cut into bins.
    bins
        See `nnff.processing.groups_of`.

    Notes
    -----
    A cell without a row gets no weight: independence holds then among what there is only if no cell
    is empty.
    """
    group, target, cell = cells_of(sensitive_features, y, bins)
    in_group, in_target, in_cell = (np.bincount(values) for values in (group, target, cell))
    expected = in_group[group] * in_target[target] / len(cell)
    return _by_class({int(c): float(w) for c, w in zip(cell, expected / in_cell[cell], strict=True)}, cell)


def effective_number_weights(
    y: npt.ArrayLike,
    sensitive_features: npt.ArrayLike | None = None,
    *,
    beta: float = 0.999,
    bins: int = 5,
) -> FloatArray:
    """Return class-balanced weights ``(1 - beta) / (1 - beta^n)``, n the rows of the class.

    ``(1 - beta^n) / (1 - beta)`` is the effective number of n samples: 1 for beta = 0 (every row
    counts the same), n for beta towards 1 (every class counts the same).  Y. Cui and others, Class-balanced
    loss based on effective number of samples, CVPR 2019.

    Parameters
    ----------
    y
        Classes, or a continuous target, which is cut into bins.
    sensitive_features
        Makes the cells of (group, class) the classes.
    beta
        In [0, 1).
    bins
        See `nnff.processing.groups_of`.
    """
    if not 0 <= beta < 1:
        raise ConfigError(f"beta is {beta}; it must be at least 0 and less than 1")
    cell = groups_of(y, bins) if sensitive_features is None else cells_of(sensitive_features, y, bins)[2]
    counts = np.bincount(cell)
    # 1 - beta^n without cancellation where beta is near 1.
    effective = -np.expm1(counts * math.log(beta)) if beta > 0 else np.ones(len(counts))
    return _by_class({c: (1 - beta) / float(effective[c]) for c in np.unique(cell).tolist()}, cell)


def cost_sensitive_weights(
    y: npt.ArrayLike, costs: Mapping[Any, float], sensitive_features: npt.ArrayLike | None = None
) -> FloatArray:
    """Return weights in proportion to what a mistake costs.

    Parameters
    ----------
    y
        Classes, shape (rows,).
    costs
        A positive cost per class; with `sensitive_features`, per (group, class).
    sensitive_features
        One group per row.
    """
    labels = list(np.asarray(y).tolist())
    if sensitive_features is not None:
        groups = np.asarray(sensitive_features).tolist()
        if len(groups) != len(labels):
            raise DataError(f"there are {len(groups)} sensitive values for {len(labels)} targets")
        labels = list(zip(groups, labels, strict=True))
    known = dict.fromkeys(labels)
    for label in known:
        cost = costs.get(label)
        if cost is None:
            raise ConfigError(f"there is no cost for {label!r}; give one for each of {list(known)}")
        if not (math.isfinite(cost) and cost > 0):
            raise ConfigError(f"the cost of {label!r} is {cost}; it must be a positive number")
    number = {label: k for k, label in enumerate(known)}
    cell = np.array([number[label] for label in labels])
    return _by_class({k: float(costs[label]) for label, k in number.items()}, cell)


def _by_class(weight: Mapping[int, float], cell: IntArray) -> FloatArray:
    found = np.asarray(compute_sample_weight(dict(weight), cell), dtype=np.float64)
    result: FloatArray = found / found.mean()
    return result
