"""Building a network from the steps of a sequential model: dense maps, elementwise maps, activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnff.errors import ModelError
from nnff.network.network import Layer, Network
from nnff.network.scaling import Scaling

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["Chain"]


class Chain:
    """A sequential model under construction, one step after the other.

    Model files spell one network in many ways (``MatMul, Add, Mul`` or one
    ``Gemm``); every reader states the steps as it meets them, and the chain
    puts them into the one form that `Network` has:

    * elementwise affine steps before anything else are the input scaling (a
      factor of 0 is not a scaling and goes into the next weights);
    * a shift right behind a dense map without a bias is its bias;
    * elementwise affine steps behind the last dense map or activation are
      the output scaling;
    * all others are folded into the weights beside them.

    Folding is exact in real arithmetic.  In double precision it rounds each
    entry of W once (not at all for factors and weights that are floats: the
    product of two floats is a double) and each entry of b a few times.

    Parameters
    ----------
    n_inputs
        Number of raw inputs.
    """

    def __init__(self, n_inputs: int) -> None:
        self.width = n_inputs
        """Number of values behind the last step."""
        self._scaling: Scaling = Scaling.none(n_inputs)
        self._leading = True
        self._layers: list[Layer] = []
        # The dense map whose activation is not known yet, as W and b.
        self._dense: tuple[FloatArray, FloatArray] | None = None
        self._lacks_bias = False
        self._rest(n_inputs)

    def _rest(self, width: int) -> None:
        """Forget the elementwise steps ``scale * values + shift`` that are not folded yet."""
        self.width = width
        self._scale, self._shift = np.ones(width), np.zeros(width)
        self._idle = True

    @np.errstate(all="ignore")  # what overflows is refused where the layer is made
    def add(self, shift: npt.ArrayLike) -> None:
        """Add a constant to every value; `shift` is a scalar or has shape (width,)."""
        number = self._entries(shift)
        if self._leading and self._scale_input(-number, np.ones(self.width)):
            return
        if self._dense is not None and self._lacks_bias and self._idle:
            weight, bias = self._dense
            self._dense = weight, bias + number
            self._lacks_bias = False
            return
        self._elementwise(self._scale, self._shift + number)

    @np.errstate(all="ignore")
    def multiply(self, factor: npt.ArrayLike) -> None:
        """Multiply every value by a constant; `factor` is a scalar or has shape (width,)."""
        number = self._entries(factor)
        # 1 / 0 is infinite, which no scaling is.
        if self._leading and self._scale_input(np.zeros(self.width), 1 / number):
            return
        self._elementwise(self._scale * number, self._shift * number)

    @np.errstate(all="ignore")
    def divide(self, divisor: npt.ArrayLike) -> None:
        """Divide every value by a constant other than 0; `divisor` is a scalar or has shape (width,)."""
        number = self._entries(divisor)
        if (number == 0).any():
            raise ModelError("the network divides by 0")
        if self._leading and self._scale_input(np.zeros(self.width), number):
            return
        self._elementwise(self._scale / number, self._shift / number)

    def scale(self, scaling: Scaling) -> None:
        """Subtract the center of `scaling` from every value and divide by its scale."""
        self.add(-scaling.center)
        self.divide(scaling.scale)

    @np.errstate(all="ignore")
    def dense(self, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> None:
        """Apply ``W values + b``; shapes (outputs, width) and (outputs,).

        Without `bias`, a shift that follows at once is the bias.
        """
        matrix = np.asarray(weight, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.width or matrix.shape[0] == 0:  # noqa: PLR2004
            raise ModelError(f"a weight matrix of shape {matrix.shape} cannot follow {self.width} values")
        offset = np.zeros(len(matrix)) if bias is None else np.asarray(bias, dtype=np.float64)
        if self._dense is not None:
            # No activation came in between; two dense maps stay two layers.
            self._close("identity")
        if not self._idle:
            matrix, offset = matrix * self._scale, matrix @ self._shift + offset
        self._dense, self._lacks_bias, self._leading = (matrix, offset), bias is None, False
        self._rest(len(matrix))

    @np.errstate(all="ignore")
    def activate(self, name: str) -> None:
        """Apply an activation to every value."""
        self._leading = False
        self._close(name)

    @np.errstate(all="ignore")
    def clip(self) -> None:
        """Clip every value to [0, 1], which is a hard sigmoid.

        What every value was multiplied by and what was added before, if the same for all, are its slope and
        offset.
        """
        scale, shift = float(self._scale[0]), float(self._shift[0])
        uniform = bool((self._scale == scale).all() and (self._shift == shift).all())
        if not (uniform and scale > 0):
            self.activate("hard_sigmoid(1.0,0.0)")
            return
        self._rest(self.width)
        self.activate(f"hard_sigmoid({scale!r},{shift!r})")

    def finish(self, **facts: Any) -> Network:
        """Return the network.

        Parameters
        ----------
        **facts
            The other fields of `Network`: names, input range, source.

        Raises
        ------
        ModelError
            If an output is multiplied by 0 in the end, so that it is constant.
        """
        scale, shift = self._scale, self._shift
        if self._dense is not None:
            self._layers.append(Layer(*self._dense))
        elif not self._layers:
            self._layers.append(Layer(np.diag(scale), shift))
            scale, shift = np.ones(self.width), np.zeros(self.width)
        zeros = np.flatnonzero(scale == 0)
        if zeros.size:
            raise ModelError(
                f"output {int(zeros[0])} is multiplied by 0 behind the last layer, so it does not depend "
                "on the input"
            )
        return Network(tuple(self._layers), self._scaling, Scaling(shift, scale), **facts)

    def _entries(self, constant: npt.ArrayLike) -> FloatArray:
        number = np.asarray(constant, dtype=np.float64)
        if number.shape not in ((), (1,), (self.width,)):
            raise ModelError(
                f"a constant of shape {number.shape} cannot apply to {self.width} values one by one"
            )
        if not np.isfinite(number).all():
            raise ModelError("a constant of the network is not a finite number")
        return np.broadcast_to(number, (self.width,))

    def _scale_input(self, center: FloatArray, scale: FloatArray) -> bool:
        """Append a step to the input scaling; False if that leaves the range of normal doubles."""
        try:
            scaling = self._scaling.then(Scaling(center, scale))
        except ModelError:
            return False
        if np.abs(scaling.scale).min() < np.finfo(np.float64).tiny:
            return False
        self._scaling = scaling
        return True

    def _elementwise(self, scale: FloatArray, shift: FloatArray) -> None:
        self._leading, self._idle = False, False
        self._scale, self._shift = scale, shift

    def _close(self, name: str) -> None:
        """End the current layer with activation `name`."""
        if self._dense is None:
            self._layers.append(Layer(np.diag(self._scale), self._shift, name))
        else:
            weight, bias = self._dense
            if not self._idle:
                weight, bias = weight * self._scale[:, None], bias * self._scale + self._shift
            self._layers.append(Layer(weight, bias, name))
        self._dense = None
        self._rest(self.width)
