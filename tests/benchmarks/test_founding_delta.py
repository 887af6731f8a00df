"""The founding paper's figures to all printed digits, and why none of them is a bound."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnff.bench import Question
from nnff.certification.data_pairs import compare_data_pairs
from nnff.problem import Problem
from nnff_suites.founding import founding_models, founding_question, standard_normal_draws
from nnff_suites.founding_delta import (
    EDGES,
    chord,
    chord_slope_delta,
    data_pair_deltas,
    exact_delta,
    midpoint_slope,
    sawtooth,
    sawtooth_delta,
    sigmoid,
    similar_rows,
)

FIRST, SECOND = founding_models()


def pairs_of(model, epsilon=0.3):
    return similar_rows(founding_question(model, epsilon))


def g(t):
    return 1 / (1 + math.exp(-t))


def pieces(t):
    """(chord, midpoint slope, sawtooth) at t, in plain arithmetic."""
    if not -5 <= t <= 5:
        return (float(t > 5),) * 3
    step = 10 / 16
    left = -5 + step * min(math.floor((t + 5) / step), 15)
    slope = g(left + step / 2) * (1 - g(left + step / 2))
    rise = (g(left + step) - g(left)) / step
    return g(left) + rise * (t - left), g(left) + slope * (t - left), slope * (t - left)


def test_the_figures_to_all_digits():
    first, second = pairs_of(FIRST), pairs_of(SECOND)
    assert len(first.first) == len(second.first) == 1092
    assert f"{exact_delta(first):.7f}" == "28.9300097"
    assert f"{exact_delta(second):.7f}" == "17.5152998"
    assert f"{chord_slope_delta(second):.7f}" == "17.3861203"
    assert f"{chord_slope_delta(second):.5f}" == "17.38612"
    assert f"{sawtooth_delta(first):.7f}" == "6.6857688"


def test_the_pieces_are_what_plain_arithmetic_says():
    ts = np.concatenate([np.random.default_rng(0).uniform(-7, 7, 400), [-5.0, 5.0, 0.0, -7.0, 7.0], EDGES])
    expected = np.array([pieces(float(t)) for t in ts])
    for function, column in ((chord, 0), (midpoint_slope, 1), (sawtooth, 2)):
        assert function(ts) == pytest.approx(expected[:, column], abs=1e-14)


def test_the_deltas_are_what_a_double_loop_finds():
    model = standard_normal_draws(1)[0]
    question = founding_question(model, 0.2)
    # Rows on both sides of the ends of the segments, few enough for a loop.
    question = Question(
        question.network, question.domain, question.metric, 0.2, data=np.asarray(question.data)[:160]
    )
    problem = Problem(question.network, question.domain, question.metric, 0.2)
    rows = np.asarray(question.data)
    z = question.network.input_scaling.apply(rows)
    logits = [math.fsum([*(w * x for w, x in zip(model.weight, row, strict=True)), model.bias]) for row in z]
    exact = mixed = saw = 0.0
    count = 0
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            if problem.distance(rows[i], rows[j]) <= 0.2 * (1 + 1e-9):
                count += 1
                (u1, l1, s1), (u2, l2, s2) = pieces(logits[i]), pieces(logits[j])
                exact = max(exact, abs(g(logits[i]) - g(logits[j])))
                mixed = max(mixed, abs(u1 - l2), abs(u2 - l1))
                saw = max(saw, abs(s1 - s2))
    assert count > 20
    assert data_pair_deltas(question) == pytest.approx(
        {
            "pairs": count,
            "pairs_exact": 45 * exact,
            "pairs_chord_slope": 45 * mixed,
            "pairs_sawtooth": 45 * saw,
        },
        rel=1e-9,
    )


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.3, 0.49])
def test_the_exact_one_is_delta_data(epsilon):
    for model in (FIRST, SECOND, *standard_normal_draws(3)):
        question = founding_question(model, epsilon)
        problem = Problem(question.network, question.domain, question.metric, epsilon)
        found = compare_data_pairs(problem, np.asarray(question.data))
        pairs = similar_rows(question)
        assert found.pairs == len(pairs.first)
        assert exact_delta(pairs) == pytest.approx(found.delta, rel=1e-12, abs=1e-12)


def test_without_a_pair_every_delta_is_zero():
    question = founding_question(FIRST, 0.3)
    alone = Question(
        question.network, question.domain, question.metric, 0.3, data=np.asarray(question.data)[:1]
    )
    assert set(data_pair_deltas(alone).values()) == {0.0}


def test_the_figures_do_not_depend_on_what_the_pieces_are_outside():
    """The worst pair of each lies within [-5, 5]."""
    for pairs, function, figure in (
        (pairs_of(SECOND), chord_slope_delta, "17.3861203"),
        (pairs_of(FIRST), sawtooth_delta, "6.6857688"),
    ):
        inside = np.abs(pairs.logits) <= 5
        kept = inside[pairs.first] & inside[pairs.second]
        assert 0 < kept.sum() < len(kept)
        within = type(pairs)(pairs.logits, pairs.first[kept], pairs.second[kept], pairs.scale)
        assert f"{function(within):.7f}" == figure


def test_neither_piece_bounds_the_sigmoid():
    t = np.linspace(-5, 5, 2001)
    assert (chord(t) < sigmoid(t) - 1e-3).any()
    assert (midpoint_slope(t) > sigmoid(t) + 1e-3).any()


def test_the_sawtooth_is_no_approximation_of_the_sigmoid():
    t = np.linspace(-5, 5, 20001)
    assert sawtooth(t).max() < 0.153
    assert np.abs(sawtooth(t) - sigmoid(t)).max() > 0.98
    below, above = sawtooth(np.array([5 - 1e-9, 5 + 1e-9]))
    assert below < 0.006
    assert above == 1.0


def test_pieces_do_not_even_bound_the_pairs_of_rows():
    """On the first model they stay below a pair of rows; on the second the figure has the wrong sign."""
    first, second = pairs_of(FIRST), pairs_of(SECOND)
    assert chord_slope_delta(first) < exact_delta(first) - 0.1
    u, low = chord(second.logits), midpoint_slope(second.logits)
    right_sign = max(
        (u[second.first] - low[second.second]).max(), (u[second.second] - low[second.first]).max()
    )
    assert f"{45 * right_sign:.7f}" == "17.3301740"
    assert 45 * right_sign < chord_slope_delta(second)
