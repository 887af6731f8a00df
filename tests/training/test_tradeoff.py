"""Fronts, splits and tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nnff.errors import ConfigError, DataError
from nnff.report import FamilyMember, write_tradeoff
from nnff.training.tradeoff import Split, Tradeoff, TradeoffPoint, task_of


def _point(lam, r2, upper, mean=1.0):
    return TradeoffPoint(
        lam, {"r2": r2, "mae": 1.0}, mean, mean, 0.1, delta_lower=None if upper is None else 0.0,
        delta_upper=upper,
    )  # fmt: skip


def test_the_front_holds_what_nobody_beats():
    points = [_point(1, 0.9, 10.0), _point(0.9, 0.8, 12.0), _point(0.5, 0.8, 4.0), _point(0, 0.1, 0.5)]
    made = Tradeoff(tuple(points), "r2")
    assert [point.lam for point in made.front] == [0, 0.5, 1]
    assert list(made.to_frame()["delta_upper"]) == [10.0, 12.0, 4.0, 0.5]


def test_equals_do_not_beat_each_other():
    made = Tradeoff((_point(1, 0.9, 2.0), _point(0.5, 0.9, 2.0)), "r2")
    assert len(made.front) == 2


def test_without_certificates_the_mean_difference_counts():
    made = Tradeoff((_point(1, 0.9, None, 3.0), _point(0.5, 0.9, None, 2.0)), "r2")
    assert not made.certified
    assert [point.lam for point in made.front] == [0.5]


def test_a_network_without_a_bound_is_beaten_by_one_with():
    made = Tradeoff((_point(1, 0.9, np.inf), _point(0.5, 0.9, 2.0)), "r2")
    assert [point.lam for point in made.front] == [0.5]


def test_a_split_keeps_the_classes():
    rows = pd.DataFrame({"a": np.arange(40.0)})
    target = pd.Series((np.arange(40) % 4 == 0).astype(float), name="y")
    split = Split.of(rows, target, share=0.25, seed=0, task="classification")
    assert len(split.unseen) == 10
    assert split.unseen_target.mean() == pytest.approx(0.25, abs=0.06)
    assert set(split.seen.index).isdisjoint(split.unseen.index)
    whole, _ = split.whole
    assert sorted(whole["a"]) == list(rows["a"])


def test_tasks():
    two, many = pd.Series([0.0, 1.0, 1.0], name="y"), pd.Series([0.0, 1.0, 2.0], name="y")
    assert task_of(two) == "classification"
    assert task_of(many) == "regression"
    assert task_of(two, "regression") == "regression"
    with pytest.raises(DataError, match="needs a target"):
        task_of(None)
    with pytest.raises(ConfigError, match="has 3 values"):
        task_of(many, "classification")


def test_a_picture_of_a_family(tmp_path):
    members = [
        FamilyMember("one", 0.9, 3.0, 4.0, on_front=True),
        FamilyMember("two", 0.5, 1, 1, on_front=True),
    ]
    for name in ("a.png", "b.svg"):
        write_tradeoff(members, tmp_path / name, accuracy="R2", unfairness="delta in $x$")
    assert "delta in $x$" in (tmp_path / "b.svg").read_text()
    write_tradeoff(members, tmp_path / "c.svg", accuracy="R2", unfairness="delta", certified=False)
    assert "witnessed" not in (tmp_path / "c.svg").read_text()
    with pytest.raises(ConfigError, match="trade-off cannot be drawn"):
        write_tradeoff(members, tmp_path / "a.gif", accuracy="R2", unfairness="delta")
