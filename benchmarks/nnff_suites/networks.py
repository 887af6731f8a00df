"""Suite `networks`: public fairness networks and those of the design's figures, with what is known of them.

The files lie outside the project, in the folder ``networks`` of NNFF_DATA_HOME:

* ``compas-1``, ``compas-2``: 1,248 integer points each, so delta_max is known exactly: for pairs that are
  identical but for one attribute, and for pairs that may differ in race and, by at most k, in priors.
* ``GC-3``, ``BM-6``, ``AC-10``, ``AC-1``: continuous boxes, pairs identical but for one attribute in {0, 1};
  a real pair is known, and the bound of a solver in floating point, which is no proof.
* ``boston_*``: the problems of ``problems.json``, weighted l_2 in a given box.  Their bounds are a
  prototype's, whose planes were sampled: an indication.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.bench import Instance, Known, Question, Suite
from nnff.domain import Domain
from nnff.errors import DataError
from nnff.network import read_network
from nnff.similarity import metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["REACHES", "data_folder", "networks", "public_instances"]

COMPAS = ("compas-1", "compas-2")
COMPAS_ATTRIBUTES = {"age": 2, "race": 3, "sex": 4}
_PRIORS = 1

REACHES = (1, 4, 16)
"""By how much priors may differ; `full` takes all that are known."""

BOX = (("GC-3", "age", 11), ("BM-6", "age", 15), ("AC-10", "sex", 8), ("AC-1", "sex", 8))
"""Network, attribute and its input; easiest first."""

_ORIGINALS = 2e-6
"""The exact values come from the double-precision originals of the files, which differ by up to this."""

_BALL = 1.2e-3
"""By how much, relative, the prototype's ball was too large."""

_HALF_DIGIT = 5e-5
"""Its results are printed with four digits."""


@dataclass(frozen=True)
class _Problem:
    """One entry of problems.json."""

    file: str
    box: tuple[tuple[float, float], ...]
    weights: tuple[float, ...]
    epsilon: float
    reached: float | None
    bound: float | None
    free: bool

    @property
    def name(self) -> str:
        """The instance's name."""
        stem = self.file.removesuffix(".onnx").replace("_", "-")
        return f"{stem}-{'B-free' if self.free else 'B-weighted'}-eps-{self.epsilon:g}"

    @property
    def known(self) -> Known | None:
        """What the prototype found, its pair weakened by what was loose in it.

        So weakened, nnff finds pairs as good itself (tests/benchmarks/test_networks.py).
        """
        if self.reached is None and self.bound is None:
            return None
        lower = None if self.reached is None else self.reached * (1 - _BALL) - _HALF_DIGIT
        return Known(lower, self.bound, proven=False, source="prototype, problems.json")


def networks(full: bool = False) -> Suite:  # noqa: FBT001, FBT002 - the contract of suite factories
    """Make the suite; `full` adds further reaches of priors.

    Raises
    ------
    DataError
        If NNFF_DATA_HOME does not hold the networks.
    """
    return Suite(
        name="networks",
        summary="public networks with known answers, and problems on Boston housing with a prototype's; "
        "at most an hour with two jobs",
        instances=public_instances(data_folder(), full=full),
        time_limit=20.0,
        control="GC-3-age",
        published=("nnff_suites:fairify", "nnff_suites:benussi"),
    )


def data_folder() -> Path:
    """Return the folder with the networks.

    Raises
    ------
    DataError
        If it or one of the two files that describe it is not there.
    """
    home = os.environ.get("NNFF_DATA_HOME")
    if not home:
        raise DataError(
            "the public networks do not ship with nnff; set NNFF_DATA_HOME to a folder that holds "
            "networks/expected.json, networks/problems.json and the models they name"
        )
    folder = Path(home) / "networks"
    for name in ("expected.json", "problems.json"):
        _existing(folder / name)
    return folder


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"there is no file {path}; NNFF_DATA_HOME must name the folder above networks/")
    return path


def public_instances(folder: Path, *, full: bool = False) -> tuple[Instance, ...]:
    """Return the instances, as far as names and known values go; models are read when one is built.

    Raises
    ------
    DataError
        If a file that describes them is damaged, or a model is not there.
    """
    expected, problems = _json(folder / "expected.json"), _json(folder / "problems.json")
    try:
        return (
            *_compas_instances(folder, expected["compas"], full=full),
            *_box_instances(folder, expected["box"]),
            *_problem_instances(folder, problems),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder} holds a description that cannot be used: {error!r}") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _compas_instances(folder: Path, expected: Any, *, full: bool) -> Iterator[Instance]:
    for name in COMPAS:
        for attribute, index in COMPAS_ATTRIBUTES.items():
            yield Instance(
                name=f"{name}-{attribute}",
                build=partial(_identical_but, _existing(folder / f"{name}.nnet"), index, "all"),
                epsilon=0.0,
                metric="l_inf",
                factors=MappingProxyType({"network": name, "pairs": f"all but {attribute} equal"}),
                known=_exact(expected[name][attribute]["delta_max"]),
            )
        within = expected[name]["race_free_and_priors_within"]
        # Within 0 is the instance of race.
        for reach in [int(k) for k in within if int(k)] if full else REACHES:
            yield Instance(
                name=f"{name}-race-priors-{reach}",
                build=partial(_priors_within, _existing(folder / f"{name}.nnet"), reach),
                epsilon=float(reach),
                metric="l_inf",
                factors=MappingProxyType({"network": name, "pairs": f"race, priors within {reach}"}),
                known=_exact(within[str(reach)]),
            )


def _exact(value: float) -> Known:
    return Known(value - _ORIGINALS, value + _ORIGINALS, source="all pairs compared, expected.json")


def _box_instances(folder: Path, expected: Any) -> Iterator[Instance]:
    for name, attribute, index in BOX:
        known = expected[f"{name}/{attribute}"]
        yield Instance(
            name=f"{name}-{attribute}",
            build=partial(_identical_but, _existing(folder / f"{name}.nnet"), index, (index,)),
            epsilon=0.0,
            metric="l_inf",
            factors=MappingProxyType({"network": name, "pairs": f"all but {attribute} equal"}),
            known=Known(
                float(known["lower"]),
                float(known["upper"]),
                proven=False,
                source="real pair and bound of a solver, expected.json",
            ),
        )


def _problem_instances(folder: Path, content: Any) -> Iterator[Instance]:
    names = tuple(content["feature_order"])
    for entry in content["problems"]:
        weights = tuple(float(weight) for weight in entry["weights"])
        problem = _Problem(
            entry["file"],
            tuple((float(low), float(high)) for low, high in entry["box"]),
            weights,
            float(entry["epsilon"]),
            entry["real_pair_reaches"],
            entry["prototype_upper"],
            free=weights[names.index("B")] == 0,
        )
        network = problem.file.removesuffix(".onnx")
        pairs = "B free" if problem.free else "B weighted"
        yield Instance(
            name=problem.name,
            build=partial(_weighted, _existing(folder / problem.file), problem, names),
            epsilon=problem.epsilon,
            metric="l_2",
            factors=MappingProxyType({"network": network, "pairs": pairs}),
            known=problem.known,
        )


def _identical_but(path: Path, index: int, integer: str | Sequence[int]) -> Question:
    """Ask about pairs that agree in every input but one."""
    network = read_network(path, output_activation="sigmoid")
    weights = np.ones(network.n_inputs)
    weights[index] = 0.0
    return Question(
        network,
        Domain.from_network(network, integer=integer),
        metric("weighted-lp", p="inf", weights=weights),
        0.0,
    )


def _priors_within(path: Path, reach: int) -> Question:
    """Ask about pairs that may differ in race and, by at most `reach`, in priors."""
    network = read_network(path, output_activation="sigmoid")
    # Any other change is of at least 1: this weight puts it outside of every ball asked about.
    weights = np.full(network.n_inputs, 100.0)
    weights[COMPAS_ATTRIBUTES["race"]] = 0.0
    weights[_PRIORS] = 1.0
    return Question(
        network,
        Domain.from_network(network, integer="all"),
        metric("weighted-lp", p="inf", weights=weights),
        float(reach),
    )


def _weighted(path: Path, problem: _Problem, names: tuple[str, ...]) -> Question:
    """Ask one question of problems.json; box and metric are in the coordinates of the file's inputs."""
    network = replace(read_network(path), feature_names=names)
    low, high = np.array(problem.box).T
    domain = Domain.from_box(low, high, feature_names=names)
    return Question(network, domain, metric("weighted-lp", p=2, weights=problem.weights), problem.epsilon)
