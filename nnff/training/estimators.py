"""Estimators in the manner of scikit-learn that learn accurate and individually fair networks: Problem 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, validate_data

from nnff.errors import ConfigError
from nnff.network import Scaling
from nnff.training.learner import IndividuallyFair
from nnff.training.objective import Loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.values import FloatArray, IntArray

__all__ = ["IFClassifier", "IFRegressor"]


class IFRegressor(RegressorMixin, IndividuallyFair):  # type: ignore[misc]
    """Learn a network that predicts well and treats similar inputs alike (`nnff.training.objective`).

    The target is standardised, so that squared loss and differences have comparable sizes.

    Parameters
    ----------
    hidden_layer_sizes
        Neurons of every hidden layer.
    activation
        Of hidden layers: ``"relu"``, ``"sigmoid"`` or ``"tanh"``.
    lam
        lambda, from 1 (accuracy alone) to 0 (fairness alone).
    loss
        ``"squared"`` (default) or ``"absolute"``, of the standardised target.
    penalty
        ``"difference"``, |f(x) - f(x*)|; or ``"loss"``, L(f(x*), y), training in the manner of SenSR.
    epsilon
        Inputs up to this distance apart are similar.
    metric
        Name of a metric plugin, or a metric; it acts on standardised inputs.
    metric_parameters
        For a metric given by name.  Sensitive features become its ``free`` ones unless it says otherwise.
    domain
        Possible inputs, raw units; default: the smallest box that holds every row.  Training looks for
        similar inputs in its box: rows and one-hot groups of it are not asked for.
    adversary
        ``"gradient"``, ``"milp"`` (exact and slow), ``"random"``, or an `Adversary`.
    solver
        Solver plugin of the adversary ``"milp"``.
    plain_epochs, epochs
        Epochs of plain training, and of training with `lam` after them.
    batch_size
        Rows per step; default: 200, or all if there are fewer.
    optimiser
        ``"adam"`` or ``"lbfgs"``.
    learning_rate, lbfgs_iterations
        Of Adam; of L-BFGS, per epoch.
    alpha
        Of the penalty on squared weights.
    early_stopping, validation_fraction, patience
        Stop when the objective on held-out rows has not improved for that many epochs, and return the best.
    checkpoint, checkpoint_every
        File to go on from, if it exists, and to write every so many epochs.
    n_jobs
        Processes of the adversary ``"milp"``.
    random_state
        The same number gives the same network.
    verbose
        Show a progress bar on stderr.

    Attributes
    ----------
    theta_
        Learned parameters.
    input_scaling_, output_scaling_
        Fitted on the training rows.
    domain_, metric_
        The domain and the bound metric in use.
    n_epochs_, objective_curve_
        Epochs done, and the objective of each.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = IFRegressor((4,), lam=0.5, random_state=0).fit(X, X[:, 0])
    >>> model.to_network().architecture
    '1-4-1 (relu, identity)'
    """

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803
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
            Targets, shape (rows,).
        sensitive_features
            Names or indices of columns of X that do not count when inputs are compared.
        sample_weight
            One weight per row, not negative.
        """
        rows, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        target = np.asarray(target, dtype=np.float64)
        weight = np.asarray(
            _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        )
        counted = weight > 0
        self.output_scaling_ = (
            Scaling.standard(target[counted, None], weight[counted]) if counted.any() else Scaling.none(1)
        )
        self._learn(rows, self.output_scaling_.apply(target[:, None])[:, 0], weight, sensitive_features)
        return self

    def predict(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return predictions in the target's units, shape (rows,)."""
        linear = self._linear(X)
        result: FloatArray = self.output_scaling_.invert(linear[:, None])[:, 0]
        return result

    def _loss(self) -> Loss:
        chosen = Loss.SQUARED if self.loss is None else self.loss
        if chosen not in (Loss.SQUARED, Loss.ABSOLUTE):
            raise ConfigError(f"the loss of a regression is {self.loss!r}; it must be squared or absolute")
        return Loss(chosen)


class IFClassifier(ClassifierMixin, IndividuallyFair):  # type: ignore[misc]
    """Learn a classifier of two classes whose probability is alike for similar inputs.

    Differences are those of the probability of the second class (`nnff.training.objective`).
    Parameters and attributes are those of `IFRegressor`; the loss is ``"cross-entropy"``, and ``classes_``
    holds the two classes, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = IFClassifier((4,), lam=0.5, random_state=0).fit(X, X[:, 0] > 0)
    >>> model.to_network().architecture
    '1-4-1 (relu, sigmoid)'
    """

    _output_activation = "sigmoid"

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803
        y: npt.ArrayLike,
        sensitive_features: Sequence[str | int] | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train; parameters as for `IFRegressor.fit`, with two classes in `y`."""
        rows, target = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(target)
        kind = type_of_target(target)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        weight = np.asarray(
            _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        )
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:  # noqa: PLR2004 - two classes
            raise ValueError(f"the target holds one class only, {self.classes_[0]!r}; a classifier needs two")
        self.output_scaling_ = Scaling.none(1)
        self._learn(rows, codes.astype(np.float64), weight, sensitive_features)
        return self

    def predict_proba(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return the probabilities of both classes, shape (rows, 2)."""
        second = expit(self._linear(X))
        return np.stack([1 - second, second], axis=1)

    def decision_function(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return the logit of the second class, shape (rows,)."""
        return self._linear(X)

    def predict(self, X: npt.ArrayLike) -> IntArray:  # noqa: N803
        """Return the more probable class of each row."""
        chosen = (self._linear(X) > 0).astype(np.int64)
        result: IntArray = self.classes_[chosen]
        return result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _loss(self) -> Loss:
        if self.loss not in (None, Loss.CROSS_ENTROPY):
            raise ConfigError(f"the loss of a classification is {self.loss!r}; it must be cross-entropy")
        return Loss.CROSS_ENTROPY

    def _output_names(self) -> tuple[str, ...]:
        return (f"P({self.classes_[1]})",)
