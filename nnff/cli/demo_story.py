"""What the demo prints: the data, the model, the contrast, the worst pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from nnff.cli.answer import gap_text, print_files, print_pair, solver_line
from nnff.cli.console import plain_table, print_text
from nnff.report.neighbours import neighbourhood
from nnff.report.numbers import at_least, at_most, duration, percent
from nnff.report.region import explained_words, within_box

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from nnff.certification import Certificate
    from nnff.cli.demo_command import Answers
    from nnff.cli.demo_model import DemoModel
    from nnff.run import Run

__all__ = ["print_story"]

_BAR = 26
"""Characters of the longest bar."""


def print_story(
    console: Console,
    answers: Answers,
    *,
    model: DemoModel,
    run: Run,
    files: Sequence[Path],
    seconds: float,
) -> None:
    """Print the demo's answer.

    Parameters
    ----------
    console
        Where to.
    answers
        What was found out.
    model
        The network and how well it predicts.
    run
        The question.
    files
        What was written.
    seconds
        Wall seconds of the whole demo.
    """
    main, data = answers.main, model.dataset
    say = console.print
    print_text(
        console,
        f"[bold]Boston housing[/]: {len(data.X)} census tracts of 1970, {data.X.shape[1]} features; the "
        "model predicts MEDV, the median home value in 1000 USD.",
    )
    print_text(
        console,
        f"A {model.network.architecture} network, trained on {model.training_rows} rows: "
        f"R2 {model.test_r2:.2f} on the other {model.test_rows}.",
    )
    print_text(
        console,
        f"Two inputs are similar up to a weighted distance of {main.epsilon:g} on standardised features. "
        "B, a transform of the share of Black residents, is the sensitive attribute: it does not count.",
    )
    say()
    say("[bold]How far apart can the predictions for two similar inputs be?[/]  (MEDV, 1000 USD)")
    say()
    say(_contrast(answers))
    say()
    print_text(console, _moral(answers))
    if answers.region is not None:
        say()
        print_text(console, explained_words(main, within_box(main, answers.region)))
        for certificate, where in ((main, "box"), (answers.region, "region")):
            print_text(console, Text(_nearest(certificate, run, where), style="dim"))
    if main.witness is not None:
        say()
        print_pair(console, main, units=run.units)
    say()
    print_text(console, _sensitive(answers))
    say()
    print_text(console, Text(f"{solver_line(main)}; everything together {duration(seconds)}", style="dim"))
    print_files(console, files)
    config = next((path for path in files if path.suffix == ".toml"), None)
    if config is not None:
        print_text(console, Text.assemble(("again: ", "dim"), f"nnff certify {config} --epsilon 0.05"))


def _contrast(answers: Answers) -> object:
    """Draw all numbers on one axis."""
    main, free = answers.main, answers.free
    region = None if answers.region is None else within_box(main, answers.region)
    table = plain_table()
    table.add_column(style="bold")
    table.add_column(width=_BAR)
    table.add_column(justify="right")
    table.add_column(style="dim")
    whole = main.delta_upper if math.isfinite(main.delta_upper) else max(main.delta_lower, 1e-9)

    def bar(value: float, style: str) -> Text:
        share = min(max(value / whole, 0.0), 1.0) if math.isfinite(value) and whole > 0 else 0.0
        return Text("━" * round(share * _BAR), style=style)

    if main.delta_data is not None:
        rows = f"over {main.data_pairs or 0:,} similar pairs of rows"
        table.add_row("delta_data", bar(main.delta_data, "blue"), str(at_least(main.delta_data)), rows)
    table.add_row(
        "delta_lower",
        bar(main.delta_lower, "yellow"),
        str(at_least(main.delta_lower)),
        "witnessed, the pair below",
    )
    table.add_row(
        "delta_upper",
        bar(main.delta_upper, "green"),
        str(at_most(main.delta_upper)),
        f"certified, gap {gap_text(main.gap)}",
    )
    if region is not None:
        held = region.domain.region
        assert held is not None
        table.add_row(
            "plausible",
            bar(region.delta_lower, "cyan"),
            str(at_least(region.delta_lower)),
            f"where {percent(held.reached)} of the data lies, at most {at_most(region.delta_upper)}",
        )
    if free is not None and free is not main:
        table.add_row(
            "B alone",
            bar(free.delta_lower, "magenta"),
            str(at_least(free.delta_lower)),
            f"epsilon 0, at most {at_most(free.delta_upper)}",
        )
    return table


def _moral(answers: Answers) -> str:
    """Say in one sentence what looking at the data alone would have missed."""
    main = answers.main
    if not main.delta_data:
        return "No two rows of the data are similar and predicted differently: the data alone says nothing."
    # Rounded outward, as the bounds themselves are.
    times = math.floor(10 * main.delta_lower / main.delta_data) / 10
    if times <= 1:
        return "The worst pair that was found is one of the data."
    beyond = ""
    if math.isfinite(main.delta_upper):
        beyond = (
            f", and no pair goes beyond {math.ceil(10 * main.delta_upper / main.delta_data) / 10:g} times"
        )
    return f"The data shows {at_least(main.delta_data, 3)}. A real pair reaches {times:g} times that{beyond}."


def _nearest(certificate: Certificate, run: Run, where: str) -> str:
    """Say how far the worst pair is from rows of the data."""
    near = None if run.frame is None else neighbourhood(certificate, run.frame)
    if near is None:
        return f"In the {where} no pair was found."
    ways = " and ".join(
        f"{part.nearest[0].distance} from row {part.nearest[0].label}" for part in near.inputs
    )
    return (
        f"The worst pair in the {where} lies {ways}, in {near.unit} (typical between rows: {near.typical})."
    )


def _sensitive(answers: Answers) -> str:
    """Say what the sensitive attribute does alone."""
    free = answers.free
    if free is None:
        return "Interrupted before the sensitive attribute was looked at alone."
    return (
        "[bold]B alone[/]: two inputs that are equal in all but B differ by up to "
        f"{at_least(free.delta_lower)}, and no such two differ by more than {at_most(free.delta_upper)}."
    )
