"""The box beside the plausible region on the report."""

from __future__ import annotations

import math

import pytest

from nnff.certification.certificate import RegionRecord, RowRecord
from nnff.errors import ProblemError
from nnff.report import render_report
from nnff.report.region import explained, explained_words, within_box


@pytest.fixture
def pair(certificate):
    """(certificate in the box, the same in a region), with the bounds asked for."""

    def make(box=(10.0, 11.0), inner=(6.0, 7.0), data=2.0, **changes):
        whole = certificate(delta_lower=box[0], delta_upper=box[1], delta_data=data)
        row = RowRecord(
            name="plausible: age - score", terms={"age": 1.0, "score": -1.0}, lower=-2.0, upper=3.0
        )
        region = RegionRecord(
            coverage=0.99, reached=0.992, data_rows=60, data="0" * 64, outside=[3], without=["B"], rows=[row]
        )
        domain = whole.domain.model_copy(update={"region": region, "row_tolerance": 1e-9})
        changed = {
            "delta_lower": inner[0], "delta_upper": inner[1], "domain": domain, "delta_data_inside": data,
        } | changes  # fmt: skip
        return whole, whole.model_copy(update=changed)

    return make


def test_both_are_on_the_page(pair, frame, page):
    whole, inner = pair()
    seen = page(render_report(whole, plausible=inner, frame=frame()))
    assert seen.problems == []
    assert {"plausible", "neighbours", "neighbours-plausible"} <= set(seen.ids)
    assert len(set(seen.ids)) == len(seen.ids)
    assert "within which 99.2 % of these rows lie. It leaves B alone." in seen.text
    assert "The same question, side by side." in seen.text
    assert {11.0, 10.0, 7.0, 6.0} <= {float(exact) for exact in seen.visible}


def test_a_region_as_the_main_domain_says_so(pair, page):
    _, inner = pair()
    seen = page(render_report(inner))
    assert seen.problems == []
    assert "in the plausible region with distance" in seen.text
    assert "The plausible region was learned from 60 rows" in seen.text
    assert "1 of the 60 rows that it was learned from lie outside" in seen.text
    assert "plausible: age - score" in seen.text


def test_the_share_is_a_range_that_holds_the_truth(pair):
    """For every pair of true values inside the brackets."""
    whole, inner = pair()
    share = explained(whole, inner)
    for box in (10.0, 10.4, 11.0):
        for region in (6.0, 6.3, 7.0):
            assert share.low - 1e-12 <= (box - region) / (box - 2.0) <= share.high + 1e-12
    assert "explain 37\u00a0% to 56\u00a0% of the distance" in explained_words(whole, inner)


def test_nothing_is_explained_where_there_is_nothing(pair):
    assert explained(*pair(data=None)) is None
    assert explained(*pair(data=10.5)) is None
    assert explained(*pair(inner=(6.0, math.inf))) is None
    assert "no certified bound" in explained_words(*pair(inner=(6.0, math.inf)))
    whole, inner = pair(box=(10.0, 10.001), inner=(9.9999, 10.001))
    assert "explain at most 0.0" in explained_words(whole, inner)


def test_the_bound_of_the_box_holds_in_the_region(pair):
    whole, inner = pair(inner=(6.0, 12.0))
    capped = within_box(whole, inner)
    assert capped.delta_upper == 11.0
    assert capped.gap == pytest.approx(5 / 6)
    whole, inner = pair()
    assert within_box(whole, inner) is inner


@pytest.mark.parametrize("what", ["epsilon", "model", "metric", "domain"])
def test_another_question_is_refused(pair, what):
    whole, inner = pair()
    other = {
        "epsilon": 0.7,
        "model": inner.model.model_copy(update={"fingerprint": "1" * 64}),
        "metric": inner.metric.model_copy(update={"name": "other"}),
        "domain": inner.domain.model_copy(update={"upper": [9.0] * len(inner.domain.upper)}),
    }[what]
    with pytest.raises(ProblemError, match="another model, epsilon, metric or box"):
        within_box(whole, inner.model_copy(update={what: other}))
    with pytest.raises(ProblemError, match="not over a plausible region"):
        within_box(whole, whole)
