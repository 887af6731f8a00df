from __future__ import annotations

import decimal
import functools
import math
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network.activation import (
    ACTIVATIONS,
    GELU,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
    activation,
)

# Differences of values down to 1e-230 still have 50 correct digits.
EXACT = decimal.Context(prec=280)
ROUNDOFF = 2.0**-53

every = pytest.mark.parametrize("g", ACTIVATIONS.values(), ids=ACTIVATIONS)
bounded = pytest.mark.parametrize("g", [SIGMOID, TANH], ids=lambda g: g.name)
gated = pytest.mark.parametrize("g", [SOFTPLUS, SILU, GELU], ids=lambda g: g.name)
smooth = pytest.mark.parametrize("g", [SIGMOID, TANH, SOFTPLUS, SILU, GELU], ids=lambda g: g.name)

points = st.floats(-60, 60).filter(lambda p: p == 0 or abs(p) > 1e-100)
midpoints = st.floats(-150, 150)
gaps = st.one_of(
    st.floats(1e-100, 300), st.floats(-300, -1e-100), st.floats(1e-100, 1e-6), st.floats(-1e-6, -1e-100)
)


def normal_distribution(p: Decimal) -> Decimal:
    """Phi(p) = 1/2 + phi(p) (p + p^3/3 + p^5/15 + ...): no cancellation but with the 1/2."""
    if abs(p) > 30:
        return Decimal(int(p > 0))  # up to 1e-196
    with decimal.localcontext(EXACT):
        term = total = abs(p)
        n = 1
        while total and term > total * Decimal("1e-275"):
            n += 2
            term = term * p * p / n
            total += term
        # Machin's formula for pi.
        half = (
            total * (-p * p / 2).exp() / (2 * (16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239))).sqrt()
        )
        return Decimal("0.5") + half.copy_sign(p)


@functools.cache
def arctan_of_inverse(n: int) -> Decimal:
    with decimal.localcontext(EXACT):
        return sum(
            ((-1) ** k / (Decimal(n) ** (2 * k + 1) * (2 * k + 1)) for k in range(210)), start=Decimal(0)
        )


def exact_value(name: str, p: Decimal) -> Decimal:
    """Evaluate the activation `name` to 280 digits (GELU: to 1e-190) from its definition."""
    with decimal.localcontext(EXACT):
        match name.partition("(")[0]:
            case "identity":
                return p
            case "relu":
                return max(p, Decimal(0))
            case "leaky_relu":
                return p if p > 0 else Decimal(activation("leaky_relu").slope) * p
            case "hard_sigmoid":
                alpha = Decimal(activation("hard_sigmoid").steepness)  # the double next to 0.2
                return min(max(alpha * p + Decimal("0.5"), Decimal(0)), Decimal(1))
            case "sigmoid":
                return 1 / (1 + (-p).exp())
            case "softplus":
                return (1 + p.exp()).ln()
            case "silu":
                return p / (1 + (-p).exp())
            case "gelu":
                return p * normal_distribution(p)
            case _:
                grown, shrunk = p.exp(), (-p).exp()
                return (grown - shrunk) / (grown + shrunk)


def exact_difference(name: str, m: float, gap: float) -> Decimal:
    half = EXACT.divide(Decimal(gap), 2)
    high = exact_value(name, EXACT.add(Decimal(m), half))
    low = exact_value(name, EXACT.subtract(Decimal(m), half))
    return EXACT.subtract(high, low)


def exact_derivatives(name: str, p: float) -> tuple[Decimal, Decimal]:
    """Evaluate g'' and g''' from their closed forms."""
    with decimal.localcontext(EXACT):
        x = Decimal(p)
        a = exact_value("sigmoid", x)
        slope, t = a * (1 - a), 2 * a - 1
        match name:
            case "sigmoid":
                return slope * (1 - 2 * a), slope * (1 - 6 * slope)
            case "softplus":
                return slope, -t * slope
            case "silu":
                return slope * (2 - x * t), slope * (x * (1 - 6 * slope) - 3 * t)
            case "gelu":
                density = (-x * x / 2).exp() / (2 * Decimal(math.pi)).sqrt()
                return density * (2 - x * x), density * x * (x * x - 4)
        a = exact_value(name, x)
        slope = 1 - a * a
        return -2 * a * slope, -2 * slope * (1 - 3 * a * a)


def noise(g, m, gap):
    """What g states beside its relative error, for H."""
    return Decimal(g.noise) * abs(Decimal(gap)) * (1 + abs(Decimal(m)) + abs(Decimal(gap)))


@every
@given(p=points)
def test_value_is_the_function(g, p):
    assert float(g.value(np.array(p))) == pytest.approx(
        float(exact_value(g.name, Decimal(p))), rel=1e-13, abs=g.noise
    )


@every
@given(p=points)
def test_derivative_agrees_with_central_differences(g, p):
    step = 1e-4
    if any(abs(p - kink) < 2 * step for kink, _ in g.kinks):
        p += 4 * step
    slope = float(exact_difference(g.name, p, 2 * step)) / (2 * step)
    # The remainder of a central difference is at most |g'''| step^2 / 6.
    remainder = g.third_bound * step**2 / 6 if g.smooth else 0.0
    assert abs(float(g.derivative(np.array(p))) - slope) <= remainder + 1e-11 * abs(slope) + g.noise


@bounded
@given(p=st.floats(-150, 150))
def test_derivative_is_accurate_where_it_nearly_vanishes(g, p):
    with decimal.localcontext(EXACT):
        a = exact_value(g.name, Decimal(p))
        slope = a * (1 - a) if g.name == "sigmoid" else 1 - a * a
    assert float(g.derivative(np.array(p))) == pytest.approx(float(slope), rel=1e-13, abs=0)


@every
@given(m=midpoints, gap=gaps)
def test_difference_is_accurate_relative_to_itself(g, m, gap):
    wanted = exact_difference(g.name, m, gap)
    found = float(g.difference(np.array(m), np.array(gap)))
    allowed = abs(wanted) * Decimal(8 * (1 + abs(m) + abs(gap)) * ROUNDOFF) + noise(g, m, gap)
    if g.name.startswith("hard"):
        allowed += Decimal(g.noise)  # its kinks are rounded
    assert abs(Decimal(found) - wanted) <= allowed


@given(m=midpoints, gap=gaps)
def test_softplus_difference_needs_no_noise(m, gap):
    wanted = exact_difference("softplus", m, gap)
    found = float(SOFTPLUS.difference(np.array(m), np.array(gap)))
    assert abs(Decimal(found) - wanted) <= abs(wanted) * Decimal(8 * (1 + abs(m) + abs(gap)) * ROUNDOFF)


def test_relu_difference_keeps_a_small_gap_beside_a_large_midpoint():
    m, gap = np.array([1e10, 1e10, -1e10, 0.0]), np.array([1e-10, -1e-10, 1e-10, 1e-10])
    assert RELU.difference(m, gap).tolist() == [1e-10, -1e-10, 0.0, 5e-11]


@every
@given(m=midpoints, gap=gaps)
def test_difference_is_odd_and_has_the_sign_of_the_gap(g, m, gap):
    forth, back = (float(g.difference(np.array(m), np.array(d))) for d in (gap, -gap))
    assert forth == -back
    assert forth * np.sign(gap) >= 0 or not g.monotone
    assert float(g.difference(np.array(m), np.array(0.0))) == 0


@every
@given(m=midpoints, gap=gaps)
def test_mean_is_even_and_lies_between_the_values(g, m, gap):
    mean = float(g.mean(np.array(m), np.array(gap)))
    assert mean == float(g.mean(np.array(m), np.array(-gap)))
    ends = sorted(float(g.value(np.array(m + sign * gap / 2))) for sign in (-1, 1))
    assert ends[0] * (1 - 1e-15 * np.sign(ends[0])) <= mean <= ends[1] * (1 + 1e-15 * np.sign(ends[1]))


@every
@given(m=midpoints, gap=st.floats(1e-100, 300))
def test_difference_never_exceeds_the_closed_form(g, m, gap):
    found = float(g.difference(np.array(m), np.array(gap)))
    error = float(noise(g, m, gap))
    assert (
        found <= float(g.largest_difference(np.array(gap))) * (1 + 8 * (1 + abs(m) + gap) * ROUNDOFF) + error
    )


@pytest.mark.parametrize(
    "g",
    [g for g in ACTIVATIONS.values() if (g.monotone and g.steepness == 1) or g.steepest == 0],
    ids=lambda g: g.name,
)
@given(gap=st.floats(1e-100, 300))
def test_closed_form_is_attained(g, gap):
    largest = float(g.largest_difference(np.array(gap)))
    forms = {"sigmoid": math.tanh(gap / 4), "tanh": 2 * math.tanh(gap / 2)}
    assert largest == pytest.approx(forms.get(g.name, gap), rel=1e-14, abs=0)
    where = 0.0 if g.steepest == 0 else gap + 50
    assert float(g.difference(np.array(where), np.array(gap))) == pytest.approx(largest, rel=1e-14, abs=0)


@every
def test_the_steepest_slope_is_one_that_g_has_and_no_more(g):
    p = np.concatenate([np.linspace(-12, 12, 20001), [60.0]])
    slopes = np.abs(g.derivative(p))
    assert slopes.max() <= g.steepness <= slopes.max() * (1 + 1e-6)


@smooth
@given(p=points)
def test_derivative_bounds_hold(g, p):
    second, third = exact_derivatives(g.name, p)
    assert abs(second) <= Decimal(g.second_bound)
    assert abs(third) <= Decimal(g.third_bound)
    # Farther out curvature is bounded by less, also seen from nearer to 0.
    for away in (abs(p), 0.7 * abs(p), abs(p) - 1e-3):
        far_second, far_third = (Decimal(float(v)) for v in g.curvature(np.array(max(away, 0.0))))
        # What planes add, below all that sigma' underflows to.
        hair = Decimal("1e-300")
        assert abs(second) <= far_second + hair
        assert abs(third) <= far_third + hair


@bounded
def test_derivative_bounds_are_attained_and_rounded_outward(g):
    # sigma'' is extremal where sigma = (3 -+ sqrt 3) / 6, that is at p = log(2 +- sqrt 3), and
    # tanh(p) = 2 sigma(2p) - 1.
    inner = 1 if g.name == "sigmoid" else 2
    with decimal.localcontext(EXACT):
        worst = 1 / (6 * Decimal(3).sqrt()) if g.name == "sigmoid" else 4 / (3 * Decimal(3).sqrt())
        assert worst <= Decimal(g.second_bound) <= worst * (1 + Decimal("1e-14"))
    second, _ = exact_derivatives(g.name, math.log(2 + math.sqrt(3)) / inner)
    assert abs(second) == pytest.approx(worst, rel=Decimal("1e-14"))
    assert abs(exact_derivatives(g.name, 0.0)[1]) == Decimal(g.third_bound)


@gated
def test_derivative_bounds_of_gated_activations_are_nearly_attained(g):
    grid = [float(p) for p in np.linspace(-4, 4, 201)]
    second = max(abs(exact_derivatives(g.name, p)[0]) for p in grid)
    third = max(abs(exact_derivatives(g.name, p)[1]) for p in grid)
    assert second <= Decimal(g.second_bound) <= second * Decimal("1.0001")
    assert third <= Decimal(g.third_bound) <= third * Decimal("1.004")


def test_the_third_derivative_of_silu_is_bounded_by_a_grid_and_its_slope():
    """The proof that the module states: the grid, half a step of |g''''| <= 1, and the tail."""
    step = 1e-3
    p = np.arange(0, 8, step)
    s = SIGMOID.derivative(p)
    third = np.abs(s * (p * (1 - 6 * s) - 3 * np.tanh(p / 2)))
    # g'''' = 4 sigma''' + p sigma'''', |sigma''''| = t s |1 - 12 s| <= 2 s.
    assert (4 / 8 + 2 * p * s).max() < 1
    assert third.max() + step / 2 + 1e-12 <= SILU.third_bound
    assert SIGMOID.derivative(np.array(8.0)) * 8 < SILU.third_bound


@pytest.mark.parametrize("g", [SILU, GELU], ids=lambda g: g.name)
def test_inflexions_and_valley_are_where_they_are_said_to_be(g):
    for point in g.inflexions:
        second, third = exact_derivatives(g.name, point)
        assert abs(second) < Decimal("1e-15")
        before, after = (exact_derivatives(g.name, point + d)[0] for d in (-1e-3, 1e-3))
        assert (before > 0) == (after < 0) == (third < 0)
    left, bottom, right = (float(g.derivative(np.array(g.valley + d))) for d in (-1e-6, 0.0, 1e-6))
    assert left < 0 < right
    assert abs(bottom) <= g.noise
    p = np.linspace(-80, g.valley, 4001)
    assert (np.diff(g.value(p)) <= 0).all()
    assert (np.diff(g.value(np.linspace(g.valley, 80, 4001))) > 0).all()


@every
@given(ends=st.tuples(st.floats(-9, 9), st.floats(-9, 9)), share=st.floats(0, 1))
def test_pieces_are_convex_or_concave_as_stated(g, ends, share):
    low, high = sorted(ends)
    for bound in g.inflexions:
        if low < bound < high:
            high = bound
    at = low + share * (high - low)
    if not low < at < high:
        return
    value = exact_value(g.name, Decimal(at))
    with decimal.localcontext(EXACT):
        first, last = (exact_value(g.name, Decimal(end)) for end in (low, high))
        chord = first + (last - first) * (Decimal(at) - Decimal(low)) / (Decimal(high) - Decimal(low))
        excess = (chord - value) * (1 if bool(g.convex_on(np.array(low), np.array(high))) else -1)
    assert excess >= -Decimal("1e-30")


@smooth
@given(p=points, q=points)
def test_derivative_changes_no_faster_than_the_second_bound(g, p, q):
    change = abs(float(g.derivative(np.array(p))) - float(g.derivative(np.array(q))))
    assert change <= g.second_bound * abs(p - q) + 1e-14


@pytest.mark.parametrize("g", [g for g in ACTIVATIONS.values() if not g.smooth], ids=lambda g: g.name)
@given(p=points)
def test_piecewise_linear_activations_are_sums_of_their_relus(g, p):
    total = Decimal(g.constant) + Decimal(g.slope) * Decimal(p)
    total += sum(Decimal(w) * max(Decimal(p) - Decimal(t), Decimal(0)) for t, w in g.kinks)
    assert abs(total - exact_value(g.name, Decimal(p))) <= Decimal(2 * (1 + abs(p)) * ROUNDOFF)


@pytest.mark.parametrize("g", [g for g in ACTIVATIONS.values() if not g.smooth], ids=lambda g: g.name)
def test_piecewise_linear_activations_state_no_curvature(g):
    assert not g.smooth
    assert g.second_bound == g.third_bound == math.inf


@every
def test_functions_are_elementwise(g):
    table = np.linspace(-3, 3, 12).reshape(3, 4)
    for value in (g.value(table), g.derivative(table), g.difference(table, table), g.mean(table, table)):
        assert value.shape == (3, 4)
    assert np.array_equal(g.difference(table, table)[1], g.difference(table[1], table[1]))


@gated
def test_extreme_arguments_of_gated_activations_are_straight_silently(g):
    far = np.array([-1e307, -1e4, 1e4, 1e307])
    assert np.abs(g.value(far)).tolist() == [0.0, 0.0, 1e4, 1e307]
    assert np.abs(g.derivative(far)).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert np.abs(g.difference(far[:3], np.ones(3))).tolist() == [0.0, 0.0, 1.0]


@bounded
def test_extreme_arguments_saturate_silently(g):
    far = np.array([-1e307, -1e4, 1e4, 1e307])
    low = 0.0 if g.name == "sigmoid" else -1.0
    assert g.value(far).tolist() == [low, low, 1.0, 1.0]
    assert g.derivative(far).tolist() == [0.0] * 4
    assert g.difference(far, np.ones(4)).tolist() == [0.0] * 4


@every
def test_pickling_gives_the_same_object(g):
    assert pickle.loads(pickle.dumps(g)) is g


def test_unknown_activation_is_refused_and_known_ones_listed():
    with pytest.raises(
        ModelError,
        match="'mish' is not supported; supported are gelu, hard_sigmoid, identity, leaky_relu, relu, "
        "sigmoid, silu, softplus, tanh",
    ):
        activation("mish")


def test_parameters_are_part_of_the_name():
    leaky = activation("leaky_relu(0.20)")
    assert leaky.name == "leaky_relu(0.2)"
    assert activation("leaky_relu(.2)") is leaky
    assert pickle.loads(pickle.dumps(leaky)) is leaky
    assert activation("leaky_relu") is activation("leaky_relu(0.01)")
    assert leaky.value(np.array([-2.0, 3.0])).tolist() == [-0.4, 3.0]
    hard = activation("hard_sigmoid(0.25, 0.5)")
    assert hard.value(np.array([-3.0, -1.0, 0.0, 3.0])).tolist() == [0.0, 0.25, 0.5, 1.0]
    assert hard.derivative(np.array([-3.0, 0.0, 3.0])).tolist() == [0.0, 0.25, 0.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leaky_relu(1)", "slope 1 below 0 is not supported; nnff takes slopes of at least 0 and below 1"),
        ("leaky_relu(-0.1)", "slope -0.1 below 0"),
        ("leaky_relu(nan)", "slope nan"),
        ("leaky_relu(0.1,0.2)", r"should be spelt like leaky_relu\(0.01\)"),
        ("hard_sigmoid(x,0.5)", r"should be spelt like hard_sigmoid\(0.2,0.5\)"),
        ("hard_sigmoid(0,0.5)", "slope 0 and offset 0.5 is not supported"),
        ("hard_sigmoid(1e-9,0.5)", "bend at numbers of ordinary size"),
        ("hard_sigmoid(0.2,inf)", "offset inf"),
        ("tanh(2)", r"'tanh\(2\)' is not supported"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name, message):
    with pytest.raises(ModelError, match=message):
        activation(name)
