"""One outcome per check, with strict expected failures."""

from __future__ import annotations

import pytest

from nnff.errors import SimilarityError, UnknownNameError
from nnff.testing import CheckOutcome, SkipCheck, Status, all_ok, run_checks


def passes():
    pass


def fails():
    raise AssertionError("two\n  lines")


def fails_without_a_word():
    raise AssertionError


def breaks():
    raise SimilarityError("no such thing")


def does_not_apply():
    raise SkipCheck("not for this one")


def test_each_ending_has_its_status():
    found = run_checks({"a": passes, "b": fails, "c": breaks, "d": does_not_apply, "e": fails_without_a_word})
    assert [outcome.name for outcome in found] == list("abcde")
    assert found[0] == CheckOutcome("a", Status.PASSED)
    assert found[1] == CheckOutcome("b", Status.FAILED, "two lines")
    assert found[2] == CheckOutcome("c", Status.FAILED, "SimilarityError: no such thing")
    assert found[3] == CheckOutcome("d", Status.SKIPPED, "not for this one")
    assert found[4].status is Status.FAILED
    assert found[4].detail.startswith("AssertionError at test_outcome.py:")


def test_expected_failures_are_strict():
    known = {"a": "was broken", "b": "is broken", "d": "would be broken"}
    found = run_checks({"a": passes, "b": fails, "c": passes, "d": does_not_apply}, known)
    assert [outcome.status for outcome in found] == [
        Status.UNEXPECTED_PASS,
        Status.EXPECTED_FAILURE,
        Status.PASSED,
        Status.SKIPPED,
    ]
    assert "was broken" in found[0].detail
    assert found[1].detail == "is broken"


def test_an_expected_failure_of_an_unknown_check():
    with pytest.raises(UnknownNameError, match="did you mean 'reach'"):
        run_checks({"reach": passes}, {"reech": "a typo"})


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_are_not_outcomes(interrupt):
    def interrupted():
        raise interrupt

    with pytest.raises(interrupt):
        run_checks({"a": interrupted})


def test_all_ok():
    good = [CheckOutcome("a", status) for status in Status if status.ok]
    assert all_ok(good)
    assert all_ok([])
    for status in (Status.FAILED, Status.UNEXPECTED_PASS):
        assert not all_ok([*good, CheckOutcome("b", status)])


def test_one_line_per_outcome():
    assert str(CheckOutcome("a", Status.PASSED)) == "a: passed"
    assert str(CheckOutcome("a", Status.FAILED, "why")) == "a: failed (why)"
