"""The founding paper's three definitions of delta, all over similar pairs of data rows.

With t = w z + b the logit of a row and P the set of unordered pairs of rows with
d_fair(z', z'') <= epsilon, each definition is the largest difference over P of functions
of t, times the output scale (45).  **None of them bounds delta_max**: P holds the pairs of 506 rows, and
delta_max is over all pairs of the domain.  `exact_delta` is at least the difference of a real
pair and so a lower bound; the other two are not even that.

The pieces of `chord`, `midpoint_slope` and `sawtooth` stand on 16 equal segments of [-5, 5].
The readings are those that reproduce the figures known of the paper and its code to all digits; what these
figures do not decide is said where it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.similarity import within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.bench import Question
    from nnff.values import FloatArray, IntArray

__all__ = [
    "RowPairs",
    "chord",
    "chord_slope_delta",
    "data_pair_deltas",
    "exact_delta",
    "midpoint_slope",
    "sawtooth",
    "sawtooth_delta",
    "sigmoid",
    "similar_rows",
]

EDGES = np.linspace(-5.0, 5.0, 17)
"""Ends of the segments."""


@dataclass(frozen=True, eq=False)
class RowPairs:
    """Similar pairs of rows.

    Attributes
    ----------
    logits
        t = w z + b of every row, shape (rows,).
    first, second
        Row numbers of the pairs, first < second, shape (pairs,).
    scale
        What a difference of activations is multiplied by: 45.
    """

    logits: FloatArray
    first: IntArray
    second: IntArray
    scale: float


def similar_rows(question: Question) -> RowPairs:
    """Return the unordered pairs of different rows within epsilon, as `nnff.certify` counts them.

    Parameters
    ----------
    question
        With data, and a network of one sigmoid neuron.
    """
    problem = question.problem()
    rows = np.asarray(question.data, dtype=np.float64)
    first, second = np.triu_indices(len(rows), k=1)
    similar = within(problem.distance(rows[first], rows[second]), problem.epsilon)
    layer = question.network.layers[0]
    logits = question.network.input_scaling.apply(rows) @ layer.weight[0] + layer.bias[0]
    scale = float(abs(question.network.output_scaling.scale[0]))
    return RowPairs(logits, first[similar], second[similar], scale)


def sigmoid(t: FloatArray) -> FloatArray:
    """Return g(t) = 1 / (1 + exp(-t))."""
    result: FloatArray = 1.0 / (1.0 + np.exp(-t))
    return result


def _segment(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the segment that t is in; outside [-5, 5], of the nearest."""
    k = np.clip(np.searchsorted(EDGES, t, side="right") - 1, 0, len(EDGES) - 2)
    return EDGES[k], EDGES[k + 1]


def _zero_one_outside(t: FloatArray, inside: FloatArray) -> FloatArray:
    """Return 0 below -5, 1 above 5, else `inside`."""
    return np.where(t < EDGES[0], 0.0, np.where(t > EDGES[-1], 1.0, inside))


def _slope_at_midpoint(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return g'((left + right) / 2)."""
    g = sigmoid((left + right) / 2)
    result: FloatArray = g * (1.0 - g)
    return result


def chord(t: FloatArray) -> FloatArray:
    """Return the paper's upper piece, u(t) = g(L) + (g(R) - g(L)) / (R - L) (t - L) on [L, R].

    Not an upper bound: a chord lies above g only where g is convex, on t <= 0.  Outside [-5, 5] it is
    0 or 1, as in the paper's code of the sawtooth; no known figure depends on that.
    """
    left, right = _segment(t)
    rise = (sigmoid(right) - sigmoid(left)) / (right - left)
    return _zero_one_outside(t, sigmoid(left) + rise * (t - left))


def midpoint_slope(t: FloatArray) -> FloatArray:
    """Return the paper's lower piece, l(t) = g(L) + g'((L + R) / 2) (t - L) on [L, R].

    Not a lower bound: the line has the slope of the middle but starts on g at the left end,
    where g is flatter (t < 0) and the line therefore above it.  Outside [-5, 5] as `chord`.
    """
    left, right = _segment(t)
    return _zero_one_outside(t, sigmoid(left) + _slope_at_midpoint(left, right) * (t - left))


def sawtooth(t: FloatArray) -> FloatArray:
    """Return what the paper's code computes, s(t) = g'((L + R) / 2) (t - L) on [L, R], 0 or 1 outside.

    The value at the left end is missing, so that s falls back to 0 at the beginning of every
    segment.  It is no approximation of the sigmoid: on [-5, 5] it never exceeds .153, where g
    runs from .007 to .993.
    """
    left, right = _segment(t)
    return _zero_one_outside(t, _slope_at_midpoint(left, right) * (t - left))


def exact_delta(pairs: RowPairs) -> float:
    """Return 45 max over P of |g(t'') - g(t')|: what is elsewhere called delta_data.

    Real pairs, so a lower bound of delta_max; never an upper one.
    """
    g = sigmoid(pairs.logits)
    return _largest(pairs, np.abs(g[pairs.second] - g[pairs.first]))


def chord_slope_delta(pairs: RowPairs) -> float:
    """Return 45 max over P, both orders, of |u(t') - l(t'')|, with `chord` and `midpoint_slope`.

    No bound of either side, not even over P: u and l cross g (on the first founding model
    this is below the exact difference of a pair of rows).  With the absolute value
    the largest may have the wrong sign, l above u: that is so on the second founding model, where
    max u(t') - l(t'') would be 17.3301740, and the 17.38612 of the paper is l(t'') - u(t').
    """
    u, low = chord(pairs.logits), midpoint_slope(pairs.logits)
    there = np.abs(u[pairs.first] - low[pairs.second])
    back = np.abs(u[pairs.second] - low[pairs.first])
    return _largest(pairs, np.maximum(there, back))


def sawtooth_delta(pairs: RowPairs) -> float:
    """Return 45 max over P of |s(t'') - s(t')|, with `sawtooth`.

    Says nothing about the network: two rows whose outputs differ by 28.93 may have the same s, and two
    that hardly differ on either side of t = 5 have s .006 and 1.
    """
    s = sawtooth(pairs.logits)
    return _largest(pairs, np.abs(s[pairs.second] - s[pairs.first]))


def _largest(pairs: RowPairs, differences: FloatArray) -> float:
    return pairs.scale * float(differences.max(initial=0.0))


def data_pair_deltas(question: Question) -> Mapping[str, float]:
    """Return all three, and the number of pairs: for `nnff.bench.Instance.extra`."""
    pairs = similar_rows(question)
    return {
        "pairs": float(len(pairs.first)),
        "pairs_exact": exact_delta(pairs),
        "pairs_chord_slope": chord_slope_delta(pairs),
        "pairs_sawtooth": sawtooth_delta(pairs),
    }
