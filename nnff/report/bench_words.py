"""What the page of a benchmark says in words: the summary, and what is not shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nnff.report.numbers import percent, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.bench.analysis import Analysis

__all__ = ["agreement", "count", "limits_of_benchmark", "listed", "pair_words", "ranking", "summary"]

_CLASH = "Brackets do not meet: somebody is wrong, and no number here can be relied on until it is found out."
_NAMED = 4
"""So many contenders are named in the summary; the table has all."""
_ROUGH_BELOW = 5
"""Below this many instances a bootstrap interval covers clearly less than it says."""


def count(number: int, word: str) -> str:
    """Return ``1 instance``, ``2 instances``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def listed(parts: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def ranking(analysis: Analysis) -> list[str]:
    """Return the contenders' labels: more solved first, then the smaller mean time, then the smaller gap."""
    order = sorted(
        analysis.overview.itertuples(),
        key=lambda row: (-row.solved, row.sgm1, math.inf if math.isnan(row.median_gap) else row.median_gap),
    )
    return [row.contender for row in order]


def summary(analysis: Analysis) -> str:
    """Say who solved how much, how much faster the best was than the next, and whether all brackets meet."""
    said = {True: "All brackets meet.", False: _CLASH, None: ""}[agreement(analysis)]
    return " ".join(part for part in (_solved(analysis), _speed(analysis), said) if part)


def agreement(analysis: Analysis) -> bool | None:
    """Tell whether all brackets meet; None where no two claims could contradict each other."""
    if analysis.contradictions:
        return False
    for _, cells in analysis.cells.groupby("instance"):
        known = bool(cells["known_lower"].notna().any() or cells["known_upper"].notna().any())
        if (cells["delta_upper"] < math.inf).sum() + known > 1:
            return True
    return None


def pair_words(row: Any) -> str:
    """Say how many times as fast as b a is; `row` is one of `Analysis.speed_ups`."""
    times = f"{shown(row.speed_up, 3)} times as fast as"
    interval = _interval(row)
    if row.bound == "unclear":
        # Some times of both are only known to exceed the limit: the mean bounds nothing.
        return f"With unsolved instances counted at the limit, {row.a} was {times} {row.b}{interval}"
    if row.bound:
        # An unsolved run would have taken longer than the limit it is counted with.
        return f"{row.a} was {row.bound} {times} {row.b}{interval}"
    if row.low <= 1 <= row.high and row.instances > 1:
        return f"{row.a} and {row.b} show no clear difference in time: {row.a} was {times} {row.b}{interval}"
    return f"{row.a} was {times} {row.b}{interval}"


def limits_of_benchmark(analysis: Analysis) -> list[str]:
    """Return what the page does not say, the limits of this benchmark first."""
    limits = []
    overview = analysis.overview
    unsolved = int((overview["instances"] - overview["solved"]).sum())
    if unsolved:
        limits.append(
            "An instance that was not solved counts with the time limit in means and with ten times the "
            "limit in PAR-10. The true time is longer, and nobody knows by how much."
        )
    limits.append(
        f"The times are those of one machine and of {count(len(analysis.instances), 'instance')}. Another "
        "machine, other networks or other versions may change the order."
    )
    if len(overview) > 1 and not analysis.speed_ups.empty:
        limits.append(
            "The intervals resample the instances of this benchmark. They say how much the mean depends on "
            "which of them were chosen, and nothing about instances of another kind."
        )
    if len(analysis.noise):
        spread = analysis.noise["spread"].max()
        limits.append(
            f"Nothing but the machine made the control runs differ by up to {_share(spread)} of their "
            "median. Smaller differences in time mean nothing."
        )
    limits += [
        (
            "A certified value is a solver's dual bound in floating-point arithmetic, weakened outward, and "
            "not a proof in exact arithmetic. That brackets meet makes a wrong bound less "
            "likely, not impossible."
        ),
        (
            "Every solver ran with the options listed below and not with those its makers might choose for "
            "these problems."
        ),
        (
            "It compares ways to compute delta. It is no judgement about any of the networks, nor about "
            "how people are treated by them."
        ),
    ]
    return limits


def _solved(analysis: Analysis) -> str:
    rows = {row.contender: row for row in analysis.overview.itertuples()}
    order = ranking(analysis)
    word = "closed" if bool(analysis.cells["delta"].isna().all()) else "answered"
    if not any(row.solved for row in rows.values()):
        who = listed(order) if len(order) <= _NAMED else f"All {len(order)} contenders"
        none = f"{who} {word} none of {count(len(analysis.instances), 'instance')}."
        return f"{none}{_smallest_gap(analysis)}"
    if (
        all(row.solved == row.instances == len(analysis.instances) for row in rows.values())
        and len(order) > 1
    ):
        who = f"{listed(order)} each" if len(order) <= _NAMED else f"All {len(order)} contenders"
        return f"{who} {word} all {count(len(analysis.instances), 'instance')}."
    parts = []
    for place, label in enumerate(order[:_NAMED]):
        row = rows[label]
        of = f"{word} {row.solved} of {count(row.instances, 'instance')}" if place == 0 else ""
        parts.append(f"{label} {of or f'{row.solved} of {row.instances}'}")
    if len(order) > _NAMED:
        left = [rows[label].solved for label in order[_NAMED:]]
        least, most = min(left), max(left)
        which = str(least) if least == most else f"{least} to {most}"
        parts.append(f"{count(len(left), 'other')} {which}")
    return f"{listed(parts)}."


def _smallest_gap(analysis: Analysis) -> str:
    """Say who came closest, where nobody got there."""
    gaps = analysis.overview.dropna(subset=["median_gap"])
    gaps = gaps[gaps["median_gap"] < math.inf]
    if gaps.empty:
        return ""
    best = gaps.loc[gaps["median_gap"].idxmin()]
    of = f", that of {best['contender']}," if len(analysis.overview) > 1 else ""
    return f" The smallest median gap{of} was {percent(float(best['median_gap']))}."


def _speed(analysis: Analysis) -> str:
    """Compare the best with the next, in whichever direction is above 1."""
    order = ranking(analysis)
    if len(order) == 1:
        row = analysis.overview.iloc[0]
        return f"The mean time was {shown(row['sgm1'], 3)} s." if row["solved"] else ""
    frame = analysis.speed_ups
    for first, second in ((order[0], order[1]), (order[1], order[0])):
        own = frame[(frame["a"] == first) & (frame["b"] == second)]
        if len(own) and own.iloc[0]["speed_up"] >= 1 and own.iloc[0]["both"] + own.iloc[0]["only_a"] > 0:
            return f"{pair_words(own.iloc[0])}."
    return ""


def _interval(row: Any) -> str:
    if row.instances == 1:
        return " on the only instance that both were run on"
    rough = f", rough with {row.instances} instances" if row.instances < _ROUGH_BELOW else ""
    high = "without end" if math.isinf(row.high) else shown(row.high, 3)
    return f" (95 % interval {shown(row.low, 3)} to {high}{rough})"


def _share(value: float) -> str:
    return "more than the time limit allows to see" if math.isinf(value) else percent(float(value))
