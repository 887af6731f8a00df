"""What the tests of encodings share: random problems (tests/lab.py), encodings solved with a pair held."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

# Tests are no packages, so a module that several folders share is loaded by its path, once.
if (_module := sys.modules.get("nnff_test_lab")) is None:
    _spec = importlib.util.spec_from_file_location("nnff_test_lab", Path(__file__).parents[1] / "lab.py")
    _module = sys.modules["nnff_test_lab"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)

lab, exact = _module.lab, _module.exact


class FixedFormulation:
    """An encoding whose pair can be held fixed, solved by SciPy: none of our backends has a say.

    `Encoded.pair` is affine in the point, so probing it at 0 and at the unit vectors tells which
    columns stand for the pair.
    """

    def __init__(self, problem, encoded):
        self.problem, self.encoded, self.matrix = problem, encoded, encoded.matrix
        n = self.matrix.n_columns
        self._base = np.concatenate(encoded.pair(np.zeros(n)))
        self._slope = (
            np.array([np.concatenate(encoded.pair(unit)) for unit in np.eye(n)]).T - self._base[:, None]
        )
        self.columns = np.flatnonzero(np.abs(self._slope).max(axis=0) > 0)
        feature = np.abs(self._slope[:, self.columns]).argmax(axis=0) % problem.domain.n_features
        # Discrete values are tied to zm and dz by rows: there a rounding of the held value would make the
        # model infeasible, while anything much less than a step leaves only one value.
        reach = np.abs(self._slope[:, self.columns]).max(axis=0)
        self._play = np.where(problem.domain.discrete[feature], 1e-3 / reach, 0.0)

    def values(self, x1, x2):
        """Return the values of the pair's columns."""
        goal = np.concatenate([x1, x2]) - self._base
        return np.linalg.lstsq(self._slope[:, self.columns], goal, rcond=None)[0]

    def solve(self, x1=None, x2=None, cost=None):
        """Minimise over all pairs or at one; returns the optimal value and point, or None if infeasible."""
        matrix = self.matrix
        lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
        if x1 is not None:
            values = self.values(x1, x2)
            room = 1e-9 * (1 + np.abs(values))
            if (values < lower[self.columns] - room).any() or (values > upper[self.columns] + room).any():
                return None
            held = np.clip(values, lower[self.columns], upper[self.columns])
            lower[self.columns] = np.maximum(lower[self.columns], held - self._play)
            upper[self.columns] = np.minimum(upper[self.columns], held + self._play)
        cost = matrix.cost if cost is None else cost
        found = self._milp(cost, lower, upper)
        if found is None or not matrix.integer.any():
            return found
        # Integrality within SciPy's 1e-6 times a big-M is not small: solve again with the integers it chose.
        whole = np.rint(found[1][matrix.integer])
        lower[matrix.integer] = upper[matrix.integer] = whole
        return self._lp(cost, lower, upper) or found

    def _milp(self, cost, lower, upper):
        matrix = self.matrix
        found = milp(
            cost,
            integrality=matrix.integer.astype(int),
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(matrix.matrix, matrix.row_lower, matrix.row_upper),
            # HiGHS's presolve (its aggregator) calls some of these models infeasible; without it, none.
            options={"mip_rel_gap": 0.0, "presolve": False},
        )
        assert found.status in (0, 2), found.message
        return None if found.x is None else (float(cost @ found.x) + matrix.offset, found.x)

    def _lp(self, cost, lower, upper):
        matrix, rows = self.matrix, self.matrix.matrix
        equal = matrix.row_lower == matrix.row_upper
        above, below = np.isfinite(matrix.row_upper) & ~equal, np.isfinite(matrix.row_lower) & ~equal
        found = linprog(
            cost,
            A_ub=sp.vstack([rows[above], -rows[below]]),
            b_ub=np.concatenate([matrix.row_upper[above], -matrix.row_lower[below]]),
            A_eq=rows[equal],
            b_eq=matrix.row_upper[equal],
            bounds=np.stack([lower, upper], axis=1),
            method="highs",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        return (float(found.fun) + matrix.offset, found.x) if found.status == 0 else None

    def delta(self, x1=None, x2=None):
        """Return the largest output difference that the encoding allows, or None if it allows no point."""
        found = self.solve(x1, x2)
        return None if found is None else -found[0] * self.encoded.factor


@pytest.fixture(scope="session")
def formulation():
    return FixedFormulation
