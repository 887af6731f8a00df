"""The program on which HiGHS proved a falsehood (docs/decisions/0003): scaled, every solver is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnff.milp.mps import read_mps
from nnff.milp.scaling import scale_problem
from nnff.solver import SolveOptions, Termination
from nnff.solver.load import solver

INSTANCE = Path(__file__).parents[1] / "data" / "narrow_ranges.mps.gz"

# What HiGHS (five seeds), CBC and SCIP agree on; a real pair of the network reaches .199223.
OPTIMUM = -0.19953309


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seed"), [("highs", 0), ("highs", 1), ("highs", 2), ("cbc", 0), ("ortools", 0)]
)
def test_the_scaled_program_is_solved_rightly(name, seed):
    backend = solver(name)
    if not backend.availability():
        pytest.skip(f"{name} is not installed: {backend.availability().reason}")
    scaled, _ = scale_problem(read_mps(INSTANCE))
    result = backend.solve(scaled, SolveOptions(time_limit=60, seed=seed))
    assert result.termination is Termination.OPTIMAL
    assert result.bound == pytest.approx(OPTIMUM, abs=1e-7)
    assert result.bound <= OPTIMUM + 1e-8
