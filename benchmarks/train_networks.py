"""Train the small networks of the benchmark suites and write them to one file.

    python benchmarks/train_networks.py            # writes nnff_suites/networks.npz
    python benchmarks/train_networks.py --out FILE

Everything is seeded.  Training goes through the machine's linear algebra, so another machine may end at
other weights; that is why the file is kept, and suites load it instead of training.

One row in five is not trained on.  A network is trained from seeds 0, 1, 2, ... until it explains the
other rows (deep ones can get stuck at a constant) and predicts these better than a linear model
does; tests/benchmarks/test_trained.py checks the same of the file.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path
from typing import Any

# Before NumPy: with several threads the sums of a product come in another order.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from nnff.datasets import load_dataset
from nnff.network import Scaling
from nnff_suites.founding import founding_columns
from nnff_suites.trained import FILE, Trained, catalogue

FRIEDMAN_ROWS = 2000

_NAMES = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}

_PENALTY = {
    "price": {"relu": 0.3, "sigmoid": 0.05, "tanh": 0.2},
    "above": {"relu": 3.0},
    "friedman": {"relu": 15.0, "sigmoid": 3.0},
}
"""Penalties on the weights with which all widths and depths predict unseen rows about equally well.

Sigmoids need larger weights for the same slopes; the targets have different variances.
"""

_GOOD = 0.85
"""Share of the variance of training rows (classifiers: of the rows) to be explained."""

_SEEDS = range(10)


def samples(trained: Trained) -> tuple[Any, Any]:
    """Return the inputs in the network's own coordinates and the target in the last layer's."""
    if trained.task == "friedman":
        inputs, target = make_friedman1(FRIEDMAN_ROWS, trained.inputs, noise=1.0, random_state=0)
        return (inputs - 0.5) * 12**0.5, (target - 14) / 5
    boston = load_dataset("boston")
    inputs = Scaling.standard(boston.rows()).apply(boston.rows())
    target = boston.target.to_numpy()
    if trained.task == "above":
        return inputs, target > np.median(target)
    return inputs, (target - 5) / 45


def fit(trained: Trained) -> tuple[Any, int, float, float]:
    """Return the first good model, its seed, and its score on training and unseen rows."""
    inputs, target = samples(trained)
    unseen = np.arange(len(inputs)) % 5 == 0
    linear = LogisticRegression(max_iter=1000) if trained.task == "above" else LinearRegression()
    linear.fit(inputs[~unseen], target[~unseen])
    to_beat = float(linear.score(inputs[unseen], target[unseen]))
    for seed in _SEEDS:
        kind = MLPClassifier if trained.task == "above" else MLPRegressor
        model = kind(
            hidden_layer_sizes=(trained.width,) * trained.depth,
            activation=_NAMES[trained.activation],
            solver="lbfgs",
            alpha=_PENALTY[trained.task][trained.activation],
            max_iter=2000,
            max_fun=100_000,
            tol=1e-7,
            random_state=seed,
        )
        model.fit(inputs[~unseen], target[~unseen])
        seen_score = float(model.score(inputs[~unseen], target[~unseen]))
        unseen_score = float(model.score(inputs[unseen], target[unseen]))
        if seen_score >= _GOOD and unseen_score > to_beat:
            return model, seed, seen_score, unseen_score
    raise SystemExit(f"no seed gave a good {trained.name}")


def mahalanobis() -> Any:
    """Return S as `nnff_suites.trained.boston_covariance_inverse` describes it."""
    boston = load_dataset("boston")
    seen = np.array([name != "B" for name in founding_columns()])
    rows = Scaling.standard(boston.rows()).apply(boston.rows())[:, seen]
    matrix = np.zeros((len(seen), len(seen)))
    inverse = np.linalg.inv(rows.T @ rows / len(rows)) / seen.sum()
    matrix[np.ix_(seen, seen)] = (inverse + inverse.T) / 2
    return matrix


def main() -> None:
    """Train, report and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    options = parser.parse_args()
    boston = load_dataset("boston")
    scaling = Scaling.standard(boston.rows())
    arrays: dict[str, Any] = {
        "boston-center": scaling.center,
        "boston-scale": scaling.scale,
        "boston-mahalanobis": mahalanobis(),
    }
    # Stopping at the limit of iterations is as good as any other end here.
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| network | seed | iterations | training rows | unseen rows |")
    print("|---|---|---|---|---|")
    for trained in catalogue():
        model, seed, score, unseen = fit(trained)
        parts = [
            part.ravel()
            for weight, bias in zip(model.coefs_, model.intercepts_, strict=True)
            for part in (weight.T, bias)
        ]
        arrays[trained.name] = np.concatenate(parts).astype(np.float32)
        print(f"| {trained.name} | {seed} | {model.n_iter_} | {score:.3f} | {unseen:.3f} |", flush=True)
    np.savez_compressed(options.out, **arrays)
    print(f"\n{options.out}: {options.out.stat().st_size:,} bytes, {len(arrays)} arrays")


if __name__ == "__main__":
    main()
