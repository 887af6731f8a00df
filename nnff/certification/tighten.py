r"""Tightening ranges by linear programs over the relaxation of an encoding, in one warm-started session.

For a neuron, p', p'', m or D is minimised and maximised over the linear
relaxation of the whole MILP.  The solver's objective value is not used: every
range comes from its row duals by `nnff.milp.dual_bound`, evaluated here, on our own
copy of the program, in outward-rounded arithmetic.  Any duals give a valid
bound, so a wrong, sloppy or lying solver can only fail to help.

What a session has found at once narrows the columns of m and D in the
linear programs that follow.  Big-M rows and planes profit when the caller
encodes again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.certification.certificate import RangeStep
from nnff.encoding.refine import downstream_weights
from nnff.errors import NnffError
from nnff.milp.dual_bound import DualBound
from nnff.ranges import LayerRanges, Ranges, closed_form, intersect
from nnff.solver import Capability, SolveOptions, Termination

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.encoding import Encoded
    from nnff.encoding.cells import Neuron
    from nnff.problem import Problem
    from nnff.solver import SolveControl, SolverBackend
    from nnff.solver.session import LpSession
    from nnff.values import FloatArray, IntArray

__all__ = ["Tightened", "can_tighten", "describe", "tighten"]

_WORTH = 0.02
"""A range that a point of the relaxation nearly fills, up to this share of its width, is let be."""

_PADDING = 1e-7
"""Ranges are taken this share of their former width wider than proven.

Not for soundness, but for MILP solvers: held to a range that ends exactly at the best
pair, one that rounds can miss the pair.
"""

_FAILURES = 3
"""Linear programs in a row without duals after which a session is given up."""


@dataclass(frozen=True)
class Tightened:
    """What linear programs have shown.

    Attributes
    ----------
    ranges
        The ranges; those given where nothing was gained.
    boxes
        Per neuron with several cells, what is left of each, None for nothing.
    bound
        Lower bound of the MILP's objective over its relaxation, proven; -inf without one.
    programs
        How many were solved.
    remark
        Why there are fewer than wanted; empty otherwise.
    """

    ranges: Ranges
    boxes: dict[Neuron, list[FloatArray | None]] = field(default_factory=dict)
    bound: float = -np.inf
    programs: int = 0
    remark: str = ""


def can_tighten(backend: SolverBackend) -> bool:
    """Tell whether a backend has what `tighten` needs."""
    return Capability.LP_SESSION in backend.capabilities


def tighten(
    problem: Problem,
    encoded: Encoded,
    ranges: Ranges,
    backend: SolverBackend,
    *,
    boxes: Mapping[Neuron, Sequence[FloatArray]],
    deadline: float,
    control: SolveControl,
) -> Tightened:
    """Narrow the ranges of neurons that are unstable (kinked) or wide (smooth), layer by layer.

    Sound: the encoding holds every pair that `ranges` hold, its relaxation
    more; a proven bound of a linear form over that holds for the pairs.

    Parameters
    ----------
    problem
        The problem.
    encoded
        Its encoding with these ranges.
    ranges
        The ranges to begin with.
    backend
        A backend with sessions (`can_tighten`).
    boxes
        Rectangles over (m, D) of the cells of smooth neurons, in the order of their binaries.
    deadline
        ``time.perf_counter()`` at which to stop; within a layer the most useful neurons come first.
    control
        Interruption.
    """
    try:
        session = backend.lp_session(encoded.matrix, SolveOptions())
    except NnffError as error:
        return Tightened(ranges, remark=str(error))
    with session:
        work = _Work(encoded, session, deadline, control)
        bound = work.minimum(encoded.matrix.cost)
        layers = list(ranges.layers)
        weights = downstream_weights(problem.network)
        for index, layer in enumerate(problem.network.layers):
            if work.stopped():
                break
            g = layer.activation
            kind: tuple[str, ...] = _SMOOTH if g.smooth else _KINKED if g.kinks else _LINEAR
            kinks = tuple(place for place, _ in g.kinks)
            layers[index] = _tighten_layer(work, index, layers[index], kind, kinks, weights[index])
        left = {
            key: work.cells(key, cells, layers[key[0]])
            for key, cells in boxes.items()
            if encoded.columns[key].choices and not work.stopped()
        }
    narrowed = Ranges(ranges.inputs, tuple(layers), ranges.floor)
    return Tightened(narrowed, left, bound + encoded.matrix.offset, work.solved, work.remark)


_LINEAR = ("difference_",)
_SMOOTH = ("midpoint_", "difference_")
_KINKED = ("first_", "second_", "difference_")
_FORMS = {"midpoint_": (1.0, 0.0), "difference_": (0.0, 1.0), "first_": (1.0, -0.5), "second_": (1.0, 0.5)}
"""What is to be minimised, in m and D."""


def _tighten_layer(
    work: _Work,
    index: int,
    known: LayerRanges,
    kind: tuple[str, ...],
    kinks: tuple[float, ...],
    weights: FloatArray,
) -> LayerRanges:
    ends = {name: getattr(known, name).copy() for name in known.__dataclass_fields__}
    if kind is _KINKED:
        wanted = _unstable(kinks, known.lower, known.upper) > 0
    else:
        wanted = known.difference_lower < known.difference_upper
    # How far the neuron's output can be off, and what that does to the output.
    use = weights * (known.upper - known.lower) * (known.difference_upper - known.difference_lower)
    for j in sorted(np.flatnonzero(wanted).tolist(), key=lambda j: (-use[j], j)):
        for name in kind:
            low, high = ends[f"{name}lower"], ends[f"{name}upper"]
            if name in ("first_", "second_") and not _unstable(kinks, low[j], high[j]):
                continue
            low[j], high[j] = work.range((index, j), name, float(low[j]), float(high[j]))
        if work.stopped():
            break
        work.narrow((index, j), ends)
    return consistent(LayerRanges(**ends))


def _unstable(kinks: Sequence[float], lower: Any, upper: Any) -> Any:
    """Count the kinks strictly inside [lower, upper], elementwise."""
    return sum((lower < kink) & (upper > kink) for kink in kinks)


def consistent(known: LayerRanges) -> LayerRanges:
    """Let the ranges of m, D, p', p'' and of either copy tighten each other.

    Each line follows from m = (p' + p'')/2 and D = p'' - p'; what it rounds is less than the hair.
    """
    size = np.maximum(np.abs(known.lower), np.abs(known.upper)) + np.maximum(
        np.abs(known.difference_lower), np.abs(known.difference_upper)
    )
    hair = np.where(size > 0, 1e-15 * size + 1e-300, 0.0)
    m, d = (
        (known.midpoint_lower, known.midpoint_upper),
        (known.difference_lower, known.difference_upper),
    )
    from_parts = replace(
        known,
        first_lower=m[0] - d[1] / 2 - hair,
        first_upper=m[1] - d[0] / 2 + hair,
        second_lower=m[0] + d[0] / 2 - hair,
        second_upper=m[1] + d[1] / 2 + hair,
    )
    known = intersect(known, from_parts)
    first, second = (known.first_lower, known.first_upper), (known.second_lower, known.second_upper)
    from_copies = LayerRanges(
        np.minimum(first[0], second[0]),
        np.maximum(first[1], second[1]),
        second[0] - first[1] - hair,
        second[1] - first[0] + hair,
        (first[0] + second[0]) / 2 - hair,
        (first[1] + second[1]) / 2 + hair,
        *first,
        *second,
    )
    return intersect(known, from_copies)


class _Work:
    """A session, our own copy of what it holds, and how far the points it has found reach."""

    def __init__(self, encoded: Encoded, session: LpSession, deadline: float, control: SolveControl) -> None:
        matrix = encoded.matrix
        self.solved, self.remark = 0, ""
        self._session, self._deadline, self._control = session, deadline, control
        self._rows = (matrix.row_lower, matrix.row_upper)
        self._columns = (matrix.col_lower.copy(), matrix.col_upper.copy())
        self._evaluate = DualBound(matrix.matrix)
        self._failures = 0
        self._places = encoded.columns
        self._order = {key: k for k, key in enumerate(encoded.columns)}
        # Columns and units of m and D, neuron by neuron; a unit of 0 for what the matrix does not hold.
        places = [[n.midpoint or (0, 0.0), n.difference or (0, 0.0)] for n in encoded.columns.values()]
        self._where = np.array([[place[0] for place in both] for both in places], dtype=np.int64).reshape(
            -1, 2
        )
        self._units = np.array([[place[1] for place in both] for both in places]).reshape(-1, 2)
        self._least = {name: np.full(len(places), np.inf) for name in _FORMS}
        self._most = {name: np.full(len(places), -np.inf) for name in _FORMS}

    def stopped(self) -> bool:
        late = time.perf_counter() > self._deadline
        if (late or self._control.interrupted) and not self.remark:
            self.remark = "stopped for lack of time" if late else "interrupted"
        return bool(self.remark)

    def minimum(self, cost: FloatArray) -> float:
        """Return a proven lower bound of ``cost x``; -inf without one."""
        if self.stopped():
            return -np.inf
        try:
            self._session.set_objective(cost)
            result = self._session.solve(max(self._deadline - time.perf_counter(), 1e-3), self._control)
        except NnffError as error:
            self.remark = str(error)
            return -np.inf
        self.solved += 1
        duals = result.row_duals
        if duals is None or duals.shape != self._rows[0].shape:
            self._failures += 1
            if self._failures >= _FAILURES:
                self.remark = f"the solver gave no duals ({result.message or result.termination.value})"
            return -np.inf
        self._failures = 0
        if (
            result.x is not None
            and result.x.shape == cost.shape
            and result.termination is Termination.OPTIMAL
        ):
            self._see(result.x)
        bound = self._evaluate(cost, 0.0, self._rows, self._columns, duals)
        # +inf would mean that a column has no values left: never so, unless what is known is wrong.
        return bound if np.isfinite(bound) else -np.inf

    def _see(self, x: FloatArray) -> None:
        """Remember how far a point of the relaxation reaches: what it nearly fills cannot be narrowed."""
        m, d = (x[self._where] * self._units).T
        for name, (of_m, of_d) in _FORMS.items():
            value = of_m * m + of_d * d
            np.minimum(self._least[name], value, out=self._least[name])
            np.maximum(self._most[name], value, out=self._most[name])

    def range(self, key: Neuron, name: str, low: float, high: float) -> tuple[float, float]:
        """Narrow a range of a neuron."""
        width, k = high - low, self._order[key]
        cost = np.zeros(len(self._columns[0]))
        for coefficient, column, unit in zip(_FORMS[name], self._where[k], self._units[k], strict=True):
            if coefficient != 0 and unit == 0:
                return low, high
            cost[column] += coefficient * unit
        if width > 0 and self._least[name][k] > low + _WORTH * width:
            low = self._better(low, self.minimum(cost) - _PADDING * width, width)
        if width > 0 and self._most[name][k] < high - _WORTH * width:
            high = -self._better(-high, self.minimum(-cost) - _PADDING * width, width)
        return low, high

    @staticmethod
    def _better(known: float, found: float, width: float) -> float:
        # An improvement of a hair is not worth a new number in the rows.
        return found if found > known + 1e-3 * width else known

    def cells(self, key: Neuron, boxes: Sequence[FloatArray], known: LayerRanges) -> list[FloatArray | None]:
        """Return what is left of every cell of a neuron, None if no pair can be in it.

        A pair is in one cell, and its binary is 1: a cell whose binary cannot reach 1 in the relaxation
        holds none.  With the binary held at 1, ranges of m and D are those of the cell's pairs.
        """
        choices = np.array(self._places[key].choices)
        j = key[1]
        limits = np.array(
            [
                known.midpoint_lower[j],
                known.midpoint_upper[j],
                known.difference_lower[j],
                known.difference_upper[j],
            ]
        )
        held = [bounds[choices].copy() for bounds in self._columns]
        left: list[FloatArray | None] = []
        for place, box in enumerate(boxes):
            low, high = np.maximum(box[::2], limits[::2]), np.minimum(box[1::2], limits[1::2])
            if (low > high).any():
                left.append(None)
                continue
            cost = np.zeros(len(self._columns[0]))
            cost[choices[place]] = -1.0
            if -self.minimum(cost) < 1 - 1e-6:
                left.append(None)
                self._hold(choices[[place]], np.zeros(1), np.zeros(1))
                held[1][place] = 0.0
                continue
            only = np.zeros(len(choices))
            only[place] = 1.0
            self._hold(choices, only, only)
            self._forget()
            ends = [
                self.range(key, name, float(low[axis]), float(high[axis]))
                for axis, name in enumerate(("midpoint_", "difference_"))
            ]
            left.append(np.array([*ends[0], *ends[1]]))
            self._hold(choices, *held)
        self._forget()
        return left

    def _hold(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        self._columns[0][columns], self._columns[1][columns] = lower, upper
        try:
            self._session.set_column_bounds(columns, lower, upper)
        except NnffError as error:
            self.remark = str(error)

    def _forget(self) -> None:
        """Points of a program say nothing about another one."""
        for name in _FORMS:
            self._least[name].fill(np.inf)
            self._most[name].fill(-np.inf)

    def narrow(self, key: Neuron, ends: dict[str, FloatArray]) -> None:
        """Narrow the columns of m and D, here and in the session."""
        for name, place in (
            ("midpoint_", self._places[key].midpoint),
            ("difference_", self._places[key].difference),
        ):
            if place is None:
                continue
            column, unit = place
            lower, upper = self._columns
            low = max(float(lower[column]), float(ends[f"{name}lower"][key[1]]) / unit)
            high = min(float(upper[column]), float(ends[f"{name}upper"][key[1]]) / unit)
            if low > high or (low, high) == (lower[column], upper[column]):
                continue
            lower[column], upper[column] = low, high
            try:
                self._session.set_column_bounds(np.array([column]), np.array([low]), np.array([high]))
            except NnffError as error:
                self.remark = str(error)


def describe(
    problem: Problem,
    name: str,
    before: Ranges,
    after: Ranges,
    *,
    seconds: float,
    programs: int = 0,
    remark: str = "",
) -> RangeStep:
    """Return the record of what a step has bought."""
    (m_before, d_before, n_before), (m_after, d_after, n_after) = (
        _widths(problem, ranges) for ranges in (before, after)
    )
    return RangeStep(
        step=name,
        midpoint_width_before=m_before,
        midpoint_width_after=m_after,
        difference_width_before=d_before,
        difference_width_after=d_after,
        unstable_before=n_before,
        unstable_after=n_after,
        closed_form_before=closed_form(problem, before),
        closed_form_after=closed_form(problem, after),
        programs=programs,
        seconds=seconds,
        remark=remark,
    )


def _widths(problem: Problem, ranges: Ranges) -> tuple[float, float, int]:
    """Return the sums of the widths of m and D, and how many kinks lie inside the ranges of the copies."""
    wide = sum(float((known.midpoint_upper - known.midpoint_lower).sum()) for known in ranges.layers)
    apart = sum(float((known.difference_upper - known.difference_lower).sum()) for known in ranges.layers)
    unstable = sum(
        int(np.sum(_unstable([place for place, _ in layer.activation.kinks], low, high)))
        for layer, known in zip(problem.network.layers, ranges.layers, strict=True)
        for low, high in (
            (known.first_lower, known.first_upper),
            (known.second_lower, known.second_upper),
        )
    )
    return wide, apart, unstable
