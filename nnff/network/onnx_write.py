"""Writing networks as ONNX files."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.network.elementwise import Activation
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["write_onnx"]

# Old enough for every current runtime, new enough for all operators in double precision.
_OPSET = 17
_IR_VERSION = 8

_OPERATORS = {"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh"}


def write_onnx(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network as an ONNX file in double precision.

    `nnff.network.read_network` gives it back with the same weights, scalings,
    names and input range, bit for bit, so with the same fingerprint.

    The graph is ``Sub, Div`` (input scaling, if any), then per layer ``Gemm``
    and its activation, then ``Mul, Add`` (output scaling, if any) and ``Softmax`` (if any).  SiLU and
    GELU are spelt out, and so are leaky ReLU (``PRelu``) and hard sigmoid (``Mul, Add, Clip``) with
    parameters that single precision cannot hold.  Names and input range stand in ``metadata_props`` as
    JSON, see `nnff.network.onnx_file.OnnxReader`.

    Parameters
    ----------
    network
        What to write.
    path
        Where; an existing file is replaced, in one step.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """
    target = Path(path)
    data = _model(network).SerializeToString(deterministic=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ModelError(f"{target} cannot be written ({error.strerror or error})") from error


def _activate(step: Callable[..., None], nodes: list[Any], g: Activation, name: str) -> None:
    """Append an activation behind the last of `nodes`."""
    from onnx import helper  # noqa: PLC0415 - as below

    data = nodes[-1].output[0]
    kind, _, parameters = g.name.partition("(")
    numbers = [float(number) for number in parameters.rstrip(")").split(",") if number]
    single = all(float(np.float32(number)) == number for number in numbers)
    match kind:
        case "identity":
            pass
        case "leaky_relu" if single:
            step("LeakyRelu", f"{name}.{kind}", {}, alpha=numbers[0])
        case "leaky_relu":
            step("PRelu", f"{name}.{kind}", {"slope": np.array(numbers)})
        case "hard_sigmoid" if single:
            step("HardSigmoid", f"{name}.{kind}", {}, alpha=numbers[0], beta=numbers[1])
        case "hard_sigmoid":
            step("Mul", f"{name}.slope", {"by": np.array(numbers[0])})
            step("Add", f"{name}.offset", {"by": np.array(numbers[1])})
            step("Clip", f"{name}.{kind}", {"min": np.array(0.0), "max": np.array(1.0)})
        case "silu":
            step("Sigmoid", f"{name}.gate", {})
            nodes.append(
                helper.make_node("Mul", [data, nodes[-1].output[0]], [f"{name}.silu"], f"{name}.silu")
            )
        case "gelu":
            step("Div", f"{name}.scaled", {"by": np.array(math.sqrt(2))})
            step("Erf", f"{name}.erf", {})
            step("Add", f"{name}.gate", {"by": np.array(1.0)})
            gate = nodes[-1].output[0]
            nodes.append(helper.make_node("Mul", [data, gate], [f"{name}.gated"], f"{name}.gated"))
            step("Mul", f"{name}.gelu", {"by": np.array(0.5)})
        case _:
            step(_OPERATORS[kind], f"{name}.{kind}", {})


def _model(network: Network) -> Any:
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - imported only by those who use it

    nodes: list[Any] = []
    tensors: list[Any] = []

    def step(operator: str, name: str, operands: dict[str, FloatArray], **attributes: float) -> None:
        data = nodes[-1].output[0] if nodes else "input"
        names = [f"{name}.{key}" for key in operands]
        tensors.extend(
            numpy_helper.from_array(value, key) for key, value in zip(names, operands.values(), strict=True)
        )
        nodes.append(helper.make_node(operator, [data, *names], [name], name, **attributes))

    scaling, outgoing = network.input_scaling, network.output_scaling
    if not scaling.is_none:
        step("Sub", "center", {"by": scaling.center})
        step("Div", "scale", {"by": scaling.scale})
    for index, layer in enumerate(network.layers, start=1):
        step("Gemm", f"layer{index}", {"weight": layer.weight, "bias": layer.bias}, transB=1)
        _activate(step, nodes, layer.activation, f"layer{index}")
    if not outgoing.is_none:
        step("Mul", "output.scale", {"by": outgoing.scale})
        step("Add", "output.center", {"by": outgoing.center})
    if network.softmax:
        step("Softmax", "probabilities", {}, axis=-1)
    nodes[-1].output[0] = "output"

    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.DOUBLE, ["rows", network.n_inputs])],
        [helper.make_tensor_value_info("output", TensorProto.DOUBLE, ["rows", network.n_outputs])],
        tensors,
    )
    model = helper.make_model(
        graph,
        producer_name="nnff",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    facts: dict[str, Any] = {"feature_names": network.feature_names, "output_names": network.output_names}
    if network.input_range is not None:
        facts["input_range"] = network.input_range.tolist()
    helper.set_model_props(model, {key: json.dumps(value) for key, value in facts.items()})
    return model
