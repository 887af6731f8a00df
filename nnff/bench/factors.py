"""What one factor does: the runs of a suite that differ from its centre in nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from nnff.bench.cells import by_contender
from nnff.bench.statistics import quantiles, shifted_geometric_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nnff.bench.cells import Cell
    from nnff.bench.suite import Suite

__all__ = ["factor_frame"]

_COLUMNS = ["suite", "factor", "value", "contender", "instances", "seconds", "gap", "solved", "design"]
_SHIFT = 1.0

Factors = Mapping[str, str | float]


def factor_frame(cells: Sequence[Cell], suites: Sequence[Suite] = ()) -> pd.DataFrame:
    """Return `Analysis.factors`.

    Where all instances of a suite differ from one of them, the centre, in at most one
    factor, a row takes the instances that differ from it in the row's factor at most.  Else (a
    grid) it takes all instances with the value, whatever else varies.

    Parameters
    ----------
    cells
        What was run.
    suites
        Suites, which know their centre; of others it is found, if there is one.
    """
    centers = {suite.name: suite.center for suite in suites}
    rows: list[tuple[object, ...]] = []
    by_suite: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_suite[cell.runs[0].spec.suite].append(cell)
    for suite, own in by_suite.items():
        rows.extend((suite, *row) for row in _rows_of_suite(own, centers.get(suite)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _rows_of_suite(cells: Sequence[Cell], center: str | None) -> Iterable[tuple[object, ...]]:
    factors = {cell.instance: cell.runs[0].factors for cell in cells}
    origin = _center(
        factors, next((c.runs[0].factors for c in cells if c.runs[0].spec.instance == center), None)
    )
    for factor in dict.fromkeys(name for own in factors.values() for name in own):
        values = _values(factors.values(), factor)
        if len(values) == 1:
            continue
        chosen = {
            instance
            for instance, own in factors.items()
            if factor in own and (origin is None or not _differences(own, origin) - {factor})
        }
        for value in values:
            having = [c for c in cells if c.instance in chosen and factors[c.instance][factor] == value]
            for label, group in by_contender(having).items():
                gaps = [cell.gap for cell in group if cell.gap is not None]
                yield (
                    factor,
                    value,
                    label,
                    len(group),
                    shifted_geometric_mean([cell.counted for cell in group], _SHIFT),
                    quantiles(gaps, (0.5,))[0] if gaps else float("nan"),
                    sum(cell.solved for cell in group) / len(group),
                    "all" if origin is None else "one factor",
                )


def _center(factors: Mapping[str, Factors], known: Factors | None) -> Factors | None:
    """Return the factors from which every instance differs in one at most, or None."""
    if known is None:
        # Around a centre, its value is the most frequent one of every factor.
        names = dict.fromkeys(name for own in factors.values() for name in own)
        usual = {
            name: Counter(own.get(name) for own in factors.values()).most_common(1)[0][0] for name in names
        }
        known = {name: value for name, value in usual.items() if value is not None}
    return known if all(len(_differences(own, known)) <= 1 for own in factors.values()) else None


def _differences(first: Factors, second: Factors) -> set[str]:
    return {name for name in {*first, *second} if first.get(name) != second.get(name)}


def _values(factors: Iterable[Factors], name: str) -> list[str | float]:
    """Return the values of a factor: numbers ascending, then words in order of appearance."""
    values = dict.fromkeys(own[name] for own in factors if name in own)
    numbers = sorted(value for value in values if not isinstance(value, str))
    return [*numbers, *(value for value in values if isinstance(value, str))]
