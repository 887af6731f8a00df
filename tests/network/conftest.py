"""What the tests of networks share: random networks, and the folder of real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nnff.network import ACTIVATIONS, Layer, Network, Scaling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def network_folder(data_home: Path) -> Path:
    return data_home / "networks"


def random_network(
    rng: np.random.Generator,
    *,
    n_outputs: int | None = None,
    activations: tuple[str, ...] | None = None,
    scaled: bool = True,
) -> Network:
    """One to three layers of up to five neurons; weights and scalings of either sign."""
    n_layers = len(activations) if activations else int(rng.integers(1, 4))
    sizes = [int(size) for size in rng.integers(1, 6, size=n_layers + 1)]
    if n_outputs is not None:
        sizes[-1] = n_outputs
    names = activations or tuple(rng.choice(sorted(ACTIVATIONS), size=n_layers))
    layers = [
        Layer(rng.normal(size=(after, before)), rng.normal(size=after), str(name))
        for before, after, name in zip(sizes, sizes[1:], names, strict=False)
    ]

    def scaling(size: int) -> Scaling:
        sign = rng.choice([-1.0, 1.0], size=size)
        return Scaling(rng.normal(scale=10, size=size), sign * rng.uniform(0.1, 20, size=size))

    low = rng.normal(scale=30, size=sizes[0])
    return Network(
        tuple(layers),
        scaling(sizes[0]) if scaled else None,
        scaling(sizes[-1]) if scaled else None,
        input_range=np.array([low, low + rng.uniform(0, 40, size=sizes[0])]),
    )


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    return random_network
