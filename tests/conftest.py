"""What all tests share: the folder of real data and networks, and the two founding models."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import numpy as np

# A machine under load must not make a test fail: no example has to finish within a time.
settings.register_profile("nnff", deadline=None)
settings.load_profile("nnff")


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
    from nnff_suites.founding import boston_rows

    return boston_rows()


@pytest.fixture(params=["first", "second"])
def founding_model(request):
    """(name, network) of 5 + 45 sigmoid(w z + b) on standardised inputs."""
    from nnff_suites.founding import founding_models, founding_network

    return request.param, founding_network(
        next(model for model in founding_models() if model.name == request.param)
    )


@pytest.fixture(scope="module")
def bench_lab(tmp_path_factory):
    """The suites and solvers of data/bench_lab.py, installed for this process and those it starts."""
    from nnff.plugin import plugin_manager

    place = tmp_path_factory.mktemp("bench-lab")
    shutil.copy(Path(__file__).parent / "data" / "bench_lab.py", place)
    distribution = place / "bench_lab-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-lab\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[nnff]\nbench-lab = bench_lab\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        patch.setenv("PYTHONPATH", str(place), prepend=os.pathsep)
        plugin_manager.cache_clear()
        yield place
    plugin_manager.cache_clear()
    # The next module has a copy of its own.
    sys.modules.pop("bench_lab", None)
