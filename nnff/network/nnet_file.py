"""Reading networks in NNet text format."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ModelError
from nnff.network.network import Layer, Network
from nnff.network.reader import NetworkReader
from nnff.network.scaling import Scaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.values import FloatArray

__all__ = ["NNetReader"]

_HEADER_SIZE = 4
_COMMENT = "//"


class NNetReader(NetworkReader):
    """Reads NNet text files: dense networks with hidden ReLU and a linear last layer.

    The format (K. Julian, Stanford 2016) after comment lines that begin with
    ``//``, numbers separated by commas:

    1. number of layers, inputs, outputs, largest layer;
    2. size of every layer, the inputs first;
    3. a flag that is not used;
    4. smallest values of the inputs, 5. largest values;
    6. means of the inputs and one for all outputs, 7. ranges, likewise;
    8. per layer the rows of its weight matrix, one line each, then its
       biases, one line each.

    Lines 4 and 5 become the network's input range as they stand.

    Parameters
    ----------
    normalise
        What the means and ranges are for.  False (default): nothing; the
        weights apply to raw inputs, as in published fairness networks, which
        carry the two lines without using them.  True, as the format was
        meant: inputs are (x - mean) / range and outputs value * range + mean.
        (The format's own software also clips inputs to lines 4 and 5, which
        inside the input range changes nothing.)
    """

    name: ClassVar[str] = "nnet"
    suffixes: ClassVar[tuple[str, ...]] = (".nnet",)

    def __init__(self, *, normalise: bool = False) -> None:
        self.normalise = normalise

    def accepts(self, source: Any) -> bool:
        """Tell whether `source` is a path that ends in ``.nnet``."""
        return isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() in self.suffixes

    def read(self, source: Any) -> Network:
        """Read the model; errors name the file and the line."""
        lines = _Lines(Path(source))
        n_layers, n_inputs, n_outputs, _ = lines.sizes("the header", _HEADER_SIZE)
        sizes = lines.sizes("the layer sizes", n_layers + 1)
        if (sizes[0], sizes[-1]) != (n_inputs, n_outputs):
            raise lines.error(
                f"the layer sizes go from {sizes[0]} to {sizes[-1]}, but the header says "
                f"{n_inputs} inputs and {n_outputs} outputs"
            )
        lines.skip("the flag")
        low = lines.numbers("the smallest inputs", n_inputs)
        high = lines.numbers("the largest inputs", n_inputs)
        if (low > high).any():
            worst = int(np.argmax(low > high))
            raise lines.error(
                f"input {worst} goes from {low[worst]:g} to {high[worst]:g}, which is not a range"
            )
        means = lines.numbers("the means", n_inputs + 1)
        ranges = lines.numbers("the ranges", n_inputs + 1)
        if self.normalise and (ranges == 0).any():
            raise lines.error(
                f"range {int(np.argmax(ranges == 0))} is 0, so inputs and outputs cannot be scaled"
            )
        layers = [
            self._layer(lines, index, before, after, last=index == n_layers)
            for index, (before, after) in enumerate(pairwise(sizes), start=1)
        ]
        lines.end()
        network = Network(tuple(layers), input_range=np.array([low, high]), source=str(source))
        if not self.normalise:
            return network
        return replace(
            network,
            input_scaling=Scaling(means[:-1], ranges[:-1]),
            output_scaling=Scaling(np.full(n_outputs, means[-1]), np.full(n_outputs, ranges[-1])),
        )

    @staticmethod
    def _layer(lines: _Lines, index: int, n_inputs: int, n_outputs: int, *, last: bool) -> Layer:
        weight = [
            lines.numbers(f"row {row} of the weights of layer {index}", n_inputs)
            for row in range(1, n_outputs + 1)
        ]
        bias = [lines.numbers(f"bias {row} of layer {index}", 1)[0] for row in range(1, n_outputs + 1)]
        return Layer(np.array(weight), np.array(bias), "identity" if last else "relu")

    def reference(self, source: Any, rows: FloatArray) -> None:  # noqa: ARG002 - the contract's
        """Return None: the format has no software of its own to compare with."""
        return


class _Lines:
    """The lines of a file, one after the other, with what is expected of each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error
        except UnicodeDecodeError as error:
            raise ModelError(f"{path} is not an NNet file: it is not text") from error
        self._rest: Iterator[tuple[int, str]] = iter(
            [
                (number, line.strip())
                for number, line in enumerate(text.splitlines(), start=1)
                if line.strip() and not line.lstrip().startswith(_COMMENT)
            ]
        )

    def error(self, sentence: str) -> ModelError:
        return ModelError(f"{self.path}, line {self.line}: {sentence}")

    def skip(self, what: str) -> str:
        """Go to the next line, which must be there, and return it."""
        try:
            self.line, text = next(self._rest)
        except StopIteration:
            raise ModelError(
                f"{self.path} ends after line {self.line}, where {what} should follow; is the file cut off?"
            ) from None
        return text

    def numbers(self, what: str, count: int) -> FloatArray:
        """Return the numbers of the next line, which must be `count` finite ones."""
        # Every line of the format ends in a comma.
        entries = [entry.strip() for entry in self.skip(what).removesuffix(",").split(",")]
        values = []
        for entry in entries:
            try:
                values.append(float(entry))
            except ValueError:
                raise self.error(f"{what}: {entry!r} is not a number") from None
            if not math.isfinite(values[-1]):
                raise self.error(f"{what}: {entry} is not a finite number")
        if len(values) != count:
            raise self.error(f"{what} should be {count} numbers, found {len(values)}")
        return np.array(values)

    def sizes(self, what: str, count: int) -> list[int]:
        """Return the numbers of the next line, which must be `count` positive integers."""
        values = self.numbers(what, count)
        if (values < 1).any() or (values != np.rint(values)).any():
            raise self.error(f"{what} should be positive whole numbers")
        return [int(value) for value in values]

    def end(self) -> None:
        """Refuse further lines."""
        for number, _ in self._rest:
            self.line = number
            raise self.error("there are more lines than the sizes of the layers ask for")
