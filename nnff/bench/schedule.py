"""From a suite and the user's choices to an ordered list of runs.

What is compared must not be compared at different times: machines warm up, slow down and get visitors.
So all contenders (backend and strategy) run one instance right after each other before the next
instance begins, all instances once before the next seed, and who begins changes every time.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from nnff.bench.record import RunSpec
from nnff.certification import STRATEGIES
from nnff.certification.certificate import Strategy
from nnff.errors import ConfigError, SolverUnavailableError, UnknownNameError
from nnff.plugin import Kind, plugin_manager
from nnff.solver.load import solver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from nnff.bench.instance import Instance
    from nnff.bench.suite import Suite

__all__ = ["Choices", "chosen_instances", "contenders", "rotation", "schedule", "solver_troubles"]


@dataclass(frozen=True)
class Choices:
    """What the user asks for; None leaves it to the suite.

    Attributes
    ----------
    backends, strategies, seeds
        Each instance is run with every combination.
    instances
        Patterns as in file names (``*``, ``?``); an instance is run if one of them fits.
    time_limit, threads, gap
        Of every run.
    memory_limit
        Bytes of address space of a run, or None.
    full
        Whether the suite was asked for its whole grid.
    control
        Whether the suite's control runs are made.
    """

    backends: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    instances: tuple[str, ...] | None = None
    time_limit: float | None = None
    threads: int | None = None
    gap: float | None = None
    memory_limit: int | None = None
    full: bool = False
    control: bool = True

    def __post_init__(self) -> None:
        for what, values in (
            ("solver", self.backends),
            ("strategy", self.strategies),
            ("seed", self.seeds),
            ("instance", self.instances),
        ):
            if values is not None and not values:
                raise ConfigError(f"the list of {what} names is empty; name at least one or leave it out")
        for what, number in (("time limit", self.time_limit), ("memory limit", self.memory_limit)):
            if number is not None and not (math.isfinite(number) and number > 0):
                raise ConfigError(f"the {what} is {number}; it must be a positive number")
        if self.gap is not None and not (math.isfinite(self.gap) and self.gap >= 0):
            raise ConfigError(f"the gap is {self.gap}; it must be a finite number that is not negative")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; it must be at least 1")


def solver_troubles() -> dict[str, str]:
    """Return for every solver plugin why it cannot be used here, ``""`` if it can, sorted by name.

    A plugin that is broken must not keep the others from being compared.
    """
    troubles: dict[str, str] = {}
    for name in plugin_manager().found(Kind.SOLVER):
        try:
            usable = solver(name).availability()
            troubles[name] = "" if usable else usable.reason or "it says that it is not available"
        except Exception as error:  # noqa: BLE001 - third-party code fails in any way; the caller reports it
            troubles[name] = str(error) or type(error).__name__
    return troubles


def contenders(suite: Suite, choices: Choices) -> tuple[tuple[str, str], ...]:
    """Return what every instance is run with: pairs of strategy and backend.

    The backend is ``""`` for a strategy that needs none.

    Raises
    ------
    UnknownNameError
        For a strategy or a solver that does not exist.
    SolverUnavailableError
        For a solver that is named and cannot be used, or if there is none at all.
    """
    strategies = tuple(dict.fromkeys(choices.strategies or suite.strategies))
    for strategy in strategies:
        if strategy not in STRATEGIES:
            raise UnknownNameError("strategy", strategy, STRATEGIES)
    if all(strategy == Strategy.EXHAUSTIVE for strategy in strategies):
        return tuple((strategy, "") for strategy in strategies)
    named = choices.backends or suite.backends
    if named is None:
        backends = tuple(name for name, trouble in solver_troubles().items() if not trouble)
    else:
        backends = tuple(dict.fromkeys(named))
    for backend in named or ():
        usable = solver(backend).availability()
        if not usable:
            raise SolverUnavailableError(
                f"the solver {backend!r} cannot be used: {usable.reason} ({usable.hint}); or name "
                "others with --solvers"
            )
    if not backends:
        raise SolverUnavailableError("there is no solver that can be used here; see `nnff plugins`")
    pairs: list[tuple[str, str]] = []
    for strategy in strategies:
        needs_none = strategy == Strategy.EXHAUSTIVE
        pairs += [(strategy, "")] if needs_none else [(strategy, backend) for backend in backends]
    return tuple(pairs)


def schedule(suite: Suite, choices: Choices) -> tuple[RunSpec, ...]:
    """Return the runs in the order in which they are to be made.

    The suite's control instance, if it is among the chosen ones, is run again and again over
    the whole time, from the first run to the last, with the first contender and seed.

    Parameters
    ----------
    suite
        The suite, made with the same `Choices.full`.
    choices
        What to run of it.

    Raises
    ------
    UnknownNameError
        For an instance, a strategy or a solver that does not exist.
    SolverUnavailableError
        For a solver that is named and cannot be used.
    """
    runners = contenders(suite, choices)
    instances = chosen_instances(suite, choices.instances)
    seeds = tuple(dict.fromkeys(choices.seeds or suite.seeds))
    suitable = [_suitable(instance, runners) for instance in instances]
    runs = []
    for turn, seed in enumerate(seeds):
        # Each set of contenders takes turns on its own: leaving one out of a common
        # rotation would let the one behind it begin twice as often.
        places: Counter[tuple[tuple[str, str], ...]] = Counter()
        for instance, own in zip(instances, suitable, strict=True):
            first = rotation(places[own], turn, suitable.count(own), len(own)) if own else 0
            places[own] += 1
            order = own[first:] + own[:first]
            runs += [_spec(suite, choices, instance, runner, seed) for runner in order]
    control = [instance for instance in instances if instance.name == suite.control]
    if not (control and choices.control):
        return tuple(runs)
    repeats = [
        _spec(suite, choices, control[0], runner, seeds[0], role="control", repeat=number)
        for runner in _suitable(control[0], runners)[:1]
        for number in range(suite.control_repeats)
    ]
    return tuple(_spread(runs, repeats))


def rotation(place: int, turn: int, places: int, runners: int) -> int:
    """Return who begins at the instance number `place` in the pass number `turn`.

    One after the other begins, so that all do equally often, up to one time.  Where
    the number of instances would make the same ones begin at an instance again and again, the whole
    row moves on after each full round: that costs no balance, because a full round is balanced.
    """
    full_round = runners // math.gcd(places, runners)
    return (turn * places + place + turn // full_round) % runners


def _suitable(instance: Instance, runners: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return those of the contenders, in their order, whose strategy can be asked this question."""
    return tuple(
        runner for runner in runners if instance.strategies is None or runner[0] in instance.strategies
    )


def chosen_instances(suite: Suite, patterns: Sequence[str] | None) -> tuple[Instance, ...]:
    """Return the instances whose names fit one of the patterns (``*``, ``?``), in order; None: all.

    Raises
    ------
    UnknownNameError
        For a pattern that fits no name.
    """
    if patterns is None:
        return suite.instances
    names = [instance.name for instance in suite.instances]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownNameError(f"instance of the suite {suite.name!r}", pattern, names)
    return tuple(
        instance
        for instance in suite.instances
        if any(fnmatchcase(instance.name, pattern) for pattern in patterns)
    )


def _spec(
    suite: Suite, choices: Choices, instance: Instance, runner: tuple[str, str], seed: int, **role: Any
) -> RunSpec:
    strategy, backend = runner
    return RunSpec(
        suite=suite.name,
        full=choices.full,
        instance=instance.name,
        strategy=strategy,
        backend=backend,
        seed=seed,
        threads=suite.threads if choices.threads is None else choices.threads,
        time_limit=suite.time_limit if choices.time_limit is None else choices.time_limit,
        gap=suite.gap if choices.gap is None else choices.gap,
        delta=instance.delta,
        memory_limit=choices.memory_limit,
        **role,
    )


def _spread(runs: Sequence[RunSpec], repeats: Sequence[RunSpec]) -> list[RunSpec]:
    """Put the repeats among the runs at equal distances, one at either end."""
    order: list[RunSpec] = []
    taken = 0
    for number, repeat in enumerate(repeats):
        share = number / (len(repeats) - 1) if len(repeats) > 1 else 0.5
        upto = round(share * len(runs))
        order += [*runs[taken:upto], repeat]
        taken = upto
    return [*order, *runs[taken:]]
