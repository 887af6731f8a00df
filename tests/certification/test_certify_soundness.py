"""End to end: no pair, however found, exceeds what is certified; whatever stops the run, both bounds hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, Trust, Verdict, certify
from nnff.certification import certify as certify_package_function
from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.similarity import metric
from nnff.solver import SolveControl

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
CHAINS = [chain for length in (1, 2, 3) for chain in itertools.product(ACTIVATIONS, repeat=length)]


def run(problem, **settings_):
    chosen = {"gap": 1e-2, "time_limit": 1.0} | settings_
    return certify(
        problem.network, problem.domain, problem.metric, problem.epsilon, scale=problem.coordinates, **chosen
    )


def grid_of_pairs(problem):
    """Every x' on a grid with every difference on a grid; whole numbers complete, corners included."""
    domain, n = problem.domain, problem.domain.n_features
    steps = {1: 41, 2: 9, 3: 5}[n]

    def axis(low, high, whole):
        return np.unique(np.rint(np.linspace(low, high, steps)) if whole else np.linspace(low, high, steps))

    places = [axis(a, b, w) for a, b, w in zip(domain.lower, domain.upper, domain.integer, strict=True)]
    gaps = [axis(-r, r, w) for r, w in zip(problem.radius, domain.integer, strict=True)]
    x1 = np.stack([a.ravel() for a in np.meshgrid(*places)], axis=1)
    d = np.stack([a.ravel() for a in np.meshgrid(*gaps)], axis=1)
    first = np.repeat(x1, len(d), axis=0)
    second = np.where(
        domain.immutable, first, np.clip(first + np.tile(d, (len(x1), 1)), domain.lower, domain.upper)
    )
    good = problem.admits(first, second)
    return first[good], second[good]


def largest_gap(problem, pairs):
    first, second = pairs
    return float(np.abs(problem.network.predict(second) - problem.network.predict(first)).max(initial=0.0))


def assert_sound(problem, certificate, reached):
    # The forward pass itself rounds.
    size = 1e-12 * (
        1
        + np.abs(problem.network.output_scaling.center).max()
        + np.abs(problem.network.output_scaling.scale).max()
    )
    assert certificate.reason not in (Reason.INCONSISTENT, Reason.SOLVER_FAILED), certificate.detail
    assert certificate.delta_lower <= certificate.delta_upper
    assert reached <= certificate.delta_upper + size
    assert certificate.delta_upper <= certificate.closed_form + size
    witness = certificate.witness
    if witness is None:
        # Time was up before anyone could look for a pair, or none can differ.
        assert certificate.delta_lower == 0.0
        assert certificate.reason is Reason.TIME_LIMIT or certificate.delta_upper <= 1e-9
        return
    x1, x2 = np.array([witness.x1]), np.array([witness.x2])
    assert problem.admits(x1, x2)[0]
    gap = abs(float(problem.network.predict(x2)[0] - problem.network.predict(x1)[0]))
    assert gap == pytest.approx(certificate.delta_lower, rel=1e-9, abs=size)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), chain=st.sampled_from(CHAINS))
def test_brute_force_never_exceeds_the_certified_bound(lab, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, gain=float(rng.choice([0.7, 2.0, 6.0])))
    certificate = run(problem)
    reached = max(
        largest_gap(problem, grid_of_pairs(problem)), largest_gap(problem, lab.pairs(problem, rng, 2000))
    )
    assert_sound(problem, certificate, reached)
    if certificate.reason is Reason.GAP_CLOSED:
        assert certificate.delta_upper <= certificate.delta_lower * 1.0101 + 1e-11


OTHER = ("softplus", "silu", "gelu", "leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)")


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    chain=st.lists(st.sampled_from(OTHER), min_size=1, max_size=3),
    last=st.sampled_from(["identity", "sigmoid", *OTHER]),
    strategy=st.sampled_from(["relational", "twin"]),
)
def test_brute_force_never_exceeds_the_bound_of_other_activations(lab, seed, chain, last, strategy):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, [*chain, last], gain=float(rng.choice([0.7, 2.0, 6.0])))
    certificate = run(problem, strategy=strategy, time_limit=0.7)
    reached = max(
        largest_gap(problem, grid_of_pairs(problem)), largest_gap(problem, lab.pairs(problem, rng, 2000))
    )
    assert_sound(problem, certificate, reached)


@pytest.mark.parametrize("name", OTHER)
def test_both_strategies_bracket_a_small_network_of_each_activation(lab, name):
    """3-5-1: the gap of 1 % is reached, and no pair that brute force finds lies above either bracket."""
    network = lab.network(np.random.default_rng(3), [3, 5, 1], (name, "identity"), gain=1.5)
    domain, similar = Domain.from_box([-1] * 3, [1] * 3), metric("weighted-lp", p="inf")
    relational = certify(network, domain, similar, 0.2, time_limit=20)
    twin = certify(network, domain, similar, 0.2, time_limit=1.0, strategy="twin")
    assert relational.reason is Reason.GAP_CLOSED
    assert twin.delta_lower <= relational.delta_upper
    assert relational.delta_lower <= twin.delta_upper
    problem = Problem(network, domain, similar, 0.2)
    for certificate in (relational, twin):
        assert_sound(problem, certificate, largest_gap(problem, grid_of_pairs(problem)))


@pytest.mark.parametrize("limit", [1e-9, 0.01])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), chain=st.sampled_from(CHAINS))
def test_next_to_no_time_still_gives_a_sound_bracket(lab, limit, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, gain=3.0)
    certificate = run(problem, time_limit=limit, gap=0.0)
    assert_sound(problem, certificate, largest_gap(problem, lab.pairs(problem, rng, 1000)))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), chain=st.sampled_from([c for c in CHAINS if len(c) == 2]))
def test_small_epsilons_are_not_the_solvers_undoing(lab, seed, chain):
    """D and h are then of the size of tolerances, which made HiGHS prove bounds below real pairs."""
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [2, 3, 1], chain, gain=2.0)
    for epsilon in (1e-3, 1e-5):
        problem = lab.problem(rng, chain, n_inputs=2).__class__(
            network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), epsilon
        )
        assert_sound(
            problem,
            run(problem, gap=1e-3, time_limit=0.7),
            largest_gap(problem, lab.pairs(problem, rng, 2000)),
        )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_enumeration_and_milp_agree_on_finite_domains(lab, seed):
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [2, 3, 1], [str(c) for c in rng.choice(ACTIVATIONS, 2)], gain=2.0)
    domain = Domain.from_box([0, 0], [4, 3], integer="all", immutable=[1] if rng.random() < 0.3 else [])
    weights = rng.choice([0.0, 0.5, 1.0], 2)
    settings_ = {
        "metric": metric("weighted-lp", p=1, weights=weights),
        "epsilon": float(rng.choice([0.0, 1.0, 2.0])),
    }
    exact = certify(network, domain, strategy="exhaustive", **settings_)
    assert exact.reason is Reason.EXHAUSTED
    assert exact.trust is Trust.EXHAUSTIVE
    assert exact.delta_upper == pytest.approx(exact.delta_lower, rel=1e-9, abs=1e-9)
    milp = certify(network, domain, gap=1e-2, time_limit=1.5, **settings_)
    assert milp.reason not in (Reason.INCONSISTENT, Reason.SOLVER_FAILED)
    assert milp.delta_lower <= exact.delta_upper * (1 + 1e-9) + 1e-12
    assert milp.delta_upper >= exact.delta_lower * (1 - 1e-9) - 1e-12


def without_times(certificate):
    told = certificate.model_dump()
    for name in ("seconds", "phases"):
        del told[name]
    told["bracket"] = [(low, high) for _, low, high in told["bracket"]]
    for step in told["ranges"]:
        del step["seconds"]
    for solve in told["runs"]:
        del solve["seconds"], solve["timings"]
        # What is left of the time limit is an option, too.
        solve["options"] = {k: v for k, v in solve["options"].items() if "time" not in k.lower()}
    return told


@pytest.mark.parametrize("chain", [("sigmoid", "identity"), ("relu", "tanh")])
def test_the_same_seed_gives_the_same_certificate(lab, chain):
    rng = np.random.default_rng(2)
    network = lab.network(rng, [2, 3, 1], chain, gain=1.5)
    domain = Domain.from_box([0, 0], [1, 1])
    once, again = (
        certify(network, domain, metric("weighted-lp", p="inf"), 0.1, gap=2e-2, time_limit=60, seed=5)
        for _ in range(2)
    )
    assert once.reason is Reason.GAP_CLOSED
    assert without_times(once) == without_times(again)


def test_rounding_of_large_outputs_is_no_contradiction():
    """f = x + 1e8 answers in steps of 1.5e-8, which epsilon = 1e-7 shows as 15 per cent."""
    network = Network((Layer([[1.0]], [0.0]),), None, Scaling([1e8], [1.0]))
    for epsilon in (1e-6, 1.3e-7, 1e-8):
        certificate = certify(network, Domain.from_box([0], [1]), metric("weighted-lp"), epsilon)
        assert certificate.reason is not Reason.INCONSISTENT, certificate.detail
        assert certificate.delta_upper >= epsilon


def test_a_saturated_sigmoid_and_a_tiny_epsilon_are_no_contradiction():
    network = Network((Layer([[3.0, -1.0]], [4.0], "sigmoid"),), None, Scaling([5.0], [45.0]))
    for epsilon in (1e-7, 1e-9, 1e-11):
        certificate = certify(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=2), epsilon)
        assert certificate.reason is not Reason.INCONSISTENT, certificate.detail


def test_a_wrong_closed_form_certifies_nothing(monkeypatch):
    """Should range arithmetic itself be wrong, a real pair shows it, and no number is left to believe."""
    import sys

    module = sys.modules[certify_package_function.__module__]
    monkeypatch.setattr(module, "closed_form", lambda _problem, _ranges: 0.01)
    network = Network((Layer([[1.0, 2.0]], [0.0], "tanh"), Layer([[1.0]], [0.0])))
    certificate = certify(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp"), 0.5, delta=0.02)
    assert certificate.verdict is Verdict.UNDECIDED
    assert certificate.reason is Reason.INCONSISTENT
    assert certificate.delta_upper == math.inf
    assert certificate.delta_lower > 0.01


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.05, Verdict.CERTIFIED), (0.95, Verdict.VIOLATED), (1.0 - 1e-6, Verdict.VIOLATED)],
)
def test_verdicts_are_those_of_the_truth(factor, verdict):
    # One neuron: delta_max = tanh(D / 4) with D = 0.4 * (1 + 2).
    network = Network((Layer([[1.0, -2.0]], [0.0], "sigmoid"),))
    truth = math.tanh(0.4 * 3 / 4)
    certificate = certify(
        network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), 0.4, delta=truth * factor
    )
    assert certificate.verdict is verdict
    assert certificate.delta_lower <= truth * (1 + 2e-9)
    assert certificate.delta_upper >= truth


def test_an_interrupted_run_has_both_bounds(lab):
    control = SolveControl()
    control.interrupt()
    rng = np.random.default_rng(0)
    problem = lab.problem(rng, ("tanh", "tanh"), gain=3.0)
    certificate = run(problem, control=control, gap=0.0)
    assert certificate.reason is Reason.INTERRUPTED
    assert certificate.verdict is Verdict.UNDECIDED
    assert math.isfinite(certificate.delta_upper)
    assert certificate.delta_lower <= certificate.delta_upper


def test_pairs_that_cannot_differ_are_certified_without_a_solve():
    network = Network((Layer([[1.0, 2.0]], [0.3], "tanh"), Layer([[5.0]], [0.0], "sigmoid")))
    certificate = certify(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp"), 0.0, delta=0.0)
    assert certificate.verdict is Verdict.CERTIFIED
    assert certificate.delta_upper == 0.0
    assert certificate.trust is Trust.CLOSED_FORM
    assert certificate.runs == []
