"""Reproduce the founding paper's figures on Boston housing: ours beside theirs, three definitions of delta.

    python examples/reproduce-boston/reproduce_boston.py --output reproduce-boston

Writes results.json, tables.md and five PNG files.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import accuracy
import measurements
from figures import draw_all
from measurements import Effort, Lab
from tables import write_tables

QUICK = Effort(draws=3, epochs=1, seeds=1, grid=3, epsilons=(0.3,), accuracies=(0.5,))


def main(arguments: list[str] | None = None) -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description="The founding paper's figures on Boston housing.")
    parser.add_argument("--output", type=Path, default=Path("reproduce-boston"), help="folder to write to")
    parser.add_argument(
        "--quick", action="store_true", help="a few draws and epochs: only to see that it runs"
    )
    chosen = parser.parse_args(arguments)
    chosen.output.mkdir(parents=True, exist_ok=True)
    found = measure(QUICK if chosen.quick else Effort())
    (chosen.output / "results.json").write_text(json.dumps(found, indent=1, default=_plain) + "\n")
    (chosen.output / "tables.md").write_text(write_tables(found))
    for path in draw_all(found, chosen.output):
        print(path)


def measure(effort: Effort) -> dict[str, Any]:
    """Measure everything; see the functions."""
    lab = Lab()
    models = measurements.founding_models()
    return {
        "models": {model.name: lab.all_three(measurements.vector(model)) for model in models},
        "draws": measurements.sorted_draws(lab, effort),
        "curves": measurements.curves(effort),
        "descents": measurements.descents(lab, effort),
        "ends": measurements.how_descents_end(lab, effort),
        "improvement": measurements.improvement(lab, effort),
        "landscapes": measurements.landscapes(lab, effort),
        "gradients": measurements.gradients(lab, effort),
        "remedies": measurements.remedies(lab, effort),
        "proposals": accuracy.proposals(lab, effort),
        "tuned": accuracy.tuned(lab, effort),
        "retrained": accuracy.retrained(lab, effort),
    }


def _plain(value: Any) -> Any:
    """Return a NumPy array or number as JSON knows it."""
    return np.asarray(value).tolist()


if __name__ == "__main__":
    main()
