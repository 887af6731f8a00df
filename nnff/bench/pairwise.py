"""Two contenders side by side: how many times as fast, and how much tighter."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnff.bench.cells import by_contender
from nnff.bench.statistics import Ratio, geometric_mean_ratio, quantiles, relative_difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nnff.bench.cells import Cell

__all__ = [
    "SHIFT",
    "Bound",
    "bound_of",
    "bound_of_all",
    "delta_frame",
    "ratio_of",
    "shifted_ratio_of",
    "speed_up_frames",
]

SHIFT = 1.0
"""Seconds added to both times in the shifted speed-up."""

Pairs = Sequence[tuple["Cell", "Cell"]]

_SPEED_UPS = [
    "a",
    "b",
    "instances",
    "speed_up",
    "low",
    "high",
    "bound",
    "shifted",
    "both",
    "only_a",
    "only_b",
    "neither",
]
_INSTANCE_SPEED_UPS = ["a", "b", "instance", "seconds_a", "seconds_b", "speed_up", "bound"]
_DELTAS = [
    "a",
    "b",
    "instances",
    "upper_median",
    "upper_min",
    "upper_max",
    "upper_tighter_a",
    "upper_tighter_b",
    "lower_median",
    "lower_min",
    "lower_max",
    "lower_better_a",
    "lower_better_b",
]

_SAME = 1e-9
"""Bounds that differ by less, relative, are the same."""


class Bound(enum.StrEnum):
    """What a speed-up is when some time is only known to exceed the limit."""

    EXACT = ""
    AT_LEAST = "at least"
    """The slower side was stopped by its limit: the true speed-up is this or more."""
    AT_MOST = "at most"
    UNCLEAR = "unclear"
    """Both sides were stopped, on this instance or on different ones."""


def bound_of(solved: bool, other: bool) -> Bound:  # noqa: FBT001 - two of a kind
    """Return what `other's time / own time` is, given who solved the instance."""
    if solved and other:
        return Bound.EXACT
    if solved:
        return Bound.AT_LEAST
    return Bound.AT_MOST if other else Bound.UNCLEAR


def bound_of_all(bounds: Iterable[Bound]) -> Bound:
    """Return what the geometric mean of ratios with these bounds is."""
    kinds = set(bounds) - {Bound.EXACT}
    if not kinds:
        return Bound.EXACT
    return kinds.pop() if len(kinds) == 1 else Bound.UNCLEAR


def ratio_of(pairs: Pairs) -> Ratio:
    """Return how many times as fast the first of each pair is; unsolved cells count at the limit."""
    return geometric_mean_ratio([b.counted for _, b in pairs], [a.counted for a, _ in pairs])


def shifted_ratio_of(pairs: Pairs) -> float:
    """Return the same with `SHIFT` added to both times, so that milliseconds do not decide."""
    logs = [math.log(b.counted + SHIFT) - math.log(a.counted + SHIFT) for a, b in pairs]
    return math.exp(math.fsum(logs) / len(logs))


def speed_up_frames(cells: Sequence[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `Analysis.speed_ups` and `Analysis.instance_speed_ups`."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    labels = _by_instance(cells)
    for a, b in combinations(labels, 2):
        pairs = _paired(labels[a], labels[b])
        if not pairs:
            continue
        ratio, shifted = ratio_of(pairs), shifted_ratio_of(pairs)
        back = [(second, first) for first, second in pairs]
        totals[a, b] = _total(a, b, pairs, ratio, shifted)
        totals[b, a] = _total(b, a, back, ratio.inverse(), 1 / shifted)
        rows[a, b] = [_instance(first, second) for first, second in pairs]
        rows[b, a] = [_instance(first, second) for first, second in back]
    order = [(a, b) for a in labels for b in labels if (a, b) in totals]
    return (
        pd.DataFrame([totals[pair] for pair in order], columns=_SPEED_UPS),
        pd.DataFrame([row for pair in order for row in rows[pair]], columns=_INSTANCE_SPEED_UPS),
    )


def delta_frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return `Analysis.deltas`; bounds are medians over seeds."""
    labels = _by_instance(cells)
    rows = []
    for a, b in combinations(labels, 2):
        pairs = _paired(labels[a], labels[b])
        if not pairs:
            continue
        upper = [relative_difference(first.median_upper, second.median_upper) for first, second in pairs]
        lower = [relative_difference(first.median_lower, second.median_lower) for first, second in pairs]
        ends = (0.5, 0.0, 1.0)
        below, above = _signs(upper)
        less, more = _signs(lower)
        # A certified bound is better the smaller, a witnessed one the larger it is.
        rows.append(
            [a, b, len(pairs), *quantiles(upper, ends), below, above, *quantiles(lower, ends), more, less]
        )
    return pd.DataFrame(rows, columns=_DELTAS)


def _signs(differences: Iterable[float]) -> tuple[int, int]:
    """Return how many are clearly below 0, and how many clearly above."""
    values = list(differences)
    return sum(value < -_SAME for value in values), sum(value > _SAME for value in values)


def _total(a: str, b: str, pairs: Pairs, ratio: Ratio, shifted: float) -> dict[str, Any]:
    solved = [(first.solved, second.solved) for first, second in pairs]
    return {
        "a": a,
        "b": b,
        "instances": ratio.instances,
        "speed_up": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "bound": str(bound_of_all(bound_of(*who) for who in solved)),
        "shifted": shifted,
        "both": solved.count((True, True)),
        "only_a": solved.count((True, False)),
        "only_b": solved.count((False, True)),
        "neither": solved.count((False, False)),
    }


def _instance(first: Cell, second: Cell) -> dict[str, Any]:
    return {
        "a": first.contender.label,
        "b": second.contender.label,
        "instance": first.instance,
        "seconds_a": first.counted,
        "seconds_b": second.counted,
        "speed_up": second.counted / first.counted,
        "bound": str(bound_of(first.solved, second.solved)),
    }


def _by_instance(cells: Iterable[Cell]) -> dict[str, dict[str, Cell]]:
    """Return the cells by label of the contender (in order) and instance."""
    return {label: {cell.instance: cell for cell in own} for label, own in by_contender(cells).items()}


def _paired(first: Mapping[str, Cell], second: Mapping[str, Cell]) -> list[tuple[Cell, Cell]]:
    return [(cell, second[instance]) for instance, cell in first.items() if instance in second]
