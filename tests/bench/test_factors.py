"""One factor at a time: only instances that differ from the centre in nothing else."""

from __future__ import annotations

import pytest

from nnff.bench.analysis import analyse
from nnff.bench.instance import Instance
from nnff.bench.record import Outcome
from nnff.bench.suite import Suite

CENTER = {"activation": "relu", "width": 16.0, "depth": 2.0}


def names(frame):
    return list(dict.fromkeys(zip(frame["factor"], frame["value"], strict=True)))


@pytest.fixture
def star(run):
    """A centre, and one factor at a time varied from it."""
    changes = {
        "center": {},
        "tanh": {"activation": "tanh"},
        "narrow": {"width": 4.0},
        "wide": {"width": 64.0},
        "deep": {"depth": 3.0},
    }
    seconds = {"center": 3, "tanh": 8, "narrow": 1, "wide": 15, "deep": 20}
    return [
        run(
            seconds[name],
            Outcome.OPEN if name == "deep" else Outcome.CLOSED,
            instance=name,
            factors=CENTER | change,
            upper=1.5 if name == "deep" else 1.0,
        )
        for name, change in changes.items()
    ]


def test_rows_take_the_centre_and_what_differs_in_that_factor(star):
    frame = analyse(star).factors
    assert names(frame) == [
        ("activation", "relu"),
        ("activation", "tanh"),
        ("width", 4.0),
        ("width", 16.0),
        ("width", 64.0),
        ("depth", 2.0),
        ("depth", 3.0),
    ]
    assert set(frame["design"]) == {"one factor"}
    # Width 16 is the centre alone, although three more instances have that width.
    assert frame["instances"].tolist() == [1] * 7
    assert frame["seconds"].tolist() == pytest.approx([3, 8, 1, 3, 15, 3, 20])
    assert frame["solved"].tolist() == [1, 1, 1, 1, 1, 1, 0]
    assert frame["gap"].tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 0.5])


def test_the_centre_of_the_suite_is_taken_where_it_is_known(star, run):
    def instance(record):
        return Instance(record.spec.instance, lambda: None, 0.1, "l_2")

    # Of two instances either could be the centre; the suite says which.
    two = [record for record in star if record.spec.instance in ("center", "wide")]
    suite = Suite("tiny", "", tuple(map(instance, two)), center="wide")
    assert names(analyse(two, suites=[suite]).factors) == [("width", 16.0), ("width", 64.0)]
    # An instance that differs from it in two factors is no one-factor design.
    both = run(2, instance="both", factors=CENTER | {"width": 4.0, "depth": 3.0})
    other = Suite("tiny", "", tuple(map(instance, [*two, both])), center="wide")
    assert set(analyse([*two, both], suites=[other]).factors["design"]) == {"all"}


def test_a_grid_takes_every_instance_with_the_value(run):
    grid = [
        run(width * depth, instance=f"{width}-{depth}", factors={"width": width, "depth": depth})
        for width in (1.0, 2.0, 3.0)
        for depth in (1.0, 2.0)
    ]
    frame = analyse(grid).factors
    assert set(frame["design"]) == {"all"}
    deep = frame[(frame["factor"] == "depth") & (frame["value"] == 2.0)].iloc[0]
    assert deep["instances"] == 3
    assert deep["seconds"] == pytest.approx((3 * 5 * 7) ** (1 / 3) - 1)


def test_what_does_not_vary_is_no_factor(run):
    frame = analyse([run(instance=name, factors={"metric": "l_2"}) for name in "ab"]).factors
    assert frame.empty
    assert analyse([run()]).factors.empty


def test_an_instance_without_a_factor_is_in_none_of_its_rows(run):
    records = [
        run(1, instance="a", factors={"width": 1.0}),
        run(2, instance="b", factors={"width": 2.0}),
        run(3, instance="c"),
    ]
    assert names(analyse(records).factors) == [("width", 1.0), ("width", 2.0)]


def test_suites_have_their_own_centres(star, run):
    others = [
        run(2, suite="other", instance=name, factors={"width": width})
        for name, width in (("x", 7.0), ("y", 9.0))
    ]
    frame = analyse(star + others).factors
    assert set(frame["design"]) == {"one factor"}
    assert names(frame[frame["suite"] == "other"]) == [("width", 7.0), ("width", 9.0)]


def test_contenders_stand_beside_each_other(star, run):
    cbc = [
        run(2 * record.seconds, backend="cbc", instance=record.spec.instance, factors=record.factors)
        for record in star
    ]
    frame = analyse(star + cbc).factors
    assert frame["contender"].tolist() == ["cbc", "highs"] * 7
