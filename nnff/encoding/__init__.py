"""Problem 1 as an abstract MILP in Pyomo; this package and `nnff.milp` are the only ones that import it."""

from nnff.encoding.encoded import CellPoint, Encoded, NeuronColumns
from nnff.encoding.strategy import EncodingStrategy, encoding_strategies, encoding_strategy

__all__ = [
    "CellPoint",
    "Encoded",
    "EncodingStrategy",
    "NeuronColumns",
    "encoding_strategies",
    "encoding_strategy",
]
