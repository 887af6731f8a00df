"""How near real data comes to the worst pair: the nearest rows, and how unusual their distance is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nnff.errors import DataError
from nnff.report.numbers import Shown, aligned, percent, shown
from nnff.report.pair import metric_scale, rescales

if TYPE_CHECKING:
    from nnff.certification.certificate import Certificate
    from nnff.values import BoolArray, FloatArray

__all__ = ["Neighbour", "Neighbourhood", "Surroundings", "feature_rows", "neighbourhood"]

FIRST, SECOND = "x\u2032", "x\u2033"
"""The names of the two inputs of a pair."""

_NEAREST = 3
_SAMPLE = 512
"""Rows whose own nearest neighbour is looked up to learn what is typical."""
_CHUNK = 64
_UNUSUAL, _FAR = 0.10, 0.01
"""An input is called unusual (far) when fewer than this share of the rows lies as far from its nearest."""


@dataclass(frozen=True)
class Neighbour:
    """A row of the data: its label in the frame, its distance, and its values beside the input's."""

    label: str
    distance: Shown
    beside: tuple[tuple[str, Shown, Shown], ...]


@dataclass(frozen=True)
class Surroundings:
    """Where one input of the pair lies.

    Attributes
    ----------
    name
        `FIRST` or `SECOND`.
    nearest
        The nearest rows, nearest first.
    ratio
        Distance of the nearest relative to the typical distance; None if there is none.
    share
        Share of the rows that lie at least as far from their own nearest row; None likewise.
    sampled
        Number of rows that `share` and the typical distance come from.
    level
        ``row``, ``ordinary``, ``unusual``, ``far`` or ``unknown``.
    """

    name: str
    nearest: tuple[Neighbour, ...]
    ratio: float | None
    share: float | None
    sampled: int
    level: str

    @property
    def note(self) -> str:
        """One sentence about this input."""
        if self.level == "row":
            return f"{self.name} is itself a row of the data."
        distance = f"{self.name} is {self.nearest[0].distance} away from the nearest row"
        if self.ratio is None or self.share is None:
            return f"{distance}."
        times = f"{shown(self.ratio, 2)} times the typical distance between a row and its nearest"
        beyond = "none" if self.share == 0 else percent(self.share)
        return f"{distance}, {times}; of {self.sampled} rows looked at, {beyond} are as far from theirs."


@dataclass(frozen=True)
class Neighbourhood:
    """The pair among the data.

    Attributes
    ----------
    inputs
        Where both inputs lie.
    typical
        Median distance from a row to its nearest different row; None if all rows are equal.
    rows, left_out
        Rows compared with, and rows left out because a value is missing or infinite.
    unit
        What distances are measured in.
    """

    inputs: tuple[Surroundings, Surroundings]
    typical: Shown | None
    rows: int
    left_out: int
    unit: str

    @property
    def sentence(self) -> str:
        """The plausibility note."""
        levels = [part.level for part in self.inputs]
        if levels == ["far", "far"]:
            return "This pair sits far from every row of the data."
        if "far" in levels:
            return f"{self.inputs[levels.index('far')].name} sits far from every row of the data."
        if "unusual" in levels:
            return "This pair sits at the edge of the data: few rows are as far from their nearest."
        if "unknown" in levels:
            return "The data has too few different rows to say what is typical."
        if levels == ["row", "row"]:
            return "Both inputs are rows of the data."
        return "Both inputs lie about as close to the data as its rows lie to each other."


@dataclass(frozen=True)
class _Cloud:
    """The data: complete rows, their labels, the units, and how far rows are from their nearest."""

    rows: FloatArray
    labels: list[str]
    names: tuple[str, ...]
    scale: FloatArray
    own: FloatArray


def neighbourhood(certificate: Certificate, frame: pd.DataFrame) -> Neighbourhood | None:
    """Look for the rows nearest to each input of the worst pair.

    Distances are Euclidean in the metric's coordinates, over all features and without weights:
    they tell how far the input is from real data, not whether the metric
    calls it similar.  Where the metric acts on raw units, each feature is divided by its
    standard deviation in the data instead, since raw units cannot be added.

    Parameters
    ----------
    certificate
        Holds the pair and the metric's coordinates.
    frame
        Data rows in raw units; columns beyond the features are ignored.

    Returns
    -------
    None when there is no pair or no complete row.

    Raises
    ------
    DataError
        If a feature is missing in the frame, occurs twice or is not a number.
    """
    witness = certificate.witness
    if witness is None:
        return None
    names = tuple(certificate.domain.feature_names)
    rows = feature_rows(frame, names)
    complete: BoolArray = np.asarray(np.isfinite(rows).all(axis=1))
    labels = [str(label) for label, keep in zip(frame.index, complete, strict=True) if keep]
    rows = rows[complete]
    if len(rows) == 0:
        return None
    scale, unit = _scale(certificate, rows)
    cloud = _Cloud(rows, labels, names, scale, _own_distances(rows / scale))
    own = cloud.own
    return Neighbourhood(
        inputs=(
            _surroundings(FIRST, np.asarray(witness.x1), cloud),
            _surroundings(SECOND, np.asarray(witness.x2), cloud),
        ),
        typical=shown(float(np.median(own)), 3) if own.size else None,
        rows=len(rows),
        left_out=int((~complete).sum()),
        unit=unit,
    )


def feature_rows(frame: pd.DataFrame, names: tuple[str, ...]) -> FloatArray:
    """Return the columns called `names` as numbers, shape (rows, n); missing values become nan.

    Raises
    ------
    DataError
        If a column is missing, occurs twice or holds something that is not a number.
    """
    columns = [str(column) for column in frame.columns]
    if tuple(columns) == names:
        chosen = frame
    else:
        missing = [name for name in names if name not in columns]
        if missing:
            raise DataError(
                f"the data has no column {', '.join(map(repr, missing[:5]))}; "
                "give the rows with the feature names of the certificate"
            )
        double = [name for name in names if columns.count(name) > 1]
        if double:
            raise DataError(f"the data has several columns called {double[0]!r}; drop or rename all but one")
        chosen = frame.iloc[:, [columns.index(name) for name in names]]
    table = np.empty(chosen.shape)
    for index, name in enumerate(names):
        try:
            table[:, index] = pd.to_numeric(chosen.iloc[:, index]).to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the column {name!r} holds a value that is not a number ({error}); "
                "encode it as the model expects"
            ) from error
    return table


def _scale(certificate: Certificate, rows: FloatArray) -> tuple[FloatArray, str]:
    """Return one unit of each feature, shape (n,), and what these units are called.

    Distances do not depend on the center.
    """
    if rescales(certificate):
        return metric_scale(certificate), "the metric's scaled units"
    deviation = rows.std(axis=0)
    # A column that never varies has no deviation; its raw units stand.
    return np.where(deviation > 0, deviation, 1.0), "standard deviations of the data"


def _own_distances(points: FloatArray) -> FloatArray:
    """Return how far each row is from the nearest different one, for an even sample of the rows."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415 - only reports with data pay for it

    distinct = np.unique(points, axis=0)
    if len(distinct) < 2:  # noqa: PLR2004 - a row and its neighbour
        return np.empty(0)
    sample = np.unique(np.linspace(0, len(distinct) - 1, _SAMPLE).astype(int))
    found = []
    for start in range(0, len(sample), _CHUNK):
        chosen = sample[start : start + _CHUNK]
        distances = cdist(distinct[chosen], distinct)
        distances[np.arange(len(chosen)), chosen] = np.inf
        found.append(distances.min(axis=1))
    return np.concatenate(found)


def _surroundings(name: str, x: FloatArray, cloud: _Cloud) -> Surroundings:
    own = cloud.own
    distances = np.linalg.norm((cloud.rows - x) / cloud.scale, axis=1)
    nearest = np.argsort(distances, kind="stable")[:_NEAREST]
    closest = float(distances[nearest[0]])
    neighbours = tuple(
        Neighbour(
            cloud.labels[index],
            shown(float(distances[index]), 3),
            tuple(
                (feature, *aligned(float(x[k]), float(cloud.rows[index, k]))[:2])
                for k, feature in enumerate(cloud.names)
            ),
        )
        for index in nearest
    )
    share = float((own >= closest).mean()) if own.size else None
    ratio = closest / float(np.median(own)) if own.size else None
    if closest == 0:
        level = "row"
    elif share is None:
        level = "unknown"
    else:
        level = "far" if share < _FAR else "unusual" if share < _UNUSUAL else "ordinary"
    return Surroundings(name, neighbours, ratio, share, own.size, level)
