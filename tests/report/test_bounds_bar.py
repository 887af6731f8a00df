import math

import pytest

from nnff.certification.certificate import Reason
from nnff.report.bounds_bar import bounds_bar, certified, reach


def by_kind(bar):
    return {marker.kind: marker for marker in bar.markers}


def edge(marker):
    """Where the line of a marker meets the bar."""
    return float(marker.line.split()[-1].split(",")[0])


def test_every_number_is_on_the_bar_at_its_place(certificate):
    made = certificate(delta=4.5)
    bar = bounds_bar(made, 720.0)
    marks = by_kind(bar)
    assert [marker.kind for marker in bar.markers] == ["data", "witnessed", "certified", "asked"]
    expected = (made.delta_data, made.delta_lower, made.delta_upper, 4.5)
    assert [marker.value.value for marker in bar.markers] == list(expected)
    # The places are proportional to the values: one axis, from 0.
    start = float(bar.start)
    per_unit = (edge(marks["asked"]) - start) / 4.5
    for marker in bar.markers:
        assert edge(marker) - start == pytest.approx(per_unit * marker.value.value, abs=0.02)
    assert float(bar.witnessed) == pytest.approx(edge(marks["witnessed"]))
    assert float(bar.certified) == pytest.approx(edge(marks["certified"]))


def test_what_is_not_known_is_not_drawn(certificate):
    bar = bounds_bar(certificate(delta_data=None, data_pairs=None), 720.0)
    assert set(by_kind(bar)) == {"witnessed", "certified"}


def test_without_a_bound_the_pale_part_goes_to_the_end(certificate):
    bar = bounds_bar(certificate(delta_upper=math.inf), 720.0)
    assert bar.unbounded
    assert bar.certified == bar.end
    assert by_kind(bar)["certified"].value.text == "no bound"


@pytest.mark.parametrize("upper", [3.0, 5.0])
def test_a_run_that_contradicts_itself_certifies_nothing(certificate, upper):
    made = certificate(reason=Reason.INCONSISTENT, delta_upper=upper)
    assert certified(made) == math.inf
    assert by_kind(bounds_bar(made, 720.0))["certified"].value.text == "no bound"
    assert reach(made) == made.delta_lower


@pytest.mark.parametrize("width", [340.0, 720.0])
@pytest.mark.parametrize("size", [1e-200, 1e-9, 1.0, 1e12, 1e300])
def test_labels_of_values_that_nearly_coincide_differ_and_do_not_overlap(certificate, width, size):
    made = certificate(
        delta=3.94 * size,
        delta_lower=3.9375 * size,
        delta_upper=3.9375001 * size,
        delta_data=3.9374999 * size,
    )
    bar = bounds_bar(made, width)
    texts = [marker.value.text for marker in bar.markers]
    assert len(set(texts)) == 4
    # A character is narrower than .6 of the font size in the fonts that browsers use.
    centres = [float(marker.label) for marker in bar.markers]
    halves = [0.3 * len(text) * float(bar.value_size) for text in texts]
    assert centres[0] - halves[0] >= 0
    assert centres[-1] + halves[-1] <= width
    for k in range(3):
        assert centres[k] + halves[k] < centres[k + 1] - halves[k + 1]


def test_equal_values_are_no_endless_search_for_digits(certificate):
    bar = bounds_bar(certificate(delta_lower=0.1, delta_upper=0.1, delta_data=0.1), 720.0)
    assert [marker.value.text for marker in bar.markers] == ["0.1", "0.1", "0.1"]
    assert [marker.kind for marker in bar.markers] == ["data", "witnessed", "certified"]


def test_nothing_but_zeros(certificate):
    bar = bounds_bar(certificate(delta_lower=0.0, delta_upper=0.0, delta_data=0.0, witness=None), 340.0)
    assert bar.witnessed == bar.certified == bar.start


def test_bars_can_share_an_axis(certificate, free):
    whole = certificate(delta=4.5)
    above, below = bounds_bar(whole, 720.0), bounds_bar(free(), 720.0, cover=reach(whole))
    assert [tick.text for tick in above.ticks] == [tick.text for tick in below.ticks]
