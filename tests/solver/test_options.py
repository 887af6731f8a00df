"""Solver options: one spelling, and nonsense is refused before any solver sees it."""

from __future__ import annotations

import math

import pytest

from nnff.errors import ConfigError
from nnff.solver import SolveOptions


def test_the_defaults_are_those_of_a_certificate():
    options = SolveOptions()
    assert (options.relative_gap, options.absolute_gap) == (0.0, 0.0)
    assert (options.feasibility_tolerance, options.integrality_tolerance) == (1e-9, 1e-9)
    assert (options.threads, options.seed) == (1, 0)
    assert options.time_limit is options.node_limit is options.bound_stop is options.log_path is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_limit", 0.0),
        ("time_limit", -1.0),
        ("time_limit", math.inf),
        ("time_limit", math.nan),
        ("relative_gap", -1e-9),
        ("relative_gap", math.nan),
        ("absolute_gap", -1.0),
        ("absolute_gap", math.inf),
        ("feasibility_tolerance", -1e-9),
        ("integrality_tolerance", math.nan),
        ("threads", 0),
        ("node_limit", -1),
        ("bound_stop", math.nan),
        ("objective_stop", math.nan),
    ],
)
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name.replace("_", ".")):
        SolveOptions(**{name: value})


def test_what_is_not_asked_may_be_none():
    options = SolveOptions(threads=None, seed=None, time_limit=None)
    assert options.threads is options.seed is None


def test_limits_that_stop_at_once_are_allowed():
    assert SolveOptions(node_limit=0).node_limit == 0
    assert SolveOptions(bound_stop=-math.inf).bound_stop == -math.inf
