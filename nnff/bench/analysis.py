"""What a set of runs says: one `Analysis`, made of plain tables, for terminal, CSV and HTML alike.

**Time.**  The time of a run is `RunRecord.seconds`, the whole certification from the question
to the certificate, with everything nnff does; the phase `solve` alone is shown beside it.

**Seeds.**  Runs that differ in nothing but the seed are one *cell* (instance x
contender).  A cell's numbers are medians over its runs; statistics are then
taken over instances, so that seeds never count as instances.

**Censoring.**  A run that did not answer its question (open, undecided, error,
out of memory) took "infinitely" long.  A cell is solved if its median time is finite, that
is, if more than half of its runs are solved.  A cell that is not solved counts
with the time limit in geometric means, with 10 x the limit in PAR-10, with an infinite
ratio in profiles, and makes a speed-up a bound, marked so.  Nothing is dropped.

**Contender.**  Backend and strategy, and every other setting that varies
(solver options, threads, limits, gap): runs with different settings never share a mean.

Control runs (`RunSpec.role`) tell the machine's noise and count nowhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnff.bench.caveats import caveats
from nnff.bench.cells import by_contender, cells_of, last_tries, outcomes
from nnff.bench.consistency import find_contradictions
from nnff.bench.contender import Contender, Names
from nnff.bench.factors import factor_frame
from nnff.bench.history import bracket_frame, gap_over_time_frame, integral_frame
from nnff.bench.noise import noise_frame
from nnff.bench.pairwise import delta_frame, speed_up_frames
from nnff.bench.record import Outcome
from nnff.bench.statistics import par, performance_profile, quantiles, shifted_geometric_mean
from nnff.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.bench.cells import Cell
    from nnff.bench.record import RunRecord
    from nnff.bench.suite import Suite

__all__ = ["Analysis", "analyse"]

_NAN = float("nan")


_OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome} | {Outcome.ERROR: "errors"}
"""Columns of `Analysis.overview`."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything that tables and figures show.

    Frames have a plain row index.  Columns `contender` and `instance` hold the
    labels of `contenders` and `instances`, in that order wherever rows are
    per contender or instance.  Times are seconds, memory bytes, shares and gaps fractions of
    1.  NaN means that a number does not apply (a gap where a delta was asked for), never that
    a computation failed; an infinite bound or gap is ``inf``.

    Attributes
    ----------
    suites
        Names of the suites.
    contenders
        What is compared.
    instances
        Labels: the instance's name; with the suite or the delta asked for where names alone are not unique.
    common
        Instances on which every contender was run.
    overview
        One row per contender: ``contender backend strategy settings runs instances closed certified
        violated open undecided errors out_of_memory solved_runs solved sgm1 sgm10 par10 median_seconds
        median_solve_seconds median_gap peak_memory time_limit``.  ``solved`` counts
        instances, the outcomes count runs; sgm1, sgm10 are shifted geometric means.  The means
        run over the contender's own instances; `warnings` says when these differ.
    cells
        One row per instance and contender that was run: ``instance contender runs solved_runs solved seconds
        seconds_min seconds_max solve_seconds time_limit counted_seconds delta delta_lower delta_upper gap
        nodes rounds outcome known_lower known_upper known_proven known_source epsilon metric
        peak_memory``.  ``seconds`` is the median of the wall times as they were, ``counted_seconds``
        what statistics use (the limit if not ``solved``); ``delta_lower`` is the best over seeds,
        ``delta_upper`` the least, both valid; ``gap`` the median over seeds; ``outcome`` the
        runs' outcome, ``closed 2, open 1`` where they differ.
    phases
        ``contender phase seconds share``: sum over runs, largest share over all contenders first;
        the shares of a contender sum to 1.
    profiles
        Dolan-More profiles over `common`: ``contender tau rho``, a step function
        that is continuous from the right; every contender has the same ``tau``, from 1.
    gaps
        Distribution of the final relative gap over instances asked for a bracket:
        ``contender instances min q25 median q75 q90 max closed`` (``closed``: share of them that is).
    gap_over_time
        ``contender seconds q25 median q75 instances``: the relative gap of the bracket at
        that time, quartiles over instances (median over seeds first), on one grid for all.
        Infinite before there is a bound; runs that failed stay infinite.
    brackets
        For plotting one instance: ``instance contender seed seconds delta_lower delta_upper gap``,
        one row at every change and one at the end.
    integrals
        ``contender instances mean_seconds mean_share``: the primal-dual integral up to the limit.
    speed_ups
        One row per pair a, b in both directions: ``a b instances speed_up low high bound shifted
        both only_a only_b neither``.  ``speed_up`` says how many times as fast as b a is, the geometric
        mean over instances both were run on; ``low`` and ``high`` its 95 % bootstrap interval; ``bound`` is
        ``""``, ``"at least"``, ``"at most"`` or ``"unclear"``; ``shifted`` is the same with 1 s added
        to all times; the last four columns count who solved the instance.
    instance_speed_ups
        The same per instance: ``a b instance seconds_a seconds_b speed_up bound``.
    deltas
        One row per pair a, b, each unordered pair once: ``a b instances upper_median upper_min upper_max
        upper_tighter_a upper_tighter_b lower_median lower_min lower_max lower_better_a lower_better_b``, of
        (a's - b's) / larger of the two per instance.
    noise
        Control runs: ``contender instance runs solved_runs median min max spread quartile_spread``;
        spreads relative to the median.
    factors
        ``suite factor value contender instances seconds gap solved design``: ``seconds`` is the
        shifted geometric mean (1 s) over the instances, ``gap`` their median, ``solved`` the share.
        ``design`` is ``"one factor"`` (only instances that differ from the suite's centre in this
        factor at most) or ``"all"`` (every instance with this value).  Empty without factors that vary.
    contradictions
        Sentences about brackets that do not meet; see `nnff.bench.consistency`.
    warnings
        Sentences about what makes the comparison weaker: mixed environments, unequal numbers of
        runs, instances that changed, limits that were not kept.
    """

    suites: tuple[str, ...]
    contenders: tuple[Contender, ...]
    instances: tuple[str, ...]
    common: tuple[str, ...]
    overview: pd.DataFrame
    cells: pd.DataFrame
    phases: pd.DataFrame
    profiles: pd.DataFrame
    gaps: pd.DataFrame
    gap_over_time: pd.DataFrame
    brackets: pd.DataFrame
    integrals: pd.DataFrame
    speed_ups: pd.DataFrame
    instance_speed_ups: pd.DataFrame
    deltas: pd.DataFrame
    noise: pd.DataFrame
    factors: pd.DataFrame
    contradictions: tuple[str, ...]
    warnings: tuple[str, ...]


def analyse(records: Sequence[RunRecord], *, suites: Sequence[Suite] = ()) -> Analysis:
    """Analyse runs.

    Parameters
    ----------
    records
        Runs of one or more suites, in any order.  Of several tries at the same run the last counts.
    suites
        The suites they come from, if at hand: give the order of instances and
        the centre of the factor table.

    Raises
    ------
    DataError
        If there is no run to analyse.
    """
    kept = last_tries(records)
    measured = [record for record in kept if record.spec.role == "measure"]
    if not measured:
        raise DataError("there are no runs to analyse: no benchmark was run, or only its control runs were")
    names = Names((record.spec for record in kept), suites)
    cells = cells_of(measured, names)
    noise = noise_frame(cells_of((record for record in kept if record.spec.role == "control"), names))
    own = by_contender(cells)
    instances = tuple(dict.fromkeys(cell.instance for cell in cells))
    shared = set.intersection(*({cell.instance for cell in mine} for mine in own.values()))
    common = tuple(instance for instance in instances if instance in shared)
    speed_ups, instance_speed_ups = speed_up_frames(cells)
    return Analysis(
        suites=tuple(dict.fromkeys(record.spec.suite for record in measured)),
        contenders=tuple(mine[0].contender for mine in own.values()),
        instances=instances,
        common=common,
        overview=pd.DataFrame([_overview(mine) for mine in own.values()]),
        cells=pd.DataFrame([_cell(cell) for cell in cells]),
        phases=_phases(own),
        profiles=_profiles(own, common),
        gaps=_gaps(own),
        gap_over_time=gap_over_time_frame(cells),
        brackets=bracket_frame(cells),
        integrals=integral_frame(cells),
        speed_ups=speed_ups,
        instance_speed_ups=instance_speed_ups,
        deltas=delta_frame(cells),
        noise=noise,
        factors=factor_frame(cells, suites),
        contradictions=tuple(found.sentence for found in find_contradictions(records)),
        warnings=caveats(records, kept, cells, noise),
    )


def _overview(cells: Sequence[Cell]) -> dict[str, Any]:
    contender = cells[0].contender
    runs = [run for cell in cells for run in cell.runs]
    ended = Counter(run.outcome for run in runs)
    counted = [cell.counted for cell in cells]
    gaps = [cell.gap for cell in cells if cell.gap is not None]
    return {
        "contender": contender.label,
        "backend": contender.backend,
        "strategy": contender.strategy,
        "settings": contender.settings,
        "runs": len(runs),
        "instances": len(cells),
        **{column: ended[outcome] for outcome, column in _OUTCOMES.items()},
        "solved_runs": sum(run.outcome.solved for run in runs),
        "solved": sum(cell.solved for cell in cells),
        "sgm1": shifted_geometric_mean(counted, 1.0),
        "sgm10": shifted_geometric_mean(counted, 10.0),
        "par10": par(counted, [cell.solved for cell in cells], [cell.limit for cell in cells]),
        "median_seconds": _median(counted),
        "median_solve_seconds": _median([cell.solve_seconds for cell in cells]),
        "median_gap": _median(gaps) if gaps else _NAN,
        "peak_memory": max(cell.memory for cell in cells),
        "time_limit": cells[0].limit,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    first = cell.runs[0]
    # A run that ended early may not know what is known.
    known = next((r for r in cell.runs if r.known_lower is not None or r.known_upper is not None), first)
    return {
        "instance": cell.instance,
        "contender": cell.contender.label,
        "runs": len(cell.runs),
        "solved_runs": sum(run.outcome.solved for run in cell.runs),
        "solved": cell.solved,
        "seconds": cell.seconds,
        "seconds_min": min(run.seconds for run in cell.runs),
        "seconds_max": max(run.seconds for run in cell.runs),
        "solve_seconds": cell.solve_seconds,
        "time_limit": cell.limit,
        "counted_seconds": cell.counted,
        "delta": _NAN if cell.delta is None else cell.delta,
        "delta_lower": cell.lower,
        "delta_upper": cell.upper,
        "gap": _NAN if cell.gap is None else cell.gap,
        "nodes": _NAN if cell.nodes is None else cell.nodes,
        "rounds": cell.rounds,
        "outcome": outcomes(cell.runs),
        "known_lower": _NAN if known.known_lower is None else known.known_lower,
        "known_upper": _NAN if known.known_upper is None else known.known_upper,
        "known_proven": known.known_proven,
        "known_source": known.known_source,
        "epsilon": first.epsilon,
        "metric": first.metric,
        "peak_memory": cell.memory,
    }


def _phases(own: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    sums: dict[str, Counter[str]] = {label: Counter() for label in own}
    for label, cells in own.items():
        for cell in cells:
            for run in cell.runs:
                sums[label].update(run.phases)
    totals = {label: sum(seconds.values()) for label, seconds in sums.items()}
    # Runs that died before they reported any phase have no shares.
    timed = [label for label, total in totals.items() if total > 0]
    largest: dict[str, float] = {}
    for label in timed:
        for phase, seconds in sums[label].items():
            largest[phase] = max(largest.get(phase, 0.0), seconds / totals[label])
    rows = [
        (label, phase, float(sums[label][phase]), sums[label][phase] / totals[label])
        for label in timed
        for phase in sorted(largest, key=lambda phase: (-largest[phase], phase))
    ]
    return pd.DataFrame(rows, columns=["contender", "phase", "seconds", "share"])


def _profiles(own: Mapping[str, Sequence[Cell]], common: Sequence[str]) -> pd.DataFrame:
    columns = ["contender", "tau", "rho"]
    if not common:
        return pd.DataFrame(columns=columns)
    times = [
        [by_name[instance] for instance in common]
        for by_name in ({cell.instance: cell.time for cell in cells} for cells in own.values())
    ]
    profile = performance_profile(list(zip(*times, strict=True)))
    rows = [
        (label, float(tau), float(rho))
        for number, label in enumerate(own)
        for tau, rho in zip(profile.tau, profile.rho[:, number], strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def _gaps(own: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    rows = []
    for label, cells in own.items():
        asked = [(cell.gap, cell.solved) for cell in cells if cell.gap is not None]
        if asked:
            ends = quantiles([gap for gap, _ in asked], (0.0, 0.25, 0.5, 0.75, 0.9, 1.0))
            rows.append((label, len(asked), *ends, sum(solved for _, solved in asked) / len(asked)))
    columns = ["contender", "instances", "min", "q25", "median", "q75", "q90", "max", "closed"]
    return pd.DataFrame(rows, columns=columns)


def _median(values: Sequence[float]) -> float:
    return quantiles(values, (0.5,))[0]
