"""Changing data, weights or representations so that what is learned from them is fairer.

Where a library has it, the library is used: imbalanced-learn and Fairlearn come with ``nnff[debias]``.
"""

from nnff.processing.adversarial import AdversarialClassifier, AdversarialRegressor
from nnff.processing.attribution import AttributionClassifier, AttributionRegressor
from nnff.processing.augmentation import CounterfactualAugmenter, SimilarAugmenter
from nnff.processing.direction import SensitiveDirectionRemover
from nnff.processing.group_sampler import GroupSampler
from nnff.processing.groups import groups_of
from nnff.processing.linear_map import LinearMap, correlation_remover, linear_map_of, network_behind
from nnff.processing.resampling import SensitiveResampler, resampling_weights
from nnff.processing.weights import cost_sensitive_weights, effective_number_weights, reweighing_weights

__all__ = [
    "AdversarialClassifier",
    "AdversarialRegressor",
    "AttributionClassifier",
    "AttributionRegressor",
    "CounterfactualAugmenter",
    "GroupSampler",
    "LinearMap",
    "SensitiveDirectionRemover",
    "SensitiveResampler",
    "SimilarAugmenter",
    "correlation_remover",
    "cost_sensitive_weights",
    "effective_number_weights",
    "groups_of",
    "linear_map_of",
    "network_behind",
    "resampling_weights",
    "reweighing_weights",
]
