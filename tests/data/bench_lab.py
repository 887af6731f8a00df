"""A plugin for tests of benchmarks: small instances, and solvers and instances that misbehave."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from nnff import Domain, Layer, Network, metric
from nnff.bench import Instance, Known, Question, Suite
from nnff.errors import DataError
from nnff.plugin import PluginSpec, hookimpl
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    Limit,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff.solver.load import solver


@hookimpl
def nnff_benchmark_suites():
    return [
        PluginSpec("lab", "bench_lab:lab", "everything that can go wrong"),
        PluginSpec("lab-pair", "bench_lab:pair", "two instances that are solved at once"),
    ]


@hookimpl
def nnff_solvers():
    classes = (Dies, Killed, Exits, Eats, Full, Lies, Raises, Shouts, Hangs, Seedless)
    return [PluginSpec(made.name, f"bench_lab:{made.__name__}", "misbehaves") for made in classes]


class Fake(SolverBackend):
    capabilities = frozenset(Capability) - {Capability.LP_SESSION}

    @classmethod
    def availability(cls):
        return Availability(available=True)

    def version(self):
        return "1"

    def answer(self, termination, bound=-np.inf, **facts):
        return SolveResult(termination, self.name, "1", bound=bound, bound_origin=BoundOrigin.API, **facts)


class Dies(Fake):
    name = "lab-dies"

    def solve(self, problem, options, start=None, control=None):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Fake):
    name = "lab-killed"

    def solve(self, problem, options, start=None, control=None):
        os.kill(os.getpid(), signal.SIGKILL)


class Exits(Fake):
    name = "lab-exits"

    def solve(self, problem, options, start=None, control=None):
        print("something before\nmy last words", file=sys.stderr, flush=True)
        os._exit(3)


class Eats(Fake):
    """Takes memory until there is no more; only to be used under a limit."""

    name = "lab-eats"

    def solve(self, problem, options, start=None, control=None):
        greedy()
        return self.answer(Termination.OPTIMAL)


class Full(Fake):
    name = "lab-full"

    def solve(self, problem, options, start=None, control=None):
        return self.answer(Termination.LIMIT, limit=Limit.MEMORY, raw_status="memory limit")


class Lies(Fake):
    """Claims that no two outputs differ."""

    name = "lab-lies"

    def solve(self, problem, options, start=None, control=None):
        return self.answer(Termination.OPTIMAL, bound=-1e-6)


class Raises(Fake):
    name = "lab-raises"

    def solve(self, problem, options, start=None, control=None):
        raise RuntimeError("the licence has expired")


class Shouts(Fake):
    """Writes to the descriptors themselves, as C code does."""

    name = "lab-shouts"

    def solve(self, problem, options, start=None, control=None):
        os.write(1, b"a banner\n")
        os.write(2, b"a complaint\n")
        return solver("highs").solve(problem, options, start, control)


class Hangs(Fake):
    """Does not come back, and tells where it is."""

    name = "lab-hangs"

    def solve(self, problem, options, start=None, control=None):
        (options.log_path.parent / "pid").write_text(str(os.getpid()))
        while True:
            time.sleep(1)


class Seedless(Fake):
    name = "lab-seedless"
    capabilities = Fake.capabilities - {Capability.SEED}

    def solve(self, problem, options, start=None, control=None):
        self.check(problem, options, start)


def question(width=6, *, integer=(), data=False):
    """Ranges alone do not answer it: the solver is asked."""
    rng = np.random.default_rng(1)
    network = Network(
        (
            Layer(2 * rng.normal(size=(width, 2)), rng.normal(size=width), "relu"),
            Layer(rng.normal(size=(1, width)), [0.0]),
        )
    )
    domain = Domain.from_box([-2, -2], [2, 2], integer=integer)
    rows = rng.uniform(-1, 1, (5, 2)) if data else None
    return Question(network, domain, metric("weighted-lp", p=1), 1.0, data=rows)


def sleepy():
    time.sleep(0.3)
    return question(data=True)


def stuck():
    time.sleep(1000)


def greedy():
    # Ten gigabytes of addresses; no memory is touched.
    return [np.empty(100 * 2**20, dtype=np.uint8) for _ in range(100)]


def broken():
    raise ValueError("no such layer")


def nodata():
    raise DataError("the data set is not here")


def extra(asked):
    return {"inputs": asked.network.n_inputs, "nothing": float("nan"), "much": float("inf")}


def failing(_asked):
    raise ArithmeticError("one over nothing")


def crashing(_asked):
    os.kill(os.getpid(), signal.SIGSEGV)


def lab(*, full):
    def make(name, build=question, delta=None, **more):
        return Instance(name, build, 1.0, "l_1", {"width": 6}, delta=delta, **more)

    known = Known(0.0, 100.0, source="thin air")
    instances = (
        make("net", known=known),
        make("sleepy", sleepy, extra=extra),
        make("grid", lambda: question(integer="all")),
        make("certified", delta=50.0),
        make("violated", delta=0.0),
        make("stuck", stuck),
        make("greedy", greedy),
        make("broken", broken),
        make("nodata", nodata),
        make("extra-fails", extra=failing),
        make("extra-crashes", extra=crashing),
        *([make("more")] if full else []),
    )
    return Suite("lab", "everything", instances, ("highs",), seeds=(0,), control="net", control_repeats=2)


def pair(*, full):
    instances = tuple(
        Instance(f"net-{width}", lambda width=width: question(width), 1.0, "l_1", {"width": width})
        for width in (3, 4)
    )
    return Suite(
        "lab-pair", "two", instances, ("highs", "cbc"), seeds=(0, 1), control="net-3", control_repeats=2
    )
