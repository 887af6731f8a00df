"""The contract of a linear program that is loaded once and solved many times."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nnff.values import ContentValue, FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    from types import TracebackType

    import scipy.sparse as sp

    from nnff.milp import MatrixProblem
    from nnff.solver.control import SolveControl
    from nnff.solver.result import Limit, Termination

__all__ = ["LpResult", "LpSession"]


@dataclass(frozen=True, eq=False)
class LpResult(ContentValue):
    """The outcome of one solve of a linear program.

    Attributes
    ----------
    termination, limit
        Why the solver stopped, and which limit it was.
    bound
        Proven lower bound of the objective, computed from `row_duals` with all rounding
        outward (see `nnff.milp.dual_bound`); valid for every termination.  -inf without one,
        +inf if the solver calls the program infeasible.
    x, objective
        The point, shape (n,), and its objective as recomputed from it; None without one.
    row_duals
        Row multipliers, shape (m,), positive for an active lower bound; None without any.
    reduced_costs
        ``cost - A' row_duals``, shape (n,), as the solver reports them; None without any.
    iterations
        Simplex (or other) iterations of this solve.
    seconds
        Wall seconds of this solve.
    raw_status
        The solver's own words.
    message
        What went wrong, in one sentence, for `ERROR` and `NUMERICAL`.
    """

    termination: Termination
    limit: Limit | None = None
    bound: float = -math.inf
    x: FloatArray | None = None
    objective: float | None = None
    row_duals: FloatArray | None = None
    reduced_costs: FloatArray | None = None
    iterations: int = 0
    seconds: float = 0.0
    raw_status: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        for name in ("x", "row_duals", "reduced_costs"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen_array(value))


class LpSession(ABC):
    """A linear program held by a solver; changes keep what the last solve has learned.

    Made by `nnff.solver.SolverBackend.lp_session`; integrality of the problem's columns is
    ignored.  A session belongs to one thread at a time.  Use it as a context manager, or call
    `close`.

    Examples
    --------
    The largest and the least value of column 3 over the relaxation of `problem`::

        with backend.lp_session(problem, SolveOptions()) as session:
            unit = np.zeros(problem.n_columns)
            unit[3] = 1.0
            session.set_objective(unit)
            least = session.solve().bound
            session.set_objective(-unit)
            largest = -session.solve().bound
    """

    @property
    @abstractmethod
    def problem(self) -> MatrixProblem:
        """The program as it now stands, without integer columns."""

    @abstractmethod
    def set_objective(self, cost: FloatArray, offset: float = 0.0) -> None:
        """Minimise ``cost x + offset`` from now on; cost has shape (n,)."""

    @abstractmethod
    def set_column_bounds(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some columns; three arrays of one length."""

    @abstractmethod
    def set_row_bounds(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some rows; three arrays of one length."""

    @abstractmethod
    def set_rows(self, rows: IntArray, matrix: sp.csr_array, lower: FloatArray, upper: FloatArray) -> None:
        """Replace some rows, coefficients and bounds; `matrix` has shape (len(rows), n)."""

    @abstractmethod
    def add_rows(self, matrix: sp.csr_array, lower: FloatArray, upper: FloatArray) -> IntArray:
        """Append rows, `matrix` of shape (k, n); return their indices, shape (k,)."""

    @abstractmethod
    def solve(self, time_limit: float | None = None, control: SolveControl | None = None) -> LpResult:
        """Solve the program as it now stands, from where the last solve ended.

        Parameters
        ----------
        time_limit
            Wall seconds for this solve.
        control
            Interruption.

        Returns
        -------
        A result for every outcome, failures of the solver included.

        Raises
        ------
        SolverError
            If the session is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what the solver holds; closing twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
