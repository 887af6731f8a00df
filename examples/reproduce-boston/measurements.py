"""What is measured: the founding paper's searches on its own model, by three definitions of delta.

Every number is in 1000 USD, the range of the model is 45.  Data pairs are the 1,092 similar pairs of the
506 rows at epsilon .3; the certified delta is over all pairs in the box of the data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.datasets import load_dataset
from nnff.processing import SensitiveResampler
from nnff.search import (
    Anneal,
    CertifiedDelta,
    Neighbourhood,
    PairDelta,
    Restart,
    Stop,
    algorithm_1,
    best_start,
    random_search,
    simulated_gradient,
)
from nnff_suites.founding import (
    boston_rows,
    founding_columns,
    founding_models,
    founding_question,
    standard_normal_draws,
)
from nnff_suites.founding_search import DEFINITIONS, founding_delta

if TYPE_CHECKING:
    from nnff.search import Delta

SENSITIVE = "B"
PARAMETERS = 14


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    draws, epochs
        20 and 20 in the paper.
    seeds
        Repetitions where luck decides.
    grid
        Points per side of a landscape.
    epsilons
        Of the curves.
    accuracies
        Each lambda of co-tuning.
    """

    draws: int = 20
    epochs: int = 20
    seeds: int = 30
    grid: int = 81
    epsilons: tuple[float, ...] = tuple(k / 100 for k in range(10, 50))
    accuracies: tuple[float, ...] = (0.9, 0.75, 0.5, 0.25, 0.0)


class Lab:
    """The problem, the rows and the three deltas, made once."""

    def __init__(self, epsilon: float = 0.3) -> None:
        question = founding_question(founding_models()[0], epsilon)
        self.problem = question.problem()
        self.rows = np.array(boston_rows())
        self.target = load_dataset("boston").target.to_numpy()
        self.deltas: dict[str, Delta] = {
            name: founding_delta(name, self.problem, self.rows) for name in DEFINITIONS
        }

    def all_three(self, parameters: Any) -> dict[str, float]:
        """Return delta by each definition."""
        return {name: delta.value(np.asarray(parameters)) for name, delta in self.deltas.items()}

    def r2(self, parameters: Any, rows: Any = slice(None)) -> float:
        """Return the coefficient of determination, on all rows or some."""
        y = self.target[rows]
        error = y - self.deltas["pairs"].network(parameters).predict(self.rows[rows])
        return 1 - float(error @ error) / float(((y - y.mean()) ** 2).sum())


def vector(model: Any) -> Any:
    """Return (w, b) of a founding model, shape (14,)."""
    return np.array([*model.weight, model.bias])


def sorted_draws(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Measure the draws of the suite `boston`, and how far luck moves the least and largest of as many."""
    draws = [vector(model) for model in standard_normal_draws(effort.draws)]
    result: dict[str, Any] = {}
    for name, delta in lab.deltas.items():
        ends = np.array(
            [
                random_search(
                    delta, PARAMETERS, draws=effort.draws, rng=np.random.default_rng(1000 + seed)
                ).deltas[[0, -1]]
                for seed in range(effort.seeds)
            ]
        )
        result[name] = {
            "sorted": sorted((delta.value(parameters) for parameters in draws), reverse=True),
            "least of other draws": np.quantile(ends[:, 0], [0, 0.5, 1]).tolist(),
            "largest of other draws": np.quantile(ends[:, 1], [0, 0.5, 1]).tolist(),
        }
    best = min(draws, key=lab.deltas["sawtooth"].value)
    result["best by the sawtooth"] = {**lab.all_three(best), "r2": lab.r2(best)}
    return result


def curves(effort: Effort) -> dict[str, Any]:
    """Measure the first three draws over epsilon."""
    draws = [vector(model) for model in standard_normal_draws(3)]
    found: dict[str, list[list[float]]] = {name: [[], [], []] for name in DEFINITIONS}
    for epsilon in effort.epsilons:
        lab = Lab(epsilon)
        for name, delta in lab.deltas.items():
            for k, parameters in enumerate(draws):
                found[name][k].append(delta.value(parameters))
    return {"epsilons": list(effort.epsilons), **found}


def descents(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Run Algorithm 3 from the paper's first model and from the best draw, without and with resampling."""
    result: dict[str, Any] = {}
    first = vector(founding_models()[0])
    for name, delta in lab.deltas.items():
        best = random_search(delta, PARAMETERS, draws=effort.draws, rng=np.random.default_rng(20)).best
        for start, parameters in (("first model", first), ("best draw", best)):
            result[f"{name}, {start}"] = _told(
                lab, simulated_gradient(delta, parameters, epochs=effort.epochs)
            )
    for name in ("sawtooth", "pairs"):
        for how, sampler in samplers(seed=0).items():
            found = algorithm_1(
                lab.problem,
                lab.rows,
                rng=np.random.default_rng(20),
                sampler=sampler,
                draws=effort.draws,
                epochs=effort.epochs,
                measure=lambda problem, rows, name=name: founding_delta(name, problem, rows),
            )
            result[f"{name}, best draw, {how}"] = {
                **_told(lab, found.descent),
                "before": vars(found.before),
                "after": vars(found.after),
                "pairs left": len(PairDelta(lab.problem, found.rows).first),
            }
    return result


def samplers(seed: int) -> dict[str, Any]:
    """Return Algorithm 2, its control and Algorithm 2 with constraints."""
    column = founding_columns().index(SENSITIVE)
    return {
        "resampled": SensitiveResampler(column, random_state=seed),
        "drawn evenly": _Evenly(seed),
        "resampled, at most 2 copies, 5 strata": SensitiveResampler(
            column, max_copies=2, strata=5, random_state=seed
        ),
    }


class _Evenly:
    """The control: as many rows drawn with replacement, each with the same probability."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803 - scikit-learn's name
        drawn = self.rng.integers(0, len(X), len(X))
        return X[drawn], y[drawn]


def _told(lab: Lab, descent: Any) -> dict[str, Any]:
    best = descent.best
    return {
        "deltas": list(descent.deltas),
        "stopped": descent.stopped,
        "best epoch": best.number,
        "start by": lab.all_three(descent.epochs[0].parameters),
        "best by": lab.all_three(best.parameters),
        "r2": lab.r2(best.parameters),
    }


def how_descents_end(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Repeat Algorithm 3 from the best of other draws: how often it jumps, and when it is best."""
    result = {}
    for name, delta in lab.deltas.items():
        found = []
        for seed in range(effort.seeds):
            rng = np.random.default_rng(1000 + seed)
            best = random_search(delta, PARAMETERS, draws=effort.draws, rng=rng).best
            found.append(simulated_gradient(delta, best, epochs=effort.epochs))
        jumped = [descent.epochs[-1].number for descent in found if descent.stopped == "jump"]
        result[name] = {
            "descents": len(found),
            "jumped": len(jumped),
            "median epoch of the jump": float(np.median(jumped)) if jumped else None,
            "never below the start": sum(descent.best.number == 0 for descent in found),
            "median start": float(np.median([descent.deltas[0] for descent in found])),
            "median best": float(np.median([descent.best.delta for descent in found])),
        }
    return result


def improvement(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Measure 'about 60 % against one random draw': the mean draw, the best draw, and Algorithm 3 after it.

    What is lowered is one definition, what is measured all three.
    """
    one = {name: [] for name in DEFINITIONS}
    steps: dict[str, dict[str, list[dict[str, float]]]] = {
        name: {"best draw": [], "then Algorithm 3": []} for name in DEFINITIONS
    }
    for seed in range(effort.seeds):
        for name, delta in lab.deltas.items():
            rng = np.random.default_rng(1000 + seed)
            draws = random_search(delta, PARAMETERS, draws=effort.draws, rng=rng)
            one[name].append(float(draws.deltas.mean()))
            best = simulated_gradient(delta, draws.best, epochs=effort.epochs).best.parameters
            for step, parameters in (("best draw", draws.best), ("then Algorithm 3", best)):
                steps[name][step].append({**lab.all_three(parameters), "r2": lab.r2(parameters)})
    means = {name: float(np.mean(values)) for name, values in one.items()}
    return {
        "one draw": means,
        **{
            name: {
                step: {key: float(np.mean([each[key] for each in found])) for key in found[0]}
                for step, found in by_step.items()
            }
            for name, by_step in steps.items()
        },
    }


def landscapes(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Evaluate delta on two planes through the paper's first model: (all of w, b) and (w of LSTAT, b)."""
    center = vector(founding_models()[0])
    column = founding_columns().index("LSTAT")
    along = np.zeros(PARAMETERS)
    along[column] = 1.0
    whole = np.append(center[:-1], 0.0)
    planes: dict[str, Any] = {}
    for title, origin, direction, reach in (
        ("factor on w", center - whole, whole, (-2.0, 2.0)),
        ("w of LSTAT", center - center[column] * along, along, (-4.0, 4.0)),
    ):
        first = np.linspace(*reach, effort.grid)
        bias = np.linspace(-6.0, 6.0, effort.grid)
        planes[title] = {
            "first": first,
            "bias": bias,
            "at": (1.0 if direction is whole else center[column], center[-1]),
        }
        for name, delta in lab.deltas.items():
            values = np.empty((effort.grid, effort.grid))
            for j, factor in enumerate(first):
                for i, b in enumerate(bias):
                    parameters = origin + factor * direction
                    parameters[-1] = b
                    values[i, j] = delta.value(parameters)
            planes[title][name] = values
    return planes


def gradients(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Compare central differences of the closed form with one certificate per step."""
    start = vector(founding_models()[0])
    result = {}
    for name, delta, how in (
        ("central differences of the closed form", lab.deltas["certified"], "central"),
        ("one certificate's witness pair", CertifiedDelta(lab.problem), "witness"),
    ):
        began = time.perf_counter()
        descent = simulated_gradient(delta, start, epochs=effort.epochs, gradient=how)
        result[name] = {
            "deltas": list(descent.deltas),
            "values": descent.evaluations,
            "seconds": time.perf_counter() - began,
            "best by": lab.all_three(descent.best.parameters),
        }
    return result


def remedies(lab: Lab, effort: Effort) -> dict[str, Any]:
    """Try what the paper's authors asked for, one at a time, on the exact data pairs and on the sawtooth."""
    ways: dict[str, dict[str, Any]] = {
        "as in the paper": {},
        "restart on a jump": {"after_jump": Restart(draws=effort.draws)},
        "anneal on a jump": {"after_jump": Anneal()},
        "best of 9 directions": {"neighbourhood": Neighbourhood(8)},
        "steps of at most .1": {"longest_step": 0.1},
        "three starts": {},
    }
    result: dict[str, Any] = {}
    for name in ("sawtooth", "pairs", "certified"):
        delta = lab.deltas[name]
        for way, settings in ways.items():
            ends, jumps, cost = [], 0, 0
            for seed in range(max(1, effort.seeds // 3)):
                rng = np.random.default_rng(1000 + seed)
                draws = random_search(delta, PARAMETERS, draws=effort.draws, rng=rng)
                starts = draws.parameters[: 3 if way == "three starts" else 1]
                found = [
                    simulated_gradient(
                        delta, start, epochs=effort.epochs, rng=rng, **{"after_jump": Stop(), **settings}
                    )
                    for start in starts
                ]
                best = best_start(found)
                ends.append({**lab.all_three(best.best.parameters), "r2": lab.r2(best.best.parameters)})
                jumps += best.stopped == "jump"
                cost += sum(descent.evaluations for descent in found)
            result[f"{name}, {way}"] = {
                **{key: float(np.mean([end[key] for end in ends])) for key in ends[0]},
                "stopped by a jump": jumps,
                "of": len(ends),
                "values of delta": cost / len(ends),
            }
    return result
