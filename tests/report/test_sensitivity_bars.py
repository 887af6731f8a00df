"""Bars of what each feature does alone and what is left without it."""

from __future__ import annotations

import math

import pytest

from nnff.certification import FeatureBracket, Sensitivity, certify
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.network import Layer, Network
from nnff.report import render_report
from nnff.report.sensitivity_bars import by_contribution, sensitivity_bars
from nnff.similarity import metric

NETWORK = Network((Layer([[2.0, -1.0]], [0.0]),), feature_names=("income", "a name that is too long to fit"))
BOX = Domain.from_box([0, 0], [1, 1], feature_names=NETWORK.feature_names)
WHOLE = certify(NETWORK, BOX, metric("weighted-lp", p="inf"), 0.1)


def bars_of(*features, whole=WHOLE, **more):
    return Sensitivity(whole, tuple(FeatureBracket(*f) for f in features), 1.0, **more)


def test_longest_first_and_within_the_drawing():
    found = bars_of(("short", 0.05, 0.1, 0.2, 0.25), ("long", 0.1, 0.2, 0.1, 0.15), ("none", 0, 0, 0.3, 0.3))
    assert [f.feature for f in by_contribution(found)] == ["long", "short", "none"]
    for width in (720.0, 340.0):
        drawing = sensitivity_bars(found, width)
        start, end = float(drawing.start), float(drawing.end)
        for bar in drawing.bars:
            for low, high in (bar.only, bar.frozen):
                assert start <= float(low) <= float(high) <= end
        tops = [float(bar.top) for bar in drawing.bars]
        assert tops == sorted(tops)
        assert tops[-1] + drawing.only_height + drawing.frozen_height < float(drawing.axis_at)
        # What says nothing has no bar.
        assert drawing.bars[-1].only == (drawing.start, drawing.start)
        assert float(drawing.bars[0].only[1]) > float(drawing.bars[1].only[1])


def test_numbers_are_rounded_outward_and_long_names_cut():
    found = bars_of(("a name that is far too long to fit on a telephone", 0.123449, 0.123451, 0.0, math.inf))
    drawing = sensitivity_bars(found, 340.0)
    [bar] = drawing.bars
    assert bar.text == "0.1235"
    assert bar.name.endswith("…")
    assert bar.frozen[1] is None
    assert "frozen: 0 to no bound" in drawing.description


def test_the_report_has_a_section_for_them():
    found = bars_of(("income", 0.2, 0.2, 0.1, 0.1), ("<b>", 0.1, 0.1, 0.2, 0.2), interrupted=True)
    page = render_report(WHOLE, sensitivity=found)
    assert "Delta when only one feature may move" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "The run was interrupted" in page
    assert "Delta when only one feature may move" not in render_report(WHOLE)


def test_another_model_is_refused():
    network = Network((Layer([[1.0, -1.0]], [0.0]),))
    other = certify(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp"), 0.1)
    with pytest.raises(ProblemError, match="another model"):
        render_report(WHOLE, sensitivity=bars_of(whole=other))


def test_flips_have_their_own_words():
    flip = certify(NETWORK, BOX, metric("weighted-lp"), 0.1, question="flip", threshold=0.5)
    page = render_report(flip)
    assert "How close a flip is" in page
    assert "that lie on different sides of the threshold." in page
    assert "The bounds" not in page
    none = render_report(certify(NETWORK, BOX, metric("weighted-lp"), 0.1, question="flip", threshold=5.0))
    assert "The pair nearest to a flip" in none
