"""The founding experiment: certified values against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.certification import certify
from nnff.domain import Domain
from nnff_suites.founding import founding_weights, rank_metric

# delta_data over similar pairs of rows, certified delta over the box.
EXPECTED = {"first": (28.9300097, 42.77379), "second": (17.5152998, 43.30674)}


def test_both_numbers_of_the_founding_models(founding_model, boston):
    name, network = founding_model
    similar = rank_metric(looseness=1e-5)
    domain = Domain.from_data(boston, feature_names=network.feature_names)
    result = certify(network, domain, similar, 0.3, data=boston, gap=1e-4, time_limit=60)
    delta_data, certified = EXPECTED[name]
    assert result.delta_data == pytest.approx(delta_data, abs=5e-7)
    if name == "first":
        assert result.data_pairs == 1092
    assert result.delta_upper == pytest.approx(certified, abs=6e-6)
    assert result.delta_lower == pytest.approx(certified, rel=1e-4)


def test_the_first_model_by_its_closed_form(founding_model, boston):
    """45 tanh(D/4) with D the dual norm in the box, computed here by bisection on its multiplier."""
    name, network = founding_model
    weights = founding_weights()
    w = np.abs(network.layers[0].weight[0])
    z = network.input_scaling.apply(boston)
    reach = z.max(axis=0) - z.min(axis=0)
    free = weights == 0

    def primal(multiplier):
        d = np.minimum(w[~free] / (2 * multiplier * weights[~free]), reach[~free])
        return d, float(weights[~free] @ d**2)

    low, high = 1e-9, 1e9
    for _ in range(300):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if primal(middle)[1] > 0.3**2 else (low, middle)
    logit = w[~free] @ primal(high)[0] + w[free] @ reach[free]
    if name == "first":
        assert logit == pytest.approx(7.3489, abs=5e-5)
    assert 45 * np.tanh(logit / 4) == pytest.approx(EXPECTED[name][1], abs=6e-6)
