"""Exported instances: another reader solves the file and finds what the sidecar says."""

from __future__ import annotations

import json
from dataclasses import replace

import highspy
import numpy as np
import pytest

from nnff.bench import Instance, Known, Question, Suite
from nnff.bench.export import TOLERANCE, export_mps
from nnff.certification import certify
from nnff.domain import Domain
from nnff.errors import ConfigError, UnknownNameError
from nnff.milp.mps import read_mps
from nnff.network import Layer, Network
from nnff.similarity import metric


def whole_number_question(hidden, output, p, epsilon=2.0):
    """A small network on whole numbers, so that every pair can be tried."""
    rng = np.random.default_rng(5)
    network = Network(
        (
            Layer(rng.normal(0, 0.6, (5, 3)), rng.normal(0, 0.5, 5), hidden),
            Layer(rng.normal(0, 1, (1, 5)), rng.normal(0, 0.5, 1), output),
        ),
        output_names=("score",),
    )
    domain = Domain.from_box([-3, 0, 0], [3, 4, 5], integer="all")
    return Question(network, domain, metric("weighted-lp", p=p, weights=[1.0, 0.0, 0.7]), epsilon)


def instance(name="relu-1", hidden="relu", output="identity", p=1, **facts):
    question = whole_number_question(hidden, output, p)
    truth = certify(
        question.network, question.domain, question.metric, question.epsilon, strategy="exhaustive"
    ).delta_lower
    facts = {"known": Known(truth - 1e-9, truth + 1e-9, source="exhaustion")} | facts
    return Instance(name, lambda: question, question.epsilon, f"l_{p}", {"hidden": hidden}, **facts)


def suite(*instances):
    return Suite("tiny", "a suite", instances)


def solve(path):
    """Optimum and dual bound of the file by HiGHS's own reader."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)  # noqa: FBT003 - highspy's way
    for option in ("mip_feasibility_tolerance", "primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        solver.setOptionValue(option, 1e-9)
    solver.setOptionValue("mip_rel_gap", 0.0)
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    assert solver.getLp().sense_ == highspy.ObjSense.kMinimize
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return solver.getObjectiveValue(), solver.getInfo().mip_dual_bound


def sidecar(path):
    return json.loads(path.with_name(path.name.removesuffix(".mps.gz") + ".json").read_text())


@pytest.mark.parametrize("p", [1, "inf"])
def test_an_exact_file_has_the_optimum_of_exhaustion(tmp_path, p):
    made = instance(p=p)
    [path] = export_mps(suite(made), tmp_path)
    facts = sidecar(path)
    optimum, bound = solve(path)
    assert facts["exact"]
    assert -optimum * facts["factor"] == pytest.approx(made.known.lower, rel=TOLERANCE)
    slack = TOLERANCE * abs(optimum)
    assert facts["optimum_at_least"] - slack <= optimum
    assert bound <= facts["dual_bound_at_most"] + slack
    # Both limits together pin the optimum down: the claims are not idle.
    assert facts["dual_bound_at_most"] - facts["optimum_at_least"] <= slack


@pytest.mark.parametrize(
    ("hidden", "output", "p"),
    [("relu", "identity", 2), ("relu", "sigmoid", 1), ("sigmoid", "identity", 1), ("tanh", "tanh", "inf")],
)
def test_a_relaxation_encloses_the_truth_and_says_that_it_is_one(tmp_path, hidden, output, p):
    made = instance(hidden=hidden, output=output, p=p)
    [path] = export_mps(suite(made), tmp_path)
    facts = sidecar(path)
    optimum, bound = solve(path)
    assert not facts["exact"]
    assert facts["optimum_at_least"] is None
    slack = TOLERANCE * abs(optimum)
    assert -optimum * facts["factor"] >= made.known.lower - slack * facts["factor"]
    assert bound <= facts["dual_bound_at_most"] + slack
    assert made.known.lower <= facts["closed_form"]


def test_the_sidecar_describes_the_file(tmp_path):
    made = instance()
    [path] = export_mps(suite(made), tmp_path)
    facts = sidecar(path)
    matrix = read_mps(path)
    assert facts["sizes"] == {
        "rows": matrix.n_rows,
        "columns": matrix.n_columns,
        "integers": matrix.n_integers,
        "nonzeros": matrix.n_nonzeros,
    }
    assert facts["file"] == path.name == "relu-1.mps.gz"
    assert facts["instance_fingerprint"] == made.build().problem().fingerprint
    assert (facts["sense"], facts["output"], facts["factors"]) == ("minimise", "score", {"hidden": "relu"})
    assert facts["known"] == {
        "lower": made.known.lower,
        "upper": made.known.upper,
        "upper_proven": True,
        "source": "exhaustion",
    }
    account = (tmp_path / "README.txt").read_text()
    assert "dual_bound_at_most" in account
    assert "'tiny'" in account


def test_an_upper_value_that_is_no_proof_claims_nothing(tmp_path):
    made = instance()
    doubtful = replace(made, known=replace(made.known, proven=False))
    [path] = export_mps(suite(doubtful), tmp_path)
    assert sidecar(path)["optimum_at_least"] is None
    assert not sidecar(path)["known"]["upper_proven"]
    half = replace(made, known=Known(None, 100.0))
    [path] = export_mps(suite(half), tmp_path)
    assert sidecar(path)["dual_bound_at_most"] is None


def test_equal_instances_give_equal_files(tmp_path):
    written = [export_mps(suite(instance()), tmp_path / name)[0] for name in ("a", "b")]
    assert written[0].read_bytes() == written[1].read_bytes()
    assert sidecar(written[0]) == sidecar(written[1])


def test_only_what_is_known_is_written_and_in_order(tmp_path):
    made = suite(instance("b"), instance("nothing", known=None), instance("a/x", known=Known(None, 9.0)))
    begun = []
    written = export_mps(made, tmp_path / "new" / "folder", on_instance=begun.append)
    assert [path.name for path in written] == ["b.mps.gz", "a_x.mps.gz"]
    assert begun == ["b", "a/x"]
    assert [path.name for path in export_mps(made, tmp_path, instances=["b"])] == ["b.mps.gz"]


def test_what_cannot_be_exported_is_refused_before_anything_is_written(tmp_path):
    made = suite(instance("b"), instance("nothing", known=None), instance("idle", known=Known(None, None)))
    for names, error, message in (
        (["c"], UnknownNameError, "'c'"),
        (["b", "nothing"], ConfigError, "nothing is known of the instance 'nothing'"),
        (["idle"], ConfigError, "'idle'"),
    ):
        with pytest.raises(error, match=message):
            export_mps(made, tmp_path / "x", instances=names)
    with pytest.raises(ConfigError, match="nothing is known of any instance"):
        export_mps(suite(instance(known=None)), tmp_path / "x")
    with pytest.raises(ConfigError, match=r"would be written to a_b\.mps\.gz"):
        export_mps(suite(instance("a/b"), instance("a:b")), tmp_path / "x")
    assert not (tmp_path / "x").exists()
