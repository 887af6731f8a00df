"""From an ONNX graph to a network: which operators are understood, and the walk along them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnff.errors import ModelError
from nnff.network.chain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.network.network import Network

__all__ = ["OPERATORS", "GraphInput", "network_from_model", "the_input", "the_output"]

_ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
_ELEMENTWISE = ("Add", "Sub", "Mul", "Div")
_SHAPES = ("Flatten", "Identity", "Cast", "Reshape")

OPERATORS = ("Gemm", "MatMul", *_ELEMENTWISE, *_ACTIVATIONS, *_SHAPES, "Constant", "Transpose")
"""Operator types that can be read (Transpose of a constant only)."""

_DEFAULT_DOMAINS = ("", "ai.onnx")
_OLDEST_OPSET = 7
"""Before it, Gemm, Add and Mul broadcast by attributes and not by shape."""

_TABLE = 2
"""Number of dimensions of a batch of rows."""


class GraphInput:
    """The one input of a graph that is not a weight.

    Attributes
    ----------
    name
        Its name.
    width
        Number of features.
    batch
        Number of rows if the file fixes it, else None.
    """

    def __init__(self, graph: Any) -> None:
        held = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in held]
        if len(inputs) != 1:
            raise ModelError(
                f"the graph has {len(inputs)} inputs ({_names(inputs)}); nnff reads graphs with one"
            )
        self.name: str = inputs[0].name
        if inputs[0].type.WhichOneof("value") != "tensor_type":
            raise ModelError(f"the input {self.name!r} is not a tensor")
        kind = inputs[0].type.tensor_type
        self.element: str = _element_name(kind.elem_type)
        if self.element not in ("FLOAT", "DOUBLE"):
            raise ModelError(f"the input {self.name!r} holds {self.element}; nnff reads FLOAT and DOUBLE")
        sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
        if len(sizes) != _TABLE:
            raise ModelError(
                f"the input {self.name!r} has {len(sizes)} dimensions; nnff reads tables of (rows, features)"
            )
        if sizes[1] is None:
            raise ModelError(f"the input {self.name!r} does not say how many features it has")
        self.width: int = int(sizes[1])
        self.batch: int | None = sizes[0]


def the_input(model: Any) -> GraphInput:
    """Return the one input of a model; raise ModelError if it has none, several, or another shape."""
    return GraphInput(model.graph)


def the_output(model: Any) -> str:
    """Return the name of the one output of a model; raise ModelError if it has none or several."""
    outputs = list(model.graph.output)
    if len(outputs) != 1:
        raise ModelError(
            f"the graph has {len(outputs)} outputs ({_names(outputs)}); nnff reads graphs with one"
        )
    name: str = outputs[0].name
    return name


def refuse_unknown(model: Any) -> None:
    """Refuse by name what is not understood, before anything else is looked at.

    Raises
    ------
    ModelError
        For an operator that is not in `OPERATORS`, an operator set that is
        not ONNX's own or is too old, local functions, sparse weights.
    """
    for node in model.graph.node:
        if node.domain not in _DEFAULT_DOMAINS:
            raise ModelError(f"{_label(node)} is of the operator set {node.domain!r}, which nnff does not read")
        if node.op_type not in OPERATORS:
            raise ModelError(f"{_label(node)} is not supported; nnff reads {', '.join(sorted(OPERATORS))}")
    versions = [opset.version for opset in model.opset_import if opset.domain in _DEFAULT_DOMAINS]
    if not versions:
        raise ModelError("the model does not say which version of ONNX's operators it uses")
    if min(versions) < _OLDEST_OPSET:
        raise ModelError(f"the model uses operator set {min(versions)}; nnff reads {_OLDEST_OPSET} and later")
    if model.functions:
        raise ModelError(f"the model defines the function {model.functions[0].name!r}, which nnff does not read")
    if model.graph.sparse_initializer:
        name = model.graph.sparse_initializer[0].values.name
        raise ModelError(f"the weights {name!r} are sparse; nnff reads dense ones")


def network_from_model(model: Any, **facts: Any) -> Network:
    """Turn a checked ONNX model into a network.

    Parameters
    ----------
    model
        An ``onnx.ModelProto`` that `refuse_unknown` and ONNX's own checker let pass.
    **facts
        Other fields of `Network`.

    Raises
    ------
    ModelError
        If the graph is not one sequence of rowwise steps with constant weights.
    """
    given, output = the_input(model), the_output(model)
    walk = _Walk(model.graph, given)
    current = given.name
    while True:
        readers = [node for node in walk.data_nodes if current in node.input]
        if current == output:
            if readers:
                raise ModelError(f"{_label(readers[0])} reads the output {output!r}: the graph is not sequential")
            return walk.chain.finish(**facts)
        if not readers:
            raise ModelError(f"the output {output!r} does not depend on the input {given.name!r}")
        if len(readers) > 1 or list(readers[0].input).count(current) > 1:
            raise ModelError(
                f"the graph is not sequential: {current!r} is read {_times(readers, current)} times, "
                f"by {' and '.join(_label(node) for node in readers)}"
            )
        try:
            walk.step(readers[0], current)
        except ModelError as error:
            raise ModelError(f"{_label(readers[0])}: {error}") from error
        current = readers[0].output[0]


class _Walk:
    """The constants of a graph, and the chain built while walking along its data."""

    def __init__(self, graph: Any, given: GraphInput) -> None:
        self.chain = Chain(given.width)
        self.batch = given.batch
        self.constants: dict[str, npt.NDArray[Any]] = {
            tensor.name: _array(tensor, f"the weights {tensor.name!r}") for tensor in graph.initializer
        }
        self.data_nodes = [node for node in graph.node if not self._fold_constant(node)]

    def _fold_constant(self, node: Any) -> bool:
        """Evaluate a node that computes a constant; False for a node that does not."""
        if node.op_type == "Constant":
            value = _constant_value(node)
        elif node.op_type in ("Identity", "Cast", "Transpose") and node.input[0] in self.constants:
            value = self.constants[node.input[0]]
            if node.op_type == "Cast":
                value = value.astype(np.float32 if _cast_target(node) == "FLOAT" else np.float64)
            elif node.op_type == "Transpose":
                value = np.transpose(value, _attribute(node, "perm", None))
        else:
            return False
        self.constants[node.output[0]] = value
        return True

    def step(self, node: Any, data: str) -> None:
        """Append one node, which reads `data`, to the chain."""
        kind: str = node.op_type
        if kind in _ACTIVATIONS:
            self.chain.activate(_ACTIVATIONS[kind])
        elif kind in _ELEMENTWISE:
            self._elementwise(node, data)
        else:
            steps: dict[str, Callable[[Any, str], None]] = {
                "Gemm": self._gemm,
                "MatMul": self._matmul,
                "Flatten": self._flatten,
                "Reshape": self._reshape,
                "Cast": lambda node, _data: _cast_target(node) and None,
                "Identity": lambda _node, _data: None,
                "Transpose": self._transpose,
            }
            steps[kind](node, data)

    def _numbers(self, node: Any, index: int) -> npt.NDArray[np.float64]:
        """Return input `index` of `node`, which must be a constant of finite numbers."""
        name = node.input[index]
        if name not in self.constants:
            raise ModelError(f"its operand {name!r} is computed from data; nnff reads constant weights")
        value = self.constants[name]
        if value.dtype not in (np.float32, np.float64):
            raise ModelError(f"the constant {name!r} holds {value.dtype} numbers; nnff reads float and double")
        if not np.isfinite(value).all():
            raise ModelError(f"the constant {name!r} holds a value that is not a finite number")
        return value.astype(np.float64)

    def _gemm(self, node: Any, data: str) -> None:
        if node.input[0] != data:
            raise ModelError(f"it multiplies a constant by {data!r} from the right, across rows")
        if _attribute(node, "transA", 0):
            raise ModelError("transA = 1 mixes the rows of the batch")
        weight = self._numbers(node, 1)
        if weight.ndim != _TABLE:
            raise ModelError(f"the weights {node.input[1]!r} have {weight.ndim} dimensions instead of 2")
        weight = weight if _attribute(node, "transB", 0) else weight.T
        bias = None
        if len(node.input) > _TABLE and node.input[2]:
            bias = _attribute(node, "beta", 1.0) * self._per_value(self._numbers(node, 2), len(weight))
        self.chain.dense(_attribute(node, "alpha", 1.0) * weight, bias)

    def _matmul(self, node: Any, data: str) -> None:
        if node.input[0] != data:
            raise ModelError(f"it multiplies a constant by {data!r} from the right, across rows")
        weight = self._numbers(node, 1)
        if weight.ndim != _TABLE:
            raise ModelError(f"the weights {node.input[1]!r} have {weight.ndim} dimensions instead of 2")
        self.chain.dense(weight.T)

    def _elementwise(self, node: Any, data: str) -> None:
        first = node.input[0] == data
        constant = self._per_value(self._numbers(node, 1 if first else 0), self.chain.width)
        match node.op_type:
            case "Add":
                self.chain.add(constant)
            case "Mul":
                self.chain.multiply(constant)
            case "Sub":
                if not first:
                    self.chain.multiply(-1.0)
                self.chain.add(-constant if first else constant)
            case _:
                if not first:
                    raise ModelError(f"it divides a constant by {data!r}, which is not affine")
                self.chain.divide(constant)

    def _per_value(self, constant: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
        """Return a constant that is broadcast over a batch of rows as one number per value."""
        try:
            fits = np.broadcast_shapes((1, width), constant.shape) == (1, width)
        except ValueError:
            fits = False
        if not fits:
            raise ModelError(f"a constant of shape {constant.shape} is not one number for each of {width} values")
        return np.broadcast_to(constant, (1, width))[0]

    def _flatten(self, node: Any, _data: str) -> None:
        axis = _attribute(node, "axis", 1)
        if axis not in (1, -1):
            raise ModelError(f"axis = {axis} does not keep the rows of the batch apart")

    def _reshape(self, node: Any, data: str) -> None:
        target = self.constants.get(node.input[1]) if node.input[0] == data else None
        if target is None:
            raise ModelError("its target shape is not a constant")
        rows, values = ([int(size) for size in target.ravel()] + [0, 0])[:_TABLE]
        # 0 copies a size (unless allowzero), -1 is what remains; only one -1 is allowed.
        keeps_rows = rows in (-1, self.batch) or (rows == 0 and not _attribute(node, "allowzero", 0))
        keeps_values = values == self.chain.width or (
            rows != -1 and (values == -1 or (values == 0 and not _attribute(node, "allowzero", 0)))
        )
        # A fixed batch with (batch, -1) or (batch, width) is the same table; a free one is so with these only.
        if target.size != _TABLE or not (keeps_rows and keeps_values):
            raise ModelError(
                f"the shape {[int(size) for size in target.ravel()]} is not plainly (rows, {self.chain.width})"
            )

    def _transpose(self, _node: Any, _data: str) -> None:
        raise ModelError("it transposes data; nnff reads transposed constants only")


def _array(tensor: Any, what: str) -> npt.NDArray[Any]:
    from onnx import numpy_helper

    try:
        value: npt.NDArray[Any] = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{what} cannot be read ({error})") from error
    return value


def _constant_value(node: Any) -> npt.NDArray[Any]:
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    for attribute in node.attribute:
        if attribute.name == "value":
            return _array(attribute.t, _label(node))
        if attribute.name in kinds:
            return np.array(_attribute(node, attribute.name, None), dtype=kinds[attribute.name])
    raise ModelError(f"{_label(node)} holds no tensor of numbers")


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx import helper

    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return default


def _cast_target(node: Any) -> str:
    target = _element_name(_attribute(node, "to", 0))
    if target not in ("FLOAT", "DOUBLE"):
        raise ModelError(f"{_label(node)} casts to {target}; nnff reads casts to FLOAT and DOUBLE")
    return target


def _element_name(element: int) -> str:
    import onnx

    return str(onnx.TensorProto.DataType.Name(element)) if element in onnx.TensorProto.DataType.values() else "?"


def _label(node: Any) -> str:
    if node.name:
        return f"the {node.op_type} node {node.name!r}"
    return f"the unnamed {node.op_type} node that makes {', '.join(map(repr, node.output))}"


def _names(values: Any) -> str:
    return ", ".join(value.name for value in values) or "none"


def _times(nodes: list[Any], name: str) -> int:
    return sum(list(node.input).count(name) for node in nodes)
