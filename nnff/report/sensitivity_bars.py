"""What each feature contributes, as bars: delta when only it may move, and when it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.report.axis import Axis, Tick, coordinate, text_width
from nnff.report.numbers import Shown, at_least, at_most

if TYPE_CHECKING:
    from nnff.certification.sensitivity import FeatureBracket, Sensitivity

__all__ = ["FeatureBar", "SensitivityBars", "by_contribution", "sensitivity_bars"]

_MOST = 20
"""Features that are drawn; all are in the table."""
_NAME_SIZE = 13.0
_ROW, _ONLY, _FROZEN = 38.0, 12.0, 5.0
"""Heights of a row and of its two bars."""
_TOP, _FOOT = 22.0, 30.0
_LABEL_SHARE = 0.28
_TICK_WIDTH = 80.0
_ROOM = 74.0
"""Right of the axis, for the number of a bar that fills it."""


@dataclass(frozen=True)
class FeatureBar:
    """One feature's two bars; places in pixels as they stand in the drawing.

    Attributes
    ----------
    name
        The feature, shortened to fit.
    label
        Its whole name.
    top, frozen_top
        Upper edges of the two bars.
    only, frozen
        Where the filled part (reached by real pairs) and the pale part (not excluded) end; the second is
        None without a bound.
    text
        The number beside the first bar.
    text_at
        Where it begins.
    """

    name: str
    label: str
    top: str
    frozen_top: str
    only: tuple[str, str | None]
    frozen: tuple[str, str | None]
    text: str
    text_at: str


@dataclass(frozen=True)
class SensitivityBars:
    """The drawing."""

    width: float
    height: float
    start: str
    end: str
    axis_at: str
    only_height: float
    frozen_height: float
    whole: tuple[str, str | None]
    bars: tuple[FeatureBar, ...]
    ticks: tuple[Tick, ...]
    description: str


def by_contribution(sensitivity: Sensitivity) -> list[FeatureBracket]:
    """Return the features, that which does most alone first; equal ones in the order of the domain."""
    return sorted(sensitivity.features, key=lambda f: (-f.only_upper, -f.only_lower))


def sensitivity_bars(sensitivity: Sensitivity, width: float) -> SensitivityBars:
    """Lay the bars out.

    Parameters
    ----------
    sensitivity
        The brackets.
    width
        Width of the drawing in pixels.
    """
    features = by_contribution(sensitivity)[:_MOST]
    whole = (sensitivity.whole.delta_lower, sensitivity.whole.delta_upper)
    values = [*whole, *(v for f in features for v in (f.only_upper, f.frozen_upper))]
    longest = max((text_width(f.feature, _NAME_SIZE) for f in features), default=0.0)
    start = min(width * _LABEL_SHARE, longest + 12)
    axis = Axis.covering(values, start, width - _ROOM, margin=0.02)
    fits = int((start - 10) / (_NAME_SIZE * 0.6))
    bars = []
    for place, feature in enumerate(features):
        top = _TOP + place * _ROW
        end = axis.at(feature.only_upper) if math.isfinite(feature.only_upper) else axis.end
        bars.append(
            FeatureBar(
                name=feature.feature if len(feature.feature) <= fits else feature.feature[: fits - 1] + "…",
                label=feature.feature,
                top=coordinate(top),
                frozen_top=coordinate(top + _ONLY + 3),
                only=_ends(axis, feature.only_lower, feature.only_upper),
                frozen=_ends(axis, feature.frozen_lower, feature.frozen_upper),
                text=_most(feature.only_upper).text,
                text_at=coordinate(end + 6),
            )
        )
    bottom = _TOP + len(features) * _ROW
    widest = max((text_width(bar.text, _NAME_SIZE) for bar in bars), default=0.0)
    return SensitivityBars(
        width=max(width, axis.end + 6 + widest),
        height=bottom + _FOOT,
        start=coordinate(axis.start),
        end=coordinate(axis.end),
        axis_at=coordinate(bottom),
        only_height=_ONLY,
        frozen_height=_FROZEN,
        whole=_ends(axis, *whole),
        bars=tuple(bars),
        ticks=axis.ticks(max(2, int((axis.end - axis.start) / _TICK_WIDTH))),
        description="; ".join(
            f"only {f.feature}: {at_least(f.only_lower, 4)} to {_most(f.only_upper)}, "
            f"frozen: {at_least(f.frozen_lower, 4)} to {_most(f.frozen_upper)}"
            for f in features
        ),
    )


def _ends(axis: Axis, lower: float, upper: float) -> tuple[str, str | None]:
    return coordinate(axis.at(lower)), coordinate(axis.at(upper)) if math.isfinite(upper) else None


def _most(value: float) -> Shown:
    return at_most(value, 4) if math.isfinite(value) else Shown("no bound", value)
