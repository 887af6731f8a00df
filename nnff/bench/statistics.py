"""The statistics of benchmarks: pure functions of numpy arrays.

A run that was not solved has the time ``inf``.  Where a statistic has no
place for infinity the caller says what it stands for (the limit, a multiple
of it); nothing here leaves a run out.

References
----------
Achterberg, Constraint Integer Programming, thesis, TU Berlin 2007: shifted geometric means.

Berthold, Measuring the impact of primal heuristics, Operations Research Letters 41 (2013),
611-614: integrals of gaps.

Dolan, More, Benchmarking optimization software with performance profiles,
Mathematical Programming 91 (2002), 201-213.

Hesterberg, What teachers should know about the bootstrap, The American Statistician
69 (2015), 371-386: the expanded percentile interval.

Hutter, Hoos, Leyton-Brown, Stuetzle, ParamILS, Journal of Artificial Intelligence Research
36 (2009), 267-306: penalised average runtime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from nnff.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = [
    "Profile",
    "Ratio",
    "geometric_mean_ratio",
    "par",
    "performance_profile",
    "primal_dual_integral",
    "quantiles",
    "quartile_spread",
    "range_spread",
    "relative_difference",
    "shifted_geometric_mean",
    "step_values",
]

RESAMPLES = 9999
"""So many that the quantiles of ten instances (1 in 120) rest on some 80 resamples."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A performance profile.

    Attributes
    ----------
    tau
        Where some step changes, ascending, from 1; shape (n_tau,).
    rho
        Share of problems on which a solver's ratio is at most tau; shape (n_tau, n_solvers).
    """

    tau: Array
    rho: Array


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios and its bootstrap interval.

    Attributes
    ----------
    value
        The geometric mean.
    low, high
        The interval; 0 and inf for a single instance, which says nothing about others.
    instances
        Number of ratios.
    """

    value: float
    low: float
    high: float
    instances: int

    def inverse(self) -> Ratio:
        """Return the ratio the other way round."""
        return Ratio(
            1 / self.value,
            0.0 if math.isinf(self.high) else 1 / self.high,
            math.inf if self.low == 0 else 1 / self.low,
            self.instances,
        )


def shifted_geometric_mean(times: npt.ArrayLike, shift: float) -> float:
    """Return ``(prod_i (t_i + s))^(1/n) - s``, Achterberg (2007).

    The shift keeps runs of milliseconds, where nothing but noise is measured,
    from deciding; s = 0 gives the geometric mean, s -> inf the arithmetic one.

    Parameters
    ----------
    times
        Seconds, finite; runs that were not solved count with the limit.
    shift
        Seconds, at least 0.

    Raises
    ------
    DataError
        If there are no times, or some are negative or not finite.
    """
    t = _times(times)
    if not np.isfinite(t).all():
        raise DataError("a geometric mean needs finite times: count runs that were not solved at the limit")
    if not (math.isfinite(shift) and shift >= 0):
        raise DataError(f"the shift of a geometric mean is {shift}; it must be 0 s or more")
    if shift > t.max():
        # (1 + t/s) instead of (t + s): nothing cancels when the shift is taken off again.
        mean = shift * math.expm1(np.log1p(t / shift).mean())
    elif shift == 0 and (t == 0).any():
        mean = 0.0
    else:
        mean = math.exp(np.log(t + shift).mean()) - shift
    return float(np.clip(mean, t.min(), t.max()))


def par(times: npt.ArrayLike, solved: npt.ArrayLike, limit: npt.ArrayLike, factor: float = 10.0) -> float:
    """Return the penalised average runtime, PAR-10 for the default factor; Hutter et al. (2009).

    ``(sum_solved t_i + sum_unsolved factor * limit_i) / n``.

    Parameters
    ----------
    times
        Seconds, shape (n,); read only where solved.
    solved
        Booleans, shape (n,).
    limit
        Seconds, one number or shape (n,).
    factor
        What an unsolved run costs, in limits.

    Raises
    ------
    DataError
        If there are no times, or a solved one is negative or not finite.
    """
    t, ok = np.asarray(times, dtype=np.float64), np.asarray(solved, dtype=bool)
    penalty = factor * np.broadcast_to(np.asarray(limit, dtype=np.float64), t.shape)
    counted = _times(np.where(ok, t, penalty))
    if not np.isfinite(counted).all():
        raise DataError("an average runtime needs finite limits, and finite times of solved runs")
    return float(counted.mean())


def performance_profile(times: npt.ArrayLike) -> Profile:
    """Return performance profiles, Dolan and More (2002).

    With ``r_ps = t_ps / min_s t_ps``, rho_s(tau) is the number of problems with
    ``r_ps <= tau`` over the number of all problems.  A problem that a solver does not
    solve has an infinite ratio; one that no solver solves stays in the denominator.

    Parameters
    ----------
    times
        Seconds, above 0, inf where not solved; shape (n_problems, n_solvers).

    Raises
    ------
    DataError
        If there is no problem or no solver, or some time is not above 0.
    """
    t = np.asarray(times, dtype=np.float64)
    if t.ndim != 2 or 0 in t.shape:  # noqa: PLR2004 - problems x solvers
        raise DataError(f"a profile needs times of problems x solvers, not of shape {t.shape}")
    if not (t > 0).all():
        raise DataError("a profile needs times above 0")
    best = t.min(axis=1, keepdims=True)
    ratios = np.divide(t, best, out=np.full_like(t, np.inf), where=np.isfinite(t))
    tau = np.unique(np.append(ratios[np.isfinite(ratios)], 1.0))
    rho = np.array([(ratios <= at).mean(axis=0) for at in tau])
    return Profile(tau, rho)


def geometric_mean_ratio(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Ratio:
    """Return ``(prod_i x_i / y_i)^(1/n)`` with an interval from resampled instances.

    The interval is the expanded percentile interval of Hesterberg (2015): quantiles of the
    bootstrap distribution (scipy.stats.bootstrap) of the mean log ratio, at
    ``Phi(-+ sqrt(n / (n - 1)) * t_{n-1})`` instead of ``Phi(-+ z)``, so that it is as wide as a
    t interval where ratios are log-normal.  Why this one: with 600 samples each of normal, skewed
    and tied log ratios, plain percentile and BCa intervals of nominally 95 % covered the mean in
    79-86 % at 5 instances and in 86-91 % at 10; this one in 88-90 % and 90-94 %.  BCa gained nothing
    over percentiles there, and is not a number where all resamples agree.  Below 5
    instances no bootstrap covers what it says (3 instances: at most 3 in 4); where one ratio in ten is
    20 times as large as the others, none does below some 20 (10 instances: 65 to 70 %).

    It does not depend on the order of instances, and changes into its
    inverse when numerators and denominators change places.

    Parameters
    ----------
    numerators, denominators
        Times of the same instances, above 0 and finite; shape (n,).
    confidence
        Nominal coverage.
    resamples
        Number of bootstrap resamples.
    seed
        Of the resampling.

    Raises
    ------
    DataError
        If there are no instances, or shapes differ, or a time is not above 0 and finite.
    """
    x, y = _times(numerators), _times(denominators)
    if x.shape != y.shape:
        raise DataError(f"times are paired by instance, but there are {x.size} and {y.size}")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all() and (y > 0).all()):
        raise DataError("ratios need finite times above 0: count runs that were not solved at the limit")
    logs = np.sort(np.log(x) - np.log(y))
    # One of the two directions is resampled, whichever was asked for: the other is its exact mirror.
    mirrored = tuple(logs) < tuple(-logs[::-1])
    if mirrored:
        logs = -logs[::-1]
    mean = float(logs.mean())
    low, high = _mean_interval(logs, confidence, resamples, seed)
    # The mean of equal numbers is not always that number, in floating point.
    low, high = min(low, mean), max(high, mean)
    if mirrored:
        mean, low, high = -mean, -high, -low
    return Ratio(math.exp(mean), math.exp(low), math.exp(high), int(logs.size))


def _mean_interval(values: Array, confidence: float, resamples: int, seed: int) -> tuple[float, float]:
    n = values.size
    if n == 1:
        return -math.inf, math.inf
    wide = math.sqrt(n / (n - 1)) * stats.t.ppf((1 + confidence) / 2, n - 1)
    interval = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        confidence_level=1 - 2 * stats.norm.sf(wide),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def quantiles(values: npt.ArrayLike, probabilities: Sequence[float]) -> tuple[float, ...]:
    """Return quantiles with linear interpolation (type 7 of Hyndman and Fan 1996), infinities allowed.

    Between a finite and an infinite value every point is infinite.

    Raises
    ------
    DataError
        If there are no values, or one is not a number.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    if x.size == 0:
        raise DataError("there are no values to take quantiles of")
    if np.isnan(x).any():
        raise DataError("quantiles need numbers; some value is not a number")
    return tuple(_quantile(x, p) for p in probabilities)


def _quantile(ascending: Array, probability: float) -> float:
    position = probability * (ascending.size - 1)
    below = math.floor(position)
    low, high = float(ascending[below]), float(ascending[min(below + 1, ascending.size - 1)])
    part = position - below
    # inf - inf is not a number.
    return low if part == 0 or low == high or math.isinf(low) else low + part * (high - low)


def range_spread(times: npt.ArrayLike) -> float:
    """Return ``(max - min) / median``: the widest that repeated runs lie apart; inf if some were not solved.

    Raises
    ------
    DataError
        If there are fewer than two times, or a median of 0.
    """
    return _spread(times, 0.0, 1.0)


def quartile_spread(times: npt.ArrayLike) -> float:
    """Return ``(q75 - q25) / median``: the same for the middle half, deaf to single outliers.

    Raises
    ------
    DataError
        If there are fewer than two times, or a median of 0.
    """
    return _spread(times, 0.25, 0.75)


def _spread(times: npt.ArrayLike, low: float, high: float) -> float:
    t = _times(times)
    if t.size == 1:
        raise DataError("a spread needs at least two runs")
    first, median, last = quantiles(t, (low, 0.5, high))
    if median == 0:
        raise DataError("a spread relative to a median of 0 has no meaning")
    return math.inf if math.isinf(last) else (last - first) / median


def relative_difference(first: float, second: float) -> float:
    """Return ``(first - second) / max(|first|, |second|)``; 0 if both are equal, infinities included.

    Antisymmetric, and between -1 and 1 for bounds, which are not negative: an
    infinite bound against a finite one gives 1 or -1.
    """
    if first == second:
        return 0.0
    if math.isinf(first) or math.isinf(second):
        return 1.0 if first > second else -1.0
    return (first - second) / max(abs(first), abs(second))


def step_values(seconds: npt.ArrayLike, values: npt.ArrayLike, at: npt.ArrayLike, before: float) -> Array:
    """Return a step function, continuous from the right, at given times.

    Parameters
    ----------
    seconds, values
        The function has ``values[i]`` from ``seconds[i]`` (ascending) on; shape (n,), n may be 0.
    at
        Where it is wanted; shape (m,).
    before
        Its value before the first step.

    Returns
    -------
    Array, shape (m,)
    """
    steps = np.append(before, np.asarray(values, dtype=np.float64))
    found: Array = steps[np.searchsorted(np.asarray(seconds, dtype=np.float64), at, side="right")]
    return found


def primal_dual_integral(
    seconds: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, end: float
) -> float:
    """Return the integral of the gap of a bracket from 0 to `end`, after Berthold (2013).

    The gap is ``(upper - lower) / max(|upper|, |lower|)``: 1 before there are two bounds
    or if their signs differ, 0 where both are 0.  What was reached last holds to the end.  Seconds: from
    0 (closed at once) to `end` (never narrower than everything).

    Parameters
    ----------
    seconds
        When the bracket changed, ascending; shape (n,), n may be 0.
    lower, upper
        The bracket from then on; shape (n,).
    end
        Where the integral ends, above 0.
    """
    if not (math.isfinite(end) and end > 0):
        raise DataError(f"the integral of a gap ends at {end}; it must be a time above 0")
    gaps = np.append(1.0, [_gap(a, b) for a, b in zip(np.ravel(lower), np.ravel(upper), strict=True)])
    edges = np.clip(np.concatenate(([0.0], np.asarray(seconds, dtype=np.float64), [end])), 0.0, end)
    return float((np.diff(edges) * gaps).sum())


def _gap(lower: float, upper: float) -> float:
    if lower == upper:
        return 0.0
    if math.isinf(lower) or math.isinf(upper):
        return 1.0
    # Bounds of different signs are further apart than either is from 0.
    return min(abs(upper - lower) / max(abs(upper), abs(lower)), 1.0)


def _times(times: npt.ArrayLike) -> Array:
    t = np.asarray(times, dtype=np.float64).ravel()
    if t.size == 0:
        raise DataError("there are no times to take statistics of")
    if not (t >= 0).all():
        raise DataError("times are numbers of seconds, 0 or more")
    return t
