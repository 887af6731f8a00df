"""What the estimators of Problem 2 share: parameters, scaling, training, the worst case of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from nnff.domain import Domain
from nnff.errors import ConfigError
from nnff.network import Network, Scaling
from nnff.similarity import Metric, checked_epsilon, metric
from nnff.training.adversary import Adversary, GradientAdversary, RandomAdversary
from nnff.training.checkpoint import load_state, save_state, training_fingerprint
from nnff.training.exact_adversary import ExactAdversary
from nnff.training.neighbourhood import Neighbourhood
from nnff.training.objective import Batch, Loss, Objective, Penalty
from nnff.training.perceptron import Perceptron
from nnff.training.progress import progress_bar
from nnff.training.trainer import Plan, Trainer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    import numpy.typing as npt

    from nnff.training.trainer import State
    from nnff.values import FloatArray

__all__ = ["IndividuallyFair"]

_THOROUGH = 20
"""Steps of the gradient adversary where it starts from nothing and is asked once."""

_NOT_SHAPING = frozenset(
    {
        *("plain_epochs", "epochs", "verbose", "checkpoint", "checkpoint_every", "n_jobs"),
        # These count as what they have become: a seed, a bound metric, a domain.
        *("random_state", "metric", "metric_parameters", "domain"),
    }
)
"""Parameters that may differ between a checkpoint and the training that goes on from it."""


class IndividuallyFair(BaseEstimator):  # type: ignore[misc] # scikit-learn publishes no types
    """What the two estimators share; their docstrings explain the parameters."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (16,),
        activation: str = "relu",
        *,
        lam: float = 0.5,
        loss: str | None = None,
        penalty: str = "difference",
        epsilon: float = 0.2,
        metric: str | Metric = "weighted-lp",
        metric_parameters: Mapping[str, Any] | None = None,
        domain: Domain | None = None,
        adversary: str | Adversary = "gradient",
        solver: str = "highs",
        plain_epochs: int = 100,
        epochs: int = 100,
        batch_size: int | None = None,
        optimiser: str = "adam",
        learning_rate: float = 0.01,
        lbfgs_iterations: int = 10,
        alpha: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 20,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int = 10,
        n_jobs: int = 1,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.lam = lam
        self.loss = loss
        self.penalty = penalty
        self.epsilon = epsilon
        self.metric = metric
        self.metric_parameters = metric_parameters
        self.domain = domain
        self.adversary = adversary
        self.solver = solver
        self.plain_epochs = plain_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.lbfgs_iterations = lbfgs_iterations
        self.alpha = alpha
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def to_network(self) -> Network:
        """Return what was learned as a network in raw units, its scaling inside.

        For a classifier its output is the probability of the second class.  The names of the features are
        those of the data frame it was fitted on, if it was one; the input range is that of the domain.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        ends = np.stack([self.domain_.lower, self.domain_.upper])
        return Network(
            layers=self._perceptron().layers(self.theta_, self._output_activation),
            input_scaling=self.input_scaling_,
            output_scaling=self.output_scaling_,
            feature_names=() if names is None else tuple(str(name) for name in names),
            output_names=self._output_names(),
            input_range=ends,
        )

    def worst_case(self, X: npt.ArrayLike, *, random_state: int = 0) -> tuple[FloatArray, FloatArray]:  # noqa: N803
        """Find for every row a similar input whose output differs much.

        Parameters
        ----------
        X
            Rows in raw units, shape (rows, n).
        random_state
            For an adversary that draws.

        Returns
        -------
        The inputs found, raw units, shape (rows, n), and the sizes of the differences in the output's units,
        shape (rows,): lower bounds of the true ones, over the domain's box, unless the adversary is exact.
        """
        rows = self._checked_inputs(X)
        z = self.input_scaling_.apply(rows)
        objective = Objective(self._perceptron(), self._loss())
        batch = Batch(z, np.zeros(len(z)), np.ones(len(z)))
        found = self._adversary(_THOROUGH).worst(
            objective, self.theta_, batch, self._neighbourhood(), rng=np.random.default_rng(random_state)
        )
        # A coordinate that has not moved keeps its digits, and no rounding leads out of the domain.
        raw = np.where(found.difference == 0, rows, self.input_scaling_.invert(z + found.difference))
        low, high = np.minimum(self.domain_.lower, rows), np.maximum(self.domain_.upper, rows)
        whole = np.where(self.domain_.integer & (found.difference != 0), np.rint(raw), raw)
        return np.clip(whole, low, high), found.harm * float(self.output_scaling_.scale[0])

    _output_activation = "identity"

    def _output_names(self) -> tuple[str, ...]:
        return ()

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _penalty(self) -> Penalty:
        try:
            return Penalty(self.penalty)
        except ValueError:
            raise ConfigError(f"the penalty is {self.penalty!r}; it must be difference or loss") from None

    def _perceptron(self) -> Perceptron:
        hidden = (
            (self.hidden_layer_sizes,)
            if isinstance(self.hidden_layer_sizes, int)
            else self.hidden_layer_sizes
        )
        sizes = (self.n_features_in_, *(int(size) for size in hidden), 1)
        return Perceptron(sizes, self.activation)

    def _adversary(self, steps: int = 2) -> Adversary:
        if isinstance(self.adversary, Adversary):
            return self.adversary
        known: dict[str, Adversary] = {
            GradientAdversary.name: GradientAdversary(steps),
            RandomAdversary.name: RandomAdversary(),
            ExactAdversary.name: ExactAdversary(solver=self.solver, n_jobs=self.n_jobs),
        }
        if self.adversary not in known:
            raise ConfigError(f"the adversary is {self.adversary!r}; known are {', '.join(sorted(known))}")
        return known[self.adversary]

    def _neighbourhood(self) -> Neighbourhood:
        return Neighbourhood(self.metric_, checked_epsilon(self.epsilon), self.domain_, self.input_scaling_)

    def _checked_inputs(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def _linear(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803
        rows = self._checked_inputs(X)
        z = self.input_scaling_.apply(rows)
        return self._perceptron().linear(self.theta_, z)

    def _bound_metric(self, names: tuple[str, ...], sensitive: Sequence[str | int]) -> Metric:
        if isinstance(self.metric, Metric):
            return self.metric.bind(names)
        parameters = dict(self.metric_parameters or {})
        if sensitive:
            parameters.setdefault("free", list(sensitive))
        return metric(self.metric, **parameters).bind(names)

    def _learn(
        self,
        rows: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        sensitive_features: Sequence[str | int] | None,
    ) -> None:
        """Fit the scaling of the inputs, the domain and the network to rows that count."""
        counted = weight > 0
        if not counted.any():
            raise ConfigError("every sample weight is 0; at least one row must count")
        rows, y, weight = rows[counted], y[counted], weight[counted]
        names = getattr(self, "feature_names_in_", None)
        columns = tuple(f"x{i}" for i in range(rows.shape[1])) if names is None else tuple(map(str, names))
        self.domain_ = Domain.from_data(rows, feature_names=columns) if self.domain is None else self.domain
        if self.domain_.n_features != rows.shape[1]:
            raise ConfigError(
                f"the domain has {self.domain_.n_features} features, the rows have {rows.shape[1]}"
            )
        self.input_scaling_ = Scaling.standard(rows, weight)
        self.metric_ = self._bound_metric(self.domain_.feature_names, sensitive_features or ())
        plan = Plan(
            lam=self.lam,
            plain_epochs=self.plain_epochs,
            epochs=self.epochs,
            batch_size=min(200, len(rows)) if self.batch_size is None else self.batch_size,
            optimiser=self.optimiser,
            learning_rate=self.learning_rate,
            lbfgs_iterations=self.lbfgs_iterations,
            patience=self.patience,
        )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        everything = Batch(self.input_scaling_.apply(rows), y, weight)
        kept, held_out = self._split(everything, seed)
        trainer = Trainer(
            objective=Objective(self._perceptron(), self._loss(), self._penalty(), self.alpha),
            plan=plan,
            adversary=self._adversary(),
            near=self._neighbourhood(),
            rows=kept,
            held_out=held_out,
        )
        state = self._run(trainer, seed, everything)
        self.theta_ = trainer.parameters(state)
        self.n_epochs_ = state.epoch
        self.objective_curve_ = list(state.curve)

    def _split(self, everything: Batch, seed: int) -> tuple[Batch, Batch | None]:
        if not self.early_stopping:
            return everything, None
        seen, unseen = train_test_split(
            np.arange(len(everything)), test_size=self.validation_fraction, random_state=seed
        )
        return everything.take(seen), everything.take(unseen)

    def _run(self, trainer: Trainer, seed: int, everything: Batch) -> State:
        """Train, from a checkpoint if there is one, and leave one behind if asked."""
        state, mark = None, ""
        if self.checkpoint is not None:
            # plain_epochs shapes the training unless lambda is 1; epochs only say how far it goes.
            shaping = {k: v for k, v in self.get_params(deep=False).items() if k not in _NOT_SHAPING}
            shaping["plain_epochs"] = self.plain_epochs if self.lam < 1 else None
            mark = training_fingerprint(
                {
                    **shaping,
                    "metric": [self.metric_.name, self.metric_.parameters],
                    "domain": self.domain_.fingerprint,
                    "seed": None if self.random_state is None else seed,
                },
                everything.z,
                everything.y,
                everything.weight,
            )
            state = load_state(self.checkpoint, mark)
        if state is None:
            state = trainer.first_state(seed)
        with progress_bar(trainer.plan.all_epochs, state.epoch, shown=self.verbose) as shown:

            def after_epoch(now: State) -> None:
                shown(now)
                last = trainer.finished(now)
                if self.checkpoint is not None and (last or now.epoch % self.checkpoint_every == 0):
                    save_state(self.checkpoint, now, mark)

            # These matrices are too small for threads, which would only wait for each other.
            with threadpool_limits(1, user_api="blas"):
                return trainer.run(state, after_epoch)
