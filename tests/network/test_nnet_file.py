from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network import Network, Scaling, read_network
from nnff.network.nnet_file import NNetReader

SMALL = """\
// Neural Network File Format by Kyle Julian, Stanford 2016
// another comment
2,2,1,3,
2,3,1,
0,
-1,0,
1,10,
0.5,5,7,
2,10,3,
1,2,
-1,0.5,
3e-1,-4,
0.25,
-0.5,
1,
1,-2,0.5,
-3,
"""


def write(folder, text=SMALL):
    path = folder / "small.nnet"
    path.write_text(text)
    return path


def with_line(number, line):
    """Return the small file with one line (counted from 1) replaced, or left out if None."""
    lines = SMALL.splitlines()
    lines[number - 1 : number] = [] if line is None else [line]
    return "\n".join(lines) + "\n"


def test_layers_and_ranges(tmp_path):
    network = read_network(write(tmp_path))
    assert network.architecture == "2-3-1 (relu, identity)"
    assert network.layers[0].weight.tolist() == [[1, 2], [-1, 0.5], [0.3, -4]]
    assert network.layers[0].bias.tolist() == [0.25, -0.5, 1]
    assert network.layers[1].weight.tolist() == [[1, -2, 0.5]]
    assert network.layers[1].bias.tolist() == [-3]
    assert network.input_range.tolist() == [[-1, 0], [1, 10]]
    assert network.source.endswith("small.nnet")


def test_means_and_ranges_are_not_applied_by_default(tmp_path):
    network = read_network(write(tmp_path))
    assert network.input_scaling.is_none
    assert network.output_scaling.is_none
    # relu(1 + 2 * 1 + .25), relu(-1 + .5 - .5), relu(.3 - 4 + 1) = 3.25, 0, 0; 3.25 - 3
    assert float(network.predict([1, 1])) == 0.25


def test_means_and_ranges_are_applied_when_asked_for(tmp_path):
    network = read_network(write(tmp_path), reader=NNetReader(normalise=True))
    assert network.input_scaling == Scaling([0.5, 5], [2, 10])
    assert network.output_scaling == Scaling([7], [3])
    plain = read_network(write(tmp_path))
    assert float(network.predict([2.5, 15])) == 3 * float(plain.predict([1, 1])) + 7
    assert network.input_range.tolist() == [[-1, 0], [1, 10]]


@given(seed=st.integers(0, 2**32 - 1))
def test_every_network_that_is_written_is_read_back(make_network, tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    n_layers = int(rng.integers(1, 4))
    network = make_network(rng, activations=("relu",) * (n_layers - 1) + ("identity",), scaled=False)

    def line(values):
        return "".join(f"{value!r}," for value in np.asarray(values).tolist())

    sizes = [network.n_inputs, *(layer.n_outputs for layer in network.layers)]
    lines = ["// test", line([n_layers, sizes[0], sizes[-1], max(sizes)]), line(sizes), "0,"]
    lines += [line(network.input_range[0]), line(network.input_range[1])]
    lines += [line(np.zeros(sizes[0] + 1)), line(np.ones(sizes[0] + 1))]
    for layer in network.layers:
        lines += [line(row) for row in layer.weight] + [line([b]) for b in layer.bias]
    path = tmp_path_factory.mktemp("nnet") / "model.nnet"
    path.write_text("\n".join(lines))
    assert read_network(path) == network
    assert read_network(path, reader=NNetReader(normalise=True)) == network


def test_spaces_blank_lines_and_windows_line_ends_do_not_matter(tmp_path):
    text = SMALL.replace(",", " , ").replace("\n", "\r\n\r\n")
    assert read_network(write(tmp_path, text)) == read_network(write(tmp_path))
    without_commas_at_ends = SMALL.replace(",\n", "\n")
    assert read_network(write(tmp_path, without_commas_at_ends)) == read_network(write(tmp_path))


@pytest.mark.parametrize("kept", range(len(SMALL.splitlines())))
def test_a_file_cut_off_after_any_line_is_refused(tmp_path, kept):
    lines = SMALL.splitlines()[:kept]
    with pytest.raises(ModelError, match=r"small.nnet ends after line \d+, where .* should follow"):
        read_network(write(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("gone", range(3, len(SMALL.splitlines()) + 1))
def test_a_file_without_one_of_its_lines_is_refused(tmp_path, gone):
    with pytest.raises(ModelError, match=r"small.nnet"):
        read_network(write(tmp_path, with_line(gone, None)))


@pytest.mark.parametrize(
    ("number", "line", "message"),
    [
        (3, "2,2,1,", "line 3: the header should be 4 numbers, found 3"),
        (3, "2,2,one,3", "line 3: the header: 'one' is not a number"),
        (3, "2.5,2,1,3", "line 3: the header should be positive whole numbers"),
        (3, "0,2,1,3", "line 3: the header should be positive whole numbers"),
        (4, "2,3,", "line 4: the layer sizes should be 3 numbers, found 2"),
        (4, "2,-3,1,", "line 4: the layer sizes should be positive whole numbers"),
        (4, "3,3,1,", "line 4: the layer sizes go from 3 to 1, but the header says 2 inputs and 1 outputs"),
        (4, "2,3,2,", "line 4: the layer sizes go from 2 to 2"),
        (6, "-1,", "line 6: the smallest inputs should be 2 numbers, found 1"),
        (6, "-1,11,", "line 7: input 1 goes from 11 to 10, which is not a range"),
        (7, "1,inf,", "line 7: the largest inputs: inf is not a finite number"),
        (8, "0.5,5,", "line 8: the means should be 3 numbers, found 2"),
        (9, "2,10,3,4,", "line 9: the ranges should be 3 numbers, found 4"),
        (10, "1,2,3,", "line 10: row 1 of the weights of layer 1 should be 2 numbers, found 3"),
        (11, "-1,nan,", "line 11: row 2 of the weights of layer 1: nan is not a finite number"),
        (12, "1e999,2,", "line 12: row 3 of the weights of layer 1: 1e999 is not a finite number"),
        (13, "0.25,1,", "line 13: bias 1 of layer 1 should be 1 numbers, found 2"),
        (16, "1,-2,,", "line 16: row 1 of the weights of layer 2: '' is not a number"),
        (17, "x,", "line 17: bias 1 of layer 2: 'x' is not a number"),
    ],
)
def test_bad_lines_are_refused_by_number(tmp_path, number, line, message):
    with pytest.raises(ModelError, match=f"small.nnet, {message}"):
        read_network(write(tmp_path, with_line(number, line)))


def test_lines_too_many_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"small.nnet, line 18: there are more lines than the sizes"):
        read_network(write(tmp_path, SMALL + "1,\n"))


def test_a_range_of_0_matters_only_when_it_is_applied(tmp_path):
    path = write(tmp_path, with_line(9, "2,0,3,"))
    assert read_network(path) == read_network(write(tmp_path))
    write(tmp_path, with_line(9, "2,0,3,"))
    with pytest.raises(ModelError, match=r"small.nnet, line 9: range 1 is 0"):
        read_network(path, reader=NNetReader(normalise=True))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "small.nnet"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    with pytest.raises(ModelError, match=r"small.nnet is not an NNet file: it is not text"):
        read_network(path)


def test_a_missing_file_is_refused_by_the_reader_itself(tmp_path):
    with pytest.raises(ModelError, match=r"gone.nnet cannot be read \(No such file or directory\)"):
        NNetReader().read(tmp_path / "gone.nnet")


def test_a_header_that_promises_millions_of_rows_is_refused_quickly(tmp_path):
    text = with_line(3, "2,2,1,1000000000,").replace("2,3,1,\n", "2,1000000000,1,\n")
    with pytest.raises(ModelError, match="line 13: row 4 of the weights of layer 1 should be 2 numbers"):
        read_network(write(tmp_path, text))


def test_there_is_no_reference():
    assert NNetReader().reference("any.nnet", np.zeros((1, 2))) is None


SIZES = {
    "AC-1": "13-16-8-1",
    "AC-10": "13-5-5-5-5-1",
    "BM-6": "16-9-9-1",
    "GC-3": "20-9-1",
    "compas-1": "6-16-8-1",
    "compas-2": "6-64-32-16-8-4-1",
}


@pytest.mark.parametrize("name", SIZES)
def test_the_published_networks(network_folder, name):
    path = network_folder / f"{name}.nnet"
    network = read_network(path)
    hidden = len(SIZES[name].split("-")) - 2
    assert network.architecture == f"{SIZES[name]} ({', '.join(['relu'] * hidden + ['identity'])})"
    assert network.input_scaling.is_none
    # All numbers of the file in order: 4 + sizes + 1 in front, then the two lines of ranges.
    numbers = [float(k) for line in path.read_text().splitlines()[1:] for k in line.split(",") if k]
    start, n = 4 + hidden + 2 + 1, network.n_inputs
    assert network.input_range.ravel().tolist() == numbers[start : start + 2 * n]
    parameters = np.concatenate([np.append(layer.weight.ravel(), layer.bias) for layer in network.layers])
    assert parameters.tolist() == numbers[start + 4 * n + 2 :]


@pytest.mark.parametrize("name", ["compas-1", "compas-2"])
@pytest.mark.parametrize(("attribute", "index"), [("age", 2), ("race", 3), ("sex", 4)])
def test_the_compas_networks_give_the_known_worst_cases(network_folder, name, attribute, index):
    network = read_network(network_folder / f"{name}.nnet", output_activation="sigmoid")
    low, high = network.input_range.astype(int)
    axes = [range(a, b + 1) for a, b in zip(low, high, strict=True)]
    points = np.array(np.meshgrid(*axes, indexing="ij")).reshape(6, -1).T
    assert len(points) == 1248
    first, second = points[points[:, index] == 0], points[points[:, index] == 1]
    delta = np.abs(network.predict(first) - network.predict(second)).max()
    expected = json.loads((network_folder / "expected.json").read_text())["compas"][name][attribute]
    assert len(first) == expected["pairs"]
    assert delta == pytest.approx(expected["delta_max"], abs=2e-6)


def test_networks_are_values(tmp_path):
    assert isinstance(NNetReader().read(write(tmp_path)), Network)
