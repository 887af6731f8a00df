"""``nnff bench``: solve time and delta of every backend, in a folder that can be added to and compared."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnff.cli.certify_command import command_line
from nnff.cli.guard import EXIT_INTERRUPTED, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.bench import RunSpec, Suite
    from nnff.bench.benchmark import Rerun
    from nnff.bench.schedule import Choices
    from nnff.bench.store import Store

__all__ = ["app"]

_DEFAULT_OUTPUT = "nnff-bench"

app = typer.Typer(add_completion=False, help="Compare solvers and strategies on a suite of instances.")

_Json = Annotated[bool, typer.Option("--json", help="Print the analysis as JSON.")]
_ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 even if brackets do not meet.")]


@app.callback(invoke_without_command=True)
@guarded
def bench(
    *,
    ctx: typer.Context,
    suite: Annotated[str | None, typer.Option("--suite", metavar="NAME", help="Benchmark suite.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="DIR", help=f"Folder of the runs (default: {_DEFAULT_OUTPUT}/SUITE)."
        ),
    ] = None,
    solvers: Annotated[
        str | None,
        typer.Option("--solvers", metavar="A,B,...", help="Solver plugins (default: as the suite says)."),
    ] = None,
    strategies: Annotated[
        str | None, typer.Option("--strategies", metavar="A,B,...", help="Strategies.")
    ] = None,
    instances: Annotated[
        str | None, typer.Option("--instances", metavar="GLOB,...", help="Instances whose names fit.")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="0,1,2", help="Seeds.")] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="SECONDS", help="Wall seconds of a run.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of a solver.")] = None,
    gap: Annotated[float | None, typer.Option("--gap", help="Relative gap at which a run is closed.")] = None,
    memory_limit: Annotated[
        float | None, typer.Option("--memory-limit", metavar="MB", help="Address space of a run, in MB.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs at a time; more than 1 blurs times.")] = 1,
    full: Annotated[bool, typer.Option("--full", help="The suite's whole grid.")] = False,
    control: Annotated[
        bool, typer.Option("--control/--no-control", help="Repeat one run to see the machine's noise.")
    ] = True,
    rerun: Annotated[
        str, typer.Option("--rerun", metavar="WHICH", help="Make once more: timeouts, errors or all.")
    ] = "none",
    list_only: Annotated[
        bool, typer.Option("--list", help="Print what would be run, and how long at most.")
    ] = False,
    as_json: _Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    exit_zero: _ExitZero = False,
) -> None:
    """Run a suite: every instance with every solver, strategy and seed, each in a fresh process.

    What is finished in the folder is not repeated: an interrupted benchmark goes on with the same command,
    and two at a time share the work.  Exit code: 0; 1 brackets that do not meet; 2 wrong input; 4 solver
    missing; 130 interrupted, with the finished runs kept.
    """
    if ctx.invoked_subcommand is not None:
        return
    from nnff.bench.schedule import Choices, schedule  # noqa: PLC0415 - keeps --help fast
    from nnff.bench.store import Store  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415

    again = _rerun(rerun)
    made = _suite(suite, full=full)
    choices = Choices(
        backends=_names(solvers),
        strategies=_names(strategies),
        instances=_names(instances),
        seeds=_seeds(seeds),
        time_limit=time_limit,
        threads=threads,
        gap=gap,
        memory_limit=None if memory_limit is None else round(memory_limit * 1e6),
        full=full,
        control=control,
    )
    specs = schedule(made, choices)
    folder = OutputFolder(output or f"{_DEFAULT_OUTPUT}/{made.name}{'-full' if full else ''}")
    assert folder.path is not None
    store = Store(folder.path)
    store.refresh()
    if list_only:
        _list(specs, store, again, jobs=jobs, as_json=as_json)
        return
    if not _run(made, specs, store, choices, rerun=again, jobs=jobs, quiet=quiet):
        raise typer.Exit(EXIT_INTERRUPTED)
    from nnff.cli.bench_answer import publish  # noqa: PLC0415 - reports draw figures

    raise typer.Exit(publish(store, folder, command=command_line(), as_json=as_json, exit_zero=exit_zero))


@app.command("report")
@guarded
def report(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a benchmark.")],
    output: Annotated[
        str | None, typer.Option("--output", metavar="DIR", help="Where the files go (default: DIR).")
    ] = None,
    as_json: _Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    exit_zero: _ExitZero = False,
) -> None:
    """Analyse the finished runs of a folder again: all tables, runs.csv and report.html."""
    from nnff.bench.store import read_store  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.bench_answer import publish, warn  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415

    store = read_store(folder)
    warn(store.flaws)
    raise typer.Exit(
        publish(
            store,
            OutputFolder(output or str(folder)),
            command=command_line(),
            whole=True,
            as_json=as_json,
            as_markdown=as_markdown,
            exit_zero=exit_zero,
        )
    )


@app.command("compare")
@guarded
def compare_folders(
    *,
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Folder of a benchmark.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The same runs after a change.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    exit_zero: _ExitZero = False,
) -> None:
    """Compare the same runs before and after a change: times, solved instances, bounds.

    Exit code 1 when brackets do not meet, within a folder or across.
    """
    from nnff.bench.compare import compare  # noqa: PLC0415 - keeps --help fast
    from nnff.bench.store import read_store  # noqa: PLC0415
    from nnff.cli.bench_answer import print_comparison, warn  # noqa: PLC0415

    stores = [read_store(folder) for folder in (before, after)]
    warn(flaw for store in stores for flaw in store.flaws)
    comparison = compare(*(store.records for store in stores))
    raise typer.Exit(
        print_comparison(comparison, as_json=as_json, as_markdown=as_markdown, exit_zero=exit_zero)
    )


@app.command("export")
@guarded
def export(
    *,
    suite: Annotated[str | None, typer.Option("--suite", metavar="NAME", help="Benchmark suite.")] = None,
    instances: Annotated[
        str | None, typer.Option("--instances", metavar="GLOB,...", help="Instances whose names fit.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Of the suite's whole grid.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", metavar="DIR", help="Folder (default: nnff-bench/SUITE-mps).")
    ] = None,
) -> None:
    """Write the instances of which something is known as MPS files, with what their optima enclose.

    For whoever works on solvers: each file has a bound that no sound solver claims to improve on.
    """
    from nnff.bench.export import export_mps  # noqa: PLC0415 - keeps --help fast
    from nnff.bench.schedule import chosen_instances  # noqa: PLC0415
    from nnff.cli.answer import print_files  # noqa: PLC0415
    from nnff.cli.console import stderr_console, stdout_console  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415

    made = _suite(suite, full=full)
    chosen = chosen_instances(made, _names(instances))
    # Of a pattern those are meant of which something is known; if there are none, that is said.
    known = [instance.name for instance in chosen if instance.known is not None]
    names = None if instances is None else known or [instance.name for instance in chosen]
    folder = OutputFolder(output or f"{_DEFAULT_OUTPUT}/{made.name}-mps")
    assert folder.path is not None
    with stderr_console().status("encoding") as status:
        written = export_mps(
            made, folder.path, instances=names, on_instance=lambda name: status.update(f"encoding {name}")
        )
    print_files(stdout_console(), written)


def _suite(name: str | None, *, full: bool) -> Suite:
    from nnff.bench import load_suite  # noqa: PLC0415 - keeps --help fast
    from nnff.errors import ConfigError  # noqa: PLC0415
    from nnff.plugin import Kind, plugin_manager  # noqa: PLC0415

    if name is None:
        known = ", ".join(plugin_manager().found(Kind.SUITE)) or "none is installed"
        raise ConfigError(f"name a suite with --suite; known: {known}")
    return load_suite(name, full=full)


def _run(
    suite: Suite,
    specs: Sequence[RunSpec],
    store: Store,
    choices: Choices,
    *,
    rerun: Rerun,
    jobs: int,
    quiet: bool,
) -> bool:
    """Make the runs that are due; False if interrupted."""
    from nnff.bench.benchmark import Benchmark, due_runs, mixed_environments  # noqa: PLC0415
    from nnff.bench.schedule import solver_troubles  # noqa: PLC0415
    from nnff.cli.bench_answer import warn  # noqa: PLC0415
    from nnff.cli.bench_live import BenchTable  # noqa: PLC0415
    from nnff.cli.console import print_text, stderr_console  # noqa: PLC0415
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    benchmark = Benchmark(suite, specs, store, jobs=jobs, rerun=rerun)
    warn(store.flaws)
    if choices.backends is None and suite.backends is None:
        troubles = solver_troubles().items()
        warn(f"the solver {name} is not run: {trouble}" for name, trouble in troubles if trouble)
    due = {spec.key for spec in due_runs(specs, store, rerun)}
    finished = [record for record in benchmark.records if record.key not in due]
    if due:
        warn(mixed_environments(store.last_tries, benchmark.environment))
    with (
        BenchTable(specs, finished, quiet=quiet) as table,
        interruptible(SolveControl(), table.stopping) as control,
    ):
        benchmark.run(control, table.tell)
    if control.interrupted and table.done < table.total:
        print_text(
            stderr_console(),
            f"interrupted: {table.done} of {table.total} runs are finished and kept; "
            "the same command goes on",
        )
        return False
    return True


def _list(specs: Sequence[RunSpec], store: Store, rerun: Rerun, *, jobs: int, as_json: bool) -> None:
    """Print the runs in order, which of them are due, and how long these take at most."""
    from rich.text import Text  # noqa: PLC0415 - keeps --help fast

    from nnff.bench.benchmark import due_runs  # noqa: PLC0415
    from nnff.bench.harness import outer_limit  # noqa: PLC0415
    from nnff.cli.console import plain_table, print_text, stdout_console  # noqa: PLC0415
    from nnff.report.numbers import duration  # noqa: PLC0415

    due = {spec.key for spec in due_runs(specs, store, rerun)}
    if as_json:
        rows: list[dict[str, Any]] = [
            {"key": spec.key, "due": spec.key in due} | spec.model_dump(mode="json") for spec in specs
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    console = stdout_console()
    table = plain_table(header=True)
    for title in ("instance", "strategy", "solver", "seed", "limit", "", ""):
        table.add_column(title, justify="right" if title in ("seed", "limit") else "left")
    for spec in specs:
        control = f"control {spec.repeat}" if spec.role == "control" else ""
        state = "" if spec.key in due else "finished"
        limit = duration(spec.time_limit)
        cells = (spec.instance, spec.strategy, spec.backend, str(spec.seed), limit, control, state)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    ahead = [spec for spec in specs if spec.key in due]
    solving = duration(sum(spec.time_limit for spec in ahead) / jobs)
    at_most = duration(sum(outer_limit(spec) for spec in ahead) / jobs)
    print_text(
        console,
        f"{len(ahead)} of {len(specs)} runs to make: {solving} if every one takes its time limit, "
        f"at most {at_most}, when what does not stop is killed",
    )


def _rerun(name: str) -> Rerun:
    from nnff.bench.benchmark import Rerun  # noqa: PLC0415 - keeps --help fast
    from nnff.errors import UnknownNameError  # noqa: PLC0415

    names = [which.value for which in Rerun]
    if name not in names:
        raise UnknownNameError("choice of --rerun", name, names)
    return Rerun(name)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _seeds(text: str | None) -> tuple[int, ...] | None:
    from nnff.errors import ConfigError  # noqa: PLC0415 - keeps --help fast

    try:
        return None if text is None else tuple(int(word) for word in _names(text) or ())
    except ValueError:
        raise ConfigError(f"the seeds are {text!r}; write whole numbers such as 0,1,2") from None
