"""The conformance kit for similarity metrics.

Three ways in, one set of checks:

* A test class of your own::

      class TestYears(MetricConformance):
          feature_names = ("age", "income")

          def make_metric(self):
              return Years("age")

* `check_metric`, which returns one `CheckOutcome` per check.
* On the command line: ``nnff check metric NAME``.

The checks sample: differences in balls of several radii and in several boxes, linear
programs over the rows.  A metric that passes may still be wrong somewhere; one that fails
is wrong, and the message shows a case.  A small metric needs about a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nnff.errors import ConfigError, UnknownNameError

# Importing the module registers its checks.
from nnff.testing import metric_checks
from nnff.testing.metric_subject import MetricSubject, registered_checks
from nnff.testing.outcome import CheckOutcome, Status, run_checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.similarity import Metric

__all__ = ["MetricConformance", "check_metric", "metric_demands"]

_REGISTERED_BY = metric_checks


def metric_demands() -> dict[str, str]:
    """Return every check by name, with one sentence on what it demands."""
    return {name: (check.__doc__ or "").strip() for name, check in registered_checks().items()}


def check_metric(
    metric: Metric,
    feature_names: Sequence[str] | None = None,
    *,
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
    sharpness: float | None = None,
    only: Sequence[str] | None = None,
) -> list[CheckOutcome]:
    """Run the kit on a metric.

    Parameters
    ----------
    metric
        The metric, bound or not.
    feature_names
        Names of the features to bind it to; default: four unnamed ones, or as many as it takes.
    expected_failures
        Names of checks that are known to fail, each with the reason.  Strict: one that passes
        is reported as `Status.UNEXPECTED_PASS`.
    seed
        Seed of all samples.
    sharpness
        For a metric whose `difference_bound` is meant to be the best possible: how far above the
        true maximum it may be, relative.  Not checked by default.
    only
        Names of checks; default: all.

    Returns
    -------
    One outcome per check.

    Raises
    ------
    UnknownNameError
        If a name is not that of a check.
    PluginError
        If it is not a metric.
    SimilarityError
        If it does not fit the features.

    Examples
    --------
    >>> from nnff.similarity import metric
    >>> from nnff.testing import all_ok
    >>> all_ok(check_metric(metric("weighted-lp", p=1)))
    True
    """
    names = list(registered_checks()) if only is None else list(only)
    return _run(MetricSubject(metric, feature_names, seed, sharpness), names, expected_failures or {})


def _run(subject: MetricSubject, names: Sequence[str], expected: Mapping[str, str]) -> list[CheckOutcome]:
    """Run some checks on a subject, which keeps what several of them need."""
    if not __debug__:
        raise ConfigError("the conformance kit is made of assertions: run Python without -O")
    checks = registered_checks()
    for name in [*expected, *names]:
        if name not in checks:
            raise UnknownNameError("check", name, checks)
    return run_checks(
        {name: _bound_to(checks[name], subject) for name in names},
        {name: reason for name, reason in expected.items() if name in names},
    )


def _bound_to(check: Any, subject: MetricSubject) -> Any:
    return lambda: check(subject)


class MetricConformance:
    """A pytest class with one test per check; subclass it and say what the metric is.

    Give it as the class attribute `metric`, or override `make_metric`.

    Attributes
    ----------
    metric
        The metric under test.
    feature_names, expected_failures, seed, sharpness
        As for `check_metric`.
    """

    metric: ClassVar[Metric | None] = None
    feature_names: ClassVar[Sequence[str] | None] = None
    expected_failures: ClassVar[Mapping[str, str]] = {}
    seed: ClassVar[int] = 0
    sharpness: ClassVar[float | None] = None
    _subject: ClassVar[MetricSubject | None] = None

    def make_metric(self) -> Metric:
        """Return the metric under test."""
        if self.metric is None:
            raise NotImplementedError(f"{type(self).__name__} must set metric or define make_metric")
        return self.metric


def _test_of(name: str, summary: str) -> Any:
    def test(self: MetricConformance) -> None:
        import pytest  # noqa: PLC0415 - the rest of the kit does not need it

        cls = type(self)
        if "_subject" not in vars(cls):
            # One for all tests of the class: some linear programs serve several checks.
            cls._subject = MetricSubject(self.make_metric(), self.feature_names, self.seed, self.sharpness)
        assert cls._subject is not None
        [outcome] = _run(cls._subject, [name], self.expected_failures)
        if outcome.status is Status.SKIPPED:
            pytest.skip(outcome.detail)
        if outcome.status is Status.EXPECTED_FAILURE:
            pytest.xfail(outcome.detail)
        assert outcome.status.ok, str(outcome)

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"MetricConformance.test_{name}"
    test.__doc__ = summary
    return test


for _name, _summary in metric_demands().items():
    setattr(MetricConformance, f"test_{_name}", _test_of(_name, _summary))
