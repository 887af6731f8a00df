"""Watching what a plugin writes, below Python: file descriptors 1 and 2, children included."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Printed", "watch_output"]


@dataclass
class Printed:
    """What was written to stdout and stderr; filled when the watch ends."""

    stdout: str = ""
    stderr: str = ""


@contextlib.contextmanager
def watch_output() -> Iterator[Printed]:
    """Send stdout and stderr of this process and its new children to files, and back afterwards.

    Both Python's streams and the descriptors beneath them are watched: a
    library in C writes to the descriptor, and `print` may go elsewhere if somebody
    has replaced `sys.stdout`.  The whole process is affected; use it from one thread.
    """
    printed = Printed()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _flush_c()
    texts = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            with contextlib.redirect_stdout(texts[0]), contextlib.redirect_stderr(texts[1]):
                yield printed
        finally:
            _flush_c()
            for number, saved in enumerate(kept, 1):
                os.dup2(saved, number)
                os.close(saved)
            for stream in (out, err):
                stream.seek(0)
            printed.stdout = texts[0].getvalue() + out.read().decode(errors="replace")
            printed.stderr = texts[1].getvalue() + err.read().decode(errors="replace")


def _flush_c() -> None:
    """Empty the buffers of C's stdio, which no Python object knows of."""
    ctypes.CDLL(None).fflush(None)
