"""The largest delta of several outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, Trust, Verdict, certify, certify_outputs
from nnff.certification.outputs import largest_of
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.similarity import metric

SIMILAR = metric("weighted-lp", p="inf")


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), softmax=st.booleans())
def test_no_pair_differs_by_more_in_any_output(lab, seed, softmax):
    rng = np.random.default_rng(seed)
    layers = lab.network(rng, [2, 3, 3], ["relu", "identity"]).layers
    network = Network(layers, softmax=softmax)
    domain = Domain.from_box([-1, -1], [1, 1])
    found = certify_outputs(network, domain, SIMILAR, 0.2, time_limit=2)
    problem = Problem(network.select_output(0), domain, SIMILAR, 0.2)
    first, second = lab.pairs(problem, rng, 1000)
    gaps = np.abs(network.forward(second) - network.forward(first))
    assert gaps.max() <= found.delta_upper + 1e-9
    for output, reached in zip(found.outputs, gaps.max(axis=0), strict=True):
        assert reached <= output.delta_upper + 1e-9
        assert output.delta_upper <= found.delta_upper
        assert output.delta_lower <= found.delta_lower
    assert found.model.output_name == max(found.outputs, key=lambda o: o.delta_lower).name
    assert found.witness.delta == found.delta_lower
    assert f"in any of 3 outputs (most: {found.model.output_name})" in found.sentence
    assert type(found).from_json(found.to_json()) == found


NETWORK = Network((Layer([[1.0], [-3.0], [2.0]], [0.0, 0.0, 0.0]),), output_names=("a", "b", "c"))
BOX = Domain.from_box([0], [1])


@pytest.mark.parametrize(("delta", "verdict"), [(0.31, Verdict.CERTIFIED), (0.25, Verdict.VIOLATED)])
def test_decisions(delta, verdict):
    found = certify_outputs(NETWORK, BOX, SIMILAR, 0.1, delta=delta)
    assert found.verdict is verdict
    assert found.delta_upper == pytest.approx(0.3, rel=1e-6)
    # A violation of b leaves c with what its ranges say, which here is all there is to say.
    assert [round(o.delta_upper, 6) for o in found.outputs] == [0.1, 0.3, 0.2]


def test_chosen_outputs_only():
    found = certify_outputs(NETWORK, BOX, SIMILAR, 0.1, outputs=[0, 2])
    assert [o.index for o in found.outputs] == [0, 2]
    assert found.delta_upper == pytest.approx(0.2, rel=1e-6)
    with pytest.raises(ProblemError, match="no output"):
        certify_outputs(NETWORK, BOX, SIMILAR, 0.1, outputs=[])


def test_what_is_weakest_counts():
    parts = [certify(NETWORK, BOX, SIMILAR, 0.1, output_index=k, delta=1.0) for k in range(3)]
    assert largest_of(parts, [0, 1, 2], 1.0).verdict is Verdict.CERTIFIED
    solver = parts[0].model_copy(update={"trust": Trust.SOLVER})
    assert largest_of([solver, *parts[1:]], [0, 1, 2], 1.0).trust is Trust.SOLVER
    wrong = parts[2].model_copy(update={"reason": Reason.INCONSISTENT, "verdict": Verdict.UNDECIDED})
    together = largest_of([*parts[:2], wrong], [0, 1, 2], 1.0)
    assert together.verdict is Verdict.UNDECIDED
    assert together.reason is Reason.INCONSISTENT
    open_ = parts[0].model_copy(update={"verdict": Verdict.UNDECIDED, "delta_upper": float("inf")})
    assert largest_of([open_, *parts[1:]], [0, 1, 2], 1.0).verdict is Verdict.UNDECIDED
