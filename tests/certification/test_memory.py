"""What one epsilon leaves for the next makes no certificate wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Memory, certify, metric
from nnff.certification import Reason
from nnff.certification.curve import curve
from nnff.domain import Domain
from nnff.encoding.strategy import Relational
from nnff.errors import ProblemError
from nnff.network import Layer, Network
from nnff.ranges import interval_ranges

SHAPES = [["sigmoid", "identity"], ["relu", "sigmoid"], ["tanh", "sigmoid"], ["sigmoid", "tanh"]]


def asked(problem, epsilon, **settings):
    settings = {"time_limit": 2, "gap": 1e-2} | settings
    return certify(
        problem.network, problem.domain, problem.metric, epsilon, scale=problem.coordinates, **settings
    )


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES), st.permutations([0.0, 0.05, 0.3, 1.0]))
def test_no_pair_found_by_any_means_exceeds_a_warm_bound(lab, seed, activations, epsilons):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, activations, most_neurons=3)
    memory = Memory()
    made = {epsilon: asked(problem, epsilon, memory=memory) for epsilon in epsilons[:3]}
    for epsilon, warm in made.items():
        assert warm.reason is not Reason.INCONSISTENT
        x1, x2 = lab.pairs(replace(problem, epsilon=epsilon), rng, 400)
        seen = np.abs(problem.network.predict(x2) - problem.network.predict(x1)).max(initial=0.0)
        # Pairs of smaller epsilons, found on the way, are pairs of this one.
        seen = max(seen, *(c.delta_lower for e, c in made.items() if e <= epsilon))
        assert warm.delta_upper >= seen * (1 - 1e-9) - 1e-12
        assert warm.delta_lower <= warm.delta_upper


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
def test_warm_and_cold_brackets_meet(lab, seed, activations):
    problem = lab.problem(np.random.default_rng(seed), activations, most_neurons=3)
    memory = Memory()
    warm = [asked(problem, epsilon, memory=memory) for epsilon in (0.5, 0.2)]
    for certificate in warm:
        cold = asked(problem, certificate.epsilon)
        assert (
            max(cold.delta_lower, certificate.delta_lower)
            <= min(cold.delta_upper, certificate.delta_upper) * (1 + 1e-9) + 1e-12
        )


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
def test_delta_does_not_fall_with_epsilon_and_is_not_negative(lab, seed, activations):
    problem = lab.problem(np.random.default_rng(seed), activations, most_neurons=3)
    memory = Memory()
    made = curve([0.4, 0.0, 0.1], lambda epsilon: asked(problem, epsilon, memory=memory))
    frame = made.to_frame()
    assert frame["epsilon"].tolist() == [0.0, 0.1, 0.4]
    for name in ("delta_lower", "delta_upper"):
        assert (frame[name] >= 0).all()
        assert (np.diff(frame[name]) >= 0).all()
    assert (frame["delta_lower"] <= frame["delta_upper"]).all()


def hard_problem(lab):
    """Return one whose first plan is not enough, and that is not divided."""
    network = lab.network(np.random.default_rng(1), [5, 3, 1], ["sigmoid", "sigmoid"], gain=3.0)
    from nnff.problem import Problem

    return Problem(network, Domain.from_box([-1] * 5, [1] * 5), metric("weighted-lp", p=2), 0.4)


def test_ranges_and_cells_go_to_smaller_epsilons_only(lab):
    problem = hard_problem(lab)
    memory = Memory()
    refined = asked(problem, 0.4, memory=memory, gap=1e-3, time_limit=4)
    assert refined.rounds > 1
    smaller = memory.recall(replace(problem, epsilon=0.3), "relational")
    assert smaller.ranges is not None
    assert smaller.plan is not None
    assert smaller.x1 is not None
    larger = memory.recall(replace(problem, epsilon=0.5), "relational")
    assert larger.ranges is None
    assert larger.plan is None
    assert larger.x1.shape == (1, 5)
    assert memory.recall(replace(problem, epsilon=0.3), "twin").plan is None


def test_known_cells_take_the_place_of_the_first_refinement(lab, monkeypatch):
    problem = hard_problem(lab)
    memory = Memory()
    asked(problem, 0.4, memory=memory, gap=1e-5, time_limit=4)
    known = memory.recall(problem, "relational").plan
    steps = []
    for name in ("first_plan", "adapt", "refine"):
        real = getattr(Relational, name)

        def noted(self, *arguments, name=name, real=real):
            steps.append((name, arguments[:1]))
            return real(self, *arguments)

        monkeypatch.setattr(Relational, name, noted)
    asked(problem, 0.39, memory=memory, gap=1e-5, time_limit=4)
    assert [name for name, _ in steps[:2]] == ["first_plan", "adapt"]
    assert list(known) == [()]
    assert steps[1][1][0] is known[()]
    assert all(name == "refine" for name, _ in steps[2:])


def test_known_cells_of_a_part_go_to_the_same_part(monkeypatch):
    from nnff.problem import Problem

    rng = np.random.default_rng(5)
    network = Network(
        (
            Layer(rng.normal(0, 1.2, (6, 4)), rng.normal(0, 1, 6), "tanh"),
            Layer(rng.normal(0, 1, (1, 6)), [0.0]),
        )
    )
    similar = metric("weighted-lp", weights=[0, 1, 1, 1])
    problem = Problem(network, Domain.from_box([-2] * 4, [2] * 4), similar, 0.2)
    memory = Memory()
    asked(problem, 0.2, memory=memory, gap=1e-4, time_limit=3)
    known = memory.recall(problem, "relational").plan
    assert known
    assert () not in known
    adapted, real = [], Relational.adapt
    monkeypatch.setattr(Relational, "adapt", lambda self, *a: adapted.append(a[0]) or real(self, *a))
    warm = asked(problem, 0.19, memory=memory, gap=1e-4, time_limit=3)
    assert adapted
    assert all(any(plan is own for own in known.values()) for plan in adapted)
    assert len({id(plan) for plan in adapted}) == len(adapted)
    cold = asked(problem, 0.19, gap=1e-2)
    assert cold.delta_lower <= warm.delta_upper * (1 + 1e-9)


def test_known_ranges_are_intersected():
    problem_network = Network((Layer([[1.0, -1.0]], [0.0]),))
    from nnff.problem import Problem

    problem = Problem(problem_network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=1), 0.2)
    memory = Memory()
    ranges = interval_ranges(problem)
    narrow = replace(ranges.layers[0], difference_upper=[0.15], difference_lower=[-0.15])
    memory.keep(problem, "relational", ranges=replace(ranges, layers=(narrow,)), plan=None, witness=None)
    # Not true, but believed: that shows where it counts and where it does not.
    below = certify(problem.network, problem.domain, problem.metric, 0.18, memory=memory)
    assert below.closed_form == pytest.approx(0.15)
    memory = Memory()
    memory.keep(problem, "relational", ranges=replace(ranges, layers=(narrow,)), plan=None, witness=None)
    above = certify(problem.network, problem.domain, problem.metric, 0.3, memory=memory)
    assert above.closed_form == pytest.approx(0.3)


def test_a_contradiction_is_not_handed_on():
    network = Network((Layer([[1.0, -1.0]], [0.0]),))
    from nnff.problem import Problem

    problem = Problem(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=1), 0.2)
    memory = Memory()
    ranges = interval_ranges(problem)
    false = replace(ranges.layers[0], difference_upper=[0.15], difference_lower=[-0.15])
    memory.keep(problem, "relational", ranges=replace(ranges, layers=(false,)), plan=None, witness=None)
    wrong = certify(network, problem.domain, problem.metric, 0.18, memory=memory)
    assert wrong.reason is Reason.INCONSISTENT
    assert list(memory._lessons) == [0.2]


def test_a_memory_belongs_to_one_network_domain_and_metric(lab):
    problem = hard_problem(lab)
    memory = Memory()
    memory.recall(problem, "relational")
    other = replace(problem, domain=Domain.from_box([-1] * 5, [1, 1, 1, 1, 2]))
    with pytest.raises(ProblemError, match="the memory is of another"):
        memory.recall(other, "relational")
    with pytest.raises(ProblemError, match="the memory is of another"):
        certify(problem.network, problem.domain, metric("weighted-lp", p=1), 0.1, memory=memory)
