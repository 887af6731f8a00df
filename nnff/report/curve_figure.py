"""The eps-delta curve as a picture file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nnff.report.numbers import at_least
from nnff.report.picture import picture_format, save_picture
from nnff.report.plot import band_bounds, step_bounds

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from nnff.certification.curve import Curve
    from nnff.certification.largest_epsilon import LargestEpsilon
    from nnff.report.plot import Point

__all__ = ["write_curve"]

_INK, _PROVEN, _SEEN, _MUTED = "#1f2933", "#2f6f8f", "#b4541f", "#7b8794"


def write_curve(
    curve: Curve,
    path: str | os.PathLike[str],
    *,
    epsilon: float | None = None,
    unit: str = "",
    largest: LargestEpsilon | None = None,
) -> None:
    """Draw both bounds over epsilon, whole or not at all.

    The pale band is what is proven between the computed points (staircases, since
    delta_max does not decrease with epsilon); the lines only join them.  The same curve gives
    the same bytes with the same version of matplotlib.

    Parameters
    ----------
    curve
        The curve.
    path
        File to write; the suffix, ``.png`` or ``.svg``, decides the format.
    epsilon
        Marked by a vertical line.
    unit
        Name of the output, for the vertical axis.
    largest
        A delta and up to where it is certified: marked by a corner, if it is for any epsilon.

    Raises
    ------
    ConfigError
        If the suffix is another one or the file cannot be written.
    """
    # A wrong suffix is said before anything slow is imported.
    picture_format(path, "a curve")
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and only pictures need it

    figure = Figure(figsize=(7.2, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, curve, epsilon, unit, largest)
    save_picture(figure, path, "the curve")


def _draw(axes: Axes, curve: Curve, epsilon: float | None, unit: str, largest: LargestEpsilon | None) -> None:
    points = curve.points
    lower, upper = band_bounds(points)
    step_lower, step_upper = step_bounds(points)
    highest = max((y for _, y in [*lower, *upper] if math.isfinite(y)), default=0.0) or 1.0
    top = 1.06 * highest
    reach = max([*(p.epsilon for p in points), epsilon or 0.0]) or 1.0
    if step_lower:
        ceiling = [min(y, top) for _, y in step_upper]
        axes.fill_between(
            [x for x, _ in step_lower],
            [y for _, y in step_lower],
            ceiling,
            color=_PROVEN,
            alpha=0.13,
            linewidth=0,
            label="proven between the points",
        )
    _line(axes, [(p.epsilon, p.closed_form) for p in points], _MUTED, "closed form", style=":", marker="")
    _line(axes, upper, _PROVEN, "certified", style="-", marker="v")
    _line(axes, lower, _SEEN, "witnessed", style="-", marker="^")
    if epsilon is not None:
        axes.axvline(
            epsilon, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"epsilon = {epsilon:g}"
        )
    if largest is not None and largest.certified is not None:
        axes.plot(
            [0.0, largest.certified, largest.certified],
            [largest.delta, largest.delta, 0.0],
            color=_PROVEN,
            linewidth=0.9,
            linestyle=":",
            label=f"delta = {largest.delta:g} certified up to {at_least(largest.certified, 4)}",
        )
    axes.set_xlim(0.0, 1.03 * reach)
    axes.set_ylim(0.0, top)
    axes.set_xlabel("epsilon")
    # A name such as "price in $" is not mathematics.
    axes.set_ylabel(f"delta, {unit}" if unit else "delta", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=_MUTED, alpha=0.25, linewidth=0.6)
    axes.legend(frameon=False, loc="best", fontsize="small")


def _line(axes: Axes, points: Sequence[Point], color: str, label: str, *, style: str, marker: str) -> None:
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if finite:
        axes.plot(
            [x for x, _ in finite],
            [y for _, y in finite],
            color=color,
            linestyle=style,
            linewidth=1.2,
            marker=marker,
            markersize=4,
            label=label,
        )
