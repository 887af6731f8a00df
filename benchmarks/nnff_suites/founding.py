"""The model of the founding paper: one sigmoid neuron on Boston housing, 5 + 45 sigmoid(w z + b).

z are the 13 columns, standardised with the population standard deviation.  People are compared by
a weighted l_2 metric on z whose weights fall linearly with the rank of 12 features; B is not
ranked and so is free.  The paper works with epsilon .3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.bench import Question
from nnff.datasets import load_dataset
from nnff.domain import Domain
from nnff.errors import DataError
from nnff.network import Layer, Network, Scaling
from nnff.similarity import metric, weights_from_ranking

if TYPE_CHECKING:
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = [
    "OneNeuron",
    "boston_rows",
    "founding_columns",
    "founding_epsilon",
    "founding_models",
    "founding_network",
    "founding_output_scale",
    "founding_question",
    "founding_weights",
    "rank_metric",
    "standard_normal_draws",
]

DRAWS_SEED = 20
"""Seed of the draws; changing it makes other instances of the same names."""


@dataclass(frozen=True)
class OneNeuron:
    """Parameters of 5 + 45 sigmoid(weight z + bias).

    Attributes
    ----------
    name
        ``"first"``, ``"second"`` or ``"draw-07"``.
    weight
        One number per column.
    bias
        One number.
    draw
        Number of the random draw; None for the models of the paper.
    """

    name: str
    weight: tuple[float, ...]
    bias: float
    draw: int | None = None


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (files("nnff_suites") / "founding_models.json").read_text(encoding="utf-8")
    )
    return content


def founding_models() -> tuple[OneNeuron, ...]:
    """Return the two models whose parameters the founding paper's code holds."""
    return tuple(
        OneNeuron(name, tuple(model["weight"]), model["bias"]) for name, model in _content()["models"].items()
    )


def founding_columns() -> tuple[str, ...]:
    """Return the 13 columns in the order of the weights."""
    return tuple(_content()["columns"])


def founding_epsilon() -> float:
    """Return the similarity threshold of the paper."""
    return float(_content()["epsilon"])


def founding_output_scale() -> float:
    """Return what the sigmoid is multiplied by: 45, in 1000 USD."""
    return float(_content()["output"]["scale"])


def standard_normal_draws(count: int) -> tuple[OneNeuron, ...]:
    """Return models whose weights and bias are standard normal, as in the paper's random search.

    Draw k is the same for every `count`: row k of numpy's default generator with the seed
    `DRAWS_SEED`, the weights first, the bias last.
    """
    columns = len(founding_columns())
    rows = np.random.default_rng(DRAWS_SEED).standard_normal((count, columns + 1))
    return tuple(
        OneNeuron(f"draw-{k:02d}", tuple(float(value) for value in row[:-1]), float(row[-1]), k)
        for k, row in enumerate(rows)
    )


@cache
def boston_rows() -> FloatArray:
    """Return Boston housing in raw units, shape (506, 13), read-only.

    Raises
    ------
    DataError
        If the columns are not those of the models, in their order.
    """
    data = load_dataset("boston")
    if data.feature_names != founding_columns():
        raise DataError(f"the data set boston has other columns than the models: {data.feature_names}")
    rows = data.rows()
    rows.setflags(write=False)
    return rows


def founding_weights() -> FloatArray:
    """Return the metric's weights, one per column; that of B is 0."""
    ranked = weights_from_ranking(_content()["ranking"], founding_columns())
    return np.array([ranked[column] for column in founding_columns()])


def rank_metric(**parameters: Any) -> Metric:
    """Return d(z', z'') = sqrt(sum theta_i (z''_i - z'_i)^2), theta from the ranking.

    Parameters
    ----------
    **parameters
        Further parameters of ``weighted-lp``, such as `looseness`.
    """
    weights = weights_from_ranking(_content()["ranking"], founding_columns())
    return metric("weighted-lp", p=2, weights=weights, **parameters)


def founding_network(model: OneNeuron) -> Network:
    """Return the model as a network on raw inputs."""
    output = _content()["output"]
    return Network(
        (Layer(np.array([model.weight]), np.array([model.bias]), "sigmoid"),),
        input_scaling=Scaling.standard(boston_rows()),
        output_scaling=Scaling(np.array([output["center"]]), np.array([output["scale"]])),
        feature_names=founding_columns(),
        output_names=("MEDV",),
    )


def founding_question(model: OneNeuron, epsilon: float) -> Question:
    """Return the question: all pairs in the box of the data with d_fair at most `epsilon`."""
    rows = boston_rows()
    return Question(
        founding_network(model),
        Domain.from_data(rows, feature_names=founding_columns()),
        rank_metric(),
        epsilon,
        data=rows,
    )
