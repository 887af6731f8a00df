import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.report.numbers import aligned, at_least, at_most, clock, column, duration, percent, shown

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def read(text):
    """Read a printed number back, exactly."""
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = text.replace("\u2212", "-").partition("\u00d710")
    return Decimal(mantissa).scaleb(int(power.translate(superscripts)) if power else 0)


@given(FINITE)
def test_a_printed_upper_bound_is_never_below_and_a_lower_bound_never_above(value):
    exact = Decimal(repr(value))
    assert read(at_least(value).text) <= exact <= read(at_most(value).text)


@given(FINITE.filter(lambda v: abs(v) > 1e-300))
def test_a_printed_number_is_near_and_carries_the_exact_one(value):
    number = shown(value)
    assert abs(read(number.text) - Decimal(repr(value))) <= Decimal("6e-6") * abs(Decimal(repr(value)))
    assert float(number.exact) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.3, "0.3"),
        (1e-9, "1\u00d710⁻⁹"),
        (-1.5e-12, "\u22121.5\u00d710⁻¹²"),
        (4.13e12, "4.13\u00d710¹²"),
        (1234567.8, "1234568"),
        (42.773790123, "42.7738"),
        (math.inf, "∞"),
        (-math.inf, "\u2212∞"),
        (math.nan, "not a number"),
    ],
)
def test_how_numbers_look(value, text):
    assert shown(value).text == text


def test_a_float_just_beside_a_short_decimal_is_not_pushed_away_from_it():
    assert at_most(0.1).text == at_least(0.1).text == "0.1"
    assert at_least(0.3).text == at_most(0.3).text == "0.3"


@given(FINITE, FINITE)
def test_values_that_differ_clearly_do_not_look_alike(first, second):
    one, two, difference = aligned(first, second)
    if abs(second - first) > 1e-9 * max(abs(first), abs(second)):
        assert one.text != two.text
    if math.isfinite(second - first):
        assert difference.value == second - first


def test_a_row_has_the_same_decimals():
    assert [n.text for n in aligned(50000.0, 50000.003)] == ["50000.00000", "50000.00300", "0.00300"]
    assert [n.text for n in aligned(396.9, 0.32)] == ["396.90", "0.32", "\u2212396.58"]
    assert [n.text for n in aligned(17.0, 18.0)] == ["17", "18", "1"]
    assert [n.text for n in aligned(0.0, 0.0)] == ["0", "0", "0"]
    assert [n.text for n in aligned(1e-9, 2.5e-9)] == ["1\u00d710⁻⁹", "2.5\u00d710⁻⁹", "1.5\u00d710⁻⁹"]


def test_a_column_has_the_same_decimals():
    assert [n.text for n in column([-4.35, 0.231, 0.0001])] == ["\u22124.350", "0.231", "0.000"]
    assert [n.text for n in column([])] == []
    assert [n.text for n in column([0.0])] == ["0"]
    assert [n.text for n in column([2e-30, 1e-31])] == ["2\u00d710⁻³⁰", "1\u00d710⁻³¹"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0125, "0.0125 s"),
        (6.784, "6.78 s"),
        (125.2, "2 min 5 s"),
        (3725.0, "1 h 2 min"),
        (3599.7, "1 h 0 min"),
    ],
)
def test_wall_time(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0.00"), (0.004, "< 0.01"), (6.2, "6.20"), (1e30, None)])
def test_wall_time_in_tables(seconds, text):
    assert clock(seconds).text == text or (text is None and read(clock(seconds).text) == Decimal("1e30"))


def test_a_range_of_shares_is_rounded_outward():
    assert percent(0.597, 0.624) == "59\u00a0% to 63\u00a0%"
    assert percent(0.5, 0.5) == "50\u00a0%"
    assert percent(0.00047) == "0.047\u00a0%"
