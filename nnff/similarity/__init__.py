"""What "similar" means: the contract of metrics and the rows they write."""

from nnff.similarity.ball import (
    ball_looseness,
    checked_looseness,
    largest_magnitude,
    rotation_steps,
    row_unit,
    write_ball,
    write_norm,
)
from nnff.similarity.load import metric
from nnff.similarity.metric import (
    EPSILON_TOLERANCE,
    Metric,
    Relation,
    checked_epsilon,
    within,
)
from nnff.similarity.ranking import weights_from_ranking
from nnff.similarity.rows import RowWriter, Variable

__all__ = [
    "EPSILON_TOLERANCE",
    "Metric",
    "Relation",
    "RowWriter",
    "Variable",
    "ball_looseness",
    "checked_epsilon",
    "checked_looseness",
    "largest_magnitude",
    "metric",
    "rotation_steps",
    "row_unit",
    "weights_from_ranking",
    "within",
    "write_ball",
    "write_norm",
]
