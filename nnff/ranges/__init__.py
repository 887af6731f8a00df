"""Sound ranges of pre-activations and of their differences over all similar pairs."""

from nnff.ranges.interval import InputRanges, LayerRanges, Ranges, difference_range, interval_ranges
from nnff.ranges.linear import intersect, linear_ranges

__all__ = [
    "InputRanges",
    "LayerRanges",
    "Ranges",
    "difference_range",
    "intersect",
    "interval_ranges",
    "linear_ranges",
]
