r"""Adversarial removal of a sensitive attribute: what an adversary cannot tell from the predictions.

.. math::
    \min_\theta \max_\phi \; L_P(\theta) + \mu \, R^2_A(\theta, \phi) + \lambda_2 R(\theta)

The adversary predicts the standardised attribute s from the prediction; :math:`R^2_A` is the share of the
variance of s that it explains.  It is a polynomial of the prediction, so that its best answer to every
:math:`\theta` is a least squares problem and solved exactly: the minimum over :math:`\theta` is then an
ordinary one, where two networks that learn by turns (B. H. Zhang, B. Lemoine and M. Mitchell, Mitigating
unwanted biases with adversarial learning, AIES 2018) circle around each other.  With the target as a further
input of the adversary, what is punished is what the prediction tells beyond the target.

This makes predictions independent of the attribute over the rows, a property of groups; for individual
fairness certify what came out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import autograd.numpy as anp
import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from nnff.errors import ConfigError
from nnff.network import Scaling
from nnff.processing.columns import sensitive_column
from nnff.processing.groups import groups_of
from nnff.processing.learner import (
    ClassificationTask,
    NetworkLearner,
    RegressionTask,
    TrainingData,
    weight_penalty,
)
from nnff.processing.traced import traced_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.network import Network
    from nnff.values import FloatArray

__all__ = ["AdversarialClassifier", "AdversarialRegressor"]

_MOST_GROUPS = 5
"""An attribute with more values, if they are numbers, is predicted as a number."""

_TINY = 1e-12
_RIDGE = 1e-9


class _Adversarial(NetworkLearner):
    """Parameters and training of both; see `AdversarialRegressor`."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (16,),
        activation: str = "tanh",
        *,
        sensitive_feature: str | int | None = None,
        strength: float = 1.0,
        given_target: bool = False,
        degree: int = 3,
        max_iter: int = 500,
        alpha: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.sensitive_feature = sensitive_feature
        self.strength = strength
        self.given_target = given_target
        self.degree = degree
        self.max_iter = max_iter
        self.alpha = alpha
        self.random_state = random_state

    def fit(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        sensitive_features: npt.ArrayLike | None = None,
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
            The attribute's values, shape (rows,), unless `sensitive_feature` names a column.
        sample_weight
            One weight per row, not negative.
        """
        rows, target, weight = self._checked(X, y, sample_weight)
        if not (self.strength >= 0 and self.alpha >= 0 and self.degree >= 1):
            raise ConfigError(
                "strength and alpha are not negative and the degree is at least 1, "
                f"got {self.strength}, {self.alpha} and {self.degree}"
            )
        table = X if hasattr(X, "columns") else rows
        attribute = _numbered(sensitive_column(table, self.sensitive_feature, sensitive_features))
        self._learn(rows, target, weight, attribute=attribute)
        return self

    def _train(
        self,
        network: Network,
        data: TrainingData,
        rng: np.random.RandomState,  # noqa: ARG002 - L-BFGS draws nothing
        **facts: Any,
    ) -> FloatArray:
        attribute: FloatArray = facts["attribute"]

        def explained(linear: Any) -> Any:
            given = data.target if self.given_target else None
            seen = self._seen(linear)
            return explained_share(seen, attribute, data.weight, degree=self.degree, given=given)

        def objective(parameters: Any) -> Any:
            linear = traced_output(network, parameters, data.z)
            cost = self._cost(linear, data) + self.alpha * weight_penalty(network, parameters)
            return cost + self.strength * explained(linear) if self.strength > 0 else cost

        found = self._minimised(objective, network)
        self.adversary_r2_ = float(explained(traced_output(network, found, data.z)))
        return found


def explained_share(
    prediction: Any,
    attribute: FloatArray,
    weight: FloatArray,
    *,
    degree: int,
    given: FloatArray | None = None,
) -> Any:
    """Return the share of the attribute's variance that a polynomial of the prediction explains, traced.

    Parameters
    ----------
    prediction
        Shape (rows,).
    attribute
        Standardised columns, shape (rows, k).
    weight
        Sums to 1, shape (rows,).
    degree
        Of the polynomial.
    given
        A further regressor, shape (rows,).
    """
    middle = anp.dot(weight, prediction)
    spread = anp.sqrt(anp.dot(weight, (prediction - middle) ** 2) + _TINY)
    v = (prediction - middle) / spread
    columns = [anp.ones(len(weight))] + [v**k for k in range(1, degree + 1)]
    if given is not None:
        columns.append(given)
    features = anp.stack(columns, axis=1)
    weighted = features * weight[:, None]
    # The ridge keeps predictions of few different values solvable; it can only lower the share.
    moments = anp.dot(features.T, weighted) + _RIDGE * np.eye(len(columns))
    guess = anp.dot(features, anp.linalg.solve(moments, anp.dot(weighted.T, attribute)))
    center = weight @ attribute
    total = weight @ (attribute - center) ** 2
    return 1 - anp.mean(anp.dot(weight, (attribute - guess) ** 2) / total)


def _numbered(attribute: npt.ArrayLike) -> FloatArray:
    """Return the attribute as standardised columns: a number as one, groups as one each, shape (rows, k)."""
    values = np.asarray(attribute)
    if np.issubdtype(values.dtype, np.number) and len(np.unique(values)) > _MOST_GROUPS:
        columns = values.astype(np.float64)[:, None]
    else:
        columns = np.eye(len(np.unique(values)))[groups_of(values, max(_MOST_GROUPS, 1))]
        # The last column of all follows from the others.
        columns = columns[:, :-1] if columns.shape[1] > 1 else columns
    return Scaling.standard(columns).apply(columns)


class AdversarialRegressor(RegressionTask, RegressorMixin, _Adversarial):  # type: ignore[misc]
    """Learn a network from whose predictions an adversary cannot tell a sensitive attribute; see the module.

    Parameters
    ----------
    hidden_layer_sizes
        Neurons per hidden layer.
    activation
        Of the hidden layers: ``"tanh"``, ``"sigmoid"``, ``"relu"`` or ``"identity"``.
    sensitive_feature
        Column of X that holds the attribute, unless `fit` is given its values.  The column stays an input.
    strength
        mu; 0 trains without the adversary's say.
    given_target
        The adversary sees the target as well (equalised odds in place of demographic parity).
    degree
        Of the adversary's polynomial: 1 removes correlation, more removes what is not linear, too.
    max_iter
        Iterations of L-BFGS.
    alpha
        Of the penalty on half the squared weights.
    random_state
        Of the initial weights.

    Attributes
    ----------
    network_
        On standardised inputs; `to_network` gives it in raw units.
    input_scaling_, output_scaling_
        Fitted on the training rows.
    adversary_r2_
        Share of the attribute's variance that the adversary explains at the end.
    n_iter_, objective_
        Iterations done and the value reached.
    """


class AdversarialClassifier(ClassificationTask, ClassifierMixin, _Adversarial):  # type: ignore[misc]
    """The same for two classes; the adversary sees the probability.

    Parameters and attributes are those of `AdversarialRegressor`; ``classes_`` holds the two classes, sorted.
    """
