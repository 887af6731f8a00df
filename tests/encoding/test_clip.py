"""Clipping cells to narrower ranges keeps whatever the ranges hold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.cells import make_cells
from nnff.encoding.clip import clip_plan
from nnff.encoding.planes import evaluate
from nnff.network import Layer, Network
from nnff.ranges import InputRanges, LayerRanges, Ranges

SIDES = (("H", 1), ("H", -1), ("S", 1), ("S", -1))
NETWORK = Network((Layer([[1.0]], [0.0], "sigmoid"), Layer([[1.0]], [0.0], "sigmoid")))
SIGMOID = NETWORK.layers[0].activation


def ranges_of(m_low, m_high, d_low, d_high):
    known = LayerRanges(*(np.array([v]) for v in (-9.0, 9.0, d_low, d_high)))
    known = replace(known, midpoint_lower=np.array([m_low]), midpoint_upper=np.array([m_high]))
    return Ranges(InputRanges(*(np.zeros(1) for _ in range(3))), (known, known))


def grid(xs, ys):
    boxes = [np.array([a, b, c, d]) for a, b in itertools.pairwise(xs) for c, d in itertools.pairwise(ys)]
    return tuple(make_cells(SIGMOID, boxes, SIDES))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    cuts=st.tuples(st.floats(-3.9, 3.9), st.floats(-1.9, 1.9)),
    m=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    d=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    seed=st.integers(0, 2**32 - 1),
)
def test_cells_still_cover_and_planes_still_bound(cuts, m, d, seed):
    cells = grid((-4.0, cuts[0], 4.0), (-2.0, cuts[1], 2.0))
    (m_low, m_high), (d_low, d_high) = sorted(m), sorted(d)
    plan = clip_plan(NETWORK, {(0, 0): cells}, ranges_of(m_low, m_high, d_low, d_high))[0, 0]
    rng = np.random.default_rng(seed)
    points = rng.uniform((m_low, d_low), (m_high, d_high), (40, 2))
    points = np.concatenate([points, [(a, b) for a in (m_low, m_high) for b in (d_low, d_high)]])
    for at_m, at_d in points:
        holding = [cell for cell in plan if cell.contains(at_m, at_d, 0.0)]
        assert holding
        for cell in holding:
            for side in SIDES:
                value = side[1] * float(evaluate(SIGMOID, side[0], np.array([at_m]), np.array([at_d]))[0])
                assert cell.envelope(side, at_m, at_d) >= value - 1e-15
                # Never above what its parents said there.
                before = min(old.envelope(side, at_m, at_d) for old in cells if old.contains(at_m, at_d, 0.0))
                if len(holding) == 1:
                    assert cell.envelope(side, at_m, at_d) <= before + 0.02


def test_cells_outside_are_dropped_and_an_edge_is_outside():
    cells = grid((-4.0, 0.0, 4.0), (-2.0, 0.0, 2.0))
    plan = clip_plan(NETWORK, {(0, 0): cells}, ranges_of(0.0, 3.0, 0.5, 2.0))[0, 0]
    assert [cell.box.tolist() for cell in plan] == [[0.0, 3.0, 0.5, 2.0]]
    # A range that is a point keeps a cell that holds it.
    plan = clip_plan(NETWORK, {(0, 0): cells}, ranges_of(1.0, 1.0, 0.5, 2.0))[0, 0]
    assert len(plan) == 1


def test_a_cell_is_clipped_to_its_own_box_or_dropped():
    cells = grid((-4.0, 0.0, 4.0), (-2.0, 2.0))
    boxes = {(0, 0): [None, np.array([1.0, 5.0, -1.0, 0.5])]}
    plan = clip_plan(NETWORK, {(0, 0): cells}, ranges_of(-4.0, 4.0, -2.0, 2.0), boxes)[0, 0]
    assert [cell.box.tolist() for cell in plan] == [[1.0, 4.0, -1.0, 0.5]]


def test_the_output_keeps_rising_differences_only():
    cells = grid((-4.0, 4.0), (-2.0, 2.0))
    plan = clip_plan(NETWORK, {(1, 0): cells}, ranges_of(-4.0, 4.0, -2.0, 2.0))[1, 0]
    assert [cell.box.tolist() for cell in plan] == [[-4.0, 4.0, 0.0, 2.0]]


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_planes_are_renewed_where_much_was_cut_off(share):
    cells = grid((-4.0, 4.0), (-2.0, 2.0))
    plan = clip_plan(NETWORK, {(0, 0): cells}, ranges_of(-4.0, 4.0, -2.0 * share, 2.0 * share))[0, 0]
    assert (plan[0].planes is cells[0].planes) == (share == 0.99)
