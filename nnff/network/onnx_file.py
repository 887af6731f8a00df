"""Reading ONNX files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ModelError
from nnff.network.reader import DOUBLE_ROUNDOFF, FLOAT_ROUNDOFF, NetworkReader

if TYPE_CHECKING:
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["METADATA_KEYS", "OnnxReader"]

METADATA_KEYS = ("feature_names", "output_names", "input_range")
"""Entries of the file's ``metadata_props`` that are read, each as JSON."""


class OnnxReader(NetworkReader):
    """Reads dense feed-forward networks from ONNX files, in float or double precision.

    What is read: a graph with one input, a table (rows, features), one
    output, and one sequence of nodes between them: ``Gemm`` (data first),
    ``MatMul`` (data first), ``Relu``, ``Sigmoid``, ``Tanh``, ``Softplus``,
    ``LeakyRelu``, ``PRelu`` with one slope, ``HardSigmoid``, ``Clip`` to [0, 1],
    ``Gelu`` (not its tanh approximation), ``Add``,
    ``Sub``, ``Mul`` and ``Div`` with constants, ``Identity``, ``Cast`` to
    float or double, and ``Flatten`` and ``Reshape`` where they plainly leave
    the table as it is.  SiLU may stand as
    ``Mul(x, Sigmoid(x))`` and GELU be made of ``Erf`` (`nnff.network.onnx_gates`,
    also on the rounding of its square root of 2).  Weights are initialisers or ``Constant`` nodes,
    possibly behind ``Identity``, ``Cast`` or ``Transpose``.  Anything else is
    refused by operator type and node name.

    Elementwise steps in front become the network's input scaling, those
    behind the last layer its output scaling (see `nnff.network.chain.Chain`).

    The file's ``metadata_props`` may hold, as JSON, ``feature_names`` and
    ``output_names``, lists of strings, and ``input_range``, a list
    ``[[lower, ...], [upper, ...]]`` in raw units.
    """

    name: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    def accepts(self, source: Any) -> bool:
        """Tell whether `source` is a path that ends in ``.onnx``."""
        return isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() in self.suffixes

    def read(self, source: Any) -> Network:
        """Read the model; see `NetworkReader.read`."""
        from nnff.network.onnx_graph import network_from_model  # noqa: PLC0415 - imports onnx

        path = Path(source)
        try:
            model = _checked_model(path)
            return network_from_model(model, **_metadata(model), source=str(path))
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    def reference(self, source: Any, rows: FloatArray) -> FloatArray:
        """Evaluate the model with onnx's reference evaluator."""
        from onnx.reference import ReferenceEvaluator  # noqa: PLC0415 - as above

        from nnff.network.onnx_graph import GraphInput  # noqa: PLC0415 - as above

        model = _loaded_model(Path(source))
        given = GraphInput(model.graph)
        evaluator = ReferenceEvaluator(model)
        table = rows.astype(np.float32 if given.element == "FLOAT" else np.float64)
        # exp overflows to infinity inside the evaluator's sigmoid, which is the right answer there.
        with np.errstate(all="ignore"):
            if given.batch is None:
                answers = evaluator.run(None, {given.name: table})[0]
            else:
                # A file for batches of a fixed size gets each row repeated.
                answers = np.array(
                    [
                        evaluator.run(None, {given.name: np.repeat(row[None], given.batch, axis=0)})[0][0]
                        for row in table
                    ]
                )
        return np.asarray(answers, dtype=np.float64)

    def roundoff(self, source: Any) -> float:
        """Return the coarsest unit roundoff that occurs in the graph, or in onnx's evaluation of it."""
        from onnx import TensorProto, helper  # noqa: PLC0415 - as above

        graph = _loaded_model(Path(source)).graph
        elements = {value.type.tensor_type.elem_type for value in graph.input}
        elements |= {tensor.data_type for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type in ("Erf", "Gelu"):
                # The evaluator rounds every erf to single precision.
                elements.add(TensorProto.FLOAT)
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to":
                    elements.add(helper.get_attribute_value(attribute))
                elif node.op_type == "Constant":
                    elements.add(attribute.t.data_type if attribute.name == "value" else TensorProto.FLOAT)
        return FLOAT_ROUNDOFF if TensorProto.FLOAT in elements else DOUBLE_ROUNDOFF


def _loaded_model(path: Path) -> Any:
    """Parse the file into an ``onnx.ModelProto``."""
    import onnx  # noqa: PLC0415 - as above
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - as above

    try:
        model = onnx.load(path)
    except OSError as error:
        raise ModelError(
            f"the file, or one it refers to, cannot be read ({error.strerror or error})"
        ) from error
    except DecodeError as error:
        raise ModelError("this is not an ONNX model") from error
    except onnx.checker.ValidationError as error:
        raise ModelError(f"a file that it refers to cannot be read ({_first_line(error)})") from error
    if not model.HasField("graph") or not model.graph.output:
        # Many a short file parses as a message of which every field is missing.
        raise ModelError("this is not an ONNX model, or one without a graph")
    return model


def _checked_model(path: Path) -> Any:
    import onnx  # noqa: PLC0415 - as above

    from nnff.network.onnx_graph import refuse_unknown  # noqa: PLC0415 - as above

    model = _loaded_model(path)
    refuse_unknown(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"the ONNX model is not valid ({_first_line(error)})") from error
    return model


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _metadata(model: Any) -> dict[str, Any]:
    """Return those fields of `Network` that the file's metadata holds."""
    found: dict[str, Any] = {}
    for entry in model.metadata_props:
        if entry.key not in METADATA_KEYS:
            continue
        try:
            value = json.loads(entry.value)
        except ValueError as error:
            raise ModelError(f"the metadata entry {entry.key!r} is not JSON ({error})") from error
        if entry.key == "input_range":
            try:
                found[entry.key] = np.array(value, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ModelError(
                    "the metadata entry 'input_range' is not [[lower, ...], [upper, ...]]"
                ) from error
        elif isinstance(value, list) and all(isinstance(name, str) for name in value):
            found[entry.key] = tuple(value)
        else:
            raise ModelError(f"the metadata entry {entry.key!r} is not a list of names")
    return found
