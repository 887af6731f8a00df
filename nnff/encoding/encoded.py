"""What an encoding hands on: the MILP and how to read a solver's point back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nnff.encoding.cells import Neuron
    from nnff.milp import MatrixProblem
    from nnff.values import FloatArray

__all__ = ["CellPoint", "Encoded", "NeuronColumns"]


@dataclass(frozen=True)
class CellPoint:
    """Where a solver's point stands in one smooth neuron: (m, D) and the values it gave h and s."""

    m: float
    d: float
    h: float
    s: float | None


@dataclass(frozen=True)
class NeuronColumns:
    """Where the matrix holds a neuron's pre-activations: (column, its unit), None for what it does not hold.

    Attributes
    ----------
    midpoint, difference
        m and D; a unit is what one unit of the column is in the model, a power of two.
    choices
        Columns of the binaries of its cells, in their order; empty for a single cell.
    """

    midpoint: tuple[int, float] | None
    difference: tuple[int, float] | None
    choices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """An encoded problem.

    Attributes
    ----------
    matrix
        The MILP; the minimum of it is minus the largest output difference over `factor`.
    factor
        Target units per unit of the MILP's objective.
    pair
        Maps a point of the MILP to the pair (x', x'') it stands for, raw
        units, not yet clipped to the domain.
    neurons
        Maps a point of the MILP to where it stands in every smooth neuron.
    columns
        Where the matrix holds the pre-activations of every neuron; empty if the encoding has no
        midpoints and differences.
    cells
        Number of cells.
    embedding_neurons
        As `neurons`, for the embedding of the problem's metric; empty without one.
    compile_seconds
        The share of the encoding's wall time that turned the Pyomo model into matrices.
    """

    matrix: MatrixProblem
    factor: float
    pair: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    neurons: Callable[[FloatArray], dict[Neuron, CellPoint]]
    columns: Mapping[Neuron, NeuronColumns] = field(default_factory=dict)
    cells: int = 0
    compile_seconds: float = 0.0
    embedding_neurons: Callable[[FloatArray], dict[Neuron, CellPoint]] = lambda _: {}

    def delta(self, objective: float) -> float:
        """Turn an objective (or bound) of the minimisation into an output difference, rounded up."""
        value = -objective * self.factor
        return value + abs(value) * 1e-15
