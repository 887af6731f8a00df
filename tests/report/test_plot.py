import math
import re
from itertools import pairwise

import pytest

from nnff.certification.certificate import Reason
from nnff.certification.curve import Curve
from nnff.report.plot import bracket_plot, curve_plot, step_bounds

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def points(path):
    numbers = [float(n) for n in NUMBER.findall(path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_between_points_only_the_nearest_proven_bounds_count(curve):
    made = curve()
    lower, upper = step_bounds(made.points)
    for left, right in pairwise(made.points):
        # At any epsilon in between, the witness of the left point and the bound of the right one hold.
        assert (right.epsilon, left.delta_lower) in lower
        assert (left.epsilon, right.delta_upper) in upper
    assert len(lower) == len(upper) == 2 * (len(made.points) - 1)


@pytest.mark.parametrize("width", [340.0, 720.0])
def test_the_curve_is_drawn_to_scale(curve, width):
    made = curve()
    plot = curve_plot(made, "k$", 0.1, width, 340.0)
    lower, upper = points(plot.lower), points(plot.upper)
    assert len(lower) == len(upper) == len(plot.bars) == 3
    left, bottom = float(plot.left), float(plot.bottom)
    across = (lower[2][0] - left) / 0.3
    up = (bottom - upper[2][1]) / 9.5
    for point, (x, low), (_, high) in zip(made.points, lower, upper, strict=True):
        assert x - left == pytest.approx(across * point.epsilon, abs=0.02)
        assert bottom - low == pytest.approx(up * point.delta_lower, abs=0.02)
        assert bottom - high == pytest.approx(up * point.delta_upper, abs=0.02)
    assert float(plot.mark) - left == pytest.approx(across * 0.1, abs=0.02)
    assert plot.mark_text == "ε = 0.1"
    inside = [*lower, *upper, *points(plot.band), *points(plot.closed_form)]
    assert all(left - 0.01 <= x <= float(plot.right) + 0.01 for x, _ in inside)
    assert all(float(plot.top) - 0.01 <= y <= bottom + 0.01 for _, y in inside)


def test_points_without_a_bound_leave_the_upper_line_out(certificate):
    made = Curve.from_certificates(
        [certificate(epsilon=0.1), certificate(epsilon=0.2, delta_upper=math.inf, closed_form=math.inf)]
    )
    plot = curve_plot(made, "k$", 0.1, 720.0, 340.0)
    assert len(points(plot.upper)) == 1
    assert plot.bars[1].high is None
    # What is open reaches the upper edge.
    assert min(y for _, y in points(plot.band)) == pytest.approx(float(plot.top))


def test_no_bound_anywhere_and_nothing_found(certificate):
    made = Curve.from_certificates(
        [
            certificate(epsilon=e, delta_lower=0.0, delta_upper=math.inf, closed_form=math.inf)
            for e in (0.0, 0.1)
        ]
    )
    plot = curve_plot(made, "k$", 0.1, 340.0, 340.0)
    assert plot.upper == plot.closed_form == ""
    assert "certified ∞" in plot.description


def test_a_closed_form_far_away_does_not_flatten_the_curve(curve):
    plot = curve_plot(curve(closed_form=1e9), "k$", 0.1, 720.0, 340.0)
    assert plot.closed_form == ""
    assert float(plot.bottom) - points(plot.upper)[-1][1] > 200


def test_a_single_point_is_a_curve_too(certificate):
    plot = curve_plot(Curve.from_certificates([certificate(epsilon=0.0)]), "k$", 0.0, 720.0, 340.0)
    assert len(plot.bars) == 1
    assert plot.band == ""


def test_the_bracket_is_a_staircase_that_starts_open(certificate):
    made = certificate()
    plot = bracket_plot(made, "k$", 720.0, 260.0)
    lower, upper = points(plot.lower), points(plot.upper)
    assert len(lower) == 2 * len(made.bracket)
    assert len(upper) == 2 * (len(made.bracket) - 1)
    for path in (lower, upper):
        for (x0, y0), (x1, y1) in pairwise(path):
            assert x0 == x1 or y0 == y1
    # Pixels count downward: a lower bound only rises, an upper one only falls.
    assert [y for _, y in lower] == sorted((y for _, y in lower), reverse=True)
    assert [y for _, y in upper] == sorted(y for _, y in upper)


def test_no_course_without_changes(certificate):
    assert bracket_plot(certificate(bracket=[]), "k$", 720.0, 260.0) is None
    assert bracket_plot(certificate(bracket=[(0.1, 0.0, 1.0)]), "k$", 720.0, 260.0) is None


def test_a_contradiction_is_not_described_as_certified(certificate):
    plot = bracket_plot(certificate(reason=Reason.INCONSISTENT), "k$", 720.0, 260.0)
    assert "certified ∞" in plot.description
