"""The machine's noise: how far runs lie apart in which nothing at all was changed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from nnff.bench.cells import run_time
from nnff.bench.statistics import quantiles, quartile_spread, range_spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nnff.bench.cells import Cell

__all__ = ["noise_frame", "noise_of"]

_COLUMNS = [
    "contender",
    "instance",
    "runs",
    "solved_runs",
    "median",
    "min",
    "max",
    "spread",
    "quartile_spread",
]


def noise_frame(cells: Iterable[Cell]) -> pd.DataFrame:
    """Return `Analysis.noise` from cells of control runs.

    A control run that is not solved took longer than anyone knows, so the
    spread is infinite as soon as one is not.  One run alone has no spread, and no row.
    """
    rows = []
    for cell in sorted(cells, key=lambda cell: cell.contender):
        times = [run_time(run) for run in cell.runs]
        if len(times) == 1:
            continue
        least, median, most = quantiles(times, (0.0, 0.5, 1.0))
        rows.append(
            (
                cell.contender.label,
                cell.instance,
                len(times),
                sum(map(math.isfinite, times)),
                median,
                least,
                most,
                range_spread(times),
                quartile_spread(times),
            )
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


def noise_of(frame: pd.DataFrame, contender: str) -> float | None:
    """Return the widest spread of the contender's control runs; of all, if it has none; None without any.

    The widest, because a change is called a change only if it is more than
    anything that was seen without one.
    """
    own = frame[frame["contender"] == contender]
    spreads = (own if len(own) else frame)["spread"]
    return float(spreads.max()) if len(spreads) else None
