from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np
import pytest

from nnff.errors import ModelError, PluginError, UnknownNameError
from nnff.network import Layer, Network, NetworkReader, Scaling, read_network
from nnff.network import read as read_module
from nnff.network.onnx_write import write_onnx
from nnff.plugin import Kind, PluginManager, PluginSpec, hookimpl, plugin_manager

NETWORK = Network(
    (Layer([[1.0, -2.0], [0.5, 1.5]], [0.1, 0.2], "tanh"), Layer([[2.0, 1.0], [0.3, -1.0]], [0.0, 0.5])),
    Scaling([10.0, 20.0], [2.0, -4.0]),
    Scaling([1.0, 2.0], [3.0, 4.0]),
)


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.onnx"
    write_onnx(NETWORK, path)
    return path


class Parrot(NetworkReader):
    """Reads dictionaries; its reference answers are what the dictionary says."""

    name: ClassVar[str] = "parrot"

    def accepts(self, source: Any) -> bool:
        return isinstance(source, dict)

    def read(self, source: Any) -> Network:
        return source["network"]

    def reference(self, source: Any, rows: np.ndarray) -> np.ndarray | None:
        source.setdefault("rows", []).append(rows)
        return source["answer"](rows)


def answers(change=lambda y: y):
    return {"network": NETWORK, "answer": lambda rows: change(NETWORK.forward(rows))}


def test_files_are_read_by_their_suffix(model_file, tmp_path):
    assert read_network(model_file) == NETWORK
    assert read_network(str(model_file)) == NETWORK
    shouted = tmp_path / "MODEL.ONNX"
    shouted.write_bytes(model_file.read_bytes())
    assert read_network(shouted) == NETWORK


def test_a_reader_may_be_chosen_by_name_or_given(model_file, tmp_path):
    odd = tmp_path / "model.bin"
    odd.write_bytes(model_file.read_bytes())
    assert read_network(odd, reader="onnx") == NETWORK
    assert read_network(answers(), reader=Parrot()) is NETWORK


def test_output_activation_and_index(model_file):
    rows = np.random.default_rng(0).normal(size=(5, 2))
    plain = read_network(model_file).forward(rows)
    squashed = read_network(model_file, output_activation="sigmoid", output_index=1)
    assert squashed.predict(rows) == pytest.approx(1 / (1 + np.exp(-plain[:, 1])))
    with pytest.raises(ModelError, match="there is no output 2"):
        read_network(model_file, output_index=2)
    classes = read_network(model_file, output_activation="softmax")
    assert classes.forward(rows) == pytest.approx(np.exp(plain) / np.exp(plain).sum(axis=1, keepdims=True))
    with pytest.raises(ModelError, match="'selu' is not supported"):
        read_network(model_file, output_activation="selu")


def test_an_output_activation_needs_a_linear_output(tmp_path):
    path = tmp_path / "model.onnx"
    write_onnx(NETWORK.with_output_activation("sigmoid"), path)
    with pytest.raises(ModelError, match="already ends in sigmoid"):
        read_network(path, output_activation="sigmoid")


def test_missing_files_and_folders_are_refused(tmp_path):
    for name in ("gone.onnx", "gone.nnet", "gone.pkl", "gone.xyz"):
        with pytest.raises(ModelError, match=f"there is no file .*{name}"):
            read_network(tmp_path / name)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match=r"folder.onnx is a folder, not a model file"):
        read_network(tmp_path / "folder.onnx")


def test_unknown_kinds_are_refused_and_known_suffixes_listed(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"HDF")
    with pytest.raises(
        ModelError,
        match=r"no reader knows the file .*model.h5; known are files that end in .nnet, .onnx and .*sklearn",
    ):
        read_network(path)
    with pytest.raises(ModelError, match="no reader knows a dict; known are files that end in"):
        read_network({})


class Bomb:
    """Unpickling it raises."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was loaded')",)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".PKL"])
def test_pickles_are_never_loaded(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="is a pickle, and loading a pickle runs whatever code it holds"):
        read_network(path)


def test_an_unknown_reader_is_refused_and_the_known_ones_listed(model_file):
    with pytest.raises(UnknownNameError, match=r"no network reader is called 'onx'.*did you mean 'onnx'"):
        read_network(model_file, reader="onx")


def test_our_readers_come_through_the_plugin_door():
    assert set(plugin_manager().found(Kind.READER)) >= {"onnx", "nnet", "sklearn"}
    for name, found in plugin_manager().found(Kind.READER).items():
        reader = found.spec.load()()
        assert isinstance(reader, NetworkReader)
        assert reader.name == name


def offer(*specs: PluginSpec) -> PluginManager:
    class Plugin:
        @hookimpl
        def nnff_network_readers(self) -> list[PluginSpec]:
            return list(specs)

    manager = PluginManager(points=())
    manager.register(Plugin(), "test", "test")
    return manager


ONNX = PluginSpec("onnx", "nnff.network.onnx_file:OnnxReader")
BROKEN = PluginSpec("broken", "nnff.network.there_is_no_such_module:Reader")


def test_a_reader_that_cannot_be_imported_does_not_disturb_the_others(model_file, tmp_path, monkeypatch):
    monkeypatch.setattr(read_module, "plugin_manager", lambda: offer(ONNX, BROKEN))
    assert read_network(model_file) == NETWORK
    (tmp_path / "model.xyz").touch()
    with pytest.raises(
        ModelError, match=r"known are files that end in .onnx .*'broken' cannot be loaded from"
    ):
        read_network(tmp_path / "model.xyz")
    with pytest.raises(PluginError, match="'broken' cannot be loaded"):
        read_network(model_file, reader="broken")


def test_two_readers_for_one_file_are_an_error_that_names_both(model_file, monkeypatch):
    twin = PluginSpec("onnx-too", "nnff.network.onnx_file:OnnxReader")
    monkeypatch.setattr(read_module, "plugin_manager", lambda: offer(ONNX, twin))
    with pytest.raises(ModelError, match="the readers 'onnx' and 'onnx-too' know the file"):
        read_network(model_file)
    assert read_network(model_file, reader="onnx-too") == NETWORK


def test_a_plugin_that_is_no_reader_is_an_error(model_file, monkeypatch):
    monkeypatch.setattr(read_module, "plugin_manager", lambda: offer(PluginSpec("text", "builtins:str")))
    with pytest.raises(PluginError, match="'text' made a str, which is not a NetworkReader"):
        read_network(model_file, reader="text")


def test_agreement_up_to_rounding_is_accepted():
    read_network(answers(lambda y: y * (1 + 1e-15)), reader=Parrot())


def test_a_format_without_software_of_its_own_is_not_compared():
    assert read_network({"network": NETWORK, "answer": lambda rows: None}, reader=Parrot()) is NETWORK


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y * (1 + 1e-9),
        lambda y: y + 1e-9,
        lambda y: np.where(np.arange(len(y))[:, None] == 7, y + 1e-6, y),
        lambda y: y[:, ::-1],
        lambda y: np.where(np.arange(len(y))[:, None] == 0, np.nan, y),
        lambda y: np.full_like(y, np.inf),
    ],
)
def test_a_difference_that_rounding_does_not_explain_is_refused(change):
    with pytest.raises(
        ModelError, match=r"the reader 'parrot' misreads .* predicts .* where the network predicts"
    ):
        read_network(answers(change), reader=Parrot())


def test_answers_of_another_shape_are_refused():
    with pytest.raises(ModelError, match=r"in shape \(64,\), the network in shape \(64, 2\)"):
        read_network(answers(lambda y: y[:, 0]), reader=Parrot())


def test_the_comparison_is_made_before_the_output_activation():
    read_network(answers(), reader=Parrot(), output_activation="sigmoid", output_index=0)


def test_rows_come_from_the_input_range_or_else_from_the_scaling():
    from dataclasses import replace

    source = answers()
    read_network(source, reader=Parrot())
    read_network(source, reader=Parrot())
    scaled = source["rows"][0]
    assert np.array_equal(scaled, source["rows"][1])
    assert ((scaled >= [6, 12]) & (scaled <= [14, 28])).all()
    assert (np.ptp(scaled, axis=0) > [7, 14]).all()

    ranged = {**answers(), "network": replace(NETWORK, input_range=np.array([[0, -1e300], [0, 1.7e308]]))}
    ranged["answer"] = ranged["network"].forward
    read_network(ranged, reader=Parrot())
    rows = ranged["rows"][0]
    assert (rows[:, 0] == 0).all()
    assert ((rows[:, 1] >= -1e300) & (rows[:, 1] <= 1.7e308)).all()


def test_importing_networks_imports_neither_onnx_nor_scikit_learn():
    code = (
        "import sys, nnff.network, nnff.network.onnx_file, nnff.network.onnx_write; "
        "assert not {'onnx', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
