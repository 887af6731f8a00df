"""The certificate as a document: schema, round trip, sentence."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from nnff.certification import Certificate, certify
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.similarity import metric

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "certificate.schema.json"


@pytest.fixture(scope="module")
def certificate():
    network = Network((Layer([[2.0, -1.0]], [0.0], "sigmoid"),))
    return certify(
        network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=1), 0.2, delta=0.5, time_limit=20
    )


def test_the_published_schema_is_current():
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert published == Certificate.model_json_schema(mode="serialization"), (
        "regenerate it with `python docs/reference/generate.py`"
    )


def test_certificates_validate_against_the_published_schema(certificate):
    jsonschema.validate(json.loads(certificate.to_json()), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_what_the_user_looks_for_is_at_the_top_level(certificate):
    top = json.loads(certificate.to_json())
    assert {"delta_lower", "delta_upper", "verdict", "reason", "seconds"} <= top.keys()
    assert top["verdict"] == "certified"


def test_json_round_trip_is_equal(certificate):
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_infinite_bounds_survive_json(certificate):
    unbounded = certificate.model_copy(update={"delta_upper": float("inf"), "gap": float("inf")})
    assert Certificate.from_json(unbounded.to_json()) == unbounded


def test_write_leaves_no_part_behind(certificate, tmp_path):
    path = tmp_path / "certificate.json"
    certificate.write(path)
    assert Certificate.from_json(path.read_text(encoding="utf-8")) == certificate
    assert [p.name for p in tmp_path.iterdir()] == ["certificate.json"]


def test_the_witness_as_a_table(certificate):
    frame = certificate.witness.to_frame()
    assert list(frame.index) == ["x0", "x1", "output"]
    assert frame.loc["output", "difference"] == pytest.approx(certificate.delta_lower)
