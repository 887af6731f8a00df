"""Linear programs tighten ranges and cells, and no solver can make them exclude a real pair."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from nnff.certification import certify
from nnff.certification.tighten import consistent, tighten
from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.errors import SolverError
from nnff.problem import Problem
from nnff.ranges import LayerRanges, closed_form, interval_ranges, linear_ranges, with_floor
from nnff.similarity import metric
from nnff.solver import LpResult, SolveControl, Termination
from nnff.solver.load import solver

ACTIVATIONS = (
    "identity",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "leaky_relu(0.1)",
    "hard_sigmoid(0.25,0.5)",
)


def in_order(network, first, second):
    p1, p2 = (network.preactivations(x)[-1] for x in (first, second))
    g = network.layers[-1].activation
    swap = p2 < p1 if g.monotone else g.difference((p1 + p2) / 2, p2 - p1) < 0
    return np.where(swap, second, first), np.where(swap, first, second)


def above_floor(problem, first, second, rng):
    """Pairs in order, a floor in units of the last activation, and which pairs are above it."""
    first, second = in_order(problem.network, first, second)
    gaps = np.abs(problem.network.predict(second) - problem.network.predict(first))
    gaps = gaps / abs(problem.network.output_scaling.scale[0])
    floor = float(gaps.max()) * float(rng.choice([0.0, 0.5, 0.99]))
    chosen = gaps >= floor * (1 + 1e-9) + 1e-12
    return floor, first[chosen], second[chosen]


def run(problem, ranges, backend=None, plan=None, seconds=60.0):
    strategy = encoding_strategy("relational", problem, ranges)
    plan = strategy.first_plan() if plan is None else plan
    found = tighten(
        problem,
        strategy.encode(plan),
        ranges,
        solver("highs") if backend is None else backend,
        boxes=strategy.boxes(plan),
        deadline=time.perf_counter() + seconds,
        control=SolveControl(),
    )
    return strategy, plan, found


def assert_in_cells(problem, boxes, first, second):
    """Of every pair, (m, D) of each neuron lies in what is left of one of its cells."""
    before1, before2 = problem.network.preactivations(first), problem.network.preactivations(second)
    for (layer, j), own in boxes.items():
        p1, p2 = before1[layer][:, j], before2[layer][:, j]
        m, d = (p1 + p2) / 2, p2 - p1
        slack = 1e-12 * (1 + np.abs(p1) + np.abs(p2))
        held = np.zeros(len(m), dtype=bool)
        for box in own:
            if box is not None:
                held |= (
                    (box[0] - slack <= m)
                    & (m <= box[1] + slack)
                    & (box[2] - slack <= d)
                    & (d <= box[3] + slack)
                )
        assert held.all()


@settings(max_examples=24, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), names=st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=3))
def test_every_pair_above_the_floor_lies_within(lab, seed, names):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, most_neurons=3, gain=float(rng.choice([1.5, 4.0])))
    floor, first, second = above_floor(problem, *lab.pairs(problem, rng, 400), rng)
    ranges = with_floor(problem, linear_ranges(problem), floor)
    lab.assert_within(problem, ranges, first, second)
    strategy, plan, found = run(problem, ranges)
    assert found.ranges.floor == floor
    lab.assert_within(problem, found.ranges, first, second)
    assert_in_cells(problem, found.boxes, first, second)
    for known, tight in zip(ranges.layers, found.ranges.layers, strict=True):
        for field in fields(LayerRanges):
            sign = 1 if field.name.endswith("lower") else -1
            assert (sign * getattr(tight, field.name) >= sign * getattr(known, field.name)).all()
    # And again, with the cells that are left.
    after = with_floor(problem, linear_ranges(problem, found.ranges), floor)
    plan = strategy.tighten(plan, after, found.boxes)
    assert_in_cells(problem, strategy.boxes(plan), first, second)
    _, _, again = run(problem, after, plan=plan)
    lab.assert_within(problem, again.ranges, first, second)
    assert_in_cells(problem, again.boxes, first, second)
    # The bound of the relaxation is one.
    if len(first):
        gap = np.abs(problem.network.predict(second) - problem.network.predict(first)).max()
        scale = abs(problem.network.output_scaling.scale[0])
        assert closed_form(problem, again.ranges) >= gap * (1 - 1e-12) - 1e-13 * scale


class Liar:
    """A session of HiGHS whose answers are spoilt."""

    def __init__(self, session, spoil):
        self._session, self._spoil = session, spoil

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def __getattr__(self, name):
        return getattr(self._session, name)

    def solve(self, time_limit=None, control=None):
        return self._spoil(self._session.solve(time_limit, control))


def lying(spoil):
    backend = solver("highs")

    class Backend(type(backend)):
        def lp_session(self, problem, options):
            return Liar(super().lp_session(problem, options), spoil)

    return Backend()


RNG = np.random.default_rng(5)
LIES = {
    "any duals": lambda r: replace(r, row_duals=RNG.normal(0, 2, r.row_duals.shape)),
    "duals of the wrong sign": lambda r: replace(r, row_duals=-r.row_duals),
    "huge duals": lambda r: replace(r, row_duals=r.row_duals * 1e200),
    "duals that are not numbers": lambda r: replace(r, row_duals=np.full_like(r.row_duals, np.nan)),
    "a bound and an objective": lambda r: replace(r, bound=1e6, objective=1e6),
    "infeasibility": lambda r: LpResult(Termination.INFEASIBLE, bound=math.inf),
    "infeasibility with duals": lambda r: replace(r, termination=Termination.INFEASIBLE, bound=math.inf),
    "a point": lambda r: replace(r, x=RNG.normal(0, 5, r.x.shape)),
    "a point of another shape": lambda r: replace(r, x=np.zeros(2), row_duals=np.zeros(3)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_solver_cannot_exclude_a_pair(lab, lie):
    for seed, chain in enumerate(
        [("relu", "sigmoid"), ("sigmoid", "identity"), ("relu", "relu", "identity")]
    ):
        rng = np.random.default_rng(seed)
        problem = lab.problem(rng, chain, n_inputs=2, most_neurons=3)
        floor, first, second = above_floor(problem, *lab.pairs(problem, rng, 400), rng)
        ranges = with_floor(problem, linear_ranges(problem), floor)
        _, _, found = run(problem, ranges, lying(LIES[lie]))
        lab.assert_within(problem, found.ranges, first, second)
        assert_in_cells(problem, found.boxes, first, second)


class Broken:
    """A backend whose sessions fail, at once or later."""

    def __init__(self, when):
        self.when = when

    def lp_session(self, problem, options):
        if self.when == "load":
            raise SolverError("it will not load")
        session = solver("highs").lp_session(problem, options)
        return Fails(session)


class Fails(Liar):
    def __init__(self, session):
        super().__init__(session, None)
        self._left = 4

    def solve(self, time_limit=None, control=None):
        self._left -= 1
        if self._left < 0:
            raise SolverError("it broke down")
        return self._session.solve(time_limit, control)


@pytest.mark.parametrize(("when", "why"), [("load", "will not load"), ("solve", "broke down")])
def test_a_session_that_fails_is_reported_and_costs_nothing(lab, when, why):
    rng = np.random.default_rng(1)
    network = lab.network(rng, [2, 4, 1], ("relu", "identity"), gain=2.0)
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp"), 0.3)
    ranges = with_floor(problem, linear_ranges(problem), 0.0)
    _, _, found = run(problem, ranges, Broken(when))
    assert why in found.remark
    lab.assert_within(problem, found.ranges, *in_order(network, *lab.pairs(problem, rng, 300)))
    if when == "load":
        assert found.ranges is ranges


def test_a_backend_without_sessions_says_so(lab):
    rng = np.random.default_rng(4)
    network = lab.network(rng, [3, 5, 3, 1], ("relu", "sigmoid", "identity"), gain=2.0)
    result = certify(
        network, Domain.from_box([-1] * 3, [1] * 3), metric("weighted-lp"), 0.1, solver="cbc", time_limit=2
    )
    assert result.ranges[-1].step == "linear programs"
    assert result.ranges[-1].programs == 0
    assert "'cbc' has no warm-started LP sessions" in result.ranges[-1].remark


def test_no_time_means_no_change(lab):
    rng = np.random.default_rng(1)
    network = lab.network(rng, [2, 4, 1], ("relu", "identity"), gain=2.0)
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp"), 0.3)
    ranges = with_floor(problem, linear_ranges(problem), 0.0)
    _, _, found = run(problem, ranges, seconds=-1.0)
    assert found.programs == 0
    assert "time" in found.remark
    assert found.ranges == ranges


def test_what_lines_cannot_see_linear_programs_can(lab):
    """With a floor near the largest difference, little is left of D in the second layer."""
    gains = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        network = lab.network(rng, [2, 5, 4, 1], ("relu", "relu", "sigmoid"), gain=2.0)
        problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p=2), 0.3)
        first, second = lab.pairs(problem, rng, 4000)
        floor = float(np.abs(network.predict(second) - network.predict(first)).max()) * 0.99
        ranges = with_floor(problem, linear_ranges(problem), floor)
        _, _, found = run(problem, ranges)
        widths = [
            sum(float((known.difference_upper - known.difference_lower).sum()) for known in tight.layers)
            for tight in (ranges, found.ranges)
        ]
        gains.append(widths[1] / widths[0])
        assert closed_form(problem, found.ranges) <= closed_form(problem, ranges)
    assert min(gains) < 0.8
    assert max(gains) < 1.0


def optimum(encoded):
    """What the MILP allows, as a bound of the output difference, from SciPy: no backend of ours has a say."""
    matrix = encoded.matrix
    found = milp(
        matrix.cost,
        integrality=matrix.integer.astype(int),
        bounds=Bounds(matrix.col_lower, matrix.col_upper),
        constraints=LinearConstraint(matrix.matrix, matrix.row_lower, matrix.row_upper),
        options={"mip_rel_gap": 0.0, "presolve": False},
    )
    assert found.status == 0, found.message
    return encoded.delta(found.fun + matrix.offset)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), names=st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=3))
def test_the_milp_above_the_floor_bounds_every_pair_and_no_step_raises_it(lab, seed, names):
    """Intervals, lines, the floor, linear programs: each MILP is one more restriction of the last."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, n_inputs=2, most_neurons=3, gain=2.0)
    first, second = lab.pairs(problem, rng, 1000)
    best = float(np.abs(problem.network.predict(second) - problem.network.predict(first)).max())
    floor = best / abs(problem.network.output_scaling.scale[0]) * (1 - 1e-3)
    wide = interval_ranges(problem)
    lines = linear_ranges(problem, wide)
    above = with_floor(problem, lines, floor)
    strategy, plan, found = run(problem, above)
    tight = with_floor(problem, linear_ranges(problem, found.ranges), floor)
    bounds = []
    for ranges in (wide, lines, above):
        other = encoding_strategy("relational", problem, ranges)
        bounds.append(optimum(other.encode(other.first_plan())))
    bounds.append(optimum(strategy.encode(strategy.tighten(plan, tight, found.boxes))))
    # Planes are chosen anew for other rectangles: a bound can rise by what greedy choice leaves.
    slack = 1e-6 * (1 + bounds[0])
    for before, after in itertools.pairwise(bounds):
        assert after <= before * 1.02 + slack
    assert bounds[-1] >= best * (1 - 1e-9) - slack


def test_ranges_of_a_neuron_tighten_each_other():
    known = LayerRanges(
        *(np.array([v]) for v in (-1.0, 1.0, 0.5, 1.0)),
        midpoint_lower=np.array([0.0]),
        midpoint_upper=np.array([0.4]),
    )
    found = consistent(known)
    assert found.first_lower[0] == pytest.approx(-0.5)
    assert found.first_upper[0] == pytest.approx(0.15)
    assert found.second_lower[0] == pytest.approx(0.25)
    assert found.second_upper[0] == pytest.approx(0.9)
    assert (found.lower[0], found.upper[0]) == pytest.approx((-0.5, 0.9))


def test_the_certificate_says_what_each_step_has_bought(lab):
    rng = np.random.default_rng(4)
    network = lab.network(rng, [3, 5, 3, 1], ("relu", "sigmoid", "identity"), gain=2.0)
    result = certify(
        network, Domain.from_box([-1] * 3, [1] * 3), metric("weighted-lp"), 0.1, gap=0.2, time_limit=40
    )
    steps = [step.step for step in result.ranges]
    assert steps[:3] == ["intervals", "linear bounds", "linear programs"]
    assert result.ranges[2].programs > 0
    for step in result.ranges:
        assert step.midpoint_width_after <= step.midpoint_width_before
        assert step.difference_width_after <= step.difference_width_before
        assert step.unstable_after <= step.unstable_before
        assert step.closed_form_after <= step.closed_form_before
        assert step.closed_form_after >= result.delta_lower * (1 - 1e-9)
    assert "tighten" in result.phases
