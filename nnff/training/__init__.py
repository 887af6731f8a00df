"""Training of accurate and individually fair networks (Problem 2); see docs/explanation/training.md."""

from nnff.training.adversary import Adversary, GradientAdversary, RandomAdversary
from nnff.training.estimators import IFClassifier, IFRegressor
from nnff.training.exact_adversary import ExactAdversary

__all__ = [
    "Adversary",
    "ExactAdversary",
    "GradientAdversary",
    "IFClassifier",
    "IFRegressor",
    "RandomAdversary",
]
