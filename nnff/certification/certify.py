"""Certifying one network: from the parts of a problem to a certificate."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnff.certification.asked import asked_delta, checked_rows, problem_of
from nnff.certification.attack import attack, polish
from nnff.certification.bracket import Bracket
from nnff.certification.certificate import (
    Certificate,
    QuestionRecord,
    RangeStep,
    Reason,
    Trust,
    Verdict,
)
from nnff.certification.crosscheck import crosscheck as crosscheck_others
from nnff.certification.data_pairs import DataPairs, compare_data_pairs
from nnff.certification.exhaustive import enumerate_pairs
from nnff.certification.loop import LoopOutcome, run_loop
from nnff.certification.memory import Memory, WarmStart, both
from nnff.certification.progress import relative_gap
from nnff.certification.records import (
    domain_record,
    encoding_record,
    environment_record,
    metric_record,
    model_record,
)
from nnff.certification.solving import LoopSettings
from nnff.certification.tighten import describe
from nnff.certification.witness import best_witness, replay_error
from nnff.encoding import encoding_strategies, encoding_strategy
from nnff.errors import ConfigError, SolverUnavailableError, UnknownNameError
from nnff.question import Question
from nnff.ranges import Ranges, closed_form, interval_ranges, linear_ranges
from nnff.ranges.anchored import with_anchor
from nnff.solver import SolveControl, SolverBackend
from nnff.solver.load import solver as load_solver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from nnff.anchor import Anchor
    from nnff.certification.progress import CertifyProgress
    from nnff.domain import Domain
    from nnff.network import Network, Scaling
    from nnff.problem import Problem
    from nnff.similarity import Metric

__all__ = ["STRATEGIES", "certify", "closed_form"]

EXHAUSTIVE = "exhaustive"

STRATEGIES = (*encoding_strategies(), EXHAUSTIVE)
"""Names of the strategies."""

_BRIEF = {"starts": 16, "iterations": 12}
"""An attack that can change nothing any more."""

_DATA_SHARE = 0.1
"""Largest share of the time limit for comparing all pairs of data rows, which grow with the square."""

_ATTACK_SHARE = 0.15
"""Largest share of the time limit that the attack may take."""


@dataclass(frozen=True)
class _Run:
    """What every step of one certification needs."""

    problem: Problem
    bracket: Bracket
    settings: LoopSettings
    control: SolveControl
    phases: dict[str, float]

    def stopped(self) -> bool:
        return self.control.interrupted or self.settings.remaining <= 0


def certify(
    network: Network,
    domain: Domain,
    metric: Metric,
    epsilon: float,
    *,
    solver: str | SolverBackend = "highs",
    strategy: str = "relational",
    delta: float | None = None,
    scale: Scaling | str = "model",
    gap: float = 1e-2,
    time_limit: float = 60.0,
    threads: int = 1,
    seed: int = 0,
    data: npt.ArrayLike | None = None,
    sensitive_features: Sequence[str] = (),
    output_index: int | None = None,
    question: Question | str = "output",
    threshold: float | None = None,
    anchor: Anchor | None = None,
    started: float | None = None,
    control: SolveControl | None = None,
    on_progress: Callable[[CertifyProgress], None] | None = None,
    solver_options: Mapping[str, Any] | None = None,
    crosscheck: Sequence[str | SolverBackend] = (),
    evidence: Path | None = None,
    logs: Path | None = None,
    memory: Memory | None = None,
    config: Mapping[str, Any] | None = None,
) -> Certificate:
    """Bracket the largest output difference over all similar pairs in the domain.

    Parameters
    ----------
    network
        The network f.
    domain
        Possible inputs, raw units.
    metric
        d_fair, from `nnff.metric` or of one's own.
    epsilon
        Similarity threshold.
    solver
        Name of a solver plugin, or a backend.
    strategy
        ``"relational"``, another encoding, or ``"exhaustive"`` (finite domains).
    delta
        Ask for a verdict against this value, in the output's units.
    scale
        Coordinates of the metric: ``"model"`` (the network's own input
        scaling), ``"none"``, or a `Scaling`.
    gap
        Relative gap at which to stop (without `delta`).
    time_limit
        Wall seconds from `started` to the certificate.
    threads, seed
        For the solver and the attack; the same values give the same certificate.
    data
        Rows in raw units, for delta_data and as starts of the attack.  So many that comparing all pairs takes
        more than a tenth of the time limit give no delta_data.
    sensitive_features
        Recorded in the certificate.
    output_index
        Which output, if the network has several.
    question
        What is measured: ``"output"``, ``"probability"``, ``"logit"`` or ``"flip"``, see `nnff.question`.
        A flip is decided, not only bracketed: certified if there is none, violated if a real pair flips.
    threshold
        t of a flip: do f(x') < t <= f(x'') for similar inputs?
    anchor
        Holds one input of the pair; `nnff.local` asks both ways and puts the answers together.
    started
        ``time.perf_counter()`` when the work began (default: now).
    control
        Interrupts the run from another thread or a signal handler; the
        bracket so far is returned.
    on_progress
        Called with a `CertifyProgress` now and then, from any thread.
    solver_options
        Options in the solver's own spelling.
    crosscheck
        Further solvers that are asked the same question; the time limit is
        shared.  A contradiction makes the verdict undecided.
    evidence
        Folder for the instance that solvers contradict each other on.
    logs
        Folder for the raw logs of the solvers that can write one, a file per
        round.
    memory
        What runs on the same network, domain and metric have left, for other
        epsilons; used, and added to.
    config
        Recorded in the certificate.

    Returns
    -------
    The certificate: whatever stops the run, both bounds and a reason are in it.

    Raises
    ------
    NnffError
        If the question makes no sense; never because a solver failed.

    Examples
    --------
    >>> from nnff import Domain, Layer, Network, certify, metric
    >>> network = Network((Layer([[1.0, -2.0]], [0.0], "sigmoid"),))
    >>> domain = Domain.from_box([-1, -1], [1, 1])
    >>> certificate = certify(network, domain, metric("weighted-lp", p=1), 0.1)
    >>> round(certificate.delta_lower, 3)
    0.05
    """
    began = time.perf_counter() if started is None else started
    if output_index is not None:
        network = network.select_output(output_index)
    asked = Question.of(question, threshold)
    problem = problem_of(network, domain, metric, epsilon, scale, asked, anchor)
    network = problem.network
    _check_settings(strategy, delta, gap, time_limit)
    delta = asked_delta(problem, delta)
    rows = None if data is None else checked_rows(data, network)
    backend = _backend(solver) if strategy != EXHAUSTIVE else None
    others = [_backend(other) for other in crosscheck]
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    settings = LoopSettings(
        gap=gap,
        delta=delta,
        deadline=began + time_limit / (1 + len(others)),
        threads=threads,
        seed=seed,
        flip=problem.flip is not None,
        native=dict(solver_options or {}),
        logs=logs,
    )
    run = _Run(
        problem,
        Bracket(began, on_progress, lambda witness: replay_error(problem, witness), problem.least),
        settings,
        SolveControl() if control is None else control,
        {},
    )
    pairs = _data_pairs(run, rows)
    known = WarmStart() if memory is None else memory.recall(problem, strategy)
    ranges, closed, steps = _ranges(run, known)
    trust = Trust.CLOSED_FORM
    if backend is None:
        outcome = _exhaust(run)
    else:
        _attack(run, rows, known)
        outcome = run_loop(
            problem,
            encoding_strategy(strategy, problem, ranges),
            backend,
            run.bracket,
            settings,
            run.control,
            known_plans=known.plan,
            # Others are to check a bound of all pairs on one encoding of all pairs.
            whole=bool(others),
        )
    for name, seconds in outcome.phases.items():
        run.phases[name] = run.phases.get(name, 0.0) + seconds
    confirmed = False
    if others and outcome.encoded is not None and outcome.last is not None:
        confirmed = _crosscheck(
            run, outcome, others, replace(settings, deadline=began + time_limit), evidence
        )
    if run.bracket.contradiction:
        outcome.reason, outcome.detail = Reason.INCONSISTENT, run.bracket.contradiction
    elif memory is not None:
        # After a contradiction nobody knows what to believe, so nothing is handed on.
        memory.keep(problem, strategy, ranges=ranges, plan=outcome.plans or None, witness=run.bracket.witness)
    if backend is None and outcome.reason is Reason.EXHAUSTED:
        trust = Trust.EXHAUSTIVE
    elif run.bracket.upper < min(closed, outcome.proven):
        trust = Trust.AGREED if confirmed else Trust.SOLVER
    return _certificate(
        run,
        outcome,
        trust=trust,
        closed=closed,
        steps=[*steps, *outcome.steps],
        pairs=pairs,
        strategy=strategy,
        question=asked,
        sensitive_features=sensitive_features,
        config=config,
    )


def _check_settings(strategy: str, delta: float | None, gap: float, time_limit: float) -> None:
    if strategy not in STRATEGIES:
        raise UnknownNameError("strategy", strategy, STRATEGIES)
    if delta is not None and not (np.isfinite(delta) and delta >= 0):
        raise ConfigError(f"delta is {delta}; it must be a finite number that is not negative")
    if not (np.isfinite(gap) and gap >= 0):
        raise ConfigError(f"gap is {gap}; it must be a finite number that is not negative")
    if not (np.isfinite(time_limit) and time_limit > 0):
        raise ConfigError(f"the time limit is {time_limit}; it must be a positive number of seconds")


def _backend(solver: str | SolverBackend) -> SolverBackend:
    backend = load_solver(solver) if isinstance(solver, str) else solver
    available = backend.availability()
    if not available:
        raise SolverUnavailableError(
            f"the solver {backend.name!r} cannot be used: {available.reason} ({available.hint})"
        )
    return backend


def _data_pairs(run: _Run, rows: Any) -> DataPairs | None:
    if rows is None:
        return None
    began = time.perf_counter()
    run.bracket.tick("data")
    until = began + _DATA_SHARE * max(run.settings.remaining, 0.0)
    found = compare_data_pairs(run.problem, rows, stop=lambda: run.stopped() or time.perf_counter() > until)
    if found is not None and found.first_inside is not None and found.second_inside is not None:
        # Rows outside the domain count for delta_data, not as witnesses.
        pair = rows[[found.first_inside, found.second_inside]]
        if run.problem.admits(pair[:1], pair[1:])[0]:
            run.bracket.show(best_witness(run.problem, pair[:1], pair[1:], "data"), "a pair of data rows")
    run.phases["data"] = time.perf_counter() - began
    return found


def _ranges(run: _Run, known: WarmStart) -> tuple[Ranges, float, list[RangeStep]]:
    began = time.perf_counter()
    run.bracket.tick("ranges")
    intervals = interval_ranges(run.problem)
    if run.problem.anchor is not None:
        intervals = with_anchor(run.problem, intervals)
    between = time.perf_counter()
    ranges = linear_ranges(run.problem, intervals)
    if known.ranges is not None:
        ranges = both(ranges, known.ranges)
    closed = closed_form(run.problem, ranges)
    run.bracket.prove(closed, "the closed form")
    end = time.perf_counter()
    run.phases["ranges"] = end - began
    steps = [
        describe(run.problem, "intervals", intervals, intervals, seconds=between - began),
        describe(run.problem, "linear bounds", intervals, ranges, seconds=end - between),
    ]
    return ranges, closed, steps


def _attack(run: _Run, rows: Any, known: WarmStart) -> None:
    delta = run.settings.delta
    if delta is not None and run.bracket.lower > delta:
        return
    began = time.perf_counter()
    until = began + _ATTACK_SHARE * max(run.settings.remaining, 0.0)
    run.bracket.tick("attack")
    if known.x1 is not None and known.x2 is not None:
        witness = polish(run.problem, known.x1, known.x2, origin="memory", stop=run.stopped, enough=delta)
        run.bracket.show(witness, "made from a pair of another epsilon")
    if delta is not None and run.bracket.lower > delta:
        run.phases["attack"] = time.perf_counter() - began
        return
    # What is settled from above still gets its other side, but not at length.
    settled = delta is not None and run.bracket.upper <= delta
    witness = attack(
        run.problem,
        rng=np.random.default_rng(run.settings.seed),
        data=rows,
        stop=lambda: run.stopped() or time.perf_counter() > until,
        enough=delta,
        **(_BRIEF if settled else {}),
    )
    run.bracket.show(witness, "found by the attack")
    run.phases["attack"] = time.perf_counter() - began


def _crosscheck(
    run: _Run,
    outcome: LoopOutcome,
    others: list[SolverBackend],
    settings: LoopSettings,
    evidence: Path | None,
) -> bool:
    """Ask the other solvers; tell whether all of them confirm."""
    assert outcome.encoded is not None
    assert outcome.last is not None
    began = time.perf_counter()
    said = crosscheck_others(
        run.problem,
        outcome.encoded,
        outcome.last,
        others,
        run.bracket,
        settings,
        run.control,
        evidence=evidence,
    )
    outcome.runs.extend(said.runs)
    run.bracket.contradiction = said.contradiction
    if said.remark:
        outcome.detail += f" (cross-check: {said.remark})"
    run.phases["crosscheck"] = time.perf_counter() - began
    return said.confirmed


def _exhaust(run: _Run) -> LoopOutcome:
    began = time.perf_counter()
    run.bracket.tick("enumerate")
    found = enumerate_pairs(run.problem, stop=run.stopped, progress=lambda _low, _high: run.bracket.tick())
    run.bracket.show(best_witness(run.problem, found.x1, found.x2, "enumeration"), "found by enumeration")
    run.bracket.prove(found.delta_upper, "the enumeration")
    seconds = {"enumerate": time.perf_counter() - began}
    if found.complete:
        detail = f"all {found.pairs:,} similar pairs of {found.points:,} points were compared"
        flips = None if run.problem.flip is None else found.flips
        if flips is not None:
            detail += f", of which {flips:,} lie on different sides of the threshold"
        return LoopOutcome(Reason.EXHAUSTED, detail, phases=seconds, flips=flips)
    reason = Reason.INTERRUPTED if run.control.interrupted else Reason.TIME_LIMIT
    return LoopOutcome(reason, f"stopped after {found.pairs:,} pairs", phases=seconds)


def _verdict(bracket: Bracket, delta: float | None, reason: Reason) -> Verdict | None:
    """Judge the bracket against the delta asked for; a contradiction never certifies."""
    if reason is Reason.INCONSISTENT:
        return Verdict.UNDECIDED
    if delta is not None:
        # A violation is a fact whatever the solver did; so is a bound proven before it failed.
        if bracket.lower > delta:
            return Verdict.VIOLATED
        if bracket.upper <= delta:
            return Verdict.CERTIFIED
        return Verdict.UNDECIDED
    return Verdict.UNDECIDED if reason in (Reason.INTERRUPTED, Reason.SOLVER_FAILED) else None


def _certificate(
    run: _Run,
    outcome: LoopOutcome,
    *,
    trust: Trust,
    closed: float,
    steps: list[RangeStep],
    pairs: DataPairs | None,
    strategy: str,
    question: Question,
    sensitive_features: Sequence[str],
    config: Mapping[str, Any] | None,
) -> Certificate:
    problem, bracket = run.problem, run.bracket
    upper = bracket.upper
    if outcome.reason is Reason.INCONSISTENT:
        # Something that was believed is wrong: only what needs no solver is left, unless it is that.
        upper = max(closed, bracket.lower) if bracket.allows(closed) else math.inf
        trust = Trust.CLOSED_FORM
    seconds = bracket.seconds
    run.phases["other"] = max(0.0, seconds - sum(run.phases.values()))
    return Certificate(
        verdict=_verdict(bracket, run.settings.delta, outcome.reason),
        reason=outcome.reason,
        detail=outcome.detail,
        epsilon=problem.epsilon,
        delta=None if run.settings.flip else run.settings.delta,
        delta_lower=bracket.lower,
        delta_upper=upper,
        delta_data=None if pairs is None or math.isinf(pairs.delta) else pairs.delta,
        data_pairs=None if pairs is None else pairs.pairs,
        delta_data_inside=None if pairs is None or math.isinf(pairs.inside) else pairs.inside,
        gap=relative_gap(bracket.lower, upper),
        closed_form=closed,
        strategy=strategy,
        trust=trust,
        question=QuestionRecord(kind=question.kind, threshold=question.threshold, flips=outcome.flips),
        metric=metric_record(problem, outcome.excess),
        domain=domain_record(problem.domain),
        model=model_record(problem.network if problem.flip is None else problem.flip.model),
        sensitive_features=list(sensitive_features),
        encoding=None if outcome.encoded is None else encoding_record(outcome.encoded),
        ranges=steps,
        rounds=bracket.round,
        runs=outcome.runs,
        witness=bracket.witness,
        seconds=seconds,
        phases=run.phases,
        bracket=bracket.history,
        environment=environment_record(),
        config=dict(config or {}),
    )
