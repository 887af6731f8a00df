"""How much of the founding models' worst case lies where nobody is: box, plausible regions, convex hull.

For each of the two models: delta_data, the certified bracket in the box and in plausible regions that hold
99 % of the rows, with and without B, and the largest difference over the convex hull of the rows inside.
No convex region that holds these rows can have a smaller worst case than their hull, so the hull tells how
much any such region could explain.

    python benchmarks/plausible_founding.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from nnff.certification import certify
from nnff.domain import Domain, plausible_region
from nnff_suites.founding import (
    boston_rows,
    founding_epsilon,
    founding_models,
    founding_network,
    founding_output_scale,
    founding_weights,
    rank_metric,
)

if TYPE_CHECKING:
    from nnff.network import Network
    from nnff.values import FloatArray

COVERAGE = 0.99


def hull_delta(network: Network, rows: FloatArray) -> float:
    """Return the largest output difference of similar pairs in the convex hull of rows.

    A one-neuron model: delta is 45 tanh(D / 4) for the largest D among pairs with midpoint 0.  Both inputs
    are convex combinations of the rows; the ball of the metric is approached from outside by tangents.
    """
    z = network.input_scaling.apply(rows)
    weight, bias = network.layers[0].weight[0], float(network.layers[0].bias[0])
    theta, epsilon, count = founding_weights(), founding_epsilon(), len(z)
    difference, midpoint = np.hstack([-z.T, z.T]), np.hstack([z.T, z.T]) / 2
    equations = np.zeros((3, 2 * count))
    equations[0, :count] = equations[1, count:] = 1.0
    equations[2] = weight @ midpoint
    tangents = np.zeros((0, 2 * count))
    while True:
        found = linprog(
            -(weight @ difference),
            A_ub=tangents,
            b_ub=np.full(len(tangents), epsilon),
            A_eq=equations,
            b_eq=[1.0, 1.0, -bias],
            method="highs",
        )
        d = difference @ found.x
        length = float(np.sqrt(theta @ d**2))
        if length <= epsilon * (1 + 1e-4):
            return float(founding_output_scale() * np.tanh(-found.fun / 4))
        tangents = np.vstack([tangents, theta * d / length @ difference])


def main() -> None:
    """Print a line per model and domain."""
    rows = boston_rows()
    for model in founding_models():
        network = founding_network(model)
        box = Domain.from_data(rows, feature_names=network.feature_names)
        domains = {"box": box}
        for name, without in (("region", ()), ("region without B", ("B",))):
            learned = plausible_region(rows, COVERAGE, without=without, feature_names=network.feature_names)
            domains[name] = box.with_region(learned)
        for name, domain in domains.items():
            found = certify(
                network, domain, rank_metric(looseness=1e-5), founding_epsilon(), data=rows, gap=1e-4
            )
            region = domain.region
            held = (
                "" if region is None else f"{region.rows.n_rows} rows hold {region.reached:.4f} of the data, "
            )
            print(
                f"{model.name}, {name}: {held}delta_data {found.delta_data:.5f} "
                f"({found.delta_data_inside:.5f} inside), "
                f"certified [{found.delta_lower:.5f}, {found.delta_upper:.5f}]"
            )
        inside = rows[domains["region"].contains(rows)]
        print(f"{model.name}, convex hull of the rows inside: {hull_delta(network, inside):.5f}")


if __name__ == "__main__":
    main()
