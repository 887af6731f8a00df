"""What individual fairness costs in accuracy: a family of networks, one per lambda, each measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from nnff.errors import ConfigError, DataError
from nnff.training.estimators import IFClassifier, IFRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Split", "Tradeoff", "TradeoffPoint", "cross_validate", "measure", "task_of"]

_CLASSES = 2


@dataclass(frozen=True)
class TradeoffPoint:
    """One network of the family.

    Attributes
    ----------
    lam
        Its lambda.
    scores
        By name, on rows that it has not seen: ``r2`` and ``mae``, or ``balanced_accuracy``.
    mean_difference, largest_difference
        Of what the adversary finds around those rows, in the output's units.
    folds
        Mean and standard deviation of each score over the folds of a cross-validation; empty without one.
    delta_lower, delta_upper
        Its certified bracket over the whole domain; None where it was not certified.
    seconds
        Of training.
    """

    lam: float
    scores: Mapping[str, float]
    mean_difference: float
    largest_difference: float
    seconds: float
    folds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    delta_lower: float | None = None
    delta_upper: float | None = None

    def row(self) -> dict[str, float | None]:
        """Return everything by column name."""
        return {
            "lambda": self.lam,
            **self.scores,
            **{f"{name}_mean": mean for name, (mean, _) in self.folds.items()},
            **{f"{name}_sd": deviation for name, (_, deviation) in self.folds.items()},
            "mean_difference": self.mean_difference,
            "largest_difference": self.largest_difference,
            "delta_lower": self.delta_lower,
            "delta_upper": self.delta_upper,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Tradeoff:
    """A family of networks.

    Attributes
    ----------
    points
        One per lambda, in the order in which they were asked for.
    accuracy
        The score that stands for accuracy, larger is better.
    """

    points: tuple[TradeoffPoint, ...]
    accuracy: str

    @property
    def certified(self) -> bool:
        """Whether every network has been certified."""
        return all(point.delta_upper is not None for point in self.points)

    def unfairness(self, point: TradeoffPoint) -> float:
        """Return what counts as unfair: the certified bound, or without one the mean difference."""
        if self.certified and point.delta_upper is not None:
            return point.delta_upper
        return point.mean_difference

    @property
    def front(self) -> tuple[TradeoffPoint, ...]:
        """The points that no other beats in accuracy and in fairness, by rising accuracy."""

        def beaten(point: TradeoffPoint) -> bool:
            own = (point.scores[self.accuracy], -self.unfairness(point))
            others = ((p.scores[self.accuracy], -self.unfairness(p)) for p in self.points)
            return any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in others)

        kept = [point for point in self.points if not beaten(point)]
        return tuple(sorted(kept, key=lambda point: point.scores[self.accuracy]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point."""
        import pandas as pd  # noqa: PLC0415 - slow to import, needed only here

        return pd.DataFrame([point.row() for point in self.points])


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from and rows to measure on, inputs and targets."""

    seen: pd.DataFrame
    unseen: pd.DataFrame
    seen_target: pd.Series[float]
    unseen_target: pd.Series[float]

    @property
    def whole(self) -> tuple[pd.DataFrame, pd.Series[float]]:
        """All rows and targets, those to learn from first."""
        import pandas as pd  # noqa: PLC0415 - loaded already

        return pd.concat([self.seen, self.unseen]), pd.concat([self.seen_target, self.unseen_target])

    @classmethod
    def of(cls, rows: pd.DataFrame, target: pd.Series[float], *, share: float, seed: int, task: str) -> Split:
        """Draw `share` of the rows to measure on, by class in a classification.

        Raises
        ------
        ConfigError
            For a share that leaves one of the two without rows.
        """
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            raise ConfigError(
                f"the share of test rows is {share:g}; of {len(rows)} rows some must stay on both sides"
            )
        strata = target if task == "classification" else None
        parts = train_test_split(rows, target, test_size=count, random_state=seed, stratify=strata)
        return cls(*parts)


def task_of(target: pd.Series[float] | None, asked: str = "auto") -> str:
    """Tell whether to learn a ``"regression"`` or a ``"classification"``: that of a target with two values.

    Raises
    ------
    DataError
        If there is no target.
    ConfigError
        If what is asked is neither, or does not fit.
    """
    if target is None:
        raise DataError("training needs a target; name the column as data.target (--target)")
    if asked not in ("auto", "regression", "classification"):
        raise ConfigError(f"the task is {asked!r}; it must be auto, regression or classification")
    values = int(target.nunique())
    if asked == "classification" and values != _CLASSES:
        raise ConfigError(f"the target {target.name} has {values} values; a classification needs two")
    if asked == "auto":
        return "classification" if values == _CLASSES else "regression"
    return asked


def measure(
    model: IFRegressor | IFClassifier, rows: pd.DataFrame, target: pd.Series[float]
) -> dict[str, float]:
    """Return the scores of a fitted estimator: R2 and mean absolute error, or balanced accuracy."""
    predicted = model.predict(rows)
    if isinstance(model, IFClassifier):
        return {"balanced_accuracy": float(balanced_accuracy_score(target, predicted))}
    return {
        "r2": float(r2_score(target, predicted)),
        "mae": float(mean_absolute_error(target, predicted)),
    }


def cross_validate(
    model: IFRegressor | IFClassifier,
    rows: pd.DataFrame,
    target: pd.Series[float],
    *,
    folds: int,
    seed: int,
    **fit: Any,
) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of every score over folds, and of the mean worst difference.

    Parameters
    ----------
    model
        Is cloned for every fold, without its checkpoint; its scaling is fitted anew on the training rows.
    rows, target
        All rows.
    folds, seed
        Number of folds, at least 2, and the seed of their shuffling.
    **fit
        Passed on to ``fit``.
    """
    if not 2 <= folds <= len(rows):  # noqa: PLR2004 - one to learn from, one to measure on
        raise ConfigError(f"there are {folds} folds for {len(rows)} rows; there must be at least 2")
    kind = StratifiedKFold if isinstance(model, IFClassifier) else KFold
    found: list[dict[str, float]] = []
    for seen, unseen in kind(folds, shuffle=True, random_state=seed).split(rows, target):
        fresh = clone(model).set_params(checkpoint=None)
        fitted = fresh.fit(rows.iloc[seen], target.iloc[seen], **fit)
        scores = measure(fitted, rows.iloc[unseen], target.iloc[unseen])
        worst = float(fitted.worst_case(rows.iloc[unseen])[1].mean())
        found.append({**scores, "mean_difference": worst})
    return {
        name: (
            float(np.mean([scores[name] for scores in found])),
            float(np.std([scores[name] for scores in found], ddof=1)),
        )
        for name in found[0]
    }
