"""Find out what can be found out about some instances of the suites, and write nnff_suites/reference.json.

    python benchmarks/find_reference.py                     # all of them, a minute each
    python benchmarks/find_reference.py --time-limit 600 sigmoid-8x1-l_2-eps-0.03

A better bracket than the one in the file replaces it; a lower value above an upper one ends the script.
"""

from __future__ import annotations

import argparse
import json
import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nnff.certification import certify
from nnff_suites.questions import trained_instance, whole_number_instance
from nnff_suites.reference import FILE
from nnff_suites.trained import Trained

if TYPE_CHECKING:
    from nnff.bench import Instance
    from nnff.certification import Certificate

BRACKETED = (
    trained_instance(Trained("price", "sigmoid", 8, 1), "l_2", 0.0),
    trained_instance(Trained("price", "sigmoid", 16, 1), "l_2", 0.0),
    trained_instance(Trained("price", "tanh", 4, 1), "l_inf", 0.01),
    trained_instance(Trained("price", "relu", 8, 1), "l_1", 0.03),
    trained_instance(Trained("price", "relu", 8, 1), "l_2", 0.03),
    trained_instance(Trained("above", "relu", 8, 1), "l_2", 0.03),
    trained_instance(Trained("price", "sigmoid", 4, 1), "l_2", 0.03),
    trained_instance(Trained("price", "sigmoid", 8, 1), "l_2", 0.03),
)

EXHAUSTED = (
    whole_number_instance(Trained("price", "relu", 16, 2), "l_1", 0.1),
    whole_number_instance(Trained("price", "sigmoid", 16, 2), "l_1", 0.1),
)

_DIGITS = 1e9
"""Values are rounded outward to nine decimals: the next machine's last bits are others."""


def ask(instance: Instance, strategy: str, time_limit: float) -> Certificate:
    """Certify one instance as well as the time allows."""
    question = instance.build()
    return certify(
        question.network,
        question.domain,
        question.metric,
        question.epsilon,
        scale=question.scale,
        data=question.data,
        strategy=strategy,
        gap=1e-3,
        time_limit=time_limit,
    )


def entry_of(certificate: Certificate, *, proven: bool) -> dict[str, Any]:
    """Return what goes into the file."""
    witness = certificate.witness
    if witness is None:
        raise SystemExit("no pair was found")
    by = "all pairs compared" if proven else "the closed form"
    if certificate.runs:
        by = f"{certificate.runs[-1].solver} {certificate.runs[-1].version}"
    return {
        "lower": math.floor(certificate.delta_lower * _DIGITS) / _DIGITS,
        "upper": math.ceil(certificate.delta_upper * _DIGITS) / _DIGITS,
        "proven": proven,
        "source": f"nnff {version('nnff')}, {by}; {int(certificate.seconds)} s",
        "x1": list(witness.x1),
        "x2": list(witness.x2),
    }


def merged(old: dict[str, Any] | None, new: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the better of both sides."""
    if old is None:
        return new
    low, high = max(old, new, key=lambda e: e["lower"]), min(old, new, key=lambda e: e["upper"])
    if low["lower"] > high["upper"]:
        raise SystemExit(f"{name}: {low['source']} reaches {low['lower']}, {high['source']} {high['upper']}")
    sides = {key: low[key] for key in ("lower", "x1", "x2")}
    return high | sides


def main() -> None:
    """Ask, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="instances; default: all")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds per instance")
    options = parser.parse_args()
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    entries = content["instances"]
    for strategy, instances in (("exhaustive", EXHAUSTED), ("relational", BRACKETED)):
        for instance in instances:
            if options.names and instance.name not in options.names:
                continue
            new = entry_of(ask(instance, strategy, options.time_limit), proven=strategy == "exhaustive")
            entries[instance.name] = merged(entries.get(instance.name), new, instance.name)
            print(instance.name, entries[instance.name]["lower"], entries[instance.name]["upper"], flush=True)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entries[name])}" for name in sorted(entries))
    FILE.write_text(
        f'{{\n "about": {json.dumps(content["about"])},\n "instances": {{\n{lines}\n }}\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
