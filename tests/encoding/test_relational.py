"""The relational encoding holds every feasible pair with at least its output difference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.encoding.relational import cell_sides, encode_relational, initial_plan, needs_midpoint
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import LayerRanges, Ranges, interval_ranges
from nnff.similarity import metric

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
STRAIGHT = ("leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)")
OTHER = ("softplus", "silu", "gelu", *STRAIGHT)
CHAINS = [
    *((a,) for a in ACTIVATIONS),
    *itertools.product(ACTIVATIONS, repeat=2),
    *(("relu", "tanh", "sigmoid"), ("identity", "relu", "relu"), ("sigmoid", "identity", "tanh")),
    *((a,) for a in OTHER),
    *((a, "identity") for a in OTHER),
    *(("gelu", "softplus"), ("hard_sigmoid(0.25,0.5)", "silu"), ("tanh", "leaky_relu(0.1)")),
    *(("leaky_relu(0.1)", "gelu", "sigmoid"), ("silu", "hard_sigmoid(0.25,0.5)", "identity")),
]
EXACT = [chain for chain in CHAINS if set(chain) <= {"identity", "relu", *STRAIGHT}]


def encode(problem, ranges=None):
    ranges = interval_ranges(problem) if ranges is None else ranges
    return encode_relational(problem, ranges, initial_plan(problem, ranges))


def in_order(network, first, second):
    """Swap pairs, shape (rows, n), that the encoding holds the other way round.

    Those of negative Dout, or, if the last activation is not monotone, of a negative output difference.
    """
    p1, p2 = (network.preactivations(x)[-1] for x in (first, second))
    g = network.layers[-1].activation
    swap = p2 < p1 if g.monotone else g.difference((p1 + p2) / 2, p2 - p1) < 0
    return np.where(swap, second, first), np.where(swap, first, second)


def ordered(problem, first, second, rng, count):
    """Pick pairs, the farthest apart among them, in the order that the encoding holds, with their gaps."""
    first, second = in_order(problem.network, first, second)
    gaps = np.abs(problem.network.predict(second) - problem.network.predict(first))
    chosen = [int(np.argmax(gaps)), *rng.integers(0, len(gaps), count - 1).tolist()]
    return [(first[k], second[k], float(gaps[k])) for k in chosen]


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_pair_survives_with_its_output_difference(lab, formulation, chain, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, most_neurons=3)
    fixed = formulation(problem, encode(problem))
    for x1, x2, gap in ordered(problem, *lab.pairs(problem, rng, 100), rng, 3):
        allowed = fixed.delta(x1, x2)
        assert allowed is not None
        assert allowed >= gap - 1e-6 * (1 + gap)
        if chain in EXACT:
            # Nearly stable neurons are off by a hair, which weights and output scale can enlarge.
            assert allowed <= gap + 1e-5 * (1 + gap)


@pytest.mark.parametrize("chain", [("relu", "identity"), ("relu", "relu", "identity"), ("relu", "sigmoid")])
def test_relu_layers_are_exact(lab, formulation, chain):
    """With the inputs fixed only the output's own planes are left: none for a linear output."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        network = lab.network(rng, [2, 4, *[3] * (len(chain) - 2), 1], chain, gain=2.5)
        problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), 0.4)
        ranges = interval_ranges(problem)
        fixed = formulation(problem, encode(problem, ranges))
        for x1, x2, gap in ordered(problem, *lab.pairs(problem, rng, 60), rng, 3):
            allowed = fixed.delta(x1, x2)
            if chain[-1] == "identity":
                assert allowed == pytest.approx(gap, abs=1e-6)
            else:
                # What is left is the slack of the closed form and of the output's first cells.
                d = network.preactivations(x2)[-1] - network.preactivations(x1)[-1]
                assert gap - 1e-6 <= allowed <= np.tanh(d[0, 0] / 4) + 1e-3


@pytest.mark.parametrize(
    "chain",
    [
        *(("sigmoid", "identity"), ("tanh", "sigmoid"), ("relu", "tanh"), ("gelu", "silu")),
        *(("softplus", "leaky_relu(0.1)"), ("hard_sigmoid(0.25,0.5)", "gelu")),
    ],
)
def test_the_optimum_is_not_below_any_pair(lab, formulation, chain):
    rng = np.random.default_rng(8)
    for _ in range(4):
        problem = lab.problem(rng, chain, n_inputs=2, most_neurons=3)
        first, second = lab.pairs(problem, rng, 2000)
        gap = np.abs(problem.network.predict(second) - problem.network.predict(first)).max()
        assert formulation(problem, encode(problem)).delta() >= gap - 1e-6 * (1 + gap)


def test_a_relu_optimum_is_attained(lab, formulation):
    """For a piecewise-linear network the MILP is exact: its optimum is the difference of a real pair."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        network = lab.network(rng, [2, 4, 1], ("relu", "identity"), gain=2.0)
        problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p=1), 0.3)
        fixed = formulation(problem, encode(problem))
        value, x = fixed.solve()
        x1, x2 = fixed.encoded.pair(x)
        assert network.predict(x2) - network.predict(x1) == pytest.approx(
            fixed.encoded.delta(value), abs=1e-6
        )
        assert problem.distance(x1, x2) <= 0.3 * (1 + 1e-6)
        assert (np.abs(np.stack([x1, x2])) <= 1 + 1e-6).all()


@pytest.mark.parametrize("p", [1, "inf"])
def test_pairs_that_are_not_similar_are_cut_off(lab, formulation, p):
    rng = np.random.default_rng(11)
    network = lab.network(rng, [3, 3, 1], ("relu", "identity"), scaled=True)
    domain = Domain.from_box([-1, -1, 0], [1, 1, 3], integer=[2], immutable=[1])
    problem = Problem(network, domain, metric("weighted-lp", p=p, weights=[1.0, 1.0, 0.1]), 0.4)
    fixed = formulation(problem, encode(problem))
    base = np.array([0.1, 0.2, 1.0])

    def holds(first, second):
        return any(fixed.delta(*pair) is not None for pair in ((first, second), (second, first)))

    step = float(np.abs(problem.coordinates.scale[0]) * 0.4)
    assert holds(base, base + [0.99 * step, 0, 0])
    assert not holds(base, base + [1.01 * step, 0, 0])
    assert not holds(base, base + [0, 0.01, 0]), "an immutable feature moved"
    assert not holds(base, base + [0, 0, 0.5]), "an integer feature took half a step"
    assert not holds(base * [20, 1, 1], base * [20, 1, 1]), "outside the box"


def one_sided(ranges, problem, first, second):
    """Ranges that only hold the pairs given: D on one side of 0, outputs away from 0."""
    layers = []
    before = zip(problem.network.preactivations(first), problem.network.preactivations(second), strict=True)
    for known, (p1, p2) in zip(ranges.layers, before, strict=True):
        both = np.concatenate([p1, p2])
        hair = 1e-9 * (1 + np.abs(both).max(axis=0))
        layers.append(
            LayerRanges(
                np.maximum(known.lower, both.min(axis=0) - hair),
                np.minimum(known.upper, both.max(axis=0) + hair),
                np.maximum(known.difference_lower, (p2 - p1).min(axis=0) - hair),
                np.minimum(known.difference_upper, (p2 - p1).max(axis=0) + hair),
            )
        )
    return Ranges(ranges.inputs, tuple(layers))


@pytest.mark.parametrize("chain", [c for c in CHAINS if len(c) == 2], ids="-".join)
def test_tightened_ranges_of_either_sign_keep_their_pairs(lab, formulation, chain):
    """What LP tightening will bring: D_lo > 0 or D_hi < 0, stable and unstable neurons, outputs off 0."""
    rng = np.random.default_rng(21)
    signs = set()
    for side in (-1.0, 1.0, -1.0, 1.0):
        network = lab.network(rng, [2, 3, 1], chain, gain=2.0)
        problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), 0.3)
        first, second = in_order(network, *lab.pairs(problem, rng, 200))
        # Only pairs that move the first neuron one way: its D does not contain 0.
        d = network.preactivations(second)[0][:, 0] - network.preactivations(first)[0][:, 0]
        chosen = np.flatnonzero(side * d > 0.3 * np.abs(d).max())
        if len(chosen) < 3:
            continue
        ranges = one_sided(interval_ranges(problem), problem, first[chosen], second[chosen])
        known = ranges.layers[0]
        signs |= {float(np.sign(known.difference_lower[0])), float(np.sign(known.difference_upper[0]))}
        fixed = formulation(problem, encode(problem, ranges))
        for x1, x2, gap in ordered(problem, first[chosen], second[chosen], rng, 3):
            allowed = fixed.delta(x1, x2)
            assert allowed is not None
            assert allowed >= gap - 1e-6
    assert signs == {-1.0, 1.0}


def check(network, domain, similar, epsilon, formulation, pairs):
    problem = Problem(network, domain, similar, epsilon)
    fixed = formulation(problem, encode(problem))
    for x1, x2 in pairs:
        gap = abs(float(network.predict(x2) - network.predict(x1)))
        first, second = in_order(network, np.array([x1]), np.array([x2]))
        assert fixed.delta(first[0], second[0]) >= gap - 1e-6
    return fixed


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dead_neurons_and_zero_weights(formulation, name):
    """Constant neurons: zero weights with and without bias, and a ReLU that never fires."""
    layers = (
        Layer([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 0.7, 0.0, -9.0], name),
        Layer([[1.0, 1.0, 2.0, 3.0]], [0.1]),
    )
    network = Network(layers)
    square = Domain.from_box([0, 0], [1, 1])
    fixed = check(network, square, metric("weighted-lp", p=1), 0.5, formulation, [([0.2, 0.5], [0.7, 0.5])])
    assert fixed.delta() >= abs(float(network.predict([0.5, 0.0]) - network.predict([0.0, 0.0])))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_constant_network(formulation, name):
    network = Network((Layer([[0.0]], [0.3], name),))
    fixed = check(
        network, Domain.from_box([0], [1]), metric("weighted-lp"), 0.5, formulation, [([0.2], [0.7])]
    )
    assert fixed.delta() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_negative_output_scale(formulation, name):
    network = Network(
        (Layer([[1.0], [-2.0]], [0.1, 0.0], name), Layer([[1.0, 1.5]], [0.0], name)),
        None,
        Scaling([3.0], [-4.0]),
    )
    pairs = [([0.0], [0.4]), ([0.9], [0.5]), ([0.3], [0.3])]
    fixed = check(network, Domain.from_box([-1], [1]), metric("weighted-lp"), 0.4, formulation, pairs)
    # Target units per unit of the objective, which is a power of two.
    assert np.log2(4.0 / fixed.encoded.factor).is_integer()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("bias", [-6.0, 6.0])
def test_an_output_range_that_excludes_0(formulation, name, bias):
    network = Network((Layer([[1.0, 2.0]], [bias], name),))
    square = Domain.from_box([0, 0], [1, 1])
    pairs = [([0.0, 0.0], [0.3, 0.3]), ([0.7, 0.7], [1.0, 1.0]), ([0.2, 0.9], [0.0, 1.0])]
    fixed = check(network, square, metric("weighted-lp", p="inf"), 0.3, formulation, pairs)
    # At most H(m*, D) with m* the end of the range nearest 0, not H(0, D).
    nearest = np.array([min(abs(bias), abs(bias + 3))])
    assert (
        fixed.delta()
        <= float(network.layers[0].activation.difference(nearest, np.array([0.9]))[0]) * 1.02 + 1e-6
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_epsilon_0_and_a_free_feature(formulation, name):
    network = Network((Layer([[1.0, -3.0], [0.5, 2.0]], [0.1, -0.2], name), Layer([[1.0, 1.0]], [0.0], name)))
    square = Domain.from_box([0, 0], [1, 1])
    pairs = [([0.3, 0.0], [0.3, 1.0]), ([1.0, 0.2], [1.0, 0.9])]
    check(network, square, metric("weighted-lp", p=2, free=[1]), 0.0, formulation, pairs)
    fixed = check(network, square, metric("weighted-lp", p=2), 0.0, formulation, [([0.3, 0.1], [0.3, 0.1])])
    assert fixed.delta() == pytest.approx(0.0, abs=1e-6)


def test_a_domain_of_one_point(formulation):
    network = Network((Layer([[1.0, -3.0]], [0.1], "tanh"),))
    point = Domain.from_box([0.4, 2], [0.4, 2], integer=[1])
    fixed = check(network, point, metric("weighted-lp"), 1.0, formulation, [([0.4, 2.0], [0.4, 2.0])])
    assert fixed.delta() == pytest.approx(0.0, abs=1e-6)


def test_huge_preactivations_stay_sound(formulation):
    network = Network(
        (Layer([[400.0, -300.0], [3.0, 0.0]], [50.0, 0.0], "sigmoid"), Layer([[2.0, -1.0]], [0.0]))
    )
    square = Domain.from_box([-1, -1], [1, 1])
    pairs = [([-0.125, 0.0], [-0.124, 0.0]), ([-1.0, 1.0], [-0.9, 0.9]), ([0.0, 0.16], [0.0, 0.17])]
    check(network, square, metric("weighted-lp", p="inf"), 0.1, formulation, pairs)


def test_which_midpoints_are_needed():
    def network(*names):
        return Network(tuple(Layer([[1.0]], [0.0], name) for name in names))

    assert needs_midpoint(network("identity")) == (False,)
    assert needs_midpoint(network("relu", "identity", "identity")) == (True, False, False)
    assert needs_midpoint(network("identity", "sigmoid", "identity")) == (True, True, False)
    assert needs_midpoint(network("tanh", "sigmoid")) == (True, True)
    # The mean of the last smooth layer is of no use to a linear rest.
    assert [s for s, _ in cell_sides(network("tanh", "identity"), 0)] == ["H", "H"]
    assert {s for s, _ in cell_sides(network("tanh", "relu"), 0)} == {"H", "S"}
    assert cell_sides(network("tanh", "sigmoid"), 1) == (("H", 1),)


def test_a_linear_network_needs_no_binary(lab):
    rng = np.random.default_rng(0)
    network = lab.network(rng, [3, 4, 2, 1], ("identity", "identity", "identity"), scaled=True)
    problem = Problem(network, Domain.from_box([0] * 3, [1] * 3), metric("weighted-lp", p=1), 0.2)
    assert encode(problem).matrix.n_integers == 0


def test_a_refined_encoding_still_holds_every_pair(lab, formulation):
    rng = np.random.default_rng(17)
    for chain in (("sigmoid", "identity"), ("tanh", "sigmoid")):
        problem = lab.problem(rng, chain, n_inputs=2, most_neurons=3, integer=0.0)
        strategy = encoding_strategy("relational", problem, interval_ranges(problem))
        plan = strategy.first_plan()
        pairs = ordered(problem, *lab.pairs(problem, rng, 300), rng, 4)
        for _round in range(3):
            encoded = strategy.encode(plan)
            fixed = formulation(problem, encoded)
            for x1, x2, gap in pairs:
                assert fixed.delta(x1, x2) >= gap - 1e-6 * (1 + gap)
            finer = strategy.refine(plan, encoded, fixed.solve()[1], 1e-6)
            if finer is None:
                break
            plan = finer
