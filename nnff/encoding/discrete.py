"""Discrete features of a pair as integer columns: whole numbers, levels, one-hot groups.

A feature's value in raw units is a *form*: a constant and coefficients of integer columns.  Sound: every
value that the domain allows is the value of the form for some integers within their bounds; and exact, for no
other value is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnff.encoding.writer import BlockWriter
    from nnff.problem import Problem

__all__ = ["Form", "write_choices"]


@dataclass(frozen=True)
class Form:
    """``constant + sum coefficient * variable``.

    Attributes
    ----------
    constant
        Raw units.
    terms
        Coefficients and integer columns.
    """

    constant: float
    terms: tuple[tuple[float, Any], ...] = ()


def write_choices(writer: BlockWriter, problem: Problem) -> dict[int, tuple[Form, ...]]:
    """Add integer columns for all discrete features that vary, with the rows of one-hot groups.

    Returns
    -------
    By feature: the forms of x'_i and x''_i, or a single one where domain and metric allow no difference.
    """
    domain = problem.domain
    forms: dict[int, tuple[Form, ...]] = {}
    levels = dict(domain.ordinal)
    for i in np.flatnonzero(domain.discrete & (domain.lower < domain.upper)).tolist():
        write = _write_levels if i in levels else _write_count
        copies = [write(writer, problem, i)]
        if problem.radius[i] > 0:
            copies.append(write(writer, problem, i))
            if problem.radius[i] < domain.width[i]:
                apart = [*copies[1].terms, *((-c, v) for c, v in copies[0].terms)]
                # Differences of whole numbers are exact; one of levels is known to within its rounding.
                reach = float(problem.radius[i]) * (1.0 if domain.integer[i] else 1 + 1e-12)
                writer.row(apart, -reach, reach)
        forms[i] = tuple(copies)
    for group in domain.one_hot:
        for copy in range(2):
            chosen = [forms[i][min(copy, len(forms[i]) - 1)] for i in group if i in forms]
            held = sum(float(domain.lower[i]) for i in group if i not in forms)
            if chosen:
                total = 1.0 - held - sum(form.constant for form in chosen)
                writer.row([term for form in chosen for term in form.terms], total, total)
    return forms


def _write_count(writer: BlockWriter, problem: Problem, i: int) -> Form:
    """Add a whole number k with x_i = low + k."""
    count = writer.variable(0.0, float(problem.domain.width[i]), integer=True)
    return Form(float(problem.domain.lower[i]), ((1.0, count),))


def _write_levels(writer: BlockWriter, problem: Problem, i: int) -> Form:
    """Add a binary y per level but the first, at most one of them 1: x_i = first + sum (level - first) y."""
    first, *others = dict(problem.domain.ordinal)[i]
    binaries = [writer.binary() for _ in others]
    if len(binaries) > 1:
        writer.row([(1.0, y) for y in binaries], 0.0, 1.0)
    return Form(first, tuple((level - first, y) for level, y in zip(others, binaries, strict=True)))
