"""Conformance checks of a backend: options, files, output, imports."""

# ruff: noqa: D401 - a docstring says what must hold, and is shown to users as it stands

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import UnsupportedOptionError
from nnff.plugin import Kind, plugin_manager
from nnff.solver import (
    Availability,
    Capability,
    SolveControl,
    SolveOptions,
    SolveResult,
    Termination,
)
from nnff.testing import instances
from nnff.testing.capture import watch_output
from nnff.testing.children import load_expression, python
from nnff.testing.outcome import SkipCheck
from nnff.testing.solver_subject import check, close_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.testing.solver_subject import Subject


@check
def check_identity(subject: Subject) -> None:
    """Name, capabilities, availability and version are what the contract says; results carry them."""
    backend = subject.backend
    assert isinstance(backend.name, str), "the name is not a string"
    assert backend.name, "the name is empty"
    assert isinstance(backend.capabilities, frozenset), "capabilities is not a frozenset"
    assert all(isinstance(item, Capability) for item in backend.capabilities), (
        "a capability is not a Capability"
    )
    found = type(backend).availability()
    assert isinstance(found, Availability), "availability() does not return an Availability"
    version = backend.version()
    assert isinstance(version, str), "the version is not a string"
    assert any(c.isdigit() for c in version), f"the version {version!r} holds no digit"
    result = subject.solve(instances.knapsack(0).problem)
    assert (result.solver, result.version) == (backend.name, version), (
        f"the result names {result.solver!r} {result.version!r}, the backend is {backend.name!r} {version!r}"
    )
    assert "solve" in result.timings, f"timings without 'solve': {sorted(result.timings)}"
    assert all(math.isfinite(t) and t >= 0 for t in result.timings.values()), "a timing is negative or absurd"
    assert result.raw_status, "raw_status is empty"


@check
def check_results_pickle(subject: Subject) -> None:
    """A result survives pickling, with equal content."""
    result = subject.solve(instances.knapsack(0).problem)
    again = pickle.loads(pickle.dumps(result))  # noqa: S301 - what we have just pickled
    assert isinstance(again, SolveResult), f"unpickled, a result is a {type(again).__name__}"
    assert again == result, "unpickled, a result differs from itself"


@check
def check_availability_imports_nothing(subject: Subject) -> None:
    """Importing the plugin and asking whether it is available loads no package that it requires."""
    code = (
        load_expression(type(subject.backend)) + "import json\n"
        "before = set(sys.modules)\n"
        "plugin.availability()\n"
        "print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))\n"
    )
    imported, added = json.loads(python(code).splitlines()[-1])
    own = type(subject.backend).__module__.partition(".")[0]
    known = {*sys.stdlib_module_names, "nnff", own, "plugin_under_test"}
    foreign = sorted({name.partition(".")[0] for name in added} - known)
    assert not foreign, f"availability() imports {', '.join(foreign)}"
    early = sorted(set(_required(subject)) & {name.partition(".")[0] for name in imported})
    assert not early, f"importing the backend imports {', '.join(early)}"


def _required(subject: Subject) -> tuple[str, ...]:
    """Return the import names that the plugin's own spec says it needs."""
    found = plugin_manager().found(Kind.SOLVER).get(subject.backend.name)
    return found.spec.requires if found else ()


@check
def check_nothing_printed(subject: Subject) -> None:
    """Nothing reaches stdout or stderr: not a banner, not a word at the end, not from a child."""
    with watch_output() as printed:
        subject.backend.version()
        subject.solve(instances.knapsack(0).problem)
        for integer in (True, False):
            with contextlib.suppress(SkipCheck):
                subject.solve(instances.row_kinds(integer=integer).problem)
        subject.solve(instances.dense_problem([1], [[1]], [(5, 9)], [(0, 2)], [True]))
    for stream in ("stdout", "stderr"):
        text = getattr(printed, stream).strip()
        assert not text, f"written to {stream}: {text.splitlines()[0][:80]!r}"


@check
def check_log_file(subject: Subject) -> None:
    """The log goes to the file that was asked for, and only there."""
    subject.needs(Capability.LOG)
    with tempfile.TemporaryDirectory() as folder, watch_output() as printed:
        path = Path(folder) / "solver.log"
        result = subject.solve(instances.knapsack(0).problem, log_path=path)
        assert result.log_path == path, f"log_path is {result.log_path}"
        assert path.is_file(), "no log was written"
        assert path.read_text(encoding="utf-8", errors="replace").strip(), "the log is empty"
    assert not printed.stdout.strip(), "the log went to stdout as well"


@check
def check_no_files_left(subject: Subject) -> None:
    """No file stays behind in the temporary folder or the working folder, after an end or a limit."""
    with tempfile.TemporaryDirectory() as folder:
        with _standing_in(folder):
            subject.solve(instances.knapsack(0).problem)
            if Capability.TIME_LIMIT in subject.backend.capabilities:
                subject.solve(subject.hard(incumbent=False).problem, time_limit=0.3)
            if Capability.INTERRUPT in subject.backend.capabilities:
                control = SolveControl()
                timer = threading.Timer(0.3, control.interrupt)
                timer.start()
                subject.solve(subject.hard(incumbent=False).problem, control=control)
                timer.join()
        left = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
    assert not left, f"left behind: {', '.join(left[:3])}"


@contextlib.contextmanager
def _standing_in(folder: str) -> Iterator[None]:
    """Make `folder` the working folder and the place for temporary files."""
    kept, default = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"], tempfile.tempdir = folder, None
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        tempfile.tempdir = default
        if kept is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = kept


@check
def check_options_do_not_leak(subject: Subject) -> None:
    """What one solve was told does not change the next one, of the same backend or a new one."""
    planted = instances.knapsack(3, scale=10**5)
    claimed = subject.backend.capabilities
    wanted: dict[Capability, dict[str, Any]] = {
        Capability.GAP: {"relative_gap": 0.9},
        Capability.NODE_LIMIT: {"node_limit": 0},
        Capability.TIME_LIMIT: {"time_limit": 1e-3},
        Capability.TOLERANCES: {"feasibility_tolerance": 1e-4, "integrality_tolerance": 1e-3},
        Capability.BOUND_STOP: {"bound_stop": -1e12},
        Capability.OBJECTIVE_STOP: {"objective_stop": 1e12},
        Capability.SEED: {"seed": 7},
        Capability.THREADS: {"threads": 2},
    }
    before = subject.optimum(planted)
    for capability, options in wanted.items():
        if capability not in claimed:
            continue
        subject.solve(planted.problem, **options)
        result = subject.optimum(planted)
        assert close_to(result.objective, planted.value, 1e-9), f"after {options}: not the exact optimum"
        assert dict(result.applied) == dict(before.applied), f"after {options}: other options are applied"


@check
def check_unsupported_options_raise(subject: Subject) -> None:
    """What the backend does not claim raises, and so does a native option that does not exist."""
    problem = instances.knapsack(0).problem
    asked: dict[Capability, dict[str, Any]] = {
        Capability.TIME_LIMIT: {"time_limit": 10.0},
        Capability.GAP: {"relative_gap": 0.1},
        Capability.THREADS: {"threads": 2},
        Capability.SEED: {"seed": 3},
        Capability.NODE_LIMIT: {"node_limit": 100},
        Capability.BOUND_STOP: {"bound_stop": -1e9},
        Capability.OBJECTIVE_STOP: {"objective_stop": -1e9},
        Capability.LOG: {"log_path": Path("never-written.log")},
    }
    cases = [
        options for capability, options in asked.items() if capability not in subject.backend.capabilities
    ]
    for options in [*cases, {"native": {"no_such_option_of_any_solver": 1}}]:
        try:
            subject.backend.solve(problem, SolveOptions(**options))
        except UnsupportedOptionError as error:
            assert str(error), f"{options}: an error without a message"  # noqa: PT017
        else:
            raise AssertionError(f"{options} is not supported and was silently dropped")


@check
def check_seed_repeats(subject: Subject) -> None:
    """The same problem, seed and options give the same result, bit for bit."""
    subject.needs(Capability.SEED)
    problems = [instances.knapsack(4).problem]
    options: dict[str, Any] = {"seed": 11, "threads": 1}
    runs = [[subject.solve(problem, **options) for _ in range(2)] for problem in problems]
    if Capability.NODE_LIMIT in subject.backend.capabilities:
        hard = subject.hard(incumbent=True).problem
        runs.append([subject.solve(hard, **options, node_limit=2) for _ in range(2)])
    for first, second in runs:
        assert first.bound == second.bound, f"bounds {first.bound!r} and {second.bound!r}"
        assert first.nodes == second.nodes, f"{first.nodes} and {second.nodes} nodes"
        same = (first.x is None) == (second.x is None)
        if first.x is not None and second.x is not None:
            same = np.array_equal(first.x, second.x)
        assert same, "the points differ"


@check
def check_threads_change(subject: Subject) -> None:
    """The number of threads can change from solve to solve."""
    subject.needs(Capability.THREADS)
    for threads in (1, 2, 1, None):
        subject.optimum(instances.knapsack(1), threads=threads)


@check
def check_start_is_a_hint(subject: Subject) -> None:
    """A good start is used; a wrong, infeasible or absurd one does no harm."""
    subject.needs(Capability.START)
    planted = instances.knapsack(2)
    n = planted.problem.n_columns
    for start in (
        planted.point,
        np.zeros(n),
        np.ones(n),
        np.full(n, -7.5),
        np.full(n, 1e30),
        np.full(n, math.nan),
    ):
        result = subject.solve(planted.problem, start=start)
        assert result.termination is Termination.OPTIMAL, (
            f"with the start {start[0]}...: {result.termination}"
        )
        assert close_to(result.objective, planted.value), f"with the start {start[0]}...: {result.objective}"
        subject.sound(planted, result)
    if Capability.TIME_LIMIT in subject.backend.capabilities:
        hard = subject.hard(incumbent=False)
        result = subject.solve(hard.problem, start=hard.point, time_limit=1.0)
        assert result.objective is not None, "the feasible point given as start was not taken up"
        assert result.objective <= hard.value + 1e-6 * abs(hard.value), "the start's objective was lost"
        subject.sound(hard, result)
