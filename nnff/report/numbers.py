"""Numbers as a reader sees them: few digits, real minus signs, powers of ten instead of 1e-09.

A certified bound is shown rounded up and a witnessed one rounded down, so
that what is printed holds too.  Every `Shown` carries the exact value beside its text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import TYPE_CHECKING

from nnff.certification.digits import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Shown",
    "aligned",
    "at_least",
    "at_most",
    "clock",
    "column",
    "duration",
    "percent",
    "shown",
    "typeset",
]

_DIGITS = 6
_PLAIN_FROM, _PLAIN_TO = -4, 9
"""Numbers from 1e-4 up to 1e9 are written out, all others with a power of ten."""
_FLOAT_DIGITS = 15
_MINUTE, _HOUR = 60.0, 3600.0
_MINUS, _PERCENT = "\u2212", "\u00a0%"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Shown:
    """A number and the text that stands for it.

    Attributes
    ----------
    text
        What is printed.
    value
        The number itself.
    """

    text: str
    value: float

    @property
    def exact(self) -> str:
        """The shortest decimal that reads back as `value`."""
        return repr(self.value)

    def __str__(self) -> str:
        return self.text


def shown(value: float, digits: int = _DIGITS) -> Shown:
    """Return `value` rounded to nearest."""
    return _shown(value, digits, ROUND_HALF_EVEN)


def at_most(value: float, digits: int = _DIGITS) -> Shown:
    """Return an upper bound: the text is never below `value`."""
    return _shown(value, digits, ROUND_CEILING)


def at_least(value: float, digits: int = _DIGITS) -> Shown:
    """Return a lower bound: the text is never above `value`."""
    return _shown(value, digits, ROUND_FLOOR)


def aligned(first: float, second: float) -> tuple[Shown, Shown, Shown]:
    """Return two values and their difference ``second - first`` with the same number of decimals.

    There are as many decimals as the values need for five digits, and the
    difference for three, as far as a float has them: 50000 and 50000.003
    do not look alike.
    """
    first, second = float(first), float(second)
    difference = second - first
    values = (first, second, difference)
    if not all(math.isfinite(value) for value in values):
        return shown(first), shown(second), shown(difference)
    largest = max(abs(first), abs(second))
    if largest == 0 or (first.is_integer() and second.is_integer() and largest < 10.0**_PLAIN_TO):
        decimals = 0
    else:
        top = _exponent(largest)
        wanted = 4 - top
        if difference:
            wanted = max(wanted, 2 - _exponent(difference))
        decimals = max(0, min(wanted, _FLOAT_DIGITS - 1 - top))
        if not _PLAIN_FROM <= top < _PLAIN_TO:
            digits = min(max(_DIGITS, decimals + top + 1), _FLOAT_DIGITS)
            return shown(first, digits), shown(second, digits), shown(difference, 3)
    return _fixed(first, decimals), _fixed(second, decimals), _fixed(difference, decimals)


def column(values: Sequence[float]) -> list[Shown]:
    """Return values with the same number of decimals, enough for four digits of the largest."""
    largest = max((abs(value) for value in values), default=0.0)
    if not math.isfinite(largest) or (largest and not _PLAIN_FROM < _exponent(largest) < _PLAIN_TO):
        return [shown(value, 4) for value in values]
    decimals = max(0, 3 - _exponent(largest)) if largest else 0
    return [_fixed(value, decimals) for value in values]


def clock(seconds: float) -> Shown:
    """Return seconds in hundredths, for tables."""
    hundredth = 0.01
    return Shown("< 0.01", seconds) if 0 < seconds < hundredth else _fixed(seconds, 2)


def percent(low: float, high: float | None = None) -> str:
    """Return a share of one in per cent, or a range of shares in whole per cent, rounded outward."""
    if high is None:
        return f"{shown(100 * low, 3)}{_PERCENT}"
    down, up = math.floor(100 * low), math.ceil(100 * high)
    return f"{down}{_PERCENT}" if down == up else f"{down}{_PERCENT} to {up}{_PERCENT}"


def duration(seconds: float) -> str:
    """Return wall time: 0.012 s, 3.4 s, 2 min 5 s, 1 h 2 min."""
    if not math.isfinite(seconds) or seconds < _MINUTE:
        return f"{shown(seconds, 3)} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def typeset(number: Decimal) -> str:
    """Write a decimal number out, with a power of ten where it would be long."""
    if number == 0:
        return "0"
    exponent = number.adjusted()
    if _PLAIN_FROM <= exponent < _PLAIN_TO:
        return _signed(_trimmed(format(number, "f")))
    mantissa = _signed(_trimmed(format(number.scaleb(-exponent), "f")))
    return f"{mantissa}\u00d710{str(exponent).translate(_SUPERSCRIPTS)}"


def _shown(value: float, digits: int, rounding: str) -> Shown:
    value = float(value)
    if math.isnan(value):
        return Shown("not a number", value)
    if math.isinf(value):
        return Shown("∞" if value > 0 else f"{_MINUS}∞", value)
    # Digits in front of the point are kept: 1234567.8 is 1234568, not 1234570.
    whole = _exponent(value) + 1 if value else 0
    if digits < whole <= _PLAIN_TO:
        digits = whole
    return Shown(typeset(rounded(value, digits, rounding)), value)


def _fixed(value: float, decimals: int) -> Shown:
    if not math.isfinite(value):
        return shown(value)
    exact = Decimal(repr(float(value)))
    # The default context has 28 digits, too few for 1e30 in hundredths.
    with localcontext(prec=400):
        text = format(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN), "f")
    return Shown(_signed(text), float(value))


def _exponent(value: float) -> int:
    """Return the power of ten of the first digit of a number that is not 0."""
    return Decimal(repr(abs(float(value)))).adjusted()


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signed(text: str) -> str:
    """Use the minus sign, and none in front of a zero."""
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.") else f"{_MINUS}{text[1:]}"
    return text
