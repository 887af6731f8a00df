"""Every question against brute force: bounds hold, pairs are real, decisions are right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, Verdict, certify, curve
from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.errors import ConfigError, ProblemError, UnknownNameError
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.question import SAME_SIDE, Question
from nnff.ranges import closed_form, interval_ranges, linear_ranges, with_floor
from nnff.similarity import metric
from nnff_solvers.highs import HighsBackend

HIDDEN = ("relu", "sigmoid", "tanh")
ENDS = ("sigmoid", "tanh", "identity", "relu", "softplus", "gelu", "leaky_relu")


def finite_case(lab, seed, end):
    """Return a small network, a finite domain and a metric."""
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [3, 2, 1], [str(rng.choice(HIDDEN)), end], gain=2.5)
    if rng.random() < 0.5:
        sign = float(rng.choice([-1.0, 1.0]))
        network = Network(network.layers, lab.scaling(rng, 3), Scaling([0.3], [sign * 1.7]))
    domain = Domain.from_box([-1, 0, -2], [1, 2, 1], integer="all")
    weights = np.where(rng.random(3) < 0.4, 0.0, 1.0)
    return network, domain, metric("weighted-lp", p=1, weights=weights), float(rng.choice([0.0, 1.0]))


def all_pairs(network, domain, similar, epsilon):
    """Return f at both ends of every ordered similar pair of different points."""
    axes = [range(int(a), int(b) + 1) for a, b in zip(domain.lower, domain.upper, strict=True)]
    points = np.array(list(itertools.product(*axes)), dtype=float)
    problem = Problem(network, domain, similar, epsilon)
    first = np.repeat(points, len(points), axis=0)
    second = np.tile(points, (len(points), 1))
    good = problem.admits(first, second) & (first != second).any(axis=1)
    return first[good], second[good]


def between(values, share):
    """Return a threshold halfway between two neighbours of the sorted outputs, so that none is exact."""
    levels = np.unique(np.round(values, 9))
    if len(levels) < 2:
        return float(levels[0]) + 0.1
    place = min(int(share * (len(levels) - 1)), len(levels) - 2)
    return float(levels[place : place + 2].mean())


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), end=st.sampled_from(ENDS), share=st.floats(0, 1))
def test_flips_are_those_of_the_double_loop(lab, seed, end, share):
    network, domain, similar, epsilon = finite_case(lab, seed, end)
    first, second = all_pairs(network, domain, similar, epsilon)
    f1, f2 = network.predict(first), network.predict(second)
    t = between(np.concatenate([f1, f2, network.predict(domain.sample(40, np.random.default_rng(0)))]), share)
    try:
        found = certify(
            network, domain, similar, epsilon, strategy="exhaustive", question="flip", threshold=t
        )
    except ProblemError as error:
        assert "outside the outputs" in str(error)  # noqa: PT017 - only then
        return
    truth = (f1 < t) & (t <= f2)
    assert found.question.flips == truth.sum()
    assert found.verdict is (Verdict.VIOLATED if truth.any() else Verdict.CERTIFIED)
    solved = certify(network, domain, similar, epsilon, question="flip", threshold=t, time_limit=1)
    assert solved.verdict is found.verdict or solved.reason is Reason.TIME_LIMIT, solved.detail
    assert solved.verdict in (found.verdict, Verdict.UNDECIDED)
    assert solved.delta_upper >= found.delta_lower - 1e-9
    for certificate in (found, solved):
        witness = certificate.witness
        assert Problem(network, domain, similar, epsilon).admits(
            np.array([witness.x1]), np.array([witness.x2])
        )[0]
        outputs = network.predict(np.array([witness.x1, witness.x2]))
        assert [witness.output1, witness.output2] == outputs.tolist()
        if certificate.verdict is not Verdict.UNDECIDED:
            assert (witness.output1 < t <= witness.output2) == (certificate.verdict is Verdict.VIOLATED)


@settings(max_examples=9, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    end=st.sampled_from(["sigmoid", "identity"]),
    question=st.sampled_from(["output", "probability", "logit"]),
)
def test_differences_meet_brute_force(lab, seed, end, question):
    network, domain, similar, epsilon = finite_case(lab, seed, end)
    if question == "probability" and not network.output_scaling.is_none and end == "sigmoid":
        with pytest.raises(ProblemError, match="neither a probability nor a logit"):
            certify(network, domain, similar, epsilon, question=question)
        return
    first, second = all_pairs(network, domain, similar, epsilon)
    if question == "logit" and end == "sigmoid":
        values = [network.preactivations(rows)[-1][:, 0] for rows in (first, second)]
    else:
        values = [network.predict(rows) for rows in (first, second)]
    if question == "probability" and end == "identity":
        values = [1 / (1 + np.exp(-v)) for v in values]
    truth = np.abs(values[1] - values[0]).max(initial=0.0)
    for strategy, gap in (("exhaustive", 0.0), ("relational", 1e-2)):
        found = certify(
            network, domain, similar, epsilon, question=question, strategy=strategy, gap=gap, time_limit=1
        )
        assert found.question.kind == question
        assert found.delta_upper >= truth - 1e-9
        assert found.delta_lower <= truth + 1e-9
        if found.reason is not Reason.TIME_LIMIT:
            assert found.delta_upper <= truth * 1.011 + 1e-7


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1), strategy=st.sampled_from(["relational", "twin"])
)
def test_no_pair_has_a_larger_margin_than_ranges_and_programs_allow(lab, seed, share, strategy):
    """Continuous domains: ranges, those above a floor, and the program itself, first round."""
    rng = np.random.default_rng(seed)
    plain = lab.problem(rng, [str(rng.choice(HIDDEN)), str(rng.choice(["sigmoid", "identity", "tanh"]))])
    outputs = plain.network.predict(plain.domain.sample(200, rng))
    t = float(np.quantile(outputs, share))
    try:
        measured, flip = Question.of("flip", t).measured(plain.network)
    except ProblemError:
        return
    problem = Problem(measured, plain.domain, plain.metric, plain.epsilon, plain.coordinates, flip)
    first, second = lab.pairs(problem, rng, 1000)
    scale = abs(float(measured.output_scaling.scale[0]))
    margins = problem.compare(problem.answers(first), problem.answers(second))
    best = float(margins.max())
    slack = 1e-9 * (1 + abs(best))
    ranges = linear_ranges(problem, interval_ranges(problem))
    assert closed_form(problem, ranges) >= best - slack
    floor = float(np.quantile(margins, 0.8)) / scale
    ordered = problem.network.predict(first) <= problem.network.predict(second)
    if measured.output_scaling.scale[0] < 0:
        ordered = ~ordered
    x1, x2 = np.where(ordered[:, None], first, second), np.where(ordered[:, None], second, first)
    above = margins / scale >= floor
    narrow = with_floor(problem, ranges, floor)
    lab.assert_within(problem, narrow, x1[above], x2[above])
    assert closed_form(problem, narrow) >= best - slack
    own = encoding_strategy(strategy, problem, narrow if strategy == "relational" else ranges)
    encoded = own.encode(own.first_plan())
    with HighsBackend().lp_session(encoded.matrix, _options()) as session:
        session.set_objective(encoded.matrix.cost)
        relaxed = session.solve(10.0, None)
    assert encoded.delta(relaxed.objective + encoded.matrix.offset) >= best - 1e-6 * (1 + abs(best))


def _options():
    from nnff.solver import SolveOptions

    return SolveOptions()


def test_sides_follow_the_model_where_rounding_disagrees():
    network = Network((Layer([[1.0]], [0.0], "sigmoid"),))
    measured, flip = Question.of("flip", 0.3).measured(network)
    x = np.linspace(-0.8472978603872037 - 4e-16, -0.8472978603872037 + 4e-16, 41)[:, None]
    offsets = flip.offset(measured.predict(x), network.predict(x))
    assert ((offsets < 0) == (network.predict(x) < 0.3)).all()
    # Whatever rounds, the farther end of the enclosure has it on its side.
    assert (measured.predict(x)[offsets >= 0] >= flip.lower).all()
    assert (measured.predict(x)[offsets < 0] <= flip.upper).all()


def test_the_lower_of_two_on_the_threshold_is_no_flip():
    network = Network((Layer([[1.0]], [0.0]),))
    found = certify(
        network, Domain.from_box([1], [3], integer="all"), metric("weighted-lp"), 1.0,
        strategy="exhaustive", question="flip", threshold=1.0,
    )  # fmt: skip
    assert found.question.flips == 0
    assert found.delta_lower == SAME_SIDE
    # Exactly on the threshold the rounding of the forward pass leaves it open.
    assert found.verdict is Verdict.UNDECIDED


def test_an_input_and_itself_never_flip():
    """The margin of x' = x'' on the threshold is 0, but nothing lies between them."""
    found = certify(NETWORK, BOX, metric("weighted-lp"), 0.0, question="flip", threshold=0.5)
    assert found.verdict is Verdict.CERTIFIED
    assert found.rounds == 0


def test_a_tie_on_the_upper_side_flips():
    network = Network((Layer([[1.0]], [0.0]),))
    found = certify(
        network, Domain.from_box([0], [1], integer="all"), metric("weighted-lp"), 1.0,
        strategy="exhaustive", question="flip", threshold=1.0,
    )  # fmt: skip
    assert found.verdict is Verdict.VIOLATED
    assert (found.witness.output1, found.witness.output2) == (0.0, 1.0)


NETWORK = Network((Layer([[1.0, -1.0]], [0.0], "sigmoid"),))
BOX = Domain.from_box([-1, -1], [1, 1])


def test_sentences_name_what_was_measured():
    flip = certify(NETWORK, BOX, metric("weighted-lp"), 0.1, question="flip", threshold=0.5)
    assert "lie on different sides of the threshold 0.5 in y" in flip.sentence
    assert flip.verdict is Verdict.VIOLATED
    none = certify(NETWORK, BOX, metric("weighted-lp"), 0.1, question="flip", threshold=0.99)
    assert none.sentence == (
        "No two inputs in the domain with distance at most 0.1 lie on different sides of the threshold "
        "0.99 in y."
    )
    assert none.reason is Reason.DECIDED
    logit = certify(NETWORK, BOX, metric("weighted-lp"), 0.1, question="logit")
    assert "in logit of y" in logit.sentence
    linear = Network((Layer([[1.0, -1.0]], [0.0]),), output_names=("score",))
    assert "in P(score)" in certify(linear, BOX, metric("weighted-lp"), 0.1, question="probability").sentence
    again = type(flip).from_json(flip.to_json())
    assert again == flip


def test_what_makes_no_sense_is_refused():
    ask = {"network": NETWORK, "domain": BOX, "metric": metric("weighted-lp"), "epsilon": 0.1}
    with pytest.raises(UnknownNameError, match="did you mean 'flip'"):
        certify(**ask, question="flips")
    with pytest.raises(ProblemError, match="needs a threshold"):
        certify(**ask, question="flip")
    with pytest.raises(ProblemError, match="belongs to the question 'flip'"):
        certify(**ask, threshold=0.5)
    with pytest.raises(ProblemError, match="outside the outputs"):
        certify(**ask, question="flip", threshold=1.0)
    with pytest.raises(ProblemError, match="a curve is of a difference"):
        curve([0.1], lambda epsilon: certify(**{**ask, "epsilon": epsilon}, question="flip", threshold=0.5))
    with pytest.raises(ConfigError, match="asks for no delta"):
        certify(**ask, question="flip", threshold=0.5, delta=0.1)
