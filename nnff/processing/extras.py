"""Libraries that come with ``nnff[debias]``: imported when asked for, named when missing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from nnff.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["extra_module"]

_DISTRIBUTIONS = {"imblearn": "imbalanced-learn", "fairlearn": "Fairlearn"}


def extra_module(name: str) -> ModuleType:
    """Import a module of imbalanced-learn or Fairlearn.

    Raises
    ------
    MissingExtraError
        If the library is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"this needs {_DISTRIBUTIONS.get(package, package)}, which is not installed; "
            "it comes with pip install 'nnff[debias]'"
        ) from error
