"""What all tests share: the folder of real data and networks, and the two founding models."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# A machine under load must not make a test fail: no example has to finish within a time.
settings.register_profile("nnff", deadline=None)
settings.load_profile("nnff")

FOUNDING = json.loads(
    (Path(__file__).parents[1] / "benchmarks" / "nnff_suites" / "founding_models.json").read_text(
        encoding="utf-8"
    )
)


@pytest.fixture(scope="session")
def data_home() -> Path:
    """The folder that NNFF_DATA_HOME names; without it the test skips and says so."""
    home = os.environ.get("NNFF_DATA_HOME")
    if not home or not Path(home).is_dir():
        pytest.skip("needs real data: NNFF_DATA_HOME is not set or not a folder")
    return Path(home)


@pytest.fixture(scope="session")
def boston() -> np.ndarray:
    """The 506 rows of Boston housing, 13 columns in the order of the founding models."""
    from mlxtend.data import boston_housing_data

    return np.asarray(boston_housing_data()[0], dtype=np.float64)


@pytest.fixture(params=sorted(FOUNDING["models"]))
def founding_model(request, boston):
    """(name, network) of 5 + 45 sigmoid(w z + b) on standardised inputs."""
    from nnff.network import Layer, Network, Scaling

    model = FOUNDING["models"][request.param]
    network = Network(
        (Layer([model["weight"]], [model["bias"]], "sigmoid"),),
        input_scaling=Scaling.standard(boston),
        output_scaling=Scaling([5.0], [45.0]),
        feature_names=tuple(FOUNDING["columns"]),
        output_names=("MEDV",),
    )
    return request.param, network
