"""A running benchmark on stderr: a live table on a terminal, a line per finished run elsewhere."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnff.bench.benchmark import Happening
from nnff.bench.contender import Names
from nnff.bench.record import Outcome
from nnff.bench.table import seconds_text
from nnff.cli.console import plain_table
from nnff.cli.live import LiveDisplay
from nnff.report.numbers import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType

    from nnff.bench.benchmark import News
    from nnff.bench.record import RunRecord, RunSpec

__all__ = ["BenchTable"]

_CONTROL = "control"


@dataclass
class _Row:
    """What has become of the runs of one contender."""

    total: int = 0
    records: dict[str, RunRecord] = field(default_factory=dict)

    def count(self, *outcomes: Outcome) -> int:
        return sum(record.outcome in outcomes for record in self.records.values())

    @property
    def solved(self) -> int:
        return sum(record.outcome.solved for record in self.records.values())

    @property
    def median(self) -> str:
        times = [record.seconds for record in self.records.values() if record.seconds > 0]
        return seconds_text(statistics.median(times)) if times else ""


@dataclass
class _Running:
    """A run under way."""

    spec: RunSpec
    began: float
    phase: str = "start"


class BenchTable(LiveDisplay):
    """Shows how far a benchmark is.

    Use as a context manager and pass `tell` as ``on_news``; it may be called from any thread.

    Parameters
    ----------
    specs
        All runs.
    finished
        Those that need not be made.
    quiet
        Show nothing.
    console
        Default: stderr.
    """

    _refresh_per_second = 4

    def __init__(
        self,
        specs: Sequence[RunSpec],
        finished: Iterable[RunRecord],
        *,
        quiet: bool = False,
        console: Console | None = None,
    ) -> None:
        super().__init__(quiet=quiet, console=console)
        self._names = Names(specs)
        self._began = time.monotonic()
        self._stopping = False
        self._mutex = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._rows: dict[str, _Row] = {}
        for spec in sorted(specs, key=lambda spec: (spec.role == "control", self._label(spec))):
            self._rows.setdefault(self._label(spec), _Row()).total += 1
        for record in finished:
            self._rows[self._label(record.spec)].records[record.key] = record

    @property
    def done(self) -> int:
        """Number of finished runs."""
        return sum(len(row.records) for row in self._rows.values())

    @property
    def total(self) -> int:
        """Number of all runs."""
        return sum(row.total for row in self._rows.values())

    def tell(self, news: News) -> None:
        """Take note of what happened to a run."""
        with self._mutex:
            match news.what:
                case Happening.BEGUN:
                    self._running[news.spec.key] = _Running(news.spec, time.monotonic())
                case Happening.PHASE if news.spec.key in self._running:
                    self._running[news.spec.key].phase = news.phase
                case Happening.ENDED | Happening.ELSEWHERE | Happening.GIVEN_UP:
                    self._running.pop(news.spec.key, None)
                case _:
                    pass
            if news.record is None:
                return
            self._rows[self._label(news.spec)].records[news.spec.key] = news.record
            if self._live is None and not self._quiet:
                self._console.print(self._line(news), markup=False, soft_wrap=True)

    def stopping(self) -> None:
        """Say that the benchmark was asked to stop; only sets a flag, for use in a signal handler."""
        self._stopping = True
        if self._live is None and not self._quiet:
            # Not through Rich, whose lock the interrupted code may hold.
            self._console.file.write("stopping; finished runs are kept\n")

    def _label(self, spec: RunSpec) -> str:
        return _CONTROL if spec.role == _CONTROL else self._names.contender(spec).label

    def _line(self, news: News) -> str:
        record, spec = news.record, news.spec
        assert record is not None
        width = len(str(self.total))
        parts = [f"[{self.done:>{width}}/{self.total}]", self._names.instance(spec), self._label(spec)]
        parts.append(f"repeat {spec.repeat}:" if spec.role == _CONTROL else f"seed {spec.seed}:")
        parts.append(record.outcome.value if record.outcome.solved else f"{record.outcome} ({record.reason})")
        parts.append(f"{seconds_text(record.seconds)} s")
        return " ".join(parts) + (", made elsewhere" if news.what is Happening.ELSEWHERE else "")

    def _render(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415 - only terminals need it
        from rich.text import Text  # noqa: PLC0415

        table = plain_table(header=True)
        table.add_column("")
        for title in ("done", "solved", "open", "errors", "median s"):
            table.add_column(title, justify="right")
        with self._mutex:
            for label, row in self._rows.items():
                errors = row.count(Outcome.ERROR, Outcome.OUT_OF_MEMORY)
                table.add_row(
                    Text(label),
                    f"{len(row.records)}/{row.total}",
                    str(row.solved),
                    str(row.count(Outcome.OPEN, Outcome.UNDECIDED)),
                    Text(str(errors), style="red" if errors else ""),
                    row.median,
                )
            now = time.monotonic()
            running = [
                Text(
                    f"{self._names.instance(run.spec)}  {self._label(run.spec)}  seed {run.spec.seed}  "
                    f"{run.phase}  {now - run.began:.0f} s",
                    no_wrap=True,
                    overflow="ellipsis",
                    style="cyan",
                )
                for run in self._running.values()
            ]
        last = Text(f"{self.done} of {self.total} runs, {duration(now - self._began)}", style="dim")
        if self._stopping:
            last.append("  stopping", style="yellow")
        return Group(table, *running, last)
