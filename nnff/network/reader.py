"""The contract of network readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["DOUBLE_ROUNDOFF", "FLOAT_ROUNDOFF", "NetworkReader"]

DOUBLE_ROUNDOFF = 2.0**-53
"""Largest relative error of one operation in double precision."""

FLOAT_ROUNDOFF = 2.0**-24
"""Largest relative error of one operation in single precision."""


class NetworkReader(ABC):
    """Turns one kind of trained model into a `Network`.

    A reader refuses, by name, everything it cannot represent exactly: the
    network is the model's function in real arithmetic.  Readers are found
    through the hook ``nnff_network_readers``; `nnff.network.read_network`
    picks one and compares what it made with the model's own software.
    """

    name: ClassVar[str]
    """The name it is registered under."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """File name endings it reads, lower case, with the dot; empty for objects in memory."""

    @abstractmethod
    def accepts(self, source: Any) -> bool:
        """Tell cheaply whether `source` (a path or an object) is this reader's business."""

    @abstractmethod
    def read(self, source: Any) -> Network:
        """Read the model.

        Raises
        ------
        ModelError
            If the file is missing, damaged, or holds something unsupported.
        """

    @abstractmethod
    def reference(self, source: Any, rows: FloatArray) -> FloatArray | None:
        """Evaluate the model by its own software on raw rows, shape (rows, n_inputs).

        Returns
        -------
        Predictions, shape (rows, n_outputs), to compare the network's with;
        None if the format has no software of its own.
        """

    def roundoff(self, source: Any) -> float:  # noqa: ARG002 - for those readers whose models differ in it
        """Return the unit roundoff of the arithmetic that `reference` uses.

        How far predictions may differ follows from it and from the network's
        weights, see `nnff.network.rounding.evaluation_error`.
        """
        return DOUBLE_ROUNDOFF
