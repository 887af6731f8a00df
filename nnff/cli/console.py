"""The two streams of a command: the answer on stdout, everything else on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["plain_table", "print_text", "stderr_console", "stdout_console"]


_FILE_WIDTH = 160
"""Columns where there is no terminal to ask: tables in files and pipes need not be squeezed."""


def stdout_console() -> Console:
    """Return the console of the answer; made anew, because tests and pagers exchange the stream."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Return the console of progress and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def print_text(console: Console, text: str | Text) -> None:
    """Print a sentence: wrapped on a terminal, one line anywhere else."""
    console.print(text, soft_wrap=not console.is_terminal)


def plain_table(*, header: bool = False) -> Table:
    """Return a table without lines, as calm as aligned text."""
    return Table(box=None, show_header=header, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
