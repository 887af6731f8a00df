"""What a backend answers: why it stopped, what point it holds, and what it has proven."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BoundOrigin", "Limit", "PointStatus", "SolveResult", "Termination"]


class Termination(enum.StrEnum):
    """Why the solver stopped."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    INFEASIBLE_OR_UNBOUNDED = "infeasible_or_unbounded"
    LIMIT = "limit"
    INTERRUPTED = "interrupted"
    NUMERICAL = "numerical"
    ERROR = "error"


class Limit(enum.StrEnum):
    """Which limit stopped it, when one did."""

    TIME = "time"
    NODES = "nodes"
    BOUND = "bound"
    OBJECTIVE = "objective"
    ITERATIONS = "iterations"
    MEMORY = "memory"
    OTHER = "other"


class PointStatus(enum.StrEnum):
    """What the point `SolveResult.x` is claimed to be."""

    NONE = "none"
    FEASIBLE = "feasible"


class BoundOrigin(enum.StrEnum):
    """Where the dual bound was read."""

    API = "api"
    """An interface of the solver, at full precision."""
    LOG = "log"
    """Printed digits, already widened by one unit of the last one."""
    NONE = "none"
    """There is no bound."""


@dataclass(frozen=True, eq=False)
class SolveResult(ContentValue):
    """The outcome of one solve of a minimisation.

    There is no "success": `termination` says why the solver stopped, `point`
    what it holds, `bound` what it has proven.  The three are independent.

    Attributes
    ----------
    termination, limit
        Why it stopped, and which limit it was.
    point, x, objective
        The best point, shape (n,), and its objective *as recomputed from x*.
    bound, bound_origin
        Dual bound: no feasible point has an objective below it, as far as
        the solver is to be believed; weakened outward; -inf without one.
    nodes
        Branch-and-bound nodes, if the solver tells.
    timings
        Wall seconds per phase (``transfer``, ``solve``, ``extract``).
    raw_status
        The solver's own words.
    message
        What went wrong, in one sentence, for `ERROR` and `NUMERICAL`.
    log_path
        The solver's log, if one was asked for.
    solver, version
        Who answered.
    applied
        Options in the solver's own spelling, as they were set.
    """

    termination: Termination
    solver: str
    version: str
    raw_status: str = ""
    limit: Limit | None = None
    point: PointStatus = PointStatus.NONE
    x: FloatArray | None = None
    objective: float | None = None
    bound: float = -math.inf
    bound_origin: BoundOrigin = BoundOrigin.NONE
    nodes: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    log_path: Path | None = field(default=None, metadata={"fingerprint": False})
    applied: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.x is not None:
            object.__setattr__(self, "x", frozen_array(self.x))
