"""Suite `scaling`: how time and gap grow with neurons, inputs, epsilon and the number of cells.

Four axes, each with everything else held still:

* neurons: one hidden layer of 4 to 256 and one to four layers of 16, ReLU and sigmoid, on Boston housing;
* inputs: networks for Friedman's first function, of whose 5 to 80 inputs five matter, so that
  the size of the problem grows and the answer hardly changes;
* epsilon: .003 to 1 on one sigmoid network, up to where the whole box is similar;
* cells: the same question asked with an ever smaller distance between delta and the answer: more and more
  cells have to be split until it is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnff.bench import Suite
from nnff.errors import DataError
from nnff_suites.questions import friedman_instance, trained_instance
from nnff_suites.reference import reference
from nnff_suites.trained import DEPTHS, FRIEDMAN_INPUTS, WIDE, WIDTHS, Trained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.bench import Instance

__all__ = ["EPSILONS", "MARGINS", "scaling"]

ACTIVATIONS = ("relu", "sigmoid")
EPSILON = 0.03
EPSILONS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)

MARGINS = (0.3, 0.1, 0.03, 0.01)
"""By how much, relative, delta lies above what a real pair reaches."""

_DECIDED = "sigmoid-4x1-l_2-eps-0.03"


def scaling(full: bool = False) -> Suite:  # noqa: FBT001, FBT002 - the contract of suite factories
    """Make the suite; `full` runs every available solver."""
    return Suite(
        name="scaling",
        summary="neurons, inputs, epsilon and cells, one axis at a time; 25 minutes with two jobs"
        + (" and solver" if full else ""),
        instances=(*_neurons(), *_inputs(), *_epsilons(), *_cells()),
        backends=None if full else ("highs",),
        time_limit=30.0,
        control="relu-8x1-l_2-eps-0.03",
    )


def _factors(axis: str, trained: Trained, epsilon: float, margin: float = 0.0) -> dict[str, str | float]:
    """Return the factors; a margin of 0: a bracket is asked for."""
    return {
        "axis": axis,
        "activation": trained.activation,
        "neurons": trained.width * trained.depth,
        "depth": trained.depth,
        "inputs": trained.inputs,
        "epsilon": epsilon,
        "margin": margin,
    }


def _neurons() -> Iterator[Instance]:
    for activation in ACTIVATIONS:
        for width in (*WIDTHS, *WIDE):
            trained = Trained("price", activation, width, 1)
            yield trained_instance(trained, "l_2", EPSILON, _factors("width", trained, EPSILON))
        for depth in DEPTHS[1:]:
            trained = Trained("price", activation, 16, depth)
            yield trained_instance(trained, "l_2", EPSILON, _factors("depth", trained, EPSILON))


def _inputs() -> Iterator[Instance]:
    for activation in ACTIVATIONS:
        for inputs in FRIEDMAN_INPUTS:
            trained = Trained("friedman", activation, 16, 1, inputs)
            yield friedman_instance(trained, 0.1, _factors("inputs", trained, 0.1))


def _epsilons() -> Iterator[Instance]:
    trained = Trained("price", "sigmoid", 8, 1)
    for epsilon in EPSILONS:
        # The one of the axis of widths is this axis' as well.
        if epsilon != EPSILON:
            yield trained_instance(trained, "l_2", epsilon, _factors("epsilon", trained, epsilon))


def _cells() -> Iterator[Instance]:
    known = reference(_DECIDED)
    if known is None or known.lower is None or known.upper is None:
        raise DataError(f"reference.json says nothing of {_DECIDED}; run benchmarks/find_reference.py")
    trained = Trained("price", "sigmoid", 4, 1)
    for margin in MARGINS:
        delta = round(known.lower * (1 + margin), 3)
        yield trained_instance(
            trained, "l_2", EPSILON, _factors("cells", trained, EPSILON, margin), delta=delta
        )
