"""Networks as data, and the readers that make them from model files and objects."""

from nnff.network.activation import ACTIVATIONS, Activation, activation
from nnff.network.network import Layer, Network
from nnff.network.onnx_write import write_onnx
from nnff.network.read import read_network
from nnff.network.reader import NetworkReader
from nnff.network.scaling import Scaling

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Layer",
    "Network",
    "NetworkReader",
    "Scaling",
    "activation",
    "read_network",
    "write_onnx",
]
