"""The lifted polyhedron holds the Euclidean ball, in exact arithmetic, and little more."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import SimilarityError
from nnff.similarity.ball import (
    SMALLEST_LOOSENESS,
    ball_looseness,
    checked_looseness,
    largest_magnitude,
    rotation_steps,
    row_unit,
    write_ball,
)
from nnff.testing.rows import MatrixRows

EPSILONS = st.sampled_from([1e-9, 3e-4, 0.1, 1.0, 1 / 3, 7.0, 1e5]) | st.floats(1e-12, 1e6)
LOOSENESSES = st.sampled_from([0.5, 1e-2, 1e-3, 1e-6, 1e-9])


def ball(radius, epsilon, looseness=1e-3, coefficients=None):
    """The rows of ``|c d|_2 <= epsilon`` for d in a box, and the looseness reported."""
    rows = MatrixRows(-np.asarray(radius), radius)
    coefficients = np.ones(len(radius)) if coefficients is None else coefficients
    forms = [[(float(c), d)] for c, d in zip(coefficients, rows.difference, strict=True)]
    return rows, write_ball(rows, forms, epsilon, looseness)


def exact_norm_at_most(v, epsilon):
    return sum(Fraction(float(x)) ** 2 for x in v) <= Fraction(epsilon) ** 2


@pytest.mark.parametrize(("n", "expected"), [(13, 3.0e-4), (40, 4.5e-4)])
def test_seven_steps_give_the_published_looseness(n, expected):
    assert ball_looseness(n, 7) == pytest.approx(expected, rel=0.01)
    assert rotation_steps(n, 1e-3) == 7


@pytest.mark.parametrize("n", [2, 3, 8, 13, 100, 2**13])
@pytest.mark.parametrize("looseness", [0.9, 1e-3, 1e-6, SMALLEST_LOOSENESS])
def test_the_fewest_steps_are_chosen(n, looseness):
    steps = rotation_steps(n, looseness)
    assert ball_looseness(n, steps) <= looseness
    assert steps == 1 or ball_looseness(n, steps - 1) > looseness


def test_the_looseness_is_that_of_the_formula_rounded_up():
    for n in (2, 5, 13, 64):
        for steps in (1, 4, 9, 18):
            exact = math.cos(math.pi / 2 ** (steps + 1)) ** -math.ceil(math.log2(n)) - 1
            assert exact < ball_looseness(n, steps) <= exact * (1 + 1e-9) + 1e-11


def test_one_form_and_none_are_exact():
    assert ball_looseness(0, 3) == ball_looseness(1, 3) == 0.0


@given(st.integers(2, 6), EPSILONS, LOOSENESSES, st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_every_point_of_the_ball_satisfies_the_rows_exactly(n, epsilon, looseness, seed):
    rng = np.random.default_rng(seed)
    rows, _ = ball(rng.uniform(0.3, 3, n) * epsilon, epsilon, looseness)
    limits = np.array([rows.bounds(d)[1] for d in rows.difference])
    for _ in range(4):
        v = rng.normal(size=n) * rng.choice([0.0, 1e-3, 1.0, 1.0], size=n)
        v = np.clip(v / max(np.linalg.norm(v), 1e-300) * epsilon, -limits, limits)
        while not exact_norm_at_most(v, epsilon):
            v *= 1 - 1e-16 * n
        assert rows.holds_exactly(v)


# Columns whose bounds are within 1e-9 of each other are fixed at one of them by the solver.
@given(
    st.integers(1, 6), EPSILONS.filter(lambda epsilon: epsilon > 1e-8), LOOSENESSES, st.integers(0, 2**32 - 1)
)
@settings(max_examples=20)
def test_no_point_of_the_rows_is_farther_than_the_looseness_says(n, epsilon, looseness, seed):
    rng = np.random.default_rng(seed)
    rows, achieved = ball(3 * epsilon * np.ones(n), epsilon, looseness)
    assert 0 <= achieved <= looseness
    directions = rng.normal(size=(5, n)) * rng.choice([0.0, 1.0, 1.0], size=(5, n))
    values, points = rows.maximise(directions)
    assert (np.linalg.norm(points, axis=1) <= epsilon * (1 + achieved) * (1 + 1e-7)).all()
    assert (values >= epsilon * np.linalg.norm(directions, axis=1) * (1 - 1e-7)).all()


def test_the_looseness_is_nearly_reached_somewhere():
    # Else the report would be a guess.  The root's cone is twice as fine as it has to be.
    rows, achieved = ball([3.0] * 4, 1.0, 0.2)
    _, points = rows.maximise(np.array([[1.0, 0.0, math.tan(math.pi / 8), 0.0]]))
    assert achieved == pytest.approx(math.cos(math.pi / 8) ** -2 - 1, rel=1e-9)
    assert np.linalg.norm(points[0]) == pytest.approx(1 / math.cos(math.pi / 8), rel=1e-7)


def test_a_small_ball_is_as_sharp_as_a_large_one():
    large = ball(3 * np.ones(5), 1.0)[0].maximise(np.ones((1, 5)))[0]
    small = ball(3e-6 * np.ones(5), 1e-6)[0].maximise(np.ones((1, 5)))[0]
    assert small * 1e6 == pytest.approx(large, rel=1e-5)


def test_the_corners_of_the_bounding_box_are_cut_off():
    n, epsilon = 9, 0.2
    rows, achieved = ball(np.ones(n), epsilon)
    assert rows.reach(np.full((1, n), epsilon)) == pytest.approx([1 / 3], rel=achieved + 1e-7)


@pytest.mark.parametrize("epsilon", [1e-3, 1.0])
def test_a_single_form_is_an_interval(epsilon):
    rows, achieved = ball([9.0], epsilon, coefficients=[2.0])
    assert achieved == 0.0
    assert (rows.n_rows, rows.n_variables) == (1, 1)
    assert rows.maximise(np.ones((1, 1)))[0] == pytest.approx([epsilon / 2], rel=1e-12)


def test_a_radius_of_zero_pins_every_form_exactly():
    rows, achieved = ball([1.0, 2.0, 3.0], 0.0)
    assert achieved == 0.0
    assert rows.holds_exactly(np.zeros(3))
    assert not rows.holds_exactly(np.array([5e-324, 0, 0]))


def test_a_box_inside_the_ball_needs_no_rows():
    rows, achieved = ball([0.3, 0.4], 0.51)
    assert (rows.n_rows, achieved) == (0, 0.0)
    assert ball([0.3, 0.4], 0.499)[0].n_rows > 0


def test_forms_that_cannot_move_are_left_out():
    rows, achieved = ball([1.0, 0.0, 1.0, 0.0, 0.0], 0.5)
    plain, expected = ball([1.0, 1.0], 0.5)
    assert (rows.n_rows, achieved) == (plain.n_rows, expected)


@given(EPSILONS)
def test_the_unit_of_the_rows_is_an_exact_power_of_two(epsilon):
    unit = row_unit(epsilon)
    assert math.frexp(unit)[0] == 0.5
    assert 2.0**-20 <= unit <= 2.0**20
    assert Fraction(epsilon / unit) * Fraction(unit) == Fraction(epsilon)
    if 2.0**-20 <= epsilon < 2.0**21:
        assert 1 <= epsilon / unit < 2


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=6
    )
)
def test_largest_magnitudes_are_rounded_up(entries):
    ends = [sorted(entry[1:]) for entry in entries]
    rows = MatrixRows([low for low, _ in ends], [high for _, high in ends])
    form = [(entry[0], d) for entry, d in zip(entries, rows.difference, strict=True)]
    products = [(Fraction(entry[0]) * Fraction(low), Fraction(entry[0]) * Fraction(high))
                for entry, (low, high) in zip(entries, ends, strict=True)]  # fmt: skip
    exact = max(-sum(min(pair) for pair in products), sum(max(pair) for pair in products))
    found = largest_magnitude(rows, form)
    assert Fraction(found) >= exact
    assert found <= float(exact) + 1e-13 * sum(float(max(map(abs, pair))) for pair in products) + 1e-320


@pytest.mark.parametrize("looseness", [0, -1e-3, 1e-10, 1.5, math.nan, math.inf, "small", None])
def test_senseless_loosenesses_are_refused(looseness):
    with pytest.raises(SimilarityError, match=r"looseness is .* it must be a number from 1e-09 to 1"):
        checked_looseness(looseness)


def test_a_looseness_below_what_is_possible_is_refused():
    with pytest.raises(SimilarityError, match="too small"):
        rotation_steps(13, 1e-12)
