"""Suite `strategies`: the classical two-copy encoding against midpoint-difference coordinates.

One solver, so that nothing but the encoding differs.  Where the domain is finite, `exhaustive` stands
beside the two.  The founding models are answered by the closed form alone, whatever the strategy: they are
here to show that too.  The public networks join if NNFF_DATA_HOME holds them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from nnff.bench import Instance, Suite
from nnff.errors import DataError
from nnff_suites.founding import founding_epsilon, founding_models, founding_question
from nnff_suites.networks import COMPAS, data_folder, public_instances
from nnff_suites.questions import trained_instance, whole_number_instance
from nnff_suites.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["strategies"]

_ENCODINGS = ("relational", "twin")

_PUBLIC = (
    "compas-1-race",
    "compas-1-race-priors-4",
    "GC-3-age",
    "BM-6-age",
    "AC-10-sex",
    "AC-1-sex",
    "boston-sigmoid-13-8-1-B-free-eps-0.1",
    "boston-sigmoid-13-8-1-B-weighted-eps-0.01",
    "boston-sigmoid-13-8-1-B-weighted-eps-0.1",
    "boston-relu-13-32-1-B-free-eps-0.05",
)


def strategies(full: bool = False) -> Suite:  # noqa: FBT001, FBT002 - the contract of suite factories
    """Make the suite; `full` runs every available solver."""
    summary = "twin against relational, and exhaustive where the domain is finite; 20 minutes with two jobs"
    instances = [*_founding(), *_trained()]
    try:
        instances += _public()
    except DataError as error:
        summary += f"; PART IS MISSING: {error}"
    return Suite(
        name="strategies",
        summary=summary,
        instances=tuple(instances),
        backends=None if full else ("highs",),
        strategies=(*_ENCODINGS, "exhaustive"),
        time_limit=20.0,
        control="relu-8x1-l_2-eps-0.03",
    )


def _founding() -> Iterator[Instance]:
    for model in founding_models():
        yield Instance(
            name=f"founding-{model.name}",
            build=partial(founding_question, model, founding_epsilon()),
            epsilon=founding_epsilon(),
            metric="l_2",
            factors=_factors("founding", "sigmoid"),
            strategies=_ENCODINGS,
        )


def _trained() -> Iterator[Instance]:
    for task, activation, width, depth, metric, epsilon in (
        ("price", "relu", 8, 1, "l_2", 0.03),
        ("price", "relu", 16, 1, "l_2", 0.1),
        ("price", "relu", 8, 2, "l_1", 0.03),
        ("above", "relu", 8, 1, "l_2", 0.1),
        ("price", "sigmoid", 16, 1, "l_2", 0.0),
        ("price", "sigmoid", 8, 1, "l_2", 0.01),
        ("price", "sigmoid", 8, 1, "l_2", 0.1),
        ("price", "sigmoid", 8, 2, "l_2", 0.03),
        ("price", "tanh", 8, 1, "l_2", 0.01),
    ):
        trained = Trained(task, activation, width, depth)  # type: ignore[arg-type] # one of the tasks
        made = trained_instance(trained, metric, epsilon, _factors("trained", activation))
        yield replace(made, strategies=_ENCODINGS)
    for activation in ("relu", "sigmoid"):
        trained = Trained("price", activation, 16, 2)
        yield whole_number_instance(trained, "l_1", 0.1, _factors("whole numbers", activation))


def _public() -> Iterator[Instance]:
    """Yield the public ones; DataError if they are not there."""
    found = {instance.name: instance for instance in public_instances(data_folder())}
    for name in _PUBLIC:
        finite = name.startswith(COMPAS)
        activation = next((word for word in ("sigmoid", "tanh") if word in name), "relu")
        yield replace(
            found[name],
            factors=_factors("public", activation),
            strategies=None if finite else _ENCODINGS,
        )


def _factors(source: str, activation: str) -> MappingProxyType[str, str | float]:
    return MappingProxyType({"source": source, "activation": activation})
