"""``nnff demo``: the whole story on data that ships with nnff, in under a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.guard import EXIT_INTERRUPTED, guarded

if TYPE_CHECKING:
    from nnff.certification import Certificate, Curve
    from nnff.cli.progress import ProgressLine
    from nnff.run import Run
    from nnff.solver import SolveControl

__all__ = ["Answers", "demo"]

_DEFAULT_OUTPUT = "nnff-demo"

_CURVE = (0.25, 0.5, 1.5, 2.0)
"""Further points of the curve, as multiples of epsilon; 0 and epsilon itself are there already."""

# Shares of the time limit: the main question keeps most of it.
_MAIN_SHARE, _REGION_SHARE, _FREE_SHARE = 0.46, 0.2, 0.1
_CURVE_SHARE = (1 - _MAIN_SHARE - _REGION_SHARE - _FREE_SHARE) / len(_CURVE)

_COVERAGE = 0.99
"""Share of the data that the plausible region holds."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the demo found out; what an interruption cut off is None.

    Attributes
    ----------
    main
        At the epsilon asked for.
    free
        At epsilon 0: what the sensitive attribute does alone.
    curve
        Both and some further epsilons.
    region
        As `main`, over a plausible region.
    """

    main: Certificate
    free: Certificate | None = None
    curve: Curve | None = None
    region: Certificate | None = None


@guarded
def demo(
    *,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="Distance up to which inputs are similar.")
    ] = 0.1,
    solver: Annotated[str, typer.Option("--solver", metavar="NAME", help="Solver plugin.")] = "highs",
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", help="Wall seconds for all solves together.")
    ] = 36.0,
    output: Annotated[
        str, typer.Option("--output", metavar="DIR", help="Folder for what is written.")
    ] = _DEFAULT_OUTPUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Train a small network on Boston housing and bracket its worst case.

    Shows what the data shows, what is possible, and what the sensitive attribute can do alone.  Under a
    minute; needs no connection.
    """
    from nnff.cli.console import stderr_console, stdout_console  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.demo_model import configuration, train  # noqa: PLC0415
    from nnff.cli.demo_story import print_story  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415
    from nnff.cli.progress import ProgressLine  # noqa: PLC0415
    from nnff.config import load_config  # noqa: PLC0415
    from nnff.network.onnx_write import write_onnx  # noqa: PLC0415
    from nnff.plugin import Kind, plugin_manager  # noqa: PLC0415
    from nnff.report import write_report  # noqa: PLC0415
    from nnff.run import prepare  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    began = time.perf_counter()
    _check(epsilon, solver, time_limit)
    plugin_manager().get(Kind.SOLVER, solver)
    folder = OutputFolder(output or _DEFAULT_OUTPUT)
    if not quiet:
        stderr_console().print("training a 13-8-1 sigmoid network on Boston housing", style="dim")
    model = train()
    text = configuration(model.dataset, epsilon=epsilon, solver=solver, time_limit=_MAIN_SHARE * time_limit)
    folder.write("model.onnx", lambda path: write_onnx(model.network, path))
    folder.write_text("nnff.toml", text)
    # From here on everything goes the way of `nnff certify nnff-demo/nnff.toml`.
    run = prepare(load_config(folder.target("nnff.toml"), environment={}))
    with ProgressLine(quiet=quiet) as line, interruptible(SolveControl(), line.stopping) as control:
        answers = _answer(run, time_limit, control, line)
    folder.write("certificate.json", answers.main.write)
    if answers.region is not None:
        folder.write("certificate-plausible.json", answers.region.write)
    folder.write(
        "report.html",
        lambda path: write_report(
            path,
            answers.main,
            curve=answers.curve,
            frame=run.frame,
            free_attribute=answers.free,
            plausible=answers.region,
            accuracy={"R2 on rows not seen in training": model.test_r2, "R2 in training": model.training_r2},
            command="nnff demo",
        ),
    )
    if as_json:
        typer.echo(answers.main.to_json())
    else:
        print_story(
            stdout_console(),
            answers,
            model=model,
            run=run,
            files=folder.written,
            seconds=time.perf_counter() - began,
        )
    if control.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def _check(epsilon: float, solver: str, time_limit: float) -> None:
    """Refuse nonsense before anything is trained or written, in the words of the configuration."""
    from nnff.config import load_config  # noqa: PLC0415 - keeps --help fast

    flags = {"similarity.epsilon": epsilon, "solver.name": solver, "solver.time_limit": time_limit}
    names = {
        "similarity.epsilon": "--epsilon",
        "solver.name": "--solver",
        "solver.time_limit": "--time-limit",
    }
    load_config(flags=flags, flag_names=names, environment={})


def _answer(run: Run, time_limit: float, control: SolveControl, line: ProgressLine) -> Answers:
    """Ask the main question, then where data lies, the sensitive attribute's share, the rest of the curve."""
    from nnff.certification import Curve  # noqa: PLC0415 - keeps --help fast

    def ask(title: str, epsilon: float, seconds: float, asked: Run = run) -> Certificate:
        line.begin(title)
        now = time.perf_counter()
        return asked.certify(
            epsilon, started=now, time_limit=seconds, control=control, on_progress=line.update
        )

    epsilon = run.config.epsilon
    main = ask("worst pair", epsilon, _MAIN_SHARE * time_limit)
    if control.interrupted:
        return Answers(main)
    region = ask("where data lies", epsilon, _REGION_SHARE * time_limit, run.within(_COVERAGE))
    if control.interrupted:
        return Answers(main, region=region)
    free = ask("B alone", 0.0, _FREE_SHARE * time_limit) if epsilon > 0 else main
    found = [main, free] if epsilon > 0 else [main]
    for factor in _CURVE if epsilon > 0 else ():
        if control.interrupted:
            break
        # Twelve digits, so that 3 * 0.1 / 2 is called 0.15.
        at = float(f"{factor * epsilon:.12g}")
        found.append(ask(f"curve at {at:g}", at, _CURVE_SHARE * time_limit))
    return Answers(main, free, Curve.from_certificates(found), region)
