"""SCIP in this process, through PySCIPOpt."""

from __future__ import annotations

import importlib.util
import math
import threading
import time
from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ConfigError, SolverUnavailableError, UnsupportedOptionError
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    Limit,
    PointStatus,
    SolverBackend,
    SolveResult,
    Termination,
)

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.solver import SolveControl, SolveOptions
    from nnff.values import FloatArray

SMALLEST = 1e-9  # smaller coefficients make SCIP err; problems with them are refused
NARROWEST = 1e-7  # so do narrower columns; they are widened, which can only lower the bound
INFINITE = 1e20
SLACK = 2e-9

STATUS: dict[str, tuple[Termination, Limit | None]] = {
    "optimal": (Termination.OPTIMAL, None),
    "gaplimit": (Termination.OPTIMAL, None),  # optimal up to the gap that was asked for
    "infeasible": (Termination.INFEASIBLE, None),
    "unbounded": (Termination.UNBOUNDED, None),
    "inforunbd": (Termination.INFEASIBLE_OR_UNBOUNDED, None),
    "timelimit": (Termination.LIMIT, Limit.TIME),
    "nodelimit": (Termination.LIMIT, Limit.NODES),
    "totalnodelimit": (Termination.LIMIT, Limit.NODES),
    "memlimit": (Termination.LIMIT, Limit.MEMORY),
    "userinterrupt": (Termination.INTERRUPTED, None),
}


class ScipBackend(SolverBackend):
    """Builds the model row by row, solves it in a thread, reads SCIP's dual bound."""

    name: ClassVar[str] = "scip"
    # Only what is claimed here is ever asked for: everything else is refused by `check`.
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTINUOUS,
            Capability.INTEGER,
            Capability.TIME_LIMIT,
            Capability.GAP,
            Capability.NODE_LIMIT,
            Capability.SEED,
            Capability.TOLERANCES,
            Capability.LOG,
            Capability.NATIVE,
            Capability.INTERRUPT,
            Capability.BOUND_ON_LIMIT,
            Capability.IN_PROCESS,
        }
    )

    @classmethod
    def availability(cls) -> Availability:
        """Look for PySCIPOpt without importing it."""
        if importlib.util.find_spec("pyscipopt") is None:
            return Availability(
                available=False,
                reason="the package pyscipopt is not installed",
                hint="pip install pyscipopt",
            )
        return Availability(available=True)

    def version(self) -> str:
        """Return the version of PySCIPOpt, which brings its own SCIP."""
        if not self.availability():
            raise SolverUnavailableError("the solver 'scip' needs pyscipopt; pip install pyscipopt")
        return distribution_version("pyscipopt")

    def solve(
        self,
        problem: MatrixProblem,
        options: SolveOptions,
        start: FloatArray | None = None,
        control: SolveControl | None = None,
    ) -> SolveResult:
        """Minimise; see `nnff.solver.SolverBackend.solve`."""
        began, version = time.perf_counter(), self.version()
        self.check(problem, options, start)

        def result(termination: Termination, **facts: Any) -> SolveResult:
            return SolveResult(termination, self.name, version, log_path=options.log_path, **facts)

        if control is not None and control.interrupted:
            return result(Termination.INTERRUPTED)
        if impossible(problem):
            return result(Termination.INFEASIBLE, bound=math.inf, bound_origin=BoundOrigin.API)
        if ((problem.data != 0) & (np.abs(problem.data) <= SMALLEST)).any():
            return result(Termination.ERROR, message=f"SCIP cannot hold coefficients of {SMALLEST:g} or less")
        model, columns = build(problem)
        applied = parameters_of(options)
        for name, value in applied.items():
            try:
                model.setParam(name, value)
            except Exception as error:
                raise UnsupportedOptionError(
                    f"the solver 'scip' does not accept {name} = {value!r}"
                ) from error
        if options.log_path is not None:
            if not options.log_path.absolute().parent.is_dir():
                raise ConfigError(f"the log {options.log_path} cannot be written: there is no such folder")
            model.setLogfile(str(options.log_path))
        if options.time_limit is not None:
            elapsed = time.perf_counter() - began
            model.setParam("limits/time", max(options.time_limit - elapsed, 0.01))
        solving = time.perf_counter()
        optimize(model, control)
        timings = {"transfer": solving - began, "solve": time.perf_counter() - solving}
        return result(**answer(model, columns, problem), applied=applied, timings=timings)


def answer(model: Any, columns: list[Any], problem: MatrixProblem) -> dict[str, Any]:
    """Read why SCIP stopped, its best point and its dual bound, weakened outward."""
    status = str(model.getStatus())
    termination, limit = STATUS.get(status, (Termination.ERROR, None))
    facts: dict[str, Any] = {"termination": termination, "limit": limit, "raw_status": status}
    facts["nodes"] = int(model.getNTotalNodes())
    if termination is Termination.ERROR:
        return facts | {"message": f"SCIP stopped with {status!r}"}
    if termination is Termination.INFEASIBLE:
        return facts | {"bound": math.inf, "bound_origin": BoundOrigin.API}
    if termination in {Termination.UNBOUNDED, Termination.INFEASIBLE_OR_UNBOUNDED}:
        return facts
    bound, dual = -math.inf, float(model.getDualbound())
    if abs(dual) < INFINITE:
        # SCIP compares relative to the size of what it compares; so is what its bound may lack.
        bound = dual - SLACK * max(1.0, abs(dual), abs(problem.offset))
    if model.getNSols() > 0:
        best = model.getBestSol()
        x = np.clip([best[column] for column in columns], problem.col_lower, problem.col_upper)
        facts |= {"point": PointStatus.FEASIBLE, "x": x, "objective": problem.objective(x)}
        bound = min(bound, facts["objective"])
    origin = BoundOrigin.API if bound > -math.inf else BoundOrigin.NONE
    return facts | {"bound": bound, "bound_origin": origin}


def impossible(problem: MatrixProblem) -> bool:
    """Whether an interval is empty, or a row without entries excludes 0: PySCIPOpt has no words for these."""
    idle = np.diff(problem.indptr) == 0
    excluded = idle & ((problem.row_lower > 0) | (problem.row_upper < 0))
    crossed = (problem.row_lower > problem.row_upper).any() or (problem.col_lower > problem.col_upper).any()
    return bool(crossed or excluded.any())


def build(problem: MatrixProblem) -> tuple[Any, list[Any]]:
    """Return a silent SCIP model of the problem, and its columns."""
    from pyscipopt import Model, quicksum  # noqa: PLC0415 - never with the plugin, only when used

    model = Model()
    model.hideOutput()
    low, high = problem.col_lower, problem.col_upper
    narrow = NARROWEST * ((low < high) & (high - low < NARROWEST))
    finite = [
        [value if math.isfinite(value) else None for value in side.tolist()]
        for side in (low - narrow, high + narrow, problem.row_lower, problem.row_upper)
    ]
    columns = [
        model.addVar(name=f"c{j}", vtype="I" if integer else "C", lb=lower, ub=upper, obj=cost)
        for j, (lower, upper, integer, cost) in enumerate(
            zip(finite[0], finite[1], problem.integer.tolist(), problem.cost.tolist(), strict=True)
        )
    ]
    model.addObjoffset(problem.offset)
    pointer = problem.indptr.tolist()
    for row, (lower, upper) in enumerate(zip(finite[2], finite[3], strict=True)):
        span = slice(pointer[row], pointer[row + 1])
        terms = zip(problem.data[span].tolist(), problem.indices[span].tolist(), strict=True)
        if span.start == span.stop:
            continue
        activity = quicksum(value * columns[j] for value, j in terms)
        if lower is not None and lower == upper:
            model.addCons(activity == lower)
            continue
        # Two rows for a range: adding the difference of its ends would round.
        if lower is not None:
            model.addCons(activity >= lower)
        if upper is not None:
            model.addCons(activity <= upper)
    return model, columns


def parameters_of(options: SolveOptions) -> dict[str, Any]:
    """Return SCIP's parameters for the options, native ones last."""
    tolerance = min(options.feasibility_tolerance, options.integrality_tolerance)
    wanted: dict[str, Any] = {
        "misc/catchctrlc": False,  # Ctrl-C belongs to the program, not to SCIP
        "limits/gap": options.relative_gap,
        "limits/absgap": options.absolute_gap,
        "numerics/feastol": tolerance,
        "numerics/dualfeastol": min(1e-7, tolerance),
        "numerics/sumepsilon": tolerance,
        # Epsilon far below the tolerance, and no conflict analysis: with the defaults SCIP has proven
        # false optima of networks with small ranges.
        "conflict/enable": False,
        "numerics/epsilon": min(1e-9, max(1e-3 * tolerance, 1e-15)),
    }
    if options.seed is not None:
        wanted["randomization/randomseedshift"] = options.seed
    if options.node_limit is not None:
        wanted["limits/totalnodes"] = options.node_limit
    for name, value in options.native.items():
        if name.startswith(("limits/", "numerics/", "display/", "misc/catchctrlc", "conflict/enable")):
            raise UnsupportedOptionError(f"the native option {name!r} of 'scip' is set by common options")
        wanted[name] = value
    return wanted


def apply(model: Any, parameters: dict[str, Any], options: SolveOptions) -> None:
    """Set every parameter, and the log; what SCIP refuses raises."""
    for name, value in parameters.items():
        try:
            model.setParam(name, value)
        except Exception as error:
            raise UnsupportedOptionError(f"the solver 'scip' does not accept {name} = {value!r}") from error
    if options.log_path is not None:
        if not options.log_path.absolute().parent.is_dir():
            raise ConfigError(f"the log {options.log_path} cannot be written: there is no such folder")
        model.setLogfile(str(options.log_path))


def optimize(model: Any, control: SolveControl | None) -> None:
    """Run SCIP in a thread of its own, so that this one hears of interruptions and Ctrl-C."""
    thread = threading.Thread(target=model.optimizeNogil, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.02)
            if control is not None and control.interrupted:
                model.interruptSolve()
    except KeyboardInterrupt:
        while thread.is_alive():
            model.interruptSolve()
            thread.join(0.02)
        raise
