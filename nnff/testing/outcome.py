"""The outcome of one conformance check, and the runner that all conformance kits share."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnff.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["CheckOutcome", "SkipCheck", "Status", "all_ok", "run_checks"]


class SkipCheck(Exception):  # noqa: N818 - not an error: the check does not apply
    """Raised by a check that does not apply to the plugin; the message says why."""


class Status(enum.StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """The check does not apply (see `SkipCheck`)."""
    EXPECTED_FAILURE = "expected failure"
    """It failed, as the plugin's author said it would, with a reason."""
    UNEXPECTED_PASS = "unexpected pass"  # noqa: S105 - not a password
    """It passed although a failure is on record: the record is stale, which counts as a failure."""

    @property
    def ok(self) -> bool:
        """Whether a kit with this outcome may still be called passed."""
        return self in {Status.PASSED, Status.SKIPPED, Status.EXPECTED_FAILURE}


@dataclass(frozen=True)
class CheckOutcome:
    """One line of a conformance report.

    Attributes
    ----------
    name
        The check.
    status
        How it ended.
    detail
        Why, in one line; empty for a check that passed.
    """

    name: str
    status: Status
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.status}" + (f" ({self.detail})" if self.detail else "")


def run_checks(
    checks: Mapping[str, Callable[[], None]], expected_failures: Mapping[str, str] | None = None
) -> list[CheckOutcome]:
    """Run every check and return one outcome per check, in their order.

    A check passes by returning, fails by raising any exception, and is
    skipped by raising `SkipCheck`.

    Parameters
    ----------
    checks
        Functions without arguments, by name.
    expected_failures
        Names of checks that are known to fail, each with the reason.  They are strict: a check
        that is listed here and passes is `Status.UNEXPECTED_PASS`.

    Raises
    ------
    UnknownNameError
        If an expected failure names no check.
    """
    expected = dict(expected_failures or {})
    for name in expected:
        if name not in checks:
            raise UnknownNameError("check", name, checks)
    return [_run(name, check, expected.get(name)) for name, check in checks.items()]


def _run(name: str, check: Callable[[], None], expected: str | None) -> CheckOutcome:
    try:
        check()
    except SkipCheck as skipped:
        return CheckOutcome(name, Status.SKIPPED, str(skipped))
    except Exception as error:  # noqa: BLE001 - third-party code may fail in any way; it is the outcome
        if expected is not None:
            return CheckOutcome(name, Status.EXPECTED_FAILURE, expected)
        return CheckOutcome(name, Status.FAILED, _in_one_line(error))
    if expected is not None:
        return CheckOutcome(
            name, Status.UNEXPECTED_PASS, f"passes, but is listed as a known failure: {expected}"
        )
    return CheckOutcome(name, Status.PASSED)


def all_ok(outcomes: Iterable[CheckOutcome]) -> bool:
    """Tell whether a kit with these outcomes has passed."""
    return all(outcome.status.ok for outcome in outcomes)


def _in_one_line(error: Exception) -> str:
    """Return the message of `error` as one line; of an assertion without one, where it is."""
    text = " ".join(str(error).split())
    if isinstance(error, AssertionError) and text:
        return text
    if text:
        return f"{type(error).__name__}: {text}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"
