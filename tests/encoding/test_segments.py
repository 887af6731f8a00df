"""Lines of segments enclose the activation on its whole range, as closely as their number allows."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.segments import (
    ABOVE,
    BELOW,
    BOTH,
    _chord_error,
    add_tangent,
    breakpoints,
    make_segments,
    split_segment,
)
from nnff.network.activation import activation

smooth = pytest.mark.parametrize("name", ["sigmoid", "tanh"])
names = st.sampled_from(["sigmoid", "tanh"])
gated = st.sampled_from(["softplus", "silu", "gelu"])
SHARES = np.array([0.0, 1e-9, 1e-3, 0.13, 0.37, 0.5, 0.71, 0.9, 1.0])


@st.composite
def ranges(draw):
    """Ranges of any place and width: as wide as +-1e3, as narrow as one float, across 0 or not, far out."""
    low = draw(st.one_of(st.floats(-1e3, 1e3), st.floats(-12, 12), st.floats(-1e-4, 1e-4), st.just(0.0)))
    width = draw(st.one_of(st.floats(0, 2e3), st.floats(0, 20), st.floats(0, 1e-3), st.floats(0, 1e-12)))
    return low, low + width


def one(g, low, high, count, sides=BOTH):
    [cover] = make_segments(g, np.array([low]), np.array([high]), count, sides)
    return cover


def sample(segment):
    """Return points of a segment: both ends, their neighbours, some between."""
    low, high = segment.box
    points = low + SHARES * (high - low)
    inward = [math.nextafter(low, high), math.nextafter(high, low)]
    return np.clip(np.concatenate([points, inward]), low, high)


def assert_encloses(exact, name, segment):
    with localcontext() as context:
        # Enough to tell an error of one unit in the last place from none, anywhere on these ranges.
        context.prec = 60
        for p in sample(segment):
            value = exact.value(name, Decimal(p))
            for (_, sign), rows in segment.planes.items():
                for slope, shift in rows:
                    assert sign * value <= Decimal(slope) * Decimal(p) + Decimal(shift)


def worst_gap(cover, count=4001):
    gaps = []
    for segment in cover:
        grid = np.stack([np.linspace(*segment.box, count), np.ones(count)])
        above, below = (segment.planes[side] @ grid for side in BOTH)
        gaps.append((above.min(axis=0) + below.min(axis=0)).max())
    return max(gaps)


@given(names, ranges(), st.integers(1, 12))
@settings(max_examples=120)
def test_lines_enclose_the_activation_on_the_whole_range(exact, name, ends, count):
    low, high = ends
    cover = one(activation(name), low, high, count)
    assert cover[0].box[0] <= low
    assert cover[-1].box[1] >= high
    for before, after in itertools.pairwise(cover):
        assert before.box[1] == after.box[0]
    for segment in cover:
        assert segment.box[0] >= 0 or segment.box[1] <= 0
        assert_encloses(exact, name, segment)


@given(names, ranges(), st.integers(1, 6), st.data())
@settings(max_examples=80)
def test_splits_and_tangents_stay_sound_and_never_raise_an_envelope(exact, name, ends, count, data):
    g = activation(name)
    parents = list(one(g, *ends, count))
    for _ in range(4):
        index = data.draw(st.integers(0, len(parents) - 1))
        parent = parents[index]
        p = float(parent.box[0] + data.draw(st.floats(-0.1, 1.1)) * (parent.box[1] - parent.box[0]))
        touching = [side for side in BOTH if parent.touches(side)]
        assert len(touching) == 1
        if data.draw(st.booleans()):
            children = (add_tangent(g, parent, touching[0], p),)
        elif parent.box[1] - parent.box[0] > 1e-9:
            children = split_segment(g, parent, p)
        else:
            continue
        assert children[0].box[0] == parent.box[0]
        assert children[-1].box[1] == parent.box[1]
        for child in children:
            assert_encloses(exact, name, child)
            for side in BOTH:
                for q in sample(child):
                    bound = parent.envelope(side, q)
                    slope = np.abs(parent.planes[side][:, 0]).max()
                    assert child.envelope(side, q) <= bound + 1e-14 * (1 + abs(bound) + slope * abs(q))
        parents[index : index + 1] = children


@given(gated, ranges(), st.integers(1, 12), st.data())
@settings(max_examples=60)
def test_lines_enclose_activations_of_other_shapes_and_so_do_their_parts(exact, name, ends, count, data):
    g = activation(name)
    cover = one(g, *ends, count)
    assert cover[0].box[0] <= ends[0]
    assert cover[-1].box[1] >= ends[1]
    for before, after in itertools.pairwise(cover):
        assert before.box[1] == after.box[0]
    for segment in cover:
        assert not any(segment.box[0] < point < segment.box[1] for point in g.inflexions)
        assert_encloses(exact, name, segment)
    segment = cover[data.draw(st.integers(0, len(cover) - 1))]
    p = float(segment.box[0] + data.draw(st.floats(-0.1, 1.1)) * (segment.box[1] - segment.box[0]))
    [side] = [side for side in BOTH if segment.touches(side)]
    assert_encloses(exact, name, add_tangent(g, segment, side, p))
    if segment.box[1] - segment.box[0] > 1e-9:
        for part in split_segment(g, segment, p):
            assert_encloses(exact, name, part)


@smooth
def test_a_tangent_and_a_split_touch_the_activation_where_they_are_put(name):
    g = activation(name)
    segment = one(g, 0.0, 4.0, 1)[0]
    value = float(g.value(np.array([0.9]))[0])
    assert segment.envelope(ABOVE, 0.9) > value + 1e-3
    assert add_tangent(g, segment, ABOVE, 0.9).envelope(ABOVE, 0.9) == pytest.approx(value, abs=1e-13)
    assert -segment.envelope(BELOW, 0.9) < value - 1e-3
    for part in split_segment(g, segment, 0.9):
        assert -part.envelope(BELOW, 0.9) == pytest.approx(value, abs=1e-13)
        assert part.envelope(ABOVE, 0.9) == pytest.approx(value, abs=1e-13)


@smooth
@pytest.mark.parametrize("count", [4, 8, 16, 32])
@pytest.mark.parametrize("ends", [(-13, 13), (-1e3, 1e3), (-9, 2), (-0.7, 1.1), (0.3, 6), (-40, -0.01)])
def test_chords_on_one_side_of_0_have_equal_errors(name, count, ends):
    g = activation(name)
    [cuts] = breakpoints(g, np.array([ends[0]], dtype=float), np.array([ends[1]], dtype=float), count)
    assert len(cuts) == count + 1
    assert (cuts[0], cuts[-1]) == ends
    assert (0.0 in cuts) == (ends[0] < 0 < ends[1])
    errors = _chord_error(g, cuts[:-1], cuts[1:])
    for side in (cuts[1:] <= 0, cuts[:-1] >= 0):
        if side.any():
            assert errors[side].max() <= errors[side].min() * 1.002


def test_32_segments_on_logits_within_13_leave_a_gap_of_less_than_a_thousandth():
    g = activation("sigmoid")
    equal = worst_gap(one(g, -13.0, 13.0, 32))
    assert 5e-4 < equal < 1e-3
    # No breakpoints can do better: n chords over one side err by at least
    # (integral of sqrt|g''|)^2 / (8 n^2) up to higher order, here (B(3/4, 1/2) / 2)^2 / (8 * 16^2).
    assert equal == pytest.approx(7.0e-4, rel=0.05)
    # Breakpoints that are uniform in p or in g(p), one chord each.
    for cuts in (np.linspace(-13, 13, 33), _uniform_in_value(g, 13.0, 33)):
        assert _chord_error(g, cuts[:-1], cuts[1:]).max() > 5 * equal


def _uniform_in_value(g, end, count):
    shares = np.linspace(g.value(np.array(-end)), g.value(np.array(end)), count)
    return np.concatenate([[-end], np.log(shares[1:-1] / (1 - shares[1:-1])), [end]])


@smooth
@pytest.mark.parametrize("ends", [(-13, 13), (-1e3, 1e3), (-2, 7)])
def test_the_gap_falls_with_the_square_of_the_number_of_segments(name, ends):
    gaps = [worst_gap(one(activation(name), *ends, count), 20001) for count in (8, 16, 32)]
    assert gaps[1] < gaps[0] / 3
    assert gaps[2] < gaps[1] / 3


def test_few_segments_where_few_are_as_good():
    g = activation("sigmoid")
    assert len(one(g, 500.0, 900.0, 16)) == 1
    assert len(one(g, 1.0, 1.0, 16)) == 1
    assert len(one(g, 1.0, 1.0 + 1e-6, 16)) == 1
    assert len(one(g, -1e-3, 1e-3, 16)) == 2
    assert len(one(g, -3.0, 3.0, 1)) == 2
    # The sliver beyond 0 gets a single segment, wide enough for a solver.
    cover = one(g, -3.0, 1e-12, 16)
    assert len(cover) == 16
    assert cover[-1].box.tolist() == [0.0, 1e-5]


def test_one_call_for_many_neurons_gives_what_one_call_each_gives():
    g, rng = activation("tanh"), np.random.default_rng(3)
    lower = rng.normal(-2, 3, 12)
    upper = lower + rng.exponential(4, 12)
    together = make_segments(g, lower, upper, 7)
    for low, high, cover in zip(lower, upper, together, strict=True):
        alone = one(g, low, high, 7)
        assert len(alone) == len(cover)
        for a, b in zip(alone, cover, strict=True):
            np.testing.assert_allclose(a.box, b.box, rtol=2e-3)


def test_only_the_wanted_side_has_lines():
    for side in BOTH:
        for segment in one(activation("tanh"), -2.0, 2.0, 4, (side,)):
            assert list(segment.planes) == [side]
