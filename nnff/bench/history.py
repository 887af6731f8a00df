"""How the bracket narrowed while a run went on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nnff.bench.cells import by_contender
from nnff.bench.statistics import primal_dual_integral, quantiles, step_values
from nnff.certification.certificate import Reason
from nnff.certification.progress import relative_gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from nnff.bench.cells import Cell
    from nnff.bench.record import RunRecord

__all__ = ["bracket_frame", "bracket_steps", "gap_over_time_frame", "integral_frame"]

_GRID = 64
"""Times of the common grid: enough for a smooth picture, few enough for a table."""
_EARLIEST = 1e-3
"""Seconds; nothing is drawn before."""

_BRACKETS = ["instance", "contender", "seed", "seconds", "delta_lower", "delta_upper", "gap"]
_GAP_OVER_TIME = ["contender", "seconds", "q25", "median", "q75", "instances"]
_INTEGRALS = ["contender", "instances", "mean_seconds", "mean_share"]


def bracket_steps(record: RunRecord) -> list[tuple[float, float, float]]:
    """Return (seconds, delta_lower, delta_upper) at every change, and at the end of the run.

    A run that contradicted a real pair certified nothing at any time.
    """
    steps = [*record.bracket, (record.seconds, record.delta_lower, record.delta_upper)]
    if record.reason == Reason.INCONSISTENT:
        steps = [(seconds, lower, math.inf) for seconds, lower, _ in steps]
    # The end is never before the last change, whatever two clocks say.
    steps[-1] = (max(seconds for seconds, _, _ in steps), *steps[-1][1:])
    return steps[:-1] if len(steps) > 1 and steps[-2] == steps[-1] else steps


def bracket_frame(cells: Iterable[Cell]) -> pd.DataFrame:
    """Return `Analysis.brackets`."""
    rows = [
        (
            cell.instance,
            cell.contender.label,
            run.spec.seed,
            seconds,
            lower,
            upper,
            relative_gap(lower, upper),
        )
        for cell in cells
        for run in cell.runs
        for seconds, lower, upper in bracket_steps(run)
    ]
    return pd.DataFrame(rows, columns=_BRACKETS)


def gap_over_time_frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return `Analysis.gap_over_time`: at every time the median over seeds, then quartiles over instances."""
    asked = [cell for cell in cells if cell.delta is None]
    rows = []
    if asked:
        grid = _grid(asked)
        for label, own in by_contender(asked).items():
            gaps = np.array([_cell_gaps(cell, grid) for cell in own])
            for number, seconds in enumerate(grid):
                rows.append((label, float(seconds), *quantiles(gaps[:, number], (0.25, 0.5, 0.75)), len(own)))
    return pd.DataFrame(rows, columns=_GAP_OVER_TIME)


def integral_frame(cells: Iterable[Cell]) -> pd.DataFrame:
    """Return `Analysis.integrals`: for every instance the median over seeds, then the mean over instances."""
    rows = []
    for label, own in by_contender(cell for cell in cells if cell.delta is None).items():
        seconds = [quantiles([_integral(run) for run in cell.runs], (0.5,))[0] for cell in own]
        shares = [value / cell.limit for value, cell in zip(seconds, own, strict=True)]
        rows.append((label, len(own), float(np.mean(seconds)), float(np.mean(shares))))
    return pd.DataFrame(rows, columns=_INTEGRALS)


def _integral(record: RunRecord) -> float:
    seconds, lower, upper = zip(*bracket_steps(record), strict=True)
    return primal_dual_integral(seconds, lower, upper, record.spec.time_limit)


def _cell_gaps(cell: Cell, grid: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median over seeds of the gap at every time of the grid."""
    gaps = []
    for run in cell.runs:
        steps = bracket_steps(run)
        values = [relative_gap(lower, upper) for _, lower, upper in steps]
        gaps.append(step_values([seconds for seconds, _, _ in steps], values, grid, math.inf))
    median: npt.NDArray[np.float64] = np.median(gaps, axis=0)
    return median


def _grid(cells: Iterable[Cell]) -> npt.NDArray[np.float64]:
    """Return times from the first bound of all to the longest limit, evenly spaced in the logarithm."""
    cells = list(cells)
    end = max(cell.limit for cell in cells)
    steps = (step for cell in cells for run in cell.runs for step in bracket_steps(run))
    first = min((seconds for seconds, _, upper in steps if math.isfinite(upper)), default=end)
    return np.geomspace(min(max(first, _EARLIEST), end), end, _GRID)
