import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.certification.digits import plain, rounded_down, rounded_up

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE, st.integers(min_value=1, max_value=15))
def test_printed_bounds_hold(value, digits):
    exact = Fraction(repr(value))
    assert Fraction(rounded_down(value, digits)) <= exact
    assert exact <= Fraction(rounded_up(value, digits))


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [
        (42.7738430, "42.7739", "42.7738"),
        (0.3, "0.3", "0.3"),
        (0.1, "0.1", "0.1"),
        (0.0, "0", "0"),
        (-1.23456789, "-1.23456", "-1.23457"),
        (1e-9, "1e-09", "1e-09"),
        (12345678.0, "1.23457e+07", "1.23456e+07"),
        (0.00012345678, "0.000123457", "0.000123456"),
        (99999999.0, "1e+08", "9.99999e+07"),
        (math.inf, "inf", "inf"),
    ],
)
def test_how_bounds_look(value, up, down):
    assert (rounded_up(value), rounded_down(value)) == (up, down)


def test_what_was_typed_comes_back():
    assert [plain(v) for v in (0.1, 3.9374999, 1000000.0, 0.0)] == ["0.1", "3.9374999", "1000000", "0"]
