"""Mixed-integer linear programs as matrices, and the compiler from Pyomo models."""

from nnff.milp.matrix import MatrixProblem

__all__ = ["MatrixProblem"]
