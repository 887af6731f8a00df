"""Enumeration against the naive double loop."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.exhaustive import enumerate_pairs
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.similarity import Metric, metric


def naive(problem):
    """All pairs, one by one, by the definitions alone."""
    domain = problem.domain
    axes = [
        range(int(a), int(b) + 1) if w else [a]
        for a, b, w in zip(domain.lower, domain.upper, domain.integer, strict=True)
    ]
    points = np.array(list(itertools.product(*axes)), dtype=float)
    outputs = problem.network.predict(points)
    best = 0.0
    for i, j in itertools.combinations_with_replacement(range(len(points)), 2):
        if problem.admits(points[[i]], points[[j]])[0]:
            best = max(best, abs(float(outputs[j] - outputs[i])))
    return best, len(points)


@st.composite
def problems(draw, lab):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = int(rng.integers(1, 4))
    counts = rng.integers(0, 4, n)
    low = rng.integers(-3, 3, n).astype(float)
    whole = np.ones(n, dtype=bool)
    if rng.random() < 0.3:
        # A fixed feature that is not a whole number.
        whole[0], counts[0] = False, 0
        low[0] = 0.37
    domain = Domain(low, low + counts, whole, rng.random(n) < 0.2)
    chain = rng.choice(["relu", "sigmoid", "tanh", "identity"], 2)
    network = lab.network(rng, [n, 3, 1], [str(c) for c in chain], gain=2.0, scaled=bool(rng.random() < 0.5))
    scale = lab.scaling(rng, n) if rng.random() < 0.5 else None
    weights = np.where(rng.random(n) < 0.3, 0.0, rng.choice([1.0, 0.5, 1 / 3, 0.7], n))
    similar = metric("weighted-lp", p=[1, 2, "inf"][rng.integers(3)], weights=weights)
    return Problem(network, domain, similar, float(rng.choice([0.0, 0.5, 1.0, 2.0, 0.7 * 3])), scale)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_it_finds_what_the_double_loop_finds(lab, data):
    problem = data.draw(problems(lab))
    best, points = naive(problem)
    found = enumerate_pairs(problem)
    assert found.complete
    assert problem.domain.n_points == points
    assert found.delta_lower == pytest.approx(best, rel=1e-12, abs=1e-13)
    assert found.delta_upper >= best
    assert found.delta_upper <= best * (1 + 1e-9) + 1e-10
    assert problem.admits(found.x1[None], found.x2[None])[0]
    gap = abs(float(problem.network.predict(found.x2) - problem.network.predict(found.x1)))
    assert gap == pytest.approx(found.delta_lower, rel=1e-12, abs=1e-13)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), after=st.integers(1, 6))
def test_a_stop_midway_gives_a_sound_bracket(lab, data, after):
    problem = data.draw(problems(lab))
    best, _ = naive(problem)
    left = iter([False] * (after - 1))
    found = enumerate_pairs(problem, stop=lambda: next(left, True))
    assert found.delta_lower <= best * (1 + 1e-12) + 1e-13
    assert found.delta_upper >= best
    assert problem.admits(found.x1[None], found.x2[None])[0]


def test_steps_that_lie_exactly_on_the_ball_count():
    """0.1 * 3 is not 0.3 in floating point; three steps of a tenth are within 0.3 all the same."""
    network = Network((Layer([[1.0]], [0.0]),))
    domain = Domain.from_box([0], [9], integer=[0])
    for scale in (10.0, -10.0, 1 / 0.1, 10 / 3 * 3):
        problem = Problem(network, domain, metric("weighted-lp", p=1), 0.1 + 0.2, Scaling([0.0], [scale]))
        found = enumerate_pairs(problem)
        assert found.delta_lower == 3.0


def test_pairs_are_counted_once():
    network = Network((Layer([[1.0, 0.0]], [0.0]),))
    domain = Domain.from_box([0, 0], [2, 1], integer="all")
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 1.0)
    # 6 points: 6 pairs with themselves, and of the 15 others those 11 that differ by at most 1 in both.
    assert enumerate_pairs(problem).pairs == 17


def test_progress_never_shows_more_than_the_bracket(lab):
    seen = []
    network = lab.network(np.random.default_rng(0), [2, 3, 1], ("tanh", "identity"))
    domain = Domain.from_box([0, 0], [4, 4], integer="all")
    problem = Problem(network, domain, metric("weighted-lp", p=1), 2.0)
    found = enumerate_pairs(problem, progress=lambda low, high: seen.append((low, high)))
    assert seen
    assert all(low <= found.delta_lower and high >= found.delta_upper for low, high in seen)


def test_continuous_features_are_named():
    network = Network((Layer([[1.0, 1.0]], [0.0]),))
    domain = Domain.from_box([0, 0], [1, 1], integer=[0], feature_names=("age", "income"))
    with pytest.raises(ProblemError, match="income"):
        enumerate_pairs(Problem(network, domain, metric("weighted-lp"), 0.1))


def test_large_domains_are_refused():
    network = Network((Layer([[1.0, 1.0]], [0.0]),))
    domain = Domain.from_box([0, 0], [2000, 2000], integer="all")
    with pytest.raises(ProblemError, match="4,004,001"):
        enumerate_pairs(Problem(network, domain, metric("weighted-lp"), 1.0))


@dataclass(frozen=True)
class Elsewhere(Metric):
    name: ClassVar[str] = "elsewhere"
    translation_invariant: ClassVar[bool] = False
    parameters: ClassVar[dict] = {}

    def bind(self, feature_names):
        return self

    def distance(self, x, y):
        return np.abs(np.exp(y) - np.exp(x)).sum(axis=-1)

    def encode(self, rows, difference, epsilon):
        raise NotImplementedError

    def difference_bound(self, weights, epsilon, radius):
        return np.abs(weights) @ radius

    def maximise(self, gradient, epsilon, lower, upper):
        return np.zeros_like(gradient)


def test_a_metric_that_depends_on_the_place_is_refused():
    network = Network((Layer([[1.0]], [0.0]),))
    problem = Problem(network, Domain.from_box([0], [3], integer=[0]), Elsewhere(), 1.0)
    with pytest.raises(ProblemError, match="metric of differences"):
        enumerate_pairs(problem)


def test_outputs_that_are_no_numbers_are_refused():
    """A comparison with NaN is false: without the check it would hide a difference."""
    layers = (Layer([[1e200], [1e200]], [0.0, 0.0]), Layer([[1e200, -1e200]], [0.0]))
    problem = Problem(Network(layers), Domain.from_box([0], [2], integer=[0]), metric("weighted-lp"), 1.0)
    with np.errstate(all="ignore"), pytest.raises(ProblemError, match="not a finite number"):
        enumerate_pairs(problem)
