"""The report: one HTML file that needs no server, no script and no other file."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nnff.certification.certificate import Reason
from nnff.errors import ConfigError, DataError, ProblemError
from nnff.question import QuestionKind
from nnff.report.bounds_bar import bounds_bar, certified, reach
from nnff.report.neighbours import neighbourhood
from nnff.report.numbers import at_least, at_most, clock, duration, percent, shown
from nnff.report.pair import pair_table
from nnff.report.plot import bracket_plot, curve_plot
from nnff.report.region import explained_words, region_words, within_box
from nnff.report.sensitivity_bars import by_contribution, sensitivity_bars
from nnff.report.wording import disclaimers, free_attribute_words, strategy_words, trust_words, verdict_words

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import pandas as pd

    from nnff.certification.certificate import Certificate, SolverRun
    from nnff.certification.curve import Curve
    from nnff.certification.sensitivity import Sensitivity

__all__ = ["DEFAULT_TITLE", "page_environment", "render_report", "write_report", "write_whole"]

DEFAULT_TITLE = "How far apart can the outputs for two similar inputs be?"

_WIDE, _NARROW = 720.0, 340.0
"""Each drawing is laid out twice, for a desk and for a telephone; the style sheet shows one."""
_RUNS_AT_ONCE = 12


@dataclass(frozen=True)
class _OptionSet:
    """Options of all solves of one solver: those in common, and a line per solve with the others."""

    solver: str
    common: str
    own: tuple[str, ...]


def write_report(
    path: str | os.PathLike[str],
    certificate: Certificate,
    *,
    curve: Curve | None = None,
    frame: pd.DataFrame | None = None,
    free_attribute: Certificate | None = None,
    sensitivity: Sensitivity | None = None,
    plausible: Certificate | None = None,
    accuracy: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    command: str | None = None,
    title: str = DEFAULT_TITLE,
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    path
        The HTML file.  Its folder must exist.
    certificate, curve, frame, free_attribute, sensitivity, plausible, accuracy, units, command, title
        See `render_report`.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    DataError, ProblemError
        See `render_report`.
    """
    target = Path(path)
    html = render_report(
        certificate,
        curve=curve,
        frame=frame,
        free_attribute=free_attribute,
        sensitivity=sensitivity,
        plausible=plausible,
        accuracy=accuracy,
        units=units,
        command=command,
        title=title,
    )
    write_whole(target, html, "report")


def write_whole(target: Path, html: str, what: str) -> None:
    """Write a page, whole or not at all.

    Parameters
    ----------
    target
        The file.
    html
        Its content.
    what
        What it is, for the error.

    Raises
    ------
    ConfigError
        If it cannot be written; what was there before is there still.
    """
    temporary = target.with_name(target.name + ".part")
    try:
        temporary.write_bytes(html.encode("utf-8", errors="replace"))
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"the {what} cannot be written to {target}: {error.strerror or error}") from error


def render_report(
    certificate: Certificate,
    *,
    curve: Curve | None = None,
    frame: pd.DataFrame | None = None,
    free_attribute: Certificate | None = None,
    sensitivity: Sensitivity | None = None,
    plausible: Certificate | None = None,
    accuracy: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    command: str | None = None,
    title: str = DEFAULT_TITLE,
) -> str:
    """Return the report as HTML.

    The text depends on the arguments alone: no clock, no machine, no random choice.

    Parameters
    ----------
    certificate
        What is reported.
    curve
        Delta over epsilon for the same model, domain and metric.
    frame
        Data rows in raw units, with the certificate's features among the columns:
        adds the rows nearest to the worst pair and a plausibility note.
    free_attribute
        Certificate of the same model at epsilon 0 with the sensitive attribute free.
    sensitivity
        Brackets of delta when one feature moves alone or not at all, for the same question.
    plausible
        Certificate of the same question over a plausible region; shown side by side.
    accuracy
        What is known about the model's quality, name to value.
    units
        Units of features and of the output by name, as far as they are known.
    command
        The command line that made the certificate.
    title
        Heading of the page.

    Raises
    ------
    DataError
        If a feature is missing in `frame` or not a number, or the certificate's lists of
        features have different lengths.
    ProblemError
        If `curve` is of another model, domain or metric, or `free_attribute` of another
        model or not at epsilon 0, or `plausible` is not of the same question over a region.
    """
    _check_company(certificate, curve, free_attribute)
    if sensitivity is not None and sensitivity.whole.model.fingerprint != certificate.model.fingerprint:
        raise ProblemError(
            "the sensitivity is of another model than the certificate; make it for the same one"
        )
    style, verdict = verdict_words(certificate)
    unit = _with_unit(certificate.model.output_name, units or {})
    flip = certificate.question.kind is QuestionKind.FLIP
    # A margin can be negative, which a bar that begins at 0 does not show.
    bars = [] if flip else _both(lambda width: bounds_bar(certificate, width))
    context: dict[str, Any] = {
        "title": title,
        "c": certificate,
        "style": style,
        "verdict": verdict,
        "inconsistent": certificate.reason is Reason.INCONSISTENT,
        "unit": unit,
        "units": dict(units or {}),
        "model_name": _last_part(certificate.model.source) or "in memory",
        "upper": certified(certificate),
        "bars": bars,
        "marks": {marker.kind: marker.value for _, bar in bars[:1] for marker in bar.markers},
        "flip": flip,
        "pair": pair_table(certificate),
        "near": None if frame is None else neighbourhood(certificate, frame),
        "accuracy": dict(accuracy or {}),
        "curve": None,
        "free": None,
        "sensitivity": None,
        "plausible": None,
        "region": None if certificate.domain.region is None else region_words(certificate),
        "bracket": [] if flip else _both(lambda width: bracket_plot(certificate, unit, width, 260.0)),
        "strategy": strategy_words(certificate.strategy),
        "trust": trust_words(certificate),
        "phases": [
            (name, seconds, _share(seconds, certificate)) for name, seconds in certificate.phases.items()
        ],
        "runs_at_once": _RUNS_AT_ONCE,
        "option_sets": _option_sets(certificate.runs),
        "disclaimers": disclaimers(certificate),
        "command": command,
        "config": _json(certificate.config, indent=2),
        "parameters": _json(certificate.metric.parameters),
    }
    if curve is not None and curve.points:
        plots = _both(lambda width: curve_plot(curve, unit, certificate.epsilon, width, 340.0))
        doubtful = [c.epsilon for c in curve.certificates if c.reason is Reason.INCONSISTENT]
        context["curve"] = {"plots": plots, "points": curve.points, "doubtful": doubtful}
    if sensitivity is not None:
        context["sensitivity"] = {
            "bars": _both(lambda width: sensitivity_bars(sensitivity, width)),
            "features": by_contribution(sensitivity),
            "interrupted": sensitivity.interrupted,
        }
    if free_attribute is not None:
        # The same axis as the bar at the top, so that the two can be compared by eye.
        cover = reach(certificate)
        context["free"] = {
            "certificate": free_attribute,
            "words": free_attribute_words(free_attribute, certificate),
            "bars": _both(lambda width: bounds_bar(free_attribute, width, cover=cover)),
            "pair": pair_table(free_attribute),
        }
    if plausible is not None:
        plausible = within_box(certificate, plausible)
        cover = reach(certificate)
        context["plausible"] = {
            "certificate": plausible,
            "upper": certified(plausible),
            "region": region_words(plausible),
            "words": explained_words(certificate, plausible),
            "bars": _both(lambda width: bounds_bar(plausible, width, cover=cover)),
            "pair": pair_table(plausible),
            "near": None if frame is None else neighbourhood(plausible, frame),
        }
    return page_environment().get_template("report.html.j2").render(context)


def page_environment() -> Environment:
    """Return the environment of the pages' templates.

    Everything is escaped, since names and messages are foreign text.
    """
    environment = Environment(
        loader=PackageLoader("nnff.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        clock=clock,
        shown=shown,
        at_most=at_most,
        at_least=at_least,
        duration=duration,
        percent=percent,
        isfinite=math.isfinite,
    )
    return environment


def _both(draw: Callable[[float], Any]) -> list[tuple[str, Any]]:
    """Lay a drawing out for both widths; nothing if there is nothing to draw."""
    drawn = [("wide", draw(_WIDE)), ("narrow", draw(_NARROW))]
    return [(name, drawing) for name, drawing in drawn if drawing is not None]


def _with_unit(name: str, units: Mapping[str, str]) -> str:
    unit = units.get(name, "")
    return f"{name} ({unit})" if unit else name


def _last_part(source: str) -> str:
    """Return the file name of a path, or the text itself if it is none."""
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1]


def _share(seconds: float, certificate: Certificate) -> float:
    return min(1.0, max(0.0, seconds / certificate.seconds)) if certificate.seconds > 0 else 0.0


def _option_sets(runs: list[SolverRun]) -> list[_OptionSet]:
    """Gather per solver what all its solves had in common, and what was different in each."""
    grouped: dict[str, list[SolverRun]] = {}
    for run in runs:
        grouped.setdefault(f"{run.solver} {run.version}", []).append(run)
    sets = []
    for solver, solves in grouped.items():
        first = solves[0].options
        common = {
            key: value
            for key, value in first.items()
            if all(key in run.options and run.options[key] == value for run in solves)
        }
        own = [(run.round, {k: v for k, v in run.options.items() if k not in common}) for run in solves]
        sets.append(
            _OptionSet(
                solver,
                _json(common, indent=2),
                tuple(f"round {number}: {_json(options)}" for number, options in own if options),
            )
        )
    return sets


def _json(value: object, *, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, default=str)


def _check_company(certificate: Certificate, curve: Curve | None, free: Certificate | None) -> None:
    """Refuse to print results of different models, or lists of different lengths, on one page."""
    _check_lengths(certificate)
    model = certificate.model.fingerprint
    if free is not None and free.epsilon != 0:
        raise ProblemError(
            f"the certificate of the free attribute is at epsilon {free.epsilon:g}; certify it at epsilon 0"
        )
    if free is not None and free.model.fingerprint != model:
        raise ProblemError("the certificate of the free attribute is of another model; certify the same one")
    if curve is not None and any(_question(point) != _question(certificate) for point in curve.certificates):
        raise ProblemError(
            "the curve is of another model, domain or metric than the certificate; make it from the same ones"
        )


def _question(certificate: Certificate) -> tuple[object, ...]:
    """Return what has to be the same along a curve: delta grows with epsilon only if nothing else changes."""
    metric = certificate.metric
    similar = (metric.name, metric.parameters, metric.center, metric.scale)
    asked = (certificate.question.kind, certificate.question.threshold)
    return (certificate.model.fingerprint, certificate.domain, similar, asked)


def _check_lengths(certificate: Certificate) -> None:
    domain, metric = certificate.domain, certificate.metric
    lists = (domain.feature_names, domain.lower, domain.upper, metric.center, metric.scale)
    lengths = [len(values) for values in lists]
    if len(set(lengths)) != 1:
        names, lower, upper, center, scale = lengths
        raise DataError(
            f"the certificate names {names} features but has {lower} lower and {upper} upper ends of ranges, "
            f"{center} centers and {scale} scales; certify again"
        )
