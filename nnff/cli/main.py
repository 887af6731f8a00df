"""The program ``nnff``."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from nnff.cli import bench_command, check_command
from nnff.cli.certify_command import certify
from nnff.cli.curve_command import curve
from nnff.cli.demo_command import demo
from nnff.cli.guard import EXIT_INTERNAL, EXIT_INTERRUPTED, complain
from nnff.cli.learn_command import learn_metric
from nnff.cli.local_command import local
from nnff.cli.plugins_command import plugins
from nnff.cli.train_command import train

__all__ = ["app", "main"]

app = typer.Typer(
    name="nnff",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How far apart can the outputs of a neural network for two similar inputs be?  "
    "Proven from above, shown by a real pair from below.",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        from nnff import __version__  # noqa: PLC0415 - no need to know otherwise

        typer.echo(f"nnff {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command("demo")(demo)
app.command("certify")(certify)
app.command("curve")(curve)
app.command("learn-metric")(learn_metric)
app.command("train")(train)
app.command("local")(local)
app.command("plugins")(plugins)
app.add_typer(check_command.app, name="check")
app.add_typer(bench_command.app, name="bench")


def main() -> None:
    """Run the command line; never returns.

    Commands handle their own errors (see `nnff.cli.guard`); what is caught
    here went wrong before or after one.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no lines or Greek letters shows question marks instead of nothing at all.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        complain("internal", f"this is a mistake in nnff ({type(error).__name__}: {error})")
        sys.exit(EXIT_INTERNAL)
