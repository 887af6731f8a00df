"""The distance between what a network's first layers make of two inputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ModelError, SimilarityError
from nnff.network import Layer, Network, Scaling, read_network
from nnff.similarity import Metric, checked_epsilon
from nnff.values import ContentValue, FloatArray
from nnff_metrics.base_metric import base_of, base_table
from nnff_metrics.ellipsoid import box_bound
from nnff_metrics.uphill import best_single, best_step, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.similarity import RowWriter, Variable

__all__ = ["NetworkEmbedding"]

_DAMPING = (1e-6, 1e-2, 1.0)


@dataclass(frozen=True, eq=False, init=False)
class NetworkEmbedding(ContentValue, Metric):
    """``d(x, y) = base(phi(x), phi(y))`` with a network phi: similar is what phi takes for similar.

    Not a metric of differences: the same step can be short in one place and long in another.  Encodings
    write phi
    for both inputs of a pair and hold the differences of its outputs in the base metric's ball
    (`nnff.encoding.embedding`): exactly for linear and ReLU layers, by cells with proven planes for smooth
    ones.

    phi acts on the metric's coordinates, like every metric.  A model file that takes raw inputs needs
    ``similarity.scale = "none"``.

    Parameters
    ----------
    network
        A model file, a `Network`, or the table that `parameters` gives.
    layers
        Use the first so many layers alone, without the output scaling; default all.
    base
        The metric on phi's outputs: the name of a plugin, or a table with ``metric`` and its parameters;
        default weighted l_2.  It must be one of differences.

    Notes
    -----
    No ball of such a metric has bounds of its own for the difference of two inputs: phi may map distant
    places to
    the same point.  So `difference_bound` is that of the box, and `encode`, which is about differences
    anywhere,
    writes nothing.
    """

    name: ClassVar[str] = "embedding"
    translation_invariant: ClassVar[bool] = False

    phi: Network
    inner: Metric

    def __init__(
        self,
        network: Network | Mapping[str, Any] | str | os.PathLike[str],
        layers: int | None = None,
        base: Metric | Mapping[str, Any] | str = "weighted-lp",
    ) -> None:
        phi = _prefix(_network(network), layers)
        object.__setattr__(self, "phi", phi)
        object.__setattr__(self, "inner", base_of(base, phi.n_outputs))

    @property
    def embedding(self) -> Network:
        """See `Metric.embedding`: phi."""
        return self.phi

    @property
    def base(self) -> Metric:
        """See `Metric.base`: the metric on phi's outputs."""
        return self.inner

    @property
    def parameters(self) -> dict[str, Any]:
        """The layers of phi, and the base metric with its parameters."""
        return {"network": _table(self.phi), "base": base_table(self.inner)}

    @property
    def looseness(self) -> float:
        """That of the base metric; cells of smooth layers add to it, see `Metric.relation`."""
        return self.inner.looseness

    def bind(self, feature_names: tuple[str, ...]) -> NetworkEmbedding:
        """Check the size; see `Metric.bind`."""
        if len(feature_names) != self.phi.n_inputs:
            raise SimilarityError(
                f"the embedding takes {self.phi.n_inputs} inputs, but there are {len(feature_names)} features"
            )
        return self

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distances; see `Metric.distance`."""
        return self.inner.distance(self._images(x), self._images(y))

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write nothing: any difference is short somewhere; encodings use `embedding` and `base`."""
        del rows, difference
        checked_epsilon(epsilon)

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Return the bound of the box alone; see `Metric.difference_bound`."""
        checked_epsilon(epsilon)
        return box_bound(np.atleast_2d(weights), np.asarray(radius, dtype=np.float64))

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return steps from the origin; see `Metric.maximise`."""
        return self.maximise_at(np.zeros_like(gradient), gradient, epsilon, lower, upper)

    def maximise_at(
        self,
        place: FloatArray,
        gradient: FloatArray,
        epsilon: float,
        lower: FloatArray,
        upper: FloatArray,
    ) -> FloatArray:
        """Return the best of a few steps, found on phi's tangent and scaled back until they are similar.

        On the tangent ``phi(x + d) = phi(x) + J d``, and a good direction solves ``(J' M J + t I) d =
        gradient`` in
        units of the box, with M the squares of the base ball's half-axes, inverted, and some damping t.  The
        true distance decides how far each may go.
        """
        eps = checked_epsilon(epsilon)
        box = (np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64))
        start = self._images(place)

        def length(steps: FloatArray) -> FloatArray:
            return self.inner.distance(start, self._images(place + steps))

        room = np.maximum(-box[0], box[1])
        corner = np.where(gradient > 0, box[1], np.where(gradient < 0, box[0], 0.0))
        directions = [corner, gradient * room**2]
        if eps > 0:
            scaled = self._jacobian(place) / self._half_axes(eps)[:, None] * room[:, None, :]
            normal = np.einsum("rki,rkj->rij", scaled, scaled)
            size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
            unit = np.eye(gradient.shape[1])
            uphill = (gradient * room)[:, :, None]
            for damping in _DAMPING:
                system = normal + (damping * np.maximum(size, 1e-12)) * unit
                directions.append(np.linalg.solve(system, uphill)[:, :, 0] * room)
        steps = [stretched(part, length, eps, box) for part in directions]
        steps.extend(best_single(gradient, length, eps, box))
        return best_step(steps, gradient)

    def _images(self, x: FloatArray) -> FloatArray:
        """Return phi of every row of an array, shape (..., k)."""
        places = np.asarray(x, dtype=np.float64)
        rows = places.reshape(-1, places.shape[-1])
        return self.phi.forward(rows).reshape(*places.shape[:-1], self.phi.n_outputs)

    def _jacobian(self, place: FloatArray) -> FloatArray:
        """Return the derivative of phi at every row, shape (rows, k, n)."""
        affine = self.phi.preactivations(place)
        result = np.broadcast_to(
            np.diag(1 / self.phi.input_scaling.scale), (len(place), *2 * [self.phi.n_inputs])
        )
        for layer, p in zip(self.phi.layers, affine, strict=True):
            result = layer.activation.derivative(p)[:, :, None] * (layer.weight @ result)
        return self.phi.output_scaling.scale[:, None] * result

    def _half_axes(self, eps: float) -> FloatArray:
        """Return how far each output of phi may move within the base metric's ball; shape (k,)."""
        k = self.phi.n_outputs
        reach = self.inner.difference_bound(np.eye(k), eps, np.full(k, 1e9))
        return np.where(reach > 0, reach, 1.0)


def _network(given: Network | Mapping[str, Any] | str | os.PathLike[str]) -> Network:
    """Return the network that a path or a table stands for."""
    if isinstance(given, Network):
        return given
    if isinstance(given, str | os.PathLike):
        return read_network(Path(given))
    if not isinstance(given, Mapping) or "layers" not in given:
        raise SimilarityError("the embedding's network is a model file, or a table with its layers")
    try:
        layers = tuple(
            Layer(layer["weight"], layer["bias"], layer.get("activation", "identity"))
            for layer in given["layers"]
        )
        size, outputs = layers[0].n_inputs, layers[-1].n_outputs
        return Network(
            layers,
            _scaling(given.get("input_scaling"), size),
            _scaling(given.get("output_scaling"), outputs),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise SimilarityError(
            f"the embedding's table of layers is not complete: each has a weight and a bias ({error})"
        ) from error


def _scaling(table: Any, size: int) -> Scaling:
    return Scaling.none(size) if table is None else Scaling(table["center"], table["scale"])


def _prefix(network: Network, layers: int | None) -> Network:
    """Return the network of the first so many layers, without names and without where it was read from.

    Two metrics with the same phi are the same metric, whatever a file calls its inputs.
    """
    count = len(network.layers)
    if layers is not None and (isinstance(layers, bool) or not isinstance(layers, int) or layers < 1):
        raise SimilarityError(f"the number of layers is {layers!r}; it must be a whole number of at least 1")
    if layers is not None and layers > count:
        raise SimilarityError(
            f"the embedding's network has {count} layers, so its first {layers} do not exist"
        )
    whole = layers is None or layers == count
    chosen = network.layers if layers is None else network.layers[:layers]
    try:
        return Network(chosen, network.input_scaling, network.output_scaling if whole else None)  # type: ignore[arg-type]
    except ModelError as error:
        raise SimilarityError(f"the embedding's network makes no sense: {error}") from error


def _table(network: Network) -> dict[str, Any]:
    """Return a network as plain JSON values."""
    table: dict[str, Any] = {
        "layers": [
            {
                "weight": layer.weight.tolist(),
                "bias": layer.bias.tolist(),
                "activation": layer.activation_name,
            }
            for layer in network.layers
        ]
    }
    for key in ("input_scaling", "output_scaling"):
        scaling = getattr(network, key)
        if not scaling.is_none:
            table[key] = {"center": scaling.center.tolist(), "scale": scaling.scale.tolist()}
    return table
