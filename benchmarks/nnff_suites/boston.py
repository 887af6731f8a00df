"""Suite `boston`: the founding paper's model, its epsilons, its 20 random draws, its three deltas.

22 models (the two of the paper's code, 20 draws of w and b from the standard normal) at 40 epsilons, .1 to
.49.  Beside the certified value of each stand the three deltas over pairs of data rows that the
paper and its code compute (`nnff_suites.founding_delta`), and what one neuron's delta_max is by a
computation of its own (`nnff_suites.one_neuron`).

The suite compares **definitions of delta, not solvers**: on one sigmoid neuron nnff's closed form is
exact where the midpoint 0 can be reached, the attack finds that pair, and no MILP is solved.  So one
solver, one strategy and one seed by default; `full` asks for every available solver and both strategies.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nnff.bench import Instance, Known, Suite
from nnff.network import Scaling
from nnff_suites.founding import (
    OneNeuron,
    boston_rows,
    founding_models,
    founding_output_scale,
    founding_question,
    founding_weights,
    standard_normal_draws,
)
from nnff_suites.founding_delta import data_pair_deltas
from nnff_suites.one_neuron import known_delta

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["DRAWS", "EPSILONS", "boston"]

EPSILONS = tuple(k / 100 for k in range(10, 50))
"""The paper's range [.1, .5) in steps of .01."""

DRAWS = 20
"""Number of random models, as in the paper's random search."""


def boston(full: bool = False) -> Suite:  # noqa: FBT001, FBT002 - the contract of suite factories
    """Make the suite."""
    rows = boston_rows()
    z = Scaling.standard(rows).apply(rows)
    box = (z.min(axis=0), z.max(axis=0))
    theta = founding_weights()
    models = (*founding_models(), *standard_normal_draws(DRAWS))
    return Suite(
        name="boston",
        summary="the founding paper's model: certified delta beside its three deltas over data pairs; "
        "about 15 minutes with two jobs",
        instances=tuple(_instance(model, epsilon, theta, box) for model in models for epsilon in EPSILONS),
        backends=None if full else ("highs",),
        strategies=("relational", "twin") if full else ("relational",),
        seeds=(0,),
        gap=1e-3,
        published=("nnff_suites:founding",),
    )


def _instance(
    model: OneNeuron, epsilon: float, theta: FloatArray, box: tuple[FloatArray, FloatArray]
) -> Instance:
    factors: dict[str, str | float] = {"model": model.name}
    if model.draw is not None:
        factors |= {"model": "draw", "draw": model.draw}
    low, high = known_delta(np.array(model.weight), model.bias, theta, box, epsilon)
    scale = founding_output_scale()
    return Instance(
        name=f"{model.name}-eps-{epsilon:.2f}",
        build=partial(founding_question, model, epsilon),
        epsilon=epsilon,
        metric="l_2",
        factors=MappingProxyType(factors),
        known=Known(scale * low, scale * high, source="dual norm of one neuron in the box"),
        extra=data_pair_deltas,
    )
