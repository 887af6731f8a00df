"""The contract of a solver backend."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from nnff.errors import UnsupportedOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.milp import MatrixProblem
    from nnff.solver.control import SolveControl
    from nnff.solver.options import SolveOptions
    from nnff.solver.result import SolveResult
    from nnff.solver.session import LpSession
    from nnff.values import FloatArray

__all__ = ["Availability", "Capability", "SolverBackend"]


class Capability(enum.StrEnum):
    """What a backend can do; callers ask before they rely on it."""

    CONTINUOUS = "continuous columns"
    INTEGER = "integer columns"
    START = "start from a point"
    TIME_LIMIT = "time limit"
    GAP = "gap limits"
    NODE_LIMIT = "node limit"
    BOUND_STOP = "stop at a bound"
    OBJECTIVE_STOP = "stop at an objective"
    THREADS = "several threads"
    SEED = "random seed"
    TOLERANCES = "tolerances"
    LOG = "log file"
    NATIVE = "native options"
    INTERRUPT = "interruption"
    PROGRESS = "progress reports"
    BOUND_ON_LIMIT = "bound after a limit"
    EXACT_TRANSFER = "exact transfer of numbers"
    IN_PROCESS = "runs in this process"
    LP_SESSION = "warm-started LP sessions"


@dataclass(frozen=True)
class Availability:
    """Whether a solver can be used here, and if not, why and what to do.

    Attributes
    ----------
    available
        Whether its package or program was found.
    reason
        What is missing, in one sentence; empty when available.
    hint
        How to install it; empty when available.
    """

    available: bool
    reason: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.available


class SolverBackend(ABC):
    """Solves a `MatrixProblem`, a minimisation, and reports a sound dual bound.

    Implementations keep no state between solves and import their solver only
    inside `solve` and `version`.  They write nothing to stdout.
    """

    name: ClassVar[str]
    """The name it is registered under."""

    capabilities: ClassVar[frozenset[Capability]]
    """What it can do."""

    known_failures: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Conformance checks that it is known to fail, each with the reason (see `nnff.testing`).

    The record is strict: a check that is listed and passes counts as a failure.
    """

    @classmethod
    @abstractmethod
    def availability(cls) -> Availability:
        """Tell whether the solver is installed, without importing it or touching a licence."""

    @abstractmethod
    def version(self) -> str:
        """Return the version of the solver itself."""

    @abstractmethod
    def solve(
        self,
        problem: MatrixProblem,
        options: SolveOptions,
        start: FloatArray | None = None,
        control: SolveControl | None = None,
    ) -> SolveResult:
        """Minimise.

        Parameters
        ----------
        problem
            The program.
        options
            Limits and tolerances; what cannot be honoured raises.
        start
            A complete point to start from, shape (n,); a hint, never trusted.
        control
            Interruption and progress.

        Returns
        -------
        A result for every outcome of the search, failures of the solver
        included; only misuse raises.

        Raises
        ------
        UnsupportedOptionError
            For an option that this backend cannot honour.
        SolverUnavailableError
            If the solver is not installed.
        """

    def lp_session(self, problem: MatrixProblem, options: SolveOptions) -> LpSession:
        """Load the linear relaxation of `problem`, to be changed and solved many times.

        Parameters
        ----------
        problem
            The program to begin with; integrality is ignored.
        options
            Threads, seed, tolerances, log and native options.  Time limits are given per solve.

        Raises
        ------
        UnsupportedOptionError
            If the backend has no sessions, or cannot honour an option.
        SolverUnavailableError
            If the solver is not installed.
        """
        del problem, options
        raise UnsupportedOptionError(f"the solver {self.name!r} does not support {Capability.LP_SESSION}")

    def check(self, problem: MatrixProblem, options: SolveOptions, start: FloatArray | None = None) -> None:
        """Raise for everything that was asked and that `capabilities` does not list."""
        continuous = problem.n_columns > problem.n_integers
        asked = (
            (continuous, Capability.CONTINUOUS, "continuous columns"),
            (problem.n_integers > 0, Capability.INTEGER, "integer columns"),
            (start is not None, Capability.START, "a starting point"),
            (options.time_limit is not None, Capability.TIME_LIMIT, "time_limit"),
            (options.relative_gap > 0 or options.absolute_gap > 0, Capability.GAP, "gap limits"),
            (options.threads not in (None, 1), Capability.THREADS, f"threads = {options.threads}"),
            (options.seed not in (None, 0), Capability.SEED, f"seed = {options.seed}"),
            (options.node_limit is not None, Capability.NODE_LIMIT, "node_limit"),
            (options.bound_stop is not None, Capability.BOUND_STOP, "bound_stop"),
            (options.objective_stop is not None, Capability.OBJECTIVE_STOP, "objective_stop"),
            (options.log_path is not None, Capability.LOG, "log_path"),
            (bool(options.native), Capability.NATIVE, "native options"),
        )
        for wanted, capability, what in asked:
            if wanted and capability not in self.capabilities:
                raise UnsupportedOptionError(f"the solver {self.name!r} does not support {what}")
