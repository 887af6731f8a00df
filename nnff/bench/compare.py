"""Before and after a change: the same runs, made twice.

Only runs with equal specs are paired, and only where the problem is the same, by its
fingerprint.  Whatever has no partner is listed.  A change of time is called a change if it is more
than the control runs of both sides show without any.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnff.bench.caveats import caveats, changed_instances, environments
from nnff.bench.cells import Cell, by_contender, cells_of, last_tries, outcomes
from nnff.bench.consistency import find_contradictions
from nnff.bench.contender import Names
from nnff.bench.environment import environment_differences
from nnff.bench.jsonable import jsonable
from nnff.bench.noise import noise_frame, noise_of
from nnff.bench.pairwise import Bound, bound_of, bound_of_all, ratio_of
from nnff.bench.record import RunSpec
from nnff.bench.statistics import Ratio, geometric_mean_ratio, relative_difference, shifted_geometric_mean
from nnff.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nnff.bench.record import RunRecord

__all__ = ["ALL_CONTENDERS", "Comparison", "Verdict", "compare"]

ALL_CONTENDERS = "all"
"""Label of the row of `Comparison.totals` over all contenders."""

_IDENTITY = ("suite", "instance", "strategy", "backend", "seed", "role", "repeat")
"""Fields by which a run without partner is recognised, to say in what else it differs."""


class Verdict(enum.StrEnum):
    """What may be said about a change of time."""

    FASTER = "faster"
    SLOWER = "slower"
    NOISE = "within noise"
    """Not more than control runs differ without any change."""
    UNCLEAR = "unclear"
    """A time is only known to exceed the limit, or the interval holds 1."""
    UNKNOWN = "noise unknown"
    """There are no control runs to tell."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What changed between two sets of runs.

    Speed-ups are time before / time after: above 1, the runs after are faster.  Times, seeds,
    censoring and bounds of ratios are as in `nnff.bench.analysis`; relative changes of delta are
    (after - before) / larger of the two.

    Attributes
    ----------
    runs
        Number of runs on both sides.
    instances
        One row per instance and contender: ``instance contender runs seconds_before seconds_after
        speed_up bound verdict solved_before solved_after outcome_before outcome_after delta_lower_before
        delta_lower_after lower_change delta_upper_before delta_upper_after upper_change``.
    totals
        One row per contender, then ``all``: ``contender instances speed_up low high bound noise
        verdict sgm1_before sgm1_after solved_before solved_after``.  ``all`` takes the geometric
        mean over contenders first, and then over instances, and counts every solved cell.
        ``verdict`` is a `Verdict`.
    newly_solved, no_longer_solved
        (instance, contender).
    changed
        Instances that are not the same problem on both sides; they are in no other table.
    unpaired
        Runs on one side only: ``side contender instance runs``.
    noise
        Control runs of each side: ``side``, and the columns of `Analysis.noise`.
    environment
        What differs between the sides, in sentences without full stop.
    contradictions
        Brackets that do not meet, within a side or across.
    warnings
        What weakens the comparison, as in `Analysis.warnings`, with the side that it is about.
    """

    runs: int
    instances: pd.DataFrame
    totals: pd.DataFrame
    newly_solved: tuple[tuple[str, str], ...]
    no_longer_solved: tuple[tuple[str, str], ...]
    changed: tuple[str, ...]
    unpaired: pd.DataFrame
    noise: pd.DataFrame
    environment: tuple[str, ...]
    contradictions: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts, ready for `json.dumps`."""
        plain: dict[str, Any] = jsonable(self)
        return plain


def compare(before: Sequence[RunRecord], after: Sequence[RunRecord]) -> Comparison:
    """Compare two sets of runs.

    Parameters
    ----------
    before, after
        Runs of any suites, in any order; of several tries at a run the last counts.

    Raises
    ------
    DataError
        If no run was made on both sides.
    """
    sides = [last_tries(before), last_tries(after)]
    measured = [{r.key: r for r in side if r.spec.role == "measure"} for side in sides]
    shared = measured[0].keys() & measured[1].keys()
    if not shared:
        raise DataError(_nothing_shared(*(list(side.values()) for side in measured)))
    names = Names(record.spec for side in sides for record in side)
    cells = [cells_of((r for key, r in side.items() if key in shared), names) for side in measured]
    changed = changed_instances(cell for side in cells for cell in side)
    # Both sides have the same runs, so their cells come in the same order.
    pairs = [(old, new) for old, new in zip(*cells, strict=True) if old.instance not in changed]
    noise = _noise(sides, names)
    rows = [_row(old, new, noise_of(noise, old.contender.label)) for old, new in pairs]
    return Comparison(
        runs=len(shared),
        instances=pd.DataFrame(rows, columns=_INSTANCES),
        totals=pd.DataFrame(_totals(pairs, noise), columns=_TOTALS),
        newly_solved=tuple(_name(old) for old, new in pairs if new.solved and not old.solved),
        no_longer_solved=tuple(_name(old) for old, new in pairs if old.solved and not new.solved),
        changed=changed,
        unpaired=_unpaired(measured, shared, names),
        noise=noise,
        environment=_environment(sides),
        contradictions=tuple(found.sentence for found in find_contradictions([*before, *after])),
        warnings=_warnings((before, after), sides, cells, noise),
    )


_INSTANCES = [
    *("instance", "contender", "runs", "seconds_before", "seconds_after", "speed_up", "bound", "verdict"),
    *("solved_before", "solved_after", "outcome_before", "outcome_after"),
    *("delta_lower_before", "delta_lower_after", "lower_change"),
    *("delta_upper_before", "delta_upper_after", "upper_change"),
]
_TOTALS = [
    *("contender", "instances", "speed_up", "low", "high", "bound", "noise", "verdict"),
    *("sgm1_before", "sgm1_after", "solved_before", "solved_after"),
]


def _row(old: Cell, new: Cell, noise: float | None) -> dict[str, Any]:
    speed_up, bound = old.counted / new.counted, bound_of(new.solved, old.solved)
    return {
        "instance": old.instance,
        "contender": old.contender.label,
        "runs": len(old.runs),
        "seconds_before": old.counted,
        "seconds_after": new.counted,
        "speed_up": speed_up,
        "bound": str(bound),
        "verdict": str(_verdict(speed_up, bound, noise)),
        "solved_before": old.solved,
        "solved_after": new.solved,
        "outcome_before": outcomes(old.runs),
        "outcome_after": outcomes(new.runs),
        "delta_lower_before": old.lower,
        "delta_lower_after": new.lower,
        "lower_change": relative_difference(new.lower, old.lower),
        "delta_upper_before": old.upper,
        "delta_upper_after": new.upper,
        "upper_change": relative_difference(new.upper, old.upper),
    }


def _verdict(speed_up: float, bound: Bound, noise: float | None) -> Verdict:
    """Return what may be said: a bound says something only if it lies beyond the noise on its own side."""
    if noise is None:
        return Verdict.UNKNOWN
    if speed_up > 1 + noise and bound in (Bound.EXACT, Bound.AT_LEAST):
        return Verdict.FASTER
    if speed_up < 1 / (1 + noise) and bound in (Bound.EXACT, Bound.AT_MOST):
        return Verdict.SLOWER
    return Verdict.NOISE if bound is Bound.EXACT else Verdict.UNCLEAR


def _totals(pairs: Sequence[tuple[Cell, Cell]], noise: pd.DataFrame) -> list[dict[str, Any]]:
    partner = {id(old): new for old, new in pairs}
    groups = {
        label: [(old, partner[id(old)]) for old in own]
        for label, own in by_contender(old for old, _ in pairs).items()
    }
    rows = [
        # The new cell is the faster one if the ratio exceeds 1.
        _total(label, own, ratio_of([(new, old) for old, new in own]), noise_of(noise, label))
        for label, own in groups.items()
    ]
    if len(groups) > 1:
        noises = [row["noise"] for row in rows if not math.isnan(row["noise"])]
        rows.append(_total(ALL_CONTENDERS, pairs, _ratio_of_all(pairs), max(noises, default=None)))
    return rows


def _total(
    label: str, pairs: Sequence[tuple[Cell, Cell]], ratio: Ratio, noise: float | None
) -> dict[str, Any]:
    # Unsolved on both sides is no change that anyone could see; it does not make the others unclear.
    bound = bound_of_all(bound_of(new.solved, old.solved) for old, new in pairs if old.solved or new.solved)
    verdict = _verdict(ratio.value, bound, noise)
    if verdict in (Verdict.FASTER, Verdict.SLOWER) and ratio.low <= 1 <= ratio.high:
        verdict = Verdict.UNCLEAR
    return {
        "contender": label,
        "instances": ratio.instances,
        "speed_up": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "bound": str(bound),
        "noise": float("nan") if noise is None else noise,
        "verdict": str(verdict),
        "sgm1_before": shifted_geometric_mean([old.counted for old, _ in pairs], 1.0),
        "sgm1_after": shifted_geometric_mean([new.counted for _, new in pairs], 1.0),
        "solved_before": sum(old.solved for old, _ in pairs),
        "solved_after": sum(new.solved for _, new in pairs),
    }


def _ratio_of_all(pairs: Iterable[tuple[Cell, Cell]]) -> Ratio:
    """Return the speed-up over all contenders: instances are resampled, not contenders."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for old, new in pairs:
        groups[old.instance].append((old.counted, new.counted))
    means = [
        [shifted_geometric_mean(times, 0.0) for times in zip(*own, strict=True)] for own in groups.values()
    ]
    return geometric_mean_ratio([old for old, _ in means], [new for _, new in means])


def _name(cell: Cell) -> tuple[str, str]:
    return cell.instance, cell.contender.label


def _unpaired(measured: Sequence[dict[str, RunRecord]], shared: set[str], names: Names) -> pd.DataFrame:
    rows = [
        (side, cell.contender.label, cell.instance, len(cell.runs))
        for side, runs in zip(("before", "after"), measured, strict=True)
        for cell in cells_of((run for key, run in runs.items() if key not in shared), names)
    ]
    return pd.DataFrame(rows, columns=["side", "contender", "instance", "runs"])


def _noise(sides: Sequence[Sequence[RunRecord]], names: Names) -> pd.DataFrame:
    frames = []
    for side, records in zip(("before", "after"), sides, strict=True):
        frame = noise_frame(cells_of((r for r in records if r.spec.role == "control"), names))
        frame.insert(0, "side", side)
        frames.append(frame)
    # pandas frowns on joining empty tables.
    full = [frame for frame in frames if len(frame)]
    return pd.concat(full, ignore_index=True) if full else frames[0]


def _warnings(
    records: Sequence[Sequence[RunRecord]],
    kept: Sequence[Sequence[RunRecord]],
    cells: Sequence[Sequence[Cell]],
    noise: pd.DataFrame,
) -> tuple[str, ...]:
    said = [
        caveats(*own, noise[noise["side"] == side])
        for side, own in zip(("before", "after"), zip(records, kept, cells, strict=True), strict=True)
    ]
    both = [sentence for sentence in said[0] if sentence in said[1]]
    found = [f"Both sides: {sentence}" for sentence in both]
    for side, sentences in zip(("Before", "After"), said, strict=True):
        found += [f"{side}: {sentence}" for sentence in sentences if sentence not in both]
    return tuple(found)


def _environment(sides: Sequence[Sequence[RunRecord]]) -> tuple[str, ...]:
    old, new = (environments(side) for side in sides)
    found = dict.fromkeys(
        difference for one in old for other in new for difference in environment_differences(one, other)
    )
    versions = [
        {(r.spec.backend, r.solver_version) for r in side if r.spec.backend and r.solver_version}
        for side in sides
    ]
    for backend in sorted({backend for backend, _ in versions[0] | versions[1]}):
        one, other = (", ".join(sorted(v for b, v in side if b == backend)) for side in versions)
        if one and other and one != other:
            found[f"the solver {backend} is {one} before and {other} after"] = None
    return tuple(found)


def _nothing_shared(before: Sequence[RunRecord], after: Sequence[RunRecord]) -> str:
    """Return why no run was made on both sides: what differs in runs that are the same otherwise."""
    if not before or not after:
        return f"there is nothing to compare: there are no runs {'after' if before else 'before'}"
    partners = {_identity(record.spec): record.spec for record in before}
    differing: Counter[str] = Counter()
    for record in after:
        partner = partners.get(_identity(record.spec))
        if partner is not None:
            differing.update(
                name for name in RunSpec.model_fields if getattr(partner, name) != getattr(record.spec, name)
            )
    if not differing:
        return "no run was made on both sides: instances, backends, strategies or seeds are different ones"
    return f"no run was made on both sides: the same instances were run with another {', '.join(differing)}"


def _identity(spec: RunSpec) -> tuple[object, ...]:
    return tuple(getattr(spec, name) for name in _IDENTITY)
