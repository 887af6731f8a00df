"""What a set of runs says: one `Analysis`, made of plain tables, for terminal, CSV and HTML alike.

**Time.**  The time of a run is `RunRecord.seconds`, from the model read to the
certificate, with everything nnff does; the phase `solve` alone is shown beside it.

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

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nnff.bench.contender import Contender
    from nnff.bench.record import RunRecord
    from nnff.bench.suite import Suite

__all__ = ["Analysis", "analyse"]


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
        ``contender instances min q25 median q75 q90 max closed`` (``closed``: share not above the gap asked for).
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
        shifted geometric mean (1 s) over the instances, ``gap`` their median, ``solved`` the share.  ``design``
        is ``"one factor"`` (only instances that differ from the suite's centre in this factor at most) or
        ``"all"`` (every instance with this value).
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
    raise NotImplementedError
