"""Random problems for the tests of domains (tests/lab.py)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# Tests are no packages, so a module that several folders share is loaded by its path, once.
if (_module := sys.modules.get("nnff_test_lab")) is None:
    _spec = importlib.util.spec_from_file_location("nnff_test_lab", Path(__file__).parents[1] / "lab.py")
    _module = sys.modules["nnff_test_lab"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)

lab = _module.lab
