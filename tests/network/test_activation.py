from __future__ import annotations

import decimal
import math
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network.activation import ACTIVATIONS, RELU, SIGMOID, TANH, activation

# Differences of values down to 1e-230 still have 50 correct digits.
EXACT = decimal.Context(prec=280)
ROUNDOFF = 2.0**-53

every = pytest.mark.parametrize("g", ACTIVATIONS.values(), ids=ACTIVATIONS)
smooth = pytest.mark.parametrize("g", [SIGMOID, TANH], ids=lambda g: g.name)

points = st.floats(-60, 60).filter(lambda p: p == 0 or abs(p) > 1e-100)
midpoints = st.floats(-150, 150)
gaps = st.one_of(
    st.floats(1e-100, 300), st.floats(-300, -1e-100), st.floats(1e-100, 1e-6), st.floats(-1e-6, -1e-100)
)


def exact_value(name: str, p: Decimal) -> Decimal:
    """Evaluate the activation `name` to 280 digits from its definition."""
    match name:
        case "identity":
            return p
        case "relu":
            return max(p, Decimal(0))
        case "sigmoid":
            return EXACT.divide(1, EXACT.add(1, EXACT.exp(EXACT.minus(p))))
        case _:
            grown, shrunk = EXACT.exp(p), EXACT.exp(EXACT.minus(p))
            return EXACT.divide(EXACT.subtract(grown, shrunk), EXACT.add(grown, shrunk))


def exact_difference(name: str, m: float, gap: float) -> Decimal:
    half = EXACT.divide(Decimal(gap), 2)
    high = exact_value(name, EXACT.add(Decimal(m), half))
    low = exact_value(name, EXACT.subtract(Decimal(m), half))
    return EXACT.subtract(high, low)


def exact_derivatives(name: str, p: float) -> tuple[Decimal, Decimal]:
    """Evaluate g'' and g''' from their closed forms in terms of g."""
    with decimal.localcontext(EXACT):
        a = exact_value(name, Decimal(p))
        if name == "sigmoid":
            slope = a * (1 - a)
            return slope * (1 - 2 * a), slope * (1 - 6 * slope)
        slope = 1 - a * a
        return -2 * a * slope, -2 * slope * (1 - 3 * a * a)


@every
@given(p=points)
def test_value_is_the_function(g, p):
    assert float(g.value(np.array(p))) == pytest.approx(
        float(exact_value(g.name, Decimal(p))), rel=1e-13, abs=0
    )


@every
@given(p=points)
def test_derivative_agrees_with_central_differences(g, p):
    step = 1e-4
    if not g.smooth and abs(p) < 2 * step:
        p += 4 * step  # the kink of ReLU
    slope = float(exact_difference(g.name, p, 2 * step)) / (2 * step)
    # The remainder of a central difference is at most |g'''| step^2 / 6.
    remainder = g.third_bound * step**2 / 6 if g.smooth else 0.0
    assert abs(float(g.derivative(np.array(p))) - slope) <= remainder + 1e-11 * abs(slope)


@smooth
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
    assert abs(Decimal(found) - wanted) <= abs(wanted) * Decimal(8 * (1 + abs(m) + abs(gap)) * ROUNDOFF)


def test_relu_difference_keeps_a_small_gap_beside_a_large_midpoint():
    m, gap = np.array([1e10, 1e10, -1e10, 0.0]), np.array([1e-10, -1e-10, 1e-10, 1e-10])
    assert RELU.difference(m, gap).tolist() == [1e-10, -1e-10, 0.0, 5e-11]


@every
@given(m=midpoints, gap=gaps)
def test_difference_is_odd_and_has_the_sign_of_the_gap(g, m, gap):
    forth, back = (float(g.difference(np.array(m), np.array(d))) for d in (gap, -gap))
    assert forth == -back
    assert forth * np.sign(gap) >= 0
    assert float(g.difference(np.array(m), np.array(0.0))) == 0


@every
@given(m=midpoints, gap=gaps)
def test_mean_is_even_and_lies_between_the_values(g, m, gap):
    mean = float(g.mean(np.array(m), np.array(gap)))
    assert mean == float(g.mean(np.array(m), np.array(-gap)))
    ends = sorted(float(g.value(np.array(m + sign * gap / 2))) for sign in (-1, 1))
    assert ends[0] <= mean <= ends[1]


@every
@given(m=midpoints, gap=st.floats(1e-100, 300))
def test_difference_never_exceeds_the_closed_form(g, m, gap):
    found = float(g.difference(np.array(m), np.array(gap)))
    assert found <= float(g.largest_difference(np.array(gap))) * (1 + 8 * (1 + abs(m) + gap) * ROUNDOFF)


@every
@given(gap=st.floats(1e-100, 300))
def test_closed_form_is_attained(g, gap):
    largest = float(g.largest_difference(np.array(gap)))
    forms = {"sigmoid": math.tanh(gap / 4), "tanh": 2 * math.tanh(gap / 2)}
    assert largest == pytest.approx(forms.get(g.name, gap), rel=1e-14, abs=0)
    where = 0.0 if g.smooth else gap
    assert float(g.difference(np.array(where), np.array(gap))) == pytest.approx(largest, rel=1e-14, abs=0)


@smooth
@given(p=points)
def test_derivative_bounds_hold(g, p):
    second, third = exact_derivatives(g.name, p)
    assert abs(second) <= Decimal(g.second_bound)
    assert abs(third) <= Decimal(g.third_bound)
    # Where g' is small, so is curvature; the exact slope, with room for the digits that were kept.
    with decimal.localcontext() as context:
        context.prec = 60 + int(abs(p))
        scale = 2 if g.name == "tanh" else 1
        grown = (-scale * abs(Decimal(p))).exp()
        slope = scale**2 * grown / (1 + grown) ** 2
        assert abs(second) <= Decimal(g.decay) * slope * (1 + Decimal("1e-30"))
        assert abs(third) <= Decimal(g.decay) ** 2 * slope * (1 + Decimal("1e-30"))


@smooth
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


@smooth
@given(p=points, q=points)
def test_derivative_changes_no_faster_than_the_second_bound(g, p, q):
    change = abs(float(g.derivative(np.array(p))) - float(g.derivative(np.array(q))))
    assert change <= g.second_bound * abs(p - q) + 1e-14


@pytest.mark.parametrize("g", [activation("identity"), RELU], ids=lambda g: g.name)
def test_piecewise_linear_activations_state_no_curvature(g):
    assert not g.smooth
    assert g.second_bound == g.third_bound == math.inf


@every
def test_functions_are_elementwise(g):
    table = np.linspace(-3, 3, 12).reshape(3, 4)
    for value in (g.value(table), g.derivative(table), g.difference(table, table), g.mean(table, table)):
        assert value.shape == (3, 4)
    assert np.array_equal(g.difference(table, table)[1], g.difference(table[1], table[1]))


@smooth
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
        ModelError, match="'gelu' is not supported; supported are identity, relu, sigmoid, tanh"
    ):
        activation("gelu")
