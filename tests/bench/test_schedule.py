"""The order of the runs: interleaved, rotated, control runs spread; what may be left out or misspelt."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.bench import Instance, Suite
from nnff.bench.schedule import Choices, contenders, rotation, schedule, solver_troubles
from nnff.errors import ConfigError, SolverUnavailableError, UnknownNameError
from nnff.solver import Availability
from nnff_solvers.cbc import CbcBackend


def suite(instances=4, **settings):
    made = tuple(
        Instance(f"net-{number}", build=lambda: None, epsilon=0.1, metric="l_1")
        for number in range(instances)
    )
    settings = {"backends": ("highs", "cbc", "ortools")} | settings
    return Suite("tiny", "a suite", made, **settings)


def who(spec):
    return spec.strategy, spec.backend


def blocks(runs):
    return [(key, list(group)) for key, group in groupby(runs, lambda spec: (spec.seed, spec.instance))]


def test_every_combination_is_run_once():
    runs = schedule(suite(strategies=("relational", "twin")), Choices())
    wanted = product((0, 1, 2), ("net-0", "net-1", "net-2", "net-3"), ("relational", "twin"))
    assert Counter((r.seed, r.instance, r.strategy, r.backend) for r in runs) == Counter(
        (*rest, backend) for rest in wanted for backend in ("highs", "cbc", "ortools")
    )
    assert len({run.key for run in runs}) == len(runs)


@given(places=st.integers(1, 40), runners=st.integers(1, 12), turns=st.integers(1, 12))
def test_all_begin_equally_often_and_at_every_instance(places, runners, turns):
    first = [[rotation(place, turn, places, runners) for place in range(places)] for turn in range(turns)]
    overall = Counter(dict.fromkeys(range(runners), 0))
    overall.update(number for row in first for number in row)
    assert max(overall.values()) - min(overall.values()) <= 1
    # At one instance nobody begins twice before everybody has begun once.
    for place in range(places):
        begun = Counter(row[place] for row in first)
        assert max(begun.values()) <= -(-turns // runners)


def test_contenders_follow_each_other_on_one_instance_and_each_is_first_equally_often():
    runs = schedule(suite(instances=6), Choices())
    groups = blocks(runs)
    assert [key for key, _ in groups] == [(s, f"net-{i}") for s in (0, 1, 2) for i in range(6)]
    assert all(sorted(r.backend for r in group) == ["cbc", "highs", "ortools"] for _, group in groups)
    for position in range(3):
        assert set(Counter(group[position].backend for _, group in groups).values()) == {6}


def test_control_runs_are_spread_from_the_first_run_to_the_last():
    runs = schedule(suite(instances=10, control="net-3", control_repeats=5), Choices())
    places = [place for place, run in enumerate(runs) if run.role == "control"]
    assert places[0] == 0
    assert places[-1] == len(runs) - 1
    steps = {b - a for a, b in pairwise(places)}
    assert max(steps) - min(steps) <= 1
    controls = [runs[place] for place in places]
    assert [run.repeat for run in controls] == [0, 1, 2, 3, 4]
    assert {(run.instance, run.backend, run.seed) for run in controls} == {("net-3", "highs", 0)}
    # The same run but for its number: nothing else may differ in what is to show noise.
    assert len({run.model_copy(update={"repeat": 0}).key for run in controls}) == 1
    assert len({run.key for run in runs}) == len(runs)


@pytest.mark.parametrize("repeats", [0, 1, 2])
def test_few_control_runs(repeats):
    runs = schedule(suite(control="net-0", control_repeats=repeats), Choices())
    assert sum(run.role == "control" for run in runs) == repeats
    assert len(runs) == 36 + repeats


@pytest.mark.parametrize("choices", [Choices(control=False), Choices(instances=("net-1",))])
def test_no_control_runs_unless_they_are_wanted_and_their_instance_is_chosen(choices):
    assert all(run.role == "measure" for run in schedule(suite(control="net-0"), choices))


def test_exhaustive_runs_once_without_a_solver():
    both = contenders(suite(strategies=("relational", "exhaustive")), Choices())
    assert both == (
        ("relational", "highs"),
        ("relational", "cbc"),
        ("relational", "ortools"),
        ("exhaustive", ""),
    )
    assert contenders(suite(backends=("no such",), strategies=("exhaustive",)), Choices()) == (
        ("exhaustive", ""),
    )


def test_without_names_every_solver_that_is_available_is_run(monkeypatch):
    assert solver_troubles() == {"cbc": "", "highs": "", "ortools": ""}
    missing = Availability(available=False, reason="not here", hint="install it")
    monkeypatch.setattr(CbcBackend, "availability", classmethod(lambda _cls: missing))
    runs = schedule(suite(backends=None), Choices())
    assert {run.backend for run in runs} == {"highs", "ortools"}
    with pytest.raises(SolverUnavailableError, match="'cbc' cannot be used: not here"):
        schedule(suite(backends=None), Choices(backends=("cbc",)))


def test_a_solver_plugin_that_is_broken_does_not_keep_the_others_from_being_run(monkeypatch):
    def broken(_cls):
        raise OSError("the licence server is down")

    monkeypatch.setattr(CbcBackend, "availability", classmethod(broken))
    assert solver_troubles() == {"cbc": "the licence server is down", "highs": "", "ortools": ""}
    assert {run.backend for run in schedule(suite(backends=None), Choices())} == {"highs", "ortools"}


def test_choices_take_the_place_of_the_suites_own():
    [run] = schedule(
        suite(control="net-2"),
        Choices(
            backends=("cbc", "cbc"),
            strategies=("twin",),
            seeds=(7,),
            instances=("*-2",),
            time_limit=3.0,
            threads=2,
            gap=0.0,
            memory_limit=10**9,
            full=True,
            control=False,
        ),
    )
    assert (run.backend, run.strategy, run.seed, run.instance) == ("cbc", "twin", 7, "net-2")
    assert (run.time_limit, run.threads, run.gap, run.memory_limit, run.full) == (3.0, 2, 0.0, 10**9, True)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices(backends=("higs",)), "no solver is called 'higs'.*did you mean 'highs'"),
        (Choices(strategies=("twins",)), "no strategy is called 'twins'.*did you mean 'twin'"),
        (Choices(instances=("net-0", "net_1")), "'tiny' is called 'net_1'.*did you mean 'net-1'"),
        (Choices(instances=("x*",)), "no instance of the suite 'tiny' is called 'x\\*'; known: net-0"),
    ],
)
def test_misspelt_names_are_named_and_the_nearest_is_suggested(choices, message):
    with pytest.raises(UnknownNameError, match=message):
        schedule(suite(), choices)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"backends": ()}, "the list of solver names is empty"),
        ({"seeds": ()}, "the list of seed"),
        ({"time_limit": 0.0}, "the time limit is 0.0"),
        ({"time_limit": float("nan")}, "the time limit is nan"),
        ({"threads": 0}, "threads is 0"),
        ({"gap": -1.0}, "the gap is -1.0"),
        ({"memory_limit": 0}, "the memory limit is 0"),
    ],
)
def test_choices_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Choices(**wrong)


def test_a_strategy_is_left_out_where_it_cannot_be_asked():
    made = (
        Instance("any", build=lambda: None, epsilon=0.1, metric="l_1"),
        Instance("box", build=lambda: None, epsilon=0.1, metric="l_1", strategies=("twin", "relational")),
    )
    mixed = Suite(
        *("mixed", "a suite", made),
        backends=("highs",),
        strategies=("exhaustive", "relational", "twin"),
        seeds=(0, 1),
        control="box",
        control_repeats=2,
    )
    runs = schedule(mixed, Choices())
    measured = [run for run in runs if run.role == "measure"]
    assert Counter((run.instance, run.strategy) for run in measured) == {
        (name, strategy): 2
        for name, strategy in product(("any", "box"), mixed.strategies)
        if (name, strategy) != ("box", "exhaustive")
    }
    assert [run.strategy for run in runs if run.role == "control"] == ["relational"] * 2
    # Nothing is left to run: no control run either.
    assert schedule(mixed, Choices(instances=("box",), strategies=("exhaustive",))) == ()


def test_all_begin_equally_often_where_some_cannot_be_asked_everything():
    strategies = [None, ("relational",), ("relational",), None, ("relational",)] * 3
    made = tuple(
        Instance(f"net-{number}", lambda: None, 0.1, "l_1", strategies=asked)
        for number, asked in enumerate(strategies)
    )
    mixed = Suite("mixed", "a suite", made, ("highs", "cbc", "ortools"), ("relational", "exhaustive"))
    groups = blocks(schedule(mixed, Choices()))
    assert len(groups) == 45
    for size, times in ((3, 9), (4, 4.5)):
        first = Counter(group[0].backend for _, group in groups if len(group) == size)
        assert len(first) == size
        assert all(abs(count - times) < 1 for count in first.values())
