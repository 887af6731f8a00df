"""Similarity metrics learned from data, in the manner of scikit-learn: ``fit``, then ``metric()``."""

from nnff.learning.association import AssociationWeights
from nnff.learning.covariance import CovarianceMetric
from nnff.learning.file import LearnedMetric, load_metric, save_metric
from nnff.learning.labelled import LabelledPairs
from nnff.learning.learner import MetricLearner
from nnff.learning.subspace import ComparablePairs, SensitiveRegression

__all__ = [
    "LEARNERS",
    "AssociationWeights",
    "ComparablePairs",
    "CovarianceMetric",
    "LabelledPairs",
    "LearnedMetric",
    "MetricLearner",
    "SensitiveRegression",
    "load_metric",
    "save_metric",
]

LEARNERS: dict[str, type[MetricLearner]] = {
    learner.method: learner
    for learner in (SensitiveRegression, ComparablePairs, AssociationWeights, CovarianceMetric, LabelledPairs)
}
"""Every learner by the name that files, certificates and ``nnff learn-metric`` use."""
