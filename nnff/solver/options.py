"""Solver options with one spelling for all backends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SolveOptions"]


@dataclass(frozen=True)
class SolveOptions:
    """What is asked of a backend for one solve.

    A backend either honours an option or raises `UnsupportedOptionError`;
    nothing is dropped silently.  ``None`` means "not asked".

    Attributes
    ----------
    time_limit
        Wall seconds for this solve.
    relative_gap, absolute_gap
        Optimality gaps at which the solver may stop.
    threads
        Number of threads.
    seed
        Random seed.
    node_limit
        Branch-and-bound nodes.
    bound_stop
        Stop as soon as the dual bound (of the minimisation) reaches this value.
    objective_stop
        Stop as soon as a point is held whose objective is at most this value.  Nothing follows from
        such a stop but the point: the bound is what the dual side has proven by then.
    feasibility_tolerance, integrality_tolerance
        Primal feasibility of rows and integrality of columns.
    log_path
        File that receives the solver's own log.
    native
        Options in the solver's own spelling, passed through as they stand.
    """

    time_limit: float | None = None
    relative_gap: float = 0.0
    absolute_gap: float = 0.0
    threads: int | None = 1
    seed: int | None = 0
    node_limit: int | None = None
    bound_stop: float | None = None
    objective_stop: float | None = None
    feasibility_tolerance: float = 1e-9
    integrality_tolerance: float = 1e-9
    log_path: Path | None = None
    native: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time_limit is not None and not (math.isfinite(self.time_limit) and self.time_limit > 0):
            raise ConfigError(f"the time limit is {self.time_limit}; it must be a positive number of seconds")
        for name in ("relative_gap", "absolute_gap", "feasibility_tolerance", "integrality_tolerance"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is {value}; it must be a finite number that is not negative")
        for name in ("bound_stop", "objective_stop"):
            if getattr(self, name) is not None and math.isnan(getattr(self, name)):
                raise ConfigError(f"{name} is not a number")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; it must be at least 1")
        if self.node_limit is not None and self.node_limit < 0:
            raise ConfigError(f"node_limit is {self.node_limit}; it must not be negative")
