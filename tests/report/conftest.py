"""Certificates made by hand, and the parts of an HTML page that tests ask for."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from nnff.bench.record import Outcome, RunRecord, RunSpec
from nnff.certification.certificate import (
    Certificate,
    DomainRecord,
    EncodingRecord,
    MetricRecord,
    ModelRecord,
    Reason,
    SolverRun,
    Trust,
    Verdict,
    Witness,
)
from nnff.certification.curve import Curve

NAMES = ("age", "income", "score", "B")
VOID = {"meta", "br", "path", "rect", "polyline", "circle", "line"}


class Page(HTMLParser):
    """A page as its tests see it; refuses tags that are not balanced."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.stack, self.problems, self.ids = [], [], []
        self.tags, self.numbers, self.words = [], [], []
        self._number = None
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> never closed" for tag in self.stack]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def visible(self):
        """All numbers with an exact value: (exact, text)."""
        return dict(self.numbers)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if len(given) != len(attrs):
            self.problems.append(f"<{tag}> repeats an attribute")
        self.tags.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "data":
            self._number = given["value"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "style":
            return
        if self._number is not None:
            self.numbers.append((self._number, data))
            self._number = None
        self.words.append(data)


def make_witness(**changes):
    facts = {
        "feature_names": list(NAMES),
        "x1": [40.0, 50000.0, 0.25, 0.0],
        "x2": [41.0, 50000.003, 0.25, 1.0],
        "output1": 10.125,
        "output2": 14.0625,
        "distance": 0.09999,
        "origin": "attack",
        "replayed": True,
    }
    return Witness(**(facts | changes))


def make_run(**changes):
    facts = {
        "round": 1,
        "solver": "highs",
        "version": "1.16.0",
        "termination": "limit",
        "limit": "time",
        "raw_status": "kTimeLimit",
        "delta_bound": 4.1254321,
        "delta_point": 3.9,
        "nodes": 1234,
        "seconds": 2.5,
        "options": {"mip_rel_gap": 0.0, "threads": 1},
    }
    return SolverRun(**(facts | changes))


def make_certificate(**changes):
    """Return a plausible certificate; every field can be changed."""
    names = list(changes.get("domain").feature_names) if "domain" in changes else list(NAMES)
    facts = {
        "verdict": None,
        "reason": Reason.GAP_CLOSED,
        "detail": "the gap .5 % is below 1 %",
        "epsilon": 0.1,
        "delta": None,
        "delta_lower": 3.9375,
        "delta_upper": 4.1254321,
        "delta_data": 1.3853694,
        "data_pairs": 30,
        "gap": 4.1254321 / 3.9375 - 1,
        "closed_form": 8.5,
        "strategy": "relational",
        "trust": Trust.SOLVER,
        "metric": MetricRecord(
            name="weighted-lp",
            distribution="nnff",
            parameters={"p": 2, "weights": [1.0, 1.0, 1.0, 0.0]},
            relation="outer",
            looseness=3e-4,
            center=[0.0] * len(names),
            scale=[10.0, 20000.0, 0.5, 1.0] if len(names) == len(NAMES) else [2.0] * len(names),
        ),
        "domain": DomainRecord(
            feature_names=names,
            lower=[0.0] * len(names),
            upper=[100000.0] * len(names),
            integer=["age"],
            immutable=[],
            points=None,
        ),
        "model": ModelRecord(
            source="models/boston.onnx",
            fingerprint="a" * 64,
            architecture="4-8-1 (sigmoid, identity)",
            output_name="house price in k$",
        ),
        "sensitive_features": ["B"],
        "encoding": EncodingRecord(
            rows=890, columns=353, integers=34, nonzeros=3051, cells=35, fingerprint="b" * 64
        ),
        "rounds": 1,
        "runs": [make_run()],
        "witness": make_witness(),
        "seconds": 6.75,
        "phases": {"attack": 0.25, "solve": 6.0},
        "bracket": [(0.1, 1.3853694, float("inf")), (0.2, 3.9375, 8.5), (2.0, 3.9375, 4.1254321)],
        "environment": {"python": "3.11.9", "nnff": "0.1.0"},
        "config": {"similarity": {"epsilon": 0.1}},
    }
    return Certificate(**(facts | changes))


def make_wide(count):
    """Return a certificate of `count` features, all but one of which differ."""
    names = [f"feature_{k}" for k in range(count)]
    domain = DomainRecord(
        feature_names=names,
        lower=[0.0] * count,
        upper=[1.0] * count,
        integer=[],
        immutable=[],
        points=None,
    )
    witness = make_witness(feature_names=names, x1=[0.5] * count, x2=[0.5 + 0.001 * k for k in range(count)])
    return make_certificate(domain=domain, witness=witness)


def make_curve(**changes):
    points = ((0.0, 1.0, 1.25), (0.1, 3.9375, 4.1254321), (0.3, 7.0, 9.5))
    return Curve.from_certificates(
        make_certificate(epsilon=e, delta_lower=low, delta_upper=high, **changes) for e, low, high in points
    )


def make_free(**changes):
    """Return the certificate at epsilon 0, where only B may move."""
    witness = make_witness(x2=[40.0, 50000.0, 0.25, 1.0], output2=12.125, distance=0.0)
    facts = {"epsilon": 0.0, "delta_lower": 2.0, "delta_upper": 2.0625, "delta_data": 0.0, "witness": witness}
    return make_certificate(**(facts | changes))


def make_frame(rows=60, seed=0):
    """Return data around the first input of the pair, with a target and unsorted columns."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "income": rng.normal(50000.0, 20000.0, rows),
            "age": rng.normal(40.0, 10.0, rows),
            "B": rng.integers(0, 2, rows).astype(float),
            "score": rng.normal(0.25, 0.5, rows),
            "target": rng.normal(size=rows),
        }
    )
    table.index = [f"person {k}" for k in range(rows)]
    return table


def make_bench_run(**changes):
    """Return one run of a benchmark; fields of the spec and of the record can be changed by name."""
    spec_facts = {
        "suite": "quick",
        "instance": "small",
        "strategy": "relational",
        "backend": "highs",
        "seed": 0,
        "time_limit": 20.0,
        "gap": 0.01,
    }
    spec = RunSpec(
        **{key: changes.pop(key, value) for key, value in spec_facts.items()}
        | {key: changes.pop(key) for key in list(changes) if key in RunSpec.model_fields}
    )
    lower, upper = changes.get("delta_lower", 2.0), changes.get("delta_upper", 2.01)
    seconds = changes.get("seconds", 1.25)
    facts = {
        "key": spec.key,
        "spec": spec,
        "outcome": Outcome.CLOSED,
        "metric": "l_2",
        "epsilon": 0.1,
        "delta_lower": lower,
        "delta_upper": upper,
        "gap": upper / lower - 1 if lower else float("inf"),
        "closed_form": 3 * lower,
        "seconds": seconds,
        "total_seconds": seconds + 0.5,
        "phases": {
            "start": 0.25,
            "read": 0.05,
            "encode": 0.1,
            "solve": 0.8 * seconds,
            "other": 0.1 + 0.2 * seconds,
        },
        "bracket": [
            (0.1 * seconds, 0.5 * lower, float("inf")),
            (0.4 * seconds, 0.9 * lower, 2 * upper),
            (seconds, lower, upper),
        ],
        "nodes": 120,
        "rounds": 2,
        "termination": "optimal",
        "solver_version": "1.16.0",
        "solver_applied": {"mip_rel_gap": 0.0, "threads": 1},
        "instance_fingerprint": f"{spec.instance} {spec.suite}",
        "started": "2026-01-02T03:04:05Z",
        "environment": {
            "machine": {"processor": "a processor", "cores": 2},
            "versions": {"nnff": "0.1.0"},
            "source": "c" * 64,
            "jobs": 1,
        },
    }
    return RunRecord(**(facts | changes))


def make_benchmark(backends=("highs", "cbc", "ortools"), instances=8, seeds=3):
    """Return the runs of a whole benchmark: the first backend is fastest, the last leaves something open."""
    rng = np.random.default_rng(1)
    runs = []
    for number in range(instances):
        delta = float(rng.lognormal(0.0, 1.5))
        hard = float(rng.lognormal(-1.0, 1.2))
        for place, backend in enumerate(backends):
            for seed in range(seeds):
                seconds = float(hard * (1 + 1.5 * place) * rng.lognormal(0.0, 0.1))
                stuck = place == len(backends) - 1 and place > 0 and number % 4 == 3
                runs.append(
                    make_bench_run(
                        instance=f"width {2 ** (number % 4 + 2)} eps {0.1 * (number // 4 + 1):.1f}",
                        backend=backend,
                        seed=seed,
                        outcome=Outcome.OPEN if stuck else Outcome.CLOSED,
                        delta_lower=delta * (1 - 0.002 * place),
                        delta_upper=delta * (1.4 if stuck else 1.004 + 0.001 * seed),
                        seconds=20.0 if stuck else seconds,
                        factors={"width": 2 ** (number % 4 + 2), "epsilon": 0.1 * (number // 4 + 1)},
                        epsilon=0.1 * (number // 4 + 1),
                        known_lower=0.99 * delta if number % 2 else None,
                        known_upper=1.1 * delta if number % 2 else None,
                        known_source="elsewhere" if number % 2 else "",
                    )
                )
    return runs


@pytest.fixture(scope="session")
def bench_run():
    return make_bench_run


@pytest.fixture(scope="session")
def benchmark_runs():
    return make_benchmark


@pytest.fixture
def page():
    return Page


@pytest.fixture
def certificate():
    return make_certificate


@pytest.fixture
def violated():
    return make_certificate(verdict=Verdict.VIOLATED, delta=2.0, reason=Reason.DECIDED)


@pytest.fixture
def witness():
    return make_witness


@pytest.fixture
def run():
    return make_run


@pytest.fixture
def wide():
    return make_wide


@pytest.fixture
def curve():
    return make_curve


@pytest.fixture
def free():
    return make_free


@pytest.fixture
def frame():
    return make_frame
