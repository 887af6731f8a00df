"""One solve of a run: what is asked of the solver, what its bound proves, what its point shows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nnff.certification.attack import polish
from nnff.certification.certificate import SolverRun
from nnff.certification.proof import BOUND_SLACK, Proof, judge
from nnff.solver import Capability, SolveOptions, SolveResult
from nnff.solver.guard import guarded_solve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nnff.certification.bracket import Bracket
    from nnff.certification.parts import Part
    from nnff.encoding import Encoded
    from nnff.problem import Problem
    from nnff.solver import SolveControl, SolveProgress, SolverBackend

__all__ = ["LoopSettings", "precision", "solve_once"]

_FINEST = 1e-7
"""Relative precision beyond which solver tolerances, not cells, are what is left."""


@dataclass(frozen=True)
class LoopSettings:
    """What the loop aims for and what it may use.

    Attributes
    ----------
    gap
        Relative gap at which to stop.
    delta
        Value to decide, or None.
    deadline
        ``time.perf_counter()`` at which to stop.
    flip
        Whether the number is a flip margin, and `delta` the largest that a pair without a flip has.
    threads, seed, native
        Passed to the solver.
    logs
        Folder that receives the log of every solve, if the solver can write one.
    """

    gap: float
    delta: float | None
    deadline: float
    flip: bool = False
    threads: int = 1
    seed: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)
    logs: Path | None = None

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return self.deadline - time.perf_counter()


def precision(bracket: Bracket | Part, settings: LoopSettings) -> float:
    """Return the relative precision to aim for: the wanted gap, or what it takes to decide on delta."""
    if settings.delta is None or settings.flip:
        return settings.gap
    room = abs(settings.delta - bracket.lower) / max(bracket.lower, 1e-9)
    return max(min(settings.gap, room / 2), _FINEST)


def solve_once(
    problem: Problem,
    encoded: Encoded,
    backend: SolverBackend,
    bracket: Bracket | Part,
    settings: LoopSettings,
    control: SolveControl,
    *,
    height: float | None = None,
    may_be_empty: bool = False,
) -> tuple[SolveResult, Proof, SolverRun]:
    """Solve one encoding, take its bound into the bracket and replay its point.

    See `judge` for `may_be_empty`.

    With a `height` the solve may end at a point after which its bound no longer matters, if the point lies
    that share of the way up from what the bound would have to fall below to delta_upper.
    """
    options = _options(backend, encoded, bracket, settings, height)
    if settings.logs is not None and Capability.LOG in backend.capabilities:
        options = replace(options, log_path=settings.logs / f"round-{bracket.round:03d}-{backend.name}.log")

    def on_progress(progress: SolveProgress) -> None:
        bracket.tick(upper=encoded.delta(progress.bound), nodes=progress.nodes)

    began = time.perf_counter()
    result = guarded_solve(backend, encoded.matrix, options, None, control.listening(on_progress))
    seconds = time.perf_counter() - began
    # What the backend does not account for (its thread, a child process starting) is part of solving.
    timings = {name: float(result.timings.get(name, 0.0)) for name in ("transfer", "extract")}
    timings["solve"] = max(0.0, seconds - sum(timings.values()))
    replaying = time.perf_counter()
    delta_point = None
    if result.x is not None:
        x1, x2 = encoded.pair(result.x)
        witness = polish(
            problem,
            x1,
            x2,
            origin="solver",
            stop=lambda: control.interrupted or settings.remaining <= 0,
            enough=settings.delta,
        )
        delta_point = None if witness is None else witness.delta
        bracket.show(witness, f"found from a point of {backend.name}")
    proof = judge(encoded.matrix, result, may_be_empty=may_be_empty)
    upper = problem.least if proof.empty else encoded.delta(proof.bound)
    if proof.usable or proof.empty:
        bracket.prove(upper, f"the solver {backend.name!r}")
    timings["replay"] = time.perf_counter() - replaying
    run = SolverRun(
        round=bracket.round,
        solver=backend.name,
        version=result.version,
        termination=result.termination.value,
        limit=None if result.limit is None else result.limit.value,
        raw_status=result.raw_status,
        delta_bound=upper,
        delta_point=delta_point,
        nodes=result.nodes,
        seconds=seconds,
        timings=timings,
        options={key: _plain(value) for key, value in result.applied.items()},
        message=proof.complaint or result.message,
    )
    return result, proof, run


def _options(
    backend: SolverBackend,
    encoded: Encoded,
    bracket: Bracket | Part,
    settings: LoopSettings,
    height: float | None,
) -> SolveOptions:
    """Ask for what is useful, leaving out only what merely saves time and the backend does not offer.

    A solve is of use until its dual bound settles the question (`bound_stop`), or until a point of the
    program shows that its bound cannot (`objective_stop`): the optimum, and so every bound, lies above a
    point's value.  Such a point, if the network itself does not confirm it, shows where to refine.
    """
    can = backend.capabilities
    # A point of the MILP is an upper estimate of what its cells allow; a bound
    # within a quarter of the wanted gap of it leaves the rest to refinement.
    relative_gap = precision(bracket, settings) / 4 if Capability.GAP in can else 0.0
    goals = [bracket.lower * (1 + settings.gap)] if settings.delta is None else [settings.delta]
    # Stop as soon as the bound settles the question; a hair below, because
    # bounds are weakened before they count.
    goal = max(goals) * (1 - 1e-7) / encoded.factor
    stop = -goal if Capability.BOUND_STOP in can and goal > 0 else None
    if settings.flip and Capability.BOUND_STOP in can:
        # A bound counts once it is below 0 after being weakened.
        stop = 3 * BOUND_SLACK
    # What a bound of this round would have to fall below to be of use.
    ceiling = bracket.upper if settings.delta is None else min(settings.delta, bracket.upper)
    enough = None
    if height is not None and math.isfinite(bracket.upper) and Capability.OBJECTIVE_STOP in can:
        ceiling += height * (bracket.upper - ceiling)
        # A hair above, so that no tolerance of the solver's calls a round useless that is not.
        enough = -(ceiling / encoded.factor + max(1e-7 * ceiling / encoded.factor, 1e-8))
    return SolveOptions(
        time_limit=max(settings.remaining, 0.01),
        relative_gap=relative_gap,
        threads=settings.threads,
        seed=settings.seed,
        bound_stop=stop,
        objective_stop=enough,
        native=settings.native,
    )


def _plain(value: Any) -> Any:
    """Keep JSON values as they are and write everything else as text."""
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
