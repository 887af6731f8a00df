"""The points of a domain: membership, nearest points, samples and enumeration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.domain.feasibility import Choices, blamed_rows, center, nearest_choice
from nnff.domain.grid import Axis, Grid
from nnff.domain.polytope import Polytope, excess, project, pull, stretch
from nnff.errors import DomainError

if TYPE_CHECKING:
    from nnff.domain.discrete import Groups, Levels
    from nnff.domain.linear_rows import LinearRows
    from nnff.values import BoolArray, FloatArray, IntArray

__all__ = ["Points"]

_REMEMBERED = 4096
_MOST_PROGRAMS = 16
"""Integer programs for the nearest points of one call; each may take a tenth of a second."""
_DRAWS = 30
"""Times that a sample is drawn anew where it violates rows, before it is moved inside."""
_QUICK_STEPS = 20
"""Enough for a step of a search, which ends inside whatever the projection reaches."""
_GROUP_SLACK = 1e-6
"""With discrete features as continuous ones, groups may miss their sum of 1 by this; rounding comes later."""


class Points:
    """Box, rows and discrete values of a domain, as one set of points.

    Parameters
    ----------
    body
        The box and the rows.
    integer, one_hot, ordinal
        As for `nnff.domain.Domain`.
    """

    def __init__(self, body: Polytope, integer: BoolArray, one_hot: Groups, ordinal: Levels) -> None:
        self._body = body
        self._choices = Choices(integer, one_hot, ordinal)
        self._discrete = np.array(integer)
        self._discrete[[index for index, _ in ordinal]] = True
        self._width = body.upper - body.lower
        self._centers: dict[bytes, FloatArray | None] = {}
        self._known: FloatArray | None = None
        sums = np.zeros((len(one_hot), len(body.lower)))
        for k, group in enumerate(one_hot):
            sums[k, list(group)] = 1.0
        self._relaxed = Polytope(
            np.concatenate([body.matrix, sums]),
            np.concatenate([body.row_lower, np.ones(len(sums))]),
            np.concatenate([body.row_upper, np.ones(len(sums))]),
            np.concatenate([body.slack, np.full(len(sums), _GROUP_SLACK)]),
            body.lower,
            body.upper,
        )

    def refuse_if_empty(self, rows: LinearRows, names: tuple[str, ...]) -> None:
        """Raise a DomainError that names the rows if they leave nothing."""
        body = self._body
        low = np.where(rows.matrix > 0, rows.matrix * body.lower, rows.matrix * body.upper).sum(axis=1)
        high = np.where(rows.matrix > 0, rows.matrix * body.upper, rows.matrix * body.lower).sum(axis=1)
        for k in range(rows.n_rows):
            if low[k] > rows.upper[k] + body.slack[k] or high[k] < rows.lower[k] - body.slack[k]:
                raise DomainError(
                    f"the domain is empty: within the ranges the left side of row {rows.describe(k, names)} "
                    f"lies in [{low[k]:g}, {high[k]:g}]"
                )
        self._known = self._any_point()
        if self._known is not None:
            return
        blamed = blamed_rows(self._relaxed)
        called = [rows.describe(k, names) for k in blamed if k < rows.n_rows]
        if called:
            raise DomainError(
                f"the domain is empty: row {' and row '.join(called[:3])} cannot hold together with "
                "the others and the ranges"
            )
        raise DomainError(
            "the domain is empty: the rows hold somewhere in the box, but for no choice of whole numbers, "
            "levels and one-hot groups"
        )

    def _any_point(self) -> FloatArray | None:
        """Return a point of the domain, shape (n,), or None if there is none."""
        start = (self._body.lower + self._body.upper) / 2
        found = self._by_program(start)
        return found if found is not None and self.holds(found[None])[0] else None

    def holds(self, x: FloatArray) -> BoolArray:
        """Tell for each point whether it lies in the domain, shape (points,)."""
        choices = self._choices
        inside = ((x >= self._body.lower) & (x <= self._body.upper)).all(axis=1)
        inside &= (~choices.integer | (x == np.rint(x))).all(axis=1)
        for index, levels in choices.ordinal:
            inside &= np.isin(x[:, index], levels)
        for group in choices.one_hot:
            inside &= x[:, list(group)].sum(axis=1) == 1
        if len(self._body.matrix):
            inside[inside] = (excess(self._body, x[inside]) <= self._body.slack).all(axis=1)
        result: BoolArray = inside
        return result

    def nearest(
        self, x: FloatArray, partner: FloatArray | None = None, shared: BoolArray | None = None
    ) -> FloatArray:
        """Return points of the domain near x; see `nnff.domain.Domain.nearest`.

        Where `shared` holds, features are those of `partner`, itself in the domain.
        """
        body = self._body
        if partner is not None and shared is not None:
            body = replace(
                body,
                lower=np.where(shared, partner, body.lower),
                upper=np.where(shared, partner, body.upper),
            )
        result = self._rounded(x, body.lower, body.upper)
        if not len(body.matrix):
            return result
        wrong = np.flatnonzero(~self.holds(result))
        if wrong.size:
            own = body.at(wrong)
            result[wrong] = self._into_rows(result[wrong], own, None if partner is None else partner[wrong])
        return result

    def _rounded(self, x: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
        """Return the nearest points that satisfy everything but the rows."""
        values = np.clip(x, lower, upper)
        # The bounds of an integer feature are integers, so rounding stays inside.
        values = np.where(self._choices.integer, np.rint(values), values)
        low, high = np.broadcast_to(lower, values.shape), np.broadcast_to(upper, values.shape)
        for index, levels in self._choices.ordinal:
            known = np.array(levels)
            far = np.abs(values[:, [index]] - known)
            far = np.where((known >= low[:, [index]]) & (known <= high[:, [index]]), far, np.inf)
            values[:, index] = known[far.argmin(axis=1)]
        for group in self._choices.one_hot:
            members = list(group)
            wish = np.where(high[:, members] >= 1, np.nan_to_num(x[:, members]), -np.inf)
            wish = np.where(low[:, members] >= 1, np.inf, wish)
            values[:, members] = 0.0
            values[np.arange(len(values)), np.array(members)[wish.argmax(axis=1)]] = 1.0
        return values

    def _into_rows(self, x: FloatArray, body: Polytope, partner: FloatArray | None) -> FloatArray:
        """Move points with proper discrete values to where the rows hold."""
        lower = np.where(self._discrete, x, np.broadcast_to(body.lower, x.shape))
        upper = np.where(self._discrete, x, np.broadcast_to(body.upper, x.shape))
        own = replace(body, lower=lower, upper=upper)
        result = project(own, x, upper - lower)
        programs = 0
        for k in np.flatnonzero(~self.holds(result)):
            alone = own.at(slice(k, k + 1))
            anchor = None
            if partner is not None and ((partner[k] >= lower[k]) & (partner[k] <= upper[k])).all():
                anchor = partner[k]
            if anchor is None:
                anchor = self._center(lower[k], upper[k])
            if anchor is not None:
                result[k] = pull(alone, anchor[None], result[[k]])[0]
                continue
            # No point of the domain has these values.
            if programs == _MOST_PROGRAMS:
                continue
            programs += 1
            bounds = [np.broadcast_to(end, x.shape)[k] for end in (body.lower, body.upper)]
            found = self._by_program(x[k], None if partner is None else (bounds[0], bounds[1]))
            if found is not None:
                result[k] = found
        left = np.flatnonzero(~self.holds(result))
        if left.size:
            result[left] = self._instead(result, left) if partner is None else partner[left]
        return result

    def _instead(self, x: FloatArray, left: IntArray) -> FloatArray:
        """Return for some points the closest of the others that lie in the domain, or any point that does."""
        others = x[self.holds(x)]
        if not len(others):
            if self._known is None:
                self._known = self._any_point()
            others = x[:0] if self._known is None else self._known[None]
        if not len(others):
            return x[left]
        unit = np.where(self._width > 0, self._width, 1.0)
        far = np.abs((x[left, None, :] - others[None]) / unit).sum(axis=2)
        closest: FloatArray = others[far.argmin(axis=1)]
        return closest

    def _by_program(
        self, x: FloatArray, bounds: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray | None:
        """Return a point of the domain, shape (n,), whose discrete values are the nearest that there are."""
        lower, upper = (self._body.lower, self._body.upper) if bounds is None else bounds
        body = replace(self._body, lower=lower, upper=upper)
        start = x
        if self._discrete.any():
            chosen = nearest_choice(body, self._choices, np.clip(x, lower, upper), self._width)
            if chosen is None:
                return None
            start = self._rounded(chosen[None], lower, upper)[0]
            if self.holds(start[None])[0]:
                return np.asarray(start)
            lower = np.where(self._discrete, start, lower)
            upper = np.where(self._discrete, start, upper)
        anchor = self._center(lower, upper)
        if anchor is None:
            return None
        own = replace(body, lower=lower, upper=upper)
        found: FloatArray = pull(own, anchor[None], project(own, start[None], upper - lower))[0]
        return found

    def _center(self, lower: FloatArray, upper: FloatArray) -> FloatArray | None:
        """Return a point well inside the part of the domain between other bounds, or None if it is empty."""
        key = lower.tobytes() + upper.tobytes()
        if key not in self._centers:
            if len(self._centers) >= _REMEMBERED:
                self._centers.clear()
            body = self._body
            found = center(replace(body, lower=lower, upper=upper))
            if found is not None and (excess(body, found) > body.slack).any():
                found = None
            self._centers[key] = found
        return self._centers[key]

    def towards(
        self,
        anchor: FloatArray,
        goal: FloatArray,
        difference: FloatArray | None = None,
        held: BoolArray | None = None,
        *,
        straight: bool = False,
    ) -> FloatArray:
        """See `nnff.domain.Domain.towards`."""
        body, width = self._relaxed, self._width
        if difference is not None:
            shift = difference @ body.matrix.T
            # A x and A (x + d) within the bounds, and the same of x itself.
            body = replace(
                body,
                row_lower=body.row_lower - np.minimum(shift, 0.0),
                row_upper=body.row_upper - np.maximum(shift, 0.0),
                lower=np.maximum(body.lower, body.lower - difference),
                upper=np.minimum(body.upper, body.upper - difference),
            )
        # Rounding can leave nothing between bounds that meet; the anchor is there.
        low, high = np.minimum(body.lower, anchor), np.maximum(body.upper, anchor)
        if held is not None:
            low, high = np.where(held, anchor, low), np.where(held, anchor, high)
            width = np.where(held, 0.0, width)
        body = replace(body, lower=low, upper=high)
        start = np.clip(goal, low, high)
        outside = np.flatnonzero((excess(body, start) > body.slack).any(axis=1))
        if outside.size:
            own = body.at(outside)
            moved = start[outside]
            if not straight:
                moved = project(own, moved, width, steps=_QUICK_STEPS)
            start[outside] = pull(own, anchor[outside], moved)
        return start

    def sample(self, count: int, rng: np.random.Generator) -> FloatArray:
        """See `nnff.domain.Domain.sample`."""
        points = self._draw(count, rng)
        if not len(self._body.matrix):
            return points
        outside = np.flatnonzero(~self.holds(points))
        for _ in range(_DRAWS):
            if not outside.size:
                return points
            points[outside] = self._draw(len(outside), rng)
            outside = outside[~self.holds(points[outside])]
        if outside.size:
            points[outside] = self._walk(self.nearest(points[outside]), rng)
        return points

    def _draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Draw points uniformly, rows not considered."""
        body, n = self._body, len(self._width)
        share = rng.random((count, n))
        whole = body.lower + np.floor(share * (self._width + 1))
        # Both sums can leave the box by one rounding.
        drawn = np.where(self._choices.integer, whole, body.lower + share * self._width)
        for index, levels in self._choices.ordinal:
            drawn[:, index] = np.array(levels)[(share[:, index] * len(levels)).astype(int)]
        for group in self._choices.one_hot:
            members = list(group)
            # The largest of independent draws is each with equal chance.
            drawn[:, members] = np.where(body.upper[members] >= 1, share[:, members], -1.0)
        return self._rounded(drawn, body.lower, body.upper)

    def _walk(self, x: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Let points of the domain walk by hit-and-run in their continuous features."""
        width = np.where(self._discrete, 0.0, self._width)
        for _ in range(2 * int((width > 0).sum())):
            direction = rng.normal(size=x.shape) * width
            least, most = stretch(self._body, x, direction)
            step = least + rng.random(len(x)) * (most - least)
            moved = np.clip(x + step[:, None] * direction, self._body.lower, self._body.upper)
            moved = np.where(self._discrete, x, moved)
            x = np.where((np.isfinite(step) & self.holds(moved))[:, None], moved, x)
        return x

    @property
    def grid(self) -> Grid:
        """All points if there were no rows, with every continuous feature at its lower end."""
        groups = {group[0]: group for group in self._choices.one_hot}
        later = {i for group in self._choices.one_hot for i in group[1:]}
        levels = dict(self._choices.ordinal)
        axes = []
        for i, (low, width) in enumerate(zip(self._body.lower, self._width, strict=True)):
            if i in groups:
                able = [k for k, member in enumerate(groups[i]) if self._body.upper[member] >= 1]
                axes.append(Axis(groups[i], len(able), values=np.eye(len(groups[i]))[able]))
            elif i in levels:
                axes.append(Axis((i,), len(levels[i]), values=np.array(levels[i])[:, None]))
            elif i not in later:
                count = int(width) + 1 if self._choices.integer[i] else 1
                axes.append(Axis((i,), count, float(low)))
        return Grid(tuple(axes))
