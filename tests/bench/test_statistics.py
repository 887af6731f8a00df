"""Every statistic against a hand-computed example, an independent computation, and its properties."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from nnff.bench.statistics import (
    Ratio,
    geometric_mean_ratio,
    par,
    performance_profile,
    primal_dual_integral,
    quantiles,
    quartile_spread,
    range_spread,
    relative_difference,
    shifted_geometric_mean,
    step_values,
)
from nnff.errors import DataError

seconds = st.floats(1e-4, 1e4)
some_seconds = st.lists(seconds, min_size=1, max_size=12)
maybe_seconds = st.one_of(seconds, st.just(math.inf))
time_tables = hnp.arrays(float, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=maybe_seconds)


class TestShiftedGeometricMean:
    def test_by_hand(self):
        # (1 + 1) (7 + 1) = 16, the root of it 4, less 1.
        assert shifted_geometric_mean([1, 7], 1) == pytest.approx(3, rel=1e-14)
        # (0 + 10) (30 + 10) = 400, 20, less 10.
        assert shifted_geometric_mean([0, 30], 10) == pytest.approx(10, rel=1e-14)
        assert shifted_geometric_mean([1, 10, 100], 0) == pytest.approx(10, rel=1e-14)

    @given(some_seconds, st.sampled_from([0.0, 1.0, 10.0]))
    def test_agrees_with_scipy(self, times, shift):
        independent = stats.gmean(np.array(times) + shift) - shift
        assert shifted_geometric_mean(times, shift) == pytest.approx(independent, rel=1e-9, abs=1e-10)

    @given(some_seconds, st.floats(0, 100))
    def test_lies_between_least_and_largest(self, times, shift):
        assert min(times) <= shifted_geometric_mean(times, shift) <= max(times)

    @given(some_seconds)
    def test_grows_with_the_shift_from_geometric_to_arithmetic_mean(self, times):
        means = [shifted_geometric_mean(times, shift) for shift in (0, 1e-9, 1, 10, 1e9)]
        assert means[1] == pytest.approx(means[0], rel=1e-3)
        assert means[-1] == pytest.approx(np.mean(times), rel=1e-3)
        assert all(low <= high * (1 + 1e-9) for low, high in pairwise(means))

    @given(some_seconds, st.randoms())
    def test_does_not_depend_on_the_order(self, times, random):
        shuffled = random.sample(times, len(times))
        expected = pytest.approx(shifted_geometric_mean(times, 1), rel=1e-12)
        assert shifted_geometric_mean(shuffled, 1) == expected

    def test_small_times_do_not_drown_in_the_shift(self):
        # A shift so much larger makes it the arithmetic mean.
        assert shifted_geometric_mean([1e-12, 4e-12], 10) == pytest.approx(2.5e-12, rel=1e-9, abs=0)

    def test_a_zero_makes_the_unshifted_mean_zero(self):
        assert shifted_geometric_mean([0, 5], 0) == 0

    @pytest.mark.parametrize("times", [[], [1, math.inf], [1, -1], [math.nan]])
    def test_what_has_no_mean_is_refused(self, times):
        with pytest.raises(DataError):
            shifted_geometric_mean(times, 1)

    @pytest.mark.parametrize("shift", [-1, math.inf, math.nan])
    def test_a_shift_that_is_none_is_refused(self, shift):
        with pytest.raises(DataError, match="shift"):
            shifted_geometric_mean([1], shift)


class TestPar:
    def test_by_hand(self):
        # 2 solved, and one at ten times its limit of 20: (2 + 6 + 200) / 3.
        assert par([2, 6, 20], [True, True, False], 20) == pytest.approx(208 / 3)

    def test_every_run_has_its_own_limit_and_time_is_not_read_where_unsolved(self):
        assert par([math.nan, math.inf], [False, False], [1, 3]) == 20
        assert par([1, 7], [True, False], [5, 5], factor=2) == (1 + 10) / 2

    @given(st.lists(st.tuples(seconds, st.booleans(), seconds), min_size=1, max_size=12))
    def test_agrees_with_pandas(self, runs):
        frame = pd.DataFrame(runs, columns=["time", "solved", "limit"])
        independent = frame["time"].where(frame["solved"], 10 * frame["limit"]).mean()
        assert par(frame["time"], frame["solved"], frame["limit"]) == pytest.approx(independent)

    def test_nothing_and_solved_in_infinite_time_are_refused(self):
        with pytest.raises(DataError):
            par([], [], 1)
        with pytest.raises(DataError):
            par([math.inf], [True], 1)
        with pytest.raises(DataError):
            par([1], [False], math.inf)


def naive_rho(times, solver, tau):
    """The definition, problem by problem, in exact fractions."""
    count = 0
    for row in times:
        if math.isfinite(row[solver]):
            best = min(Fraction(float(t)) for t in row if math.isfinite(t))
            count += float(Fraction(float(row[solver])) / best) <= tau
    return count / len(times)


class TestPerformanceProfile:
    # Four problems, two solvers.  Ratios: (1, 2), (1, 1), (1.5, 1), and a problem that nobody solves.
    TIMES = ((1, 2), (3, 3), (6, 4), (math.inf, math.inf))

    def test_by_hand(self):
        profile = performance_profile(self.TIMES)
        assert profile.tau.tolist() == [1, 1.5, 2]
        assert profile.rho[:, 0].tolist() == [0.5, 0.75, 0.75]
        assert profile.rho[:, 1].tolist() == [0.5, 0.5, 0.75]

    def test_a_solver_that_solves_nothing_stays_at_zero(self):
        profile = performance_profile([(1, math.inf), (2, math.inf)])
        assert profile.rho.tolist() == [[1, 0]]

    def test_nobody_solves_anything(self):
        profile = performance_profile([(math.inf, math.inf)])
        assert (profile.tau.tolist(), profile.rho.tolist()) == ([1], [[0, 0]])

    @given(time_tables)
    def test_agrees_with_the_definition(self, times):
        profile = performance_profile(times)
        for number, tau in enumerate(profile.tau):
            for solver in range(times.shape[1]):
                assert profile.rho[number, solver] == naive_rho(times, solver, tau)

    @given(time_tables)
    def test_rises_within_0_and_1_up_to_the_share_solved(self, times):
        profile = performance_profile(times)
        assert (np.diff(profile.tau) > 0).all()
        assert profile.tau[0] == 1
        assert ((profile.rho >= 0) & (profile.rho <= 1)).all()
        assert (np.diff(profile.rho, axis=0) >= 0).all()
        assert profile.rho[-1].tolist() == np.isfinite(times).mean(axis=0).tolist()

    @given(time_tables)
    def test_somebody_is_fastest_on_every_problem_that_is_solved(self, times):
        at_one = performance_profile(times).rho[0].sum()
        assert at_one >= np.isfinite(times).any(axis=1).mean() - 1e-12

    @given(time_tables, st.randoms())
    def test_does_not_depend_on_the_order_of_problems(self, times, random):
        rows = random.sample(range(len(times)), len(times))
        one, other = performance_profile(times), performance_profile(times[rows])
        assert one.tau.tolist() == other.tau.tolist()
        assert one.rho.tolist() == other.rho.tolist()

    @pytest.mark.parametrize("times", [[], [[]], [1, 2], [[0, 1]], [[math.nan, 1]]])
    def test_what_has_no_profile_is_refused(self, times):
        with pytest.raises(DataError, match="profile"):
            performance_profile(times)


pairs = st.lists(st.tuples(seconds, seconds), min_size=1, max_size=10)


class TestGeometricMeanRatio:
    def test_by_hand(self):
        # Ratios 2 and 8: the root of 16.
        ratio = geometric_mean_ratio([2, 8], [1, 1])
        assert ratio.value == pytest.approx(4, rel=1e-14)
        assert ratio.instances == 2
        # Two instances have resamples (2, 2), (2, 8), (8, 8) only; the interval takes them all in.
        assert (ratio.low, ratio.high) == (pytest.approx(2), pytest.approx(8))

    def test_the_interval_by_an_independent_bootstrap(self):
        x = np.array([1.1, 2.3, 0.7, 5.2, 3.3, 1.9, 2.6, 0.9, 4.1, 2.2])
        ratio = geometric_mean_ratio(x, np.ones(10))
        # Expanded percentiles for n = 10: t_9 = 2.2622, times sqrt(10 / 9) = 2.3846, Phi(-2.3846) = 0.00855.
        rng = np.random.default_rng(123)
        means = np.log(x)[rng.integers(0, 10, (200_000, 10))].mean(axis=1)
        low, high = np.exp(np.quantile(means, [0.00855, 1 - 0.00855]))
        assert ratio.low == pytest.approx(low, rel=0.02)
        assert ratio.high == pytest.approx(high, rel=0.02)

    def test_it_is_as_wide_as_a_t_interval_where_that_is_right(self):
        # 30 log ratios with exactly the spacing of a normal sample.
        logs = stats.norm.ppf((np.arange(30) + 0.5) / 30)
        ratio = geometric_mean_ratio(np.exp(logs), np.ones(30))
        half = stats.t.ppf(0.975, 29) * logs.std(ddof=1) / math.sqrt(30)
        assert math.log(ratio.high) == pytest.approx(half, rel=0.04)
        assert math.log(ratio.low) == pytest.approx(-half, rel=0.04)

    def test_it_covers_what_it_says(self):
        # Of 200 samples of 10 instances with mean log ratio 0, some 94 % of the intervals hold it.
        rng = np.random.default_rng(5)
        held = 0
        for sample in np.exp(rng.normal(0, 0.6, (200, 10))):
            ratio = geometric_mean_ratio(sample, np.ones(10), resamples=999)
            held += ratio.low <= 1 <= ratio.high
        assert held / 200 > 0.9

    def test_one_instance_says_nothing_about_others(self):
        assert geometric_mean_ratio([3], [2]) == Ratio(pytest.approx(1.5), 0.0, math.inf, 1)

    def test_equal_ratios_leave_no_doubt(self):
        ratio = geometric_mean_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
        assert (ratio.low, ratio.value, ratio.high) == (pytest.approx(2), pytest.approx(2), pytest.approx(2))

    @given(pairs)
    def test_the_interval_holds_the_value(self, times):
        x, y = zip(*times, strict=True)
        ratio = geometric_mean_ratio(x, y, resamples=99)
        assert ratio.low <= ratio.value <= ratio.high

    @given(pairs)
    def test_a_against_b_is_one_over_b_against_a(self, times):
        x, y = zip(*times, strict=True)
        one, other = geometric_mean_ratio(x, y, resamples=99), geometric_mean_ratio(y, x, resamples=99)
        assert other.value == pytest.approx(1 / one.value, rel=1e-12)
        assert other.low == pytest.approx(one.inverse().low, rel=1e-12)
        assert other.high == pytest.approx(one.inverse().high, rel=1e-12)

    @given(pairs, st.randoms())
    def test_does_not_depend_on_the_order_of_instances(self, times, random):
        x, y = zip(*times, strict=True)
        a, b = zip(*random.sample(times, len(times)), strict=True)
        assert geometric_mean_ratio(a, b, resamples=99) == geometric_mean_ratio(x, y, resamples=99)

    @given(pairs)
    def test_agrees_with_scipy(self, times):
        x, y = map(np.array, zip(*times, strict=True))
        value = geometric_mean_ratio(x, y, resamples=9).value
        assert value == pytest.approx(stats.gmean(x) / stats.gmean(y), rel=1e-9)

    def test_the_seed_makes_the_resamples(self):
        x = [1.0, 2.0, 4.0, 9.0, 3.0, 7.0]
        first, again, other = (geometric_mean_ratio(x, [1.0] * 6, seed=s, resamples=49) for s in (1, 1, 2))
        assert first == again
        assert first != other

    @pytest.mark.parametrize(
        ("x", "y"), [([], []), ([1], [1, 2]), ([0], [1]), ([1], [0]), ([math.inf], [1]), ([-1], [1])]
    )
    def test_what_has_no_ratio_is_refused(self, x, y):
        with pytest.raises(DataError):
            geometric_mean_ratio(x, y)


class TestQuantiles:
    def test_by_hand(self):
        assert quantiles([4, 1, 2, 3], (0, 0.25, 0.5, 1)) == (1, 1.75, 2.5, 4)

    def test_infinite_from_the_first_infinite_neighbour_on(self):
        values = [1, math.inf, 2, math.inf]
        # Positions 0, 1, 1.5 and 3 in (1, 2, inf, inf).
        assert quantiles(values, (0, 1 / 3, 0.5, 1)) == (1, 2, math.inf, math.inf)
        assert quantiles([-math.inf, 1], (0.5,)) == (-math.inf,)

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.floats(0, 1))
    def test_agrees_with_numpy_where_all_is_finite(self, values, probability):
        [mine] = quantiles(values, (probability,))
        assert mine == pytest.approx(np.quantile(values, probability), rel=1e-9, abs=1e-6)

    @given(st.lists(maybe_seconds, min_size=1, max_size=12))
    def test_they_rise_and_are_numbers(self, values):
        found = quantiles(values, (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1))
        assert not any(map(math.isnan, found))
        assert list(found) == sorted(found)
        assert (found[0], found[-1]) == (min(values), max(values))

    def test_nothing_and_no_numbers_are_refused(self):
        with pytest.raises(DataError, match="no values"):
            quantiles([], (0.5,))
        with pytest.raises(DataError, match="not a number"):
            quantiles([1, math.nan], (0.5,))


class TestSpreads:
    def test_by_hand(self):
        # Median 10; (14 - 8) / 10, and quartiles 9 and 12.
        times = [8, 9, 10, 12, 14]
        assert range_spread(times) == pytest.approx(0.6)
        assert quartile_spread(times) == pytest.approx(0.3)

    def test_a_single_outlier_moves_only_the_range(self):
        assert quartile_spread([8, 9, 10, 12, 1000]) == pytest.approx(0.3)
        assert range_spread([8, 9, 10, 12, 1000]) == pytest.approx(99.2)

    def test_a_run_that_was_not_solved_makes_the_range_infinite(self):
        times = [8, 9, 10, 12, math.inf]
        assert range_spread(times) == math.inf
        assert quartile_spread(times) == pytest.approx(0.3)
        assert quartile_spread([math.inf] * 3) == math.inf

    @given(st.lists(seconds, min_size=2, max_size=9), st.floats(0.1, 10))
    def test_no_unit_and_no_order(self, times, factor):
        scaled = [factor * time for time in reversed(times)]
        assert range_spread(scaled) == pytest.approx(range_spread(times), rel=1e-9)
        assert 0 <= quartile_spread(times) <= range_spread(times) * (1 + 1e-12)

    @pytest.mark.parametrize("times", [[], [1], [0, 0, 1]])
    def test_what_has_no_spread_is_refused(self, times):
        with pytest.raises(DataError):
            range_spread(times)


class TestRelativeDifference:
    def test_by_hand(self):
        assert relative_difference(4, 5) == pytest.approx(-0.2)
        assert relative_difference(5, 4) == pytest.approx(0.2)
        assert relative_difference(0, 0) == relative_difference(math.inf, math.inf) == 0
        assert relative_difference(math.inf, 3) == 1
        assert relative_difference(3, math.inf) == -1

    @given(maybe_seconds, maybe_seconds)
    def test_antisymmetric_and_within_1(self, first, second):
        difference = relative_difference(first, second)
        assert difference == -relative_difference(second, first)
        assert -1 <= difference <= 1
        assert (difference > 0) == (first > second)


class TestStepValues:
    def test_by_hand(self):
        found = step_values([1, 2], [10, 20], [0, 1, 1.5, 2, 99], before=5)
        assert found.tolist() == [5, 10, 10, 20, 20]

    def test_no_steps(self):
        assert step_values([], [], [0, 1], before=math.inf).tolist() == [math.inf, math.inf]

    def test_of_two_steps_at_one_time_the_last_counts(self):
        assert step_values([1, 1], [10, 20], [1], before=0).tolist() == [20]


def naive_integral(steps, end, parts=20_000):
    """Midpoint sums of the gap, straight from its definition."""
    total = 0.0
    for part in range(parts):
        at = (part + 0.5) * end / parts
        gap = 1.0
        for second, low, high in steps:
            if second <= at:
                gap = 0.0 if low == high else min(1.0, (high - low) / high) if math.isfinite(high) else 1.0
        total += gap
    return total * end / parts


class TestPrimalDualIntegral:
    def test_by_hand(self):
        # 1 up to 2 s; (4 - 1) / 4 up to 6 s; (2 - 1) / 2 up to 10 s: 2 + 3 + 2.
        assert primal_dual_integral([2, 6], [1, 1], [4, 2], 10) == pytest.approx(7)

    def test_closed_at_once_nothing_at_all_and_half(self):
        assert primal_dual_integral([0], [3], [3], 10) == 0
        assert primal_dual_integral([], [], [], 10) == 10
        assert primal_dual_integral([0], [0], [math.inf], 10) == 10
        assert primal_dual_integral([0], [0], [0], 10) == 0
        assert primal_dual_integral([5], [2], [2], 10) == 5
        # Bounds of different signs are as far apart as can be.
        assert primal_dual_integral([0], [-1], [9], 10) == 10

    def test_what_comes_after_the_end_does_not_count(self):
        assert primal_dual_integral([2, 12], [1, 2], [2, 2], 10) == pytest.approx(2 + 4)

    @given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5), st.floats(0, 5)), max_size=5))
    def test_agrees_with_midpoint_sums(self, raw):
        steps = sorted((second, low, low + width) for second, low, width in raw)
        assume(all(high > 1e-3 or high == low for _, low, high in steps))
        found = primal_dual_integral(
            [s for s, _, _ in steps], [a for _, a, _ in steps], [b for *_, b in steps], 10
        )
        assert 0 <= found <= 10
        assert found == pytest.approx(naive_integral(steps, 10, 2000), abs=0.05)

    @pytest.mark.parametrize("end", [0, -1, math.inf, math.nan])
    def test_an_end_that_is_none_is_refused(self, end):
        with pytest.raises(DataError, match="ends at"):
            primal_dual_integral([], [], [], end)
