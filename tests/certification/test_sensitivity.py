"""One feature at a time: never more than delta, never less than a pair that moves only it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import certify, sensitivity
from nnff.domain import Domain
from nnff.errors import ConfigError, ProblemError
from nnff.network import Layer, Network
from nnff.similarity import metric
from nnff.solver import SolveControl


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_brackets_hold_sampled_pairs_and_do_not_exceed_delta(lab, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ["relu", "sigmoid"], n_inputs=3, most_neurons=3)
    parts = (problem.network, problem.domain, problem.metric, problem.epsilon)
    found = sensitivity(*parts, scale=problem.coordinates, time_limit=5)
    whole = found.whole
    for i, feature in enumerate(found.features):
        own = np.arange(3) == i
        for low, high, immutable in (
            (feature.only_lower, feature.only_upper, ~own),
            (feature.frozen_lower, feature.frozen_upper, own),
        ):
            assert low <= high <= whole.delta_upper
            assert low <= whole.delta_upper
            fewer = replace(
                problem, domain=replace(problem.domain, immutable=problem.domain.immutable | immutable)
            )
            first, second = lab.pairs(fewer, rng, 1000)
            gaps = np.abs(problem.network.predict(second) - problem.network.predict(first))
            assert gaps.max(initial=0.0) <= high * (1 + 1e-9) + 1e-12


NETWORK = Network((Layer([[2.0, -1.0, 0.5]], [0.0]),), feature_names=("a", "b", "c"))
BOX = Domain.from_box([0, 0, 0], [1, 1, 0], feature_names=("a", "b", "c"))
SIMILAR = metric("weighted-lp", p="inf")


def test_a_linear_network_adds_up():
    found = sensitivity(NETWORK, BOX, SIMILAR, 0.1, time_limit=10)
    frame = found.to_frame()
    assert frame["only_upper"].tolist() == pytest.approx([0.2, 0.1, 0.0], rel=1e-6)
    assert frame["frozen_upper"].tolist() == pytest.approx([0.1, 0.2, 0.3], rel=1e-6)
    assert frame["only_lower"].tolist() == pytest.approx([0.2, 0.1, 0.0], rel=1e-6)
    # What cannot move is not asked.
    assert (found.features[2].only_lower, found.features[2].only_upper) == (0.0, 0.0)


def test_delta_that_is_known_already_is_used():
    whole = certify(NETWORK, BOX, SIMILAR, 0.1)
    found = sensitivity(NETWORK, BOX, SIMILAR, 0.1, whole=whole, features=["b"])
    assert found.whole is whole
    assert [f.feature for f in found.features] == ["b"]
    control = SolveControl()
    control.interrupt()
    nothing = sensitivity(NETWORK, BOX, SIMILAR, 0.1, whole=whole, control=control)
    assert nothing.interrupted
    assert all(f.only_upper <= whole.delta_upper for f in nothing.features)
    assert nothing.features[0].only_lower == 0.0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ProblemError, match="a flip is none"):
        sensitivity(NETWORK, BOX, SIMILAR, 0.1, question="flip")
    with pytest.raises(ProblemError, match="another model or epsilon"):
        sensitivity(NETWORK, BOX, SIMILAR, 0.1, whole=certify(NETWORK, BOX, SIMILAR, 0.2))
    with pytest.raises(ConfigError, match="time limit"):
        sensitivity(NETWORK, BOX, SIMILAR, 0.1, time_limit=0)
