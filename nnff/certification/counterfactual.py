"""Pairs that are equal but for the sensitive attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnff.certification.certify import certify
from nnff.domain import feature_indices
from nnff.errors import SimilarityError
from nnff.similarity import metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nnff.certification.certificate import Certificate
    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric

__all__ = ["counterfactual", "identical_but"]


def identical_but(sensitive_features: Iterable[int | str] | str, feature_names: Sequence[str]) -> Metric:
    """Return the metric whose ball of radius 0 holds the pairs that are equal but for these features.

    Weighted l_inf with weight 0 for them and 1 for all others.

    Raises
    ------
    SimilarityError
        If there is none: then both inputs are one and the same.
    DomainError
        If a feature does not exist.
    """
    free = feature_indices(sensitive_features, tuple(feature_names))
    if not free:
        raise SimilarityError(
            "a counterfactual needs sensitive attributes, the features that change; name them as "
            "data.sensitive_features (--sensitive-features)"
        )
    return metric("weighted-lp", p="inf", free=free)


def counterfactual(
    network: Network, domain: Domain, *, sensitive_features: Iterable[int | str] | str, **settings: Any
) -> Certificate:
    """Bracket what changing the sensitive attributes alone does, everything else equal.

    Parameters
    ----------
    network, domain
        As for `nnff.certify`.
    sensitive_features
        Names or zero-based indices of the features that are free inside the domain.
    **settings
        Further arguments of `nnff.certify`, for example a question.

    Examples
    --------
    >>> from nnff import Domain, Layer, Network, counterfactual
    >>> network = Network((Layer([[1.0, -2.0]], [0.0]),), feature_names=("income", "sex"))
    >>> domain = Domain.from_box([0, 0], [9, 1], integer=["sex"], feature_names=("income", "sex"))
    >>> round(counterfactual(network, domain, sensitive_features=["sex"]).delta_upper, 6)
    2.0
    """
    chosen = [sensitive_features] if isinstance(sensitive_features, str) else list(sensitive_features)
    similar = identical_but(chosen, domain.feature_names)
    names = [domain.feature_names[i] for i in feature_indices(chosen, domain.feature_names)]
    return certify(network, domain, similar, 0.0, sensitive_features=names, **settings)
