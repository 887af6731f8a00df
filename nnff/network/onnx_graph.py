"""From an ONNX graph to a network: which operators are understood, and the walk along them.

Importing this module imports onnx.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from nnff.errors import ModelError
from nnff.network.chain import Chain
from nnff.network.onnx_gates import find_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.network.network import Network

__all__ = ["OPERATORS", "GraphInput", "network_from_model", "refuse_unknown"]

_ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Softplus": "softplus", "Tanh": "tanh"}
_PARAMETRISED = ("Clip", "Gelu", "HardSigmoid", "LeakyRelu", "PRelu")
_OF_CONSTANTS = ("Identity", "Cast", "Transpose")

OPERATORS = (
    "Gemm",
    "MatMul",
    "Add",
    "Sub",
    "Mul",
    "Div",
    *_ACTIVATIONS,
    "Softmax",
    *_PARAMETRISED,
    "Erf",
    *_OF_CONSTANTS,
    "Flatten",
    "Reshape",
    "Constant",
)
"""Operator types that can be read (Transpose of a constant only, Erf in GELU only, Clip to [0, 1] only)."""

# Attributes and their defaults are single-precision numbers.
_ALPHA_OF_LEAKY_RELU = float(np.float32(0.01))
_ALPHA_OF_HARD_SIGMOID = float(np.float32(0.2))

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
    element
        ``FLOAT`` or ``DOUBLE``.
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
            raise ModelError(
                f"{_label(node)} is of the operator set {node.domain!r}, which nnff does not read"
            )
        if node.op_type not in OPERATORS:
            raise ModelError(f"{_label(node)} is not supported; nnff reads {', '.join(sorted(OPERATORS))}")
    versions = [opset.version for opset in model.opset_import if opset.domain in _DEFAULT_DOMAINS]
    if not versions:
        raise ModelError("the model does not say which version of ONNX's operators it uses")
    if min(versions) < _OLDEST_OPSET:
        raise ModelError(f"the model uses operator set {min(versions)}; nnff reads {_OLDEST_OPSET} and later")
    if model.functions:
        raise ModelError(
            f"the model defines the function {model.functions[0].name!r}, which nnff does not read"
        )
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
    given, output = GraphInput(model.graph), _output_name(model.graph)
    walk = _Walk(model.graph, given)
    current = given.name
    while True:
        readers = [node for node in walk.data_nodes if current in node.input]
        if current == output:
            if readers:
                raise ModelError(
                    f"{_label(readers[0])} reads the output {output!r}: the graph is not sequential"
                )
            return walk.chain.finish(softmax=walk.softmax, **facts)
        if not readers:
            raise ModelError(f"the output {output!r} does not depend on the input {given.name!r}")
        if len(readers) > 1:
            with _naming(readers[0]):
                gate = find_gate(walk.data_nodes, current, walk.single, output)
            if gate is not None:
                walk.chain.activate(gate.activation)
                if gate.factor != 1:
                    walk.chain.multiply(gate.factor)
                current = gate.output
                continue
        if len(readers) > 1 or list(readers[0].input).count(current) > 1:
            raise ModelError(
                f"the graph is not sequential: {current!r} is read {_times(readers, current)} times, "
                f"by {' and '.join(_label(node) for node in readers)}"
            )
        with _naming(readers[0]):
            walk.step(readers[0], current)
        current = readers[0].output[0]


class _Walk:
    """The constants of a graph, and the chain built while walking along its data."""

    def __init__(self, graph: Any, given: GraphInput) -> None:
        self.chain = Chain(given.width)
        self.softmax = False
        self.batch = given.batch
        self.constants: dict[str, npt.NDArray[Any]] = {
            tensor.name: _array(tensor) for tensor in graph.initializer
        }
        self.data_nodes = []
        for node in graph.node:
            with _naming(node):
                constant = self._constant(node)
            if constant is None:
                self.data_nodes.append(node)
            else:
                self.constants[node.output[0]] = constant

    def _constant(self, node: Any) -> npt.NDArray[Any] | None:
        """Return what a node computes from constants alone, or None for another node."""
        if node.op_type == "Constant":
            return _constant_value(node)
        if node.op_type not in _OF_CONSTANTS or node.input[0] not in self.constants:
            return None
        value = self.constants[node.input[0]]
        if node.op_type == "Cast":
            with np.errstate(over="ignore"):  # infinities are refused where they are used
                return value.astype(np.float32 if _cast_target(node) == "FLOAT" else np.float64)
        if node.op_type == "Transpose":
            return np.transpose(value, _attribute(node, "perm", None))
        return value

    def step(self, node: Any, data: str) -> None:
        """Append one node, which reads `data`, to the chain."""
        if self.softmax and node.op_type not in ("Identity", "Cast"):
            raise ModelError("it comes behind a softmax, which nnff reads at the very end only")
        if node.op_type == "Softmax":
            axis = _attribute(node, "axis", -1)
            if axis not in (1, -1):
                raise ModelError(f"axis = {axis} is not the outputs of a row")
            self.softmax = True
        else:
            self._step(node, data)

    def _step(self, node: Any, data: str) -> None:
        match node.op_type:
            case "Relu" | "Sigmoid" | "Softplus" | "Tanh":
                self.chain.activate(_ACTIVATIONS[node.op_type])
            case "Clip" | "Erf" | "Gelu" | "HardSigmoid" | "LeakyRelu" | "PRelu":
                self._parametrised(node, data)
            case "Gemm" | "MatMul":
                self._dense(node, data)
            case "Add" | "Sub" | "Mul" | "Div":
                self._elementwise(node, data)
            case "Flatten":
                axis = _attribute(node, "axis", 1)
                if axis not in (1, -1):
                    raise ModelError(f"axis = {axis} does not keep the rows of the batch apart")
            case "Reshape":
                self._reshape(node, data)
            case "Cast":
                # Real arithmetic: rounding of data to float is not part of the network.
                _cast_target(node)
            case "Identity":
                pass
            case _:
                raise ModelError("it is supported for constants only, not for data")

    def _parametrised(self, node: Any, data: str) -> None:
        """Append an activation with parameters; an attribute is exactly the single that the file holds."""
        match node.op_type:
            case "LeakyRelu":
                self.chain.activate(f"leaky_relu({_attribute(node, 'alpha', _ALPHA_OF_LEAKY_RELU)!r})")
            case "PRelu":
                slopes = np.unique(self._numbers(node, 1)) if node.input[0] == data else np.zeros(0)
                if len(slopes) != 1:
                    raise ModelError("nnff reads one constant slope for all neurons of a layer")
                self.chain.activate(f"leaky_relu({float(slopes[0])!r})")
            case "HardSigmoid":
                alpha = _attribute(node, "alpha", _ALPHA_OF_HARD_SIGMOID)
                self.chain.activate(f"hard_sigmoid({alpha!r},{_attribute(node, 'beta', 0.5)!r})")
            case "Clip":
                self._clip(node)
            case "Erf":
                raise ModelError("nnff reads erf as part of GELU only, x (1 + erf(x / sqrt 2)) / 2")
            case _:
                if _attribute(node, "approximate", b"none") != b"none":
                    raise ModelError(
                        "its tanh approximation is another function; nnff reads GELU with erf, "
                        "approximate = 'none'"
                    )
                self.chain.activate("gelu")

    def _clip(self, node: Any) -> None:
        ends = [
            self.single(node.input[place]) if len(node.input) > place else _attribute(node, name, None)
            for place, name in ((1, "min"), (2, "max"))
        ]
        if ends != [0.0, 1.0]:
            raise ModelError(f"it clips to {ends}; nnff reads a clip to [0, 1], which is a hard sigmoid")
        self.chain.clip()

    def single(self, name: str) -> float | None:
        """Return the one number that a stored constant holds, None for anything else."""
        value = self.constants.get(name)
        if value is None or value.size != 1 or value.dtype not in (np.float32, np.float64):
            return None
        return float(value.ravel()[0])

    def _numbers(self, node: Any, index: int) -> npt.NDArray[np.float64]:
        """Return input `index` of `node`, which must be a constant of finite numbers."""
        name = node.input[index]
        if name not in self.constants:
            raise ModelError(
                f"its operand {name!r} is not a stored constant; nnff reads constant weights only"
            )
        value = self.constants[name]
        if value.dtype not in (np.float32, np.float64):
            raise ModelError(
                f"the constant {name!r} holds {value.dtype} numbers; nnff reads float and double"
            )
        if not np.isfinite(value).all():
            raise ModelError(f"the constant {name!r} holds a value that is not a finite number")
        return value.astype(np.float64)

    def _dense(self, node: Any, data: str) -> None:
        """Append a Gemm, alpha A B + beta C, or a MatMul, A B, whose A is the data."""
        if node.input[0] != data:
            raise ModelError(f"it multiplies by {data!r} from the right, which mixes the rows of the batch")
        if _attribute(node, "transA", 0):
            raise ModelError("transA = 1 mixes the rows of the batch")
        weight = self._numbers(node, 1)
        if weight.ndim != _TABLE:
            raise ModelError(f"the weights {node.input[1]!r} have {weight.ndim} dimensions instead of 2")
        weight = weight if _attribute(node, "transB", 0) else weight.T
        bias = None
        if len(node.input) > _TABLE and node.input[_TABLE]:
            bias = _attribute(node, "beta", 1.0) * self._per_value(self._numbers(node, _TABLE), len(weight))
        self.chain.dense(_attribute(node, "alpha", 1.0) * weight, bias)

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
            raise ModelError(
                f"a constant of shape {constant.shape} is not one number for each of {width} values"
            )
        row: npt.NDArray[np.float64] = np.broadcast_to(constant, (1, width))[0]
        return row

    def _reshape(self, node: Any, data: str) -> None:
        """Accept a Reshape of a table of rows to that same table, whatever the number of rows."""
        target = self.constants.get(node.input[1]) if node.input[0] == data else None
        if target is None or target.dtype != np.int64:
            raise ModelError("its target shape is not a stored constant")
        sizes = [int(size) for size in target.ravel()]
        # A size of -1 is what remains, 0 is the size that was there.
        copy = () if _attribute(node, "allowzero", 0) else (0,)
        rows = (-1, *copy) if self.batch is None else (-1, self.batch, *copy)
        values = (-1, self.chain.width, *copy)
        same = len(sizes) == _TABLE and sizes[0] in rows and sizes[1] in values
        if not same or sizes == [-1, -1]:
            raise ModelError(f"the shape {sizes} is not plainly (rows, {self.chain.width})")


@contextmanager
def _naming(node: Any) -> Iterator[None]:
    """Put the name of the node in front of an error."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{_label(node)}: {error}") from error


def _array(tensor: Any) -> npt.NDArray[Any]:
    try:
        value: npt.NDArray[Any] = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelError(f"the tensor {tensor.name!r} cannot be read ({error})") from error
    return value


def _constant_value(node: Any) -> npt.NDArray[Any]:
    kinds = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    for attribute in node.attribute:
        if attribute.name == "value":
            return _array(attribute.t)
        if attribute.name in kinds:
            return np.array(_attribute(node, attribute.name, None), dtype=kinds[attribute.name])
    raise ModelError("it holds no tensor of numbers")


def _attribute(node: Any, name: str, default: Any) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return default


def _cast_target(node: Any) -> str:
    target = _element_name(_attribute(node, "to", 0))
    if target not in ("FLOAT", "DOUBLE"):
        raise ModelError(f"it casts to {target}; nnff reads casts to FLOAT and DOUBLE")
    return target


def _element_name(element: int) -> str:
    known = TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(element)) if element in known else f"type {element}"


def _label(node: Any) -> str:
    if node.name:
        return f"the {node.op_type} node {node.name!r}"
    return f"the unnamed {node.op_type} node that makes {', '.join(map(repr, node.output))}"


def _output_name(graph: Any) -> str:
    if len(graph.output) != 1:
        raise ModelError(
            f"the graph has {len(graph.output)} outputs ({_names(graph.output)}); nnff reads graphs with one"
        )
    return str(graph.output[0].name)


def _names(values: Any) -> str:
    return ", ".join(value.name for value in values) or "none"


def _times(nodes: list[Any], name: str) -> int:
    return sum(list(node.input).count(name) for node in nodes)
