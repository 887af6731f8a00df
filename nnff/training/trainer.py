"""The training loop: plain epochs first, adversarial ones after, from any state of it to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ConfigError
from nnff.training.optimiser import Adam, AdamState, lbfgs

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.training.adversary import Adversary
    from nnff.training.neighbourhood import Neighbourhood
    from nnff.training.objective import Batch, Objective
    from nnff.values import FloatArray

__all__ = ["Plan", "State", "Trainer"]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    lam
        lambda, from 0 (fairness alone) to 1 (plain training).
    plain_epochs, epochs
        Epochs with lambda = 1, and after them with `lam`.
    batch_size
        Rows per step of Adam; all rows if there are no more.
    optimiser
        ``"adam"`` or ``"lbfgs"``.
    learning_rate
        Of Adam.
    lbfgs_iterations
        Of L-BFGS per epoch; x* is held during one epoch.
    patience
        Epochs without a better objective on the held-out rows after which to stop.
    """

    lam: float
    plain_epochs: int
    epochs: int
    batch_size: int
    optimiser: str
    learning_rate: float
    lbfgs_iterations: int
    patience: int

    def __post_init__(self) -> None:
        if not 0 <= self.lam <= 1:
            raise ConfigError(f"lam is {self.lam}; lambda goes from 0 (fairness alone) to 1 (accuracy alone)")
        if min(self.plain_epochs, self.epochs) < 0 or min(self.batch_size, self.patience) < 1:
            raise ConfigError(
                f"epochs must not be negative, batch_size and patience must be at least 1; they are "
                f"{self.plain_epochs} plain and {self.epochs}, {self.batch_size} and {self.patience}"
            )
        if self.optimiser not in ("adam", "lbfgs"):
            raise ConfigError(f"the optimiser is {self.optimiser!r}; it must be adam or lbfgs")
        if not (self.learning_rate > 0 and self.lbfgs_iterations >= 1):
            raise ConfigError("learning_rate must be positive and lbfgs_iterations at least 1")

    @property
    def all_epochs(self) -> int:
        """Number of epochs of both kinds."""
        return self.plain_epochs + self.epochs


@dataclass(frozen=True, eq=False)
class State:
    """Everything that the next epoch depends on.

    Attributes
    ----------
    theta
        Parameters.
    adam
        Moments of its gradient.
    starts
        Where the adversary starts for each row, shape (2, rows, n).
    rng
        State of the random generator.
    epoch
        Epochs done.
    curve
        The objective of each, a mean over its batches.
    best, best_value, waited
        The parameters with the least objective on the held-out rows in adversarial epochs (in plain ones,
        if there are no others), that objective, and how many epochs ago that was.
    """

    theta: FloatArray
    adam: AdamState
    starts: FloatArray
    rng: dict[str, object]
    epoch: int
    curve: tuple[float, ...]
    best: FloatArray
    best_value: float
    waited: int


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains one network on some rows.

    Attributes
    ----------
    objective, plan, adversary, near
        What is minimised, how, and against whom.
    rows
        Rows to learn from.
    held_out
        Rows for early stopping, or None.
    """

    objective: Objective
    plan: Plan
    adversary: Adversary
    near: Neighbourhood
    rows: Batch
    held_out: Batch | None = None

    def first_state(self, seed: int) -> State:
        """Draw the initial parameters."""
        rng = np.random.default_rng(seed)
        theta = self.objective.perceptron.initial(rng)
        return State(
            theta=theta,
            adam=AdamState.zero(theta.size),
            starts=np.zeros((2, *self.rows.z.shape)),
            rng=dict(rng.bit_generator.state),
            epoch=0,
            curve=(),
            best=theta,
            best_value=np.inf,
            waited=0,
        )

    def finished(self, state: State) -> bool:
        """Tell whether there is nothing left to do."""
        stopped = self.held_out is not None and state.waited >= self.plan.patience
        return stopped or state.epoch >= self.plan.all_epochs

    def run(self, state: State, after_epoch: Callable[[State], None] = lambda _: None) -> State:
        """Train from `state` to the end; `after_epoch` sees every state on the way."""
        while not self.finished(state):
            state = self.epoch(state)
            after_epoch(state)
        return state

    def epoch(self, state: State) -> State:
        """Return the state after one more epoch, a function of `state` alone."""
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng
        adversarial = state.epoch >= self.plan.plain_epochs and self.plan.lam < 1
        step = self._lbfgs_epoch if self.plan.optimiser == "lbfgs" else self._adam_epoch
        theta, adam, starts, value = step(state, rng, adversarial=adversarial)
        done = replace(
            state,
            theta=theta,
            adam=adam,
            starts=starts,
            rng=dict(rng.bit_generator.state),
            epoch=state.epoch + 1,
            curve=(*state.curve, value),
        )
        return done if self.held_out is None else self._judged(done, self.held_out)

    def parameters(self, state: State) -> FloatArray:
        """Return what was learned: the best with held-out rows, else the last."""
        return state.theta if self.held_out is None else state.best

    def _adam_epoch(
        self, state: State, rng: np.random.Generator, *, adversarial: bool
    ) -> tuple[FloatArray, AdamState, FloatArray, float]:
        adam = Adam(self.plan.learning_rate)
        theta, moments, starts = state.theta, state.adam, state.starts.copy()
        count = len(self.rows)
        if self.plan.batch_size >= count:
            batches = [np.arange(count)]
        else:
            order = rng.permutation(count)
            batches = np.array_split(order, -(-count // self.plan.batch_size))
        total = 0.0
        for chosen in batches:
            batch = self.rows.take(chosen)
            weight = float(batch.weight.sum())
            if weight == 0:
                continue
            worst = self._worst(theta, batch, chosen, starts, rng) if adversarial else None
            lam = self.plan.lam if adversarial else 1.0
            value, gradient = self.objective.value_and_gradient(theta, batch, worst, lam)
            theta, moments = adam.step(theta, gradient, moments)
            total += value * weight
        return theta, moments, starts, total / float(self.rows.weight.sum())

    def _lbfgs_epoch(
        self, state: State, rng: np.random.Generator, *, adversarial: bool
    ) -> tuple[FloatArray, AdamState, FloatArray, float]:
        starts = state.starts.copy()
        worst = None
        if adversarial:
            worst = self._worst(state.theta, self.rows, np.arange(len(self.rows)), starts, rng)
        lam = self.plan.lam if adversarial else 1.0

        def function(theta: FloatArray) -> tuple[float, FloatArray]:
            return self.objective.value_and_gradient(theta, self.rows, worst, lam)

        theta = lbfgs(function, state.theta, self.plan.lbfgs_iterations)
        return theta, state.adam, starts, float(self.objective.value(theta, self.rows, worst, lam))

    def _worst(
        self,
        theta: FloatArray,
        batch: Batch,
        chosen: np.ndarray[tuple[int], np.dtype[np.intp]],
        starts: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return x* of a batch, and leave in `starts` where to begin the next time."""
        found = self.adversary.worst(
            self.objective, theta, batch, self.near, start=starts[:, chosen], rng=rng
        )
        starts[:, chosen] = found.both_ways
        worst: FloatArray = batch.z + found.difference
        return worst

    def _judged(self, state: State, held_out: Batch) -> State:
        """Compare on the held-out rows, among epochs of the last kind only: no two kinds compare."""
        last_kind = self.plan.epochs == 0 or state.epoch > self.plan.plain_epochs
        if not last_kind:
            return replace(state, best=state.theta)
        lam = self.plan.lam if self.plan.epochs else 1.0
        worst = None
        if lam < 1:
            # A generator of its own: how often is looked must not change the training.
            found = self.adversary.worst(
                self.objective, state.theta, held_out, self.near, rng=np.random.default_rng(0)
            )
            worst = held_out.z + found.difference
        value = float(self.objective.value(state.theta, held_out, worst, lam))
        if value < state.best_value:
            return replace(state, best=state.theta, best_value=value, waited=0)
        return replace(state, waited=state.waited + 1)
