"""Cells cover what they are cut from, and cutting never raises an envelope."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.cells import make_cells, split_boxes
from nnff.encoding.planes import evaluate
from nnff.encoding.relational import HIDDEN_SIDES, OUTPUT_SIDES
from nnff.network.activation import activation

BOXES = [(-3, 3, 0, 1), (-2, 5, -2, 0), (1, 4, -2, 2), (-8, -1, 0, 1e-6), (-1, 1, 0.5, 2), (0.2, 0.2, -1, 1)]


def grid(box, count=25):
    m, d = np.linspace(box[0], box[1], count), np.linspace(box[2], box[3], count)
    m[-1], d[-1] = box[1], box[3]
    return tuple(axis.ravel() for axis in np.meshgrid(m, d))


def envelope(cell, side, m, d):
    return (cell.planes[side] @ np.stack([m, d, np.ones_like(m)])).min(axis=0)


def assert_sound(g, cell):
    m, d = grid(cell.box, 40)
    for (quantity, sign), rows in cell.planes.items():
        assert len(rows)
        assert (sign * evaluate(g, quantity, m, d) <= envelope(cell, (quantity, sign), m, d)).all()


def cut(g, cell, rng):
    """Split a cell at a random point of it, perhaps on its edge, with or without a point of interest."""
    m = rng.choice([cell.box[0], cell.box[1], rng.uniform(*cell.box[:2])])
    d = rng.choice([cell.box[2], cell.box[3], rng.uniform(*cell.box[2:])])
    axis = int(rng.integers(2))
    if cell.box[2 * axis] == cell.box[2 * axis + 1]:
        axis = 1 - axis
    focus = np.array([m, d]) if rng.random() < 0.5 else None
    return make_cells(g, split_boxes(cell.box, m, d, axis), tuple(cell.planes), [cell] * 2, focus)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("box", BOXES)
def test_children_never_have_a_higher_envelope_than_their_parent(name, box):
    g, rng = activation(name), np.random.default_rng(7)
    [root] = make_cells(g, [np.array(box, dtype=float)], HIDDEN_SIDES)
    assert_sound(g, root)
    for _ in range(2):
        cell = root
        for _depth in range(4):
            children = cut(g, cell, rng)
            for child in children:
                assert_sound(g, child)
                m, d = grid(child.box, 40)
                for side in HIDDEN_SIDES:
                    above = envelope(cell, side, m, d)
                    gap = above - side[1] * evaluate(g, side[0], m, d)
                    # Planes that lower the envelope by less than a hundredth of the gap are left out, twice.
                    assert (envelope(child, side, m, d) <= above + 0.021 * gap.max() + 1e-14).all()
            cell = children[int(rng.integers(2))]


@pytest.mark.parametrize("box", BOXES[:4])
def test_the_number_of_planes_stays_small(box):
    g, rng = activation("sigmoid"), np.random.default_rng(3)
    [cell] = make_cells(g, [np.array(box, dtype=float)], HIDDEN_SIDES)
    for _ in range(8):
        cell = cut(g, cell, rng)[int(rng.integers(2))]
    assert max(len(rows) for rows in cell.planes.values()) <= 16


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_cells_still_cover_their_range_after_any_number_of_cuts(seed):
    g, rng = activation("sigmoid"), np.random.default_rng(seed)
    box = np.array(BOXES[rng.integers(len(BOXES))], dtype=float)
    cells = make_cells(g, [box], OUTPUT_SIDES)
    for _ in range(6):
        at = int(rng.integers(len(cells)))
        cells[at : at + 1] = cut(g, cells[at], rng)
    for m, d in zip(*grid(box), strict=True):
        assert any(cell.contains(m, d, slack=0.0) for cell in cells)
    for m, d in zip(rng.uniform(*box[:2], 200), rng.uniform(*box[2:], 200), strict=True):
        assert any(cell.contains(m, d, slack=0.0) for cell in cells)
    assert all(set(cell.planes) == set(OUTPUT_SIDES) for cell in cells)


@settings(deadline=None, derandomize=True)
@given(
    ends=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    at=st.floats(-600, 600),
    axis=st.sampled_from([0, 1]),
)
def test_a_cut_leaves_no_gap_and_keeps_its_margin(ends, at, axis):
    low, high = sorted(ends)
    box = np.array([low, high, -1.0, 2.0] if axis == 0 else [-1.0, 2.0, low, high])
    first, second = split_boxes(box, at, at, axis)
    middle = first[2 * axis + 1]
    assert second[2 * axis] == middle
    assert (first[2 * axis], second[2 * axis + 1]) == (low, high)
    assert low + 0.19 * (high - low) <= middle <= high - 0.19 * (high - low)
    others = [2 - 2 * axis, 3 - 2 * axis]
    assert (first[others] == box[others]).all()
    assert (second[others] == box[others]).all()


def test_planes_are_made_for_the_wanted_sides_only():
    [cell] = make_cells(activation("tanh"), [np.array([-1.0, 1.0, 0.0, 1.0])], OUTPUT_SIDES)
    assert set(cell.planes) == {("H", 1)}
    assert cell.envelope(("H", 1), 0.0, 1.0) >= 2 * np.tanh(0.5)
    assert cell.contains(1.0 + 1e-10, 0.0)
    assert not cell.contains(1.1, 0.0)


def test_a_rectangle_of_no_or_hardly_any_width_has_sound_planes():
    g = activation("tanh")
    for box in ([0.3, 0.3, 0.0, 0.0], [-1e-300, 1e-300, -1e-300, 1e-300], [2.0, 2.0 + 1e-12, 0.0, 1e-12]):
        [cell] = make_cells(g, [np.array(box)], HIDDEN_SIDES)
        assert_sound(g, cell)
        assert all(np.abs(rows).max() <= 2 for rows in cell.planes.values())
