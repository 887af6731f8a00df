"""The contract between encodings and interchangeable solvers."""

from nnff.solver.backend import Availability, Capability, SolverBackend
from nnff.solver.control import SolveControl, SolveProgress
from nnff.solver.load import solver
from nnff.solver.options import SolveOptions
from nnff.solver.result import BoundOrigin, Limit, PointStatus, SolveResult, Termination
from nnff.solver.session import LpResult, LpSession

__all__ = [
    "Availability",
    "BoundOrigin",
    "Capability",
    "Limit",
    "LpResult",
    "LpSession",
    "PointStatus",
    "SolveControl",
    "SolveOptions",
    "SolveProgress",
    "SolveResult",
    "SolverBackend",
    "Termination",
    "solver",
]
