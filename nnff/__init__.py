"""nnff: certified individual fairness of neural networks.

Given a trained network f, a similarity metric and a threshold epsilon, bracket
the largest ``|f(x'') - f(x')|`` over all similar pairs in the input domain:
proven from above, shown by a real pair from below.

Examples
--------
>>> from nnff import Domain, Layer, Network, certify, metric
>>> network = Network((Layer([[2.0, -1.0]], [0.0]),))
>>> certificate = certify(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p="inf"), 0.1)
>>> round(certificate.delta_upper, 4)
0.3
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnff.certification import (
        Certificate,
        Curve,
        Memory,
        certify,
        certify_outputs,
        counterfactual,
        curve,
        largest_epsilon,
        local,
        sensitivity,
    )
    from nnff.domain import Domain, LinearRows, PlausibleRegion, plausible_region
    from nnff.errors import NnffError
    from nnff.network import Layer, Network, Scaling, read_network
    from nnff.problem import Problem
    from nnff.question import Question
    from nnff.similarity import Metric, metric, weights_from_ranking

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "Curve",
    "Domain",
    "Layer",
    "LinearRows",
    "Memory",
    "Metric",
    "Network",
    "NnffError",
    "PlausibleRegion",
    "Problem",
    "Question",
    "Scaling",
    "certify",
    "certify_outputs",
    "counterfactual",
    "curve",
    "largest_epsilon",
    "local",
    "metric",
    "plausible_region",
    "read_network",
    "sensitivity",
    "weights_from_ranking",
]

# Importing nnff is cheap: a name is imported from its module when first used.
_HOME = {
    "Certificate": "nnff.certification",
    "Curve": "nnff.certification",
    "Domain": "nnff.domain",
    "Layer": "nnff.network",
    "LinearRows": "nnff.domain",
    "Memory": "nnff.certification",
    "Metric": "nnff.similarity",
    "Network": "nnff.network",
    "NnffError": "nnff.errors",
    "PlausibleRegion": "nnff.domain",
    "Problem": "nnff.problem",
    "Question": "nnff.question",
    "Scaling": "nnff.network",
    "certify": "nnff.certification",
    "certify_outputs": "nnff.certification",
    "counterfactual": "nnff.certification",
    "curve": "nnff.certification",
    "largest_epsilon": "nnff.certification",
    "local": "nnff.certification",
    "metric": "nnff.similarity",
    "plausible_region": "nnff.domain",
    "read_network": "nnff.network",
    "sensitivity": "nnff.certification",
    "weights_from_ranking": "nnff.similarity",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nnff' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
