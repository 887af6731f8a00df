"""The founding paper's definitions of delta as functions of (w, b), for its searches.

`SawtoothDelta` is what the paper's code minimises; `nnff.search.PairDelta` is the same over the exact
sigmoid, `nnff.search.ClosedFormDelta` the certified one, which for one neuron needs no solver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnff.search import ClosedFormDelta, Delta, PairDelta
from nnff_suites.founding_delta import sawtooth

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["DEFINITIONS", "SawtoothDelta", "founding_delta"]

DEFINITIONS = ("sawtooth", "pairs", "certified")
"""Of the paper's code, exact over pairs of data rows, and over all pairs in the box."""


class SawtoothDelta(PairDelta):
    """The largest difference of the sawtooth (`nnff_suites.founding_delta.sawtooth`) over similar rows.

    Says nothing about the network; discontinuous in the parameters.
    """

    def outputs(self, parameters: FloatArray) -> FloatArray:
        """Return 45 s(w z + b) for every row."""
        network = self.network(parameters)
        return network.output_scaling.invert(sawtooth(network.preactivations(self.rows)[-1]))[:, 0]


def founding_delta(name: str, problem: Problem, rows: FloatArray) -> Delta:
    """Return one of `DEFINITIONS` for the one-neuron problem; rows are raw."""
    if name == "certified":
        return ClosedFormDelta(problem)
    return SawtoothDelta(problem, rows) if name == "sawtooth" else PairDelta(problem, rows)
