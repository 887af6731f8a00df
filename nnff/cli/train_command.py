"""``nnff train``: a family of networks, one per lambda, with accuracy and certified unfairness of each."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.flags import configured
from nnff.cli.guard import EXIT_INTERRUPTED, EXIT_UNDECIDED, guarded
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from nnff.certification import Certificate
    from nnff.cli.files import OutputFolder
    from nnff.config import Config
    from nnff.family import Family
    from nnff.report import FamilyMember
    from nnff.run import Run
    from nnff.training.tradeoff import Tradeoff, TradeoffPoint

__all__ = ["parse_lambdas", "print_tradeoff", "train"]

_NAMES = {"r2": "R2", "mae": "mean absolute error", "balanced_accuracy": "balanced accuracy"}


@guarded
@configured
def train(
    *,
    config: Config,
    lambdas: Annotated[
        str, typer.Option("--lambdas", metavar="A,B,...", help="From 1 (accuracy alone) to 0 (fairness).")
    ] = "1,.9,.7,.5,0",
    certify: Annotated[
        bool, typer.Option("--certify/--no-certify", help="Certify every network over the whole domain.")
    ] = False,
    hidden: Annotated[
        str, typer.Option("--hidden", metavar="N,M,...", help="Neurons of the hidden layers.")
    ] = "16",
    activation: Annotated[str, typer.Option("--activation", help="relu, sigmoid or tanh.")] = "relu",
    task: Annotated[str, typer.Option("--task", help="auto, regression or classification.")] = "auto",
    penalty: Annotated[
        str, typer.Option("--penalty", help="difference, or loss: training in the manner of SenSR.")
    ] = "difference",
    adversary: Annotated[str, typer.Option("--adversary", help="gradient, milp or random.")] = "gradient",
    plain_epochs: Annotated[int, typer.Option("--plain-epochs", help="Epochs with lambda 1 first.")] = 100,
    epochs: Annotated[int, typer.Option("--epochs", help="Epochs with lambda after them.")] = 200,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Rows per step.")] = 200,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Step size of Adam.")] = 0.01,
    alpha: Annotated[float, typer.Option("--alpha", help="Of the penalty on squared weights.")] = 1e-4,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of the rows to measure accuracy on.")
    ] = 0.2,
    folds: Annotated[
        int, typer.Option("--folds", help="Cross-validate the accuracy as well; 0: do not.")
    ] = 0,
    checkpoints: Annotated[
        bool,
        typer.Option("--checkpoints", help="Keep the state of each training, and go on from what is there."),
    ] = False,
    picture: Annotated[
        str, typer.Option("--picture", metavar="png|svg", help="Format of the picture.")
    ] = "png",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever happened.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Train one network per lambda and weigh accuracy against individual fairness.

    Data, domain, metric and epsilon are those of the configuration, as for certify; the time limit holds for
    each certificate.  With domain.source = "model", the default, ranges are those of the training rows.
    Writes the networks (ONNX, scaling inside), certificates, tradeoff.csv and a picture.
    Exit code: 0; 3 if a certificate has no bound; 130 interrupted, with the networks so far.
    """
    from nnff.certification import Reason  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import stderr_console  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415
    from nnff.family import Recipe, prepare_family  # noqa: PLC0415
    from nnff.training.tradeoff import Tradeoff  # noqa: PLC0415

    chosen = parse_lambdas(lambdas)
    if picture not in ("png", "svg"):
        raise ConfigError(f"--picture is {picture!r}; it must be png or svg")
    folder = OutputFolder(config.output.dir)
    if folder.path is None:
        raise ConfigError("training writes networks and needs a folder for them; set output.dir (--output)")
    recipe = Recipe(
        hidden=_sizes(hidden),
        activation=activation,
        penalty=penalty,
        adversary=adversary,
        plain_epochs=plain_epochs,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        alpha=alpha,
        task=task,
        test_share=test_share,
        checkpoints=checkpoints,
        verbose=not quiet and stderr_console().is_terminal,
    )
    family = prepare_family(config, recipe)
    points: list[TradeoffPoint] = []
    certificates: list[Certificate] = []
    for lam in chosen:
        name = f"lambda-{lam:g}"
        point, run = _trained(family, lam, folder, f"{name}.onnx", folds)
        if certify:
            certificate = _certified(run, name, quiet=quiet)
            certificates.append(certificate)
            folder.write(f"{name}.json", certificate.write)
            point = replace(point, delta_lower=certificate.delta_lower, delta_upper=certificate.delta_upper)
        points.append(point)
        if certificates and certificates[-1].reason is Reason.INTERRUPTED:
            break
    made = Tradeoff(tuple(points), family.accuracy)
    _answer(folder, made, run.network.output_names[0], picture=picture, as_json=as_json)
    if certificates and certificates[-1].reason is Reason.INTERRUPTED:
        raise typer.Exit(EXIT_INTERRUPTED)
    failed = any(not math.isfinite(certificate.delta_upper) for certificate in certificates)
    raise typer.Exit(EXIT_UNDECIDED if failed and not exit_zero else 0)


def _trained(
    family: Family, lam: float, folder: OutputFolder, name: str, folds: int
) -> tuple[TradeoffPoint, Run]:
    """Train and write one network."""
    made: list[tuple[TradeoffPoint, Run]] = []
    folder.write(name, lambda path: made.append(family.train(lam, path, folds=folds)))
    return made[0]


def parse_lambdas(text: str) -> list[float]:
    """Read a comma-separated list of numbers from 0 to 1; each is kept once, in their order.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    try:
        values = [float(value) for value in text.split(",") if value.strip()]
    except ValueError:
        values = []
    if not values or not all(0 <= value <= 1 for value in values):
        raise ConfigError(f"--lambdas is {text!r}; write numbers from 0 to 1, such as 1,.9,.7,.5,0")
    return list(dict.fromkeys(values))


def print_tradeoff(console: Console, tradeoff: Tradeoff) -> None:
    """Print one line per network; a star marks those on the Pareto front."""
    from nnff.cli.console import plain_table  # noqa: PLC0415 - keeps --help fast
    from nnff.report.numbers import at_least, at_most, duration, shown  # noqa: PLC0415

    table = plain_table(header=True)
    first = tradeoff.points[0]
    titles = ["lambda", *(_NAMES[name] for name in first.scores)]
    titles += [f"{_NAMES[tradeoff.accuracy]}, folds"] * bool(first.folds)
    titles += ["mean difference", *(["delta_lower", "delta_upper"] * tradeoff.certified), "training", ""]
    for title in titles:
        table.add_column(title, justify="right")
    front = tradeoff.front
    for point in tradeoff.points:
        cells = [f"{point.lam:g}", *(f"{value:.3f}" for value in point.scores.values())]
        if first.folds:
            cells.append("{:.3f} ± {:.3f}".format(*point.folds[tradeoff.accuracy]))
        cells.append(str(shown(point.mean_difference, 3)))
        if point.delta_lower is not None and point.delta_upper is not None:
            cells += [str(at_least(point.delta_lower)), str(at_most(point.delta_upper))]
        cells += [duration(point.seconds), "*" if point in front else ""]
        table.add_row(*cells)
    console.print(table)
    measured = "certified delta" if tradeoff.certified else "mean difference"
    console.print(f"\n* no other network has both more accuracy and a smaller {measured}", soft_wrap=True)


def _answer(folder: OutputFolder, made: Tradeoff, output: str, *, picture: str, as_json: bool) -> None:
    """Write table and picture, and print the table."""
    from nnff.cli.answer import print_files  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import stdout_console  # noqa: PLC0415
    from nnff.report import write_tradeoff  # noqa: PLC0415

    folder.write_text("tradeoff.csv", made.to_frame().to_csv(index=False))
    what = "delta" if made.certified else "mean difference found"
    folder.write(
        f"tradeoff.{picture}",
        lambda path: write_tradeoff(
            _members(made),
            path,
            accuracy=_NAMES[made.accuracy],
            unfairness=f"{what}, {output}",
            certified=made.certified,
        ),
    )
    if as_json:
        rows = [
            {name: _finite(value) for name, value in point.row().items() if value is not None}
            for point in made.points
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    console = stdout_console()
    print_tradeoff(console, made)
    console.print()
    print_files(console, folder.written)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _sizes(text: str) -> tuple[int, ...]:
    sizes = [item.strip() for item in text.split(",") if item.strip()]
    if not sizes or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise ConfigError(
            f"--hidden is {text!r}; write the neurons of every hidden layer, such as 16 or 24,24"
        )
    return tuple(int(size) for size in sizes)


def _certified(run: Run, name: str, *, quiet: bool) -> Certificate:
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.progress import ProgressLine  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    with ProgressLine(name, quiet=quiet) as line, interruptible(SolveControl(), line.stopping) as control:
        return run.certify(
            started=time.perf_counter(), decide=False, control=control, on_progress=line.update
        )


def _members(tradeoff: Tradeoff) -> list[FamilyMember]:
    from nnff.report import FamilyMember  # noqa: PLC0415 - keeps --help fast

    front = tradeoff.front
    members = []
    for point in tradeoff.points:
        high = tradeoff.unfairness(point)
        low = high if point.delta_lower is None else point.delta_lower
        accuracy = point.scores[tradeoff.accuracy]
        members.append(FamilyMember(f"λ = {point.lam:g}", accuracy, low, high, on_front=point in front))
    return members
