"""Brackets over time as step functions, on one grid for all, and their integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnff.bench.analysis import analyse
from nnff.bench.history import bracket_steps
from nnff.bench.record import Outcome

OPEN = Outcome.OPEN


def gap_at(analysis, contender, seconds, column="median"):
    """The value of the step function at a time of the grid or between two of them."""
    own = analysis.gap_over_time.query("contender == @contender")
    return own[own["seconds"] <= seconds * (1 + 1e-12)].iloc[-1][column]


@pytest.fixture
def slow(run):
    """Gap 3 from 1 s on, 1 from 4 s on, closed at 8 s."""
    return run(8, lower=2, upper=2, bracket=[(1, 1, 4), (4, 2, 4), (8, 2, 2)])


class TestSteps:
    def test_the_end_is_a_step_of_its_own_unless_it_is_the_last_change(self, run, slow):
        assert bracket_steps(slow) == [(1, 1, 4), (4, 2, 4), (8, 2, 2)]
        longer = run(20, OPEN, lower=1, upper=4, bracket=[(1, 1, 4)])
        assert bracket_steps(longer) == [(1, 1, 4), (20, 1, 4)]

    def test_the_end_is_never_before_the_last_change(self, run):
        assert bracket_steps(run(7.9, lower=2, upper=2, bracket=[(8, 1, 4)]))[-1] == (8, 2, 2)

    def test_a_run_that_contradicted_itself_certified_nothing_at_any_time(self, run):
        liar = run(3, Outcome.ERROR, reason="inconsistent", lower=5, upper=1, bracket=[(1, 0, 1), (2, 5, 1)])
        assert bracket_steps(liar) == [(1, 0, math.inf), (2, 5, math.inf), (3, 5, math.inf)]

    def test_every_change_of_every_run_is_in_the_table(self, run, slow):
        other = run(9, seed=1, lower=2, upper=3, bracket=[(2, 1, 4)])
        frame = analyse([slow, other]).brackets
        assert frame["seed"].tolist() == [0, 0, 0, 1, 1]
        assert frame["seconds"].tolist() == [1, 4, 8, 2, 9]
        assert frame["gap"].tolist() == pytest.approx([3, 1, 0, 3, 0.5])


class TestGapOverTime:
    def test_by_hand(self, slow):
        analysis = analyse([slow])
        grid = analysis.gap_over_time["seconds"].to_numpy()
        # From the first bound of all to the limit.
        assert (grid[0], grid[-1]) == (pytest.approx(1), pytest.approx(20))
        assert (np.diff(grid) > 0).all()
        found = [gap_at(analysis, "highs", seconds) for seconds in (1.5, 3.5, 5, 9.5, 20)]
        assert found == pytest.approx([3, 3, 1, 0, 0])

    def test_nothing_is_known_before_the_first_bound(self, run, slow):
        analysis = analyse([slow, run(1, backend="cbc", bracket=[(0.1, 1, 1)])])
        assert gap_at(analysis, "highs", 0.9) == math.inf
        assert gap_at(analysis, "cbc", 0.9) == 0

    def test_a_change_counts_from_its_very_time_on(self, run):
        # The grid ends at 20 s, where the bracket closes.
        analysis = analyse([run(20, bracket=[(1, 1, 2), (20, 1, 1)])])
        assert gap_at(analysis, "highs", 20) == 0
        assert analysis.gap_over_time["median"].iloc[-2] == 1

    def test_median_over_seeds_then_quartiles_over_instances(self, run):
        def at_once(instance, seed, gap):
            bracket = [(0.01, 1, 1 + gap)]
            return run(20, OPEN, instance=instance, seed=seed, lower=1, upper=1 + gap, bracket=bracket)

        gaps = {"a": (0.1, 0.2, 9), "b": (0.4, 0.4, 0.4), "c": (0.8, 0.5, 0.6)}
        analysis = analyse([at_once(name, s, gap) for name, own in gaps.items() for s, gap in enumerate(own)])
        last = analysis.gap_over_time.iloc[-1]
        # Medians .2, .4, .6; counting runs instead of instances would give .4 as well, but other quartiles.
        assert last[["q25", "median", "q75"]].tolist() == pytest.approx([0.3, 0.4, 0.5])
        assert last["instances"] == 3

    def test_a_run_without_any_bound_stays_infinite_and_counts(self, run, slow):
        dead = run(0.0, Outcome.ERROR, instance="two", lower=0, upper=math.inf)
        last = analyse([slow, dead]).gap_over_time.iloc[-1]
        assert (last["q25"], last["median"], last["q75"]) == (math.inf, math.inf, math.inf)
        last = analyse([slow, slow.model_copy(update={"key": "x"}), dead]).gap_over_time.iloc[-1]
        assert last["instances"] == 2

    def test_one_grid_for_all(self, run, slow):
        fast = run(0.5, backend="cbc", bracket=[(0.1, 1, 1)])
        frame = analyse([slow, fast]).gap_over_time
        grids = [own["seconds"].tolist() for _, own in frame.groupby("contender")]
        assert grids[0] == grids[1]

    def test_it_never_rises_when_brackets_only_narrow(self, run, slow):
        other = run(20, OPEN, instance="two", lower=3, upper=4, bracket=[(0.2, 1, 9), (3, 1, 5), (9, 3, 4)])
        values = analyse([slow, other]).gap_over_time[["q25", "median", "q75"]].to_numpy()
        # inf - inf is not a number, so compare instead of differences.
        assert (values[1:] <= values[:-1]).all()

    def test_a_limit_below_the_earliest_time_of_the_grid(self, run):
        frame = analyse([run(1e-4, time_limit=5e-4)]).gap_over_time
        assert frame["seconds"].iloc[-1] == pytest.approx(5e-4)


def test_integrals_by_hand(run, slow):
    # 1 s of 1, 3 s of 3/4, 4 s of 1/2: 5.25; a run without bounds: 20.
    dead = run(0.0, Outcome.ERROR, instance="two", lower=0, upper=math.inf)
    [row] = analyse([slow, dead]).integrals.itertuples()
    assert row.instances == 2
    assert row.mean_seconds == pytest.approx((5.25 + 20) / 2)
    assert row.mean_share == pytest.approx((5.25 + 20) / 40)
