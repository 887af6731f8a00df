"""The two-copy encoding holds every feasible pair with its whole difference, and agrees with the rest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import certify
from nnff.certification.certificate import Reason, Strategy
from nnff.domain import Domain
from nnff.encoding import CellPoint, encoding_strategies, encoding_strategy
from nnff.encoding.refine import downstream_weights
from nnff.encoding.segments import ABOVE, BELOW, BOTH
from nnff.encoding.twin import Twin, refine_segments
from nnff.errors import ConfigError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.ranges import Ranges, interval_ranges
from nnff.similarity import metric
from nnff.solver import SolveOptions, Termination
from nnff.solver.load import solver

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
OTHER = ("softplus", "silu", "gelu", "leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)")
OTHER_CHAINS = [
    *((a,) for a in OTHER),
    *((a, "identity") for a in OTHER),
    ("leaky_relu(0.1)", "gelu", "softplus"),
    ("silu", "hard_sigmoid(0.25,0.5)", "sigmoid"),
]
CHAINS = [
    *((a,) for a in ACTIVATIONS),
    *itertools.product(ACTIVATIONS, repeat=2),
    ("relu", "sigmoid", "tanh"),
    ("tanh", "relu", "identity"),
]


@pytest.fixture(scope="module")
def highs():
    return solver("highs")


def solve(highs, matrix):
    result = highs.solve(matrix, SolveOptions(time_limit=120, relative_gap=0.0))
    assert result.termination is Termination.OPTIMAL
    return result


def fixed_at(encoded, x1, x2):
    """Return the MILP with rows that hold its pair at (x1, x2).

    `Encoded.pair` is affine, so probing it at 0 and at the unit vectors gives these rows,
    whatever the encoding calls its variables.  They are equations: rows a hair wide make
    solvers answer wrongly.
    """
    matrix = encoded.matrix
    at_zero = np.concatenate(encoded.pair(np.zeros(matrix.n_columns)))
    rows = np.array([np.concatenate(encoded.pair(unit)) for unit in np.eye(matrix.n_columns)]).T
    rows = rows - at_zero[:, None]
    goal = np.concatenate([x1, x2]) - at_zero
    stacked = sp.csr_array(sp.vstack([matrix.matrix, sp.csr_array(rows)]))
    return replace(
        matrix,
        indptr=stacked.indptr,
        indices=stacked.indices,
        data=stacked.data,
        row_lower=np.concatenate([matrix.row_lower, goal]),
        row_upper=np.concatenate([matrix.row_upper, goal]),
    )


def gap_of_lines(g, cover, side, count=200):
    """How far the lines of a side are from g at worst, on a grid."""
    gaps = [0.0]
    for segment in cover:
        p = np.linspace(*segment.box, count)
        if side in segment.planes:
            line = (segment.planes[side] @ np.stack([p, np.ones(count)])).min(axis=0)
            gaps.append(float((line - side[1] * g.value(p)).max()))
    return max(gaps)


def largest_excess(problem, plan):
    """How far the objective may be above the difference of a fixed pair, by the gaps of the lines alone."""
    network, weights = problem.network, downstream_weights(problem.network)
    last = len(network.layers) - 1
    steepness = float(network.layers[-1].activation.largest_difference(np.array([1e-6]))[0]) / 1e-6
    total = 0.0
    for (_, index, j), cover in plan.items():
        g = network.layers[index].activation
        gap = max(gap_of_lines(g, cover, side) for side in BOTH)
        total += gap if index == last else steepness * weights[index][j] * gap
    return total * abs(network.output_scaling.scale[0])


@pytest.mark.parametrize("names", OTHER_CHAINS, ids="-".join)
def test_pairs_of_other_activations_are_in_the_encoding_with_their_difference(lab, formulation, names):
    rng = np.random.default_rng(OTHER_CHAINS.index(names))
    exact = set(names) <= {"identity", "leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)"}
    for _ in range(3):
        problem = lab.problem(rng, names, most_neurons=3)
        strategy = Twin(problem, interval_ranges(problem), segments=int(rng.integers(1, 9)))
        plan = strategy.first_plan()
        fixed = formulation(problem, strategy.encode(plan))
        excess = 0.0 if exact else largest_excess(problem, plan)
        for x1, x2 in zip(*lab.pairs(problem, rng, 3), strict=True):
            difference = float(problem.network.predict(x2) - problem.network.predict(x1))
            if problem.network.output_scaling.scale[0] < 0:
                difference = -difference
            allowed = fixed.delta(x1, x2)
            assert allowed is not None
            size = abs(problem.network.output_scaling.scale[0]) * (1 + abs(difference))
            assert difference - 1e-6 * size <= allowed <= difference + 1.001 * excess + 1e-5 * size


@pytest.mark.parametrize("names", CHAINS, ids="-".join)
def test_every_feasible_pair_is_in_the_encoding_with_its_difference(lab, highs, names):
    rng = np.random.default_rng(CHAINS.index(names))
    checked = 0
    for _ in range(2):
        problem = lab.problem(rng, names, most_neurons=3)
        strategy = Twin(problem, interval_ranges(problem), segments=int(rng.integers(1, 9)))
        plan = strategy.first_plan()
        encoded = strategy.encode(plan)
        for x1, x2 in zip(*lab.pairs(problem, rng, 3), strict=True):
            difference = float(problem.network.predict(x2) - problem.network.predict(x1))
            if problem.network.output_scaling.scale[0] < 0:
                difference = -difference
            result = solve(highs, fixed_at(encoded, x1, x2))
            size = abs(problem.network.output_scaling.scale[0]) * (1 + abs(difference))
            reached = encoded.delta(result.objective)
            assert reached >= difference - 1e-8 * size
            assert reached <= difference + largest_excess(problem, plan) * 1.001 + 1e-7 * size
            back = encoded.pair(result.x)
            np.testing.assert_allclose(np.concatenate(back), np.concatenate([x1, x2]), atol=1e-6)
            for (index, j), point in encoded.neurons(result.x).items():
                before = [problem.network.preactivations(x)[index][0, j] for x in (x1, x2)]
                if index == 0:
                    assert [point.m - point.d / 2, point.m + point.d / 2] == pytest.approx(before, abs=1e-5)
            checked += 1
    assert checked


@given(st.integers(0, 10**6), st.sampled_from([c for c in CHAINS if len(c) == 2]))
@settings(max_examples=25)
def test_random_pairs_never_exceed_the_proven_bound(lab, highs, seed, names):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, most_neurons=3)
    strategy = Twin(problem, interval_ranges(problem), segments=2)
    encoded = strategy.encode(strategy.first_plan())
    result = highs.solve(encoded.matrix, SolveOptions(time_limit=1, relative_gap=0.0))
    x1, x2 = lab.pairs(problem, rng, 60)
    difference = np.abs(problem.network.predict(x2) - problem.network.predict(x1)).max(initial=0.0)
    scale = abs(problem.network.output_scaling.scale[0])
    assert encoded.delta(result.bound) >= difference - 1e-7 * scale


@pytest.mark.parametrize("names", [c for c in CHAINS if len(c) == 2 and c[0] != "identity"], ids="-".join)
def test_brackets_of_both_strategies_and_brute_force_meet(lab, names):
    rng = np.random.default_rng(11)
    network = lab.network(rng, [2, 2, 1], names, scaled=True)
    center, scale = network.input_scaling.center, np.abs(network.input_scaling.scale)
    domain = Domain.from_box(center - scale, center + scale)
    closed = {}
    for strategy in ("relational", "twin"):
        found = certify(
            network, domain, metric("weighted-lp", p="inf"), 0.3, strategy=strategy, gap=2e-2, time_limit=120
        )
        assert found.strategy == strategy
        assert found.reason in (Reason.GAP_CLOSED, Reason.NO_PROGRESS)
        closed[strategy] = found
    twin, relational = closed["twin"], closed["relational"]
    assert twin.delta_lower <= relational.delta_upper * (1 + 1e-9)
    assert relational.delta_lower <= twin.delta_upper * (1 + 1e-9)
    if relational.delta_lower > 1e-6:
        assert twin.delta_upper <= relational.delta_lower * 1.05
    # Brute force: a grid of first inputs, second ones at steps of the radius.
    grid = np.linspace(-1, 1, 21)
    first = np.array(list(itertools.product(grid, grid)))
    steps = np.array(list(itertools.product((-0.3, 0.0, 0.3), repeat=2)))
    second = np.clip(first[:, None] + steps, -1, 1).reshape(-1, 2)
    raw = [network.input_scaling.invert(z) for z in (np.repeat(first, len(steps), axis=0), second)]
    best = float(np.abs(network.predict(raw[1]) - network.predict(raw[0])).max())
    assert best <= twin.delta_upper + 1e-9
    assert best >= 0.9 * twin.delta_lower - 1e-9


@pytest.mark.parametrize(
    "names", [("relu", "sigmoid"), ("tanh", "identity"), ("sigmoid", "tanh")], ids="-".join
)
@pytest.mark.parametrize("seed", [1, 2])
def test_integer_immutable_and_fixed_features_agree_with_enumeration(lab, names, seed):
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [4, 2, 1], names, scaled=True)
    domain = Domain.from_box(
        [-1, 0, 2, -2], [2, 4, 2, 1], integer="all", immutable=["x3"], feature_names=("x0", "x1", "x2", "x3")
    )
    similar = metric("weighted-lp", p=1, weights=[1.0, 0.5, 1.0, 1.0])
    facts = {"scale": "none", "gap": 1e-2, "time_limit": 120}
    truth = certify(network, domain, similar, 1.5, strategy="exhaustive", **facts)
    assert truth.reason is Reason.EXHAUSTED
    twin = certify(network, domain, similar, 1.5, strategy="twin", **facts)
    assert twin.reason in (Reason.GAP_CLOSED, Reason.NO_PROGRESS)
    assert twin.delta_lower <= truth.delta_upper * (1 + 1e-9)
    assert twin.delta_upper >= truth.delta_lower
    assert twin.delta_upper <= truth.delta_lower * 1.02 + 1e-6


def test_features_that_may_not_differ_are_one_variable_in_both_copies():
    network = Network((Layer([[2.0, -1.0]], [0.3], "tanh"),))
    both = metric("weighted-lp", p="inf")
    free, kept = (
        Problem(network, Domain.from_box([0, 0], [1, 1], immutable=immutable), both, 0.5)
        for immutable in ((), ("x1",))
    )
    columns = [_encode(problem).matrix.n_columns for problem in (free, kept)]
    assert columns[1] < columns[0]
    encoded = _encode(kept)
    x1, x2 = encoded.pair(np.random.default_rng(0).random(encoded.matrix.n_columns))
    assert x1[1] == x2[1]
    assert x1[0] != x2[0]


def _encode(problem, segments=4):
    strategy = Twin(problem, interval_ranges(problem), segments)
    return strategy.encode(strategy.first_plan())


def small_problem(lab, names=("sigmoid", "sigmoid"), seed=5):
    network = lab.network(np.random.default_rng(seed), [3, 2, 1], names, gain=3.0)
    return Problem(network, Domain.from_box([-1] * 3, [1] * 3), metric("weighted-lp", p="inf"), 0.3)


@pytest.mark.parametrize(
    "names", [("sigmoid", "sigmoid"), ("tanh", "identity"), ("relu", "tanh")], ids="-".join
)
def test_refinement_never_raises_the_bound_and_pays(lab, highs, names):
    problem = small_problem(lab, names)
    strategy = Twin(problem, interval_ranges(problem), segments=2)
    plan, bounds = strategy.first_plan(), []
    for _ in range(4):
        encoded = strategy.encode(plan)
        result = solve(highs, encoded.matrix)
        bounds.append(-result.bound)
        finer = strategy.refine(plan, encoded, result.x, 1e-7)
        if finer is None:
            break
        for key, cover in finer.items():
            assert cover[0].box[0] == plan[key][0].box[0]
            assert cover[-1].box[1] == plan[key][-1].box[1]
        plan = finer
    assert len(bounds) > 1
    for before, after in itertools.pairwise(bounds):
        assert after <= before + 1e-7
    assert bounds[-1] < bounds[0] - 1e-4


def test_a_point_on_the_activation_needs_no_refinement(lab):
    problem = small_problem(lab)
    strategy = encoding_strategy("twin", problem, interval_ranges(problem))
    plan = strategy.first_plan()
    network, ranges = problem.network, strategy.ranges
    points = {}
    for _, index, j in plan:
        g = network.layers[index].activation
        p = np.array([ranges.layers[index].lower[j], ranges.layers[index].upper[j]])
        a = g.value(p)
        points[index, j] = _point(p, a)
    assert refine_segments(network, plan, points, tolerance=1e-9) is None
    index, j = 0, 1
    p = np.array([0.4, 0.9])
    points[index, j] = _point(p, np.add(network.layers[index].activation.value(p), [0.0, 1e-4]))
    finer = refine_segments(network, plan, points, tolerance=1e-9)
    assert [key for key in plan if finer[key] is not plan[key]] == [(1, index, j)]
    assert refine_segments(network, plan, points, tolerance=1.0) is None


def _point(p, a):
    return CellPoint(float(p.mean()), float(p[1] - p[0]), float(a[1] - a[0]), float(a.mean()))


def test_the_output_needs_lines_on_one_side_only(lab):
    problem = small_problem(lab)
    strategy = Twin(problem, interval_ranges(problem))
    plan = strategy.first_plan()
    assert {tuple(segment.planes) for segment in plan[0, 1, 0]} == {(BELOW,)}
    assert {tuple(segment.planes) for segment in plan[1, 1, 0]} == {(ABOVE,)}
    assert {tuple(segment.planes) for key in plan if key[1] == 0 for segment in plan[key]} == {BOTH}


def test_ranges_of_differences_of_neurons_are_not_used(lab):
    problem = small_problem(lab)
    ranges = interval_ranges(problem)
    wide = np.full(2, 1e6)
    without = Ranges(
        ranges.inputs,
        tuple(
            replace(
                known, difference_lower=-wide[: len(known.lower)], difference_upper=wide[: len(known.lower)]
            )
            for known in ranges.layers
        ),
    )
    prints = []
    for known in (ranges, without):
        strategy = Twin(problem, known)
        prints.append(strategy.encode(strategy.first_plan()).matrix.fingerprint)
    assert prints[0] == prints[1]


def test_the_number_of_segments_is_a_choice(lab):
    problem = small_problem(lab)
    ranges = interval_ranges(problem)
    assert (ranges.layers[0].lower < 0).all()
    assert (ranges.layers[0].upper > 0).all()
    counts = {
        n: Twin(problem, ranges, n).encode(Twin(problem, ranges, n).first_plan()).cells for n in (2, 8, 32)
    }
    # Three smooth neurons, two copies.
    assert counts == {2: 12, 8: 48, 32: 192}
    assert Twin(problem, ranges).encode(Twin(problem, ranges).first_plan()).cells == 6 * Twin.segments

    class Finer(Twin):
        segments = 16

    assert Finer(problem, ranges).encode(Finer(problem, ranges).first_plan()).cells == 96
    with pytest.raises(ConfigError, match="at least 1 segment"):
        Twin(problem, ranges, 0)


def test_it_is_registered_under_the_name_that_certificates_know():
    assert encoding_strategies()[Strategy.TWIN.value] is Twin


def test_equal_inputs_only_give_a_difference_of_0(highs):
    network = Network((Layer([[2.0, -1.0], [1.0, 1.0]], [0.3, -0.2], "relu"), Layer([[1.0, -2.0]], [0.1])))
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), 0.0)
    encoded = _encode(problem)
    assert solve(highs, encoded.matrix).objective == pytest.approx(0.0, abs=1e-7)


def test_a_network_that_is_constant_over_the_domain_is_encoded(highs):
    network = Network((Layer([[1.0]], [-5.0], "relu"),))
    problem = Problem(network, Domain.from_box([0], [1]), metric("weighted-lp", p="inf"), 1.0)
    assert solve(highs, _encode(problem).matrix).objective == 0.0


@pytest.mark.parametrize("hair", [1e-12, 9e-8])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_relu_range_that_passes_0_by_a_hair_needs_no_binary_and_keeps_its_pairs(highs, hair, side):
    network = Network((Layer([[1.0]], [side * (1.0 - hair)], "relu"), Layer([[1.0]], [0.0])))
    problem = Problem(network, Domain.from_box([-1], [1]), metric("weighted-lp", p="inf"), 2.0)
    encoded = _encode(problem)
    assert encoded.matrix.n_integers == 0
    for x1, x2 in itertools.permutations(np.array([[-1.0], [0.25], [1.0]]), 2):
        difference = float(network.predict(x2) - network.predict(x1))
        value = encoded.delta(solve(highs, fixed_at(encoded, x1, x2)).objective)
        assert difference - 1e-9 <= value <= difference + 3e-7
