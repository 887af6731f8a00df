"""The example of a third party's solver: installed as a distribution, found, and held to the kit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "nnff-scip"

FOUND = """
import json
from nnff.plugin import Kind, plugin_manager
manager = plugin_manager()
found = manager.found(Kind.SOLVER)
print(json.dumps({"found": {name: offer.distribution for name, offer in found.items()},
                  "broken": [broken.error for broken in manager.broken]}))
"""

KIT = """
import json
from nnff.solver import solver
from nnff.testing.solvers import check_backend
print(json.dumps([[o.name, str(o.status), o.detail] for o in check_backend(solver("scip"))]))
"""


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """A Python with what this one has, PySCIPOpt and the example, installed by pip."""
    place = tmp_path_factory.mktemp("third-party")
    venv.create(place / "venv", with_pip=True)
    interpreter = place / "venv" / "bin" / "python"
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # As a site folder, so that editable installs in it count too.
    lines = [f"import site; site.addsitedir({path!r})" for path in sorted(paths)]
    [packages] = (place / "venv").glob("lib/python*/site-packages")
    (packages / "this-environment.pth").write_text("\n".join(lines) + "\n")
    # A copy: building leaves files beside the sources.
    shutil.copytree(EXAMPLE, place / "nnff-scip", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    for what in (["pyscipopt>=5.5"], ["--no-deps", place / "nnff-scip"]):
        pip = run(interpreter, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *what)
        if pip.returncode != 0:
            reason = (pip.stderr.strip().splitlines() or ["no message"])[-1]
            pytest.skip(f"{what[-1]} cannot be installed here: {reason}")
    return interpreter


def answer(python: Path, code: str, *arguments: object):
    process = run(python, "-c", code, *arguments)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_it_is_found_beside_ours(python):
    seen = answer(python, FOUND)
    assert seen["found"]["scip"] == "nnff-scip"
    assert {"highs", "cbc", "ortools"} <= set(seen["found"])
    assert not seen["broken"]


def test_it_passes_the_kit(python):
    outcomes = answer(python, KIT)
    assert len(outcomes) > 30
    failed = [f"{name}: {detail}" for name, status, detail in outcomes if status not in {"passed", "skipped"}]
    assert not failed
