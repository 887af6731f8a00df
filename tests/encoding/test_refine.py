"""Refining never loses a point of the range and never raises the bound."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.domain import Domain
from nnff.encoding import CellPoint, encoding_strategy
from nnff.encoding.cells import make_cells
from nnff.encoding.refine import NARROWEST_CELL, downstream_weights, refine, violations
from nnff.encoding.relational import HIDDEN_SIDES
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.ranges import interval_ranges
from nnff.similarity import metric


def small_problem(lab, rng, chain, epsilon=0.3):
    network = lab.network(rng, [2, *[2] * (len(chain) - 1), 1], chain, gain=2.5)
    return Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), epsilon)


@pytest.mark.parametrize("chain", [("sigmoid", "identity"), ("tanh", "sigmoid"), ("relu", "tanh")])
def test_a_round_of_refinement_never_raises_the_optimum(lab, formulation, chain):
    rng = np.random.default_rng(12)
    fell = 0
    for _ in range(2):
        problem = small_problem(lab, rng, chain)
        strategy = encoding_strategy("relational", problem, interval_ranges(problem))
        plan, before = strategy.first_plan(), np.inf
        for _round in range(4):
            encoded = strategy.encode(plan)
            value, x = formulation(problem, encoded).solve()
            optimum = -value * encoded.factor
            # Cells may leave out planes that lower the envelope by less than a hundredth of its gap.
            assert optimum <= before * (1 + 1e-3) + 1e-6
            fell += optimum < before * (1 - 1e-6)
            before = optimum
            finer = strategy.refine(plan, encoded, x, 1e-6)
            if finer is None:
                break
            plan = finer
    assert fell >= 2


def test_refined_cells_cover_what_they_covered(lab):
    rng = np.random.default_rng(5)
    problem = small_problem(lab, rng, ("tanh", "sigmoid"))
    strategy = encoding_strategy("relational", problem, interval_ranges(problem))
    plan = strategy.first_plan()
    whole = {key: (cells[0].box.copy(), cells) for key, cells in plan.items()}
    for key, (_, cells) in whole.items():
        boxes = np.array([c.box for c in cells])
        whole[key] = np.array([boxes[:, 0].min(), boxes[:, 1].max(), boxes[:, 2].min(), boxes[:, 3].max()])
    for _round in range(5):
        points = {}
        for key, box in whole.items():
            m, d = rng.uniform(*box[:2]), rng.uniform(*box[2:])
            points[key] = CellPoint(m, d, 2.0, 0.0)  # far from the graph: everything is violated
        plan = refine(problem.network, plan, points, tolerance=1e-9)
        assert plan is not None
    assert any(len(cells) > 5 for cells in plan.values())
    for key, box in whole.items():
        for m, d in zip(rng.uniform(*box[:2], 300), rng.uniform(*box[2:], 300), strict=True):
            assert any(cell.contains(m, d, slack=0.0) for cell in plan[key])
        for m, d in [(a, b) for a in box[:2] for b in box[2:]]:
            assert any(cell.contains(m, d, slack=0.0) for cell in plan[key])


def one_neuron():
    network = Network((Layer([[1.0]], [0.0], "tanh"), Layer([[2.0]], [0.0])))
    box = np.array([-1.0, 1.0, 0.0, 1.0])
    return network, {(0, 0): tuple(make_cells(network.layers[0].activation, [box], HIDDEN_SIDES))}


def test_a_point_on_the_graph_needs_no_refinement():
    network, plan = one_neuron()
    g = network.layers[0].activation
    m, d = np.array([0.2]), np.array([0.5])
    on_graph = CellPoint(0.2, 0.5, float(g.difference(m, d)[0]), float(g.mean(m, d)[0]))
    assert violations(network, {(0, 0): on_graph})[0, 0] == 0.0
    assert refine(network, plan, {(0, 0): on_graph}, tolerance=1e-9) is None
    assert refine(network, plan, {}, tolerance=1e-9) is None


def test_violations_weigh_what_the_output_sees():
    network, plan = one_neuron()
    g = network.layers[0].activation
    h = float(g.difference(np.array([0.2]), np.array([0.5]))[0])
    off = CellPoint(0.2, 0.5, h + 0.01, None)
    assert violations(network, {(0, 0): off})[0, 0] == pytest.approx(0.02)
    assert refine(network, plan, {(0, 0): off}, tolerance=0.021) is None
    finer = refine(network, plan, {(0, 0): off}, tolerance=0.019)
    assert finer is not None
    old, new = plan[0, 0][0], finer[0, 0]
    above = max(c.envelope(("H", 1), 0.2, 0.5) for c in new if c.contains(0.2, 0.5))
    assert above <= old.envelope(("H", 1), 0.2, 0.5) + 1e-12


def test_a_point_outside_every_cell_changes_nothing_but_does_not_fail():
    network, plan = one_neuron()
    finer = refine(network, plan, {(0, 0): CellPoint(5.0, 5.0, 1.0, 1.0)}, tolerance=1e-9)
    assert finer is None or finer[0, 0] == plan[0, 0]


def test_cells_are_not_split_without_end():
    network, plan = one_neuron()
    g = network.layers[0].activation
    tiny = np.array([0.2, 0.2 + NARROWEST_CELL, 0.5, 0.5 + NARROWEST_CELL])
    plan = {(0, 0): tuple(make_cells(g, [tiny], HIDDEN_SIDES))}
    finer = refine(network, plan, {(0, 0): CellPoint(tiny[0], tiny[2], 1.0, 1.0)}, tolerance=1e-9)
    assert finer is None or len(finer[0, 0]) == 1


def test_downstream_weights_bound_the_effect_on_the_logit(lab):
    rng = np.random.default_rng(3)
    network = lab.network(rng, [2, 3, 2, 1], ("tanh", "sigmoid", "identity"))
    weights = downstream_weights(network)
    assert [len(w) for w in weights] == [3, 2, 1]
    assert weights[2].tolist() == [1.0]
    assert weights[1].tolist() == pytest.approx(np.abs(network.layers[2].weight[0]).tolist())
    # Sigmoid is 1/4-Lipschitz.
    assert weights[0].tolist() == pytest.approx(
        (np.abs(network.layers[1].weight).T @ weights[1] / 4).tolist()
    )
