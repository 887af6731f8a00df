"""The backend contract: whatever a backend does not claim raises before it solves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnff.errors import UnsupportedOptionError
from nnff.solver import Availability, Capability, SolveOptions, SolverBackend, SolveResult, Termination
from nnff.testing.instances import dense_problem


class Bare(SolverBackend):
    """Claims integer columns and nothing else."""

    name = "bare"
    capabilities = frozenset({Capability.INTEGER})

    @classmethod
    def availability(cls):
        return Availability(available=True)

    def version(self):
        return "1"

    def solve(self, problem, options, start=None, control=None):
        self.check(problem, options, start)
        return SolveResult(Termination.ERROR, self.name, "1", message="it cannot really solve")


PURE = dense_problem([1], [[1]], [(0, 1)], [(0, 1)], [True])
MIXED = dense_problem([1, 1], [[1, 1]], [(0, 1)], [(0, 1)] * 2, [True, False])

ASKED = {
    Capability.TIME_LIMIT: {"time_limit": 1.0},
    Capability.GAP: {"relative_gap": 0.1},
    Capability.THREADS: {"threads": 2},
    Capability.SEED: {"seed": 1},
    Capability.NODE_LIMIT: {"node_limit": 0},
    Capability.BOUND_STOP: {"bound_stop": 0.0},
    Capability.OBJECTIVE_STOP: {"objective_stop": 0.0},
    Capability.LOG: {"log_path": Path("x.log")},
    Capability.NATIVE: {"native": {"a": 1}},
}


@pytest.mark.parametrize("capability", ASKED, ids=lambda c: c.name)
def test_an_option_that_is_not_claimed_raises(capability):
    with pytest.raises(UnsupportedOptionError, match="'bare' does not support"):
        Bare().solve(PURE, SolveOptions(**ASKED[capability]))


@pytest.mark.parametrize("capability", ASKED, ids=lambda c: c.name)
def test_an_option_that_is_claimed_does_not(capability):
    class Able(Bare):
        capabilities = Bare.capabilities | {capability}

    assert Able().solve(PURE, SolveOptions(**ASKED[capability])).message


def test_defaults_ask_for_nothing():
    assert Bare().solve(PURE, SolveOptions()).termination is Termination.ERROR
    assert Bare().solve(PURE, SolveOptions(threads=None, seed=None)).message


def test_columns_and_starts_are_capabilities_too():
    with pytest.raises(UnsupportedOptionError, match="continuous columns"):
        Bare().solve(MIXED, SolveOptions())
    with pytest.raises(UnsupportedOptionError, match="starting point"):
        Bare().solve(PURE, SolveOptions(), start=np.zeros(1))


def test_sessions_are_refused_unless_there_are_any():
    with pytest.raises(UnsupportedOptionError, match="LP sessions"):
        Bare().lp_session(PURE, SolveOptions())


def test_nothing_is_known_to_fail_by_default_and_nobody_can_add_to_it():
    assert dict(Bare.known_failures) == {}
    with pytest.raises(TypeError):
        Bare.known_failures["known_optima"] = "?"


def test_availability_is_true_or_false():
    assert Availability(available=True)
    assert not Availability(available=False, reason="it is not here", hint="fetch it")
