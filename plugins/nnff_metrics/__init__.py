"""The similarity metrics that ship with nnff, found through the entry point like any other plugin's."""

from __future__ import annotations

from nnff.plugin import PluginSpec, hookimpl

__all__ = ["nnff_metrics"]


@hookimpl
def nnff_metrics() -> list[PluginSpec]:
    """Offer the metrics."""
    return [
        PluginSpec(
            "weighted-lp",
            "nnff_metrics.weighted_lp:WeightedLp",
            "(sum of weights * |difference|^p)^(1/p); weight 0: free attribute",
        ),
        PluginSpec(
            "mahalanobis",
            "nnff_metrics.mahalanobis:Mahalanobis",
            "sqrt(difference' S difference), S positive semi-definite",
        ),
        PluginSpec(
            "embedding",
            "nnff_metrics.embedding:embedding",
            "any base metric between linear images, or between outputs of a network's first layers",
        ),
        PluginSpec(
            "learned",
            "nnff_metrics.learned:Learned",
            "a metric that `nnff learn-metric` learned from data, with the record of how",
        ),
        PluginSpec(
            "tolerance",
            "nnff_metrics.tolerance:Tolerance",
            "largest difference / tolerance; 0: exact match, inf: free",
        ),
        PluginSpec(
            "composite",
            "nnff_metrics.composite:Composite",
            "a metric of its own for each group of features; exact match or free for others",
        ),
    ]
