"""Instances with known answers as MPS files, for people who work on solvers rather than on fairness."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nnff.encoding import encoding_strategy
from nnff.errors import ConfigError, UnknownNameError
from nnff.milp.mps import read_mps, write_mps
from nnff.ranges import closed_form, linear_ranges
from nnff.similarity import Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from nnff.bench.instance import Instance
    from nnff.bench.suite import Suite
    from nnff.encoding import Encoded
    from nnff.problem import Problem

__all__ = ["EXPORT_SCHEMA_VERSION", "TOLERANCE", "export_mps"]

EXPORT_SCHEMA_VERSION = 1

STRATEGY = "relational"

TOLERANCE = 1e-6
"""Relative; what solvers' own tolerances may shift an optimum by."""

_ACCOUNT = """\
MILP instances of nnff's benchmark suite {suite!r}
(nnff {version}), each with something known of its optimum.

A file NAME.mps.gz is a minimisation in free MPS format without an OBJSENSE section.
Its optimum z encloses the largest difference delta_max between a neural network's
outputs for two similar inputs:

    -z * factor >= delta_max >= known.lower

with `factor` and `known` from NAME.json.  So no sound dual bound is above
`dual_bound_at_most`, and a solver that claims one has cut off a real pair of inputs.
Where `exact` is true the MILP is no relaxation: up to tolerances z is then at least
`optimum_at_least`, if an upper value of delta_max is proven.
Else z may lie lower: the file holds the first, coarsest round of a refinement.

All columns have finite bounds, rows and columns are scaled by powers of two to
about 1, integer columns are binaries or small counts.  Feasibility tolerances of 1e-9
are advisable: with 1e-6 some solvers have called such files optimal at wrong values.
"""


def export_mps(
    suite: Suite,
    folder: Path,
    *,
    instances: Collection[str] | None = None,
    on_instance: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write the first-round MILP of every instance of which something is known.

    The MILP is that of strategy ``relational`` before anything is refined: ranges by intervals and linear
    bounds, no tightening by LPs, the coarsest cells.  Beside each ``NAME.mps.gz`` stands a ``NAME.json``, and
    a ``README.txt`` explains both.  Equal instances give equal files.

    Parameters
    ----------
    suite
        The suite.
    folder
        Made if it does not exist; files of the same names are replaced.
    instances
        Names of the instances to write; default: all with a known lower or upper value.
    on_instance
        Called with the name before each instance is encoded.

    Returns
    -------
    The MPS files, in the order of the suite.

    Raises
    ------
    UnknownNameError
        If the suite has no instance of a given name.
    ConfigError
        If nothing is known of a named instance, or of any.
    DataError
        If an instance needs a file that is not there.
    """
    chosen = _chosen(suite, instances)
    names = [_file_name(instance.name) for instance in chosen]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"two instances of the suite {suite.name!r} would be written to {twice[0]}.mps.gz")
    folder.mkdir(parents=True, exist_ok=True)
    account = _ACCOUNT.format(suite=suite.name, version=version("nnff"))
    (folder / "README.txt").write_text(account, encoding="utf-8")
    written = []
    for instance, name in zip(chosen, names, strict=True):
        if on_instance is not None:
            on_instance(instance.name)
        path = folder / f"{name}.mps.gz"
        facts = _export(suite, instance, path)
        path.with_name(f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        written.append(path)
    return tuple(written)


def _chosen(suite: Suite, names: Collection[str] | None) -> tuple[Instance, ...]:
    if names is None:
        chosen = tuple(instance for instance in suite.instances if _is_known(instance))
        if not chosen:
            raise ConfigError(f"nothing is known of any instance of the suite {suite.name!r} to export")
        return chosen
    known_names = [instance.name for instance in suite.instances]
    for name in names:
        if name not in known_names:
            raise UnknownNameError(f"instance of the suite {suite.name!r}", name, known_names)
    chosen = tuple(instance for instance in suite.instances if instance.name in names)
    for instance in chosen:
        if not _is_known(instance):
            raise ConfigError(
                f"nothing is known of the instance {instance.name!r}; only instances "
                "with a known lower or upper value are exported"
            )
    return chosen


def _is_known(instance: Instance) -> bool:
    known = instance.known
    return known is not None and (known.lower is not None or known.upper is not None)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _export(suite: Suite, instance: Instance, path: Path) -> dict[str, Any]:
    """Encode and write one instance; return its facts."""
    problem = instance.build().problem()
    ranges = linear_ranges(problem)
    strategy = encoding_strategy(STRATEGY, problem, ranges)
    encoded = strategy.encode(strategy.first_plan())
    write_mps(encoded.matrix, path)
    # As written: a row between two bounds may have become two.
    written = read_mps(path)
    return {
        "schema_version": EXPORT_SCHEMA_VERSION,
        "suite": suite.name,
        "instance": instance.name,
        "file": path.name,
        "nnff_version": version("nnff"),
        "strategy": STRATEGY,
        "sense": "minimise",
        "factor": encoded.factor,
        "output": problem.network.output_names[0],
        "architecture": problem.network.architecture,
        "metric": instance.metric,
        "epsilon": problem.epsilon,
        "factors": dict(instance.factors),
        "known": _known_facts(instance),
        "closed_form": closed_form(problem, ranges),
        "must_hold": "-optimum * factor >= known.lower, for it encloses every pair of similar inputs",
        **_claims(instance, problem, encoded),
        "tolerance": TOLERANCE,
        "sizes": {
            "rows": written.n_rows,
            "columns": written.n_columns,
            "integers": written.n_integers,
            "nonzeros": written.n_nonzeros,
        },
        "instance_fingerprint": problem.fingerprint,
        "encoding_fingerprint": encoded.matrix.fingerprint,
    }


def _known_facts(instance: Instance) -> dict[str, Any]:
    known = instance.known
    assert known is not None
    return {
        "lower": known.lower,
        "upper": known.upper,
        "upper_proven": known.proven and known.upper is not None,
        "source": known.source,
    }


def _claims(instance: Instance, problem: Problem, encoded: Encoded) -> dict[str, Any]:
    """Return between which values the optimum lies, in units of the file's objective.

    The MILP holds every similar pair with at least its output difference
    (`nnff.encoding.relational`), so the optimum is at most ``-lower / factor``.  If no
    part of it is a relaxation, it holds nothing else, and the optimum is at least ``-upper / factor``.
    """
    known = instance.known
    assert known is not None
    exact = _is_exact(problem)
    proven = exact and known.proven and known.upper is not None
    return {
        "exact": exact,
        "dual_bound_at_most": None if known.lower is None else -known.lower / encoded.factor,
        "optimum_at_least": -known.upper / encoded.factor if proven and known.upper is not None else None,
    }


def _is_exact(problem: Problem) -> bool:
    """Tell whether the MILP is the problem itself: piecewise linear layers, and the ball as it is."""
    layers = problem.network.layers
    return (
        all(layer.activation_name in ("relu", "identity") for layer in layers)
        and layers[-1].activation_name == "identity"
        and problem.metric.relation is Relation.EXACT
    )
