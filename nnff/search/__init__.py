"""Searching for fair parameters: the founding paper's Algorithms 1 and 3, step by step, and better ones.

Algorithm 2, resampling, is `nnff.processing.SensitiveResampler`.
"""

from nnff.search.algorithm import FairSearch, ThreeDeltas, algorithm_1, three_deltas
from nnff.search.cotuning import (
    CoTuning,
    CrossEntropy,
    Loss,
    Mixture,
    RootMeanSquare,
    Turn,
    co_tune,
    turns,
)
from nnff.search.delta import CertifiedDelta, ClosedFormDelta, Delta, PairDelta, central_differences
from nnff.search.descent import Descent, Epoch, Neighbourhood, best_start, simulated_gradient
from nnff.search.jumps import Anneal, Jump, Move, Restart, Stop
from nnff.search.pairs import similar_pairs
from nnff.search.parameters import n_parameters, parameter_gradient, parameters_of, with_parameters
from nnff.search.proposals import (
    Around,
    Draws,
    Normal,
    Spread,
    Uniform,
    cross_entropy_search,
    random_search,
)

__all__ = [
    "Anneal",
    "Around",
    "CertifiedDelta",
    "ClosedFormDelta",
    "CoTuning",
    "CrossEntropy",
    "Delta",
    "Descent",
    "Draws",
    "Epoch",
    "FairSearch",
    "Jump",
    "Loss",
    "Mixture",
    "Move",
    "Neighbourhood",
    "Normal",
    "PairDelta",
    "Restart",
    "RootMeanSquare",
    "Spread",
    "Stop",
    "ThreeDeltas",
    "Turn",
    "Uniform",
    "algorithm_1",
    "best_start",
    "central_differences",
    "co_tune",
    "cross_entropy_search",
    "n_parameters",
    "parameter_gradient",
    "parameters_of",
    "random_search",
    "similar_pairs",
    "simulated_gradient",
    "three_deltas",
    "turns",
    "with_parameters",
]
