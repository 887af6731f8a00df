from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network import Scaling

numbers = st.floats(-1e6, 1e6)
scales = st.floats(1e-3, 1e3).flatmap(lambda size: st.sampled_from([size, -size]))


@given(raw=numbers, center=numbers, scale=scales)
def test_invert_undoes_apply(raw, center, scale):
    scaling = Scaling(np.array([center]), np.array([scale]))
    there = scaling.apply(np.array([raw]))
    assert there[0] == (raw - center) / scale
    assert scaling.invert(there)[0] == pytest.approx(raw, rel=1e-12, abs=1e-9)


@given(raw=numbers, centers=st.tuples(numbers, numbers), steps=st.tuples(scales, scales))
def test_then_applies_one_after_the_other(raw, centers, steps):
    first, second = (
        Scaling(np.array([center]), np.array([scale])) for center, scale in zip(centers, steps, strict=True)
    )
    wanted = second.apply(first.apply(np.array([raw])))[0]
    size = (abs(raw) + abs(centers[0]) + abs(centers[1] * steps[0])) / abs(steps[0] * steps[1])
    assert first.then(second).apply(np.array([raw]))[0] == pytest.approx(wanted, abs=1e-14 * size)


def test_then_none_is_the_same():
    scaling = Scaling(np.array([0.1, 0.2]), np.array([0.3, -0.7]))
    assert scaling.then(Scaling.none(2)) == scaling == Scaling.none(2).then(scaling)


def test_none_is_the_identity():
    scaling = Scaling.none(3)
    assert scaling.is_none
    assert scaling.size == 3
    assert not Scaling(np.zeros(3), np.array([1.0, 1.0, 2.0])).is_none
    assert not Scaling(np.array([0.0, 1.0]), np.ones(2)).is_none
    assert np.array_equal(scaling.apply(np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3))


def test_standard_gives_mean_0_and_population_deviation_1():
    rows = np.random.default_rng(1).normal(5, 3, size=(40, 3))
    scaled = Scaling.standard(rows).apply(rows)
    assert scaled.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-14)
    assert np.sqrt((scaled**2).mean(axis=0)) == pytest.approx(np.ones(3))


def test_minmax_gives_the_unit_interval():
    rows = np.random.default_rng(1).normal(5, 3, size=(40, 3))
    scaled = Scaling.minmax(rows).apply(rows)
    assert scaled.min(axis=0).tolist() == [0] * 3
    assert scaled.max(axis=0).tolist() == [1] * 3


@pytest.mark.parametrize("count", [1, 3, 7, 10])
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e15 + 0.3])
def test_constant_columns_get_scale_1(count, value):
    # The computed mean of 0.1 three times is not 0.1, and the computed deviation then is not 0.
    rows = np.full((count, 1), value)
    assert Scaling.standard(rows).scale.tolist() == [1]
    assert Scaling.minmax(rows).scale.tolist() == [1]


@pytest.mark.parametrize(
    ("center", "scale", "message"),
    [
        ([0.0, 1.0], [1.0], r"as many centers as scales, got shapes \(2,\) and \(1,\)"),
        ([[0.0]], [[1.0]], "as many centers as scales"),
        ([np.nan], [1.0], "not finite"),
        ([0.0], [np.inf], "not finite"),
        ([0.0, 0.0], [1.0, 0.0], "the scale of coordinate 1 is 0"),
    ],
)
def test_bad_scalings_are_refused(center, scale, message):
    with pytest.raises(ModelError, match=message):
        Scaling(np.array(center), np.array(scale))


def test_arrays_are_read_only_copies():
    center = np.zeros(2)
    scaling = Scaling(center, np.ones(2))
    center[0] = 7
    assert scaling.center.tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        scaling.scale[0] = 3
