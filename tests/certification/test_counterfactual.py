"""Pairs that are equal but for the sensitive attributes."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.certification import counterfactual, identical_but
from nnff.domain import Domain
from nnff.errors import DomainError, SimilarityError
from nnff.network import Layer, Network

NAMES = ("income", "sex", "age")
NETWORK = Network((Layer([[1.0, -2.0, 0.5]], [0.1], "sigmoid"),), feature_names=NAMES)
DOMAIN = Domain.from_box([-2, 0, 0], [2, 1, 3], integer=["sex", "age"], feature_names=NAMES)


def test_only_the_sensitive_attribute_moves():
    found = counterfactual(NETWORK, DOMAIN, sensitive_features=["sex"], gap=1e-3)
    incomes, ages = np.meshgrid(np.linspace(-2, 2, 401), np.arange(4))
    rows = [np.stack([incomes.ravel(), np.full(incomes.size, s), ages.ravel()], axis=1) for s in (0.0, 1.0)]
    truth = np.abs(NETWORK.predict(rows[1]) - NETWORK.predict(rows[0])).max()
    assert found.delta_lower <= found.delta_upper
    assert found.delta_upper >= truth
    assert found.delta_upper <= truth * 1.002
    assert found.epsilon == 0.0
    assert found.sensitive_features == ["sex"]
    assert [a == b for a, b in zip(found.witness.x1, found.witness.x2, strict=True)] == [True, False, True]


def test_it_takes_any_question():
    found = counterfactual(NETWORK, DOMAIN, sensitive_features="sex", question="logit")
    assert found.delta_upper == pytest.approx(2.0, rel=1e-6)
    flip = counterfactual(NETWORK, DOMAIN, sensitive_features=[1], question="flip", threshold=0.99)
    assert flip.verdict == "certified"


def test_somebody_must_change():
    with pytest.raises(SimilarityError, match="needs sensitive attributes"):
        identical_but([], NAMES)
    with pytest.raises(DomainError, match="did you mean 'sex'"):
        counterfactual(NETWORK, DOMAIN, sensitive_features=["sexe"])
