"""What is measured with accuracy in view: proposals, co-tuning by lambda, and training on resampled rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from measurements import PARAMETERS, Effort, Lab, samplers
from scipy.optimize import minimize

from nnff.search import (
    Around,
    CertifiedDelta,
    Mixture,
    Normal,
    RootMeanSquare,
    Spread,
    Uniform,
    co_tune,
    cross_entropy_search,
    random_search,
)

TEST_SHARE = 0.2


def proposals(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Compare where 100 draws come from, by exact data pairs alone and mixed with the error, lambda .5."""
    train, _ = split(lab)
    delta = lab.deltas["pairs"]
    fitted = fit(lab, train)
    mixture = Mixture(RootMeanSquare(lab.problem.network, lab.rows[train], lab.target[train]), delta, 0.5)
    budget = 5 * effort.draws
    ways = {
        "standard normal": lambda goal, rng: random_search(goal, PARAMETERS, draws=budget, rng=rng),
        "uniform in [-1, 1]": lambda goal, rng: random_search(
            goal, PARAMETERS, draws=budget, proposal=Uniform(), rng=rng
        ),
        "Latin hypercube": lambda goal, rng: random_search(
            goal, PARAMETERS, draws=budget, proposal=Spread(), rng=rng
        ),
        "around the trained model": lambda goal, rng: random_search(
            goal, PARAMETERS, draws=budget, proposal=Around(fitted, 0.5), rng=rng
        ),
        "5 rounds of cross-entropy": lambda goal, rng: cross_entropy_search(
            goal, PARAMETERS, draws=effort.draws, proposal=Normal(), rng=rng
        ),
    }
    result = {}
    for way, search in ways.items():
        for title, goal in (("delta alone", delta.value), ("with the error", mixture)):
            ends = []
            for seed in range(max(1, effort.seeds // 3)):
                best = search(goal, np.random.default_rng(1000 + seed)).best
                ends.append({**lab.all_three(best), "r2": lab.r2(best)})
            result[f"{way}, {title}"] = {key: float(np.mean([end[key] for end in ends])) for key in ends[0]}
    return result


def split(lab: Lab) -> tuple[Any, Any]:
    """Return row numbers for training and for the test."""
    order = np.random.default_rng(0).permutation(len(lab.rows))
    test = round(TEST_SHARE * len(order))
    return order[test:], order[:test]


def fit(lab: Lab, rows: Any) -> Any:
    """Return the parameters with the least squared error on some rows, by L-BFGS."""
    loss = RootMeanSquare(lab.problem.network, lab.rows[rows], lab.target[rows])
    found = minimize(
        lambda p: (loss.value(p), loss.gradient(p)), np.zeros(PARAMETERS), jac=True, method="L-BFGS-B"
    )
    return np.asarray(found.x)


def tuned(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Co-tune from the trained model, by lambda, on data pairs and on the certified delta."""
    train, test = split(lab)
    start = fit(lab, train)
    loss = RootMeanSquare(lab.problem.network, lab.rows[train], lab.target[train])
    # For one neuron 28 values of the closed form take less time than the one certificate with its witness.
    deltas = {"pairs": ("witness", lab.deltas["pairs"]), "certified": ("central", lab.deltas["certified"])}
    certified = CertifiedDelta(lab.problem)

    def told(parameters: Any) -> dict[str, float]:
        """Return the three deltas, a real pair's difference, and R2 on rows not seen."""
        witnessed = certified.certificate(parameters).delta_lower
        return {**lab.all_three(parameters), "witnessed": witnessed, "r2": lab.r2(parameters, test)}

    result = {"trained": told(start)}
    for name, (gradient, delta) in deltas.items():
        for accuracy in effort.accuracies:
            best = co_tune(
                loss, delta, start, accuracy=accuracy, steps=20 * effort.epochs, gradient=gradient
            ).best.parameters
            result[f"{name}, lambda {accuracy:g}"] = told(best)
    return result


def retrained(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Train on resampled rows: the only way in which resampling can change a certified delta."""
    train, test = split(lab)
    start = fit(lab, train)
    result = {"rows as they are": {**lab.all_three(start), "r2": lab.r2(start, test)}}
    for how in samplers(0):
        ends = []
        for seed in range(effort.seeds):
            sampler = samplers(seed)[how]
            numbers = np.column_stack([lab.rows[train], train])
            drawn = sampler.fit_resample(numbers, lab.target[train])[0][:, -1].astype(int)
            found = fit(lab, drawn)
            ends.append({**lab.all_three(found), "r2": lab.r2(found, test)})
        result[how] = {key: float(np.mean([end[key] for end in ends])) for key in ends[0]}
        result[how] |= {f"sd of {key}": float(np.std([end[key] for end in ends])) for key in ends[0]}
    return result
