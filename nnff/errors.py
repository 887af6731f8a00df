"""Every error nnff raises on purpose: one sentence, a stable code and an exit code.

The message says what is wrong, where, and what to do about it.  The command
line prints it as it stands; nothing but the class decides the exit code.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "DataError",
    "DomainError",
    "MissingExtraError",
    "ModelError",
    "NnffError",
    "PluginConflictError",
    "PluginError",
    "ProblemError",
    "SimilarityError",
    "SolverError",
    "SolverUnavailableError",
    "UnknownNameError",
    "UnsupportedOptionError",
    "nearest_name",
]


class NnffError(Exception):
    """Base of all errors that nnff raises on purpose.

    Attributes
    ----------
    code
        Stable identifier, safe to match on; messages may change.
    exit_code
        What the command line exits with.
    """

    code: ClassVar[str] = "nnff"
    exit_code: ClassVar[int] = 2


class ModelError(NnffError):
    """A model file or object cannot be read or represented."""

    code = "model"


class DataError(NnffError):
    """A data file or array is missing, malformed or holds values that are not finite."""

    code = "data"


class DomainError(NnffError):
    """The input domain is empty, unbounded or contradicts the network."""

    code = "domain"


class SimilarityError(NnffError):
    """A similarity metric, its parameters or epsilon make no sense."""

    code = "similarity"


class ProblemError(NnffError):
    """The parts are fine, but not together (sizes, strategies, outputs)."""

    code = "problem"


class NoPairsError(ProblemError):
    """Ranges that hold exclude each other: there is no pair of those they speak of."""


class ConfigError(NnffError):
    """A configuration file, flag or environment variable is wrong."""

    code = "config"


class MissingExtraError(NnffError):
    """An optional library is not installed."""

    code = "missing-extra"
    exit_code = 4


class PluginError(NnffError):
    """A plugin is broken or does not keep its contract."""

    code = "plugin"


class PluginConflictError(PluginError):
    """Two distributions register the same name."""

    code = "plugin-conflict"


class SolverError(NnffError):
    """A solver cannot be used for what was asked."""

    code = "solver"
    exit_code = 4


class SolverUnavailableError(SolverError):
    """The solver's own package or program is not installed."""

    code = "solver-unavailable"


class UnsupportedOptionError(SolverError):
    """A backend was asked for an option that it cannot honour."""

    code = "solver-option"


_LISTED = 20
"""So many names are still a help."""


class UnknownNameError(NnffError):
    """Nothing has that name; known names are listed, if they are not too many, the nearest is suggested."""

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        shown = names if len(names) <= _LISTED else names[: _LISTED // 2]
        message = f"no {kind} is called {name!r}; known: {', '.join(shown) or 'none'}"
        if len(shown) < len(names):
            message += f" and {len(names) - len(shown)} more"
        suggestion = nearest_name(name, names)
        if suggestion is not None:
            message += f" (did you mean {suggestion!r}?)"
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.known = tuple(names)

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.kind, self.name, self.known)


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None if none comes close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None
