"""Every metric that ships: thousands of similar pairs are feasible, and feasible ones similar."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.learning import CovarianceMetric
from nnff.similarity import EPSILON_TOLERANCE, Relation, metric
from nnff.testing.rows import MatrixRows

N = 4
NAMES = tuple("abcd")
ROOT = np.random.default_rng(0).normal(size=(N, N))
GROUPS = [
    {"features": ["a", "c"], "p": 1.5, "weight": 0.5},
    {"features": ["b"], "metric": "mahalanobis", "matrix": [[2.0]]},
]
METRICS = {
    **{f"l_{p}": metric("weighted-lp", p=p, weights=[1.0, 3.0, 0.2, 0.0]) for p in (1, 1.5, 2, 3, 12, "inf")},
    "mahalanobis": metric("mahalanobis", matrix=ROOT @ ROOT.T),
    "singular": metric("mahalanobis", matrix=ROOT[:, :2] @ ROOT[:, :2].T),
    "tolerance": metric("tolerance", tolerances=[1.0, 0.3, 0.0, "inf"]),
    "composite": metric("composite", groups=GROUPS, rest="free"),
    # With p = 1.5 the norm's own variable has no smallest value row by row; test_composite solves for it.
    "sum": metric("composite", groups=[GROUPS[0] | {"p": 2}, GROUPS[1]], rest="exact", combine="sum"),
    "embedding": metric("embedding", matrix=ROOT[:3], base={"p": 1}),
    "learned": CovarianceMetric().fit(ROOT @ ROOT, feature_names=NAMES).metric(),
}


def violation(rows, points):
    """How far each point is from satisfying the rows, with the smallest auxiliary variables."""
    lower, upper = np.array(rows._lower), np.array(rows._upper)
    matrix, row_lower, row_upper = rows.matrix.toarray(), np.array(rows._row_lower), np.array(rows._row_upper)
    values = np.zeros((rows.n_variables, len(points)))
    values[: len(NAMES)] = points.T
    newest = np.array([np.flatnonzero(row).max(initial=0) for row in matrix])
    for column in range(len(NAMES), rows.n_variables):
        least = np.full(len(points), lower[column])
        for r in np.flatnonzero(newest == column):
            end = row_lower[r] if matrix[r, column] > 0 else row_upper[r]
            if np.isfinite(end):
                least = np.maximum(least, (end - matrix[r, :column] @ values[:column]) / matrix[r, column])
        values[column] = least
    activity = matrix @ values
    beyond = [lower[:, None] - values, values - upper[:, None]]
    beyond += [row_lower[:, None] - activity, activity - row_upper[:, None]]
    return np.concatenate(beyond).max(axis=0)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("epsilon", [1e-3, 0.5])
def test_similar_pairs_are_feasible_and_feasible_ones_similar(name, epsilon):
    rng = np.random.default_rng(1)
    made = METRICS[name].bind(NAMES)
    box = np.array([2.0, 0.5, 4.0, 1.0]) * epsilon
    sides = np.tile(box, (1500, 1))
    edge = made.maximise(rng.normal(size=sides.shape), epsilon, -sides, sides)
    similar = np.concatenate([edge, edge * rng.random((1500, 1)), (edge[:-1] + edge[1:]) / 2])
    similar = similar[made.distance(np.zeros(N), similar) <= epsilon * (1 + EPSILON_TOLERANCE)]
    assert len(similar) >= 4000
    rows = MatrixRows(-box, box)
    made.encode(rows, rows.difference, epsilon * (1 + 2 * EPSILON_TOLERANCE))
    # Rows are in units of epsilon: this is far below what a solver can tell.
    assert violation(rows, similar).max() <= 1e-11
    rows = MatrixRows(-box, box)
    made.encode(rows, rows.difference, epsilon)
    points = rows.maximise(rng.normal(size=(25, N)))[1]
    points[np.abs(points) <= 1e-7 * box] = 0.0
    loose = 0.0 if made.relation is Relation.EXACT else made.looseness
    assert made.distance(np.zeros(N), points).max() <= epsilon * (1 + loose) * (1 + 1e-6)
