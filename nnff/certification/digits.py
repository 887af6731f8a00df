"""Bounds in few digits: an upper bound is printed rounded up, a lower bound rounded down.

Rounding to nearest would print, half of the time, an upper bound below the one that is proven.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

__all__ = ["plain", "rounded", "rounded_down", "rounded_up"]

_FLOAT_DIGITS = 15
"""Every decimal of this many digits survives the way to a float and back."""
_PLAIN_ZEROS = 4
"""Numbers from 1e-4 on are written without a power of ten."""


def rounded(value: float, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Return a finite `value` with at most `digits` significant digits, rounded as `decimal` names it.

    What is rounded is the shortest decimal that reads back as `value`: 0.3
    stays 0.3 in every direction, although the float lies a little below.
    """
    exact = Decimal(repr(float(value)))
    if exact == 0:
        return Decimal(0)
    return exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), rounding=rounding)


def rounded_up(value: float, digits: int = 6) -> str:
    """Return an upper bound in at most `digits` significant digits, never below `value`."""
    return _text(value, digits, ROUND_CEILING)


def rounded_down(value: float, digits: int = 6) -> str:
    """Return a lower bound in at most `digits` significant digits, never above `value`."""
    return _text(value, digits, ROUND_FLOOR)


def plain(value: float) -> str:
    """Return a number that a user typed, such as epsilon or delta, in up to 15 digits."""
    return f"{value:.{_FLOAT_DIGITS}g}"


def _text(value: float, digits: int, rounding: str) -> str:
    if not math.isfinite(value):
        return f"{value:g}"
    number = rounded(value, digits, rounding)
    exponent = number.adjusted() if number else 0
    # As %g writes it, but from the decimal itself: a way back through the float would round again.
    if -_PLAIN_ZEROS <= exponent < digits:
        return _trimmed(f"{number:f}")
    return f"{_trimmed(f'{number.scaleb(-exponent):f}')}e{exponent:+03d}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
