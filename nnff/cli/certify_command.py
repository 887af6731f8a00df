"""``nnff certify``: one bracket, one verdict, one certificate."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.flags import configured
from nnff.cli.guard import guarded
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from nnff.config import Config

__all__ = ["certify", "command_line"]


@guarded
@configured
def certify(
    *,
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="Also delta when one feature moves alone, or not at all."),
    ] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever the verdict.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Bracket how far apart the outputs for two similar inputs can be.

    Exit code: 0 certified, or no delta asked for; 1 violated; 3 undecided; 2 wrong input; 4 solver missing;
    130 interrupted, with the bracket so far.  The time limit holds for the certificate, and once more for
    --sensitivity.
    """
    from nnff.cli.answer import exit_code, print_answer, print_files, print_sensitivity  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import stdout_console  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415
    from nnff.cli.progress import ProgressLine  # noqa: PLC0415
    from nnff.report import write_report  # noqa: PLC0415
    from nnff.run import prepare  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    if sensitivity and (config.certify.question == "flip" or config.model.output_index == "max"):
        raise ConfigError("--sensitivity is of one output's difference; choose an output, and no flip")
    epsilon = config.epsilon
    folder = OutputFolder(config.output.dir)
    run = prepare(config)
    with (
        ProgressLine("certify", quiet=quiet) as line,
        interruptible(SolveControl(), line.stopping) as control,
    ):
        certificate = run.certify(epsilon, control=control, on_progress=line.update)
        features = None
        if sensitivity and not control.interrupted:
            features = run.sensitivity(certificate, control=control, on_progress=line.about)
    folder.write("certificate.json", certificate.write)
    if features is not None:
        folder.write_text("sensitivity.csv", features.to_frame().to_csv(index=False))
    if report:
        folder.write(
            "report.html",
            lambda path: write_report(
                path, certificate, frame=run.frame, sensitivity=features, command=command_line()
            ),
        )
    if as_json:
        typer.echo(certificate.to_json())
    else:
        console = stdout_console()
        print_answer(console, certificate, units=run.units)
        if features is not None:
            print_sensitivity(console, features)
        print_files(console, folder.written)
    raise typer.Exit(exit_code(certificate, exit_zero=exit_zero))


def command_line() -> str:
    """Return the command as it could be typed again."""
    return shlex.join(["nnff", *sys.argv[1:]])
