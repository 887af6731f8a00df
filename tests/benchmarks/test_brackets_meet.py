"""Three solvers, two encodings, eight problems: all brackets meet, however early each run stops."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from nnff.certification import Reason

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "brackets_meet.py"


def load_script():
    spec = importlib.util.spec_from_file_location("brackets_meet", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


def check(instance):
    runs = script.run_all(instance, time_limit=3.0)
    assert len(runs) >= 6
    assert script.disagreement(runs) == ""
    for key, certificate in runs.items():
        assert certificate.reason not in (Reason.INCONSISTENT, Reason.SOLVER_FAILED), (
            key,
            certificate.detail,
        )
    closed = [c for c in runs.values() if c.reason is Reason.GAP_CLOSED]
    for one in closed:
        for other in closed:
            assert one.delta_upper == pytest.approx(other.delta_upper, rel=2.1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, _, _ in script.PUBLIC])
def test_public_networks(data_home, name):
    check(next(i for i in script.public_instances(data_home / "networks") if i.name == name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"founding-{model.name}" for model in script.founding_models()])
def test_founding_models(name):
    check(next(i for i in script.founding_instances() if i.name == name))


def test_a_disagreement_is_named():
    instance = next(iter(script.founding_instances()))
    runs = script.run_all(instance, time_limit=3.0)
    key = next(iter(runs))
    runs[key] = runs[key].model_copy(update={"delta_upper": runs[key].delta_lower * 0.99})
    assert str(key) in script.disagreement(runs)
