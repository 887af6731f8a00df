"""Brackets that do not meet are found and their makers named; nothing else is."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from nnff.bench.consistency import TOLERANCE, find_contradictions
from nnff.bench.record import Outcome, RunRecord, RunSpec


def run(backend="highs", lower=1.0, upper=1.1, *, seed=0, strategy="relational", problem="a" * 64, **facts):
    spec = RunSpec(
        suite="tiny", instance="one", strategy=strategy, backend=backend, seed=seed, time_limit=1, gap=0.01
    )
    return RunRecord(
        key=spec.key,
        spec=spec,
        outcome=facts.pop("outcome", Outcome.OPEN),
        delta_lower=lower,
        delta_upper=upper,
        instance_fingerprint=problem,
        **facts,
    )


def sentences(*records):
    return [contradiction.sentence for contradiction in find_contradictions(records)]


def test_brackets_that_meet_in_a_point_are_no_contradiction():
    assert sentences(run("highs", 1.0, 1.2), run("cbc", 1.2, 1.3), run("", 1.2, 1.2)) == []


def test_a_bound_below_anothers_real_pair_names_both_and_both_numbers():
    [sentence] = sentences(
        run("highs", 0.7, 0.75), run("cbc", 0.7887, 0.79, seed=2), run("ortools", 0.7, 0.8)
    )
    assert sentence == (
        "one: highs (relational, seed 0) claims that no pair differs by more than 0.75, "
        "but cbc (relational, seed 2) has a real pair that differs by 0.7887"
    )


def test_two_seeds_of_one_backend_can_contradict_each_other():
    [sentence] = sentences(run("cbc", 0.5, 0.6, seed=0), run("cbc", 0.7, 0.8, seed=1))
    assert "cbc (relational, seed 0) claims" in sentence
    assert "cbc (relational, seed 1) has a real pair" in sentence


def test_of_many_seeds_the_worst_case_is_told_once_per_pair_of_contenders():
    records = [run("cbc", 0.5, 0.6 + seed / 100, seed=seed) for seed in range(3)]
    records += [run("highs", 0.7 + seed / 100, 0.9, seed=seed) for seed in range(3)]
    [sentence] = sentences(*records)
    assert "more than 0.6," in sentence
    assert sentence.endswith("differs by 0.72")


def test_an_exhaustive_run_is_named_by_its_strategy():
    [sentence] = sentences(run("", 1.0, 1.0, strategy="exhaustive"), run("cbc", 0.5, 0.9))
    assert sentence.endswith("but exhaustive has a real pair that differs by 1")


def test_other_problems_are_not_compared_even_under_the_same_name():
    assert sentences(run("highs", 0.1, 0.2), run("cbc", 0.7, 0.8, problem="b" * 64)) == []
    # A run that died before it knew its problem says nothing.
    assert sentences(run("highs", 0.1, 0.2, problem=""), run("cbc", 0.7, 0.8, problem="")) == []


def test_known_bounds_take_part_if_they_are_bounds():
    [sentence] = sentences(run("highs", 0.1, 0.2, known_lower=0.3, known_source="Table 3"))
    assert sentence.endswith("but known (Table 3) has a real pair that differs by 0.3")
    [sentence] = sentences(run("highs", 0.4, 0.5, known_upper=0.3, known_source="Table 3"))
    assert "known (Table 3) claims that no pair differs by more than 0.3" in sentence
    assert sentences(run("highs", 0.4, 0.5, known_upper=0.3, known_proven=False)) == []


def test_a_run_that_contradicted_a_real_pair_itself_is_told():
    failed = run("cbc", 0.5, math.inf, outcome=Outcome.ERROR, reason="inconsistent", detail="cbc claims 0.4")
    assert sentences(failed) == ["one: cbc (relational, seed 0): cbc claims 0.4"]


@given(
    delta=st.floats(1e-6, 1e6),
    below=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    above=st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_brackets_around_one_number_never_contradict(delta, below, above):
    records = [run("highs", delta * (1 - part), math.inf) for part in below]
    records += [run("cbc", 0.0, delta * (1 + part)) for part in above]
    assert sentences(*records) == []


@given(upper=st.floats(1e-6, 1e6))
def test_a_bound_may_be_below_a_real_pair_by_the_tolerance_and_by_the_pairs_rounding_alone(upper):
    def contradicted(lower, rounding):
        return bool(sentences(run("highs", lower, 2 * lower, rounding=rounding), run("cbc", 0.0, upper)))

    slack = TOLERANCE * upper
    assert not contradicted(upper + 0.9 * slack, 0.0)
    assert contradicted(upper + 1.1 * slack, 0.0)
    assert not contradicted(upper + 100 * slack, 100 * slack)
    assert contradicted(upper + 102 * slack, 100 * slack)
