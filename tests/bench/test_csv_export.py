"""One flat row per run, every scalar in it, in an order that does not hang on the runs."""

from __future__ import annotations

import io
import json
import math

import pandas as pd
import pytest

from nnff.bench.csv_export import csv_text, write_csv
from nnff.bench.record import Outcome, RunRecord, RunSpec, Sizes


@pytest.fixture
def records(run):
    return [
        run(
            1.5,
            solver_options={"presolve": "off"},
            phases={"solve": 1.25, "odd": 0.1, "start": 0.25},
            factors={"width": 4.0, "activation": "tanh"},
            extra={"sawtooth": 6.68},
            sizes=Sizes(rows=7),
            nodes=3,
            detail='a "quoted", broken\nline',
            environment={"jobs": 1},
        ),
        run(20, Outcome.OPEN, seed=1, delta=0.5, lower=0, upper=math.inf, phases={"read": 1.0}),
    ]


def read(records):
    return pd.read_csv(io.StringIO(csv_text(records)), keep_default_na=False, dtype=str)


def test_every_field_of_the_record_is_there(records):
    frame = read(records)
    first = records[0]
    spread_out = {"spec", "sizes", "bracket", "phases", "factors", "extra"}
    for name in set(RunRecord.model_fields) - spread_out - {"solver_applied", "environment"}:
        value = getattr(first, name)
        assert frame[name][0] == ("" if value is None else str(value)), name
    for name in set(RunSpec.model_fields) - {"gap", "delta", "solver_options"}:
        value = getattr(first.spec, name)
        assert frame[name][0] == ("" if value is None else str(value)), name
    assert frame["rows"][0] == "7"
    assert json.loads(frame["solver_options"][0]) == {"presolve": "off"}
    assert json.loads(frame["environment"][0]) == {"jobs": 1}


def test_what_was_asked_and_what_came_of_it_have_different_names(records):
    frame = read(records)
    assert frame["gap_asked"].tolist() == ["0.01", "0.01"]
    assert frame["gap"].tolist() == ["0.0", "inf"]
    assert frame["delta_asked"].tolist() == ["", "0.5"]
    assert len(set(frame.columns)) == len(frame.columns)


def test_phases_factors_and_further_numbers_have_columns_and_gaps_are_empty(records):
    frame = read(records)
    found = [name for name in frame if name.startswith(("phase_", "factor_", "extra_"))]
    # Phases in the order in which they happen, what is not known by name.
    assert found == [
        *("phase_start", "phase_read", "phase_solve", "phase_odd"),
        *("factor_activation", "factor_width", "extra_sawtooth"),
    ]
    assert frame["phase_solve"].tolist() == ["1.25", ""]
    assert frame["factor_activation"].tolist() == ["tanh", ""]


def test_columns_do_not_depend_on_the_order_of_the_runs(records):
    assert list(read(records)) == list(read(records[::-1]))


def test_numbers_survive(records):
    record = records[0].model_copy(update={"delta_upper": 0.1 + 0.2})
    assert float(read([record])["delta_upper"][0]) == 0.1 + 0.2


def test_no_runs_give_the_head_alone():
    lines = csv_text([]).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("suite,full,instance,strategy,backend,seed,")


def test_the_file_is_written_whole(records, tmp_path):
    path = tmp_path / "runs.csv"
    write_csv(records, path)
    assert path.read_text(encoding="utf-8") == csv_text(records)
    assert [file.name for file in tmp_path.iterdir()] == ["runs.csv"]
