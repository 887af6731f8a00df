"""Suite `solvers`: one factor at a time from a center point; the whole grid on demand.

The center is the largest sigmoid network that the default solver closed to 1 % well within the limit when
the suite was made (one hidden layer of 8, weighted l_2, eps = .03): the activation of the founding paper,
with easier and harder neighbours in every direction.  A center that everybody solves
at once, or nobody, would show nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import TYPE_CHECKING

from nnff.bench import Suite
from nnff_suites.questions import METRICS, trained_instance
from nnff_suites.trained import ACTIVATIONS, DEPTHS, WIDTHS, Trained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.bench import Instance

__all__ = ["CENTER", "LEVELS", "Point", "solvers"]


@dataclass(frozen=True)
class Point:
    """One combination of the factors."""

    activation: str
    width: int
    depth: int
    metric: str
    epsilon: float

    def instance(self) -> Instance:
        """Return the instance at this point."""
        trained = Trained("price", self.activation, self.width, self.depth)
        return trained_instance(trained, self.metric, self.epsilon, asdict(self))


CENTER = Point("sigmoid", 8, 1, "l_2", 0.03)

LEVELS: dict[str, tuple[str | int | float, ...]] = {
    "activation": ACTIVATIONS,
    "width": WIDTHS,
    "depth": DEPTHS,
    "metric": METRICS,
    "epsilon": (0.01, 0.03, 0.1, 0.3),
}


def solvers(full: bool = False) -> Suite:  # noqa: FBT001, FBT002 - the contract of suite factories
    """Make the suite; `full` asks for all 960 combinations."""
    points = _grid() if full else _star()
    return Suite(
        name="solvers",
        summary="all solvers; activation, width, depth, metric and epsilon, "
        + ("in every combination; about a day" if full else "one at a time; half an hour with two jobs"),
        instances=tuple(point.instance() for point in points),
        time_limit=20.0,
        control=CENTER.instance().name,
        center=CENTER.instance().name,
    )


def _star() -> Iterator[Point]:
    """Yield the center, then every point that differs from it in one factor."""
    yield CENTER
    for factor, levels in LEVELS.items():
        for level in levels:
            if level != getattr(CENTER, factor):
                yield replace(CENTER, **{factor: level})  # type: ignore[arg-type] # fields by name


def _grid() -> Iterator[Point]:
    assert [field.name for field in fields(Point)] == list(LEVELS)
    for levels in product(*LEVELS.values()):
        yield Point(*levels)  # type: ignore[arg-type] # in the order of the fields
