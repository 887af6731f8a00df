"""From a configuration to the parts of a problem, and from those to certificates."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nnff.certification import certify, certify_outputs, identical_but, local, sensitivity
from nnff.datasets import Dataset, load_dataset, read_csv
from nnff.domain import Domain, feature_indices, plausible_region
from nnff.errors import ConfigError, DataError, DomainError, nearest_name
from nnff.learning import load_metric
from nnff.network import Scaling, read_network
from nnff.plugin import Kind, plugin_manager
from nnff.question import Question
from nnff.similarity import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from nnff.certification.certificate import Certificate
    from nnff.certification.local_bracket import LocalCertificates
    from nnff.certification.memory import Memory
    from nnff.certification.progress import CertifyProgress
    from nnff.certification.sensitivity import Sensitivity
    from nnff.config import Config
    from nnff.network import Network
    from nnff.similarity import Metric
    from nnff.solver import SolveControl
    from nnff.values import FloatArray

__all__ = ["Run", "dataset_of", "prepare"]

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Run:
    """Everything one run needs, read and checked.

    Attributes
    ----------
    config
        The effective configuration.
    network
        The network, with one output, and with the data's feature names where its file had none.
    domain
        Possible inputs, raw units.
    metric
        The similarity metric, its parameters not yet bound to features.
    scale
        Coordinates of the metric.
    dataset
        The data, if there is any.
    rows
        Its rows in the order of the network's inputs, shape (rows, n), or None.
    started
        ``time.perf_counter()`` when the reading of the model began.
    """

    config: Config
    network: Network
    domain: Domain
    metric: Metric
    scale: Scaling
    dataset: Dataset | None
    rows: FloatArray | None
    started: float

    @property
    def sensitive_features(self) -> tuple[str, ...]:
        """Sensitive attributes: those of the configuration, else those of the data set."""
        asked = self.config.data.sensitive_features
        if asked is not None:
            return tuple(asked)
        return () if self.dataset is None else self.dataset.sensitive_features

    @property
    def frame(self) -> pd.DataFrame | None:
        """The data rows with the network's feature names, or None."""
        return None if self.dataset is None else self.dataset.X[list(self.network.feature_names)]

    @property
    def units(self) -> Mapping[str, str]:
        """Unit by feature and output name, as far as the data set tells."""
        return {} if self.dataset is None else self.dataset.units

    def within(self, coverage: float) -> Run:
        """Return the same run over a plausible region, learned from its data.

        The region leaves alone what domain.plausible_without names, by default the sensitive attributes.

        Parameters
        ----------
        coverage
            Share of the rows that the region holds at least.

        Raises
        ------
        ConfigError
            If there is no data.
        """
        if self.rows is None:
            raise ConfigError(
                "domain.plausible learns a region from data, but there is none; "
                "set data.name or data.path (--data)"
            )
        names = self.network.feature_names
        without = self.config.domain.plausible_without
        if without is None:
            without = [name for name in self.sensitive_features if name in names]
        region = plausible_region(self.rows, coverage, without=without, feature_names=names)
        return replace(self, domain=self.domain.with_region(region))

    def certify(
        self,
        epsilon: float | None = None,
        *,
        delta: float | None = None,
        decide: bool = True,
        memory: Memory | None = None,
        started: float | None = None,
        time_limit: float | None = None,
        control: SolveControl | None = None,
        on_progress: Callable[[CertifyProgress], None] | None = None,
    ) -> Certificate:
        """Certify at `epsilon`.

        Parameters
        ----------
        epsilon, delta, time_limit
            Default: those of the configuration.
        decide
            Whether to ask for the verdict on delta; if not, the bracket is closed whatever delta is.
        memory
            What other epsilons have left; see `nnff.Memory`.
        started
            When the clock of the time limit began; default: with the reading of the model.
        control, on_progress
            As for `nnff.certification.certify`.
        """
        config = self.config
        several = self.network.n_outputs > 1
        # A memory belongs to one output.
        own: dict[str, Any] = {} if several else {"memory": memory}
        return (certify_outputs if several else certify)(
            self.network,
            self.domain,
            self.metric,
            config.epsilon if epsilon is None else epsilon,
            delta=(config.certify.delta if delta is None else delta) if decide else None,
            time_limit=config.solver.time_limit if time_limit is None else time_limit,
            data=self.rows,
            sensitive_features=self.sensitive_features,
            started=self.started if started is None else started,
            control=control,
            on_progress=on_progress,
            crosscheck=tuple(config.certify.crosscheck),
            evidence=Path(config.output.dir) if config.output.dir else None,
            config=config.to_record(),
            **self.settings,
            **own,
        )

    def sensitivity(
        self,
        whole: Certificate,
        *,
        control: SolveControl | None = None,
        on_progress: Callable[[str, CertifyProgress], None] | None = None,
    ) -> Sensitivity:
        """Bracket delta feature by feature, within the time limit of the configuration; see `certify`."""
        return sensitivity(
            self.network,
            self.domain,
            self.metric,
            self.config.epsilon,
            whole=whole,
            time_limit=self.config.solver.time_limit,
            control=control,
            on_progress=on_progress,
            **self.settings,
        )

    def local(self, rows: FloatArray, **arguments: Any) -> LocalCertificates:
        """Bracket delta around rows; `arguments` are those of `nnff.local` that no key sets."""
        if self.config.certify.crosscheck:
            raise ConfigError("certify.crosscheck is not possible around rows; leave it out")
        return local(
            self.network,
            self.domain,
            self.metric,
            self.config.epsilon,
            rows,
            delta=self.config.certify.delta,
            time_limit=self.config.solver.time_limit,
            **self.settings,
            **arguments,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """How to answer any question of this run: arguments of `nnff.certify` and of what builds on it."""
        config = self.config
        return {
            "solver": config.solver.name,
            "strategy": config.certify.strategy,
            "scale": self.scale,
            "gap": config.certify.gap,
            "threads": config.solver.threads,
            "seed": config.solver.seed,
            "solver_options": config.solver.options,
            "question": Question.of(config.certify.question, config.certify.threshold),
        }


def prepare(config: Config) -> Run:
    """Read the data and the model and check that everything fits together.

    Raises
    ------
    NnffError
        One sentence on the first thing that is wrong.
    """
    # What costs nothing to check comes before anything is read.
    manager = plugin_manager()
    for name in (config.solver.name, *config.certify.crosscheck):
        manager.get(Kind.SOLVER, name)
    # What makes no sense is refused before anything is read.
    Question.of(config.certify.question, config.certify.threshold)
    similar = metric(config.metric_name, **config.metric_parameters)
    if config.model.path is None:
        raise ConfigError("model.path is not set; name the model file in the config file or with --model")
    dataset = dataset_of(config)
    started = time.perf_counter()
    chosen = config.model.output_index
    network = read_network(
        Path(config.model.path),
        output_activation=config.model.output,
        output_index=chosen if isinstance(chosen, int) else None,
    )
    if network.n_outputs > 1 and chosen is None:
        raise ConfigError(
            f"the network has {network.n_outputs} outputs; choose one with model.output_index "
            '(--output-index), or "max" for the largest delta of any'
        )
    network, rows = _joined(network, dataset, config)
    if config.certify.counterfactual:
        sensitive: Sequence[str] | None = config.data.sensitive_features
        if sensitive is None and dataset is not None:
            sensitive = dataset.sensitive_features
        similar = identical_but(sensitive or (), network.feature_names)
    run = Run(
        config=config,
        network=network,
        domain=_domain(config, network, rows),
        metric=similar,
        scale=_scale(config, network, rows),
        dataset=dataset,
        rows=rows,
        started=started,
    )
    return run if config.domain.plausible is None else run.within(config.domain.plausible)


def dataset_of(config: Config) -> Dataset | None:
    """Read the data that a configuration names, if it names any."""
    data = config.data
    if data.path is not None:
        return read_csv(
            Path(data.path),
            target=data.target,
            features=data.features,
            sensitive_features=data.sensitive_features or (),
        )
    if data.name is None:
        return None
    dataset = load_dataset(data.name)
    if data.target is not None and data.target != dataset.target_name:
        raise ConfigError(
            f"the target of the data set {data.name} is {dataset.target_name}, not {data.target}; "
            "leave data.target out, or give a CSV file as data.path"
        )
    known = (*dataset.feature_names, dataset.target_name)
    for name in data.sensitive_features or ():
        if name not in known:
            near = nearest_name(name, known)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(known)}"
            raise DataError(f"the data set {data.name} has no column {name!r}; {hint}")
    return dataset


def _joined(network: Network, dataset: Dataset | None, config: Config) -> tuple[Network, FloatArray | None]:
    """Bring the data's columns into the order of the network's inputs, or name the inputs by the columns."""
    if dataset is None:
        return network, None
    columns = tuple(config.data.features or dataset.feature_names)
    if network.output_names == ("y",) and dataset.target_name:
        # A sigmoid at the very end answers with a probability, anything else in the target's own units.
        probability = network.layers[-1].activation_name == "sigmoid" and network.output_scaling.is_none
        name = f"P({dataset.target_name})" if probability else dataset.target_name
        network = replace(network, output_names=(name,))
    nameless = network.feature_names == tuple(f"x{i}" for i in range(network.n_inputs))
    if set(network.feature_names) <= set(columns):
        return network, dataset.rows(network.feature_names)
    if len(columns) != network.n_inputs:
        raise DataError(
            f"the model takes {network.n_inputs} inputs but the data set {dataset.name} has "
            f"{len(columns)} input columns; choose and order them with data.features"
        )
    if not nameless and config.data.features is None:
        missing = next(name for name in network.feature_names if name not in columns)
        raise DataError(
            f"the model has an input {missing!r} that the data set {dataset.name} has not; "
            "list the columns in the order of the model's inputs as data.features"
        )
    return replace(network, feature_names=columns), dataset.rows(columns)


def _domain(config: Config, network: Network, rows: FloatArray | None) -> Domain:
    asked = config.domain
    names = network.feature_names
    low, high = _base_ranges(config, network, rows)
    for index, (name, ends) in _by_index(asked.ranges, names):
        if not ends[0] <= ends[1]:
            raise DomainError(f"the domain is empty: the range of {name} is [{ends[0]:g}, {ends[1]:g}]")
        low[index], high[index] = ends
    missing = [name for name, end in zip(names, low, strict=True) if np.isnan(end)]
    fixed = dict(_by_index(asked.fixed, names))
    missing = [name for index, name in enumerate(names) if np.isnan(low[index]) and index not in fixed]
    if missing:
        raise DomainError(
            f'domain.source is "box" but domain.ranges has no range for {", ".join(missing)}; '
            'give every range, or set domain.source to "model" or "data"'
        )
    for index, (name, value) in fixed.items():
        if value < low[index] or value > high[index]:
            raise DomainError(
                f"the domain is empty: domain.fixed sets {name} to {value:g}, "
                f"outside [{low[index]:g}, {high[index]:g}]"
            )
        low[index] = high[index] = value
    return Domain.from_box(
        low,
        high,
        integer=asked.integer,
        immutable=asked.immutable,
        feature_names=names,
        constraints=asked.rows or None,
        one_hot=asked.one_hot,
        ordinal={names[index]: levels for index, (_, levels) in _by_index(asked.ordinal, names)},
    )


def _base_ranges(config: Config, network: Network, rows: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return the ranges of domain.source, not a number where there is none."""
    if config.domain.source == "box":
        return np.full(network.n_inputs, np.nan), np.full(network.n_inputs, np.nan)
    if config.domain.source == "data":
        if rows is None:
            raise ConfigError(
                'domain.source is "data" but there is no data; set data.name or data.path (--data)'
            )
        return rows.min(axis=0), rows.max(axis=0)
    if network.input_range is None:
        raise DomainError(
            f"the model {config.model.path} states no input ranges; set domain.source to "
            '"data" (--domain data) or give domain.ranges'
        )
    return network.input_range[0].copy(), network.input_range[1].copy()


def _scale(config: Config, network: Network, rows: FloatArray | None) -> Scaling:
    scale = config.similarity.scale
    if config.metric_name == "learned" and config.similarity.file is not None:
        if "scale" in config.similarity.model_fields_set:
            raise ConfigError(
                "similarity.file brings the scale that its metric was learned with; "
                "leave similarity.scale out"
            )
        return load_metric(config.similarity.file).scale
    if scale == "model":
        return network.input_scaling
    if scale == "none":
        return Scaling.none(network.n_inputs)
    if isinstance(scale, dict):
        factors = np.ones(network.n_inputs)
        for index, (name, factor) in _by_index(scale, network.feature_names):
            if not (np.isfinite(factor) and factor > 0):
                raise ConfigError(f"the similarity scale of {name} is {factor:g}; it must be positive")
            factors[index] = factor
        return Scaling(np.zeros(network.n_inputs), factors)
    if rows is None:
        raise ConfigError(
            f'similarity.scale is "{scale}" but there is no data to take it from; '
            "set data.name or data.path (--data)"
        )
    return Scaling.standard(rows) if scale == "standard" else Scaling.minmax(rows)


def _by_index(table: Mapping[str, _T], names: tuple[str, ...]) -> list[tuple[int, tuple[str, _T]]]:
    """Resolve the names of a table; a number in quotes is an index, unless a feature is called so."""
    result: list[tuple[int, tuple[str, _T]]] = []
    for key, value in table.items():
        chosen: int | str = int(key) if key.isdecimal() and key not in names else key
        index = feature_indices([chosen], names)[0]
        result.append((index, (names[index], value)))
    return result
