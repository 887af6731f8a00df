"""A metric that was learned from data, with the record of how; see `nnff.learning`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nnff.errors import SimilarityError
from nnff.learning.file import read_metric_file
from nnff.similarity import Metric, metric
from nnff.values import ContentValue

if TYPE_CHECKING:
    import os

    from nnff.similarity import RowWriter, Variable
    from nnff.values import FloatArray

__all__ = ["Learned"]


@dataclass(frozen=True, eq=False, init=False)
class Learned(ContentValue, Metric):
    """Another metric, for the features that it was learned for, with how that was done.

    Everything is the other metric's; certificates also show the method, its parameters, the hash of the
    data and the
    seed.

    Parameters
    ----------
    file
        What `nnff.learning.save_metric` or ``nnff learn-metric`` wrote; instead of all of the following.  The
        scale in it is not the metric's business: configurations take it over, `nnff.certify` is given it.
    metric
        Name of the metric plugin.
    parameters
        That metric's parameters.
    features
        Names of the features it was learned for, in their order.
    learned
        The record of how, plain JSON values.

    Raises
    ------
    SimilarityError
        If the file or the record makes no sense.
    """

    name: ClassVar[str] = "learned"

    measure: Metric
    features: tuple[str, ...]
    record: str

    def __init__(
        self,
        file: str | os.PathLike[str] | None = None,
        metric: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        features: Sequence[str] | None = None,
        learned: Mapping[str, Any] | None = None,
    ) -> None:
        given: dict[str, Any] = {
            "metric": metric,
            "parameters": parameters,
            "features": features,
            "learned": learned,
        }
        if file is not None:
            if any(value is not None for value in given.values()):
                raise SimilarityError("a learned metric is given by its file or by its parts, not by both")
            content = read_metric_file(file)
            given = {key: content[key] for key in given}
        for key, value in given.items():
            if value is None:
                raise SimilarityError(f"a learned metric needs a file, or all of its parts; {key} is missing")
        put = object.__setattr__
        names = tuple(str(name) for name in given["features"])
        put(self, "measure", _made(str(given["metric"]), given["parameters"]).bind(names))
        put(self, "features", names)
        put(self, "record", json.dumps(given["learned"], sort_keys=True, allow_nan=False))

    @property
    def parameters(self) -> dict[str, Any]:
        """The metric, its parameters and features, and how it was learned."""
        return {
            "metric": self.measure.name,
            "parameters": self.measure.parameters,
            "features": list(self.features),
            "learned": json.loads(self.record),
        }

    @property
    def looseness(self) -> float:
        """That of the metric."""
        return self.measure.looseness

    def bind(self, feature_names: tuple[str, ...]) -> Learned:
        """Refuse other features than those it was learned for; see `Metric.bind`."""
        if tuple(feature_names) != self.features:
            wrong = next(
                (
                    f"where it has {a}, the model has {b}"
                    for a, b in zip(self.features, feature_names, strict=False)
                    if a != b
                ),
                f"{len(self.features)} of them, where the model has {len(feature_names)}",
            )
            raise SimilarityError(f"the metric was learned for other features: {wrong}")
        return self

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See `Metric.distance`."""
        return self.measure.distance(x, y)

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """See `Metric.encode`."""
        self.measure.encode(rows, difference, epsilon)

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """See `Metric.difference_bound`."""
        return self.measure.difference_bound(weights, epsilon, radius)

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """See `Metric.maximise`."""
        return self.measure.maximise(gradient, epsilon, lower, upper)


def _made(name: str, parameters: Any) -> Metric:
    if not isinstance(parameters, Mapping):
        raise SimilarityError(f"the parameters of a learned metric are {parameters!r}; they must be a table")
    made = metric(name, **parameters)
    if not made.translation_invariant:
        raise SimilarityError(f"the metric {name!r} is not one of differences and cannot be a learned one")
    return made
