"""Every solver and every encoding on the same problems: all brackets must meet.

    python benchmarks/brackets_meet.py --time-limit 20

Problems: the public fairness networks under NNFF_DATA_HOME (pairs identical but for
one attribute) and the two founding models on Boston housing.  Prints one
Markdown row per run; exits with 1 if two brackets of one problem do not meet.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff import Certificate, Domain, Network, certify, metric, read_network
from nnff.plugin import Kind, plugin_manager
from nnff_suites.founding import founding_epsilon, founding_models, founding_question

if TYPE_CHECKING:
    from collections.abc import Iterator

STRATEGIES = ("relational", "twin")

# name, free input, integer inputs
PUBLIC = (
    ("compas-1", 3, "all"),
    ("compas-2", 3, "all"),
    ("GC-3", 11, (11,)),
    ("BM-6", 15, (15,)),
    ("AC-10", 8, (8,)),
    ("AC-1", 8, (8,)),
)


@dataclass(frozen=True)
class Instance:
    """One problem: everything that `certify` takes but the solver and the strategy."""

    name: str
    network: Network
    domain: Domain
    similar: Any
    epsilon: float


def public_instances(folder: Path) -> Iterator[Instance]:
    """Yield the public networks: pairs identical but for one attribute."""
    for name, free, integer in PUBLIC:
        network = read_network(folder / f"{name}.nnet", output_activation="sigmoid")
        weights = np.ones(network.n_inputs)
        weights[free] = 0.0
        domain = Domain.from_network(network, integer=integer)
        yield Instance(name, network, domain, metric("weighted-lp", p="inf", weights=weights), 0.0)


def founding_instances() -> Iterator[Instance]:
    """Yield the one-neuron models 5 + 45 sigmoid(w z + b) of the founding paper."""
    for model in founding_models():
        question = founding_question(model, founding_epsilon())
        yield Instance(
            f"founding-{model.name}", question.network, question.domain, question.metric, question.epsilon
        )


def instances() -> Iterator[Instance]:
    """Yield all problems for which there are data."""
    home = os.environ.get("NNFF_DATA_HOME")
    if home and (Path(home) / "networks").is_dir():
        yield from public_instances(Path(home) / "networks")
    yield from founding_instances()


def run_all(instance: Instance, time_limit: float, gap: float = 1e-3) -> dict[tuple[str, str], Certificate]:
    """Certify one problem by every installed solver and both encodings."""
    return {
        (solver, strategy): certify(
            instance.network,
            instance.domain,
            instance.similar,
            instance.epsilon,
            solver=solver,
            strategy=strategy,
            gap=gap,
            time_limit=time_limit,
        )
        for solver in plugin_manager().found(Kind.SOLVER)
        for strategy in STRATEGIES
    }


def disagreement(runs: dict[tuple[str, str], Certificate]) -> str:
    """Name the two runs whose brackets do not meet; empty if all do."""
    highest = max(runs, key=lambda key: runs[key].delta_lower)
    lowest = min(runs, key=lambda key: runs[key].delta_upper)
    # delta_lower is a pair evaluated in floating point: allow its rounding.
    if runs[highest].delta_lower > runs[lowest].delta_upper * (1 + 1e-9):
        return f"{highest} reaches {runs[highest].delta_lower}, {lowest} certifies {runs[lowest].delta_upper}"
    return ""


def main() -> int:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds per run")
    parser.add_argument("--gap", type=float, default=1e-3, help="relative gap at which a run stops")
    options = parser.parse_args()
    print("| problem | solver | strategy | delta_lower | delta_upper | gap | rounds | seconds | reason |")
    print("|---|---|---|---|---|---|---|---|---|")
    failed = []
    for instance in instances():
        runs = run_all(instance, options.time_limit, options.gap)
        for (solver, strategy), c in runs.items():
            print(
                f"| {instance.name} | {solver} | {strategy} | {c.delta_lower:.6f} | {c.delta_upper:.6f} "
                f"| {c.gap:.1e} | {c.rounds} | {c.seconds:.1f} | {c.reason.value} |",
                flush=True,
            )
        if problem := disagreement(runs):
            failed.append(f"{instance.name}: {problem}")
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
