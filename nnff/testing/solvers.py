"""The conformance kit for solver backends.

Three ways in, one set of checks:

* A test class of your own::

      class TestMySolver(BackendConformance):
          def make_backend(self):
              return MySolver()

* `check_backend`, which returns one `CheckOutcome` per check.
* On the command line: ``nnff check solver NAME``.

What a backend is known to get wrong stands in `SolverBackend.known_failures`, with the reason; the
record is strict.  A check about something that the backend does not claim is
skipped, visibly.  The kit needs about half a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nnff.errors import ConfigError, SolverUnavailableError, UnknownNameError

# Importing the modules registers their checks, in this order.
from nnff.testing import solver_answers, solver_conduct, solver_processes
from nnff.testing.outcome import CheckOutcome, Status, run_checks
from nnff.testing.solver_subject import Subject, registered_checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nnff.solver import SolverBackend

__all__ = ["BackendConformance", "check_backend", "solver_checks"]

_REGISTERED_BY = (solver_answers, solver_conduct, solver_processes)


def solver_checks() -> dict[str, str]:
    """Return every check by name, with one sentence on what it demands."""
    return {name: (check.__doc__ or "").strip() for name, check in registered_checks().items()}


def check_backend(
    backend: SolverBackend,
    *,
    instance: Path | None = None,
    expected_failures: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> list[CheckOutcome]:
    """Run the kit on a backend.

    Parameters
    ----------
    backend
        The backend; its class must be importable by its module's name or file, with no arguments,
        for the checks that need another process (else they are skipped).
    instance
        An MPS file for the check ``fooling_instance``.
    expected_failures
        Names of checks that are known to fail, with reasons, in addition to the backend's own
        `known_failures`.
    only
        Names of checks; default: all.

    Returns
    -------
    One outcome per check.

    Raises
    ------
    UnknownNameError
        If a name is not that of a check.
    SolverUnavailableError
        If the backend says that its solver is not installed.
    """
    names = list(registered_checks()) if only is None else list(only)
    return _run(Subject(backend, instance), names, expected_failures or {})


def _run(subject: Subject, names: Sequence[str], expected_failures: Mapping[str, str]) -> list[CheckOutcome]:
    """Run some checks on a subject, which keeps what several of them need."""
    if not __debug__:
        raise ConfigError("the conformance kit is made of assertions: run Python without -O")
    backend = subject.backend
    found = type(backend).availability()
    if not found:
        raise SolverUnavailableError(
            f"the solver {backend.name!r} is not available: {found.reason}; {found.hint}"
        )
    checks = registered_checks()
    expected = {**backend.known_failures, **expected_failures}
    for name in [*expected, *names]:
        if name not in checks:
            raise UnknownNameError("check", name, checks)
    return run_checks(
        {name: _bound_to(checks[name], subject) for name in names},
        {name: reason for name, reason in expected.items() if name in names},
    )


def _bound_to(check: Any, subject: Subject) -> Any:
    return lambda: check(subject)


class BackendConformance:
    """A pytest class with one test per check; subclass it and say how the backend is made.

    Attributes
    ----------
    instance
        An MPS file for the check ``fooling_instance``.
    expected_failures
        As for `check_backend`.
    """

    instance: ClassVar[Path | None] = None
    expected_failures: ClassVar[Mapping[str, str]] = {}
    _subject: ClassVar[Subject | None] = None

    def make_backend(self) -> SolverBackend:
        """Return the backend under test."""
        raise NotImplementedError(f"{type(self).__name__} must define make_backend")


def _test_of(name: str, summary: str) -> Any:
    def test(self: BackendConformance) -> None:
        import pytest  # noqa: PLC0415 - the rest of the kit does not need it

        cls = type(self)
        if "_subject" not in vars(cls):
            # One for all tests of the class: some solves serve several checks.
            cls._subject = Subject(self.make_backend(), self.instance)
        assert cls._subject is not None
        [outcome] = _run(cls._subject, [name], self.expected_failures)
        if outcome.status is Status.SKIPPED:
            pytest.skip(outcome.detail)
        if outcome.status is Status.EXPECTED_FAILURE:
            pytest.xfail(outcome.detail)
        assert outcome.status.ok, str(outcome)

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"BackendConformance.test_{name}"
    test.__doc__ = summary
    return test


for _name, _summary in solver_checks().items():
    setattr(BackendConformance, f"test_{_name}", _test_of(_name, _summary))
