"""The contract of network readers, and reading a model with whichever reader knows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["NetworkReader"]


class NetworkReader(ABC):
    """Turns one kind of trained model into a `Network`.

    A reader refuses, by name, everything it cannot represent exactly.
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

    def tolerance(self, source: Any, network: Network, rows: FloatArray) -> np.float64 | float:  # noqa: ARG002
        """Return how far `reference` may be from the network in float arithmetic, absolute."""
        return 1e-9
