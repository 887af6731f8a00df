"""``nnff curve``: delta over a range of epsilon, both bounds."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nnff.cli.flags import configured
from nnff.cli.guard import EXIT_INTERRUPTED, EXIT_UNDECIDED, guarded
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from nnff.certification import Certificate, Curve, LargestEpsilon
    from nnff.config import Config

__all__ = ["curve", "parse_epsilons", "print_curve", "print_shape"]

_POINTS = 9
"""Epsilons of a curve when only the configuration's one is known: from 0 to twice that."""


@guarded
@configured
def curve(
    *,
    config: Config,
    epsilons: Annotated[
        str | None,
        typer.Option(
            "--epsilons",
            metavar="START:STOP:COUNT|A,B,...",
            help="Where to certify; default: 9 points from 0 to twice epsilon.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="With --delta: narrow the largest certified epsilon down to this width, by bisection.",
        ),
    ] = None,
    picture: Annotated[
        str, typer.Option("--picture", metavar="png|svg", help="Format of the picture.")
    ] = "png",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the points and certificates as JSON.")
    ] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever happened.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Bracket delta at several epsilons: a table, curve.csv and a picture.

    The time limit holds for each epsilon.  With --delta also: the largest epsilon for which it is
    certified.  Exit code: 0; 3 if a point failed; 130 interrupted, with the points so far.
    """
    from nnff.certification import Memory, Reason, Verdict  # noqa: PLC0415 - keeps --help fast
    from nnff.certification import curve as make_curve  # noqa: PLC0415
    from nnff.cli.answer import print_files  # noqa: PLC0415
    from nnff.cli.console import stdout_console  # noqa: PLC0415
    from nnff.cli.files import OutputFolder  # noqa: PLC0415
    from nnff.cli.interrupt import interruptible  # noqa: PLC0415
    from nnff.cli.progress import ProgressLine  # noqa: PLC0415
    from nnff.report import write_curve  # noqa: PLC0415
    from nnff.run import prepare  # noqa: PLC0415
    from nnff.solver import SolveControl  # noqa: PLC0415

    if picture not in ("png", "svg"):
        raise ConfigError(f"--picture is {picture!r}; it must be png or svg")
    if config.certify.question == "flip":
        raise ConfigError("a curve is of a difference, and a flip is none; set certify.question to another")
    delta = config.certify.delta
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0 and delta is not None):
        raise ConfigError("--tolerance is the width of an epsilon, above 0, and goes with --delta")
    chosen = parse_epsilons(epsilons) if epsilons is not None else _default_epsilons(config)
    folder = OutputFolder(config.output.dir)
    run = prepare(config)
    with ProgressLine(quiet=quiet) as line, interruptible(SolveControl(), line.stopping) as control:
        memory = Memory()

        def certify_at(epsilon: float, *, decide: bool = False) -> Certificate:
            line.begin(f"epsilon {epsilon:g}")
            # The clock of the first point began with the reading of the model, that of each other one now.
            first = epsilon == max(chosen) and not decide
            return run.certify(
                epsilon,
                decide=decide,
                memory=memory,
                started=run.started if first else time.perf_counter(),
                control=control,
                on_progress=line.update,
            )

        made = make_curve(chosen, certify_at)
        largest = None if delta is None else made.largest_epsilon(delta)
        if largest is not None and tolerance is not None and not control.interrupted:
            largest = _narrowed(made, largest, tolerance, lambda epsilon: certify_at(epsilon, decide=True))
    marked = config.similarity.epsilon
    folder.write_text("curve.csv", made.to_frame().to_csv(index=False))
    folder.write(
        f"curve.{picture}",
        lambda path: write_curve(
            made, path, epsilon=marked, unit=run.network.output_names[0], largest=largest
        ),
    )
    if as_json:
        typer.echo(_as_json(made, largest))
    else:
        console = stdout_console()
        print_curve(console, made)
        console.print()
        print_shape(console, made, largest)
        print_files(console, folder.written)
    if control.interrupted or any(c.reason is Reason.INTERRUPTED for c in made.certificates):
        raise typer.Exit(EXIT_INTERRUPTED)
    failed = any(c.verdict is Verdict.UNDECIDED for c in made.certificates)
    raise typer.Exit(EXIT_UNDECIDED if failed and not exit_zero else 0)


def parse_epsilons(text: str) -> list[float]:
    """Read ``start:stop:count`` or a comma-separated list.

    Raises
    ------
    ConfigError
        If it is neither, or holds a number that is negative or not finite.
    """
    example = "write 0.01:0.3:12 (start, stop, count) or 0.1,0.2,0.3"
    try:
        if ":" in text:
            first, last, number = text.split(":")
            start, stop, count = float(first), float(last), int(number)
            if count < 1:
                raise ConfigError(f"--epsilons {text}: the count must be at least 1; {example}")
            values = [start + (stop - start) * k / max(count - 1, 1) for k in range(count)]
        else:
            values = [float(value) for value in text.split(",") if value.strip()]
    except ValueError:
        raise ConfigError(f"--epsilons is {text!r}; {example}") from None
    if not values:
        raise ConfigError(f"--epsilons is empty; {example}")
    for value in values:
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"--epsilons holds {value:g}; every epsilon must be finite and not negative")
    # Twelve digits are enough for anybody, and 0.30000000000000004 is for nobody.
    return sorted({float(f"{value:.12g}") for value in values})


def _default_epsilons(config: Config) -> list[float]:
    epsilon = config.similarity.epsilon
    if not epsilon:
        raise ConfigError(
            "give the range as --epsilons 0.01:0.3:12, because similarity.epsilon is not set or 0"
        )
    return parse_epsilons(f"0:{2 * epsilon!r}:{_POINTS}")


def print_curve(console: Console, curve: Curve) -> None:
    """Print one line per epsilon."""
    from nnff.cli.answer import gap_text  # noqa: PLC0415 - keeps --help fast
    from nnff.cli.console import plain_table  # noqa: PLC0415
    from nnff.report.numbers import at_least, at_most, duration, shown  # noqa: PLC0415

    table = plain_table(header=True)
    for title in ("epsilon", "delta_lower", "delta_upper", "gap", "closed form", "time"):
        table.add_column(title, justify="right")
    for point in curve.points:
        gap = (point.delta_upper - point.delta_lower) / max(point.delta_lower, 1e-9)
        table.add_row(
            str(shown(point.epsilon)),
            str(at_least(point.delta_lower)),
            str(at_most(point.delta_upper)),
            gap_text(gap),
            str(at_most(point.closed_form)),
            duration(point.seconds),
        )
    console.print(table)


def print_shape(console: Console, curve: Curve, largest: LargestEpsilon | None) -> None:
    """Print how straight the curve is, where it rises, and up to where a delta is certified."""
    from nnff.cli.console import plain_table  # noqa: PLC0415 - keeps --help fast
    from nnff.report.numbers import at_least, at_most, shown  # noqa: PLC0415

    table = plain_table()
    straight, rise = curve.linearity, curve.rise
    if straight is not None:
        table.add_row(
            "straightness",
            f"R2 {shown(straight.r2, 4)} of a line with slope {shown(straight.slope, 4)}; the brackets allow "
            f"{at_least(straight.r2_lower, 4)} to {at_most(straight.r2_upper, 4)}",
        )
    if rise is not None:
        still = "" if rise.saturated else "; it still rises at the last point"
        table.add_row(
            "rise", f"5 % to 95 % of it from epsilon {shown(rise.start, 3)} to {shown(rise.end, 3)}{still}"
        )
    if largest is not None:
        proven = largest.certified
        said = "not certified for any of these epsilons"
        if proven is not None:
            said = f"certified up to epsilon {at_least(proven)}"
        if math.isfinite(largest.violated):
            said += f"; a real pair differs by more from epsilon {at_most(largest.violated)} on"
        table.add_row(f"delta {shown(largest.delta, 15)}", said)
    if table.row_count:
        console.print(table)
        console.print()


def _narrowed(
    curve: Curve, known: LargestEpsilon, tolerance: float, decide_at: Callable[[float], Certificate]
) -> LargestEpsilon:
    """Bisect between the last certified point of a curve and the next one; at the end there is none."""
    from nnff.certification import largest_epsilon  # noqa: PLC0415 - keeps --help fast

    low = 0.0 if known.certified is None else known.certified
    above = [point.epsilon for point in curve.points if point.epsilon > low]
    if not above:
        return known
    return largest_epsilon(
        known.delta, decide_at, low=low, high=above[0], tolerance=tolerance, known=curve.certificates
    )


def _as_json(curve: Curve, largest: LargestEpsilon | None) -> str:
    """Return what was found; a bound that is not there is spelled as in certificates."""
    certificates = [json.loads(certificate.to_json()) for certificate in curve.certificates]
    found = None
    if largest is not None:
        found = {
            "delta": largest.delta,
            "certified": largest.certified,
            "violated": _finite(largest.violated),
            "certificates": [json.loads(certificate.to_json()) for certificate in largest.certificates],
        }
    answer = {
        "points": [{name: _finite(value) for name, value in asdict(p).items()} for p in curve.points],
        "linearity": None if curve.linearity is None else asdict(curve.linearity),
        "rise": None if curve.rise is None else asdict(curve.rise),
        "largest_epsilon": found,
        "certificates": certificates,
    }
    return json.dumps(answer, indent=2)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
