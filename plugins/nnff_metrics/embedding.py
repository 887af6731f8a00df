"""The metric plugin ``embedding``: distances between what a linear map or a network makes of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnff.errors import SimilarityError
from nnff_metrics.linear_embedding import LinearEmbedding
from nnff_metrics.network_embedding import NetworkEmbedding

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import numpy.typing as npt

    from nnff.network import Network
    from nnff.similarity import Metric

__all__ = ["embedding"]


def embedding(
    matrix: npt.ArrayLike | None = None,
    network: Network | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    layers: int | None = None,
    base: Metric | Mapping[str, Any] | str = "weighted-lp",
) -> Metric:
    """Return ``d(x, y) = base(phi(x), phi(y))``.

    Parameters
    ----------
    matrix
        For a linear phi: one row per output, one column per feature.
    network
        For a network phi: a model file, a `Network`, or a table of layers.
    layers
        With `network`, use its first so many layers alone; default all.
    base
        The metric between outputs of phi: a plugin's name, or a table with ``metric`` and its parameters.

    Raises
    ------
    SimilarityError
        If there is not exactly one of `matrix` and `network`, or they make no sense.
    """
    if (matrix is None) == (network is None):
        raise SimilarityError("an embedding needs either a matrix (linear) or a network, one of the two")
    if matrix is not None:
        if layers is not None:
            raise SimilarityError("an embedding by a matrix has no layers; leave 'layers' out")
        return LinearEmbedding(matrix, base)
    assert network is not None
    return NetworkEmbedding(network, layers, base)
