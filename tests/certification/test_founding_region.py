"""The founding models where data lies: no corner of the box without people is needed for their worst pair."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.certification import certify
from nnff.domain import Domain, plausible_region
from nnff_suites.founding import founding_weights, rank_metric

# Certified delta over the box; the region leaves it as it is (docs/how-to/plausible-domains.md).
BOX = {"first": 42.77379, "second": 43.30674}
DATA = {"first": 28.9300097, "second": 17.5152998}


def test_a_region_that_holds_99_percent_explains_nothing_of_the_worst_case(founding_model, boston):
    name, network = founding_model
    region = plausible_region(boston, 0.99, feature_names=network.feature_names)
    box = Domain.from_data(boston, feature_names=network.feature_names)
    found = certify(
        network,
        box.with_region(region),
        rank_metric(looseness=1e-5),
        0.3,
        data=boston,
        gap=1e-4,
        time_limit=60,
    )
    assert region.reached == pytest.approx(501 / 506)
    assert found.delta_data == pytest.approx(DATA[name], abs=5e-7)
    # The rows of the worst pair of the data are inside, so the two can be compared.
    assert found.delta_data_inside == found.delta_data
    assert found.delta_upper == pytest.approx(BOX[name], abs=6e-6)
    assert found.delta_lower > DATA[name]
    explained = (BOX[name] - found.delta_lower) / (BOX[name] - DATA[name])
    assert 0 <= explained + 1e-6 < 1e-3
    # The witness, by hand: every bound of the region, the metric, and the formula of the model.
    x = np.array([found.witness.x1, found.witness.x2])
    z = network.input_scaling.apply(x)
    standard = (boston - boston.mean(axis=0)) / boston.std(axis=0)
    own = (x - boston.mean(axis=0)) / boston.std(axis=0)
    kept = [i for i in range(13) if len(np.unique(boston[:, i])) > 2]
    inside = np.delete(standard, region.outside, axis=0)
    correlation = np.corrcoef(standard[:, kept].T)
    forms = [*np.linalg.eigh(correlation)[1].T]
    for a, b in zip(*np.triu_indices(len(kept), 1), strict=True):
        if abs(correlation[a, b]) >= 0.5:
            forms.append(np.eye(len(kept))[a] - np.sign(correlation[a, b]) * np.eye(len(kept))[b])
    assert len(forms) == region.rows.n_rows
    for form in forms:
        values = inside[:, kept] @ form
        pair = own[:, kept] @ form
        assert values.min() - 1e-6 <= pair.min()
        assert pair.max() <= values.max() + 1e-6
    assert np.sqrt(founding_weights() @ (z[1] - z[0]) ** 2) <= 0.3 * (1 + 1e-8)
    logits = z @ network.layers[0].weight[0] + network.layers[0].bias[0]
    outputs = 5 + 45 / (1 + np.exp(-logits))
    assert outputs[1] - outputs[0] == pytest.approx(found.delta_lower, rel=1e-12)
