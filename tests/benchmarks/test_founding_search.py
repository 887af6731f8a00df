"""The paper's definitions of delta as functions of (w, b) are those that the suite reports."""

from __future__ import annotations

import numpy as np
import pytest

from nnff_suites.founding import boston_rows, founding_models, founding_question, standard_normal_draws
from nnff_suites.founding_delta import exact_delta, sawtooth_delta, similar_rows
from nnff_suites.founding_search import DEFINITIONS, founding_delta


def test_definitions_agree_with_the_suite():
    models = [*founding_models(), *standard_normal_draws(3)]
    problem = founding_question(models[0], 0.3).problem()
    deltas = {name: founding_delta(name, problem, boston_rows()) for name in DEFINITIONS}
    for model in models:
        pairs = similar_rows(founding_question(model, 0.3))
        parameters = np.array([*model.weight, model.bias])
        found = {name: delta.value(parameters) for name, delta in deltas.items()}
        assert found["sawtooth"] == pytest.approx(sawtooth_delta(pairs), rel=1e-9)
        assert found["pairs"] == pytest.approx(exact_delta(pairs), rel=1e-9)
        assert found["pairs"] <= found["certified"]


def test_the_first_model_is_three_different_things():
    problem = founding_question(founding_models()[0], 0.3).problem()
    parameters = np.array([*founding_models()[0].weight, founding_models()[0].bias])
    found = [founding_delta(name, problem, boston_rows()).value(parameters) for name in DEFINITIONS]
    assert np.round(found, 2).tolist() == [6.69, 28.93, 42.77]
