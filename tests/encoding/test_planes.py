"""Planes bound H and S on their whole rectangle, in exact arithmetic, and lie close to them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from nnff.encoding.planes import candidate_slopes, evaluate, plane_shift
from nnff.network.activation import activation

SMOOTH = ("sigmoid", "tanh")
OTHER = ("softplus", "silu", "gelu")

# Widths and places that ranges really have: points, hairs, ordinary and huge ones.
PLACES = st.sampled_from([0.0, -0.0, 1.3, -4.0, 37.0, -120.0, 500.0, -500.0]) | st.floats(-8, 8)
WIDTHS = st.sampled_from([0.0, 1e-300, 1e-12, 1e-9, 1e-3, 0.5, 3.0, 40.0, 1000.0]) | st.floats(0, 6)


@st.composite
def rectangles(draw):
    """(m_lo, m_hi, D_lo, D_hi): D across 0, on either side of it, starting at it, or a point."""
    m = draw(PLACES)
    width, reach = draw(WIDTHS), draw(WIDTHS)
    start = draw(st.sampled_from([0.0, -1.0, -0.5, 0.25, 1.0, -1.25, -2.0])) * reach
    return np.array([m, m + width, start, start + reach])


@st.composite
def planes(draw):
    """A rectangle and slopes: random ones, tangents, or none."""
    box = draw(rectangles())
    kind = draw(st.sampled_from(["random", "tangent", "flat", "steep"]))
    if kind == "random":
        return box, (draw(st.floats(-1, 1)), draw(st.floats(-1, 1)))
    if kind == "tangent":
        return box, (0.0, draw(st.floats(0, 1)))
    return box, ((0.0, 0.0) if kind == "flat" else (draw(st.floats(-9, 9)), -3.0))


def shift_of(name, quantity, sign, slopes, box):
    return float(
        plane_shift(activation(name), quantity, np.array([float(sign)]), np.array([slopes]), box[None])[0]
    )


def excess_grid(name, quantity, sign, slopes, box, count):
    m, d = np.linspace(box[0], box[1], count), np.linspace(box[2], box[3], count)
    m[-1], d[-1] = box[1], box[3]
    grid_m, grid_d = (axis.ravel() for axis in np.meshgrid(m, d))
    phi = evaluate(activation(name), quantity, grid_m, grid_d)
    return grid_m, grid_d, sign * phi - slopes[0] * grid_m - slopes[1] * grid_d


def exact_excess(exact, name, quantity, sign, slopes, m, d):
    phi = (exact.difference if quantity == "H" else exact.mean)(name, m, d)
    with localcontext() as context:
        context.prec = 400
        return sign * phi - Decimal(slopes[0]) * Decimal(m) - Decimal(slopes[1]) * Decimal(d)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("quantity", ["H", "S"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(plane=planes(), sign=st.sampled_from([1, -1]), seed=st.integers(0, 99))
def test_a_shifted_plane_bounds_the_function_exactly(exact, name, quantity, plane, sign, seed):
    check_a_shifted_plane(exact, name, quantity, plane, sign, seed)


@pytest.mark.parametrize("quantity", ["H", "S"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(name=st.sampled_from(OTHER), plane=planes(), sign=st.sampled_from([1, -1]), seed=st.integers(0, 99))
def test_a_shifted_plane_bounds_functions_of_other_shapes_exactly(exact, name, quantity, plane, sign, seed):
    check_a_shifted_plane(exact, name, quantity, plane, sign, seed)


def check_a_shifted_plane(exact, name, quantity, plane, sign, seed):
    box, slopes = plane
    shift = shift_of(name, quantity, sign, slopes, box)
    assert np.isfinite(shift)
    m, d, excess = excess_grid(name, quantity, sign, slopes, box, 41)
    rng = np.random.default_rng(seed)
    # Where floating point sees the largest excess, and some places that no grid holds.
    worst = np.argsort(excess)[-4:]
    points = [
        *zip(m[worst], d[worst], strict=True),
        *zip(rng.uniform(*box[:2], 4), rng.uniform(*box[2:], 4), strict=True),
    ]
    for at_m, at_d in points:
        assert exact_excess(exact, name, quantity, sign, slopes, float(at_m), float(at_d)) <= Decimal(shift)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("quantity", ["H", "S"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(plane=planes(), sign=st.sampled_from([1, -1]))
def test_a_shifted_plane_is_not_loose(name, quantity, plane, sign):
    """At most 1e-5 of the spread on its grid above the supremum, unless the rectangle is huge."""
    box, slopes = plane
    g = activation(name)
    count = 301
    *_, excess = excess_grid(name, quantity, sign, slopes, box, count)
    # What a grid can miss, as in the module: here with 300 steps, there with 8^4.
    curve = g.second_bound
    if quantity == "H":
        curve = min(2 * curve, np.abs(box[2:]).max() * g.third_bound)
    remainder = curve * ((box[1] - box[0]) ** 2 + (box[3] - box[2]) ** 2 / 4) / 8
    rounding = 1e-13 * (1 + np.abs(box).max()) * (1 + np.abs(slopes).max())
    allowed = 1e-5 * np.ptp(excess) + remainder / (count - 1) ** 2 + remainder / 8**3 + rounding
    assert shift_of(name, quantity, sign, slopes, box) <= excess.max() + allowed


@pytest.mark.parametrize("name", [*SMOOTH, *OTHER])
def test_the_shift_of_h_vanishes_with_the_difference(name):
    """Without the factor max|D| in the remainder it would not, and small epsilons would gain nothing."""
    g = activation(name)
    for reach in (1e-2, 1e-4, 1e-6):
        box = np.array([-2.0, 3.0, 0.0, reach])
        slope = g.steepness
        assert 0 <= shift_of(name, "H", 1, (0.0, slope), box) <= 2e-5 * slope * reach + 1e-13


def test_many_planes_at_once_are_what_each_is_alone():
    rng = np.random.default_rng(4)
    boxes = np.sort(rng.uniform(-5, 5, (30, 2, 2)), axis=2).reshape(30, 4)
    slopes, signs = rng.uniform(-0.3, 0.3, (30, 2)), rng.choice([-1.0, 1.0], 30)
    together = plane_shift(activation("tanh"), "H", signs, slopes, boxes)
    alone = [shift_of("tanh", "H", *row) for row in zip(signs, slopes, boxes, strict=True)]
    assert together.tolist() == pytest.approx(alone, rel=1e-12)


def test_a_limit_on_boxes_only_makes_shifts_larger(monkeypatch):
    monkeypatch.setattr("nnff.encoding.planes._MOST_BOXES", 10)
    rng = np.random.default_rng(5)
    boxes = np.sort(rng.uniform(-9, 9, (40, 2, 2)), axis=2).reshape(40, 4)
    slopes = rng.uniform(-0.2, 0.2, (40, 2))
    hurried = plane_shift(activation("sigmoid"), "S", np.ones(40), slopes, boxes)
    for box, slope, shift in zip(boxes, slopes, hurried, strict=True):
        assert shift >= excess_grid("sigmoid", "S", 1, slope, box, 60)[2].max()


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("quantity", ["H", "S"])
@settings(max_examples=120, deadline=None, derandomize=True)
@given(box=rectangles(), sign=st.sampled_from([1, -1]))
def test_candidate_slopes_are_those_of_a_function_with_bounded_derivatives(name, quantity, box, sign):
    """Secants of phi cannot be steeper than phi: rounding over a range of a hair must not become a slope."""
    g = activation(name)
    slopes = candidate_slopes(g, quantity, float(sign), box)
    assert slopes.ndim == 2
    assert 1 <= len(slopes) <= 5
    steepest = float(g.derivative(np.zeros(1))[0])
    assert (np.abs(slopes) <= steepest * (1 + 1e-6)).all()


def concave_envelope(m, d, phi):
    """The least concave function above points of a graph, at those points."""
    unit_m, unit_d = (m - m.min()) / np.ptp(m), (d - d.min()) / np.ptp(d)
    normal = ConvexHull(np.stack([unit_m, unit_d, phi / np.ptp(phi)], axis=1), qhull_options="QJ").equations
    upper = normal[normal[:, 2] > 1e-6]
    heights = -(upper[:, :1] * unit_m + upper[:, 1:2] * unit_d + upper[:, 3:]) / upper[:, 2:3]
    return heights.min(axis=0) * np.ptp(phi)


@pytest.mark.parametrize("name", [*SMOOTH, *OTHER])
@pytest.mark.parametrize("quantity", ["H", "S"])
@pytest.mark.parametrize(
    "box", [(-3, 3, 0, 1), (-3, 3, -1, 0), (1, 4, -2, 2), (-8, -1, 0, 1e-6), (-1, 1, 0.5, 2)]
)
def test_chosen_planes_follow_the_concave_envelope(name, quantity, box):
    """Four planes stay, in the mean, within a few per cent of what all planes together could do."""
    g, box = activation(name), np.array(box, dtype=float)
    m, d, _ = excess_grid(name, quantity, 1, (0.0, 0.0), box, 24)
    share = 0.05 if name in SMOOTH else 0.08  # SiLU and GELU bend three times
    for sign in (1.0, -1.0):
        phi = sign * evaluate(g, quantity, m, d)
        slopes = candidate_slopes(g, quantity, sign, box)
        count = len(slopes)
        shifts = plane_shift(g, quantity, np.full(count, sign), slopes, np.tile(box, (count, 1)))
        heights = (slopes @ np.stack([m, d]) + shifts[:, None]).min(axis=0)
        assert (heights >= phi).all()
        assert (heights - concave_envelope(m, d, phi)).mean() <= share * np.ptp(phi)


def test_the_bilinear_remainder_is_that_of_the_docstring():
    """Corners + A (a^2 + b^2/4) / 8 bounds phi on a cell; along the curvature it is nearly attained."""
    g = activation("sigmoid")
    for low, high in pairwise(np.linspace(-3, 3, 13)):
        box = np.array([low, high, 0.0, 0.5])
        m, d, _ = excess_grid("sigmoid", "H", 1, (0.0, 0.0), box, 41)
        corners = evaluate(g, "H", np.array([low, low, high, high]), np.array([0.0, 0.5, 0.0, 0.5])).max()
        remainder = min(2 * g.second_bound, 0.5 * g.third_bound) * ((high - low) ** 2 + 0.25 / 4) / 8
        assert evaluate(g, "H", m, d).max() <= corners + remainder
