"""``nnff local``: a bracket around every row of a file."""

from __future__ import annotations

import json
import math
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.flags import configured
from nnff.cli.guard import EXIT_INTERRUPTED, EXIT_UNDECIDED, EXIT_VIOLATED, guarded
from nnff.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.console import Console

    from nnff.certification.local_bracket import LocalBracket, LocalCertificates
    from nnff.config import Config
    from nnff.network import Network
    from nnff.run import Run
    from nnff.values import FloatArray

__all__ = ["local"]

_STORE = "local.jsonl"


@guarded
@configured
def local(
    *,
    config: Config,
    rows: Annotated[
        Path | None,
        typer.Option("--rows", metavar="FILE", help="CSV file of rows; default: the data rows."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes side by side.", min=1)] = 1,
    total_time_limit: Annotated[
        float, typer.Option("--total-time-limit", metavar="SECONDS", help="Wall seconds for all rows.")
    ] = math.inf,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep what an earlier run has answered.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary and rows as JSON.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever the verdicts.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Bracket how far the output of a similar input can be from that of each given row.

    The time limit holds for each row.  With --delta or --question flip: the share of rows that are
    certified, between two bounds.  Writes local.csv, and local.jsonl as it goes, from which an interrupted
    run is taken up.  Exit code: 0 all certified, or nothing asked; 1 a row is violated; 3 undecided; 130
    interrupted.
    """
    from nnff.cli.answer import print_files  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import stdout_console  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415
    from nnff.cli.progress import CountLine  # noqa: PLC0415
    from nnff.run import prepare  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    if not total_time_limit > 0:
        raise ConfigError(f"--total-time-limit is {total_time_limit:g}; it must be a positive number")
    folder = OutputFolder(config.output.dir)
    run = prepare(config)
    table = _rows(run, rows)
    store = _Store(folder.path, resume=resume)
    with (
        CountLine("local", len(table), quiet=quiet) as line,
        interruptible(SolveControl(), line.stopping) as control,
    ):

        def take(bracket: LocalBracket) -> None:
            store.add(bracket)
            line.count()

        found = run.local(
            table,
            workers=workers,
            total_time_limit=total_time_limit,
            known=store.known,
            control=control,
            on_row=take,
        )
    folder.write_text("local.csv", found.to_frame().to_csv(index=False))
    if as_json:
        typer.echo(_as_json(found))
    else:
        console = stdout_console()
        _print(console, found)
        print_files(console, folder.written)
    raise typer.Exit(_exit_code(found, interrupted=control.interrupted, exit_zero=exit_zero))


class _Store:
    """Finished rows, appended to a file as they come: a run that is stopped loses none of them."""

    def __init__(self, folder: Path | None, *, resume: bool) -> None:
        self._path = None if folder is None else folder / _STORE
        self.known: dict[str, LocalBracket] = {}
        if self._path is not None and self._path.exists():
            if resume:
                self._read(self._path)
            else:
                self._path.unlink()

    def _read(self, path: Path) -> None:
        from nnff.certification import LocalBracket, Reason  # noqa: PLC0415 - keeps --help fast

        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                bracket = LocalBracket.from_record(json.loads(line))
            except (ValueError, DataError):
                # The last line of a run that was killed may be cut off; the row is asked again.
                continue
            if bracket.reason is not Reason.INTERRUPTED:
                self.known[bracket.key] = bracket

    def add(self, bracket: LocalBracket) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(bracket.to_record()) + "\n")


def _rows(run: Run, path: Path | None) -> FloatArray:
    if path is None:
        if run.rows is None:
            raise ConfigError("there are no rows; name a CSV file with --rows, or data with --data")
        return run.rows
    return _read_rows(path, run.network)


def _read_rows(path: Path, network: Network) -> FloatArray:
    """Read the network's inputs from a file: by name, or in order where the names are not the network's."""
    from nnff.datasets import read_csv  # noqa: PLC0415 - keeps --help fast

    try:
        return read_csv(path, features=network.feature_names).rows(network.feature_names)
    except DataError:
        data = read_csv(path)
        if (
            set(network.feature_names) <= set(data.feature_names)
            or len(data.feature_names) != network.n_inputs
        ):
            raise
        return data.rows()


def _print(console: Console, found: LocalCertificates) -> None:
    from nnff.cli.console import plain_table, print_text  # noqa: PLC0415 - keeps --help fast
    from nnff.report.numbers import at_least, at_most  # noqa: PLC0415

    print_text(console, found.sentence)
    console.print()
    table = plain_table(header=True)
    for title in ("row", "output", "lower", "upper", "verdict"):
        table.add_column(title, justify="left" if title == "verdict" else "right")
    worst = sorted(found.brackets, key=lambda b: -b.delta_upper)
    shown = worst[:_SHOWN]
    for bracket in shown:
        verdict = "" if bracket.verdict is None else bracket.verdict.value
        table.add_row(
            str(bracket.row + 1),
            f"{bracket.output:.6g}",
            str(at_least(bracket.delta_lower, 4)),
            str(at_most(bracket.delta_upper, 4)),
            verdict,
        )
    console.print(table)
    if len(worst) > len(shown):
        console.print(f"and {len(worst) - len(shown):,} more", style="dim")


_SHOWN = 10
"""Rows with the largest bounds are printed; all are in the file."""


def _as_json(found: LocalCertificates) -> str:
    answer: dict[str, object] = {"sentence": found.sentence, "epsilon": found.epsilon, "delta": found.delta}
    if found.delta is not None or found.question.threshold is not None:
        share = found.share()
        answer |= {
            "certified": share.certified,
            "violated": share.violated,
            "share_lower": share.lower,
            "share_upper": share.upper,
        }
    answer["rows"] = [bracket.to_record() for bracket in found.brackets]
    return json.dumps(answer, indent=2)


def _exit_code(found: LocalCertificates, *, interrupted: bool, exit_zero: bool) -> int:
    verdicts = {None if b.verdict is None else b.verdict.value for b in found.brackets}
    if interrupted:
        return EXIT_INTERRUPTED
    if exit_zero or verdicts <= {None, "certified"}:
        return 0
    return EXIT_VIOLATED if "violated" in verdicts else EXIT_UNDECIDED
