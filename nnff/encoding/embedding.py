r"""What both strategies need of a metric's embedding: phi as a chain on the network's scaled inputs.

A metric ``d(x, y) = base(phi(x), phi(y))`` (`nnff.similarity.Metric.embedding`) is not one of
differences, so its ball cannot be written as rows on the input differences.  Instead phi is encoded for
both inputs of the pair, by the same machinery as the network itself, and the differences of its outputs are
handed to the base metric's rows.

phi acts on the metric's coordinates u = (x - c_t) / s_t after its own scaling (c_p, s_p), the
encoding has z = (x - c_f) / s_f.  Both maps are diagonal and are folded into phi's first layer:

.. math:: \zeta = \alpha z + \beta, \quad \alpha = \frac{s_f}{s_t s_p}, \quad
          \beta = \frac{(c_f - c_t) / s_t - c_p}{s_p}.

*Rounding.*  The distance is computed in floating point, and a pair counts as similar by its computed
distance.  `Chain.noise` bounds how far each computed output of phi can be from that of the folded chain in
exact arithmetic, over the whole domain; the differences that the base metric's rows see may be off by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.ranges import interval_ranges, linear_ranges
from nnff.ranges.outward import activation_range
from nnff.values import FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.writer import BlockWriter
    from nnff.ranges import LayerRanges, Ranges

__all__ = ["Chain", "chain_of", "excess_of", "write_base_ball"]

_ROUNDOFF = 2.0**-53
_SECOND_ORDER = 2.0
_OPERATIONS = 16
_TINY = 1e-300


@dataclass(frozen=True)
class Chain:
    """phi as a problem of its own.

    Attributes
    ----------
    problem
        The pairs of the actual problem, with the sum of phi's outputs as its network: all of its layers but
        the last are phi's, on the actual network's scaled inputs.
    ranges
        Ranges of every layer over all similar pairs.
    scale
        One unit of a chain's output in phi's own units, shape (k,); of either sign.
    noise
        ``|e_j - scale_j h_j| <= noise_j`` for the computed difference e of phi's outputs and the exact one
        h of the
        chain's, shape (k,).
    """

    problem: Problem
    ranges: Ranges
    scale: FloatArray
    noise: FloatArray

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of phi."""
        return self.problem.network.layers[:-1]

    @property
    def known(self) -> tuple[LayerRanges, ...]:
        """The ranges of phi's layers."""
        return self.ranges.layers[:-1]


def chain_of(problem: Problem) -> Chain | None:
    """Return phi of the problem's metric as a chain, None if its metric has no embedding."""
    phi = problem.metric.embedding
    if phi is None:
        return None
    scaling, coordinates = problem.network.input_scaling, problem.coordinates
    first = phi.layers[0]
    alpha = scaling.scale / (coordinates.scale * phi.input_scaling.scale)
    shift = (scaling.center - coordinates.center) / coordinates.scale
    beta = (shift - phi.input_scaling.center) / phi.input_scaling.scale
    folded = Layer(first.weight * alpha, first.weight @ beta + first.bias, first.activation_name)
    total = Layer(np.ones((1, phi.n_outputs)), np.zeros(1))
    network = Network((folded, *phi.layers[1:], total), scaling, feature_names=problem.network.feature_names)
    chain = Problem(network, problem.domain, problem.metric, problem.epsilon, coordinates)
    ranges = linear_ranges(chain, interval_ranges(chain))
    scale = phi.output_scaling.scale
    return Chain(chain, ranges, frozen_array(scale), frozen_array(_noise(problem, phi, network, ranges)))


def write_base_ball(
    writer: BlockWriter, problem: Problem, chain: Chain, differences: Sequence[Sequence[tuple[float, Any]]]
) -> None:
    """Hold the differences of phi's outputs in the base metric's ball.

    Sound: of a pair whose computed distance is within epsilon, the computed differences e lie in the ball of
    radius `Problem.epsilon_outward` of the base metric, hence within the base metric's own bounds, and they
    differ from the chain's exact ones by no more than `Chain.noise`.

    Parameters
    ----------
    writer
        Where to write.
    problem, chain
        The problem, and its metric's embedding.
    differences
        One linear form per output of the chain; empty for the constant 0.
    """
    base = problem.metric.base
    reach = []
    for form, scale, noise in zip(differences, chain.scale, chain.noise, strict=True):
        ends = [max(abs(c * bound) for bound in writer.bounds(v)) for c, v in form]
        reach.append((abs(float(scale)) * math.fsum(ends) + float(noise)) * (1 + 1e-12))
    most = np.array(reach)
    most = np.minimum(most, base.difference_bound(np.eye(len(most)), problem.epsilon_outward, most))
    handles = []
    for form, scale, noise, end in zip(differences, chain.scale, chain.noise, most, strict=True):
        e = writer.variable(-float(end), float(end))
        terms = [(-float(scale) * c, v) for c, v in form]
        writer.row([(1.0, e), *terms], -float(noise), float(noise))
        handles.append(e)
    base.encode(writer.child("ball"), handles, problem.epsilon_outward)


def excess_of(problem: Problem, chain: Chain, errors: FloatArray) -> float:
    """Bound what errors of the chain's output differences, shape (k,), can add to the distance.

    By the triangle inequality ``base(0, e + r) <= base(0, e) + sum |r_j| base(0, unit_j)``: with the base
    metric's
    own looseness L, every pair of the encoding has a distance of at most ``epsilon (1 + L)`` plus this.
    """
    units = np.eye(len(errors))
    length = problem.metric.base.distance(np.zeros_like(units), units)
    return float(length @ (errors * np.abs(chain.scale) + chain.noise)) * (1 + 1e-12)


def _noise(problem: Problem, phi: Network, folded: Network, ranges: Ranges) -> FloatArray:
    """Bound the rounding errors of both: of evaluating phi, and of the folded first layer.

    The running error bound of `nnff.network.rounding.evaluation_error`, with the largest magnitudes that the
    domain allows in place of those of one input.
    """
    unit = _SECOND_ORDER * _ROUNDOFF
    domain, t, own = problem.domain, problem.coordinates, phi.input_scaling
    raw = np.maximum(np.abs(domain.lower), np.abs(domain.upper))
    outer = (raw + np.abs(t.center)) / np.abs(t.scale)
    size = (outer + np.abs(own.center)) / np.abs(own.scale)
    # The chain's own way to the same number: by z, alpha and beta.
    f = problem.network.input_scaling
    detour = (raw + 2 * np.abs(f.center) + np.abs(t.center)) / np.abs(t.scale)
    size = size + (detour + np.abs(own.center)) / np.abs(own.scale)
    error = unit * _OPERATIONS * size
    for index, layer in enumerate(folded.layers[:-1]):
        weight = np.abs(phi.layers[index].weight)
        bias = np.abs(phi.layers[index].bias)
        operations = layer.n_inputs + _OPERATIONS
        error = weight @ error + unit * operations * (weight @ size + bias) + _TINY
        g, known = layer.activation, ranges.layers[index]
        error = g.largest_difference(error)
        size = np.maximum(*(np.abs(end) for end in activation_range(g, known.lower, known.upper)))
        error = error + unit * _OPERATIONS * size + _TINY
    scaling = phi.output_scaling
    magnitude = size * np.abs(scaling.scale) + np.abs(scaling.center)
    each = error * np.abs(scaling.scale) + unit * _OPERATIONS * magnitude
    # Of a difference, once for either input; where everything is exact this stays far below any tolerance.
    return np.asarray(2 * each, dtype=np.float64)
