"""Sound ranges of pre-activations and of their differences over all similar pairs."""

from nnff.ranges.cutoff import with_floor
from nnff.ranges.held import hold_difference, share_of_difference
from nnff.ranges.input_rows import InputRows, input_rows
from nnff.ranges.interval import (
    InputRanges,
    LayerRanges,
    Ranges,
    closed_form,
    difference_range,
    interval_ranges,
    mean_range,
)
from nnff.ranges.linear import intersect, linear_ranges

__all__ = [
    "InputRanges",
    "InputRows",
    "LayerRanges",
    "Ranges",
    "closed_form",
    "difference_range",
    "hold_difference",
    "input_rows",
    "intersect",
    "interval_ranges",
    "linear_ranges",
    "mean_range",
    "share_of_difference",
    "with_floor",
]
