r"""What the rows of a domain say of the network's scaled inputs, and bounds of linear forms over them.

Inputs that count as possible violate a row by at most `nnff.domain.Domain.row_slack`; the rows here
are written with twice as much, and wider by what their translation into scaled inputs rounds:
``a x = a (c + s z)`` has coefficients ``a_i s_i`` and a constant ``a c``, each product off by one
unit in the last place and the sum of n terms by n, relative to ``sum |a_i| (|x_i| + |c_i|)``.

Bounds of linear forms come from linear programs whose values are not used: each bound is evaluated by
`nnff.milp.dual_bound` from the multipliers, in outward-rounded arithmetic, so a sloppy
solution can only be loose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from nnff.milp.dual_bound import DualBound
from nnff.ranges.outward import affine_range

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["InputPolytope", "InputRows", "group_rows", "input_rows"]

_UNIT = 2.0**-53
_MOST_FORMS = 512
"""Further forms are bounded over the box: two linear programs each would take too long."""


@dataclass(frozen=True)
class InputRows:
    """Rows ``lower <= matrix z <= upper`` of scaled inputs that hold for every possible input.

    Attributes
    ----------
    matrix
        Shape (m, n).
    lower, upper
        Shape (m,), rounded outward; infinite where a side is absent.
    """

    matrix: FloatArray
    lower: FloatArray
    upper: FloatArray

    def with_rows(self, other: InputRows) -> InputRows:
        """Return these rows and others."""
        return InputRows(
            np.concatenate([self.matrix, other.matrix]),
            np.concatenate([self.lower, other.lower]),
            np.concatenate([self.upper, other.upper]),
        )


def input_rows(problem: Problem) -> InputRows:
    """Return the domain's rows for scaled inputs; sound for the reasons given in the module's text."""
    rows = problem.domain.constraints
    if rows is None:
        nothing = np.empty(0)
        return InputRows(np.empty((0, problem.network.n_inputs)), nothing, nothing)
    slack = 2.0 * problem.domain.row_slack
    return _scaled(problem, rows.matrix, rows.lower - slack, rows.upper + slack)


def group_rows(problem: Problem) -> InputRows:
    """Return that the members of every one-hot group add up to 1, for scaled inputs."""
    groups = problem.domain.one_hot
    sums = np.zeros((len(groups), problem.network.n_inputs))
    for k, group in enumerate(groups):
        sums[k, list(group)] = 1.0
    return _scaled(problem, sums, np.ones(len(groups)), np.ones(len(groups)))


def _scaled(problem: Problem, matrix: FloatArray, lower: FloatArray, upper: FloatArray) -> InputRows:
    scaling, domain = problem.network.input_scaling, problem.domain
    largest = np.maximum(np.abs(domain.lower), np.abs(domain.upper)) + np.abs(scaling.center)
    error = 8 * (matrix.shape[1] + 4) * _UNIT * (np.abs(matrix) @ largest)
    constant = matrix @ scaling.center
    # The subtraction rounds relative to its result, bounded by what was subtracted.
    low, high = lower - constant, upper - constant
    return InputRows(
        matrix * scaling.scale,
        low - error - 2 * _UNIT * np.abs(np.where(np.isfinite(low), low, 0.0)),
        high + error + 2 * _UNIT * np.abs(np.where(np.isfinite(high), high, 0.0)),
    )


class InputPolytope:
    """Scaled inputs within a box and rows; bounds linear forms.

    Parameters
    ----------
    problem
        Its domain gives rows and one-hot groups.
    lower, upper
        Box of the scaled inputs, rounded outward, shape (n,).
    """

    def __init__(self, problem: Problem, lower: FloatArray, upper: FloatArray) -> None:
        rows = input_rows(problem).with_rows(group_rows(problem))
        self._rows, self._lower, self._upper = rows, lower, upper
        self._evaluate = DualBound(sp.csr_array(rows.matrix))
        self._width = upper - lower
        scaled = rows.matrix * self._width
        norm = np.linalg.norm(scaled, axis=1)
        self._norm = np.where(norm > 0, norm, 1.0)
        sides = []
        offset = rows.matrix @ lower
        for sign, bound in ((1.0, rows.upper), (-1.0, rows.lower)):
            used = np.flatnonzero(np.isfinite(bound))
            sides.append((sign, used, sign * (bound - offset)[used] / self._norm[used]))
        self._sides = sides
        self._coefficients = np.concatenate(
            [sign * (scaled / self._norm[:, None])[used] for sign, used, _ in sides]
        )
        self._limits = np.concatenate([limits for _, _, limits in sides])

    def highest(self, form: FloatArray) -> float:
        """Return an upper bound of ``form . z``, rounded up.

        Sound: the box and the rows hold for every possible input, and
        `DualBound` proves a bound over them from any multipliers.
        """
        multipliers = self._multipliers(form)
        bound = self._evaluate(
            -form, 0.0, (self._rows.lower, self._rows.upper), (self._lower, self._upper), multipliers
        )
        # An empty polytope would give +inf here; then nothing is claimed.
        return -bound if np.isfinite(bound) else np.inf

    def range(self, forms: FloatArray, constant: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the ranges of ``forms z + constant``, shapes (k, n) and (k,), rounded outward.

        Never wider than over the box; the same for all but the first `_MOST_FORMS`.
        """
        low, high = affine_range(forms, constant, self._lower, self._upper)
        for k, form in enumerate(forms[:_MOST_FORMS]):
            if not form.any():
                continue
            for sign in (1.0, -1.0):
                # The addition rounds once.
                bound = self.highest(sign * form) + sign * float(constant[k])
                bound += 2 * _UNIT * (abs(bound) + 2 * abs(float(constant[k])))
                if sign > 0:
                    high[k] = min(high[k], bound)
                else:
                    low[k] = max(low[k], -bound)
        return low, np.maximum(low, high)

    def _multipliers(self, form: FloatArray) -> FloatArray:
        """Return row multipliers of the linear program that maximises the form; zeros if it fails."""
        from scipy.optimize import linprog  # noqa: PLC0415 - slow to import

        result = np.zeros(len(self._rows.lower))
        cost = -form * self._width
        size = float(np.abs(cost).max())
        if size == 0:
            return result
        answer = linprog(
            cost / size, A_ub=self._coefficients, b_ub=self._limits, bounds=(0.0, 1.0), method="highs"
        )
        if answer.status != 0 or answer.ineqlin is None:
            return result
        place = 0
        for sign, used, limits in self._sides:
            own = np.asarray(answer.ineqlin.marginals)[place : place + len(limits)]
            result[used] += sign * own * size / self._norm[used]
            place += len(limits)
        return result
