"""Accuracy against unfairness for a family of networks, as a picture file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.report.picture import picture_format, save_picture

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["FamilyMember", "write_tradeoff"]

_INK, _PROVEN, _SEEN, _MUTED = "#1f2933", "#2f6f8f", "#b4541f", "#7b8794"


@dataclass(frozen=True)
class FamilyMember:
    """One network of the family as it is drawn.

    Attributes
    ----------
    label
        Stands beside it.
    accuracy
        Larger is better.
    low, high
        Both bounds of delta; equal where there is a single number.
    on_front
        Whether no other member beats it in both.
    """

    label: str
    accuracy: float
    low: float
    high: float
    on_front: bool


def write_tradeoff(
    members: Sequence[FamilyMember],
    path: str | os.PathLike[str],
    *,
    accuracy: str,
    unfairness: str,
    certified: bool = True,
) -> None:
    """Draw one bracket per network over its accuracy, and the Pareto front, whole or not at all.

    The front is a staircase: of what lies between two networks nothing is known but that
    neither is better than what is drawn.

    Parameters
    ----------
    members
        The networks.
    path
        File to write; the suffix, ``.png`` or ``.svg``, decides the format.
    accuracy, unfairness
        Names of the axes.
    certified
        Whether the bounds are certified, for the legend.

    Raises
    ------
    ConfigError
        If the suffix is another one or the file cannot be written.
    """
    picture_format(path, "a trade-off")
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and only pictures need it

    figure = Figure(figsize=(7.2, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, members, certified=certified)
    axes.set_xlabel(f"{accuracy}, on rows not seen in training", parse_math=False)
    axes.set_ylabel(unfairness, parse_math=False)
    save_picture(figure, path, "the trade-off")


def _draw(axes: Axes, members: Sequence[FamilyMember], *, certified: bool) -> None:
    front = sorted((m for m in members if m.on_front), key=lambda m: m.accuracy)
    axes.plot(
        [m.accuracy for m in front],
        [m.high for m in front],
        color=_PROVEN,
        linewidth=1.0,
        alpha=0.6,
        # From the right: up to the next accuracy only that network's delta is to be had.
        drawstyle="steps-pre",
        label="Pareto front",
    )
    # Neighbours on the axis of accuracy write to different sides.
    for rank, member in enumerate(sorted(members, key=lambda m: (m.accuracy, m.high))):
        left = rank % 2 == 1
        axes.plot([member.accuracy] * 2, [member.low, member.high], color=_MUTED, linewidth=1.4)
        axes.annotate(
            member.label,
            (member.accuracy, member.high),
            xytext=(-5 if left else 5, 4),
            ha="right" if left else "left",
            textcoords="offset points",
            fontsize="small",
            color=_INK,
        )
    where = [m.accuracy for m in members]
    word = "certified" if certified else "found"
    axes.plot(where, [m.high for m in members], "v", color=_PROVEN, markersize=6, label=word)
    if certified:
        axes.plot(where, [m.low for m in members], "^", color=_SEEN, markersize=4, label="witnessed")
    axes.set_ylim(0.0, 1.1 * max(m.high for m in members) or 1.0)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_MUTED, alpha=0.25, linewidth=0.6)
    axes.legend(frameon=False, loc="best", fontsize="small")
