"""Breakpoints hold the range and the inflexions, and share the bending out evenly."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.encoding.bends import bend_breakpoints
from nnff.encoding.segments import NARROWEST_SIDE, NEGLIGIBLE_ERROR, _chord_error
from nnff.network.activation import activation

every = pytest.mark.parametrize("name", ["softplus", "silu", "gelu", "sigmoid"])


def cuts_of(name, low, high, count):
    return bend_breakpoints(
        activation(name), low, high, count, narrowest=NARROWEST_SIDE, negligible=NEGLIGIBLE_ERROR
    )


@every
@pytest.mark.parametrize("ends", [(-13, 13), (-900, 700), (-0.7, 1.1), (2.5, 9), (-9, -2.5), (-0.3, 0.2)])
@pytest.mark.parametrize("count", [1, 4, 16])
def test_ends_and_inflexions_are_breakpoints(name, ends, count):
    cuts = cuts_of(name, *ends, count)
    assert (cuts[0], cuts[-1]) == ends
    assert (np.diff(cuts) > 0).all()
    inner = [point for point in activation(name).inflexions if ends[0] < point < ends[1]]
    assert set(inner) <= set(cuts.tolist())
    assert len(cuts) - 1 <= max(count, len(inner) + 1)


@every
def test_errors_of_chords_are_nearly_equal_and_fall_with_the_square_of_their_number(name):
    worst = []
    for count in (16, 32):
        cuts = cuts_of(name, -9.0, 9.0, count)
        assert len(cuts) == count + 1
        errors = _chord_error(activation(name), cuts[:-1], cuts[1:])
        # Sides of an inflexion share whole segments, so they differ by up to one in a few.
        assert np.median(errors) > 0.2 * errors.max()
        worst.append(errors.max())
    assert worst[1] < worst[0] / 3


def test_a_range_that_hardly_passes_an_inflexion_is_widened():
    bend = activation("gelu").inflexions[1]
    cuts = cuts_of("gelu", 0.0, bend + 1e-12, 4)
    assert cuts[-2:].tolist() == [bend, bend + NARROWEST_SIDE]


def test_a_point_and_a_straight_stretch_need_one_segment():
    assert cuts_of("silu", 1.0, 1.0, 8).tolist() == [1.0, 1.0]
    assert cuts_of("softplus", 200.0, 900.0, 8).tolist() == [200.0, 900.0]
