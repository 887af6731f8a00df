"""What "similar" means: the contract of metrics and the rows they write."""

from nnff.similarity.load import metric
from nnff.similarity.metric import (
    EPSILON_TOLERANCE,
    Metric,
    Relation,
    checked_epsilon,
    within,
)
from nnff.similarity.rows import RowWriter, Variable

__all__ = [
    "EPSILON_TOLERANCE",
    "Metric",
    "Relation",
    "RowWriter",
    "Variable",
    "checked_epsilon",
    "metric",
    "within",
]
