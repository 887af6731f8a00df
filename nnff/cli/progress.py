"""The live line of a running certification, on stderr."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from nnff.cli.answer import gap_text
from nnff.cli.live import LiveDisplay
from nnff.report.numbers import at_least, at_most

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from nnff.certification.progress import CertifyProgress

__all__ = ["CountLine", "ProgressLine", "progress_text"]

_LOG_EVERY = 10.0
"""Seconds between two log lines where stderr is no terminal."""


class ProgressLine(LiveDisplay):
    """Shows what a run is doing: one live line on a terminal, now and then a log line elsewhere.

    Use as a context manager and pass `update` as ``on_progress``; it may be
    called from any thread and only stores what it is told.

    Parameters
    ----------
    title
        What is running, in a word or two; stands in front.
    quiet
        Show nothing.
    console
        Default: stderr.
    """

    def __init__(self, title: str = "", *, quiet: bool = False, console: Console | None = None) -> None:
        super().__init__(quiet=quiet, console=console)
        self._latest: CertifyProgress | None = None
        self._began = time.monotonic()
        self._logged = self._began
        self._stopping = False
        self.title = title

    def begin(self, title: str) -> None:
        """Start anew with another title: clock at zero, no report yet."""
        self.title = title
        self._latest = None
        self._began = self._logged = time.monotonic()

    def update(self, progress: CertifyProgress) -> None:
        """Take note of a progress report."""
        self._latest = progress
        now = time.monotonic()
        if not self._quiet and self._live is None and now - self._logged >= _LOG_EVERY:
            self._logged = now
            self._console.print(f"{self.title}: {progress_text(progress)}", soft_wrap=True)

    def about(self, title: str, progress: CertifyProgress) -> None:
        """Take note of a progress report of one part of the work; a part with a new title starts anew."""
        if title != self.title:
            self.begin(title)
        self.update(progress)

    def stopping(self) -> None:
        """Say that the run was asked to stop; only sets a flag, for use in a signal handler."""
        self._stopping = True
        if self._live is None and not self._quiet:
            # Not through Rich, whose lock the interrupted code may hold.
            self._console.file.write("stopping; once more to give up without an answer\n")

    def _render(self) -> Text:
        from rich.text import Text  # noqa: PLC0415 - only terminals need it

        line = Text(no_wrap=True, overflow="ellipsis")
        frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        elapsed = time.monotonic() - self._began
        line.append(frames[int(elapsed * 8) % len(frames)] + " ", style="cyan")
        if self.title:
            line.append(f"{self.title}  ", style="bold")
        if self._latest is None:
            line.append(f"starting  {elapsed:.0f} s", style="dim")
        else:
            line.append(progress_text(self._latest, seconds=elapsed))
        if self._stopping:
            line.append("  stopping", style="yellow")
        return line


class CountLine(ProgressLine):
    """How many of a known number of parts are done.

    Parameters
    ----------
    title, quiet
        As for `ProgressLine`.
    total
        Number of parts.
    """

    def __init__(self, title: str, total: int, *, quiet: bool = False) -> None:
        super().__init__(title, quiet=quiet)
        self._total, self._done = total, 0

    def count(self) -> None:
        """Take note of one more part."""
        self._done += 1
        now = time.monotonic()
        if not self._quiet and self._live is None and now - self._logged >= _LOG_EVERY:
            self._logged = now
            self._console.print(f"{self.title}: {self._done:,} of {self._total:,} rows", soft_wrap=True)

    def _render(self) -> Text:
        line = super()._render()
        line.append(f"  {self._done:,} of {self._total:,} rows")
        return line


def progress_text(progress: CertifyProgress, *, seconds: float | None = None) -> str:
    """Return bracket, gap, round, cells, nodes and seconds in one line; what is not there yet is left out."""
    lower, upper = progress.delta_lower, progress.delta_upper
    parts = [f"{progress.phase:<9}"]
    if math.isfinite(upper):
        parts.append(f"[{at_least(lower, 4)}, {at_most(upper, 4)}]")
        parts.append(f"gap {gap_text(progress.gap)}")
    else:
        parts.append(f"at least {at_least(lower, 4)}")
    for count, word in ((progress.round, "round"), (progress.cells, "cells"), (progress.nodes, "nodes")):
        if count:
            parts.append(f"{word} {count:,}")
    parts.append(f"{progress.seconds if seconds is None else seconds:.0f} s")
    return "  ".join(parts)
