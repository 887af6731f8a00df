"""A mixed-integer linear program as matrices: what every backend receives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from nnff.errors import ProblemError
from nnff.values import BoolArray, ContentValue, FloatArray, IntArray, frozen_array, frozen_mask

__all__ = ["MatrixProblem"]


def _frozen_indices(values: object) -> IntArray:
    array = np.array(values, dtype=np.int64, order="C", copy=True)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class MatrixProblem(ContentValue):
    """Minimise ``cost . x + offset`` subject to row and column bounds and integrality.

    Always a minimisation: whoever builds it from a maximisation negates the
    objective once (`negated` remembers that), so that no backend ever deals
    with a sense.

    Attributes
    ----------
    cost
        Objective coefficients, shape (n,).
    offset
        Constant of the objective.
    indptr, indices, data
        The constraint matrix by rows (CSR), without duplicates.
    row_lower, row_upper
        Row bounds, shape (m,); infinite where absent.
    col_lower, col_upper
        Column bounds, shape (n,).
    integer
        Mask of integer columns, shape (n,).
    negated
        Whether the model was a maximisation; its value is then minus ours.
    column_names
        Empty, or one name per column, for people who read exported files.
    """

    cost: FloatArray
    offset: float
    indptr: IntArray
    indices: IntArray
    data: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    col_lower: FloatArray
    col_upper: FloatArray
    integer: BoolArray
    negated: bool = False
    column_names: tuple[str, ...] = field(default=(), metadata={"fingerprint": False})

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("cost", "data", "row_lower", "row_upper", "col_lower", "col_upper"):
            put(self, name, frozen_array(getattr(self, name)))
        for name in ("indptr", "indices"):
            put(self, name, _frozen_indices(getattr(self, name)))
        put(self, "integer", frozen_mask(self.integer))
        put(self, "offset", float(self.offset))
        n, m = len(self.cost), len(self.row_lower)
        if not (len(self.col_lower) == len(self.col_upper) == len(self.integer) == n):
            raise ProblemError(f"the columns of a MILP disagree on their number ({n})")
        if not (
            len(self.row_upper) == m and len(self.indptr) == m + 1 and len(self.indices) == len(self.data)
        ):
            raise ProblemError(f"the rows of a MILP disagree on their number ({m})")
        if len(self.column_names) not in {0, n}:
            raise ProblemError(f"a MILP has {len(self.column_names)} names for {n} columns")
        self._check_structure(n)
        if not (np.isfinite(self.cost).all() and np.isfinite(self.data).all() and np.isfinite(self.offset)):
            raise ProblemError("a coefficient of the MILP is not a finite number")
        for low, high, what in (
            (self.row_lower, self.row_upper, "row"),
            (self.col_lower, self.col_upper, "column"),
        ):
            if np.isnan(low).any() or np.isnan(high).any():
                raise ProblemError(f"a {what} bound of the MILP is not a number")

    def _check_structure(self, n: int) -> None:
        """Refuse index arrays that are not a matrix: solvers read them in C, unchecked."""
        starts, indices = self.indptr, self.indices
        if starts[0] != 0 or starts[-1] != len(indices) or (np.diff(starts) < 0).any():
            raise ProblemError("the row starts of a MILP do not divide its entries into rows")
        if len(indices) and not (indices.min() >= 0 and indices.max() < n):
            raise ProblemError(f"an entry of a MILP lies outside of its {n} columns")
        row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        place = row * n + indices
        # Sorted rows, the usual case, need no sorting to be seen free of duplicates.
        if (np.diff(place) <= 0).any() and len(np.unique(place)) < len(place):
            raise ProblemError("a MILP has two entries at one place")

    @property
    def n_rows(self) -> int:
        """Number of rows m."""
        return len(self.row_lower)

    @property
    def n_columns(self) -> int:
        """Number of columns n."""
        return len(self.cost)

    @property
    def n_integers(self) -> int:
        """Number of integer columns."""
        return int(self.integer.sum())

    @property
    def n_nonzeros(self) -> int:
        """Number of stored matrix entries."""
        return len(self.data)

    @property
    def matrix(self) -> sp.csr_array:
        """The constraint matrix, shape (m, n)."""
        return sp.csr_array((self.data, self.indices, self.indptr), shape=(self.n_rows, self.n_columns))

    def objective(self, x: FloatArray) -> float:
        """Evaluate ``cost . x + offset``."""
        return float(self.cost @ x + self.offset)

    def violation(self, x: FloatArray) -> float:
        """Return the largest absolute violation of a row, a column bound or integrality at `x`."""
        activity = self.matrix @ x
        excess = [
            np.max(self.row_lower - activity, initial=0.0),
            np.max(activity - self.row_upper, initial=0.0),
            np.max(self.col_lower - x, initial=0.0),
            np.max(x - self.col_upper, initial=0.0),
            np.max(np.abs(x - np.rint(x))[self.integer], initial=0.0),
        ]
        return float(max(excess))
