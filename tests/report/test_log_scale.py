import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.report.log_scale import LogScale

VALUES = st.lists(
    st.one_of(st.just(0.0), st.just(math.inf), st.floats(min_value=0.0, max_value=sys.float_info.max)),
    min_size=1,
    max_size=12,
)
ENDS = st.sampled_from([(1e-300, 1e300), (1e-6, 100.0), (1.0, 2.0)])


@given(VALUES, ENDS)
def test_larger_values_never_lie_further_left_and_all_lie_on_the_axis(values, ends):
    scale = LogScale.covering(values, floor=ends[0], ceiling=ends[1])
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(scale.low <= place <= scale.high for place in places)
    assert math.isfinite(scale.low)
    assert scale.low < scale.high


@given(VALUES, ENDS, st.integers(min_value=3, max_value=10))
def test_marks_are_few_ascending_distinct_and_on_the_axis(values, ends, count):
    scale = LogScale.covering(values, floor=ends[0], ceiling=ends[1])
    places, texts = scale.ticks(count, repr)
    edges = (scale.zero is not None) + (scale.infinity is not None)
    # A short scale is marked as a linear one, whose marks are about as many as asked for.
    assert edges < len(places) <= 2 * count + 1 + edges
    assert places == sorted(places)
    assert len(set(texts)) == len(texts)
    assert all(scale.low <= place <= scale.high for place in places)


def test_equal_ratios_are_equally_far_apart():
    scale = LogScale.covering([1.0, 100.0])
    assert scale.at(10.0) - scale.at(1.0) == pytest.approx(scale.at(100.0) - scale.at(10.0))
    assert scale.at(2.0) - scale.at(1.0) == pytest.approx(math.log10(2))


def test_marks_stand_where_their_values_are():
    scale = LogScale.covering([0.5, 300.0])
    places, texts = scale.ticks(9, str)
    assert [float(text) for text in texts] == pytest.approx([10**place for place in places])
    assert {"1.0", "10.0", "100.0"} <= set(texts)


def test_zero_and_infinity_have_places_of_their_own_only_where_they_occur():
    plain = LogScale.covering([1.0, 10.0])
    assert (plain.zero, plain.infinity) == (None, None)
    both = LogScale.covering([0.0, 1.0, 10.0, math.inf])
    assert both.at(0.0) < both.at(1.0) < both.at(10.0) < both.at(math.inf)
    places, texts = both.ticks(5, str, infinite="no bound")
    assert texts[-1] == "no bound"
    assert texts[0] == "< 1e-05"
    assert (places[0], places[-1]) == (both.at(0.0), both.at(math.inf))


def test_what_is_below_the_floor_counts_as_nothing():
    scale = LogScale.covering([1e-12, 0.0, 0.25], floor=1e-6)
    assert scale.at(1e-12) == scale.at(0.0) < scale.at(0.25)
    assert scale.ticks(5, str)[1][0] == "< 1e-06"


def test_what_is_above_the_ceiling_counts_as_infinite_and_is_not_called_so():
    scale = LogScale.covering([0.5, 1e9, math.inf], ceiling=100.0)
    assert scale.at(0.5) < scale.at(1e9) == scale.at(math.inf)
    assert scale.ticks(5, str, infinite="no bound")[1][-1] == "> 100.0"
    only = LogScale.covering([0.5, math.inf], ceiling=100.0)
    assert only.ticks(5, str, infinite="no bound")[1][-1] == "no bound"
