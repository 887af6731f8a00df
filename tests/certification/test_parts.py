"""Parts hold all pairs together, each is certified like a whole, and a lie about one is found out."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, certify
from nnff.certification import parts as parts_module
from nnff.certification.bracket import Bracket
from nnff.certification.parts import Family, Interval, Part, divide
from nnff.certification.witness import best_witness
from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import linear_ranges
from nnff.similarity import metric
from nnff.solver import Availability, BoundOrigin, SolverBackend, Termination
from nnff.solver.load import solver


def free_problem(rng, *, activation, whole=False):
    """Return a problem whose first input is free, ranges widely, and moves every neuron."""
    n = int(rng.integers(2, 4))
    hidden = int(rng.integers(2, 5))
    output = str(rng.choice(["identity", "sigmoid"]))
    first = rng.normal(0, 0.6, (hidden, n))
    first[:, 0] = rng.choice([-1, 1], hidden) * rng.uniform(0.6, 1.5, hidden)
    network = Network(
        (
            Layer(first, rng.normal(0, 1, hidden), activation),
            Layer(rng.normal(0, 1, (1, hidden)), rng.normal(0, 0.5, 1), output),
        )
    )
    domain = Domain.from_box([-2] + [-1] * (n - 1), [2] + [1] * (n - 1), integer=[0] if whole else [])
    weights = [0.0] + [1.0] * (n - 1)
    return Problem(
        network, domain, metric("weighted-lp", weights=weights), float(rng.choice([0.0, 0.1, 0.3]))
    )


def run(problem, **settings_):
    chosen = {"gap": 1e-2, "time_limit": 10.0} | settings_
    return certify(problem.network, problem.domain, problem.metric, problem.epsilon, **chosen)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), activation=st.sampled_from(["tanh", "relu"]), whole=st.booleans())
def test_every_pair_lies_in_a_part_and_in_its_ranges(lab, seed, activation, whole):
    rng = np.random.default_rng(seed)
    problem = free_problem(rng, activation=activation, whole=whole)
    family = Family(problem, Bracket(time.perf_counter()))
    root = Part(family)
    family.parts = [root]
    found = divide(root, linear_ranges(problem))
    assert len(found) > 1
    first, second = lab.pairs(problem, rng, 300)
    d = (second - first)[:, 0]
    covered = np.zeros(len(d), dtype=bool)
    for held, ranges in found:
        (own,) = held
        inside = (d >= own.low) & (d <= own.high)
        covered |= inside
        if ranges is None:
            assert not inside.any()
        else:
            lab.assert_within(problem, ranges, first[inside], second[inside])
    assert covered.all()


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5, 7])
def test_parts_and_the_whole_agree(lab, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    problem = free_problem(rng, activation=["tanh", "relu", "sigmoid"][seed % 3], whole=seed % 4 == 3)
    divided = run(problem)
    first, second = lab.pairs(problem, rng, 4000)
    reached = np.abs(problem.network.predict(second) - problem.network.predict(first)).max()
    assert reached <= divided.delta_upper * (1 + 1e-9)
    monkeypatch.setattr(parts_module, "_DOMINANT", 2.0)
    undivided = run(problem, time_limit=3.0)
    for one, other in ((divided, undivided), (undivided, divided)):
        assert one.delta_lower <= other.delta_upper * (1 + 1e-9)
        assert one.reason not in (Reason.INCONSISTENT, Reason.SOLVER_FAILED), one.detail


class Liar(SolverBackend):
    """HiGHS, but what it says of every MILP is twisted."""

    name = "liar"
    capabilities = solver("highs").capabilities

    def __init__(self, twist):
        self.twist = twist

    @classmethod
    def availability(cls):
        return Availability(available=True)

    def version(self):
        return "0"

    def lp_session(self, problem, options):
        return solver("highs").lp_session(problem, options)

    def solve(self, problem, options, start=None, control=None):
        result = solver("highs").solve(problem, options, start, control)
        return self.twist(replace(result, solver=self.name))


def nothing(result):
    return replace(
        result,
        termination=Termination.INFEASIBLE,
        x=None,
        objective=None,
        bound=np.inf,
        bound_origin=BoundOrigin.NONE,
    )


def hard_problem():
    """Return one that needs solves: the best pair is no corner of what the ranges allow."""
    rng = np.random.default_rng(5)
    network = Network(
        (
            Layer(rng.normal(0, 1.2, (6, 4)), rng.normal(0, 1, 6), "tanh"),
            Layer(rng.normal(0, 1, (1, 6)), [0.0]),
        )
    )
    similar = metric("weighted-lp", weights=[0, 1, 1, 1])
    return Problem(network, Domain.from_box([-2] * 4, [2] * 4), similar, 0.2)


def test_infeasible_is_believed_only_where_the_best_pair_is_not():
    problem = free_problem(np.random.default_rng(3), activation="tanh")
    honest = run(problem, solver=Liar(lambda result: result), time_limit=20.0)
    assert "infeasible" in [r.termination for r in honest.runs]
    assert honest.reason is Reason.GAP_CLOSED
    said = run(problem, solver=Liar(nothing))
    # Parts without the best pair may be empty; the one with it is not, and there the lie is plain.
    assert said.reason in (Reason.SOLVER_FAILED, Reason.INCONSISTENT)
    assert said.delta_upper >= honest.delta_lower * (1 - 1e-9)


def witness_at(problem, d):
    x1 = np.array([[-d / 2, 0.0, 0.0, 0.0]])
    return best_witness(problem, x1, -x1 * [[1, 0, 0, 0]], "data")


def family_of(problem, *intervals):
    family = Family(problem, Bracket(time.perf_counter()))
    family.parts = [Part(family, (Interval(0, low, high),), upper=100.0) for low, high in intervals]
    return family


def ordered(problem, d):
    """Return the sign with which d counts: f(x'') >= f(x')."""
    witness = witness_at(problem, d)
    return d if witness.output2 >= witness.output1 else -d


def test_a_pair_above_the_bound_of_its_part_is_a_contradiction():
    problem = hard_problem()
    d = ordered(problem, 2.0)
    family = family_of(problem, (-4.0, 0.0), (0.0, 4.0))
    home = family.parts[int(d > 0)]
    home.prove(1e-6, "a solver")
    assert not family.bracket.contradiction
    family.show(witness_at(problem, 2.0), "found")
    assert "the part that the pair lies in" in family.bracket.contradiction


def test_a_pair_of_another_part_is_none():
    problem = hard_problem()
    d = ordered(problem, 2.0)
    family = family_of(problem, (-4.0, 0.0), (0.0, 4.0))
    family.parts[int(d < 0)].prove(1e-6, "a solver")
    family.show(witness_at(problem, 2.0), "found")
    assert not family.bracket.contradiction
    assert family.bracket.upper == 100.0
    # A bound below the best pair says of a part only that nothing in it is better.
    assert family.parts[int(d < 0)].upper >= 1e-6
    family.parts[int(d > 0)].prove(7.0, "a solver")
    assert family.bracket.upper == 7.0


def test_a_bound_below_the_best_pair_of_its_own_part_is_a_contradiction():
    problem = hard_problem()
    d = ordered(problem, 2.0)
    family = family_of(problem, (-4.0, 0.0), (0.0, 4.0))
    family.show(witness_at(problem, 2.0), "found")
    family.parts[int(d > 0)].prove(1e-6, "a solver")
    assert "a solver claims" in family.bracket.contradiction


def test_whole_differences_are_parts_of_their_own():
    problem = replace(free_problem(np.random.default_rng(0), activation="tanh", whole=True), epsilon=0.0)
    family = Family(problem, Bracket(time.perf_counter()))
    root = Part(family)
    family.parts = [root]
    held = [own for (own,), _ in divide(root, linear_ranges(problem))]
    assert [round(own.low) for own in held] == [-4, -3, -2, -1, 0, 1, 2, 3, 4]
    assert all(own.low <= round(own.low) <= own.high for own in held)
    assert all(own.high - own.low < 1e-12 for own in held)


def test_others_are_asked_about_all_pairs_at_once():
    problem = hard_problem()
    certificate = run(problem, crosscheck=("cbc",), gap=3e-3, time_limit=20.0)
    rounds = [r.round for r in certificate.runs if r.solver == "highs"]
    assert certificate.encoding is not None
    assert rounds == sorted(set(rounds))
    # One encoding of all pairs: each bound of a round is a bound of delta.
    assert all(r.delta_bound >= certificate.delta_lower * (1 - 1e-9) for r in certificate.runs)


@pytest.mark.parametrize("seed", range(6))
def test_a_difference_that_rounding_hides_names_no_part(seed):
    # Outputs near 50e6 that differ by less than their last digits: which of the two is larger, nobody knows.
    rng = np.random.default_rng(seed)
    first = rng.uniform(0.5, 1.5, (3, 1)) * rng.choice([-1, 1], (3, 1))
    layers = (Layer(first, rng.normal(0, 1, 3), "tanh"), Layer(rng.normal(0, 1, (1, 3)), [1e6]))
    network = Network(layers, output_scaling=Scaling(np.zeros(1), np.array([50.0])))
    problem = Problem(network, Domain.from_box([-2], [2]), metric("weighted-lp", p=1), 1e-9)
    certificate = run(problem, time_limit=1.0)
    assert certificate.reason not in (Reason.SOLVER_FAILED, Reason.INCONSISTENT), certificate.detail


def test_a_division_that_is_stopped_leaves_the_part_whole():
    problem = hard_problem()
    family = Family(problem, Bracket(time.perf_counter()))
    root = Part(family)
    family.parts = [root]
    assert divide(root, linear_ranges(problem), stop=lambda: True) == []
