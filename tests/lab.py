"""What the tests of the soundness-critical core share: random problems, and pairs that satisfy them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, getcontext, localcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nnff.domain import Domain, LinearRows
from nnff.network import Layer, Network, Scaling
from nnff.network import activation as known_activation
from nnff.problem import Problem
from nnff.similarity import metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.ranges import Ranges
    from nnff.similarity import Metric

ACTIVATIONS = (
    "identity",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "leaky_relu(0.1)",
    "hard_sigmoid(0.25,0.5)",
)


@dataclass(frozen=True)
class Lab:
    """Makers of random problems; everything follows from the generator that is passed in."""

    activations: tuple[str, ...] = ACTIVATIONS

    @staticmethod
    def network(
        rng: np.random.Generator,
        sizes: Sequence[int],
        activations: Sequence[str],
        *,
        gain: float = 1.5,
        scaled: bool = False,
    ) -> Network:
        """Return a dense network; with `scaled`, inputs and output have scalings of either sign."""
        layers = tuple(
            Layer(rng.normal(0, gain / np.sqrt(before), (after, before)), rng.normal(0, 0.5, after), name)
            for before, after, name in zip(sizes, sizes[1:], activations, strict=False)
        )
        if not scaled:
            return Network(layers)
        return Network(layers, Lab.scaling(rng, sizes[0]), Lab.scaling(rng, sizes[-1]))

    @staticmethod
    def scaling(rng: np.random.Generator, size: int) -> Scaling:
        sign = rng.choice([-1.0, 1.0], size=size)
        return Scaling(rng.normal(0, 2, size), sign * rng.uniform(0.3, 3.0, size))

    @staticmethod
    def domain(rng: np.random.Generator, n: int, *, integer: float = 0.25, immutable: float = 0.15) -> Domain:
        """Return a box around 0 with some integer, immutable and fixed features."""
        whole, kept = rng.random(n) < integer, rng.random(n) < immutable
        low = rng.uniform(-2, 1, n)
        high = low + rng.choice([0.0, 1.0], p=[0.1, 0.9], size=n) * rng.uniform(0.3, 3, n)
        low, high = (
            np.where(whole, np.floor(low), low),
            np.where(whole, np.floor(low) + rng.integers(0, 4, n), high),
        )
        return Domain(low, high, whole, kept)

    @staticmethod
    def rich_domain(
        rng: np.random.Generator, *, continuous: int | None = None, rows: int | None = None, whole: int = 3
    ) -> Domain:
        """Return a domain of everything: continuous, integer, ordinal and one-hot features under linear rows.

        Rows are bounds, or now and then an equation, that points of the box satisfy, so it is never empty.
        """
        loose = int(rng.integers(0, 3)) if continuous is None else continuous
        kinds = ["continuous"] * loose
        kinds += rng.choice(["integer", "ordinal"], size=rng.integers(0 if loose else 1, 3)).tolist()
        kinds = rng.permutation(kinds).tolist()
        group = int(rng.choice([0, 2, 3]))
        n = len(kinds) + group
        low, high = np.zeros(n), np.ones(n)
        ordinal = []
        for i, kind in enumerate(kinds):
            low[i] = rng.integers(-2, 2) if kind == "integer" else rng.uniform(-2, 1)
            high[i] = low[i] + (rng.integers(0, whole) if kind == "integer" else rng.uniform(0.5, 3))
            if kind == "ordinal":
                ordinal.append((i, tuple((low[i] + np.cumsum(rng.uniform(0.2, 1, 3))).tolist())))
                high[i] = low[i] + 4
        integer = np.array([kind == "integer" for kind in kinds] + [False] * group)
        parts = {
            "one_hot": (tuple(range(n - group, n)),) if group else (),
            "ordinal": tuple(ordinal),
        }
        immutable = rng.random(n) < 0.15
        box = Domain(low, high, integer, immutable, **parts)
        count = int(rng.integers(0, 4)) if rows is None else rows
        if not count:
            return box
        matrix = rng.normal(size=(count, n)) * (rng.random((count, n)) < 0.7)
        matrix[np.arange(count), rng.integers(0, n, count)] = 1.0
        # One point satisfies all rows; the others of the sample tell how wide they are.
        values = box.sample(40, rng) @ matrix.T
        spread = np.quantile(values, [0.25, 0.75], axis=0)
        lower = np.where(rng.random(count) < 0.8, np.minimum(spread[0], values[0]), -np.inf)
        upper = np.where(
            np.isinf(lower) | (rng.random(count) < 0.6), np.maximum(spread[1], values[0]), np.inf
        )
        if rng.random() < 0.2:
            lower[0] = upper[0] = values[0, 0]
        return Domain(low, high, integer, immutable, rows=LinearRows(matrix, lower, upper), **parts)

    @staticmethod
    def metric(rng: np.random.Generator, n: int) -> Metric:
        """Return a weighted l_p metric, with a free feature now and then."""
        weights = np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.3, 3, n))
        return metric("weighted-lp", p=[1, 2, "inf"][rng.integers(3)], weights=weights)

    def problem(
        self,
        rng: np.random.Generator,
        activations: Sequence[str],
        *,
        n_inputs: int | None = None,
        most_neurons: int = 4,
        gain: float = 1.5,
        integer: float = 0.25,
        domain: Domain | None = None,
    ) -> Problem:
        """Return a random problem: scalings, metric, its coordinates, epsilon and `domain` are drawn too."""
        if domain is not None:
            n_inputs = domain.n_features
        n = int(rng.integers(1, 4)) if n_inputs is None else n_inputs
        hidden = [int(k) for k in rng.integers(1, most_neurons + 1, len(activations) - 1)]
        network = self.network(rng, [n, *hidden, 1], activations, gain=gain, scaled=bool(rng.random() < 0.5))
        own_coordinates = self.scaling(rng, n) if rng.random() < 0.4 else None
        epsilon = float(rng.choice([0.0, 1e-3, 0.1, 0.4, 2.0]))
        if domain is None:
            domain = self.domain(rng, n, integer=integer)
        return Problem(network, domain, self.metric(rng, n), epsilon, own_coordinates)

    @staticmethod
    def rich_pairs(problem: Problem, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return feasible pairs of any domain: equal ones, near ones, any that the metric admits."""
        domain = problem.domain
        first = domain.sample(count, rng)
        step = (
            rng.normal(size=first.shape) * domain.width * rng.choice([0.0, 0.05, 0.5, 2.0], size=(count, 1))
        )
        near = domain.nearest(first + step * (rng.random(first.shape) < 0.5), partner=first)
        # A difference that is too long, shortened where that is possible at all.
        distance = problem.distance(first, near)
        share = np.minimum(1.0, problem.epsilon / np.maximum(distance, 1e-300))[:, None]
        short = np.where(domain.discrete, near, first + share * (near - first))
        moved = domain.nearest(first + share * (near - first), partner=first)
        first = np.concatenate([first] * 4)
        second = np.concatenate([first[:count], near, short, moved])
        good = problem.admits(first, second)
        return first[good], second[good]

    @staticmethod
    def pairs(problem: Problem, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return feasible pairs, many of them at corners of the domain or on the edge of the ball."""
        domain, scale = problem.domain, problem.coordinates.scale
        first = domain.sample(count, rng)
        corner = np.where(rng.random(first.shape) < 0.5, domain.lower, domain.upper)
        first = np.where(rng.random((count, 1)) < 0.4, corner, first)
        ends = np.stack([(domain.lower - first) / scale, (domain.upper - first) / scale])
        movable = ~domain.immutable
        low, high = np.minimum(ends.min(axis=0), 0) * movable, np.maximum(ends.max(axis=0), 0) * movable
        direction = rng.normal(size=first.shape) * (rng.random(first.shape) < 0.8)
        step = problem.metric.maximise(direction, problem.epsilon, low, high) * scale
        share = np.where(rng.random((count, 1)) < 0.5, 1.0, rng.random((count, 1)))
        step = np.where(domain.integer, np.trunc(step + np.sign(step) * 1e-9), step * share)
        second = np.where(domain.immutable, first, np.clip(first + step, domain.lower, domain.upper))
        good = problem.admits(first, second)
        return first[good], second[good]

    @staticmethod
    def assert_within(problem: Problem, ranges: Ranges, first: np.ndarray, second: np.ndarray) -> None:
        """Fail if a pair leaves its ranges by more than what the forward pass itself rounds."""
        before1, before2 = problem.network.preactivations(first), problem.network.preactivations(second)
        for known, p1, p2 in zip(ranges.layers, before1, before2, strict=True):
            slack = 1e-13 * (1 + np.maximum(np.abs(known.lower), np.abs(known.upper)))
            for values, name in (
                (p1, ""),
                (p2, ""),
                (p1, "first_"),
                (p2, "second_"),
                ((p1 + p2) / 2, "midpoint_"),
                (p2 - p1, "difference_"),
            ):
                low, high = getattr(known, f"{name}lower"), getattr(known, f"{name}upper")
                assert (low <= high).all(), name
                assert (values >= low - slack).all(), name
                assert (values <= high + slack).all(), name


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


def _digits(number: Decimal) -> int:
    """Return a precision that keeps 60 digits although 1 is added to something as small as `number`."""
    return 60 + max(0, -number.adjusted() if number else 0)


def _normal(p: Decimal) -> Decimal:
    """Return the normal distribution function, by 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...)."""
    x = abs(p)
    if x > 40:  # exp(-800) is below any precision used here
        return Decimal(int(p > 0))
    term = total = x
    n = 1
    while term > total * Decimal(10) ** -getcontext().prec:
        n += 2
        term = term * x * x / n
        total += term
    root = 2 * Decimal(
        "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803"
    )
    half = total * (-x * x / 2).exp() / root.sqrt()
    return Decimal("0.5") + half.copy_sign(p)


class Exact:
    """Activations in 60 digits and more, of the very numbers that the floats are."""

    @staticmethod
    def value(name: str, p: Decimal) -> Decimal:
        with localcontext() as context:
            context.prec = max(context.prec, _digits(p))
            match name:
                case "tanh":
                    return 2 / (1 + (-2 * p).exp()) - 1
                case "sigmoid":
                    return 1 / (1 + (-p).exp())
                case "softplus":
                    return max(p, Decimal(0)) + (1 + (-abs(p)).exp()).ln()
                case "silu":
                    return p / (1 + (-p).exp())
                case "gelu":
                    return p * _normal(p)
            context.prec = 1200  # every sum and product of a few floats fits
            return Exact._straight(name, p)

    @staticmethod
    def _straight(name: str, p: Decimal) -> Decimal:
        """Evaluate a piecewise-linear activation, which takes sums and products only."""
        if name.startswith("hard"):
            alpha, beta = map(Decimal, map(float, name[13:-1].split(",")))
            return min(max(alpha * p + beta, Decimal(0)), Decimal(1))
        slope = {"identity": 1.0, "relu": 0.0}.get(name)
        slope = known_activation(name).slope if slope is None else slope
        return max(p, Decimal(0)) + Decimal(slope) * min(p, Decimal(0))

    @classmethod
    def difference(cls, name: str, m: float, d: float) -> Decimal:
        middle, gap = Decimal(m), Decimal(d)
        with localcontext() as context:
            context.prec = _digits(gap)
            upper, lower = middle + gap / 2, middle - gap / 2
            if not known_activation(name).smooth:
                context.prec = 1200
                upper, lower = middle + gap / 2, middle - gap / 2
                return cls._straight(name, upper) - cls._straight(name, lower)
            if name not in ("sigmoid", "tanh"):
                # All 60 digits of the size of D: what nnff says of these is relative to D.
                return cls.value(name, upper) - cls.value(name, lower)
            # Subtracting two values near 1 would lose every digit at |m| = 500.
            scale = 2 if name == "tanh" else 1
            rise, fall = (scale * upper).exp(), (scale * lower).exp()
            return scale * (rise - fall) / ((1 + rise) * (1 + fall))

    @classmethod
    def mean(cls, name: str, m: float, d: float) -> Decimal:
        middle, gap = Decimal(m), Decimal(d)
        with localcontext() as context:
            context.prec = _digits(gap)
            return (cls.value(name, middle + gap / 2) + cls.value(name, middle - gap / 2)) / 2


@pytest.fixture(scope="session")
def exact() -> type[Exact]:
    return Exact
