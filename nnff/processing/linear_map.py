r"""Linear preprocessing as part of the network, so that what is certified is what people meet.

A transformer in front of a network is part of the decision: pairs are pairs of *raw* inputs.  For a linear
one, :math:`x \mapsto A x + c`, it can be multiplied into the first layer, exactly up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ModelError
from nnff.network import Layer, Scaling
from nnff.processing.columns import column_names, numbers, sensitive_columns
from nnff.processing.extras import extra_module
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.network import Network

__all__ = ["LinearMap", "correlation_remover", "linear_map_of", "network_behind"]

_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class LinearMap(ContentValue):
    """The map x to ``A x + c``.

    Attributes
    ----------
    matrix
        A, shape (k, n).
    offset
        c, shape (k,).
    """

    matrix: FloatArray
    offset: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen_array(self.matrix))
        object.__setattr__(self, "offset", frozen_array(self.offset))
        if self.matrix.ndim != 2 or self.offset.shape != self.matrix.shape[:1]:  # noqa: PLR2004 - a matrix
            raise ModelError(
                f"a linear map needs a matrix and one offset per row of it, "
                f"got shapes {self.matrix.shape} and {self.offset.shape}"
            )

    def apply(self, x: FloatArray) -> FloatArray:
        """Map rows, shape (rows, n), to shape (rows, k)."""
        result: FloatArray = x @ self.matrix.T + self.offset
        return result


def linear_map_of(transformer: Any, X: Any) -> LinearMap:  # noqa: N803 - scikit-learn's name
    """Return the linear map that a fitted transformer of scikit-learn's kind computes.

    Works for any that is one, alone or in a pipeline: ``StandardScaler``, ``PCA``, Fairlearn's
    ``CorrelationRemover``, `nnff.processing.SensitiveDirectionRemover`.  It is read off the transformer's
    answers at a point and one step along each feature, and compared with its answers on `X`.

    Parameters
    ----------
    transformer
        Fitted, with ``transform``.
    X
        Rows as it was fitted on, array or data frame, shape (rows, n).

    Raises
    ------
    ModelError
        If its answers on `X` are not those of a linear map.
    """
    table = numbers(X, "the data")
    scaling = Scaling.standard(table)

    def answers(rows: FloatArray) -> FloatArray:
        given = type(X)(rows, columns=list(column_names(X))) if hasattr(X, "iloc") else rows
        return np.asarray(transformer.transform(given), dtype=np.float64)

    middle = answers(scaling.center[None])[0]
    steps = answers(scaling.center + np.diag(scaling.scale)) - middle
    matrix = (steps / scaling.scale[:, None]).T
    found = LinearMap(matrix, middle - matrix @ scaling.center)
    wanted = answers(table)
    error = np.abs(found.apply(table) - wanted).max(initial=0.0)
    if error > _TOLERANCE * (1 + np.abs(wanted).max(initial=0.0)):
        raise ModelError(
            f"{type(transformer).__name__} is not linear (off by {error:.3g} on the rows given); "
            "only a linear transformer can become part of a network"
        )
    return found


def network_behind(
    network: Network, before: LinearMap, input_scaling: Scaling, feature_names: tuple[str, ...] = ()
) -> Network:
    """Return the network that computes ``network(A x + c)`` from raw x.

    Parameters
    ----------
    network
        Takes what `before` returns.
    before
        The preprocessing.
    input_scaling
        The new network's input scaling, and with it the metric's coordinates by default: usually
        ``Scaling.standard`` of the raw rows.  Any gives the same function.
    feature_names
        Of the raw features; default x0, x1, ...
    """
    k, n = before.matrix.shape
    if network.n_inputs != k:
        raise ModelError(f"the network takes {network.n_inputs} inputs but the preprocessing returns {k}")
    if input_scaling.size != n:
        raise ModelError(f"the input scaling has {input_scaling.size} entries for {n} raw features")
    first, inner = network.layers[0], network.input_scaling
    # (A (u s + m) + c - center) / scale for raw x = u s + m.
    matrix = before.matrix * input_scaling.scale / inner.scale[:, None]
    offset = inner.apply(before.apply(input_scaling.center[None]))[0]
    layer = Layer(first.weight @ matrix, first.weight @ offset + first.bias, first.activation_name)
    return replace(
        network,
        layers=(layer, *network.layers[1:]),
        input_scaling=input_scaling,
        feature_names=feature_names,
        input_range=None,
    )


def correlation_remover(
    X: Any,  # noqa: N803 - scikit-learn's name
    sensitive_features: Sequence[str | int] | str | int,
    *,
    alpha: float = 1.0,
) -> Any:
    """Return Fairlearn's ``CorrelationRemover`` for these columns, fitted on `X`.

    It drops the sensitive columns and takes from the others what is linear in them.  **What it returns
    depends on the sensitive attribute**: to be uncorrelated, the others are corrected by it.  So two people
    who differ in it alone are no longer the same to the model; `network_behind` lets nnff certify how much
    that is.

    Parameters
    ----------
    X
        Array or data frame, shape (rows, n).
    sensitive_features
        Names or zero-based indices.
    alpha
        How much is removed, from 0 to 1.

    Raises
    ------
    MissingExtraError
        Without Fairlearn.
    """
    indices = sensitive_columns(X, sensitive_features)
    ids: list[Any] = [X.columns[i] for i in indices] if hasattr(X, "columns") else indices
    remover = extra_module("fairlearn.preprocessing").CorrelationRemover(
        sensitive_feature_ids=ids, alpha=alpha
    )
    return remover.fit(X)
