"""Around a row: brute force, the row's place in the pair, never more than the global answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.anchor import Anchor
from nnff.certification import LocalBracket, Reason, Verdict, certify, local
from nnff.certification.exhaustive import enumerate_pairs
from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.errors import ConfigError, DataError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.ranges import interval_ranges, linear_ranges, with_floor
from nnff.ranges.anchored import with_anchor
from nnff.similarity import metric
from nnff.solver import SolveControl, SolveOptions
from nnff_solvers.highs import HighsBackend

HIDDEN = ("relu", "sigmoid", "tanh", "identity")


def partners(lab, problem, row, rng, count=1500):
    """Return inputs that are similar to the row, many of them on the edge of the ball."""
    n = problem.domain.n_features
    held = Domain(
        problem.domain.lower, problem.domain.upper, problem.domain.integer, problem.domain.immutable
    )
    scale = problem.coordinates.scale
    ends = np.stack([(held.lower - row) / scale, (held.upper - row) / scale])
    movable = ~held.immutable
    low, high = np.minimum(ends.min(axis=0), 0) * movable, np.maximum(ends.max(axis=0), 0) * movable
    direction = rng.normal(size=(count, n))
    step = problem.metric.maximise(direction, problem.epsilon, low, high) * scale
    step = step * np.where(rng.random((count, 1)) < 0.5, 1.0, rng.random((count, 1)))
    step = np.where(held.integer, np.trunc(step + np.sign(step) * 1e-9), step)
    free = np.where(held.immutable, row, np.clip(row + step, held.lower, held.upper))
    good = problem.admits(np.broadcast_to(row, free.shape), free)
    return free[good]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), second=st.booleans(), strategy=st.sampled_from(["relational", "twin"]))
def test_sampled_partners_lie_in_ranges_and_programs(lab, seed, second, strategy):
    rng = np.random.default_rng(seed)
    whole = lab.problem(rng, [str(rng.choice(HIDDEN)), str(rng.choice(HIDDEN))])
    row = whole.domain.sample(1, rng)[0]
    free = partners(lab, whole, row, rng)
    anchor = Anchor(row, second)
    problem = Problem(
        whole.network, anchor.around(whole.domain, whole.radius), whole.metric, whole.epsilon,
        whole.coordinates, anchor=anchor,
    )  # fmt: skip
    first, last = anchor.pair(free)
    assert problem.admits(first, last).all()
    assert not problem.admits(last, first)[(first != last).any(axis=1)].any()
    ranges = linear_ranges(problem, with_anchor(problem, interval_ranges(problem)))
    lab.assert_within(problem, ranges, first, last)
    values = problem.compare(problem.answers(first), problem.answers(last))
    best = float(values.max(initial=0.0))
    floor = 0.8 * best / abs(float(whole.network.output_scaling.scale[0]))
    above = values >= 0.8 * best
    narrow = with_floor(problem, ranges, floor * (1 - 1e-9))
    if best > 0:
        lab.assert_within(problem, narrow, first[above], last[above])
    own = encoding_strategy(strategy, problem, narrow if strategy == "relational" else ranges)
    encoded = own.encode(own.first_plan())
    with HighsBackend().lp_session(encoded.matrix, SolveOptions()) as session:
        session.set_objective(encoded.matrix.cost)
        relaxed = session.solve(10.0, None)
    assert encoded.delta(relaxed.objective + encoded.matrix.offset) >= best - 1e-6 * (1 + best)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), question=st.sampled_from(["output", "logit", "flip"]))
def test_brackets_hold_and_do_not_exceed_the_global_ones(lab, seed, question):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, [str(rng.choice(HIDDEN)), "sigmoid"], most_neurons=3)
    row = problem.domain.sample(1, rng)[0]
    free = partners(lab, problem, row, rng)
    f, at = problem.network.predict(free), float(problem.network.predict(row[None])[0])
    t = float(np.median(problem.network.predict(problem.domain.sample(200, rng)))) + 1e-7
    asked = {"question": question, "threshold": t if question == "flip" else None}
    parts = (problem.network, problem.domain, problem.metric, problem.epsilon)
    [found] = local(*parts, [row], scale=problem.coordinates, time_limit=1, **asked).brackets
    assert found.output == at
    whole = certify(*parts, scale=problem.coordinates, time_limit=1, **asked)
    assert found.delta_lower <= whole.delta_upper + 1e-12
    if question == "output":
        assert found.delta_upper >= np.abs(f - at).max() * (1 - 1e-9) - 1e-12
    if question == "flip":
        flips = ((f < t) != (at < t)).any()
        assert not (flips and found.verdict is Verdict.CERTIFIED)
        if found.verdict is Verdict.VIOLATED:
            assert (found.worst_output < t) != (at < t)
    if found.worst is not None:
        partner = np.array([found.worst])
        assert problem.admits(row[None], partner)[0] or problem.admits(partner, row[None])[0]
        assert float(problem.network.predict(partner)[0]) == pytest.approx(found.worst_output, rel=1e-9) or (
            question == "logit"
        )


RNG = np.random.default_rng(3)
NETWORK = Network(
    (
        Layer(RNG.normal(0, 0.8, (4, 3)), RNG.normal(0, 0.3, 4), "relu"),
        Layer(RNG.normal(0, 0.9, (1, 4)), [0.1], "sigmoid"),
    )
)
DOMAIN = Domain.from_box([-2] * 3, [2] * 3, integer="all")
SIMILAR = metric("weighted-lp", p="inf")
ROWS = DOMAIN.sample(6, np.random.default_rng(1))


def truth(row):
    steps = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T + row
    inside = steps[DOMAIN.contains(steps)]
    return np.abs(NETWORK.predict(inside) - NETWORK.predict(row[None])).max()


@pytest.mark.parametrize("strategy", ["exhaustive", "relational", "twin"])
def test_every_strategy_finds_the_worst_partner(strategy):
    gap = 1e-3 if strategy != "twin" else 0.05
    found = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, strategy=strategy, time_limit=10, gap=gap)
    for row, bracket in zip(ROWS, found.brackets, strict=True):
        assert bracket.delta_lower <= truth(row) + 1e-12
        assert bracket.delta_upper >= truth(row) - 1e-12
        assert bracket.delta_upper <= truth(row) * (1 + 2 * gap) + 1e-9
        assert bracket.reason is (Reason.EXHAUSTED if strategy == "exhaustive" else Reason.GAP_CLOSED)


def test_shares_count_what_is_proven_and_what_is_shown():
    worst = sorted(truth(row) for row in ROWS)
    middle = (worst[2] + worst[3]) / 2
    found = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, delta=middle, time_limit=10)
    share = found.share()
    assert (share.certified, share.violated, share.lower, share.upper) == (3, 3, 0.5, 0.5)
    assert found.sentence.startswith("For 3 of 6 rows, no input at distance at most 1 differs by more than")
    assert found.share(1.0).lower == 1.0
    open_ = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, strategy="exhaustive")
    assert open_.sentence.startswith("Around 6 rows, no input at distance at most 1 differs by more than 0.")
    assert found.share(0.0).upper == 0.0
    frame = found.to_frame()
    assert list(frame["verdict"]) == ["certified" if truth(r) <= middle else "violated" for r in ROWS]
    assert {"worst x0", "delta_lower", "delta_upper", "seconds"} <= set(frame.columns)
    assert (frame["delta_lower"] <= frame["delta_upper"]).all()


def test_flips_around_rows():
    t = float(np.median(NETWORK.predict(ROWS)))
    found = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, question="flip", threshold=t, time_limit=10)
    exact = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, question="flip", threshold=t, strategy="exhaustive")
    assert [b.verdict for b in found.brackets] == [b.verdict for b in exact.brackets]
    assert exact.share().violated > 0
    assert found.share() == exact.share()


def test_a_run_is_taken_up_where_it_ended_and_stops_when_asked():
    control, seen = SolveControl(), []

    def stop_after_two(bracket):
        seen.append(bracket)
        if len(seen) == 2:
            control.interrupt()

    first = local(
        NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, strategy="exhaustive", control=control, on_row=stop_after_two
    )
    assert [b.reason for b in first.brackets[2:]] == [Reason.INTERRUPTED] * 4
    assert first.brackets[2].delta_upper == math.inf
    stored = {b.key: LocalBracket.from_record(b.to_record()) for b in seen}
    assert list(stored.values()) == seen
    again = []
    whole = local(
        NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, strategy="exhaustive", known=stored, on_row=again.append
    )
    assert [b.row for b in again] == [2, 3, 4, 5]
    assert whole.brackets[:2] == tuple(seen)
    # Another question is another key.
    other = []
    local(
        NETWORK,
        DOMAIN,
        SIMILAR,
        1.0,
        ROWS[:2],
        strategy="exhaustive",
        delta=0.1,
        known=stored,
        on_row=other.append,
    )
    assert len(other) == 2


def test_processes_answer_like_one():
    alone = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS[:3], strategy="exhaustive")
    together = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS[:3], strategy="exhaustive", workers=2)
    assert [b.delta_upper for b in together.brackets] == [b.delta_upper for b in alone.brackets]
    assert [b.row for b in together.brackets] == [0, 1, 2]


def test_time_for_all_rows_is_shared():
    found = local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, total_time_limit=1e-9)
    assert all(b.reason is Reason.TIME_LIMIT and b.delta_upper == math.inf for b in found.brackets)


def test_enumeration_around_a_row_counts_its_partners():
    problem = Problem(NETWORK, DOMAIN, SIMILAR, 1.0)
    row = np.zeros(3)
    anchor = Anchor(row)
    around = anchor.around(DOMAIN, problem.radius)
    assert (around.lower == -1).all()
    assert enumerate_pairs(Problem(NETWORK, around, SIMILAR, 1.0, anchor=anchor)).pairs == 27


def test_what_makes_no_sense_is_refused():
    with pytest.raises(
        DataError, match=r"in row 2, x1 is 7, outside the domain \(whole numbers in \[-2, 2\]\)"
    ):
        local(NETWORK, DOMAIN, SIMILAR, 1.0, [[0, 0, 0], [0, 7, 0]])
    with pytest.raises(DataError, match="there are no rows"):
        local(NETWORK, DOMAIN, SIMILAR, 1.0, np.zeros((0, 3)))
    with pytest.raises(ConfigError, match="number of workers"):
        local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, workers=0)
    with pytest.raises(ConfigError, match="needs a delta"):
        local(NETWORK, DOMAIN, SIMILAR, 1.0, ROWS, strategy="exhaustive").share()
    with pytest.raises(DataError, match="no local bracket"):
        LocalBracket.from_record({"row": 1})
