"""Suite `quick`: all solvers on four small problems that ship with nnff, in under two minutes.

Each problem has another difficulty: cells of a smooth layer (tanh), binaries (ReLU), the effect of the
sensitive attribute alone (eps = 0), and a question with a yes or no for a
sigmoid output.  All are small enough that every solver usually finishes, and apart enough that it shows.
"""

from __future__ import annotations

from nnff.bench import Suite
from nnff_suites.questions import trained_instance
from nnff_suites.trained import Trained

__all__ = ["quick"]


def quick(full: bool = False) -> Suite:  # noqa: ARG001, FBT001, FBT002 - the contract of suite factories
    """Make the suite."""
    instances = (
        trained_instance(Trained("price", "sigmoid", 8, 1), "l_2", 0.0, {"what": "B alone"}),
        trained_instance(Trained("price", "tanh", 4, 1), "l_inf", 0.01, {"what": "smooth"}),
        trained_instance(Trained("price", "relu", 8, 1), "l_1", 0.03, {"what": "binaries"}),
        trained_instance(Trained("above", "relu", 8, 1), "l_2", 0.03, {"what": "decision"}, delta=0.63),
    )
    return Suite(
        name="quick",
        summary="all solvers on four small problems that ship with nnff; under 2 minutes",
        instances=instances,
        time_limit=4.0,
        control=instances[2].name,
        control_repeats=3,
    )
