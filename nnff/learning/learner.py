"""What all learners share: parameters as scikit-learn has them, and the record of what was done."""

from __future__ import annotations

import inspect
from abc import ABC
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnff.errors import SimilarityError
from nnff.learning.file import LearnedMetric
from nnff.network import Scaling
from nnff.similarity import metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.learning.table import Table
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = ["MetricLearner"]


class MetricLearner(ABC):
    """Learns a similarity metric from data: ``fit(...)``, then `metric`.

    Parameters are stored as given and read by `get_params`; what is learned ends in an underscore.
    Features are standardised first, so that a learned metric does not depend on their units; it acts on
    ``(x - center) / scale`` with `scale_`.

    Attributes
    ----------
    learned_
        The metric, its coordinates and how it was learned; once fitted.
    """

    method: ClassVar[str]
    """The name that files and certificates use."""

    learned_: LearnedMetric

    @property
    def scale_(self) -> Scaling:
        """Coordinates of the metric: pass it to `nnff.certify` as `scale`."""
        return self._fitted.scale

    def metric(self) -> Metric:
        """Return the learned metric, which knows how it was learned.

        Raises
        ------
        SimilarityError
            If nothing has been fitted yet.
        """
        return self._fitted.metric

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - scikit-learn's signature
        """Return the constructor's arguments."""
        del deep
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change constructor's arguments.

        Raises
        ------
        SimilarityError
            If there is none of that name.
        """
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise SimilarityError(
                    f"the learner {self.method!r} has no parameter {name!r}; it takes {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    @property
    def _fitted(self) -> LearnedMetric:
        if not hasattr(self, "learned_"):
            raise SimilarityError(f"the learner {self.method!r} has learned nothing yet; call fit first")
        return self.learned_

    def _standardised(self, table: Table) -> tuple[FloatArray, Scaling]:
        scale = Scaling.standard(table.rows)
        return np.asarray(scale.apply(table.rows)), scale

    def _learn(
        self,
        table: Table,
        scale: Scaling,
        name: str,
        parameters: dict[str, Any],
        data_sha256: str,
        sensitive: Sequence[str] = (),
        **facts: Any,
    ) -> Self:
        """Keep a metric, made from the plugin `name`, with the record of how it came about."""
        record = {
            "method": self.method,
            "parameters": self.get_params(),
            "rows": len(table.rows),
            "data_sha256": data_sha256,
            "sensitive_features": list(sensitive),
            **facts,
            "versions": {package: version(package) for package in ("nnff", "numpy", "scikit-learn")},
        }
        made = metric(
            "learned", metric=name, parameters=parameters, features=list(table.names), learned=record
        )
        self.learned_ = LearnedMetric(made, scale)
        return self
