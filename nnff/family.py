"""From a configuration to a family of trained networks, one per lambda, each ready to be certified."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nnff.errors import ConfigError
from nnff.network import write_onnx
from nnff.run import dataset_of, prepare
from nnff.training import IFClassifier, IFRegressor
from nnff.training.tradeoff import Split, TradeoffPoint, cross_validate, measure, task_of

if TYPE_CHECKING:
    from nnff.config import Config
    from nnff.datasets import Dataset
    from nnff.network import Network
    from nnff.run import Run

__all__ = ["Family", "Recipe", "prepare_family"]

_MOST_ROWS = 2000
"""With more rows, a certificate compares only so many of those held out, and its attacks start there."""


@dataclass(frozen=True)
class Recipe:
    """How every network of the family is trained; see `nnff.training.IFRegressor`.

    Attributes
    ----------
    hidden, activation, penalty, adversary, plain_epochs, epochs, batch_size, learning_rate, alpha
        Parameters of the estimator.
    task
        ``"auto"``, ``"regression"`` or ``"classification"``.
    test_share
        Share of the rows to measure accuracy on.
    checkpoints
        Keep the state of every training in a file beside its network, and go on from it if it is there.
    verbose
        Show a progress bar on stderr.
    """

    hidden: tuple[int, ...] = (16,)
    activation: str = "relu"
    penalty: str = "difference"
    adversary: str = "gradient"
    plain_epochs: int = 100
    epochs: int = 200
    batch_size: int = 200
    learning_rate: float = 0.01
    alpha: float = 1e-4
    task: str = "auto"
    test_share: float = 0.2
    checkpoints: bool = False
    verbose: bool = False


@dataclass(frozen=True, eq=False)
class Family:
    """Data and estimator, read and checked.

    Attributes
    ----------
    config
        Data, domain, metric, epsilon, solver and seed.
    dataset
        The data.
    split
        Rows to learn from and rows to measure on.
    model
        The estimator, but for lambda; asked about the configuration's domain and metric.
    checkpoints
        See `Recipe`.
    """

    config: Config
    dataset: Dataset
    split: Split
    model: IFRegressor | IFClassifier
    checkpoints: bool = False

    @property
    def accuracy(self) -> str:
        """The score that stands for accuracy."""
        return "balanced_accuracy" if isinstance(self.model, IFClassifier) else "r2"

    def train(self, lam: float, path: Path, *, folds: int = 0) -> tuple[TradeoffPoint, Run]:
        """Train with `lam` and write the network.

        Parameters
        ----------
        lam
            lambda.
        path
            The ONNX file to write.
        folds
            Cross-validate as well, with that many folds; 0: do not.

        Returns
        -------
        What was measured, not yet certified, and the network with everything that it is asked about.
        """
        split, model = self.split, self.model
        began = time.perf_counter()
        state = path.with_suffix(".npz") if self.checkpoints else None
        model.set_params(lam=lam, checkpoint=state).fit(split.seen, split.seen_target)
        seconds = time.perf_counter() - began
        differences = model.worst_case(split.unseen)[1]
        point = TradeoffPoint(
            lam=lam,
            scores=measure(model, split.unseen, split.unseen_target),
            mean_difference=float(differences.mean()),
            largest_difference=float(differences.max()),
            seconds=seconds,
            folds=cross_validate(model, *split.whole, folds=folds, seed=self.config.solver.seed)
            if folds
            else {},
        )
        run = _written(self.config, _network(model, self.dataset), path)
        if run.rows is not None and len(run.rows) > _MOST_ROWS:
            # All pairs of Adult's rows would take the whole time of a certificate.
            run = replace(run, rows=split.unseen.to_numpy(dtype="float64")[:_MOST_ROWS])
        return point, run


def prepare_family(config: Config, recipe: Recipe) -> Family:
    """Read the data and check that everything fits together, before anything is trained.

    Without ranges of its own the domain is the box of the training rows: test rows must not shape a model,
    and an untrained network with that box stands in for the trained ones where the question is checked.

    Raises
    ------
    NnffError
        One sentence on the first thing that is wrong.
    """
    if config.similarity.scale != "model":
        raise ConfigError(
            "training compares inputs in the network's own scaling, which it learns; "
            'leave similarity.scale at "model"'
        )
    dataset = dataset_of(config)
    if dataset is None:
        raise ConfigError("training needs data; set data.name or data.path (--data)")
    task = task_of(dataset.target, recipe.task)
    assert dataset.target is not None
    rows = dataset.X[list(config.data.features or dataset.feature_names)]
    seed = config.solver.seed
    split = Split.of(rows, dataset.target, share=recipe.test_share, seed=seed, task=task)
    make = IFClassifier if task == "classification" else IFRegressor
    model = make(
        recipe.hidden,
        recipe.activation,
        epsilon=config.epsilon,
        penalty=recipe.penalty,
        adversary=recipe.adversary,
        solver=config.solver.name,
        plain_epochs=0,
        epochs=0,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        alpha=recipe.alpha,
        n_jobs=config.solver.threads,
        random_state=seed,
    )
    untrained = _network(model.fit(split.seen, split.seen_target), dataset)
    with TemporaryDirectory() as folder:
        run = _written(config, untrained, Path(folder) / "untrained.onnx")
    model.set_params(
        domain=run.domain,
        metric=run.metric,
        plain_epochs=recipe.plain_epochs,
        epochs=recipe.epochs,
        verbose=recipe.verbose,
    )
    return Family(config, dataset, split, model, recipe.checkpoints)


def _network(model: IFRegressor | IFClassifier, dataset: Dataset) -> Network:
    """Return the learned network, its output named as the data names its target."""
    network = model.to_network()
    name = f"P({dataset.target_name})" if isinstance(model, IFClassifier) else dataset.target_name
    return replace(network, output_names=(name,))


def _written(config: Config, network: Network, path: Path) -> Run:
    """Write a network and read it back together with everything that it is asked about."""
    write_onnx(network, path)
    section = config.model.model_copy(update={"path": str(path), "output": None, "output_index": None})
    return prepare(config.model_copy(update={"model": section}))
