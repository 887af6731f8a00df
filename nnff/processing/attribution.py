r"""The regularised loss that the founding paper names: predictions, attributions and weights together.

.. math::
    \min_\theta \; \sum_i w_i \bigl( d_1(y_i, f(x_i)) + \lambda_1 d_2(f_{loc}(x_i), r) \bigr)
        + \lambda_2 R(\theta)

:math:`f_{loc}` is a local explanation of the prediction, here the gradient of the output (of a
classifier: of the logit) with respect to the standardised inputs; r the wished attribution, 0 on the
sensitive inputs; d1 the squared error or cross-entropy, d2 the squared difference summed over the inputs that
r speaks of; R half the squared weights.  Small gradients at the rows say nothing about the worst pair:
certify it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import autograd.numpy as anp
import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from nnff.domain import feature_indices
from nnff.errors import ConfigError
from nnff.processing.columns import column_names
from nnff.processing.learner import (
    ClassificationTask,
    NetworkLearner,
    RegressionTask,
    TrainingData,
    weight_penalty,
)
from nnff.processing.traced import traced_input_gradient, traced_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from nnff.network import Network
    from nnff.values import FloatArray, IntArray

__all__ = ["AttributionClassifier", "AttributionRegressor"]


class _Attribution(NetworkLearner):
    """Parameters and training of both; see `AttributionRegressor`."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (16,),
        activation: str = "tanh",
        *,
        attribution: float = 1.0,
        wished: Mapping[str | int, float] | None = None,
        alpha: float = 1e-4,
        max_iter: int = 500,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.attribution = attribution
        self.wished = wished
        self.alpha = alpha
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        sensitive_features: Sequence[str | int] | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X
            Rows in raw units, shape (rows, n); a data frame names the features.
        y
            Targets, or two classes, shape (rows,).
        sensitive_features
            Names or indices of columns whose wished attribution is 0.
        sample_weight
            One weight per row, not negative.
        """
        rows, target, weight = self._checked(X, y, sample_weight)
        if not (self.attribution >= 0 and self.alpha >= 0):
            raise ConfigError(
                f"attribution and alpha are not negative, got {self.attribution} and {self.alpha}"
            )
        names = column_names(X) if hasattr(X, "columns") else column_names(rows)
        wished = dict.fromkeys(feature_indices(sensitive_features or (), names), 0.0)
        for feature, value in (self.wished or {}).items():
            wished[feature_indices([feature], names)[0]] = float(value)
        self._learn(rows, target, weight, wished=wished)
        return self

    def _train(
        self,
        network: Network,
        data: TrainingData,
        rng: np.random.RandomState,  # noqa: ARG002 - L-BFGS draws nothing
        **facts: Any,
    ) -> FloatArray:
        wished: Mapping[int, float] = facts["wished"]
        columns: IntArray = np.array(list(wished), dtype=np.int64)
        goal = np.array(list(wished.values()))

        def objective(parameters: Any) -> Any:
            cost = self._cost(traced_output(network, parameters, data.z), data)
            if len(columns) and self.attribution > 0:
                explained = traced_input_gradient(network, parameters, data.z)[:, columns]
                cost = cost + self.attribution * anp.dot(
                    data.weight, anp.sum((explained - goal) ** 2, axis=1)
                )
            return cost + self.alpha * weight_penalty(network, parameters)

        return self._minimised(objective, network)


class AttributionRegressor(RegressionTask, RegressorMixin, _Attribution):  # type: ignore[misc]
    """Learn a network whose predictions are not explained by the sensitive inputs; see the module.

    Parameters
    ----------
    hidden_layer_sizes
        Neurons per hidden layer.
    activation
        Of the hidden layers: ``"tanh"``, ``"sigmoid"``, ``"relu"`` or ``"identity"``.
    attribution
        lambda1.
    wished
        r: wished gradient of the standardised output with respect to a standardised input, by name or index,
        besides 0 on the sensitive ones; inputs that it does not mention are free.
    alpha
        lambda2.
    max_iter
        Iterations of L-BFGS.
    random_state
        Of the initial weights.

    Attributes
    ----------
    network_
        On standardised inputs; `to_network` gives it in raw units.
    input_scaling_, output_scaling_
        Fitted on the training rows.
    n_iter_, objective_
        Iterations done and the value reached.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 2))
    >>> model = AttributionRegressor((4,), random_state=0).fit(X, X.sum(axis=1), sensitive_features=[1])
    >>> model.to_network().architecture
    '2-4-1 (tanh, identity)'
    """


class AttributionClassifier(ClassificationTask, ClassifierMixin, _Attribution):  # type: ignore[misc]
    """The same for two classes; the explanation is the gradient of the logit.

    Parameters and attributes are those of `AttributionRegressor`; ``classes_`` holds the two classes, sorted.
    """
