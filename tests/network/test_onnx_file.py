from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from nnff.errors import ModelError
from nnff.network import ACTIVATIONS, Network, Scaling, read_network
from nnff.network.onnx_file import OnnxReader
from nnff.network.reader import DOUBLE_ROUNDOFF, FLOAT_ROUNDOFF
from nnff.network.rounding import evaluation_error

if TYPE_CHECKING:
    from pathlib import Path

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
OPERATORS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus"}


class Maker:
    """Builds an ONNX model node by node; `x` is the input, and each node feeds on the last one."""

    def __init__(
        self, width: int = 2, *, element: int = DOUBLE, rows: int | str = "rows", opset: int = 17
    ) -> None:
        self.element, self.opset = element, opset
        self.dtype = helper.tensor_dtype_to_np_dtype(element)
        self.inputs = [helper.make_tensor_value_info("x", element, [rows, width])]
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.last = "x"
        self.names = (f"v{index}" for index in itertools.count())
        self.metadata: dict[str, str] = {}
        self.outputs: list[str] | None = None

    def constant(self, value: Any, dtype: Any = None) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value, dtype=dtype or self.dtype), name))
        return name

    def node(
        self, operator: str, *operands: str, name: str = "", domain: str = "", **attributes: Any
    ) -> Maker:
        """Append a node; the operand ``"@"`` is the last value, and is the only one by default."""
        result = next(self.names)
        inputs = [self.last if operand == "@" else operand for operand in operands or ("@",)]
        self.nodes.append(helper.make_node(operator, inputs, [result], name, domain=domain, **attributes))
        self.last = result
        return self

    def gemm(self, weight: Any, bias: Any = None, **attributes: Any) -> Maker:
        operands = ["@", self.constant(weight)] + ([] if bias is None else [self.constant(bias)])
        return self.node("Gemm", *operands, **attributes)

    def with_constant(self, operator: str, value: Any, *, first: bool = False, **attributes: Any) -> Maker:
        name = self.constant(value)
        return self.node(operator, *((name, "@") if first else ("@", name)), **attributes)

    def model(self) -> Any:
        outputs = self.outputs or [self.last]
        graph = helper.make_graph(
            self.nodes,
            "test",
            self.inputs,
            [helper.make_tensor_value_info(name, self.element, ["rows", "values"]) for name in outputs],
            self.tensors,
        )
        opsets = [helper.make_opsetid(domain, 1) for domain in {node.domain for node in self.nodes} - {""}]
        model = helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", self.opset), *opsets]
        )
        helper.set_model_props(model, self.metadata)
        return model

    def save(self, folder: Path) -> Path:
        path = folder / "model.onnx"
        path.write_bytes(self.model().SerializeToString())
        return path

    def read(self, folder: Path) -> Network:
        """Read by `read_network`, which compares with the reference evaluator."""
        return read_network(self.save(folder))


ROWS = np.random.default_rng(0).normal(size=(7, 2))
W = np.array([[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]])  # as Gemm and MatMul have it: (inputs, outputs)
B = np.array([0.5, -0.25, 1.0])


@pytest.mark.parametrize("element", [FLOAT, DOUBLE], ids=["float", "double"])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", [None, B, B[None], 0.75, [0.75], [[0.75]]])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.5, -2.0), (2.0, 0.0)])
def test_gemm(tmp_path, element, transposed, bias, factors):
    alpha, beta = factors
    maker = Maker(element=element)
    maker.gemm(W.T if transposed else W, bias, transB=transposed, alpha=alpha, beta=beta)
    network = maker.read(tmp_path)
    offset = np.zeros(3) if bias is None else np.asarray(bias)
    assert network.forward(ROWS) == pytest.approx(alpha * ROWS @ W + beta * offset, rel=1e-15)
    assert network.layers[0].weight.tolist() == (alpha * W.T).tolist()


def test_gemm_leaves_out_an_empty_bias(tmp_path):
    maker = Maker()
    assert maker.node("Gemm", "@", maker.constant(W), "").read(tmp_path).layers[0].bias.tolist() == [0] * 3


@pytest.mark.parametrize("bias_first", [False, True])
def test_matmul_and_add_are_one_layer(tmp_path, bias_first):
    network = (
        Maker()
        .with_constant("MatMul", W)
        .with_constant("Add", B, first=bias_first)
        .node("Relu")
        .read(tmp_path)
    )
    assert network.architecture == "2-3 (relu)"
    assert np.array_equal(network.layers[0].weight, W.T)
    assert np.array_equal(network.layers[0].bias, B)
    assert network.output_scaling.is_none


@pytest.mark.parametrize("name", OPERATORS)
def test_activations(tmp_path, name):
    network = Maker().gemm(W, B).node(OPERATORS[name]).gemm(W.T).node(OPERATORS[name]).read(tmp_path)
    assert [layer.activation_name for layer in network.layers] == [name, name]
    value = ACTIVATIONS[name].value
    assert network.forward(ROWS) == pytest.approx(value(value(ROWS @ W + B) @ W.T))


@pytest.mark.parametrize(
    ("operator", "attributes", "name"),
    [
        ("LeakyRelu", {"alpha": 0.25}, "leaky_relu(0.25)"),
        # An attribute is a number of single precision, its default too.
        ("LeakyRelu", {"alpha": 0.1}, f"leaky_relu({float(np.float32(0.1))!r})"),
        ("LeakyRelu", {}, f"leaky_relu({float(np.float32(0.01))!r})"),
        ("LeakyRelu", {"alpha": 0.0}, "leaky_relu(0.0)"),
        ("HardSigmoid", {"alpha": 0.25, "beta": 0.375}, "hard_sigmoid(0.25,0.375)"),
        ("HardSigmoid", {}, f"hard_sigmoid({float(np.float32(0.2))!r},0.5)"),
        ("Gelu", {}, "gelu"),
        ("Gelu", {"approximate": "none"}, "gelu"),
    ],
)
def test_activations_with_attributes(tmp_path, operator, attributes, name):
    network = Maker(opset=20).gemm(W, B).node(operator, **attributes).read(tmp_path)
    assert network.architecture == f"2-3 ({name})"


def test_a_parametric_relu_with_one_slope_is_leaky(tmp_path):
    maker = Maker().gemm(W, B)
    network = maker.node("PRelu", "@", maker.constant([0.1])).read(tmp_path)
    assert network.architecture == "2-3 (leaky_relu(0.1))"


def test_a_clip_is_a_hard_sigmoid(tmp_path):
    maker = Maker().gemm(W, B).with_constant("Mul", 0.2).with_constant("Add", 0.5)
    network = maker.node("Clip", "@", maker.constant(0.0), maker.constant(1.0)).read(tmp_path)
    assert network.architecture == "2-3 (hard_sigmoid(0.2,0.5))"
    assert np.array_equal(network.layers[0].weight, W.T)
    # Steps that differ between neurons go into the weights.
    maker = Maker().gemm(W, B).with_constant("Mul", np.array([0.2, -1.0, 3.0]))
    network = maker.node("Clip", "@", maker.constant(0.0), maker.constant(1.0)).read(tmp_path)
    assert network.architecture == "2-3 (hard_sigmoid(1.0,0.0))"
    assert network.forward(ROWS) == pytest.approx(np.clip((ROWS @ W + B) * [0.2, -1.0, 3.0], 0, 1))


def spelt_out(kind: str, element: int = DOUBLE) -> Maker:
    """Build a network with SiLU or GELU as exporters write them, x behind a Gemm."""
    maker = Maker(element=element).gemm(W, B)
    x = maker.last
    if kind == "silu":
        return maker.node("Sigmoid").node("Mul", x, "@")
    root = maker.constant(np.sqrt(2) if "div" in kind else np.sqrt(0.5))
    maker.node("Div" if "div" in kind else "Mul", "@", root).node("Erf").with_constant("Add", 1.0)
    match kind.partition(" ")[0]:
        case "last":
            return maker.node("Mul", x, "@").with_constant("Mul", 0.5)
        case "gate":
            return maker.with_constant("Mul", 0.5).node("Mul", "@", x)
    gate = maker.last
    return maker.node("Mul", x, maker.constant(0.5)).node("Mul", "@", gate)


@pytest.mark.parametrize(
    "kind", ["silu", "last div", "last mul", "gate div", "gate mul", "first div", "first mul"]
)
@pytest.mark.parametrize("element", [FLOAT, DOUBLE])
def test_gated_activations_spelt_out(tmp_path, kind, element):
    network = spelt_out(kind, element).gemm(W.T).read(tmp_path)
    name = "silu" if kind == "silu" else "gelu"
    assert network.architecture == f"2-3-2 ({name}, identity)"
    assert network.forward(ROWS) == pytest.approx(ACTIVATIONS[name].value(ROWS @ W + B) @ W.T, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m, x: m.with_constant("Mul", 1.702).node("Sigmoid").node("Mul", x, "@"),
            "not SiLU, nor GELU",
        ),
        (lambda m, x: m.node("Erf").with_constant("Add", 1.0).node("Mul", x, "@"), "is not GELU, which has"),
        (lambda m, x: m.node("Sigmoid").node("Add", x, "@"), "not sequential"),
        (lambda m, x: m.node("Tanh").node("Mul", x, "@"), "not sequential"),
        (lambda m, x: m.node("Sigmoid").with_constant("Mul", 2.0).node("Mul", x, "@"), "not sequential"),
        (lambda m, x: m.node("Erf"), "part of GELU only"),
        (lambda m, x: m.node("HardSwish"), "HardSwish.* is not supported; nnff reads"),
        (lambda m, x: m.node("Gelu", approximate="tanh"), "tanh approximation is another function"),
        (lambda m, x: m.node("LeakyRelu", alpha=1.5), "slope 1.5 below 0 is not supported"),
        (lambda m, x: m.node("HardSigmoid", alpha=-1.0), "hard sigmoid of slope -1"),
        (
            lambda m, x: m.node("PRelu", "@", m.constant([0.1, 0.2, 0.3])),
            "one constant slope for all neurons of a layer",
        ),
        (lambda m, x: m.node("Clip", "@", m.constant(0.0), m.constant(6.0)), r"clips to \[0.0, 6.0\]"),
    ],
)
def test_what_only_looks_like_an_activation_is_refused(tmp_path, change, message):
    maker = Maker(opset=20).gemm(W, B)
    change(maker, maker.last)
    with pytest.raises(ModelError, match=message):
        maker.read(tmp_path)


def test_a_gate_that_is_read_elsewhere_is_no_activation(tmp_path):
    maker = Maker().gemm(W, B)
    x = maker.last
    gate = maker.node("Sigmoid").last
    maker.node("Mul", x, "@").node("Mul", "@", gate)
    with pytest.raises(ModelError, match="not sequential"):
        maker.read(tmp_path)


def elementwise(operator: str, x: np.ndarray, k: np.ndarray, *, first: bool) -> np.ndarray:
    left, right = (k, x) if first else (x, k)
    return {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[operator](left, right)


CASES = [
    (operator, first)
    for operator in ("Add", "Sub", "Mul", "Div")
    for first in (False, True)
    if (operator, first) != ("Div", True)
]


@pytest.mark.parametrize(("operator", "first"), CASES)
@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 1), (1, 2)])
def test_elementwise_steps_in_front_are_the_input_scaling(tmp_path, operator, first, shape):
    k = np.array([3.0, -0.5])[: int(np.prod(shape))].reshape(shape)
    network = Maker().with_constant(operator, k, first=first).gemm(W, B).read(tmp_path)
    assert not network.input_scaling.is_none
    assert np.array_equal(network.layers[0].weight, W.T)
    assert network.forward(ROWS) == pytest.approx(
        elementwise(operator, ROWS, k, first=first) @ W + B, rel=1e-13
    )


@pytest.mark.parametrize(("operator", "first"), CASES)
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_elementwise_steps_behind_are_the_output_scaling(tmp_path, operator, first, activation):
    k = np.array([3.0, -0.5, 2.0])
    maker = Maker().gemm(W, B)
    plain = ROWS @ W + B
    if activation:
        maker.node(OPERATORS[activation])
        plain = ACTIVATIONS[activation].value(plain)
    network = maker.with_constant(operator, k, first=first).read(tmp_path)
    assert not network.output_scaling.is_none
    assert len(network.layers) == 1
    assert np.array_equal(network.layers[0].bias, B)
    assert network.forward(ROWS) == pytest.approx(elementwise(operator, plain, k, first=first), rel=1e-13)


def test_several_steps_on_either_side(tmp_path):
    maker = Maker().with_constant("Sub", [1.0, 2.0]).with_constant("Div", [4.0, 8.0])
    maker.gemm(W[:, :1], [0.5]).node("Sigmoid").with_constant("Mul", 45.0).with_constant("Add", 5.0)
    network = maker.read(tmp_path)
    assert network.input_scaling == Scaling([1, 2], [4, 8])
    assert network.output_scaling == Scaling([5], [45])


@given(seed=st.integers(0, 2**32 - 1), operators=st.lists(st.sampled_from(CASES), min_size=1, max_size=6))
def test_elementwise_steps_in_between_are_folded(tmp_path_factory, seed, operators):
    rng = np.random.default_rng(seed)
    maker, values = Maker(), ROWS

    def steps(values: np.ndarray) -> np.ndarray:
        for operator, first in operators:
            k = rng.normal(size=values.shape[1]) + rng.choice([-2, 2])
            if operator == "Mul" and rng.random() < 0.2:
                k[0] = 0
            maker.with_constant(operator, k, first=first)
            values = elementwise(operator, values, k, first=first)
        return values

    values = steps(values)
    maker.gemm(W, B)
    values = steps(values @ W + B)
    maker.node("Tanh")
    values = steps(np.tanh(values))
    maker.gemm(W.T).node("Relu")
    values = np.maximum(values @ W.T, 0)
    network = maker.read(tmp_path_factory.mktemp("folded"))
    assert network.architecture == "2-3-2 (tanh, relu)"
    allowed = 100 * evaluation_error(network, ROWS, DOUBLE_ROUNDOFF) + 1e-9
    assert (np.abs(network.forward(ROWS) - values) <= allowed).all()


def test_factor_0_in_front_goes_into_the_weights(tmp_path):
    network = Maker().with_constant("Mul", [0.0, 2.0]).gemm(W, B).read(tmp_path)
    assert network.input_scaling.is_none
    assert network.layers[0].weight.tolist() == (W.T * [0, 2]).tolist()


def test_steps_that_change_nothing_are_skipped(tmp_path):
    maker = Maker().node("Identity").node("Flatten").node("Cast", to=DOUBLE).node("Cast", to=FLOAT)
    maker.dtype = np.float32
    shapes = [maker.constant(shape, np.int64) for shape in ([-1, 2], [0, 2], [0, -1], [0, 0])]
    for shape in shapes:
        maker.node("Reshape", "@", shape)
    network = maker.gemm(W).node("Flatten", axis=-1).node("Identity").read(tmp_path)
    assert network.architecture == "2-3 (identity)"
    assert np.array_equal(network.layers[0].weight, W.T)


def test_constants_may_stand_behind_nodes(tmp_path):
    maker = Maker()
    stored = maker.constant(W.T, np.float32)
    maker.nodes = [
        helper.make_node("Constant", [], ["b"], value=numpy_helper.from_array(B)),
        helper.make_node("Transpose", [stored], ["turned"], perm=[1, 0]),
        helper.make_node("Identity", ["turned"], ["same"]),
        helper.make_node("Cast", ["same"], ["wide"], to=DOUBLE),
    ]
    network = maker.node("MatMul", "@", "wide").node("Add", "b", "@").read(tmp_path)
    assert np.array_equal(network.layers[0].weight, W.T)
    assert np.array_equal(network.layers[0].bias, B)


def test_constant_nodes_of_plain_numbers(tmp_path):
    maker = Maker(element=FLOAT)
    maker.nodes = [
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("Constant", [], ["two"], value_floats=[2.0, -2.0]),
        helper.make_node("Constant", [], ["shape"], value_ints=[-1, 2]),
    ]
    network = (
        maker.node("Mul", "@", "half").node("Reshape", "@", "shape").node("Add", "@", "two").read(tmp_path)
    )
    assert network.forward([4.0, 4.0]).tolist() == [4, 0]


def test_casting_a_constant_to_float_rounds_it(tmp_path):
    maker = Maker(element=FLOAT)
    maker.node("Cast", maker.constant([[0.1], [0.2]], np.float64), to=FLOAT)
    weight, maker.last = maker.last, "x"
    network = maker.node("MatMul", "@", weight).read(tmp_path)
    assert network.layers[0].weight.tolist() == [[float(np.float32(0.1)), float(np.float32(0.2))]]


def test_initialisers_listed_as_inputs_are_weights(tmp_path):
    maker = Maker().gemm(W, B)
    maker.inputs += [
        helper.make_tensor_value_info(tensor.name, DOUBLE, list(tensor.dims)) for tensor in maker.tensors
    ]
    assert maker.read(tmp_path).architecture == "2-3 (identity)"


@pytest.mark.parametrize("rows", [1, 4])
def test_files_for_a_fixed_number_of_rows(tmp_path, rows):
    maker = Maker(rows=rows)
    maker.node("Reshape", "@", maker.constant([rows, -1], np.int64)).gemm(W, B).node("Tanh")
    network = maker.read(tmp_path)
    answers = OnnxReader().reference(tmp_path / "model.onnx", ROWS)
    assert answers == pytest.approx(network.forward(ROWS))
    assert network.forward(ROWS) == pytest.approx(np.tanh(ROWS @ W + B))


def test_reference_is_onnx_own_evaluator(tmp_path):
    path = Maker(element=FLOAT).gemm(W, B).node("Sigmoid").save(tmp_path)
    answers = OnnxReader().reference(path, ROWS)
    session = onnx.reference.ReferenceEvaluator(onnx.load(path))
    assert answers.dtype == np.float64
    assert np.array_equal(answers, session.run(None, {"x": ROWS.astype(np.float32)})[0].astype(np.float64))


def test_roundoff_is_the_coarsest_in_the_graph(tmp_path):
    reader = OnnxReader()
    assert reader.roundoff(Maker().gemm(W).save(tmp_path)) == DOUBLE_ROUNDOFF
    assert reader.roundoff(Maker(element=FLOAT).gemm(W).save(tmp_path)) == FLOAT_ROUNDOFF
    through_float = Maker().node("Cast", to=FLOAT).node("Cast", to=DOUBLE).gemm(W)
    assert reader.roundoff(through_float.save(tmp_path)) == FLOAT_ROUNDOFF
    stored = Maker()
    stored.nodes.append(
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.float32([1])))
    )
    assert reader.roundoff(stored.gemm(W).save(tmp_path)) == FLOAT_ROUNDOFF


def test_saturated_float_sigmoids_raise_no_alarm(tmp_path):
    network = Maker(element=FLOAT).gemm(1e4 * W, B).node("Sigmoid").read(tmp_path)
    answers = network.forward(ROWS)
    assert (np.minimum(answers, 1 - answers) < 1e-12).all()


def test_metadata_gives_names_and_ranges(tmp_path):
    maker = Maker().gemm(W[:, :1])
    maker.metadata = {
        "feature_names": json.dumps(["age", "sex"]),
        "output_names": '["income"]',
        "input_range": "[[17, 0], [90.5, 1]]",
        "author": "somebody",
    }
    network = maker.read(tmp_path)
    assert network.feature_names == ("age", "sex")
    assert network.output_names == ("income",)
    assert network.input_range.tolist() == [[17, 0], [90.5, 1]]
    assert network.source == str(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("feature_names", "age,sex", "'feature_names' is not JSON"),
        ("feature_names", '{"age": 1}', "'feature_names' is not a list of names"),
        ("feature_names", '["age", 3]', "'feature_names' is not a list of names"),
        ("feature_names", '["age"]', "needs 2 feature names, got 1"),
        ("output_names", '["a", "b"]', "needs 3 output names, got 2"),
        ("input_range", "[[0, 1], [2]]", "'input_range' is not"),
        ("input_range", '[["a", 1], [2, 3]]', "'input_range' is not"),
        ("input_range", "[0, 1]", r"shape \(2,\), need \(2, 2\)"),
        ("input_range", "[[0, 1], [1, NaN]]", r"range of x1 is \[1, nan\]"),
    ],
)
def test_bad_metadata_is_refused(tmp_path, key, value, message):
    maker = Maker().gemm(W)
    maker.metadata = {key: value}
    with pytest.raises(ModelError, match=f"model.onnx: .*{message}"):
        maker.read(tmp_path)


def residual(maker: Maker) -> None:
    maker.gemm(np.eye(2))
    maker.node("Add", "@", "x", name="skip")


def two_branches(maker: Maker) -> None:
    maker.node("Relu", "x", name="left").node("Tanh", "x", name="right")


def read_output(maker: Maker) -> None:
    maker.outputs = [maker.gemm(W).last]
    maker.node("Relu", name="after")


def second_input(maker: Maker) -> None:
    maker.inputs.append(helper.make_tensor_value_info("z", DOUBLE, ["rows", 2]))
    maker.node("Add", "x", "z")


def second_output(maker: Maker) -> None:
    maker.outputs = [maker.gemm(W).last, maker.node("Relu").last]


def detached(maker: Maker) -> None:
    maker.node("Identity", maker.constant([[1.0]]))


def computed_weight(maker: Maker) -> None:
    summed = maker.node("Add", maker.constant(W), maker.constant(W)).last
    maker.node("MatMul", "x", summed, name="product")


def integer_weight(maker: Maker) -> None:
    maker.node("Cast", maker.constant(W, np.int64), to=DOUBLE, name="widened")
    weight, maker.last = maker.last, "x"
    maker.node("MatMul", "@", weight)


def half_weight(maker: Maker) -> None:
    maker.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["rows", 2])]


def another_shape(*sizes: Any) -> Any:
    def change(maker: Maker) -> None:
        maker.inputs = [helper.make_tensor_value_info("x", DOUBLE, sizes)]
        maker.with_constant("MatMul", W)

    return change


def sequence_input(maker: Maker) -> None:
    maker.inputs = [helper.make_tensor_sequence_value_info("x", DOUBLE, ["rows", 2])]
    maker.node("Relu")


def reshaped(*sizes: int, **attributes: int) -> Any:
    return lambda maker: maker.node("Reshape", "@", maker.constant(sizes, np.int64), **attributes)


REFUSED = {
    "softmax before the end": (
        lambda m: m.gemm(W).node("Softmax").node("Relu", name="behind"),
        "Relu node 'behind'.*behind a softmax",
    ),
    "softmax over rows": (
        lambda m: m.gemm(W).node("Softmax", name="mixed", axis=0),
        "Softmax node 'mixed'.*axis = 0 is not the outputs of a row",
    ),
    "selu": (
        lambda m: m.node("Selu", name="act_3"),
        "Selu node 'act_3' is not supported; nnff reads Add",
    ),
    "unnamed": (lambda m: m.node("Elu"), "the unnamed Elu node that makes 'v0' is not supported"),
    "conv": (
        lambda m: m.node("Conv", "@", m.constant(np.ones((1, 1, 1, 1))), name="c"),
        "Conv node 'c' is not",
    ),
    "batch norm": (
        lambda m: m.node("BatchNormalization", "@", *[m.constant(np.ones(2))] * 4, name="bn"),
        "BatchNormalization node 'bn' is not supported",
    ),
    "domain": (lambda m: m.node("Gelu", domain="com.microsoft", name="g"), "operator set 'com.microsoft'"),
    "residual": (
        residual,
        "not sequential: 'x' is read 2 times, by the unnamed Gemm .* and the Add node 'skip'",
    ),
    "branches": (two_branches, "not sequential: 'x' is read 2 times, by the Relu node 'left' and the Tanh"),
    "square": (lambda m: m.node("Mul", "@", "@", name="sq"), "'x' is read 2 times, by the Mul node 'sq'"),
    "after the output": (read_output, "the Relu node 'after' reads the output 'v0'"),
    "two inputs": (second_input, r"the graph has 2 inputs \(x, z\)"),
    "two outputs": (second_output, r"the graph has 2 outputs \(v0, v1\)"),
    "constant output": (detached, "the output 'v0' does not depend on the input 'x'"),
    "computed weight": (computed_weight, "MatMul node 'product': its operand 'v0' is not a stored constant"),
    "one dimension": (another_shape(2), "the input 'x' has 1 dimensions"),
    "four dimensions": (another_shape("n", 1, 1, 2), "the input 'x' has 4 dimensions"),
    "free width": (another_shape("n", "m"), "the input 'x' does not say how many features"),
    "half precision": (half_weight, "the input 'x' holds FLOAT16; nnff reads FLOAT and DOUBLE"),
    "sequence": (sequence_input, "the input 'x' is not a tensor"),
    "nan": (
        lambda m: m.gemm([[np.nan], [1]], name="g"),
        "Gemm node 'g': the constant 'c0' holds a value that is not",
    ),
    "inf": (
        lambda m: m.gemm(W, [0, 0, np.inf], name="g"),
        "Gemm node 'g': the constant 'c1' holds a value that is",
    ),
    "nan factor": (
        lambda m: m.with_constant("Mul", np.nan, name="m"),
        "Mul node 'm': the constant 'c0' holds",
    ),
    "transA": (lambda m: m.gemm(W, transA=1, name="g"), "Gemm node 'g': transA = 1 mixes the rows"),
    "gemm from the right": (
        lambda m: m.node("Gemm", m.constant(W), "@", name="g"),
        "Gemm node 'g': it multiplies by 'x' from the right",
    ),
    "product from the right": (
        lambda m: m.with_constant("MatMul", W, first=True, name="p"),
        "MatMul node 'p': it multiplies by 'x' from the right",
    ),
    "vector product": (
        lambda m: m.with_constant("MatMul", [1.0, 2.0]),
        "'c0' have 1 dimensions instead of 2",
    ),
    "wrong size": (
        lambda m: m.gemm(W.T, name="g"),
        r"Gemm node 'g': .*shape \(2, 3\) cannot follow 2 values",
    ),
    "wrong bias": (lambda m: m.gemm(W, [1.0, 2.0]), r"shape \(2,\) is not one number for each of 3 values"),
    "row-wise constant": (
        lambda m: m.with_constant("Add", np.ones((5, 2)), name="a"),
        r"Add node 'a': a constant of shape \(5, 2\) is not one number for each of 2 values",
    ),
    "widening constant": (
        lambda m: m.gemm(W[:, :1]).with_constant("Add", np.ones(4)),
        r"shape \(4,\) is not one number for each of 1 values",
    ),
    "third dimension": (
        lambda m: m.with_constant("Add", np.ones((1, 1, 2))),
        r"shape \(1, 1, 2\) is not one number",
    ),
    "quotient": (
        lambda m: m.with_constant("Div", 1.0, first=True, name="d"),
        "Div node 'd': it divides a constant by 'x', which is not affine",
    ),
    "division by 0": (
        lambda m: m.with_constant("Div", [1.0, 0.0], name="d"),
        "Div node 'd': the network divides by 0",
    ),
    "integer cast": (
        lambda m: m.node("Cast", to=TensorProto.INT64, name="c"),
        "Cast node 'c': it casts to INT64",
    ),
    "integer weight": (integer_weight, ""),
    "flatten to a row": (
        lambda m: m.node("Flatten", axis=0, name="f"),
        "Flatten node 'f': axis = 0 does not keep",
    ),
    "flatten to a column": (
        lambda m: m.node("Flatten", axis=2, name="f"),
        "Flatten node 'f': axis = 2 does not keep",
    ),
    "reshape to one row": (reshaped(1, -1), r"the shape \[1, -1\] is not plainly \(rows, 2\)"),
    "reshape to pairs": (reshaped(-1, 1), r"the shape \[-1, 1\] is not plainly"),
    "reshape to a vector": (reshaped(-1), r"the shape \[-1\] is not plainly"),
    "reshape to three": (reshaped(-1, 2, 1), r"the shape \[-1, 2, 1\] is not plainly"),
    "reshape to nothing": (reshaped(0, -1, allowzero=1), r"the shape \[0, -1\] is not plainly"),
    "transposed data": (
        lambda m: m.node("Transpose", name="t"),
        "Transpose node 't': it is supported for constants",
    ),
    "factor 0 behind": (
        lambda m: m.gemm(W).with_constant("Mul", [1.0, 0.0, 1.0]),
        "output 1 is multiplied by 0 behind the last layer",
    ),
    "overflow": (
        lambda m: m.gemm(1e300 * W).with_constant("Mul", 1e300).node("Relu", name="r"),
        "Relu node 'r': a weight or bias is not a finite number",
    ),
}
del REFUSED["integer weight"]  # is fine, see below


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_represented_is_refused_by_name(tmp_path, case):
    build, message = REFUSED[case]
    maker = Maker()
    build(maker)
    with pytest.raises(ModelError, match=f"model.onnx: .*{message}"):
        maker.read(tmp_path)


def test_integers_cast_to_double_are_weights(tmp_path):
    maker = Maker()
    integer_weight(maker)
    assert np.array_equal(maker.read(tmp_path).layers[0].weight, W.astype(np.int64).T)


def test_weights_of_other_number_types_are_refused(tmp_path):
    maker = Maker()
    maker.node("MatMul", "@", maker.constant(W, np.float16), name="p")
    with pytest.raises(ModelError, match="MatMul node 'p': the constant 'c0' holds float16 numbers"):
        OnnxReader().read(maker.save(tmp_path))


def test_old_operator_sets_are_refused(tmp_path):
    with pytest.raises(ModelError, match="uses operator set 6; nnff reads 7 and later"):
        Maker(opset=6).gemm(W).read(tmp_path)


def test_functions_and_sparse_weights_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    model = Maker().gemm(W).model()
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("holes", DOUBLE, [1], [1.0]),
        helper.make_tensor("where", TensorProto.INT64, [1], [0]),
        [4],
    )
    model.graph.sparse_initializer.append(sparse)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="the weights 'holes' are sparse"):
        read_network(path)
    model = Maker().gemm(W).model()
    model.functions.append(
        helper.make_function("mine", "twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [])
    )
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="defines the function 'twice'"):
        read_network(path)


@pytest.mark.parametrize(
    "content", [b"", b"hello, world\n", b"\x00" * 100, b"13,16,1\n" * 50, bytes(range(256))]
)
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model.onnx: this is not an ONNX model"):
        read_network(path)


def test_a_model_cut_off_is_refused(tmp_path):
    path = Maker().gemm(W, B).node("Relu").save(tmp_path)
    whole = path.read_bytes()
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"model.onnx: "):
            read_network(path)


def test_invalid_models_are_refused(tmp_path):
    maker = Maker()
    maker.node("Relu", "nowhere")
    with pytest.raises(ModelError, match=r"model.onnx: the ONNX model is not valid"):
        maker.read(tmp_path)


def test_weights_in_a_missing_side_file_are_refused(tmp_path):
    model = Maker().gemm(np.ones((2, 300))).model()
    path = tmp_path / "model.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=16)
    assert read_network(path).n_outputs == 300
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"model.onnx: .*cannot be read"):
        read_network(path)


def test_accepts_by_suffix():
    reader = OnnxReader()
    assert reader.accepts("a/b.onnx")
    assert reader.accepts("B.ONNX")
    assert not reader.accepts("a.onnx.txt")
    assert not reader.accepts(3)


def test_the_published_boston_networks(network_folder):
    paths = sorted(network_folder.glob("boston_*.onnx"))
    assert len(paths) == 13
    for path in paths:
        network = read_network(path)
        kind, *sizes = path.stem.removeprefix("boston_").split("_")
        last = "sigmoid" if kind == "relu" else "identity"
        assert network.architecture == f"{'-'.join(sizes)} ({', '.join([kind] * (len(sizes) - 2) + [last])})"
        assert network.input_scaling.is_none
        rows = np.random.default_rng(1).normal(scale=2, size=(50, 13))
        answers = onnx.reference.ReferenceEvaluator(onnx.load(path)).run(None, {"input": rows})[0]
        assert np.abs(network.forward(rows) - answers).max() <= 1e-12
