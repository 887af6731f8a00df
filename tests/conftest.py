"""What all tests share: the folder of real data and networks, and the two founding models."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# A machine under load must not make a test fail: no example has to finish within a time.
settings.register_profile("nnff", deadline=None)
settings.load_profile("nnff")

BOSTON_NAMES = tuple("CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT".split())

# One-neuron sigmoid models of the founding paper, on standardised Boston columns.
FOUNDING = {
    "first": (
        (.28967165, -.00571129, .54370172, -1.6018582, -.30212816, .41453689, .69039547,
         -1.52664053, .19561402, -1.11727328, -1.07267271, -.70423767, -1.00198178),
        -1.5274488644536222,
    ),
    "second": (
        (1.04279199, 1.46830472, 1.09590334, 1.09480639, 2.28170549, -1.06148196, .10097893,
         .48551476, 2.56282473, .5596913, -1.25358298, .37576072, 1.87801127),
        -.55837739849488,
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def data_home() -> Path:
    """The folder that NNFF_DATA_HOME names; without it the test skips and says so."""
    home = os.environ.get("NNFF_DATA_HOME")
    if not home or not Path(home).is_dir():
        pytest.skip("needs real data: NNFF_DATA_HOME is not set or not a folder")
    return Path(home)


@pytest.fixture(scope="session")
def boston() -> np.ndarray:
    """The 506 rows of Boston housing, 13 columns in `BOSTON_NAMES` order."""
    from mlxtend.data import boston_housing_data

    return np.asarray(boston_housing_data()[0], dtype=np.float64)


@pytest.fixture(params=sorted(FOUNDING))
def founding_model(request, boston):
    """(name, network) of 5 + 45 sigmoid(w z + b) on standardised inputs."""
    from nnff.network import Layer, Network, Scaling

    weight, bias = FOUNDING[request.param]
    network = Network(
        (Layer([weight], [bias], "sigmoid"),),
        input_scaling=Scaling.standard(boston),
        output_scaling=Scaling([5.0], [45.0]),
        feature_names=BOSTON_NAMES,
        output_names=("MEDV",),
    )
    return request.param, network
