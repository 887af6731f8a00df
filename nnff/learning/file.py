"""Learned metrics as JSON files: the metric, its features and coordinates, and how it was learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnff.errors import DataError, ModelError, SimilarityError
from nnff.network import Scaling
from nnff.similarity import Metric, metric

if TYPE_CHECKING:
    import os

__all__ = ["LearnedMetric", "load_metric", "read_metric_file", "save_metric"]

_FORMAT = "nnff-metric"
_VERSION = 1


@dataclass(frozen=True)
class LearnedMetric:
    """A learned metric and its coordinates.

    Attributes
    ----------
    metric
        The metric, of the plugin ``learned``.
    scale
        It acts on ``scale.apply(x)``.
    """

    metric: Metric
    scale: Scaling


def save_metric(learned: LearnedMetric, path: str | os.PathLike[str]) -> None:
    """Write a learned metric to a JSON file, exactly: reading it gives an equal one.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        **learned.metric.parameters,
        "scale": {"center": learned.scale.center.tolist(), "scale": learned.scale.scale.tolist()},
    }
    try:
        Path(path).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"the metric cannot be written to {path}: {error}") from error


def load_metric(path: str | os.PathLike[str]) -> LearnedMetric:
    """Read what `save_metric` wrote.

    Raises
    ------
    SimilarityError
        If the file is missing or is not a learned metric.
    """
    content = read_metric_file(path)
    try:
        scale = Scaling(content["scale"]["center"], content["scale"]["scale"])
    except (KeyError, TypeError, ValueError, ModelError) as error:
        raise SimilarityError(f"the scale in {path} makes no sense ({error})") from error
    parameters = {key: content[key] for key in ("metric", "parameters", "features", "learned")}
    if scale.size != len(parameters["features"]):
        raise SimilarityError(
            f"the file {path} has {len(parameters['features'])} features but {scale.size} scales"
        )
    return LearnedMetric(metric("learned", **parameters), scale)


def read_metric_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a metric's file: metric, parameters, features, learned and scale.

    Raises
    ------
    SimilarityError
        If the file is missing or is not a learned metric.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SimilarityError(f"the metric file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SimilarityError(f"the metric file {path} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise SimilarityError(f"the file {path} is not a learned metric; `nnff learn-metric` writes one")
    if content.get("version") != _VERSION:
        raise SimilarityError(
            f"the metric file {path} has version {content.get('version')!r}; "
            f"this nnff reads version {_VERSION}"
        )
    missing = [key for key in ("metric", "parameters", "features", "learned", "scale") if key not in content]
    if missing or not isinstance(content["features"], list):
        raise SimilarityError(
            f"the metric file {path} has no {missing[0] if missing else 'list of features'}"
        )
    return content
