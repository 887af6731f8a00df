import math
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.report.axis import Axis, coordinate, spread

POSITIVE = st.floats(min_value=1e-300, max_value=sys.float_info.max, allow_nan=False)


@given(POSITIVE, st.integers(min_value=2, max_value=10))
def test_ticks_lie_on_the_axis_and_are_about_as_many_as_asked(largest, count):
    axis = Axis.covering([largest, math.inf], 8.0, 700.0)
    ticks = axis.ticks(count)
    assert 1 <= len(ticks) <= 2 * count + 1
    assert all(8.0 <= tick.position <= 700.0 for tick in ticks)
    assert [tick.position for tick in ticks] == sorted(tick.position for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)


def test_ticks_are_written_exactly():
    assert [tick.text for tick in Axis(0.0, 0.3, 0.0, 1.0).ticks(6)] == [
        "0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"
    ]  # fmt: skip


def test_an_axis_without_anything_to_cover_goes_from_0_to_1():
    for values in ([], [0.0], [math.inf], [-3.0, -math.inf]):
        axis = Axis.covering(values, 0.0, 10.0)
        assert (axis.low, axis.high) == (0.0, 1.0)


def test_values_beyond_the_axis_lie_on_its_end():
    axis = Axis(0.0, 2.0, 10.0, 110.0)
    assert [axis.at(value) for value in (-1.0, 0.0, 1.0, 2.0, math.inf)] == [10.0, 10.0, 60.0, 110.0, 110.0]


@given(
    st.lists(
        st.tuples(st.floats(min_value=0, max_value=700), st.floats(min_value=1, max_value=150)),
        min_size=1,
        max_size=4,
    )
)
def test_labels_never_overlap_and_never_leave_the_drawing(labels):
    positions = sorted(position for position, _ in labels)
    widths = [width for _, width in labels]
    centres = spread(positions, widths, 0.0, 700.0)
    edges = [(c - w / 2, c + w / 2) for c, w in zip(centres, widths, strict=True)]
    assert edges[0][0] >= -1e-9
    assert edges[-1][1] <= 700 + 1e-9
    for left, right in pairwise(edges):
        assert left[1] <= right[0] + 1e-9


def test_labels_with_room_stay_where_they_belong():
    assert spread([100.0, 300.0], [50.0, 50.0], 0.0, 700.0) == pytest.approx([100.0, 300.0])
    assert spread([100.0, 100.0], [50.0, 50.0], 0.0, 700.0) == pytest.approx([75.0, 125.0])


def test_labels_that_cannot_fit_share_the_room():
    centres = spread([0.0, 0.0, 0.0], [200.0, 200.0, 200.0], 0.0, 300.0)
    assert centres == pytest.approx([50.0, 150.0, 250.0])


def test_pixels_have_two_decimals():
    assert [coordinate(v) for v in (1.0, 2.345678, -0.001, 100.0)] == ["1", "2.35", "0", "100"]
