"""The objective, in units in which solvers' absolute tolerances are small."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo
from pyomo.core.expr import LinearExpression

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["write_objective"]

_LARGEST_UNIT = 10
"""Exponent of the largest factor: beyond it the tolerance of rows, not of duals, is what limits accuracy."""


def write_objective(model: Any, terms: Sequence[tuple[float, Any]], reach: float) -> float:
    """Maximise ``unit * sum(coefficient * variable)`` and return the unit, a power of two.

    Dual tolerances are absolute, and the slack that bounds are weakened by is at
    least absolute too.  With an objective of the size of a small epsilon both would
    be relatively large, so the objective is multiplied, exactly, towards 1.

    Parameters
    ----------
    model
        The Pyomo model; receives the component ``largest_difference``.
    terms
        The output difference as coefficients and variables.
    reach
        An upper bound of it.
    """
    exponent = -math.frexp(reach)[1] if reach > 0 else 0
    unit = 2.0 ** min(max(exponent, 0), _LARGEST_UNIT)
    model.largest_difference = pyo.Objective(
        expr=LinearExpression(
            constant=0,
            linear_coefs=[unit * coefficient for coefficient, _ in terms],
            linear_vars=[variable for _, variable in terms],
        ),
        sense=pyo.maximize,
    )
    return unit
