"""What weakens a comparison is said, and nothing is said about a sound one."""

from __future__ import annotations

import math

import pytest

from nnff.bench.analysis import analyse
from nnff.bench.environment import environment_differences
from nnff.bench.record import Outcome

INSTANCES = "abcde"


def here(**changes):
    return {"machine": {"cores": 2}, "versions": {"numpy": "2.1"}, "source": "s" * 64, "jobs": 1} | changes


@pytest.fixture
def sound(run):
    """Two backends on five instances, two seeds, one environment, and quiet control runs."""
    measured = [
        run(3, instance=name, seed=seed, backend=backend, environment=here())
        for name in INSTANCES
        for seed in (0, 1)
        for backend in ("highs", "cbc")
    ]
    return [
        *measured,
        *(run(1 + n / 100, role="control", repeat=n, environment=here(), instance="a") for n in range(3)),
    ]


def only(records):
    [warning] = analyse(records).warnings
    return warning


def replaced(records, number, **changes):
    changed = records[number].model_copy(update=changes)
    return [*records[:number], changed, *records[number + 1 :]]


def test_a_sound_comparison_has_no_caveat(sound):
    assert analyse(sound).warnings == ()


def test_runs_made_again(sound):
    assert only([*sound, sound[0].model_copy(update={"attempt": 2})]) == (
        "1 run was made more than once; the last try counts."
    )
    # What was tried before may be gone: the number of the try tells.
    assert only(replaced(sound, 0, attempt=2)) == "1 run is not the first try."


def test_mixed_environments(sound):
    other = here(versions={"numpy": "2.2"}, source="t" * 64)
    numpy, source = environment_differences(here(), other)
    assert only(replaced(sound, 3, environment=other)) == (
        f"The runs do not come from one environment: {numpy}; {source}."
    )


def test_instances_that_changed_on_the_way(sound):
    assert only(replaced(sound, 0, instance_fingerprint="new")) == (
        "Not the same problem in all runs, so that their numbers cannot be compared: a."
    )
    # A process that died early does not know its problem.
    assert analyse(replaced(sound, 0, instance_fingerprint="")).warnings == ()


def test_instances_that_a_contender_was_not_run_on(sound):
    def gone(record):
        return record.spec.backend == "cbc" and record.spec.instance in "abcd"

    assert only([record for record in sound if not gone(record)]) == (
        "cbc was not run on 4 of 5 instances (a, b, c and 1 more): its means are over the others; "
        "pairs and profiles are over common ones."
    )


def test_seeds_that_are_missing(sound):
    assert only(sound[1:]) == "Fewer than 2 runs: highs on a."


def test_settings_that_differ_between_contenders(sound, run):
    longer = [
        run(3, instance=name, seed=seed, backend="scip", time_limit=60.0, threads=2, memory_limit=limit)
        for name in INSTANCES
        for seed, limit in enumerate((None, 5))
    ]
    warnings = analyse([*sound, *longer]).warnings
    assert "The runs have different time limits: 20, 60." in warnings
    assert "The runs have different numbers of threads: 1, 2." in warnings
    assert "The runs have different memory limits: 5, none." in warnings


def test_runs_that_did_not_keep_their_limit(sound):
    assert analyse(replaced(sound, 0, seconds=21.9)).warnings == ()
    late = replaced(replaced(sound, 0, seconds=30.0), 1, seconds=45.2)
    assert only(late) == "2 runs took longer than the limit allows, at worst 45.2 s of 20 s (cbc on a)."


def test_few_instances(sound):
    few = [record for record in sound if record.spec.instance in "abc"]
    assert "3 instances are too few for intervals" in only(few)
    # One contender has no intervals.
    assert analyse([record for record in few if record.spec.backend == "highs"]).warnings == ()


def test_noise_that_is_not_known_or_large(sound, run):
    assert "no control runs" in only([record for record in sound if record.spec.role == "measure"])
    noisy = [*sound, run(1.5, role="control", repeat=9, environment=here(), instance="a")]
    assert "control runs of highs on a, in which nothing was changed, differ by" in only(noisy)
    unsolved = run(20, Outcome.OPEN, role="control", repeat=9, environment=here(), instance="a")
    assert "differ beyond the time limit" in only([*sound, unsolved])


def test_sentences_hold_no_number_that_is_none(sound, run):
    dead = run(0, Outcome.ERROR, lower=0, upper=math.inf, backend="scip", instance_fingerprint="")
    assert not any("nan" in warning for warning in analyse([*sound, dead]).warnings)
