"""The input domain: which inputs, and which pairs of inputs, are possible."""

from nnff.domain.domain import Domain
from nnff.domain.linear_rows import ROW_TOLERANCE, LinearRows
from nnff.domain.names import feature_indices
from nnff.domain.plausible import PlausibleRegion, plausible_region

__all__ = [
    "ROW_TOLERANCE",
    "Domain",
    "LinearRows",
    "PlausibleRegion",
    "feature_indices",
    "plausible_region",
]
