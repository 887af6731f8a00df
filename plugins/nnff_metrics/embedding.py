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
    network: Network | Mapping[str, Any] | None = None,
    file: str | os.PathLike[str] | None = None,
    layers: int | None = None,
    base: Metric | Mapping[str, Any] | str = "weighted-lp",
) -> Metric:
    """Return ``d(x, y) = base(phi(x), phi(y))``.

    Parameters
    ----------
    matrix
        For a linear phi: one row per output, one column per feature.
    network
        For a network phi: a `Network`, or a table of layers.
    file
        For a network phi: a model file.
    layers
        Of a network, use its first so many layers alone; default all.
    base
        The metric between outputs of phi: a plugin's name, or a table with ``metric`` and its parameters.

    Raises
    ------
    SimilarityError
        If there is not exactly one of `matrix`, `network` and `file`, or they make no sense.
    """
    if sum(given is not None for given in (matrix, network, file)) != 1:
        raise SimilarityError("an embedding needs one of matrix (linear), network and file, and only one")
    if matrix is not None:
        if layers is not None:
            raise SimilarityError("an embedding by a matrix has no layers; leave 'layers' out")
        return LinearEmbedding(matrix, base)
    phi = file if network is None else network
    assert phi is not None
    return NetworkEmbedding(phi, layers, base)
