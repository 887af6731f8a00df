r"""Linear forms over an ellipsoid ``|L' d|_2 <= eps`` intersected with a box: bounds and maximisers.

Bounds come from weak duality.  For *any* z, with ``v = w - L z``,

    ``w . d = z . L' d + v . d <= eps |z|_2 + sum_i |v_i| r_i``

on the ellipsoid and ``|d_i| <= r_i``; the smallest such value is the maximum itself.  So only the
evaluation of the right-hand side is rounded outward, with the rounding of v included; the
search for a good z is ordinary floating point.

The search is a barrier method (Boyd and Vandenberghe, Convex Optimization, section
11.3): Newton's method on ``-t w . d - log(eps^2 - |L' d|^2) - sum log of the distances to
the box``, with growing t.  Its points are feasible, and its multipliers of the box give v.
Few steps suffice whatever the condition of L, because Newton's method does not depend on
it.  All linear forms are treated at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.values import BoolArray, FloatArray

__all__ = ["box_bound", "dual_bound", "search"]

_ROUNDOFF = 2.0**-53
_MOST_NEWTON_STEPS = 60
_GROWTH = 10.0
# Newton decrements below which a point counts as central, on the way and at the end.
_NEAR = 0.5
_CENTRAL = 0.02
_BISECTIONS = 6


def dual_bound(
    factor: FloatArray, forms: FloatArray, points: FloatArray, epsilon: float, radius: FloatArray
) -> FloatArray:
    """Evaluate ``eps |z| + sum |w - L z| r``, rounded outward: an upper bound of ``|w . d|`` for any z.

    Parameters
    ----------
    factor
        L, shape (n, m).
    forms
        One w per row, shape (k, n).
    points
        One z per row, shape (k, m).
    epsilon
        Radius of the ellipsoid.
    radius
        Half-widths of the box, shape (n,).
    """
    n, m = factor.shape
    rest = np.abs(forms - points @ factor.T)
    # A dot product of m terms and one more sum (Higham, Accuracy and Stability, section 3.1).
    rest += (m + 4) * _ROUNDOFF * (np.abs(forms) + np.abs(points) @ np.abs(factor).T)
    bound = epsilon * np.sqrt((points * points).sum(axis=1)) + rest @ radius
    # Sums and products of non-negative numbers: their roundings are relative.
    result: FloatArray = bound * (1 + (2 * (n + m) + 32) * _ROUNDOFF)
    return result


def box_bound(forms: FloatArray, radius: FloatArray) -> FloatArray:
    """Return ``sum |w_i| r_i``, rounded outward."""
    result: FloatArray = np.abs(forms) @ radius * (1 + (2 * len(radius) + 8) * _ROUNDOFF)
    return result


def search(
    factor: FloatArray,
    forms: FloatArray,
    box: tuple[FloatArray, FloatArray],
    tolerance: float,
) -> tuple[FloatArray, FloatArray]:
    """Maximise ``w . d`` over ``|L' d| <= 1`` and a box, nearly.

    Parameters
    ----------
    factor
        L, shape (n, m).
    forms
        Shape (k, n).
    box
        lower and upper, shapes (k, n), with ``lower <= 0 <= upper``; about 1 at most for best results.
    tolerance
        Stop when the duality gap is about that small, relative to the largest ``w . d`` in the box.

    Returns
    -------
    Feasible points d, shape (k, n), and the box's multipliers v, shape (k, n).
    """
    lower, upper = box
    fixed = lower == upper
    size = (np.abs(forms) * np.maximum(upper, -lower)).sum(axis=1)
    size = np.where(size > 0, size, 1.0)[:, None]
    barrier = _Barrier(factor, np.where(fixed, 0.0, forms) / size, lower, upper, fixed)
    n = factor.shape[0]
    # The barrier's parameter: 2 n sides of the box, and 2 for the ellipsoid.
    most = (2 * n + 2) / tolerance
    t = np.full(len(forms), float(n))
    d = barrier.start()
    multipliers = np.zeros_like(forms)
    # A row that runs into the limits of its precision stops counting; the others go on.
    with np.errstate(all="ignore"):
        for _ in range(_MOST_NEWTON_STEPS):
            step, decrement, dual = barrier.newton(d, t)
            last = t >= most
            multipliers = np.where(last[:, None], dual, multipliers)
            d = barrier.move(d, step, decrement, t)
            near = decrement < np.where(last, _CENTRAL, _NEAR)
            if ((near & last) | np.isnan(decrement)).all():
                break
            t = np.where(near, np.minimum(t * _GROWTH, most), t)
    d, multipliers = np.where(fixed, 0.0, d), multipliers * size
    return np.where(np.isfinite(d), d, 0.0), np.where(np.isfinite(multipliers), multipliers, 0.0)


class _Barrier:
    """The barrier function of one box per row and a common ellipsoid; fixed coordinates stay at 0."""

    def __init__(
        self,
        factor: FloatArray,
        forms: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        fixed: BoolArray,
    ) -> None:
        self.factor = factor
        self.matrix = factor @ factor.T
        self.forms = forms
        self.fixed = fixed
        # Any range around 0 will do for what cannot move.
        self.lower = np.where(fixed, -1.0, lower)
        self.upper = np.where(fixed, 1.0, upper)

    def start(self) -> FloatArray:
        """Return the centre of the box, drawn towards 0 until it lies well within the ellipsoid."""
        centre = (self.lower + self.upper) / 2
        reach = np.sqrt(((centre @ self.factor) ** 2).sum(axis=1))
        result: FloatArray = centre * np.minimum(1.0, 0.5 / np.where(reach > 0, reach, 1.0))[:, None]
        return result

    def newton(self, d: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the Newton step, its decrement, and multipliers of the box after that step."""
        pull, left = self._ellipsoid(d)
        above, below = self.upper - d, d - self.lower
        gradient = self._gradient(d, t)
        hessian = (2 / left)[:, None, None] * self.matrix + (4 / left**2)[:, None, None] * (
            pull[:, :, None] * pull[:, None, :]
        )
        across = self.fixed[:, :, None] | self.fixed[:, None, :]
        hessian = np.where(across, 0.0, hessian)
        index = np.arange(d.shape[1])
        hessian[:, index, index] += 1 / above**2 + 1 / below**2
        step: FloatArray = np.asarray(
            np.linalg.solve(hessian, -gradient[:, :, None])[:, :, 0], dtype=np.float64
        )
        decrement = np.sqrt(np.maximum(-(gradient * step).sum(axis=1), 0.0))
        dual = (1 + np.minimum(step / above, 1)) / above - (1 - np.maximum(step / below, -1)) / below
        return step, decrement, np.where(self.fixed, 0.0, dual) / t[:, None]

    def move(self, d: FloatArray, step: FloatArray, decrement: FloatArray, t: FloatArray) -> FloatArray:
        """Follow the step: whole where Newton converges, else by bisection on the slope along it."""
        above, below = self.upper - d, d - self.lower
        share = np.where(step > 0, step / above, -step / below).max(axis=1)
        pull, left = self._ellipsoid(d)
        along = ((step @ self.factor) ** 2).sum(axis=1)
        across = (pull * step).sum(axis=1)
        root = np.sqrt(across**2 + along * left)
        # 1 / (distance to the ellipsoid along the step), without cancellation for either sign.
        beyond = np.where(across > 0, (root + across) / left, along / (root + np.abs(across) + 1e-300))
        share = np.maximum(share, beyond)
        farthest = 0.95 / np.maximum(share, 0.95 / 1.5)
        low, high = np.zeros(len(d)), farthest
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            slope = (self._gradient(d + middle[:, None] * step, t) * step).sum(axis=1)
            low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
        # The classical damped step always decreases the barrier function.
        length = np.maximum(low, np.minimum(1 / (1 + decrement), farthest))
        length = np.where(decrement < _NEAR, np.minimum(1.0, farthest), length)
        result = d + length[:, None] * step
        # At the limits of precision stay.
        return np.where(np.isfinite(result).all(axis=1, keepdims=True), result, d)

    def _ellipsoid(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return S d and ``1 - d' S d``, by way of L' d, which loses half as many digits."""
        seen = d @ self.factor
        return seen @ self.factor.T, 1 - (seen * seen).sum(axis=1)

    def _gradient(self, d: FloatArray, t: FloatArray) -> FloatArray:
        pull, left = self._ellipsoid(d)
        gradient = 2 * pull / left[:, None] + 1 / (self.upper - d) - 1 / (d - self.lower)
        return np.where(self.fixed, 0.0, gradient - t[:, None] * self.forms)
