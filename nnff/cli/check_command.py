"""``nnff check``: whether a solver or a metric keeps its contract, one line per check."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.testing import CheckOutcome

__all__ = ["app"]

EXIT_CHECK_FAILED = 1

app = typer.Typer(
    no_args_is_help=True,
    help="Check that a plugin keeps its contract, one line per check.",
    add_completion=False,
)

_Only = Annotated[str | None, typer.Option("--only", metavar="A,B,...", help="These checks alone.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")]


@app.command("solver")
@guarded
def check_solver(
    *,
    name: Annotated[str, typer.Argument(help="Solver plugin.")],
    instance: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="MPS file of a known instance to solve as well, such as relu_13_32_1_boston.mps.gz.",
        ),
    ] = None,
    only: _Only = None,
    as_json: _Json = False,
) -> None:
    """Check a solver backend.  Exit code 1 when a check fails, 4 when the solver is not installed."""
    from nnff.cli.console import stderr_console  # noqa: PLC0415 - keeps --help fast
    from nnff.errors import DataError  # noqa: PLC0415
    from nnff.solver import solver  # noqa: PLC0415
    from nnff.testing.solvers import check_backend  # noqa: PLC0415

    backend = solver(name)
    if instance is not None and not instance.is_file():
        raise DataError(f"there is no instance file {instance}")
    with stderr_console().status(f"checking {name}, about half a minute"):
        outcomes = check_backend(backend, instance=instance, only=names_in(only))
    _report(outcomes, as_json=as_json)


@app.command("metric")
@guarded
def check_similarity(
    *,
    name: Annotated[str, typer.Argument(help="Metric plugin.")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PARAMETER=VALUE", help="Parameter of the metric; may be repeated."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Check a similarity metric.  Exit code 1 when a check fails."""
    from nnff.config import load_config  # noqa: PLC0415 - keeps --help fast
    from nnff.errors import ConfigError  # noqa: PLC0415
    from nnff.similarity import metric  # noqa: PLC0415
    from nnff.testing.metrics import check_metric  # noqa: PLC0415

    flags = {"similarity.metric": name}
    for assignment in parameters or ():
        key, sign, value = assignment.partition("=")
        if not sign:
            raise ConfigError(f"--set {assignment}: write it as parameter=value")
        flags[f"similarity.{key.strip()}"] = value
    config = load_config(flags=flags, environment={})
    _report(check_metric(metric(name, **config.metric_parameters)), as_json=as_json)


def names_in(text: str | None) -> list[str] | None:
    """Split a comma-separated list; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _report(outcomes: Sequence[CheckOutcome], *, as_json: bool) -> None:
    """Print one line per check and the count, and exit."""
    from rich.text import Text  # noqa: PLC0415 - keeps --help fast

    from nnff.cli.console import print_text, stdout_console  # noqa: PLC0415
    from nnff.testing import Status, all_ok  # noqa: PLC0415

    passed = all_ok(outcomes)
    if as_json:
        typer.echo(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        console = stdout_console()
        style = {Status.PASSED: "green", Status.SKIPPED: "dim", Status.EXPECTED_FAILURE: "yellow"}
        width = max((len(outcome.status.value) for outcome in outcomes), default=0)
        for outcome in outcomes:
            line = Text.assemble((f"{outcome.status.value:<{width}}", style.get(outcome.status, "bold red")))
            line.append(f"  {outcome.name}")
            if outcome.detail:
                line.append(f"  {outcome.detail}", style="dim")
            print_text(console, line)
        failed = sum(not outcome.status.ok for outcome in outcomes)
        console.print(
            f"\n{len(outcomes)} checks, " + ("none failed" if passed else f"[red]{failed} failed[/]")
        )
    raise typer.Exit(0 if passed else EXIT_CHECK_FAILED)
