"""Problems and options as OR-Tools' MathOpt messages, filled from arrays.

Only message classes are imported here, none of OR-Tools' own libraries: those live in the child.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import UnsupportedOptionError

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.solver import SolveOptions
    from nnff.values import FloatArray

__all__ = [
    "check_native",
    "check_values",
    "hint_message",
    "model_message",
    "parameters_message",
    "scip_parameters",
]

# What SCIP's numerics/feastol takes, and what its LP solver can still tell from zero.
_TOLERANCES = (1e-12, 1e-3)
_LARGEST_SEED = 2**31
_LARGEST_NODES = 2**63

_COMMON = {
    "limits/time": "time_limit",
    "limits/gap": "relative_gap",
    "limits/absgap": "absolute_gap",
    "limits/nodes": "node_limit",
    "limits/totalnodes": "node_limit",
    "numerics/feastol": "feasibility_tolerance and integrality_tolerance",
    "randomization/randomseedshift": "seed",
    "parallel/maxnthreads": "threads",
}
_RESERVED = {
    # SCIP 10 has limits that this interface does not know; reaching one ends the process.
    "limits/": "the answer to another limit cannot be read",
    "numerics/": "bounds depend on it",
    "conflict/enable": "with it, bounds have been false",
    "display/": "the log must stay readable",
}


def check_native(name: str, value: Any) -> None:
    """Refuse native options that have a common spelling or would change what the answer means.

    Raises
    ------
    UnsupportedOptionError
        With the reason.
    """
    if name in _COMMON:
        raise UnsupportedOptionError(
            f"the native option {name!r} of the solver 'ortools' has a common spelling; use {_COMMON[name]}"
        )
    for prefix, reason in _RESERVED.items():
        if name.startswith(prefix):
            raise UnsupportedOptionError(
                f"the native option {name!r} of the solver 'ortools' is reserved: {reason}"
            )
    if not isinstance(value, bool | int | float | str):
        raise UnsupportedOptionError(
            f"the native option {name!r} of the solver 'ortools' is {value!r}; "
            "SCIP's parameters are truth values, numbers and words"
        )


def check_values(options: SolveOptions) -> None:
    """Refuse values that MathOpt's messages or SCIP do not hold.

    Raises
    ------
    UnsupportedOptionError
        Naming option and value.
    """
    least, largest = _TOLERANCES
    checks = {
        "feasibility_tolerance": least <= options.feasibility_tolerance <= largest,
        "integrality_tolerance": least <= options.integrality_tolerance <= largest,
        "seed": options.seed is None or 0 <= options.seed < _LARGEST_SEED,
        "node_limit": options.node_limit is None or options.node_limit < _LARGEST_NODES,
    }
    for name, fine in checks.items():
        if not fine:
            raise UnsupportedOptionError(
                f"the solver 'ortools' does not accept {name} = {getattr(options, name)!r}"
            )


def scip_parameters(options: SolveOptions) -> dict[str, float | bool]:
    """Return SCIP's parameters for the tolerances in `options`, and those without which it goes wrong.

    SCIP has one tolerance for rows and integrality, so the smaller one is taken.  A reduced cost of
    the wrong sign times the width of its column is an error of the bound, so the dual tolerance follows.

    Measured on a MILP of a real network that holds coefficients from 2e-9 to 40 and ranges of 1e-14: with
    SCIP's default ``epsilon`` (numbers closer than 1e-9 are equal) beside a tolerance of 1e-9, it
    proved false optima, or that there is no point, with 3 of 4 seeds.  With an epsilon of a thousandth of
    the tolerance, the ratio of SCIP's own defaults, with 1 of 26; and what was false in between
    came from conflict analysis, without which 16 of 16 were right.  With PySCIPOpt's SCIP 10.0 a few in a
    hundred stay false whatever is set: no setting makes this arithmetic exact.
    """
    tolerance = min(options.feasibility_tolerance, options.integrality_tolerance)
    return {
        "numerics/feastol": tolerance,
        "numerics/dualfeastol": min(1e-7, tolerance),
        "numerics/sumepsilon": tolerance,
        "numerics/epsilon": min(1e-9, max(1e-3 * tolerance, 1e-15)),
        "conflict/enable": False,
    }


def parameters_message(options: SolveOptions, seconds: float | None) -> Any:
    """Return MathOpt's parameters; `seconds` is what is left of the time limit."""
    from ortools.math_opt import parameters_pb2

    message = parameters_pb2.SolveParametersProto(
        enable_output=True,
        relative_gap_tolerance=options.relative_gap,
        absolute_gap_tolerance=options.absolute_gap,
    )
    if seconds is not None:
        whole = math.floor(seconds)
        message.time_limit.seconds, message.time_limit.nanos = whole, int((seconds - whole) * 1e9)
    if options.threads is not None:
        message.threads = options.threads
    if options.seed is not None:
        message.random_seed = options.seed
    if options.node_limit is not None:
        message.node_limit = options.node_limit
    for name, value in scip_parameters(options).items():
        known = message.gscip.bool_params if isinstance(value, bool) else message.gscip.real_params
        known[name] = value
    return message


def model_message(problem: MatrixProblem) -> Any:
    """Return the problem as a message, every number as it is."""
    from ortools.math_opt import model_pb2

    message = model_pb2.ModelProto()
    columns, objective = message.variables, message.objective
    columns.ids.extend(range(problem.n_columns))
    columns.lower_bounds.extend(problem.col_lower.tolist())
    columns.upper_bounds.extend(problem.col_upper.tolist())
    columns.integers.extend(problem.integer.tolist())
    costs = np.flatnonzero(problem.cost)
    objective.offset = problem.offset
    objective.linear_coefficients.ids.extend(costs.tolist())
    objective.linear_coefficients.values.extend(problem.cost[costs].tolist())
    rows, matrix = message.linear_constraints, message.linear_constraint_matrix
    rows.ids.extend(range(problem.n_rows))
    rows.lower_bounds.extend(problem.row_lower.tolist())
    rows.upper_bounds.extend(problem.row_upper.tolist())
    # MathOpt wants entries by row, then by column, and no zeros.
    owner = np.repeat(np.arange(problem.n_rows), np.diff(problem.indptr))
    order = np.lexsort((problem.indices, owner))
    order = order[problem.data[order] != 0]
    matrix.row_ids.extend(owner[order].tolist())
    matrix.column_ids.extend(problem.indices[order].tolist())
    matrix.coefficients.extend(problem.data[order].tolist())
    return message


def hint_message(start: FloatArray | None) -> Any:
    """Return the parameters that belong to a model: a complete point to start from, or nothing."""
    from ortools.math_opt import model_parameters_pb2

    message = model_parameters_pb2.ModelSolveParametersProto()
    if start is not None and np.isfinite(start).all():
        hint = message.solution_hints.add()
        hint.variable_values.ids.extend(range(len(start)))
        hint.variable_values.values.extend(start.tolist())
    return message
