"""However short the time, the bound stays a bound: random networks with a known real pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnff.certification import certify
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.plugin import Kind, plugin_manager
from nnff.similarity import metric
from nnff.solver.load import solver

# (seed, sizes, factor, value that a real pair reaches)
NETWORKS = [(1, (20, 16, 1), 1.6, 0.7191), (3, (30, 16, 16, 1), 1.3, 0.7313)]


def random_network(seed, sizes, factor):
    rng = np.random.default_rng(seed)
    layers = []
    for before, after in itertools.pairwise(sizes):
        weight = rng.normal(0, factor * 1.4 / np.sqrt(before), (before, after))
        bias = rng.normal(0, 0.3, after)
        name = "sigmoid" if after == sizes[-1] and len(layers) == len(sizes) - 2 else "relu"
        layers.append(Layer(weight.T, bias, name))
    return Network(tuple(layers))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 2.0])
@pytest.mark.parametrize("name", sorted(plugin_manager().found(Kind.SOLVER)))
@pytest.mark.parametrize(("seed", "sizes", "factor", "reached"), NETWORKS)
def test_the_bound_never_falls_below_a_real_pair(seed, sizes, factor, reached, name, seconds):
    if not solver(name).availability():
        pytest.skip(f"{name} is not installed: {solver(name).availability().reason}")
    network = random_network(seed, sizes, factor)
    result = certify(
        network,
        Domain.from_box(np.zeros(sizes[0]), np.ones(sizes[0])),
        metric("weighted-lp", p="inf"),
        0.2,
        solver=name,
        time_limit=seconds,
    )
    assert result.delta_upper >= reached
    assert result.delta_lower <= result.delta_upper
