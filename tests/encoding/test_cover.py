"""Cells taken over from another problem cover what they must, and their planes hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.cells import make_cells
from nnff.encoding.cover import cover, cover_plan, holes
from nnff.encoding.refine import NARROWEST_CELL
from nnff.encoding.relational import HIDDEN_SIDES, initial_plan
from nnff.network import Layer
from nnff.ranges import interval_ranges

# Few values, so that ends coincide often.
ENDS = st.sampled_from([-2.0, -1.0, -0.25, 0.0, 1e-7, 0.5, 0.75, 1.0, 3.0])


@st.composite
def rectangles(draw):
    m, d = sorted([draw(ENDS), draw(ENDS)]), sorted([draw(ENDS), draw(ENDS)])
    return np.array([*m, *d])


def inside(box, m, d):
    return (box[0] <= m) & (m <= box[1]) & (box[2] <= d) & (d <= box[3])


def points_of(limits, rng):
    """Random points, and all places where ends of boxes may meet."""
    ends = [-2.0, -1.0, -0.25, 0.0, 1e-7, 0.5, 0.75, 1.0, 3.0]
    m = np.concatenate([rng.uniform(limits[0], limits[1], 60), np.clip(ends, limits[0], limits[1])])
    d = np.concatenate([rng.uniform(limits[2], limits[3], 60), np.clip(ends, limits[2], limits[3])])
    return (grid.ravel() for grid in np.meshgrid(m, d))


@settings(deadline=None, max_examples=150)
@given(st.lists(rectangles(), max_size=6), rectangles(), st.integers(0, 99))
def test_holes_and_boxes_cover_and_holes_lie_where_no_box_is(boxes, limits, seed):
    found = holes(boxes, limits)
    m, d = points_of(limits, np.random.default_rng(seed))
    by_boxes = np.any([inside(box, m, d) for box in boxes] or [np.zeros(len(m), bool)], axis=0)
    by_holes = np.any([inside(box, m, d) for box in found] or [np.zeros(len(m), bool)], axis=0)
    assert (by_boxes | by_holes).all()
    # A box without extent fills nothing of limits that have one: a hole may run across it.
    filling = [box for box in boxes if all(box[k] < box[k + 1] or limits[k] == limits[k + 1] for k in (0, 2))]
    for hole in found:
        middle = (hole[0] + hole[1]) / 2, (hole[2] + hole[3]) / 2
        assert not any(inside(box, *middle) for box in filling)
        assert inside(limits, hole[0], hole[2])
        assert inside(limits, hole[1], hole[3])
        assert not hole[2] < 0 < hole[3]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(rectangles(), max_size=4), rectangles(), st.sampled_from(["sigmoid", "tanh"]), st.integers(0, 4)
)
def test_a_cover_covers_with_planes_that_hold(boxes, limits, name, own):
    g = Layer([[1.0]], [0.0], name).activation
    boxes = [box for box in boxes if box[0] < box[1] and box[2] < box[3]]
    made = make_cells(g, boxes, HIDDEN_SIDES) if boxes else []
    cells = cover(g, made[own:], limits, HIDDEN_SIDES, made[:own])
    rng = np.random.default_rng(0)
    m, d = points_of(limits, rng)
    assert np.any([inside(cell.box, m, d) for cell in cells], axis=0).all()
    for cell in cells:
        box = cell.box
        m = np.concatenate([rng.uniform(box[0], box[1], 300), box[[0, 0, 1, 1]]])
        d = np.concatenate([rng.uniform(box[2], box[3], 300), box[[2, 3, 2, 3]]])
        for (quantity, sign), planes in cell.planes.items():
            value = sign * (g.difference(m, d) if quantity == "H" else g.mean(m, d))
            assert (planes @ np.stack([m, d, np.ones_like(m)]) >= value - 1e-15).all()


def test_a_cell_that_fits_is_kept_and_one_that_sticks_out_gets_tighter_planes():
    g = Layer([[1.0]], [0.0], "sigmoid").activation
    [inner, outer] = make_cells(
        g, [np.array([-1.0, 0.0, 0.0, 1.0]), np.array([0.0, 2.0, 0.0, 1.0])], HIDDEN_SIDES
    )
    kept, clipped = cover(g, [inner, outer], np.array([-1.0, 0.5, 0.0, 1.0]), HIDDEN_SIDES)
    assert kept is inner
    assert clipped.box.tolist() == [0.0, 0.5, 0.0, 1.0]
    for side in HIDDEN_SIDES:
        for m, d in [(0.1, 0.2), (0.25, 0.5), (0.4, 1.0)]:
            assert clipped.envelope(side, m, d) <= outer.envelope(side, m, d) + 1e-15
    assert clipped.envelope(("H", 1), 0.5, 0.5) < outer.envelope(("H", 1), 0.5, 0.5)


def test_slivers_keep_the_least_width_of_a_cell():
    g = Layer([[1.0]], [0.0], "sigmoid").activation
    cells = make_cells(g, [np.array([-1.0, 0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])], HIDDEN_SIDES)
    found = cover(g, cells, np.array([-0.5, 1e-9, 0.0, 1.0]), HIDDEN_SIDES)
    widths = sorted(cell.box[1] - cell.box[0] for cell in found)
    assert widths == pytest.approx([NARROWEST_CELL, 0.5])


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_of_any_epsilon_covers_the_ranges_of_any_other(lab, seed):
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ["sigmoid", "tanh", "sigmoid"])
    wide, narrow = (replace(problem, epsilon=e) for e in (0.7, 0.05))
    for made, wanted in ((wide, narrow), (narrow, wide)):
        ranges = interval_ranges(wanted)
        own = initial_plan(wanted, ranges)
        plan = cover_plan(problem.network, ranges, initial_plan(made, interval_ranges(made)), own)
        assert set(plan) == set(own)
        for (index, j), cells in plan.items():
            known = ranges.layers[index]
            low = known.difference_lower[j]
            low = max(low, 0.0) if index == 2 else low
            ends = (known.midpoint_lower[j], known.midpoint_upper[j], low, known.difference_upper[j])
            limits = np.array(ends)
            assert holes([cell.box for cell in cells], limits) == []


def test_what_is_left_open_is_made_of_the_fallback():
    g = Layer([[1.0]], [0.0], "sigmoid").activation
    known = make_cells(g, [np.array([-1.0, 1.0, 0.0, 0.5])], HIDDEN_SIDES)
    own = make_cells(g, [np.array([-1.0, 0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])], HIDDEN_SIDES)
    found = cover(g, known, np.array([-1.0, 1.0, 0.0, 1.0]), HIDDEN_SIDES, own)
    assert sorted(cell.box.tolist() for cell in found) == [
        [-1.0, 0.0, 0.5, 1.0],
        [-1.0, 1.0, 0.0, 0.5],
        [0.0, 1.0, 0.5, 1.0],
    ]
