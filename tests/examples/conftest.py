"""Installing an example as a user would, without a connection."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def installed(tmp_path):
    """Install an example by pip; return what runs ``nnff`` with it and gives its standard output."""

    def install(name):
        skip_without_build_tools()
        source, target = tmp_path / "source", tmp_path / "installed"
        # A copy: building writes into the source folder.
        ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        shutil.copytree(EXAMPLES / name, source, ignore=ignored)
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
        run([*pip, "--disable-pip-version-check", "--target", str(target), str(source)], tmp_path)
        paths = os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])
        return lambda *words: run(
            [sys.executable, "-m", "nnff", *words], tmp_path, {**os.environ, "PYTHONPATH": paths}
        )

    return install


def skip_without_build_tools():
    """An installation without a connection needs pip, and a setuptools that makes wheels by itself."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip, which is not installed")
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs setuptools, which is not installed")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (70, 1) and importlib.util.find_spec("wheel") is None:
        pytest.skip(f"needs setuptools 70.1 or later, or wheel; setuptools is {version}")


def run(command, folder, environment=None):
    """Run a program in a folder and return what it printed; show everything if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
