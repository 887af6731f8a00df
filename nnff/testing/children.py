"""Looking at child processes (Linux), and running a plugin in a Python of its own."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnff.testing.outcome import SkipCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["alive", "children_of", "load_expression", "python", "start_python", "wait_until_gone"]


def children_of(pid: int) -> set[int]:
    """Return the processes that descend from `pid`, zombies left out.

    Raises
    ------
    SkipCheck
        If the system does not tell (no ``/proc``).
    """
    if not Path("/proc/self/stat").exists():
        raise SkipCheck("this system has no /proc to look for child processes in")
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (facts := _stat(int(entry.name))) is not None and facts[0] != "Z":
            parents[int(entry.name)] = facts[1]
    found: set[int] = set()
    ring = {pid}
    while ring:
        ring = {child for child, parent in parents.items() if parent in ring} - found
        found |= ring
    return found


def _stat(pid: int) -> tuple[str, int] | None:
    """Return the state and the parent of a process, None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program's name, in parentheses, may hold anything; what follows the last one is fixed.
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    facts = _stat(pid)
    return facts is not None and facts[0] != "Z"


def wait_until_gone(pids: set[int], seconds: float) -> set[int]:
    """Wait up to `seconds` for processes to end; return those that have not."""
    until = time.monotonic() + seconds
    left = {pid for pid in pids if alive(pid)}
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = {pid for pid in left if alive(pid)}
    return left


def load_expression(plugin: type) -> str:
    """Return Python code that defines ``plugin``, the class, in another process.

    Raises
    ------
    SkipCheck
        If the class is local to a function or was made in no file.
    """
    module = sys.modules.get(plugin.__module__)
    file = getattr(module, "__file__", None)
    if "<locals>" in plugin.__qualname__ or file is None:
        raise SkipCheck(f"{plugin.__qualname__} cannot be imported by another process")
    # By name if that works there, else (a script, a test module) from its file.
    return (
        "import importlib, importlib.util, operator, sys\n"
        f"sys.path[:0] = [entry for entry in {sys.path!r} if entry not in sys.path]\n"
        f"name, file = {plugin.__module__!r}, {str(inspect.getfile(plugin))!r}\n"
        "try:\n"
        "    if name == '__main__': raise ImportError\n"
        "    module = importlib.import_module(name)\n"
        "except ImportError:\n"
        "    spec = importlib.util.spec_from_file_location('plugin_under_test', file)\n"
        "    module = importlib.util.module_from_spec(spec)\n"
        "    sys.modules['plugin_under_test'] = module\n"
        "    spec.loader.exec_module(module)\n"
        f"plugin = operator.attrgetter({plugin.__qualname__!r})(module)\n"
    )


def start_python(code: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start ``python -c code`` with both outputs piped; the caller waits for it."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        **options,
    )


def python(code: str, seconds: float = 60.0) -> str:
    """Run ``python -c code`` and return its stdout.

    Raises
    ------
    AssertionError
        If it fails or takes longer than `seconds`; ends with the last line of its stderr.
    """
    process = start_python(code)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"a Python process with the plugin did not end within {seconds:g} s") from None
    if process.returncode != 0:
        last = (err.strip().splitlines() or ["no message"])[-1]
        raise AssertionError(f"a Python process with the plugin ended with {process.returncode}: {last}")
    return out
