"""The bracket only narrows, and notices when its two sides pass each other."""

from __future__ import annotations

import itertools
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.bracket import Bracket
from nnff.certification.certificate import Witness


def pair(delta, *, replayed=True):
    return Witness(
        feature_names=["x0"],
        x1=[0.0],
        x2=[1.0],
        output1=0.0,
        output2=delta,
        distance=0.1,
        origin="attack",
        replayed=replayed,
    )


def bracket(**facts):
    return Bracket(time.perf_counter(), **facts)


STEPS = st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=12)


@given(STEPS)
@settings(deadline=None, derandomize=True)
def test_lower_only_rises_upper_only_falls_and_they_never_cross_unnoticed(steps):
    own = bracket()
    seen = [(own.lower, own.upper)]
    for proves, value in steps:
        if proves:
            own.prove(value, "a proof")
        else:
            own.show(pair(value), "a pair")
        if own.contradiction:
            break
        seen.append((own.lower, own.upper))
    for (low, high), (next_low, next_high) in itertools.pairwise(seen):
        assert next_low >= low
        assert next_high <= high
    assert all(low <= high for low, high in seen)
    lows = [value for proves, value in steps if not proves]
    highs = [value for proves, value in steps if proves]
    crossed = bool(lows and highs) and max(lows) > min(highs) * (1 + 1e-8) + 1e-12
    if crossed:
        assert own.contradiction
    assert own.history == [
        (seconds, low, high) for seconds, low, high in own.history if low <= high or own.contradiction
    ]


def test_a_bound_below_a_pair_is_a_contradiction_that_names_both_and_is_not_taken():
    own = bracket()
    own.show(pair(0.5), "a pair")
    own.prove(0.499, "the solver 'liar'")
    assert "'liar'" in own.contradiction
    assert "0.499" in own.contradiction
    assert "0.5" in own.contradiction
    assert own.upper == math.inf


def test_a_pair_above_a_bound_is_a_contradiction():
    own = bracket()
    own.prove(0.5, "a proof")
    own.show(pair(0.501), "found later")
    assert "found later" in own.contradiction
    assert own.lower == 0.501


@pytest.mark.parametrize("order", ["pair first", "proof first"])
def test_crossing_within_rounding_is_none_and_the_pair_is_the_truth(order):
    own = bracket()
    value = 0.5 * (1 + 5e-10)
    if order == "pair first":
        own.show(pair(value), "a pair")
        own.prove(0.5, "a proof")
    else:
        own.prove(0.5, "a proof")
        own.show(pair(value), "a pair")
    assert not own.contradiction
    assert own.lower == own.upper == value


def test_the_rounding_of_the_forward_pass_is_allowed_for():
    """Outputs near 1e8 are off by 1e-8: a pair's delta of 1e-6 says nothing about its third digit."""
    own = bracket(replay_error=lambda _witness: 3e-8)
    own.prove(1e-6, "a proof")
    own.show(pair(1.02e-6), "a pair")
    assert not own.contradiction
    assert own.upper == 1.02e-6
    own.show(pair(1.2e-6), "a pair")
    assert own.contradiction


@pytest.mark.parametrize("nothing", [None, pair(9.0, replayed=False), pair(math.nan)])
def test_what_is_not_replayed_or_no_number_does_not_count(nothing):
    own = bracket()
    own.show(pair(0.25), "a pair")
    own.show(nothing, "nothing")
    assert own.lower == 0.25
    assert not own.contradiction


def test_a_bound_that_is_no_number_is_no_bound():
    own = bracket()
    own.show(pair(0.25), "a pair")
    own.prove(math.nan, "a proof")
    assert own.upper == math.inf
    assert not own.contradiction


def test_a_negative_bound_contradicts_every_pair_of_equal_inputs():
    own = bracket()
    own.prove(-1e-3, "a proof")
    assert own.contradiction


def test_a_bound_in_the_making_is_shown_but_not_kept():
    shown = []
    own = bracket(listener=shown.append)
    own.prove(1.0, "a proof")
    own.tick("solve", upper=0.7, nodes=12)
    assert (shown[-1].delta_upper, shown[-1].nodes, shown[-1].phase) == (0.7, 12, "solve")
    own.tick(upper=2.0)
    assert shown[-1].delta_upper == 1.0
    assert own.upper == 1.0


def test_gap_and_history():
    own = bracket()
    assert own.gap == math.inf
    own.show(pair(0.5), "a pair")
    own.prove(0.55, "a proof")
    own.prove(0.6, "a worse one")
    assert own.gap == pytest.approx(0.1)
    assert [(low, high) for _, low, high in own.history] == [(0.5, math.inf), (0.5, 0.55)]
