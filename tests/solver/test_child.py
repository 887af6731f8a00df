from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nnff.errors import SolverError
from nnff.solver import SolveControl
from nnff.solver.child import EndReason, LogTail, SolverChild, outer_limit

HANG = "import time\nwhile True: time.sleep(1)"
DEAF = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "while True: time.sleep(1)"
)
# Grandchildren: one in the solver's group, one in a session of its own, orphaned at once.
SPAWN = """
import os, pathlib, subprocess, sys, time
hang = [sys.executable, "-c", "import time\\nwhile True: time.sleep(1)"]
near = subprocess.Popen(hang)
if os.fork() == 0:
    far = subprocess.Popen(hang, start_new_session=True)
    pathlib.Path(sys.argv[1]).joinpath("far").write_text(str(far.pid))
    os._exit(0)
os.wait()
pathlib.Path(sys.argv[1]).joinpath("near").write_text(str(near.pid))
pathlib.Path(sys.argv[1]).joinpath("self").write_text(str(os.getpid()))
print("spawned", flush=True)
"""

# A parent process: runs argv[1] as the child, tells the folder.
PARENT = """
import pathlib, sys
from nnff.solver.child import SolverChild
with SolverChild() as child:
    (child.folder / "input").write_text("x" * 1000)
    pathlib.Path(sys.argv[2]).joinpath("folder").write_text(str(child.folder))
    child.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], log=child.folder / "log")
"""


def running(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be reaped."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def eventually(condition, what: str) -> None:
    """Wait for something that must happen; generous, for busy machines."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.02)


def read_pid(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().strip(), f"{path.name} is written")
    return int(path.read_text())


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_output_goes_to_the_log_and_the_folder_goes_away():
    with SolverChild() as child:
        code = "import os, sys; print(os.getcwd()); print('oops', file=sys.stderr); sys.exit(3)"
        end = child.run(python(code), log=child.folder / "log")
        assert (end.reason, end.returncode) == (EndReason.EXITED, 3)
        assert (child.folder / "log").read_text().split() == [str(child.folder.resolve()), "oops"]
        end = child.run(python("print('again')"), log=child.folder / "log")
        assert (end.returncode, (child.folder / "log").read_text()) == (0, "again\n")
    assert not child.folder.exists()


def test_more_output_than_a_pipe_holds():
    with SolverChild() as child:
        end = child.run(python("print('x' * 3_000_000)"), log=child.folder / "log")
        assert end.returncode == 0
        assert (child.folder / "log").stat().st_size == 3_000_001


def test_a_crash_is_told_by_its_signal():
    with SolverChild() as child:
        end = child.run(
            python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), log=child.folder / "log"
        )
    assert (end.reason, end.returncode) == (EndReason.EXITED, -signal.SIGSEGV)
    assert not child.folder.exists()


def test_the_memory_of_a_child_is_its_own_and_not_what_it_inherited():
    mine = bytearray(200 * 2**20)
    mine[::4096] = b"x" * len(mine[::4096])  # resident, not just promised
    small, large = "pass", "x = bytearray(100 * 2**20); x[::4096] = b'x' * len(x[::4096])"
    with SolverChild() as child:
        first = child.run([sys.executable, "-c", small], log=child.folder / "log")
        second = child.run([sys.executable, "-c", large], log=child.folder / "log")
    assert 2**20 < first.peak_memory < 60 * 2**20
    assert 100 * 2**20 < second.peak_memory < 160 * 2**20
    assert SolverChild.peak_memory >= second.peak_memory


def test_a_program_that_does_not_exist_raises():
    with SolverChild() as child, pytest.raises(SolverError, match=r"cannot be started.*no-such-solver"):
        child.run(["/no-such-solver"], log=child.folder / "log")
    assert not child.folder.exists()


def test_a_log_that_cannot_be_written_raises(tmp_path):
    with SolverChild() as child, pytest.raises(SolverError, match="missing"):
        child.run(python("pass"), log=tmp_path / "missing" / "log")


def test_the_wall_limit_stops_a_child_that_hangs():
    with SolverChild() as child:
        end = child.run(python(HANG), log=child.folder / "log", wall_limit=0.3)
    # Python dies of SIGINT by KeyboardInterrupt, so the polite signal was enough.
    assert (end.reason, end.returncode) == (EndReason.WALL_LIMIT, -signal.SIGINT)


def test_the_wall_limit_stops_a_child_that_ignores_signals(tmp_path):
    with SolverChild(interrupt_grace=0.2, terminate_grace=0.2) as child:
        end = child.run(python(DEAF), log=tmp_path / "log", wall_limit=1.0)
    assert (end.reason, end.returncode) == (EndReason.WALL_LIMIT, -signal.SIGKILL)
    assert (tmp_path / "log").read_text() == "deaf\n"


def test_interruption_lets_a_willing_child_finish(tmp_path):
    code = (
        "import pathlib, sys, time\n"
        "try:\n"
        "    pathlib.Path(sys.argv[1]).touch()\n"
        "    time.sleep(600)\n"
        "except KeyboardInterrupt:\n"
        "    print('bound 7'); sys.exit(5)\n"
    )
    control = SolveControl()
    ready = tmp_path / "ready"
    with SolverChild() as child:
        end = child.run(
            python(code, ready),
            log=tmp_path / "log",
            control=control,
            on_tick=lambda: control.interrupt() if ready.exists() else None,
        )
    assert (end.reason, end.returncode) == (EndReason.INTERRUPTED, 5)
    assert (tmp_path / "log").read_text() == "bound 7\n"


def test_grandchildren_die_with_the_child(tmp_path):
    with SolverChild() as child:
        end = child.run(python(SPAWN, tmp_path), log=child.folder / "log")
        assert (end.reason, end.returncode) == (EndReason.EXITED, 0)
        # By the time the end is reported they are gone already, session of their own or not.
        for name in ("near", "far", "self"):
            assert not running(int((tmp_path / name).read_text())), name


def test_the_log_is_followed_line_by_line(tmp_path):
    code = (
        "import time\nfor i in range(5): print(i, flush=True); time.sleep(0.05)\nprint('unfinished', end='')"
    )
    lines: list[str] = []
    with SolverChild() as child:
        tail = LogTail(child.folder / "log", lines.append)
        child.run(python(code), log=child.folder / "log", on_tick=tail)
    assert lines == ["0", "1", "2", "3", "4"]


def test_an_error_in_the_parent_leaves_nothing(tmp_path):
    def fail() -> None:
        if (tmp_path / "self").exists():
            raise ZeroDivisionError

    code = SPAWN + HANG
    with pytest.raises(ZeroDivisionError), SolverChild() as child:
        child.run(python(code, tmp_path), log=child.folder / "log", on_tick=fail)
    assert not child.folder.exists()
    for name in ("near", "far", "self"):
        assert not running(int((tmp_path / name).read_text())), name


def test_losing_the_keeper_kills_the_child_and_is_told(tmp_path):
    code = "import os, pathlib, sys\npathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {os.getppid()}')\n"
    pids = tmp_path / "pids"

    def kill_keeper() -> None:
        if pids.exists() and len(words := pids.read_text().split()) == 2:
            os.kill(int(words[1]), signal.SIGKILL)

    with SolverChild() as child:
        try:
            end = child.run(python(code + HANG, pids), log=tmp_path / "log", on_tick=kill_keeper)
        except ProcessLookupError:  # the last tick finds it dead already
            end = None
    assert end is None or (end.reason, end.returncode) == (EndReason.LOST, None)
    eventually(lambda: not running(int(pids.read_text().split()[0])), "the child has died")
    assert not child.folder.exists()


def start_parent(tmp_path: Path, code: str) -> tuple[subprocess.Popen[bytes], Path]:
    place = tmp_path / "temporary"
    place.mkdir()
    parent = subprocess.Popen(
        python(PARENT, code, tmp_path),
        env=os.environ | {"TMPDIR": str(place)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return parent, place


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("code", [SPAWN + HANG, SPAWN + DEAF], ids=["hanging", "deaf"])
def test_death_of_the_parent_leaves_no_process_and_no_file(tmp_path, how, code):
    parent, place = start_parent(tmp_path, code)
    pids = [read_pid(tmp_path / name) for name in ("near", "far", "self")]
    assert all(running(pid) for pid in pids)
    assert list(place.iterdir()), "the folder is there while the child runs"
    parent.send_signal(how)
    assert parent.wait(30) != 0
    eventually(lambda: not any(running(pid) for pid in pids), "all processes have died")
    eventually(lambda: not list(place.iterdir()), "the folder is gone")


def test_a_fork_that_holds_the_pipe_open_changes_nothing(tmp_path):
    # As multiprocessing's forks do: the keeper's input never ends, but its parent is another one.
    fork = (
        "import os, pathlib, sys, threading, time\n"
        "def later():\n"
        "    pathlib.Path(sys.argv[2], 'go').exists() or time.sleep(0.2)\n"
        "    if os.fork() == 0:\n"
        "        pathlib.Path(sys.argv[2], 'fork').write_text(str(os.getpid()))\n"
        "        time.sleep(600)\n"
        "threading.Timer(0.5, later).start()\n"
    )
    place = tmp_path / "temporary"
    place.mkdir()
    parent = subprocess.Popen(
        python(fork + PARENT, SPAWN + HANG, tmp_path),
        env=os.environ | {"TMPDIR": str(place), "PYTHONWARNINGS": "ignore"},
        start_new_session=True,
    )
    fork_pid = read_pid(tmp_path / "fork")
    pids = [read_pid(tmp_path / name) for name in ("near", "far", "self")]
    try:
        parent.kill()
        parent.wait(30)
        assert running(fork_pid)
        eventually(lambda: not any(running(pid) for pid in pids), "all processes have died")
        eventually(lambda: not list(place.iterdir()), "the folder is gone")
    finally:
        os.kill(fork_pid, signal.SIGKILL)


def test_children_in_threads_do_not_meet():
    ends: list[str] = []

    def work(word: str) -> None:
        with SolverChild() as child:
            child.run(python(f"import time; time.sleep(0.2); print('{word}')"), log=child.folder / "log")
            ends.append((child.folder / "log").read_text().strip())

    threads = [threading.Thread(target=work, args=(word,)) for word in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == list("abcd")


def test_outer_limit():
    assert outer_limit(None) is None
    assert outer_limit(10.0, grace=1.0) == 12.0
