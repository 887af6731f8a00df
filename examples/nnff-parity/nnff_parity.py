"""A benchmark suite for nnff: ReLU networks whose worst pair is known by construction.

Each network is a sum of tents, one per input, ``sum_i max(0, x_i) - 2 max(0, x_i - 1/2)`` on
[0, 1]: it rises with slope 1 to the middle and falls with slope -1.  Pairs are similar if no input
differs by more than epsilon, so delta_max is exactly ``n min(epsilon, 1/2)``: every input climbs
its own slope.  A solver has to prove it for all 3^n ways around the kinks.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from nnff import Domain, Layer, Network, metric
from nnff.bench import Instance, Known, Question, Suite
from nnff.plugin import PluginSpec, hookimpl

__all__ = ["nnff_benchmark_suites", "parity"]


@hookimpl
def nnff_benchmark_suites() -> list[PluginSpec]:
    """Offer the suite; this is what nnff finds."""
    return [PluginSpec("parity", "nnff_parity:parity", "tents whose worst pair is known by construction")]


def parity(*, full: bool = False) -> Suite:
    """Make the suite: 2, 4 and 8 inputs, up to 32 of them with `full`."""
    inputs = (2, 4, 8, 16, 32) if full else (2, 4, 8)
    return Suite(
        name="parity",
        summary="tents whose worst pair is known; under a minute for three solvers",
        instances=tuple(_instance(n, 0.1) for n in inputs),
        time_limit=10.0,
        gap=1e-4,
        control="tents-2",
    )


def _instance(n: int, epsilon: float) -> Instance:
    return Instance(
        name=f"tents-{n}",
        build=partial(_question, n, epsilon),
        epsilon=epsilon,
        metric="l_inf",
        factors={"inputs": n},
        known=Known(n * epsilon * (1 - 1e-9), n * epsilon * (1 + 1e-9), source="by construction"),
    )


def _question(n: int, epsilon: float) -> Question:
    """Build the network; only the process that runs the instance calls this."""
    kinks = Layer(np.repeat(np.eye(n), 2, axis=0), np.tile([0.0, -0.5], n), "relu")
    network = Network((kinks, Layer([np.tile([1.0, -2.0], n)], [0.0])))
    return Question(
        network, Domain.from_box(np.zeros(n), np.ones(n)), metric("weighted-lp", p="inf"), epsilon
    )
