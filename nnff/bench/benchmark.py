"""A whole benchmark: the runs that are still due, made in order, interrupted and taken up again."""

from __future__ import annotations

import enum
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.bench.environment import describe_environment, environment_differences, source_hash
from nnff.bench.harness import GRACE, make_run
from nnff.bench.record import Outcome
from nnff.bench.verdict import out_of_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from nnff.bench.record import RunRecord, RunSpec
    from nnff.bench.store import Session, Store
    from nnff.bench.suite import Suite
    from nnff.solver import SolveControl

__all__ = ["Benchmark", "Happening", "News", "Rerun", "due_runs", "mixed_environments"]

_PAUSE = 0.2
"""Seconds between two looks at a run that somebody else is making."""


class Rerun(enum.StrEnum):
    """Which finished runs are made once more."""

    NONE = "none"
    TIMEOUTS = "timeouts"
    """Those without an answer because there was no more time."""
    ERRORS = "errors"
    """Those that failed or ran out of memory."""
    ALL = "all"

    def wants(self, record: RunRecord) -> bool:
        """Tell whether this one is."""
        match self:
            case Rerun.NONE:
                return False
            case Rerun.TIMEOUTS:
                return out_of_time(record)
            case Rerun.ERRORS:
                return record.outcome in (Outcome.ERROR, Outcome.OUT_OF_MEMORY)
            case Rerun.ALL:
                return True


class Happening(enum.StrEnum):
    """What there is to tell of a run."""

    BEGUN = "begun"
    PHASE = "phase"
    ENDED = "ended"
    ELSEWHERE = "elsewhere"
    """It was found finished: another benchmark in the same folder has made it."""
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class News:
    """Something that happened to a run; told from any thread.

    Attributes
    ----------
    what
        What happened.
    spec
        To which run.
    phase
        The phase that has begun, for `Happening.PHASE`.
    record
        What came of it, for `Happening.ENDED` and `Happening.ELSEWHERE`.
    """

    what: Happening
    spec: RunSpec
    phase: str = ""
    record: RunRecord | None = None


def due_runs(
    specs: Iterable[RunSpec],
    store: Store,
    rerun: Rerun = Rerun.NONE,
    before: Mapping[str, RunRecord] | None = None,
) -> tuple[RunSpec, ...]:
    """Return the runs that are still to be made, in order.

    Parameters
    ----------
    specs
        All runs.
    store
        What has been finished, as far as it was read.
    rerun
        Which finished ones are made once more.
    before
        What had been finished when work began (`nnff.bench.store.Session`); default: all of `store`.
    """
    return tuple(spec for spec in specs if _is_due(spec, store, rerun, before))


def _is_due(spec: RunSpec, store: Store, rerun: Rerun, before: Mapping[str, RunRecord] | None) -> bool:
    latest = store.latest(spec.key)
    if latest is None:
        return True
    old = latest if before is None else before.get(spec.key)
    # A later try than that is this session's: once is enough, whoever made it.
    return old is not None and latest.attempt == old.attempt and rerun.wants(old)


def mixed_environments(records: Iterable[RunRecord], environment: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence per kind of difference between where runs were made and `environment`.

    Times from two machines, or bounds from two versions, are no comparison.
    """
    counts: Counter[str] = Counter()
    total = 0
    for record in records:
        total += 1
        counts.update(environment_differences(record.environment, environment))
    return tuple(
        f"{count} of the {total} runs in the folder come from another environment: {difference}"
        for difference, count in counts.most_common()
    )


class Benchmark:
    """Makes all runs that are due; what is finished stays, whatever happens.

    Parameters
    ----------
    suite
        The suite.
    specs
        Its runs, in the order in which they are to be made.
    store
        Where they are kept.
    jobs
        How many are made at a time.
    rerun
        Which finished runs are made once more.
    grace
        See `nnff.bench.harness.outer_limit`.

    Attributes
    ----------
    environment
        Where the runs are made.
    """

    def __init__(
        self,
        suite: Suite,
        specs: Sequence[RunSpec],
        store: Store,
        *,
        jobs: int = 1,
        rerun: Rerun = Rerun.NONE,
        grace: float = GRACE,
    ) -> None:
        self.environment = describe_environment(jobs=jobs)
        self._suite = suite
        self._specs = tuple(specs)
        self._store = store
        self._jobs = jobs
        self._rerun = rerun
        self._grace = grace
        self._waiting: deque[RunSpec] = deque()
        self._mutex = threading.Lock()
        self._trouble: BaseException | None = None

    @property
    def records(self) -> tuple[RunRecord, ...]:
        """The last try at every run of this benchmark that has been finished, in order."""
        found = (self._store.latest(spec.key) for spec in self._specs)
        return tuple(record for record in found if record is not None)

    def run(self, control: SolveControl, on_news: Callable[[News], None] = lambda _news: None) -> None:
        """Make the runs that are due; may be interrupted, and called again in another process.

        An interruption gives up the runs under way, which leave no trace.

        Parameters
        ----------
        control
            Interrupts.
        on_news
            Called from any thread, now and then at the same time.

        Raises
        ------
        ConfigError
            If a run cannot be recorded; no further ones are made.
        DataError
            If what is in the folder cannot be read.
        """
        with self._store.join() as session:
            due = due_runs(self._specs, self._store, self._rerun, session.before)
            self._waiting = deque(due)
            threads = [
                threading.Thread(target=self._work, args=(session, control, on_news), daemon=True)
                for _ in range(min(self._jobs, len(due)))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                # With a time-out, so that signals reach this thread meanwhile.
                while thread.is_alive():
                    thread.join(_PAUSE)
            self._store.refresh()
        if self._trouble is not None:
            raise self._trouble

    def _work(self, session: Session, control: SolveControl, on_news: Callable[[News], None]) -> None:
        busy = 0
        try:
            while not control.interrupted and self._trouble is None:
                with self._mutex:
                    if not self._waiting:
                        return
                    spec = self._waiting.popleft()
                if self._make(spec, session, control, on_news):
                    busy = 0
                    continue
                with self._mutex:
                    self._waiting.append(spec)
                    busy += 1
                    all_busy = busy >= len(self._waiting)
                if all_busy:
                    # Whoever has it may still be killed.
                    control.wait(_PAUSE)
                    busy = 0
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for all
            self._trouble = error

    def _make(
        self, spec: RunSpec, session: Session, control: SolveControl, on_news: Callable[[News], None]
    ) -> bool:
        """Make a run if it is due; False if somebody else is at it."""
        claim = self._store.claim(spec.key)
        if claim is None:
            return False
        with claim:
            latest = self._store.latest(spec.key)
            if not _is_due(spec, self._store, self._rerun, session.before):
                on_news(News(Happening.ELSEWHERE, spec, record=latest))
                return True
            attempt = 1 if latest is None else latest.attempt + 1
            on_news(News(Happening.BEGUN, spec))
            log = f"logs/{spec.key}/{attempt}"
            record = make_run(
                spec,
                self._suite.instance(spec.instance),
                (self._store.folder / log).absolute(),
                grace=self._grace,
                stop=lambda: control.interrupted,
                on_phase=lambda name: on_news(News(Happening.PHASE, spec, phase=name)),
            )
            if record is None:
                on_news(News(Happening.GIVEN_UP, spec))
                return True
            record = record.model_copy(
                update={
                    "attempt": attempt,
                    "log": log if (self._store.folder / log).is_dir() else "",
                    # Somebody may have edited the source since the benchmark began.
                    "environment": self.environment | {"source": source_hash()},
                }
            )
            self._store.append(record)
            on_news(News(Happening.ENDED, spec, record=record))
        return True
