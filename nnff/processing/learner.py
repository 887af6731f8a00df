"""What the de-biasing estimators share: a dense network on standardised inputs, one output or two classes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import expit
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from nnff.errors import ConfigError
from nnff.network import Layer, Network, Scaling
from nnff.processing.traced import traced_activations
from nnff.search import parameters_of, with_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from nnff.values import FloatArray, IntArray

__all__ = [
    "ClassificationTask",
    "NetworkLearner",
    "RegressionTask",
    "TrainingData",
    "checked_weights",
    "minimised",
    "weight_penalty",
]

TWO = 2


class TrainingData:
    """Rows to learn from, standardised.

    Attributes
    ----------
    z
        Inputs, shape (rows, n).
    target
        Standardised targets, or 0 and 1, shape (rows,).
    weight
        Sums to 1, shape (rows,).
    """

    def __init__(self, z: FloatArray, target: FloatArray, weight: FloatArray) -> None:
        self.z, self.target, self.weight = z, target, weight / weight.sum()


class NetworkLearner(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of the estimators; a subclass says in `_train` how parameters are found."""

    hidden_layer_sizes: Sequence[int] | int
    activation: str
    alpha: float
    random_state: int | np.random.RandomState | None

    _output_activation = "identity"

    def to_network(self) -> Network:
        """Return what was learned as a network in raw units, its scaling inside.

        For a classifier its output is the probability of the second class.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        last = replace(self.network_.layers[-1], activation_name=self._output_activation)
        return replace(
            self.network_,
            layers=(*self.network_.layers[:-1], last),
            input_scaling=self.input_scaling_,
            output_scaling=self.output_scaling_,
            feature_names=() if names is None else tuple(str(name) for name in names),
            output_names=self._output_names(),
        )

    def _learn(self, rows: FloatArray, target: FloatArray, weight: FloatArray, **facts: Any) -> None:
        """Standardise, train and keep the network on standardised inputs, linear at its end."""
        # A row of weight 0 is no row.
        counted = weight > 0
        rows, target, weight = rows[counted], target[counted], weight[counted]
        facts = {name: value[counted] if name == "attribute" else value for name, value in facts.items()}
        self.input_scaling_ = Scaling.standard(rows, weight)
        rng = check_random_state(self.random_state)
        network = self._initial(rows.shape[1], rng)
        data = TrainingData(self.input_scaling_.apply(rows), target, weight)
        self.network_ = with_parameters(network, self._train(network, data, rng, **facts))

    def _initial(self, n: int, rng: np.random.RandomState) -> Network:
        """Return a network with normal weights of variance 2 / (inputs + outputs) and no biases (Glorot)."""
        hidden = (
            [self.hidden_layer_sizes] if isinstance(self.hidden_layer_sizes, int) else self.hidden_layer_sizes
        )
        sizes = [n, *(int(size) for size in hidden), 1]
        if min(sizes) < 1:
            raise ConfigError(f"the layer sizes are {sizes}; every layer needs at least one neuron")
        if self.activation not in traced_activations():
            raise ConfigError(
                f"the activation is {self.activation!r}; known are {', '.join(traced_activations())}"
            )
        names = [self.activation] * (len(sizes) - 2) + ["identity"]
        return Network(
            tuple(
                Layer(
                    rng.standard_normal((after, before)) * np.sqrt(2 / (before + after)),
                    np.zeros(after),
                    name,
                )
                for (before, after), name in zip(pairwise(sizes), names, strict=True)
            )
        )

    def _train(
        self, network: Network, data: TrainingData, rng: np.random.RandomState, **facts: Any
    ) -> FloatArray:
        raise NotImplementedError

    def _losses(self, linear: Any, target: FloatArray) -> Any:
        """Return d1 of every row from the network's linear output, as autograd follows it."""
        raise NotImplementedError

    def _minimised(self, objective: Callable[[Any], Any], network: Network) -> FloatArray:
        """Return the parameters that minimise a function that autograd follows, and note how that went."""
        found = minimised(objective, parameters_of(network), self.max_iter)
        self.n_iter_, self.objective_ = int(found.nit), float(found.fun)
        return np.asarray(found.x, dtype=np.float64)

    def _output_names(self) -> tuple[str, ...]:
        return ()

    def _cost(self, linear: Any, data: TrainingData) -> Any:
        return anp.dot(data.weight, self._losses(linear, data.target))

    def _linear(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803 - scikit-learn's name
        check_is_fitted(self)
        rows = np.asarray(validate_data(self, X, reset=False, dtype=np.float64))
        return self.network_.predict(self.input_scaling_.apply(rows))


def minimised(objective: Callable[[Any], Any], start: FloatArray, iterations: int) -> Any:
    """Return SciPy's answer of L-BFGS-B on a function that autograd follows."""
    # These matrices are too small for threads, which would only wait for each other.
    with threadpool_limits(1, user_api="blas"):
        return minimize(
            value_and_grad(objective), start, jac=True, method="L-BFGS-B", options={"maxiter": iterations}
        )


def checked_weights(sample_weight: Any, rows: FloatArray) -> FloatArray:
    """Return one weight per row, not all of them 0."""
    weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    # Older versions of scikit-learn let these through.
    if not weight.any():
        raise ConfigError("every sample weight is 0; at least one row must count")
    return np.asarray(weight, dtype=np.float64)


def weight_penalty(network: Network, parameters: Any) -> Any:
    """Return R, half the sum of the squared weights, biases left out, as autograd follows it."""
    mask = parameters_of(
        replace(
            network,
            layers=tuple(
                Layer(np.ones_like(layer.weight), np.zeros_like(layer.bias), layer.activation_name)
                for layer in network.layers
            ),
        )
    )
    return anp.dot(mask, parameters**2) / 2


class RegressionTask:
    """A standardised target and squared errors."""

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[FloatArray, FloatArray, FloatArray]:  # noqa: N803
        """Return rows, standardised targets and weights."""
        rows, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weight = checked_weights(sample_weight, rows)
        target = np.asarray(target, dtype=np.float64)[:, None]
        self.output_scaling_ = Scaling.standard(target, weight)
        return rows, self.output_scaling_.apply(target)[:, 0], weight

    def _seen(self, linear: Any) -> Any:
        """Return the prediction as an adversary sees it, as autograd follows it."""
        return linear

    def _losses(self, linear: Any, target: FloatArray) -> Any:
        return (linear - target) ** 2

    def predict(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return predictions in the target's units, shape (rows,)."""
        linear = self._linear(X)  # type: ignore[attr-defined] # of the learner that this is mixed into
        result: FloatArray = self.output_scaling_.invert(linear[:, None])[:, 0]
        return result


class ClassificationTask:
    """Two classes and cross-entropy."""

    _output_activation = "sigmoid"
    classes_: Any

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[FloatArray, FloatArray, FloatArray]:  # noqa: N803
        """Return rows, classes as 0 and 1, and weights."""
        rows, target = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(target)
        kind = type_of_target(target)
        # scikit-learn's own checks ask for ValueError and for these words.
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < TWO:
            raise ValueError(f"the target holds one class only, {self.classes_[0]!r}; a classifier needs two")
        self.output_scaling_ = Scaling.none(1)
        return rows, codes.astype(np.float64), checked_weights(sample_weight, rows)

    def _seen(self, linear: Any) -> Any:
        """Return the probability of the second class, as autograd follows it."""
        return expit(linear)

    def _losses(self, linear: Any, target: FloatArray) -> Any:
        # log(1 + exp(linear)) - target linear, without overflow.
        return anp.logaddexp(0.0, linear) - target * linear

    def decision_function(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return the logit of the second class, shape (rows,)."""
        result: FloatArray = self._linear(X)  # type: ignore[attr-defined]
        return result

    def predict_proba(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        """Return the probabilities of both classes, shape (rows, 2)."""
        logit = self.decision_function(X)
        second = np.exp(-np.logaddexp(0.0, -logit))
        return np.stack([1 - second, second], axis=1)

    def predict(self, X: npt.ArrayLike) -> IntArray:  # noqa: N803
        """Return the more probable class of each row."""
        chosen = (self.decision_function(X) > 0).astype(np.int64)
        result: IntArray = self.classes_[chosen]
        return result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc] # of the learner
        tags.classifier_tags.multi_class = False
        return tags

    def _output_names(self) -> tuple[str, ...]:
        return (f"P({self.classes_[1]})",)
